//! Categories, reasons and assignments: read by everybody and kept by phones, written by admins.

use super::access::Who;
use super::schema;
use crate::app::App;
use crate::http::cached::{self, Tag, expected_version};
use crate::http::extract::Body;
use crate::http::media::Accepted;
use crate::http::params::{PathId, Query};
use crate::problem::Problem;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain_services::catalog::{
    CategoryUpdate, NewAssignment, NewCategory, NewReason, ReasonUpdate,
};
use http::{HeaderMap, StatusCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_categories, create_category))
        .routes(routes!(update_category, retire_category))
        .routes(routes!(list_reasons, create_reason))
        .routes(routes!(update_reason))
        .routes(routes!(list_assignments, replace_assignment))
}

/// Categories, newest first, retired ones too
#[utoipa::path(
    get, path = "/api/v1/categories", tag = "catalogue", security(("bearer" = [])),
    params(
        ("limit" = Option<u32>, Query, description = "1 to 1000, default 100"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the caller has"),
    ),
    responses(
        (status = 200, description = "A page, with the `ETag` of the whole list", body = schema::CategoryPage),
        (status = 304, description = "The list is as the caller has it"),
    ),
)]
async fn list_categories(
    _who: Who,
    State(app): State<App>,
    accepted: Accepted,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = cached::page(&mut query);
    query.check()?;
    let tag = Tag::new(app.services.catalog.categories_version().await?);
    if let Some(unchanged) = tag.unchanged(&headers) {
        return Ok(unchanged);
    }
    Ok(tag.on(accepted.ok(app.services.catalog.categories(page).await?)))
}

/// Create a category
#[utoipa::path(
    post, path = "/api/v1/categories", tag = "catalogue", security(("bearer" = [])),
    request_body = schema::NewCategory,
    responses((status = 201, description = "The category", body = schema::Category)),
)]
async fn create_category(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    Body(new): Body<NewCategory>,
) -> Result<impl IntoResponse, Problem> {
    let parent = who.parent();
    let created = app
        .services
        .catalog
        .create_category(who.within(&parent), new)
        .await?;
    let location = format!("/api/v1/categories/{}", created.id);
    Ok(accepted.created(created, &location))
}

/// Change a category
#[utoipa::path(
    put, path = "/api/v1/categories/{id}", tag = "catalogue", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Which"),
        ("If-Match" = Option<String>, Header, description = "`\"<version>\"`: only if it is still that one"),
    ),
    request_body = schema::NewCategory,
    responses((status = 200, description = "The category", body = schema::Category)),
)]
async fn update_category(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    PathId(id): PathId,
    headers: HeaderMap,
    Body(update): Body<CategoryUpdate>,
) -> Result<impl IntoResponse, Problem> {
    let parent = who.parent();
    let expected = expected_version(&headers)?;
    let catalog = &app.services.catalog;
    let updated = catalog
        .update_category(who.within(&parent), id, update, expected)
        .await?;
    Ok(accepted.ok(updated))
}

/// Retire a category
#[utoipa::path(
    delete, path = "/api/v1/categories/{id}", tag = "catalogue", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Which"),
        ("If-Match" = Option<String>, Header, description = "`\"<version>\"`: only if it is still that one"),
    ),
    responses((status = 204, description = "It is retired; requests that name it stay")),
)]
async fn retire_category(
    who: Who,
    State(app): State<App>,
    PathId(id): PathId,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let parent = who.parent();
    let expected = expected_version(&headers)?;
    app.services
        .catalog
        .retire_category(who.within(&parent), id, expected)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reasons, newest first, retired ones too
#[utoipa::path(
    get, path = "/api/v1/reasons", tag = "catalogue", security(("bearer" = [])),
    params(
        ("limit" = Option<u32>, Query, description = "1 to 1000, default 100"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the caller has"),
    ),
    responses(
        (status = 200, description = "A page, with the `ETag` of the whole list", body = schema::ReasonPage),
        (status = 304, description = "The list is as the caller has it"),
    ),
)]
async fn list_reasons(
    _who: Who,
    State(app): State<App>,
    accepted: Accepted,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = cached::page(&mut query);
    query.check()?;
    let tag = Tag::new(app.services.catalog.reasons_version().await?);
    if let Some(unchanged) = tag.unchanged(&headers) {
        return Ok(unchanged);
    }
    Ok(tag.on(accepted.ok(app.services.catalog.reasons(page).await?)))
}

/// Create a reason
#[utoipa::path(
    post, path = "/api/v1/reasons", tag = "catalogue", security(("bearer" = [])),
    request_body = schema::NewReason,
    responses((status = 201, description = "The reason", body = schema::Reason)),
)]
async fn create_reason(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    Body(new): Body<NewReason>,
) -> Result<impl IntoResponse, Problem> {
    let parent = who.parent();
    let created = app
        .services
        .catalog
        .create_reason(who.within(&parent), new)
        .await?;
    let location = format!("/api/v1/reasons/{}", created.id);
    Ok(accepted.created(created, &location))
}

/// Change a reason
#[utoipa::path(
    put, path = "/api/v1/reasons/{id}", tag = "catalogue", security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Which"),
        ("If-Match" = Option<String>, Header, description = "`\"<version>\"`: only if it is still that one"),
    ),
    request_body = schema::NewReason,
    responses((status = 200, description = "The reason", body = schema::Reason)),
)]
async fn update_reason(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    PathId(id): PathId,
    headers: HeaderMap,
    Body(update): Body<ReasonUpdate>,
) -> Result<impl IntoResponse, Problem> {
    let parent = who.parent();
    let expected = expected_version(&headers)?;
    let catalog = &app.services.catalog;
    let updated = catalog
        .update_reason(who.within(&parent), id, update, expected)
        .await?;
    Ok(accepted.ok(updated))
}

/// Who approves which level of which category, newest first
#[utoipa::path(
    get, path = "/api/v1/assignments", tag = "catalogue", security(("bearer" = [])),
    params(
        ("limit" = Option<u32>, Query, description = "1 to 1000, default 100"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the caller has"),
    ),
    responses(
        (status = 200, description = "A page, with the `ETag` of the whole list", body = schema::AssignmentPage),
        (status = 304, description = "The list is as the caller has it"),
    ),
)]
async fn list_assignments(
    _who: Who,
    State(app): State<App>,
    accepted: Accepted,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = cached::page(&mut query);
    query.check()?;
    let tag = Tag::new(app.services.catalog.assignments_version().await?);
    if let Some(unchanged) = tag.unchanged(&headers) {
        return Ok(unchanged);
    }
    Ok(tag.on(accepted.ok(app.services.catalog.assignments(page).await?)))
}

/// Name the approvers of a level, in place of those named before
#[utoipa::path(
    post, path = "/api/v1/assignments", tag = "catalogue", security(("bearer" = [])),
    params(("If-Match" = Option<String>, Header, description = "`\"<version>\"`: only if it is still that one")),
    request_body = schema::NewAssignment,
    responses((status = 201, description = "The assignment", body = schema::Assignment)),
)]
async fn replace_assignment(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    headers: HeaderMap,
    Body(new): Body<NewAssignment>,
) -> Result<impl IntoResponse, Problem> {
    let parent = who.parent();
    let expected = expected_version(&headers)?;
    let catalog = &app.services.catalog;
    let assignment = catalog
        .replace_assignment(who.within(&parent), new, expected)
        .await?;
    let location = format!("/api/v1/assignments/{}", assignment.id);
    Ok(accepted.created(assignment, &location))
}
