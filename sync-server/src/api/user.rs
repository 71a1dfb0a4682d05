//! People and departments.

use super::access::Who;
use super::schema;
use crate::app::App;
use crate::http::cached::{self, Tag};
use crate::http::extract::Body;
use crate::http::media::Accepted;
use crate::http::params::{self, PathId, Query};
use crate::problem::Problem;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain_services::events::User;
use domain_services::user::{NewDepartment, NewUser, UserFilter, role_filter};
use http::HeaderMap;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(me))
        .routes(routes!(list, create))
        .routes(routes!(find))
        .routes(routes!(list_departments, create_department))
}

/// Who am I
#[utoipa::path(
    get, path = "/api/v1/users/me", tag = "users", security(("bearer" = [])),
    responses((status = 200, description = "The caller", body = schema::User)),
)]
async fn me(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
) -> Result<impl IntoResponse, Problem> {
    Ok(accepted.ok(app.services.users.me(&who).await?))
}

/// People, newest first; `role=manager` lists approvers
#[utoipa::path(
    get, path = "/api/v1/users", tag = "users", security(("bearer" = [])),
    params(
        ("role" = Option<String>, Query, description = "`sales`, `approver` (or `manager`), `admin`, `auditor`, `service`"),
        ("departmentId" = Option<uuid::Uuid>, Query, description = "Of this department"),
        ("active" = Option<bool>, Query, description = "Still there, or not"),
        ("limit" = Option<u32>, Query, description = "1 to 1000, default 100"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, description = "A page", body = schema::UserPage)),
)]
async fn list(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    mut query: Query,
) -> Result<impl IntoResponse, Problem> {
    let filter = UserFilter {
        role: query.one("role", |text| {
            role_filter(text).map_err(|wrong| wrong.detail)
        }),
        department_id: query.one("departmentId", params::id),
        active: query.one("active", params::truth),
    };
    let page = cached::page(&mut query);
    query.check()?;
    Ok(accepted.ok(app.services.users.list(&who, filter, page).await?))
}

/// [`schema::CreatedUser`] on its way out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    #[serde(flatten)]
    user: User,
    #[serde(skip_serializing_if = "Option::is_none")]
    one_time_token: Option<String>,
}

/// Create a person
///
/// Without a password, the answer has a one-time token that signs in once. The same id and content again is
/// 200 with the same person.
#[utoipa::path(
    post, path = "/api/v1/users", tag = "users", security(("bearer" = [])), request_body = schema::NewUser,
    responses((status = 201, description = "The person", body = schema::CreatedUser)),
)]
async fn create(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    Body(new): Body<NewUser>,
) -> Result<impl IntoResponse, Problem> {
    let created = app.services.users.create(&who, new).await?;
    let location = format!("/api/v1/users/{}", created.user.id);
    let is_new = created.created;
    let answer = Created {
        user: created.user,
        one_time_token: created.one_time_token,
    };
    Ok(accepted.made(is_new, answer, &location))
}

/// A person: oneself, or for admins anybody
#[utoipa::path(
    get, path = "/api/v1/users/{id}", tag = "users", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "Whom")),
    responses((status = 200, description = "The person", body = schema::User)),
)]
async fn find(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    PathId(id): PathId,
) -> Result<impl IntoResponse, Problem> {
    Ok(accepted.ok(app.services.users.find(&who, id).await?))
}

/// Departments, newest first
#[utoipa::path(
    get, path = "/api/v1/departments", tag = "users", security(("bearer" = [])),
    params(
        ("limit" = Option<u32>, Query, description = "1 to 1000, default 100"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the caller has"),
    ),
    responses(
        (status = 200, description = "A page, with the `ETag` of the whole list", body = schema::DepartmentPage),
        (status = 304, description = "The list is as the caller has it"),
    ),
)]
async fn list_departments(
    _who: Who,
    State(app): State<App>,
    accepted: Accepted,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = cached::page(&mut query);
    query.check()?;
    let tag = Tag::new(app.services.users.departments_version().await?);
    if let Some(unchanged) = tag.unchanged(&headers) {
        return Ok(unchanged);
    }
    Ok(tag.on(accepted.ok(app.services.users.departments(page).await?)))
}

/// Create a department
#[utoipa::path(
    post, path = "/api/v1/departments", tag = "users", security(("bearer" = [])),
    request_body = schema::NewDepartment,
    responses((status = 201, description = "The department", body = schema::Department)),
)]
async fn create_department(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    Body(new): Body<NewDepartment>,
) -> Result<impl IntoResponse, Problem> {
    let created = app.services.users.create_department(&who, new).await?;
    let location = format!("/api/v1/departments/{}", created.id);
    Ok(accepted.created(created, &location))
}
