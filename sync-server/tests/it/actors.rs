//! A small router behind the real edge, and someone who calls it.

use axum::extract::{FromRef, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, body::Body};
use domain_services::identity::{Identity, Role, Roles};
use domain_services::time::Ids;
use domain_services::user::TokenError;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use sync_server::config::Rate;
use sync_server::http::body::BodyLimits;
use sync_server::http::edge::{Edge, Verify};
use sync_server::http::extract;
use sync_server::http::media::Accepted;
use sync_server::http::metrics::Metrics;
use sync_server::http::params::Query;
use sync_server::problem::Problem;
use tower::ServiceExt;
use uuid::Uuid;

#[derive(Clone, FromRef)]
struct Limits {
    body: BodyLimits,
}

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    text: String,
}

async fn echo(accepted: Accepted, body: extract::Body<Note>) -> impl IntoResponse {
    accepted.ok(body.0)
}

async fn long(accepted: Accepted) -> impl IntoResponse {
    accepted.ok(Note {
        text: "budget ".repeat(1_000),
    })
}

async fn count(mut query: Query) -> Result<String, Problem> {
    let limit = query.limit(100, 1_000);
    query.check()?;
    Ok(limit.to_string())
}

/// Answers as the whole server would: one route for each thing that can go right or wrong.
pub(crate) fn server(rate: Option<Rate>) -> Router {
    let verify: Verify = Arc::new(|token| match token {
        "expired" => Err(TokenError::Expired),
        name => match name.parse::<u128>() {
            Ok(number) => Ok(Arc::new(Identity {
                user_id: Uuid::from_u128(number),
                roles: Roles::from(Role::Sales),
                session_id: Uuid::nil(),
                expires_us: i64::MAX,
                version: 0,
            })),
            Err(_) => Err(TokenError::Unauthenticated),
        },
    });
    let edge = Arc::new(Edge {
        ids: Ids::default(),
        verify,
        request_timeout: Duration::from_millis(50),
        trust_forwarded_for: true,
        metrics: Metrics::default(),
    });
    let limits = Limits {
        body: BodyLimits {
            wire: 1_000,
            decoded: 4_000,
            depth: 32,
        },
    };
    let router = Router::new()
        .route("/echo", post(echo))
        .route("/long", get(long))
        .route("/count", get(count))
        .route("/panic", get(|| async { panic!("on purpose") as () }))
        .route("/slow", get(std::future::pending::<()>))
        .with_state(limits);
    let router = sync_server::http::limit::limited(router, rate);
    sync_server::http::around(router, &edge)
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    /// Asserts that this is a problem document with a status and a code.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("urn:athena:problem:{code}"));
        assert!(problem["title"].is_string() && problem["detail"].is_string());
        assert_eq!(problem["instance"].as_str().map(str::len), Some(32));
        assert!(!self.header("x-request-id").is_empty());
        assert_eq!(self.header("cache-control"), "no-store");
    }
}

pub(crate) async fn call(server: &Router, request: Request) -> Answer {
    let answered = server.clone().oneshot(request).await;
    let response: Response = answered.unwrap_or_else(|never| match never {});
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX)
        .await
        .expect("a body");
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.to_vec(),
    }
}

pub(crate) async fn get_with(server: &Router, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(server, "GET", path, headers, Body::empty()).await
}

pub(crate) async fn send(
    server: &Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    call(server, request.body(body.into()).expect("a request")).await
}
