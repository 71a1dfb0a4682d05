//! Answers of the scripted server.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Notify;

/// Where an answer waits until its case lets it go.
#[derive(Debug, Clone, Default)]
pub(in crate::conformance) struct Gate {
    arrived: Arc<Notify>,
    released: Arc<Notify>,
}

impl Gate {
    /// Waits until a request stands at the gate: it is taken, and its answer not yet sent.
    pub(in crate::conformance) async fn arrival(&self) {
        self.arrived.notified().await;
    }

    /// Lets the answer go.
    pub(in crate::conformance) fn open(&self) {
        self.released.notify_one();
    }

    pub(super) async fn pass(&self) {
        self.arrived.notify_one();
        self.released.notified().await;
    }
}

/// An answer, and what becomes of it on its way.
#[derive(Debug, Clone)]
pub(in crate::conformance) struct Reply {
    pub(in crate::conformance) status: StatusCode,
    pub(in crate::conformance) body: Value,
    headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) cut: Option<usize>,
    pub(super) gate: Option<Gate>,
}

impl Reply {
    fn new(status: StatusCode, body: Value) -> Self {
        Self {
            status,
            body,
            headers: Vec::new(),
            cut: None,
            gate: None,
        }
    }

    /// 200.
    pub(in crate::conformance) fn ok(body: Value) -> Self {
        Self::new(StatusCode::OK, body)
    }

    /// A problem document of RFC 9457.
    pub(in crate::conformance) fn problem(status: StatusCode, code: &str) -> Self {
        let body = json!({
            "type": format!("urn:athena:problem:{code}"), "title": code, "status": status.as_u16(),
            "detail": "as the case wants it", "code": code, "instance": "0af7651916cd43dd8448eb211c80319c",
        });
        Self::new(status, body)
    }

    /// Another body.
    pub(in crate::conformance) fn with_body(mut self, body: Value) -> Self {
        self.body = body;
        self
    }

    /// Asks for a pause.
    pub(in crate::conformance) fn retry_after(mut self, seconds: u64) -> Self {
        self.headers.push((RETRY_AFTER, seconds.into()));
        self
    }

    /// Only so many bytes of it arrive, its head counted.
    pub(in crate::conformance) fn cut(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self
    }

    /// It waits at a gate.
    pub(in crate::conformance) fn at(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// Whether it arrives as an answer of 200.
    pub(super) fn is_heard(&self) -> bool {
        self.status == StatusCode::OK && self.cut.is_none()
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body.to_string()));
        *response.status_mut() = self.status;
        let media_type = if self.status.is_success() {
            "application/json"
        } else {
            "application/problem+json"
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.extend(self.headers);
        response
    }
}
