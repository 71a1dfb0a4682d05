//! Approvals: what waits, votes by hand and in batches, pulls.

use super::access::Who;
use super::schema;
use crate::app::App;
use crate::http::cached;
use crate::http::edge::Context;
use crate::http::extract::{Body, RawBody};
use crate::http::media::Accepted;
use crate::http::params::{self, PathId, Query};
use crate::http::stream::{self, Life};
use crate::problem::Problem;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain_services::approval::{Act, check_comment};
use std::sync::Arc;
use sync_core::wire::{Envelope, Limits, Since, VoteCommand};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// Entries of a page of changes when the caller does not say, and at most.
const UPDATES_DEFAULT: usize = 500;
const UPDATES_MAX: usize = 1_000;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(incoming))
        .routes(routes!(history))
        .routes(routes!(sync))
        .routes(routes!(updates))
        .routes(routes!(stream_updates))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(rollback))
}

/// What waits for my vote, the last opened first
#[utoipa::path(
    get, path = "/api/v1/approvals/incoming", tag = "approvals", security(("bearer" = [])),
    params(
        ("limit" = Option<u32>, Query, description = "1 to 1000, default 100"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, description = "A page", body = schema::ApprovalPage)),
)]
async fn incoming(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    mut query: Query,
) -> Result<impl IntoResponse, Problem> {
    let page = cached::page(&mut query);
    query.check()?;
    Ok(accepted.ok(app.services.approvals.incoming(&who, &page).await?))
}

/// What I have voted on and what came of it, the last vote first
#[utoipa::path(
    get, path = "/api/v1/approvals/history", operation_id = "vote_history", tag = "approvals", security(("bearer" = [])),
    params(
        ("limit" = Option<u32>, Query, description = "1 to 1000, default 100"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, description = "A page", body = schema::ApprovalPage)),
)]
async fn history(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    mut query: Query,
) -> Result<impl IntoResponse, Problem> {
    let page = cached::page(&mut query);
    query.check()?;
    Ok(accepted.ok(app.services.approvals.history(&who, &page).await?))
}

/// Push a batch of votes, and pull what changed
///
/// Every item gets exactly one verdict, in its place; 200 does not mean that an item was taken.
#[utoipa::path(
    post, path = "/api/v1/approvals/sync", operation_id = "sync_approvals", tag = "approvals", security(("bearer" = [])),
    request_body = schema::VoteBatch,
    responses((status = 200, description = "One result an item", body = schema::VoteAnswer)),
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
    let approvals = &app.services.approvals;
    let answer = approvals.push(&who, &envelope, Some(&parent)).await?;
    Ok(accepted.ok(answer))
}

/// What changed, in commit order
#[utoipa::path(
    get, path = "/api/v1/approvals/updates", operation_id = "approval_updates", tag = "approvals", security(("bearer" = [])),
    params(
        ("lastSync" = Option<String>, Query, description = "The `lastSync` of the answer before, as it came; without one, everything"),
        ("limit" = Option<u32>, Query, description = "1 to 1000, default 500"),
    ),
    responses((status = 200, description = "A page", body = schema::ApprovalUpdates)),
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
    let approvals = &app.services.approvals;
    Ok(accepted.ok(approvals.updates(&who, since, limit).await?))
}

/// "Pull now", as server-sent events
///
/// One `event: poke` with `data: {}` at once and at every change; a comment every 25 s; ends with the token.
#[utoipa::path(
    get, path = "/api/v1/approvals/updates/stream", operation_id = "approval_stream", tag = "approvals", security(("bearer" = [])),
    responses((status = 200, description = "Events", body = String, content_type = "text/event-stream")),
)]
async fn stream_updates(who: Who, State(app): State<App>) -> Response {
    let changes = app.services.approvals.subscribe(who.user_id);
    stream::pokes(changes, Life::of(&app, &who))
}

/// Approve
///
/// Approving what I have approved changes nothing. The body is optional.
#[utoipa::path(
    post, path = "/api/v1/approvals/{id}/approve", tag = "approvals", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Which")),
    request_body = Option<schema::Act>,
    responses((status = 200, description = "The approval after it", body = schema::Approval)),
)]
async fn approve(
    who: Who,
    State(app): State<App>,
    Extension(context): Extension<Arc<Context>>,
    accepted: Accepted,
    PathId(id): PathId,
    body: Option<Body<schema::Act>>,
) -> Result<impl IntoResponse, Problem> {
    let act = act(id, VoteCommand::Approve, body)?;
    let parent = context.trace.parent();
    Ok(accepted.ok(app.services.approvals.act(&who, act, Some(&parent)).await?))
}

/// Reject
///
/// The body is optional.
#[utoipa::path(
    post, path = "/api/v1/approvals/{id}/reject", tag = "approvals", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Which")),
    request_body = Option<schema::Act>,
    responses((status = 200, description = "The approval after it", body = schema::Approval)),
)]
async fn reject(
    who: Who,
    State(app): State<App>,
    Extension(context): Extension<Arc<Context>>,
    accepted: Accepted,
    PathId(id): PathId,
    body: Option<Body<schema::Act>>,
) -> Result<impl IntoResponse, Problem> {
    let act = act(id, VoteCommand::Reject, body)?;
    let parent = context.trace.parent();
    Ok(accepted.ok(app.services.approvals.act(&who, act, Some(&parent)).await?))
}

/// Take my vote back
///
/// Within 24 hours, while the level is not sealed. The body is optional.
#[utoipa::path(
    post, path = "/api/v1/approvals/{id}/rollback", tag = "approvals", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Which")),
    request_body = Option<schema::Act>,
    responses((status = 200, description = "The approval after it", body = schema::Approval)),
)]
async fn rollback(
    who: Who,
    State(app): State<App>,
    Extension(context): Extension<Arc<Context>>,
    accepted: Accepted,
    PathId(id): PathId,
    body: Option<Body<schema::Act>>,
) -> Result<impl IntoResponse, Problem> {
    let act = act(id, VoteCommand::Rollback, body)?;
    let parent = context.trace.parent();
    Ok(accepted.ok(app.services.approvals.act(&who, act, Some(&parent)).await?))
}

fn act(
    approval_id: Uuid,
    vote: VoteCommand,
    body: Option<Body<schema::Act>>,
) -> Result<Act, Problem> {
    let Body(said) = body.unwrap_or(Body(schema::Act::default()));
    check_comment(said.comment.as_deref())?;
    let revision = said
        .revision
        .map(|text| text.parse())
        .transpose()
        .map_err(|error| Problem::invalid("/revision", format!("is {error}")))?;
    Ok(Act {
        approval_id,
        vote,
        comment: said.comment,
        revision,
        op_id: said.op_id,
    })
}
