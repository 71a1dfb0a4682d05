//! Signing in and out, and the keys that tokens are verified with.

use crate::app::App;
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(jwks))
}

/// The public keys of access tokens (RFC 7517)
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "auth",
    responses((status = 200, description = "The keys", body = serde_json::Value)),
)]
async fn jwks(State(app): State<App>) -> impl IntoResponse {
    Json(app.services.tokens.jwks())
}
