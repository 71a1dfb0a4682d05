//! Paths, methods, panics, time and ids.

use crate::actors::{get_with, send, server};
use sync_server::http::metrics;

#[tokio::test]
async fn a_path_that_leads_nowhere_and_a_method_nobody_knows_are_problems() {
    let server = server(None);
    get_with(&server, "/nowhere", &[])
        .await
        .is_problem(404, "not_found");
    let refused = send(&server, "DELETE", "/long", &[], "").await;
    refused.is_problem(405, "method_not_allowed");
    assert_eq!(refused.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn a_panic_is_a_problem_that_tells_nothing() {
    let refused = get_with(&server(None), "/panic", &[]).await;
    refused.is_problem(500, "internal");
    assert!(!String::from_utf8_lossy(&refused.body).contains("on purpose"));
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_answered_for() {
    let refused = get_with(&server(None), "/slow", &[]).await;
    refused.is_problem(503, "unavailable");
    assert_eq!(refused.header("retry-after"), "1");
}

#[tokio::test]
async fn a_wrong_parameter_is_pointed_at() {
    let server = server(None);
    assert_eq!(get_with(&server, "/count?limit=7", &[]).await.body, b"7");
    for wrong in ["0", "1001", "many", "-1", "1&limit=2"] {
        let refused = get_with(&server, &format!("/count?limit={wrong}"), &[]).await;
        refused.is_problem(400, "invalid_value");
        assert_eq!(refused.json()["errors"][0]["pointer"], "/query/limit");
    }
}

#[tokio::test]
async fn a_request_keeps_its_ids() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [("x-request-id", "phone-1"), ("traceparent", parent)];
    let refused = get_with(&server(None), "/nowhere", &headers).await;
    assert_eq!(refused.header("x-request-id"), "phone-1");
    assert_eq!(
        refused.json()["instance"],
        "0af7651916cd43dd8448eb211c80319c"
    );
}

#[tokio::test]
async fn requests_are_counted_by_route_and_not_by_path() {
    let recorder = metrics::recorder();
    let server = server(None);
    get_with(&server, "/count?limit=1", &[]).await;
    get_with(&server, "/no-such-path-of-all", &[]).await;
    let text = recorder.render();
    assert!(text.contains(r#"route="/count""#), "{text}");
    assert!(text.contains(r#"route="(none)""#));
    assert!(!text.contains("no-such-path-of-all"));
}
