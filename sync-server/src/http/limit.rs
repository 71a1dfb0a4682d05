//! Rate limits: one bucket a user, or an address that is not signed in.

use super::edge::{Caller, Context};
use crate::config::Rate;
use crate::problem::{Code, Problem};
use axum::Router;
use axum::response::IntoResponse;
use http::{HeaderName, HeaderValue, Request};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::KeyExtractor;
use tower_governor::{GovernorError, GovernorLayer};
use uuid::Uuid;

/// How often buckets that are full again are forgotten.
const FORGET_EVERY: Duration = Duration::from_mins(1);

/// Limits a router's routes. Needs the [`edge`](super::edge) around it, and a runtime.
pub fn limited(router: Router, rate: Option<Rate>) -> Router {
    let Some(rate) = rate else { return router };
    let config = GovernorConfigBuilder::default()
        .period(rate.interval())
        .burst_size(rate.requests)
        .key_extractor(CallerKey)
        .finish();
    let Some(config) = config.map(Arc::new) else {
        return router;
    };
    // Ends with the layer: it holds the buckets weakly.
    let buckets = Arc::downgrade(&config);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(FORGET_EVERY).await;
            let Some(config) = buckets.upgrade() else {
                return;
            };
            config.limiter().retain_recent();
        }
    });
    let layer = GovernorLayer::new(config)
        .error_handler(move |error| refused(&error, rate).into_response());
    router.layer(layer)
}

fn refused(error: &GovernorError, rate: Rate) -> Problem {
    let GovernorError::TooManyRequests { wait_time, .. } = error else {
        return Problem::internal(error);
    };
    let wait = wait_time.saturating_add(1);
    let window = rate.per.as_secs().max(1);
    let quota = rate.requests;
    let problem = Problem::new(
        Code::RateLimited,
        format!("more than {rate} requests; wait {wait} s"),
    )
    .retry_after(wait);
    [
        (
            "ratelimit-policy",
            format!("\"caller\";q={quota};w={window}"),
        ),
        ("ratelimit", format!("\"caller\";r=0;t={wait}")),
        ("ratelimit-limit", quota.to_string()),
        ("ratelimit-remaining", "0".to_owned()),
        ("ratelimit-reset", wait.to_string()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, HeaderValue::from_str(&value).ok()?)))
    .fold(problem, |problem, (name, value)| {
        problem.with_header(HeaderName::from_static(name), value)
    })
}

/// Whose bucket a request takes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// A user's, on all devices together.
    User(Uuid),
    /// An address's; of IPv6 the /64 network, which one customer has.
    Address(IpAddr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CallerKey;

impl KeyExtractor for CallerKey {
    type Key = Bucket;

    fn name(&self) -> &'static str {
        "caller"
    }

    fn extract<T>(&self, request: &Request<T>) -> Result<Bucket, GovernorError> {
        let context = request
            .extensions()
            .get::<Arc<Context>>()
            .ok_or(GovernorError::UnableToExtractKey)?;
        Ok(match &context.caller {
            Caller::Known(identity) => Bucket::User(identity.user_id),
            Caller::Anonymous | Caller::Refused(_) => Bucket::Address(network(context.address)),
        })
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_customers_ipv6_network_is_one_bucket() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }
}
