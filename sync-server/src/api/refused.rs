//! Commands of administrators that are refused are told to the audit log: by a look at the answer, so that
//! none is forgotten, whatever refuses it (the table of roles, a body that cannot be read, a rule).

use super::access::{self, Audience};
use crate::app::App;
use crate::http::edge::{Caller, Context};
use crate::problem::Problem;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain_services::events::CommandRefused;
use domain_services::identity::{Acting, Identity, Role};
use std::sync::Arc;
use uuid::Uuid;

/// Passes a request on, and tells of what was refused. Where that cannot be told, the answer is that the
/// database is away: the command comes again.
pub(crate) async fn tell(State(app): State<App>, request: Request, next: Next) -> Response {
    let command = Command::of(&request);
    let response = next.run(request).await;
    let Some(command) = command else {
        return response;
    };
    let problem = response.extensions().get::<Problem>();
    let Some(problem) = problem.filter(|problem| problem.status().is_client_error()) else {
        return response;
    };
    // In a box: every request passes here, and is not to carry the state of a write that hardly any needs.
    match Box::pin(command.refused(&app, problem.code())).await {
        Ok(()) => response,
        Err(problem) => problem.into_response(),
    }
}

/// A command of a route that is for administrators alone.
struct Command {
    identity: Arc<Identity>,
    parent: String,
    method: String,
    route: MatchedPath,
    target_id: Option<Uuid>,
}

impl Command {
    fn of(request: &Request) -> Option<Self> {
        if request.method().is_safe() {
            return None;
        }
        let route = request.extensions().get::<MatchedPath>()?;
        match access::audience(request.method(), route.as_str())? {
            Audience::Roles([Role::Admin]) => {}
            Audience::Public | Audience::SignedIn | Audience::Roles(_) => return None,
        }
        let context = request.extensions().get::<Arc<Context>>()?;
        let Caller::Known(identity) = &context.caller else {
            return None;
        };
        Some(Self {
            identity: Arc::clone(identity),
            parent: context.trace.parent(),
            method: request.method().to_string(),
            route: route.clone(),
            target_id: named(route.as_str(), request.uri().path()),
        })
    }

    async fn refused(&self, app: &App, code: &str) -> Result<(), Problem> {
        let route = self.route.as_str();
        let refused = CommandRefused {
            command: format!("{} {route}", self.method),
            target_id: self.target_id,
            code: code.to_owned(),
        };
        let acting = Acting {
            who: &self.identity,
            traceparent: Some(&self.parent),
        };
        let people = ["/api/v1/users", "/api/v1/departments"];
        if people.iter().any(|path| route.starts_with(path)) {
            app.services.users.tell_of_refusal(acting, refused).await?;
        } else {
            let catalog = &app.services.catalog;
            catalog.tell_of_refusal(acting, refused).await?;
        }
        Ok(())
    }
}

/// The id that stands in a path where its route says `{id}`.
fn named(route: &str, path: &str) -> Option<Uuid> {
    let mut places = route.split('/').zip(path.split('/'));
    let (_, id) = places.find(|(place, _)| *place == "{id}")?;
    id.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_record_where_its_route_says_so() {
        let id = Uuid::from_u128(7);
        let path = format!("/api/v1/users/{id}/password-reset");
        assert_eq!(named("/api/v1/users/{id}/password-reset", &path), Some(id));
        assert_eq!(named("/api/v1/users/{id}", "/api/v1/users/nobody"), None);
        assert_eq!(named("/api/v1/users", "/api/v1/users"), None);
    }
}
