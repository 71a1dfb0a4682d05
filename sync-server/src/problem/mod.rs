//! The only place where errors become HTTP: problem documents of RFC 9457.
//!
//! Whatever goes wrong becomes a [`Problem`]. A problem turned into a response is still without its
//! `instance`; the [edge](crate::http::edge) knows the trace and writes the body. What a client may see is
//! in the problem's public half; its `cause` goes to the log only, once, at the edge.

mod of_services;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;
use utoipa::ToSchema;

/// What kind of failure it is; stable, and safe to branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProblemCode)]
pub enum Code {
    /// The body is not what its type says, or not of the expected shape.
    MalformedBody,
    /// A parameter, cursor or field has a value that cannot be.
    InvalidValue,
    /// No token, or one that means nothing here.
    Unauthenticated,
    /// E-mail or password is wrong.
    InvalidCredentials,
    /// The token was good once: refresh it and repeat the request once.
    TokenExpired,
    /// The session has ended: sign in again.
    SessionRevoked,
    /// The role does not permit it.
    Forbidden,
    /// It does not exist, or is another's.
    NotFound,
    /// The path knows other methods only.
    MethodNotAllowed,
    /// None of the accepted types can be made.
    NotAcceptable,
    /// The body's type or encoding is not understood.
    UnsupportedMediaType,
    /// Another account has this e-mail address.
    EmailTaken,
    /// The queue was made by another user.
    WrongUser,
    /// The last admin cannot be taken away.
    LastAdmin,
    /// The cursor is not of this history: pull from the beginning.
    ResyncRequired,
    /// The record is no longer the one that was named.
    PreconditionFailed,
    /// The body is larger than the limit.
    BodyTooLarge,
    /// The batch has more changes than the limit.
    BatchTooLarge,
    /// Too many requests in too little time.
    RateLimited,
    /// For now nothing can be done: try again.
    Unavailable,
    /// The server failed; the log knows more under the trace id.
    Internal,
}

impl Code {
    /// All of them, for documents and tests.
    pub const ALL: [Self; 21] = [
        Self::MalformedBody,
        Self::InvalidValue,
        Self::Unauthenticated,
        Self::InvalidCredentials,
        Self::TokenExpired,
        Self::SessionRevoked,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::UnsupportedMediaType,
        Self::EmailTaken,
        Self::WrongUser,
        Self::LastAdmin,
        Self::ResyncRequired,
        Self::PreconditionFailed,
        Self::BodyTooLarge,
        Self::BatchTooLarge,
        Self::RateLimited,
        Self::Unavailable,
        Self::Internal,
    ];

    /// Status, name and title.
    const fn facts(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::MalformedBody => (S::BAD_REQUEST, "malformed_body", "Malformed body"),
            Self::InvalidValue => (S::BAD_REQUEST, "invalid_value", "Invalid value"),
            Self::Unauthenticated => (S::UNAUTHORIZED, "unauthenticated", "Not signed in"),
            Self::InvalidCredentials => {
                (S::UNAUTHORIZED, "invalid_credentials", "Wrong credentials")
            }
            Self::TokenExpired => (S::UNAUTHORIZED, "token_expired", "Token expired"),
            Self::SessionRevoked => (S::UNAUTHORIZED, "session_revoked", "Session ended"),
            Self::Forbidden => (S::FORBIDDEN, "forbidden", "Not permitted"),
            Self::NotFound => (S::NOT_FOUND, "not_found", "Not found"),
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "Method not allowed",
            ),
            Self::NotAcceptable => (S::NOT_ACCEPTABLE, "not_acceptable", "Not acceptable"),
            Self::UnsupportedMediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "Unsupported media type",
            ),
            Self::EmailTaken => (S::CONFLICT, "email_taken", "E-mail address taken"),
            Self::WrongUser => (S::CONFLICT, "wrong_user", "Another user's queue"),
            Self::LastAdmin => (S::CONFLICT, "last_admin", "Last admin"),
            Self::ResyncRequired => (S::GONE, "resync_required", "Resync required"),
            Self::PreconditionFailed => (
                S::PRECONDITION_FAILED,
                "precondition_failed",
                "Precondition failed",
            ),
            Self::BodyTooLarge => (S::PAYLOAD_TOO_LARGE, "body_too_large", "Body too large"),
            Self::BatchTooLarge => (S::PAYLOAD_TOO_LARGE, "batch_too_large", "Batch too large"),
            Self::RateLimited => (S::TOO_MANY_REQUESTS, "rate_limited", "Too many requests"),
            Self::Unavailable => (S::SERVICE_UNAVAILABLE, "unavailable", "Unavailable for now"),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
        }
    }

    /// The name clients branch on.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.facts().1
    }

    /// The status it is answered with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.facts().0
    }
}

/// One thing wrong with the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InputError {
    /// JSON pointer into the body (`/amount/minor`), or `/query/…`, `/path/…`, `/header/…`.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

/// A failure on its way to the client.
#[derive(Debug, Clone)]
pub struct Problem(Box<Facts>);

#[derive(Debug, Clone)]
struct Facts {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<InputError>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Arc<str>>,
}

impl Problem {
    /// A problem of this kind with a sentence for the client.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let (status, code, title) = code.facts();
        let problem = Self(Box::new(Facts {
            status,
            code,
            title,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
            cause: None,
        }));
        match status {
            StatusCode::UNAUTHORIZED => problem.challenged(),
            StatusCode::SERVICE_UNAVAILABLE => problem.retry_after(1),
            _ => problem,
        }
    }

    /// A rule that refuses a command: 409 with the rule's code.
    pub fn rule(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let mut problem = Self::new(Code::WrongUser, detail);
        problem.0.code = code;
        problem.0.title = "A rule refuses it";
        problem
    }

    /// Input that cannot be, at one place.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::invalid_all(vec![InputError {
            pointer: pointer.into(),
            detail: detail.into(),
        }])
    }

    /// Input that cannot be, at several places; the sentence is that of the first.
    #[must_use]
    pub fn invalid_all(errors: Vec<InputError>) -> Self {
        let detail = errors.first().map_or_else(
            || "the input is not valid".to_owned(),
            |first| format!("{}: {}", first.pointer, first.detail),
        );
        let mut problem = Self::new(Code::InvalidValue, detail);
        problem.0.errors = errors;
        problem
    }

    /// A failure that is the server's own: the client learns nothing of the cause, the log all of it.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::new(
            Code::Internal,
            "the server failed; its log says more under this trace id",
        )
        .because(cause)
    }

    /// The database or another part is away.
    pub fn unavailable(cause: impl std::fmt::Display) -> Self {
        Self::new(
            Code::Unavailable,
            "a part of the server is away; try again shortly",
        )
        .because(cause)
    }

    /// What the log should say.
    #[must_use]
    pub fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string().into());
        self
    }

    /// After how many seconds another try makes sense.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.headers.retain(|(name, _)| name != RETRY_AFTER);
        self.with_header(RETRY_AFTER, seconds.into())
    }

    /// Another header of the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// RFC 6750: says how to sign in, and why the token given was refused.
    fn challenged(self) -> Self {
        let challenge = match self.0.code {
            "token_expired" => {
                r#"Bearer realm="athena", error="invalid_token", error_description="expired""#
            }
            "session_revoked" => r#"Bearer realm="athena", error="invalid_token""#,
            _ => r#"Bearer realm="athena""#,
        };
        self.with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// The status it is answered with.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The code it is answered with.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.0.code
    }

    /// What the log should say about the cause.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The document, with the trace it belongs to.
    #[must_use]
    pub fn document<'a>(&'a self, trace_id: &'a str) -> Document<'a> {
        Document {
            kind: format!("urn:athena:problem:{}", self.0.code),
            title: self.0.title,
            status: self.0.status.as_u16(),
            detail: &self.0.detail,
            code: self.0.code,
            instance: trace_id,
            errors: &self.0.errors,
        }
    }

    /// The whole answer, with the trace it belongs to.
    #[must_use]
    pub fn render(&self, trace_id: &str) -> Response {
        let body = serde_json::to_vec(&self.document(trace_id)).unwrap_or_default();
        let mut response = Response::new(body.into());
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        for (name, value) in &self.0.headers {
            headers.append(name, value.clone());
        }
        response
    }
}

/// The media type of every error.
pub const MEDIA_TYPE: &str = "application/problem+json";

impl IntoResponse for Problem {
    /// A response whose body the edge writes; until then only the status and this problem.
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The problem that a response carries, if it is one.
pub(crate) fn of(response: &mut Response) -> Option<Problem> {
    response.extensions_mut().remove::<Problem>()
}

/// A problem document (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Document<'a> {
    /// A name of the kind of problem, one a code.
    #[serde(rename = "type")]
    kind: String,
    /// The kind, for people.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What went wrong this time, for people.
    detail: &'a str,
    /// What went wrong, for programs: a code of `ProblemCode`, or of a rule with status 409.
    code: &'a str,
    /// The trace id, to be quoted when asking for help.
    instance: &'a str,
    /// What is wrong with the input, place by place.
    #[serde(skip_serializing_if = "<[InputError]>::is_empty")]
    errors: &'a [InputError],
}

/// A path that leads nowhere.
pub async fn no_such_path() -> Problem {
    Problem::new(Code::NotFound, "there is nothing at this path")
}

/// A path that knows other methods; axum adds `Allow`.
pub async fn no_such_method() -> Problem {
    Problem::new(
        Code::MethodNotAllowed,
        "this path does not know the method; the Allow header names those it does",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_as_serde_writes_them_and_are_distinct() {
        let names: std::collections::BTreeSet<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[tokio::test]
    async fn the_document_has_what_the_contract_says() {
        let problem = Problem::invalid("/amount/minor", "must be at least 1").because("secret");
        let response = problem.render("0af7651916cd43dd8448eb211c80319c");
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers()[CONTENT_TYPE], MEDIA_TYPE);
        let body = axum::body::to_bytes(response.into_body(), 4_096)
            .await
            .unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "type": "urn:athena:problem:invalid_value", "title": "Invalid value", "status": 400,
                "detail": "/amount/minor: must be at least 1", "code": "invalid_value",
                "instance": "0af7651916cd43dd8448eb211c80319c",
                "errors": [{"pointer": "/amount/minor", "detail": "must be at least 1"}],
            })
        );
    }

    #[test]
    fn refusals_say_what_would_help() {
        let expired = Problem::new(Code::TokenExpired, "").render("");
        let challenge = expired.headers()[WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.contains("invalid_token"), "{challenge}");
        assert_eq!(
            Problem::unavailable("x").render("").headers()[RETRY_AFTER],
            "1"
        );
        let later = Problem::unavailable("x").retry_after(7).render("");
        assert_eq!(later.headers().get_all(RETRY_AFTER).iter().count(), 1);
    }
}
