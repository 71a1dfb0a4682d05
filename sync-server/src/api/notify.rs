//! Notifications: messages of other programs, one's own preferences and phones, what became of a message.

use super::access::Who;
use super::schema;
use crate::app::App;
use crate::http::edge::Context;
use crate::http::extract::{Body, FormBody};
use crate::http::media::Accepted;
use crate::http::params::{PathDevice, PathId};
use crate::problem::{Code, Problem};
use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use domain_services::notification::{Ask, Channel, NewPushToken, Preferences};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(push))
        .routes(routes!(email))
        .routes(routes!(sms))
        .routes(routes!(status))
        .routes(routes!(preferences, set_preferences))
        .routes(routes!(set_push_token))
        .routes(routes!(twilio_status))
}

/// [`schema::Accepted`] on its way out.
#[derive(Serialize)]
struct Taken {
    id: Uuid,
}

async fn ask(
    who: &Who,
    app: &App,
    context: &Context,
    channel: Channel,
    ask: Ask,
) -> Result<Taken, Problem> {
    let parent = context.trace.parent();
    let notifications = &app.services.notifications;
    let id = notifications.ask(who, channel, ask, Some(&parent)).await?;
    Ok(Taken { id })
}

/// Send a push message
///
/// To a person's phones, or to a registration token. 202 means queued: what became of it is told by its status.
/// The same `idempotencyKey` again is the same message.
#[utoipa::path(
    post, path = "/api/v1/notify/push", tag = "notify", security(("bearer" = [])),
    request_body = schema::PushMessage,
    responses((status = 202, description = "Queued", body = schema::Queued)),
)]
async fn push(
    who: Who,
    State(app): State<App>,
    Extension(context): Extension<Arc<Context>>,
    accepted: Accepted,
    Body(message): Body<Ask>,
) -> Result<impl IntoResponse, Problem> {
    let taken = ask(&who, &app, &context, Channel::Push, message).await?;
    Ok(accepted.queued(taken))
}

/// Send an e-mail
///
/// To a person, or to an address. 202 means queued: what became of it is told by its status. The same
/// `idempotencyKey` again is the same message.
#[utoipa::path(
    post, path = "/api/v1/notify/email", tag = "notify", security(("bearer" = [])),
    request_body = schema::EmailMessage,
    responses((status = 202, description = "Queued", body = schema::Queued)),
)]
async fn email(
    who: Who,
    State(app): State<App>,
    Extension(context): Extension<Arc<Context>>,
    accepted: Accepted,
    Body(message): Body<Ask>,
) -> Result<impl IntoResponse, Problem> {
    let taken = ask(&who, &app, &context, Channel::Email, message).await?;
    Ok(accepted.queued(taken))
}

/// Send an SMS
///
/// To a person who has named a number, or to a number. 202 means queued: what became of it is told by its
/// status. The same `idempotencyKey` again is the same message.
#[utoipa::path(
    post, path = "/api/v1/notify/sms", tag = "notify", security(("bearer" = [])),
    request_body = schema::SmsMessage,
    responses((status = 202, description = "Queued", body = schema::Queued)),
)]
async fn sms(
    who: Who,
    State(app): State<App>,
    Extension(context): Extension<Arc<Context>>,
    accepted: Accepted,
    Body(message): Body<Ask>,
) -> Result<impl IntoResponse, Problem> {
    let taken = ask(&who, &app, &context, Channel::Sms, message).await?;
    Ok(accepted.queued(taken))
}

/// What became of a message
#[utoipa::path(
    get, path = "/api/v1/notify/status/{id}", tag = "notify", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Which")),
    responses((status = 200, description = "The message and what was tried", body = schema::NotificationStatus)),
)]
async fn status(
    _who: Who,
    State(app): State<App>,
    accepted: Accepted,
    PathId(id): PathId,
) -> Result<impl IntoResponse, Problem> {
    Ok(accepted.ok(app.services.notifications.status(id).await?))
}

/// How I want to be told
#[utoipa::path(
    get, path = "/api/v1/notify/preferences", tag = "notify", security(("bearer" = [])),
    responses((status = 200, description = "The caller's preferences", body = schema::Preferences)),
)]
async fn preferences(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
) -> Result<impl IntoResponse, Problem> {
    Ok(accepted.ok(app.services.notifications.preferences(&who).await?))
}

/// Say how I want to be told
///
/// Takes the whole; what is not given is as usual: push and e-mail, at any hour.
#[utoipa::path(
    put, path = "/api/v1/notify/preferences", tag = "notify", security(("bearer" = [])),
    request_body = schema::Preferences,
    responses((status = 200, description = "The caller's preferences", body = schema::Preferences)),
)]
async fn set_preferences(
    who: Who,
    State(app): State<App>,
    accepted: Accepted,
    Body(new): Body<Preferences>,
) -> Result<impl IntoResponse, Problem> {
    let notifications = &app.services.notifications;
    Ok(accepted.ok(notifications.set_preferences(&who, new).await?))
}

/// Say where my phone takes push messages
///
/// To be sent after each sign-in, and when the app is given another token. It ends with the session.
#[utoipa::path(
    put, path = "/api/v1/devices/{deviceId}/push-token", tag = "notify", security(("bearer" = [])),
    params(("deviceId" = String, Path, description = "The phone, as at login")),
    request_body = schema::PushToken,
    responses((status = 204, description = "Push messages go there from now on")),
)]
async fn set_push_token(
    who: Who,
    State(app): State<App>,
    PathDevice(device): PathDevice,
    Body(token): Body<NewPushToken>,
) -> Result<impl IntoResponse, Problem> {
    let notifications = &app.services.notifications;
    notifications.set_push_token(&who, device, token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Twilio tells what became of an SMS
///
/// For Twilio alone: the signature is its way of signing in.
#[utoipa::path(
    post, path = "/api/v1/notify/callbacks/twilio/{id}", tag = "notify",
    params(
        ("id" = Uuid, Path, description = "Which message"),
        ("X-Twilio-Signature" = String, Header, description = "HMAC-SHA1 of the address and the parameters"),
    ),
    request_body(content = schema::TwilioStatus, content_type = "application/x-www-form-urlencoded"),
    responses((status = 204, description = "Heard")),
)]
async fn twilio_status(
    State(app): State<App>,
    PathId(id): PathId,
    headers: HeaderMap,
    signed: Result<FormBody, Problem>,
) -> Result<impl IntoResponse, Problem> {
    let refused = || {
        metrics::counter!("athena_callbacks_refused_total", "provider" => "twilio").increment(1);
        Problem::new(Code::Forbidden, "the signature is not Twilio's")
    };
    // Who does not sign hears nothing of what a body should be.
    let signature = headers
        .get("x-twilio-signature")
        .and_then(|value| value.to_str().ok())
        .ok_or_else(refused)?;
    let callback = app.services.sms_callback.as_ref().ok_or_else(refused)?;
    let FormBody(parameters) = signed.map_err(|_| refused())?;
    callback
        .check(id, &parameters, signature)
        .map_err(|_| refused())?;
    let parameter = |wanted: &str| {
        let mut found = parameters.iter().filter(|(name, _)| name == wanted);
        found.next().map(|(_, value)| value.as_str())
    };
    let missing = |name: &str| Problem::invalid(format!("/{name}"), "is missing");
    let sid = parameter("MessageSid").ok_or_else(|| missing("MessageSid"))?;
    let status = parameter("MessageStatus").ok_or_else(|| missing("MessageStatus"))?;
    let notifications = &app.services.notifications;
    notifications
        .sms_told(id, sid, status, parameter("ErrorCode"))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
