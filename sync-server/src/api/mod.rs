//! The HTTP interface, a file a resource. Handlers are thin: extract, convert, call one service function,
//! convert.

pub mod access;
pub mod approval;
pub mod audit;
pub mod auth;
pub mod catalog;
pub mod notify;
pub(crate) mod refused;
pub mod request;
pub mod schema;
pub mod user;

use crate::app::App;
use utoipa_axum::router::OpenApiRouter;

/// Every route, with its description.
#[must_use]
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(auth::routes())
        .merge(user::routes())
        .merge(catalog::routes())
        .merge(request::routes())
        .merge(approval::routes())
        .merge(audit::routes())
        .merge(notify::routes())
}
