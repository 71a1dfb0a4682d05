//! Signing in and out, and the keys that tokens are verified with.

use super::schema;
use crate::app::App;
use crate::http::edge::{Caller, Context};
use crate::http::extract::Body;
use crate::http::media::Accepted;
use crate::problem::Problem;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use domain_services::events::User;
use domain_services::user::{ACCESS_TOKEN_SECONDS, LoggedIn};
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(refresh))
        .routes(routes!(logout))
        .routes(routes!(jwks))
}

/// [`schema::Session`] on its way out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    access_token: String,
    refresh_token: String,
    expires_in: i64,
    token_type: &'static str,
    user: User,
}

impl From<LoggedIn> for Session {
    fn from(logged_in: LoggedIn) -> Self {
        Self {
            access_token: logged_in.access_token,
            refresh_token: logged_in.refresh_token,
            expires_in: ACCESS_TOKEN_SECONDS,
            token_type: "Bearer",
            user: logged_in.user,
        }
    }
}

/// Sign in
#[utoipa::path(
    post, path = "/api/v1/auth/login", tag = "auth", request_body = schema::Login,
    responses((status = 200, description = "A session", body = schema::Session)),
)]
async fn login(
    State(app): State<App>,
    Extension(context): Extension<Arc<Context>>,
    accepted: Accepted,
    Body(login): Body<schema::Login>,
) -> Result<impl IntoResponse, Problem> {
    let schema::Login {
        email,
        password,
        device_id,
    } = login;
    let parent = context.trace.parent();
    let logged_in = app
        .services
        .users
        .login(&email, password, device_id, Some(&parent))
        .await?;
    Ok(accepted.ok(Session::from(logged_in)))
}

/// Exchange a refresh token for a new session's tokens
///
/// The previous refresh token gives the same successor until that has been used; after that its family ends.
#[utoipa::path(
    post, path = "/api/v1/auth/refresh", tag = "auth", request_body = schema::Refresh,
    responses((status = 200, description = "The session goes on", body = schema::Session)),
)]
async fn refresh(
    State(app): State<App>,
    Extension(context): Extension<Arc<Context>>,
    accepted: Accepted,
    Body(refresh): Body<schema::Refresh>,
) -> Result<impl IntoResponse, Problem> {
    let parent = context.trace.parent();
    let users = &app.services.users;
    let logged_in = users.refresh(&refresh.refresh_token, Some(&parent)).await?;
    Ok(accepted.ok(Session::from(logged_in)))
}

/// End a session: the one of the refresh token, and the caller's
#[utoipa::path(
    post, path = "/api/v1/auth/logout", tag = "auth", request_body = Option<schema::Logout>,
    responses((status = 204, description = "There is no such session any more")),
)]
async fn logout(
    State(app): State<App>,
    Extension(context): Extension<Arc<Context>>,
    body: Result<Option<Body<schema::Logout>>, Problem>,
) -> Result<impl IntoResponse, Problem> {
    // A phone that signs out is signed out, whatever it sends along.
    let refresh_token = body.ok().flatten().and_then(|Body(out)| out.refresh_token);
    let who = match &context.caller {
        Caller::Known(identity) => Some(&**identity),
        Caller::Anonymous | Caller::Refused(_) => None,
    };
    let parent = context.trace.parent();
    app.services
        .users
        .logout(who, refresh_token.as_deref(), Some(&parent))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The public keys of access tokens (RFC 7517)
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "auth",
    responses((status = 200, description = "The keys", body = serde_json::Value)),
)]
async fn jwks(State(app): State<App>) -> impl IntoResponse {
    Json(app.services.tokens.jwks())
}
