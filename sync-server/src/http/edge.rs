//! The outermost layer: every request passes it once, and every answer leaves through it.
//!
//! It is one function rather than a stack of layers, because it is paid by every idle poll.

use super::access_log::AccessLine;
use super::metrics::Metrics;
use super::trace::{REQUEST_ID, Trace};
use crate::problem::{self, Problem};
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain_services::identity::Identity;
use domain_services::time::Ids;
use domain_services::user::TokenError;
use futures_util::FutureExt;
use http::header::{AUTHORIZATION, CACHE_CONTROL};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// What the edge needs to know.
pub struct Edge {
    /// Time and ids.
    pub ids: Ids,
    /// Who a bearer token belongs to.
    pub verify: Verify,
    /// How long a handler may take.
    pub request_timeout: Duration,
    /// Whether the last hop of `X-Forwarded-For` names the client.
    pub trust_forwarded_for: bool,
    /// Where requests are counted.
    pub metrics: Metrics,
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge").finish_non_exhaustive()
    }
}

/// Tells who a bearer token belongs to.
pub type Verify = Arc<dyn Fn(&str) -> Result<Arc<Identity>, TokenError> + Send + Sync>;

/// Who is calling, as far as the token tells.
#[derive(Debug, Clone)]
pub enum Caller {
    /// No token was sent.
    Anonymous,
    /// A verified one.
    Known(Arc<Identity>),
    /// A token that is not taken.
    Refused(TokenError),
}

/// What the edge knows of a request; handlers find it among its extensions.
#[derive(Debug, Clone)]
pub struct Context {
    /// Its ids.
    pub trace: Trace,
    /// Who is calling.
    pub caller: Caller,
    /// Where from.
    pub address: IpAddr,
}

impl Context {
    /// Who is signed in.
    #[must_use]
    pub fn user(&self) -> Option<Uuid> {
        match &self.caller {
            Caller::Known(identity) => Some(identity.user_id),
            Caller::Anonymous | Caller::Refused(_) => None,
        }
    }

    fn of(request: &Request, edge: &Edge) -> Self {
        Self {
            trace: Trace::of(request.headers(), &edge.ids),
            caller: caller(request.headers(), &edge.verify),
            address: address(request, edge.trust_forwarded_for),
        }
    }
}

/// See the module.
pub async fn handle(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let context = Arc::new(Context::of(&request, &edge));
    request.extensions_mut().insert(Arc::clone(&context));
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();

    let mut response = run(request, next, edge.request_timeout).await;
    if let Some(problem) = problem::of(&mut response) {
        report(&problem, &context.trace);
        response = rendered(&problem, &context.trace, &response);
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, context.trace.request_id.clone());
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));

    let route = route.as_ref().map_or("(none)", MatchedPath::as_str);
    let took = started.elapsed();
    let status = response.status().as_u16();
    edge.metrics.count(&method, route, status, took);
    AccessLine {
        request_id: context.trace.request_id.to_str().unwrap_or_default(),
        trace_id: context.trace.trace_id(),
        method: method.as_str(),
        route,
        status,
        took,
        user: context.user(),
    }
    .write(&edge.ids);
    response
}

/// Runs the handler; a panic or too long a wait becomes a problem.
async fn run(request: Request, next: Next, timeout: Duration) -> Response {
    let handled = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(timeout, handled).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            let said = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned());
            let said = said.unwrap_or_else(|| "without words".to_owned());
            Problem::internal(format!("a handler panicked: {said}")).into_response()
        }
        Err(_) => Problem::unavailable(format!("no answer within {timeout:?}")).into_response(),
    }
}

/// The problem's own answer, with the headers that the router had already put onto the bare one.
fn rendered(problem: &Problem, trace: &Trace, bare: &Response) -> Response {
    let mut response = problem.render(trace.trace_id());
    let present: Vec<HeaderName> = response.headers().keys().cloned().collect();
    for (name, value) in bare.headers() {
        if !present.contains(name) && name != http::header::CONTENT_LENGTH {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}

/// Logs the cause of a failure, once.
fn report(problem: &Problem, trace: &Trace) {
    let Some(cause) = problem.cause() else { return };
    let (code, trace_id) = (problem.code(), trace.trace_id());
    if problem.status() == http::StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(code, trace_id, cause, "a request failed");
    } else if problem.status().is_server_error() {
        tracing::warn!(code, trace_id, cause, "a request could not be served");
    } else {
        tracing::debug!(code, trace_id, cause, "a request was refused");
    }
}

fn caller(headers: &HeaderMap, verify: &Verify) -> Caller {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Caller::Anonymous;
    };
    let token = value.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    match token.map(|token| verify(token)) {
        Some(Ok(identity)) => Caller::Known(identity),
        Some(Err(refused)) => Caller::Refused(refused),
        None => Caller::Refused(TokenError::Unauthenticated),
    }
}

/// The client's address. Of `X-Forwarded-For` only the last hop counts: the proxy wrote that one, the rest
/// is the client's own word.
fn address(request: &Request, trust_forwarded_for: bool) -> IpAddr {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip());
    if !trust_forwarded_for {
        return peer;
    }
    request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .next_back()
        .and_then(|hops| hops.to_str().ok()?.rsplit(',').next()?.trim().parse().ok())
        .unwrap_or(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(hops: &str) -> Request {
        Request::builder()
            .header("x-forwarded-for", "6.6.6.6")
            .header("x-forwarded-for", hops)
            .body(axum::body::Body::empty())
            .unwrap()
    }

    #[test]
    fn only_the_last_hop_of_a_trusted_proxy_counts() {
        let request = forwarded("1.2.3.4, 5.6.7.8");
        assert_eq!(address(&request, true), IpAddr::from([5, 6, 7, 8]));
        assert_eq!(address(&request, false), IpAddr::from([127, 0, 0, 1]));
        assert_eq!(
            address(&forwarded("nonsense"), true),
            IpAddr::from([127, 0, 0, 1])
        );
    }

    #[test]
    fn a_header_that_is_no_bearer_token_is_refused_without_asking() {
        let verify: Verify = Arc::new(|_| panic!("nothing to verify"));
        for value in ["Basic YTpi", "Bearer", "token"] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            assert!(
                matches!(caller(&headers, &verify), Caller::Refused(_)),
                "{value}"
            );
        }
    }
}
