//! People and departments.

use super::access::Who;
use super::schema;
use crate::app::App;
use crate::http::cached::{self, Tag, expected_version};
use crate::http::extract::Body;
use crate::http::media::Accepted;
use crate::http::params::{self, PathId, Query};
use crate::problem::Problem;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain_services::events::User;
use domain_services::user::{
    CreatedUser, NewDepartment, NewUser, PasswordChange, UserFilter, UserUpdate, role_filter,
};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(me))
        .routes(routes!(list, create))
        .routes(routes!(change_password))
        .routes(routes!(find, update, deactivate))
        .routes(routes!(reset_password))
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
    get, path = "/api/v1/users", operation_id = "list_users", tag = "users", security(("bearer" = [])),
    params(
        ("role" = Option<String>, Query, description = "`sales`, `approver` (or `manager`), `admin`, `auditor`, `service`"),
        ("departmentId" = Option<uuid::Uuid>, Query, description = "Of this department"),
        ("active" = Option<bool>, Query, description = "Still there, or not"),
        ("region" = Option<String>, Query, description = "Of this sales region, to the letter"),
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
        region: query.one("region", params::storable),
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

impl From<CreatedUser> for Created {
    fn from(created: CreatedUser) -> Self {
        Self {
            user: created.user,
            one_time_token: created.one_time_token,
        }
    }
}

/// Create a person
///
/// Without a password, the answer has a one-time token that signs in once. The same id and content again is
/// 200 with the same person.
#[utoipa::path(
    post, path = "/api/v1/users", operation_id = "create_user", tag = "users", security(("bearer" = [])), request_body = schema::NewUser,
    responses(
        (status = 201, description = "The person", body = schema::CreatedUser),
        (status = 200, description = "The person, created before by the same call", body = schema::CreatedUser),
    ),
)]
async fn create(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    Body(new): Body<NewUser>,
) -> Result<impl IntoResponse, Problem> {
    let parent = who.parent();
    let created = app.services.users.create(who.within(&parent), new).await?;
    let location = format!("/api/v1/users/{}", created.user.id);
    let is_new = created.created;
    Ok(accepted.made(is_new, Created::from(created), &location))
}

/// A person: oneself, or for admins anybody
#[utoipa::path(
    get, path = "/api/v1/users/{id}", operation_id = "find_user", tag = "users", security(("bearer" = [])),
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

/// Change a person
///
/// Takes the whole person; only `active` may be absent, and is then left as it is. `active: false` is as DELETE,
/// `active: true` brings back who had left. Other roles are in the tokens of the next refresh.
#[utoipa::path(
    put, path = "/api/v1/users/{id}", operation_id = "update_user", tag = "users", security(("bearer" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "Whom"),
        ("If-Match" = Option<String>, Header, description = "`\"<version>\"`: only if it is still that one"),
    ),
    request_body = schema::UserUpdate,
    responses((status = 200, description = "The person", body = schema::User)),
)]
async fn update(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    PathId(id): PathId,
    headers: HeaderMap,
    Body(update): Body<UserUpdate>,
) -> Result<impl IntoResponse, Problem> {
    let parent = who.parent();
    let expected = expected_version(&headers)?;
    let users = &app.services.users;
    Ok(accepted.ok(users
        .update(who.within(&parent), id, update, expected)
        .await?))
}

/// Deactivate a person
///
/// All sessions end at once; the history keeps the person.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}", tag = "users", security(("bearer" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "Whom"),
        ("If-Match" = Option<String>, Header, description = "`\"<version>\"`: only if it is still that one"),
    ),
    responses((status = 204, description = "The person is not active")),
)]
async fn deactivate(
    who: Who,
    State(app): State<App>,
    PathId(id): PathId,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let parent = who.parent();
    let expected = expected_version(&headers)?;
    app.services
        .users
        .deactivate(who.within(&parent), id, expected)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change one's own password
///
/// All other sessions of the caller end. A wrong `current` is 401 `invalid_credentials`: the session is still
/// good, and nothing is to be refreshed.
#[utoipa::path(
    post, path = "/api/v1/users/me/password", tag = "users", security(("bearer" = [])),
    request_body = schema::PasswordChange,
    responses((status = 204, description = "The new password signs in from now on")),
)]
async fn change_password(
    who: Who,
    State(app): State<App>,
    Body(change): Body<PasswordChange>,
) -> Result<impl IntoResponse, Problem> {
    let parent = who.parent();
    app.services
        .users
        .change_password(who.within(&parent), change)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a person's password away
///
/// The answer has a one-time token that signs in once in its place; all sessions of the person end.
#[utoipa::path(
    post, path = "/api/v1/users/{id}/password-reset", tag = "users", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "Whose")),
    responses((status = 200, description = "The person, with the token", body = schema::CreatedUser)),
)]
async fn reset_password(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    PathId(id): PathId,
) -> Result<impl IntoResponse, Problem> {
    let parent = who.parent();
    let reset = app
        .services
        .users
        .reset_password(who.within(&parent), id)
        .await?;
    Ok(accepted.ok(Created::from(reset)))
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
    let parent = who.parent();
    let created = app
        .services
        .users
        .create_department(who.within(&parent), new)
        .await?;
    let location = format!("/api/v1/departments/{}", created.id);
    Ok(accepted.created(created, &location))
}
