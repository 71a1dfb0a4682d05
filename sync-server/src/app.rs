//! What handlers share.

use crate::http::body::BodyLimits;
use crate::services::Services;
use axum::extract::FromRef;
use domain_services::time::Ids;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The state of all handlers. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What the state is made of.
pub struct Parts {
    /// What a body may cost.
    pub body: BodyLimits,
    /// Most changes in one batch.
    pub max_changes: usize,
    /// How often an idle event stream gets a comment.
    pub stream_keepalive: Duration,
    /// Time and ids.
    pub ids: Ids,
    /// What handlers call.
    pub services: Services,
    /// Cancelled when the server is asked to stop.
    pub stopping: CancellationToken,
}

impl App {
    /// The state made of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App")
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<App> for BodyLimits {
    fn from_ref(app: &App) -> Self {
        app.body
    }
}
