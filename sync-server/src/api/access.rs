//! Who may call which route: the one table of roles. Which *records* a caller may see or change is the
//! services' business.

use crate::http::edge::{Caller, Context};
use crate::problem::{Code, Problem};
use axum::extract::{FromRequestParts, MatchedPath};
use domain_services::identity::{Acting, Identity, Role};
use domain_services::user::TokenError;
use http::Method;
use http::request::Parts;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

/// Whom a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Anyone at all.
    Public,
    /// Anyone signed in.
    SignedIn,
    /// Anyone with one of these roles.
    Roles(&'static [Role]),
}

use Audience::{Public, Roles, SignedIn};

const ADMIN: Audience = Roles(&[Role::Admin]);
const SALES: Audience = Roles(&[Role::Sales]);
const APPROVER: Audience = Roles(&[Role::Approver]);
const SERVICE: Audience = Roles(&[Role::Service]);
const NOTIFY_READERS: Audience = Roles(&[Role::Service, Role::Admin]);
const WITHDRAWERS: Audience = Roles(&[Role::Sales, Role::Admin]);
const AUDITORS: Audience = Roles(&[Role::Admin, Role::Auditor]);
const REQUEST_READERS: Audience = Roles(&[Role::Sales, Role::Admin, Role::Auditor]);

/// Every route of the interface. A route that is not here answers 403 to everybody.
pub const TABLE: &[(Method, &str, Audience)] = &[
    (Method::GET, "/.well-known/jwks.json", Public),
    (Method::POST, "/api/v1/auth/login", Public),
    (Method::POST, "/api/v1/auth/refresh", Public),
    (Method::POST, "/api/v1/auth/logout", Public),
    (Method::GET, "/api/v1/users/me", SignedIn),
    (Method::POST, "/api/v1/users/me/password", SignedIn),
    (Method::GET, "/api/v1/users", ADMIN),
    (Method::POST, "/api/v1/users", ADMIN),
    (Method::GET, "/api/v1/users/{id}", SignedIn),
    (Method::PUT, "/api/v1/users/{id}", ADMIN),
    (Method::DELETE, "/api/v1/users/{id}", ADMIN),
    (Method::POST, "/api/v1/users/{id}/password-reset", ADMIN),
    (Method::GET, "/api/v1/departments", SignedIn),
    (Method::POST, "/api/v1/departments", ADMIN),
    (Method::GET, "/api/v1/categories", SignedIn),
    (Method::POST, "/api/v1/categories", ADMIN),
    (Method::PUT, "/api/v1/categories/{id}", ADMIN),
    (Method::DELETE, "/api/v1/categories/{id}", ADMIN),
    (Method::GET, "/api/v1/reasons", SignedIn),
    (Method::POST, "/api/v1/reasons", ADMIN),
    (Method::PUT, "/api/v1/reasons/{id}", ADMIN),
    (Method::GET, "/api/v1/assignments", SignedIn),
    (Method::POST, "/api/v1/assignments", ADMIN),
    (Method::GET, "/api/v1/requests", REQUEST_READERS),
    (Method::POST, "/api/v1/requests", SALES),
    (Method::GET, "/api/v1/requests/{id}", REQUEST_READERS),
    (Method::GET, "/api/v1/requests/{id}/status", REQUEST_READERS),
    (Method::POST, "/api/v1/requests/sync", SALES),
    (Method::GET, "/api/v1/requests/updates", SALES),
    (Method::GET, "/api/v1/requests/updates/stream", SALES),
    (Method::POST, "/api/v1/requests/{id}/withdraw", WITHDRAWERS),
    (Method::GET, "/api/v1/approvals/incoming", APPROVER),
    (Method::GET, "/api/v1/approvals/history", APPROVER),
    (Method::POST, "/api/v1/approvals/sync", APPROVER),
    (Method::GET, "/api/v1/approvals/updates", APPROVER),
    (Method::GET, "/api/v1/approvals/updates/stream", APPROVER),
    (Method::POST, "/api/v1/approvals/{id}/approve", APPROVER),
    (Method::POST, "/api/v1/approvals/{id}/reject", APPROVER),
    (Method::POST, "/api/v1/approvals/{id}/rollback", APPROVER),
    (Method::GET, "/api/v1/audit/logs", AUDITORS),
    (Method::GET, "/api/v1/audit/checkpoint", AUDITORS),
    (Method::GET, "/api/v1/audit/key", AUDITORS),
    (Method::GET, "/api/v1/audit/proof/inclusion", AUDITORS),
    (Method::GET, "/api/v1/audit/proof/consistency", AUDITORS),
    (Method::GET, "/api/v1/audit/export", AUDITORS),
    (Method::POST, "/api/v1/notify/push", SERVICE),
    (Method::POST, "/api/v1/notify/email", SERVICE),
    (Method::POST, "/api/v1/notify/sms", SERVICE),
    (Method::GET, "/api/v1/notify/status/{id}", NOTIFY_READERS),
    (Method::GET, "/api/v1/notify/preferences", SignedIn),
    (Method::PUT, "/api/v1/notify/preferences", SignedIn),
    (
        Method::PUT,
        "/api/v1/devices/{deviceId}/push-token",
        SignedIn,
    ),
    (Method::POST, "/api/v1/notify/callbacks/twilio/{id}", Public),
];

static BY_PATH: LazyLock<HashMap<&'static str, Vec<(Method, Audience)>>> = LazyLock::new(|| {
    let mut by_path: HashMap<_, Vec<_>> = HashMap::new();
    for (method, path, audience) in TABLE {
        by_path
            .entry(*path)
            .or_default()
            .push((method.clone(), *audience));
    }
    by_path
});

/// Whom a route is for; `None` when the table does not know it.
#[must_use]
pub fn audience(method: &Method, path: &str) -> Option<Audience> {
    let method = if *method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    let routes = BY_PATH.get(path)?;
    let (_, audience) = routes.iter().find(|(known, _)| known == method)?;
    Some(*audience)
}

/// The verified caller of a route that the caller's roles permit. The first parameter of every handler that
/// is not public.
#[derive(Debug, Clone)]
pub struct Who {
    identity: Arc<Identity>,
    context: Arc<Context>,
}

impl Who {
    /// What to send on as `traceparent`.
    #[must_use]
    pub fn parent(&self) -> String {
        self.context.trace.parent()
    }

    /// The caller, acting in this trace.
    #[must_use]
    pub fn within<'a>(&'a self, parent: &'a str) -> Acting<'a> {
        Acting {
            who: &self.identity,
            traceparent: Some(parent),
        }
    }
}

impl Deref for Who {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.identity
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(context) = parts.extensions.get::<Arc<Context>>() else {
            return Err(Problem::internal("a route outside of the edge"));
        };
        let identity = signed_in(&context.caller)?;
        let path = parts
            .extensions
            .get::<MatchedPath>()
            .map_or("", MatchedPath::as_str);
        match audience(&parts.method, path) {
            Some(Public | SignedIn) => {}
            Some(Roles(roles)) if identity.roles.has_any(roles) => {}
            Some(Roles(_)) => {
                return Err(Problem::new(Code::Forbidden, "this is not for your role"));
            }
            None => {
                return Err(
                    Problem::new(Code::Forbidden, "this is for nobody").because(format!(
                        "{} {path} is not in the table of roles",
                        parts.method
                    )),
                );
            }
        }
        Ok(Self {
            identity: Arc::clone(identity),
            context: Arc::clone(context),
        })
    }
}

fn signed_in(caller: &Caller) -> Result<&Arc<Identity>, Problem> {
    let (code, detail) = match caller {
        Caller::Known(identity) => return Ok(identity),
        Caller::Anonymous => (
            Code::Unauthenticated,
            "sign in, and send the access token as `Authorization: Bearer …`",
        ),
        Caller::Refused(TokenError::Expired) => (
            Code::TokenExpired,
            "the access token has expired: refresh it, and repeat the request once",
        ),
        Caller::Refused(TokenError::SessionEnded) => {
            (Code::SessionRevoked, "the session has ended: sign in again")
        }
        Caller::Refused(TokenError::Unauthenticated) => {
            (Code::Unauthenticated, "the access token means nothing here")
        }
    };
    Err(Problem::new(code, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_has_one_audience() {
        for (index, (method, path, _)) in TABLE.iter().enumerate() {
            let again = TABLE[index + 1..]
                .iter()
                .any(|(m, p, _)| m == method && p == path);
            assert!(!again, "{method} {path}");
        }
    }

    #[test]
    fn reading_by_head_is_reading() {
        assert_eq!(
            audience(&Method::HEAD, "/api/v1/requests"),
            Some(REQUEST_READERS)
        );
        assert_eq!(audience(&Method::PATCH, "/api/v1/requests"), None);
        assert_eq!(audience(&Method::GET, "/elsewhere"), None);
    }
}
