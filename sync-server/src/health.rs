//! What an operator's tools ask: alive, ready, counted, described.

use crate::http::metrics::recorder;
use crate::problem::{Code, Problem};
use crate::services::{Databases, Services};
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use domain_services::bus::kafka::Kafka;
use http::header::CONTENT_TYPE;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a database may take to answer before the server counts as not ready.
const PING_MAX: Duration = Duration::from_secs(2);

/// What must work for the server to serve.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<Needs>);

#[derive(Debug)]
struct Needs {
    databases: Databases,
    kafka: Option<Kafka>,
    stopping: CancellationToken,
}

impl Readiness {
    /// The databases of these services must answer, and nobody may have asked for a stop.
    #[must_use]
    pub fn new(services: &Services, stopping: CancellationToken) -> Self {
        Self(Arc::new(Needs {
            databases: services.databases.clone(),
            kafka: services.kafka.clone(),
            stopping,
        }))
    }

    /// What is missing, in words; empty when ready.
    async fn missing(&self) -> Vec<String> {
        if self.0.stopping.is_cancelled() {
            return vec!["the server is stopping".to_owned()];
        }
        let mut missing = Vec::new();
        for (service, db) in self.0.databases.named() {
            let answered = tokio::time::timeout(PING_MAX, db.ping()).await;
            if !matches!(answered, Ok(Ok(()))) {
                missing.push(format!(
                    "the database of the {service} service does not answer"
                ));
            }
        }
        missing
    }
}

/// `/healthz`, `/readyz` and `/metrics`.
pub fn routes(readiness: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(counted))
        .with_state(readiness)
}

async fn alive() -> impl IntoResponse {
    Json(serde_json::json!({"status": "alive"}))
}

async fn ready(State(readiness): State<Readiness>) -> Result<impl IntoResponse, Problem> {
    let missing = readiness.missing().await;
    if missing.is_empty() {
        // Nothing waits for Kafka, so a node without it is ready; but whoever asks is told.
        let mut told = serde_json::json!({"status": "ready"});
        if let Some(kafka) = &readiness.0.kafka {
            told["kafka"] = kafka.standing().name().into();
        }
        Ok(Json(told))
    } else {
        Err(Problem::new(Code::Unavailable, missing.join("; ")))
    }
}

async fn counted() -> impl IntoResponse {
    let text = recorder().render();
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
}
