//! The HTTP interface, a file a resource. Handlers are thin: extract, convert, call one service function,
//! convert.

pub mod access;
pub mod auth;
pub mod schema;

use crate::app::App;
use utoipa_axum::router::OpenApiRouter;

/// Every route, with its description.
#[must_use]
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().merge(auth::routes())
}
