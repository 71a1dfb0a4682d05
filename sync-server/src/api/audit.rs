//! The audit log: read, exported and proved.

use super::access::Who;
use super::schema;
use crate::app::App;
use crate::http::cached;
use crate::http::media::Accepted;
use crate::http::params::{self, Query};
use crate::problem::Problem;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain_services::audit::{Bound, LogFilter};
use http::header::CONTENT_TYPE;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(logs))
        .routes(routes!(checkpoint))
        .routes(routes!(key))
        .routes(routes!(inclusion))
        .routes(routes!(consistency))
        .routes(routes!(export))
}

/// What was done, newest first
#[utoipa::path(
    get, path = "/api/v1/audit/logs", tag = "audit", security(("bearer" = [])),
    params(
        ("userId" = Option<Uuid>, Query, description = "What this person did"),
        ("requestId" = Option<Uuid>, Query, description = "What is about this request"),
        ("action" = Option<String>, Query, description = "What was done, `request.submitted` for instance"),
        ("from" = Option<String>, Query, description = "At or after (RFC 3339)"),
        ("to" = Option<String>, Query, description = "Before (RFC 3339)"),
        ("limit" = Option<u32>, Query, description = "1 to 1000, default 100"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, description = "A page", body = schema::LogPage)),
)]
async fn logs(
    _who: Who,
    State(app): State<App>,
    accepted: Accepted,
    mut query: Query,
) -> Result<impl IntoResponse, Problem> {
    let filter = LogFilter {
        user_id: query.one("userId", params::id),
        request_id: query.one("requestId", params::id),
        action: query.one("action", params::storable),
        from_us: query.one("from", params::time),
        to_us: query.one("to", params::time),
    };
    let page = cached::page(&mut query);
    query.check()?;
    Ok(accepted.ok(app.services.audit.logs(&filter, page).await?))
}

/// A signed statement of the log's size and root
///
/// A C2SP checkpoint: a signed note of three lines, origin, size and base64 root. Without `size` it is of the log
/// as it is now, give or take a second.
#[utoipa::path(
    get, path = "/api/v1/audit/checkpoint", tag = "audit", security(("bearer" = [])),
    params(("size" = Option<u64>, Query, description = "The newest of at most so many entries")),
    responses((status = 200, description = "A signed note", body = String, content_type = "text/plain")),
)]
async fn checkpoint(
    _who: Who,
    State(app): State<App>,
    mut query: Query,
) -> Result<Response, Problem> {
    let size = query.one("size", number);
    query.check()?;
    Ok(text(app.services.audit.checkpoint(size).await?))
}

/// The public key that checkpoints are signed with
///
/// `<origin>+<id>+<base64>`, as C2SP signed notes have it; Ed25519.
#[utoipa::path(
    get, path = "/api/v1/audit/key", tag = "audit", security(("bearer" = [])),
    responses((status = 200, description = "The key", body = String, content_type = "text/plain")),
)]
async fn key(_who: Who, State(app): State<App>) -> Response {
    text(format!("{}\n", app.services.audit.key()))
}

/// Prove that an entry is in the log
#[utoipa::path(
    get, path = "/api/v1/audit/proof/inclusion", tag = "audit", security(("bearer" = [])),
    params(
        ("seq" = u64, Query, description = "Which entry, from 0"),
        ("size" = Option<u64>, Query, description = "In the tree over so many: a checkpoint's size; default all"),
    ),
    responses((status = 200, description = "The proof", body = schema::InclusionProof)),
)]
async fn inclusion(
    _who: Who,
    State(app): State<App>,
    accepted: Accepted,
    mut query: Query,
) -> Result<impl IntoResponse, Problem> {
    let seq = query.needed("seq", number);
    let size = query.one("size", number);
    query.check()?;
    Ok(accepted.ok(app.services.audit.inclusion(seq, size).await?))
}

/// Prove that the log has only grown
#[utoipa::path(
    get, path = "/api/v1/audit/proof/consistency", tag = "audit", security(("bearer" = [])),
    params(
        ("from" = u64, Query, description = "The size of the earlier tree"),
        ("to" = Option<u64>, Query, description = "The size of the later one; default all"),
    ),
    responses((status = 200, description = "The proof", body = schema::ConsistencyProof)),
)]
async fn consistency(
    _who: Who,
    State(app): State<App>,
    accepted: Accepted,
    mut query: Query,
) -> Result<impl IntoResponse, Problem> {
    let from = query.needed("from", number);
    let to = query.one("to", number);
    query.check()?;
    Ok(accepted.ok(app.services.audit.consistency(from, to).await?))
}

/// The log as JSON lines, in order
///
/// `{"seq", "leaf", "hash"}`: the canonical bytes and their stored hash in base64. From the beginning to a
/// checkpoint's size it is what `athena audit verify` takes.
#[utoipa::path(
    get, path = "/api/v1/audit/export", tag = "audit", security(("bearer" = [])),
    params(
        ("from" = Option<String>, Query, description = "A sequence number, or a time (RFC 3339); default 0"),
        ("to" = Option<String>, Query, description = "The first that is left out: a sequence number (a checkpoint's size), or a time"),
    ),
    responses((status = 200, description = "Lines", body = String, content_type = "application/x-ndjson")),
)]
async fn export(_who: Who, State(app): State<App>, mut query: Query) -> Result<Response, Problem> {
    // A `+` that was not escaped has become a space.
    let bound = |text: &str| text.replace(' ', "+").parse::<Bound>();
    let from = query.one("from", bound);
    let to = query.one("to", bound);
    query.check()?;
    let lines = app.services.audit.export(from, to).await?;
    let lines = Body::from_stream(lines);
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], lines).into_response())
}

fn text(text: String) -> Response {
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// The greatest integer that every JSON reader takes (RFC 7493).
const NUMBER_MAX: u64 = (1 << 53) - 1;

fn number(text: &str) -> Result<u64, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|number| digits && *number <= NUMBER_MAX)
        .ok_or_else(|| format!("must be a whole number from 0 to {NUMBER_MAX}"))
}
