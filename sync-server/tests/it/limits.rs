//! Rate limits.

use crate::actors::{get_with, server};
use axum::Router;
use std::time::Duration;
use sync_server::config::Rate;

/// Three requests an hour: nothing comes back while a test runs.
fn three() -> Router {
    server(Some(Rate {
        requests: 3,
        per: Duration::from_hours(1),
    }))
}

async fn spend(server: &Router, headers: &[(&str, &str)]) {
    for _ in 0..3 {
        assert_eq!(get_with(server, "/count", headers).await.status, 200);
    }
}

#[tokio::test]
async fn one_request_too_many_is_a_problem_that_says_when_to_come_back() {
    let server = three();
    spend(&server, &[]).await;
    let refused = get_with(&server, "/count", &[]).await;
    refused.is_problem(429, "rate_limited");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=1_200).contains(&wait), "{wait}");
    assert_eq!(
        refused.header("ratelimit"),
        format!("\"caller\";r=0;t={wait}")
    );
    assert_eq!(refused.header("ratelimit-policy"), "\"caller\";q=3;w=3600");
}

#[tokio::test]
async fn a_user_is_limited_across_addresses_and_an_address_without_a_user() {
    let server = three();
    let seven = ("authorization", "Bearer 7");
    spend(&server, &[seven, ("x-forwarded-for", "10.0.0.1")]).await;
    let elsewhere = [seven, ("x-forwarded-for", "10.0.0.2")];
    assert_eq!(get_with(&server, "/count", &elsewhere).await.status, 429);

    let eight = [
        ("authorization", "Bearer 8"),
        ("x-forwarded-for", "10.0.0.1"),
    ];
    assert_eq!(get_with(&server, "/count", &eight).await.status, 200);

    let guessing = [
        ("authorization", "Bearer nonsense"),
        ("x-forwarded-for", "10.0.0.9"),
    ];
    spend(&server, &guessing).await;
    let anonymous = [("x-forwarded-for", "10.0.0.9")];
    assert_eq!(get_with(&server, "/count", &anonymous).await.status, 429);
}

#[tokio::test]
async fn no_limit_is_no_limit() {
    let server = server(None);
    for _ in 0..50 {
        assert_eq!(get_with(&server, "/count", &[]).await.status, 200);
    }
}
