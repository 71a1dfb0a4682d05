//! Budget requests: batches from phones, pulls, and what the desktop sees.

use super::access::Who;
use super::schema;
use crate::app::App;
use crate::http::cached;
use crate::http::edge::Context;
use crate::http::extract::{Body, RawBody};
use crate::http::media::Accepted;
use crate::http::params::{self, PathId, Query};
use crate::http::stream::{Life, pokes};
use crate::problem::Problem;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain_services::request::{ListFilter, NewRequest, Status};
use http::HeaderMap;
use serde_json::{Map, Value};
use std::sync::Arc;
use sync_core::wire::{Envelope, Limits, Since};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// Entries of a page of updates, when the caller does not say.
const UPDATES_DEFAULT: usize = 500;

/// Entries of a page of updates at most.
const UPDATES_MAX: usize = 1_000;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(sync))
        .routes(routes!(updates))
        .routes(routes!(stream))
        .routes(routes!(find))
        .routes(routes!(history))
        .routes(routes!(withdraw))
}

/// Push a batch, and pull what changed
///
/// Every item gets exactly one verdict, in its place; 200 does not mean that an item was taken.
#[utoipa::path(
    post, path = "/api/v1/requests/sync", operation_id = "sync_requests", tag = "requests", security(("bearer" = [])),
    request_body = schema::SyncBatch,
    responses((status = 200, description = "One result an item", body = schema::SyncAnswer)),
)]
async fn sync(
    who: Who,
    State(app): State<App>,
    Extension(context): Extension<Arc<Context>>,
    accepted: Accepted,
    body: RawBody,
) -> Result<impl IntoResponse, Problem> {
    let limits = Limits {
        changes: app.max_changes,
        depth: app.body.depth,
    };
    let envelope = Envelope::decode(&body.bytes, body.format, &limits)?;
    let parent = context.trace.parent();
    let answer = app
        .services
        .requests
        .push(&who, &envelope, Some(&parent))
        .await?;
    let size_bytes = answer.size_bytes_max();
    Ok(accepted.ok(answer).sized(size_bytes))
}

/// What changed, in commit order
#[utoipa::path(
    get, path = "/api/v1/requests/updates", operation_id = "request_updates", tag = "requests", security(("bearer" = [])),
    params(
        ("lastSync" = Option<String>, Query, description = "The `lastSync` of the answer before, as it came; without one, everything"),
        ("limit" = Option<u32>, Query, description = "1 to 1000, default 500"),
    ),
    responses((status = 200, description = "A page", body = schema::Updates)),
)]
async fn updates(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    mut query: Query,
) -> Result<impl IntoResponse, Problem> {
    let since = query.one("lastSync", params::time);
    let limit = query.limit(UPDATES_DEFAULT, UPDATES_MAX);
    query.check()?;
    let since = since.map_or(Since::Beginning, Since::After);
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let page = app.services.requests.updates(&who, since, limit).await?;
    let size_bytes = page.size_bytes_max();
    Ok(accepted.ok(page).sized(size_bytes))
}

/// "Pull now", as server-sent events
///
/// One `event: poke` with `data: {}` at once and at every change; a comment every 25 s; ends with the token.
#[utoipa::path(
    get, path = "/api/v1/requests/updates/stream", operation_id = "request_stream", tag = "requests", security(("bearer" = [])),
    responses((status = 200, description = "Events", body = String, content_type = "text/event-stream")),
)]
async fn stream(who: Who, State(app): State<App>) -> Response {
    let changes = app.services.requests.subscribe(who.user_id);
    pokes(changes, Life::of(&app, &who))
}

/// Requests, newest first: one's own, or for admins and auditors everybody's
#[utoipa::path(
    get, path = "/api/v1/requests", operation_id = "list_requests", tag = "requests", security(("bearer" = [])),
    params(
        ("status" = Option<Vec<schema::RequestStatus>>, Query, description = "Any of these; may be repeated"),
        ("from" = Option<String>, Query, description = "Created at or after (RFC 3339)"),
        ("to" = Option<String>, Query, description = "Created before (RFC 3339)"),
        ("limit" = Option<u32>, Query, description = "1 to 1000, default 100"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, description = "A page", body = schema::RequestPage)),
)]
async fn list(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    mut query: Query,
) -> Result<impl IntoResponse, Problem> {
    let filter = ListFilter {
        statuses: query.many("status", |text| {
            Status::from_name(text).ok_or_else(|| format!("`{text}` is no status of a request"))
        }),
        from_us: query.one("from", params::time),
        to_us: query.one("to", params::time),
    };
    let page = cached::page(&mut query);
    query.check()?;
    Ok(accepted.ok(app.services.requests.list(&who, &filter, &page).await?))
}

/// Create and submit a request
///
/// The same id (or `Idempotency-Key`) and content again is 200 with the same record.
#[utoipa::path(
    post, path = "/api/v1/requests", operation_id = "create_request", tag = "requests", security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "In place of an `id` in the body")),
    request_body = schema::NewRequest,
    responses(
        (status = 201, description = "The submitted request", body = schema::RequestRecord),
        (status = 200, description = "The request, created before by the same call", body = schema::RequestRecord),
    ),
)]
async fn create(
    who: Who,
    State(app): State<App>,
    Extension(context): Extension<Arc<Context>>,
    accepted: Accepted,
    headers: HeaderMap,
    Body(fields): Body<Map<String, Value>>,
) -> Result<impl IntoResponse, Problem> {
    let new = NewRequest {
        id: given_id(&fields)?,
        key: idempotency_key(&headers)?,
        fields,
    };
    let parent = context.trace.parent();
    let created = app
        .services
        .requests
        .create(&who, new, Some(&parent))
        .await?;
    let location = format!("/api/v1/requests/{}", created.id);
    Ok(accepted.made(created.is_new, created.record, &location))
}

fn given_id(fields: &Map<String, Value>) -> Result<Option<Uuid>, Problem> {
    match fields.get("id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => params::id(text)
            .map(Some)
            .map_err(|detail| Problem::invalid("/id", detail)),
        Some(_) => Err(Problem::invalid("/id", "must be a UUID")),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    value
        .to_str()
        .map(|key| Some(key.to_owned()))
        .map_err(|_| Problem::invalid("/header/idempotency-key", "must be visible ASCII"))
}

/// A request
#[utoipa::path(
    get, path = "/api/v1/requests/{id}", operation_id = "find_request", tag = "requests", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Which")),
    responses((status = 200, description = "The request", body = schema::RequestRecord)),
)]
async fn find(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    PathId(id): PathId,
) -> Result<impl IntoResponse, Problem> {
    Ok(accepted.ok(app.services.requests.find(&who, id).await?))
}

/// Take a submitted request back
///
/// Its owner may until a level has sealed; owner or admin may until it is final, when too few people are left to
/// decide. One that is withdrawn already stays as it is.
#[utoipa::path(
    post, path = "/api/v1/requests/{id}/withdraw", operation_id = "withdraw_request", tag = "requests", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Which")),
    responses((status = 200, description = "The request after it", body = schema::RequestRecord)),
)]
async fn withdraw(
    who: Who,
    State(app): State<App>,
    Extension(context): Extension<Arc<Context>>,
    accepted: Accepted,
    PathId(id): PathId,
) -> Result<impl IntoResponse, Problem> {
    let parent = context.trace.parent();
    let requests = &app.services.requests;
    Ok(accepted.ok(requests.withdraw(&who, id, Some(&parent)).await?))
}

/// What has happened to a request, oldest first, with the values that lost or were refused
#[utoipa::path(
    get, path = "/api/v1/requests/{id}/status", operation_id = "request_history", tag = "requests", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Which")),
    responses((status = 200, description = "Its history", body = schema::RequestHistory)),
)]
async fn history(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    PathId(id): PathId,
) -> Result<impl IntoResponse, Problem> {
    Ok(accepted.ok(app.services.requests.history(&who, id).await?))
}
