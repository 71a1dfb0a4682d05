//! Who signs in: two people, their sessions and tokens.

use super::reply::Reply;
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

/// Their password.
pub(in crate::conformance) const PASSWORD: &str = "conformance";

/// A person who can sign in.
#[derive(Debug, Clone, Copy)]
pub(in crate::conformance) struct Person {
    pub(in crate::conformance) id: Uuid,
    pub(in crate::conformance) email: &'static str,
}

/// Whose phone it is.
pub(in crate::conformance) const OWNER: Person = Person {
    id: Uuid::from_u128(0x0189_0000_0000_7000_8000_0000_0000_0a01),
    email: "owner@conformance.test",
};

/// Somebody else, who may sign in on the same phone.
pub(in crate::conformance) const OTHER: Person = Person {
    id: Uuid::from_u128(0x0189_0000_0000_7000_8000_0000_0000_0a02),
    email: "other@conformance.test",
};

#[derive(Debug)]
struct Session {
    person: Person,
    access: String,
    expired: bool,
    refresh: String,
    previous: Option<String>,
    /// The present tokens have been used, so the previous one is good no more.
    used: bool,
    ended: bool,
}

/// All sessions.
#[derive(Debug, Default)]
pub(in crate::conformance) struct People {
    sessions: Vec<Session>,
    drawn: u64,
    /// Sign-ins with a password so far.
    pub(in crate::conformance) logins: usize,
    /// Refreshes that gave new tokens so far.
    pub(in crate::conformance) refreshes: usize,
}

impl People {
    /// Access tokens given so far have expired.
    pub(in crate::conformance) fn expire(&mut self) {
        for session in &mut self.sessions {
            session.expired = true;
        }
    }

    /// All sessions have ended.
    pub(in crate::conformance) fn end_sessions(&mut self) {
        for session in &mut self.sessions {
            session.expired = true;
            session.ended = true;
        }
    }

    pub(super) fn login(&mut self, body: &Value) -> Reply {
        let person = [OWNER, OTHER]
            .into_iter()
            .find(|person| body["email"] == person.email && body["password"] == PASSWORD);
        let Some(person) = person else {
            return Reply::problem(StatusCode::UNAUTHORIZED, "invalid_credentials");
        };
        self.logins += 1;
        let (access, refresh) = self.draw();
        let session = Session {
            person,
            access,
            expired: false,
            refresh,
            previous: None,
            used: false,
            ended: false,
        };
        let reply = session.tokens();
        self.sessions.push(session);
        reply
    }

    /// A token gives the same successor again until that has been used.
    pub(super) fn refresh(&mut self, body: &Value) -> Reply {
        let token = body["refreshToken"].as_str().unwrap_or_default().to_owned();
        let (access, refresh) = self.draw();
        let session = self
            .sessions
            .iter_mut()
            .find(|session| session.refresh == token || session.previous.as_ref() == Some(&token));
        let Some(session) = session.filter(|session| !session.ended) else {
            return Reply::problem(StatusCode::UNAUTHORIZED, "session_revoked");
        };
        if session.refresh == token {
            session.previous = Some(std::mem::replace(&mut session.refresh, refresh));
            session.access = access;
            session.expired = false;
            session.used = false;
            self.refreshes += 1;
        } else if session.used {
            session.ended = true;
            return Reply::problem(StatusCode::UNAUTHORIZED, "session_revoked");
        }
        session.tokens()
    }

    /// Whose token it is; otherwise the answer.
    pub(super) fn authenticate(&mut self, header: Option<&str>) -> Result<Person, Reply> {
        let token = header.and_then(|header| header.strip_prefix("Bearer "));
        let session = token.and_then(|token| {
            let mut sessions = self.sessions.iter_mut();
            sessions.find(|session| session.access == token)
        });
        let refused = |code| Err(Reply::problem(StatusCode::UNAUTHORIZED, code));
        match session {
            None if token.is_some_and(|token| token.starts_with("access-")) => {
                refused("token_expired")
            }
            None => refused("unauthenticated"),
            Some(session) if session.ended && !session.expired => refused("session_revoked"),
            Some(session) if session.expired => refused("token_expired"),
            Some(session) => {
                session.used = true;
                Ok(session.person)
            }
        }
    }

    fn draw(&mut self) -> (String, String) {
        self.drawn += 1;
        let number = self.drawn;
        (format!("access-{number}"), format!("refresh-{number}"))
    }
}

impl Session {
    fn tokens(&self) -> Reply {
        Reply::ok(json!({
            "accessToken": self.access, "refreshToken": self.refresh, "expiresIn": 900,
            "tokenType": "Bearer", "user": self.person.profile(),
        }))
    }
}

impl Person {
    pub(super) fn profile(self) -> Value {
        json!({
            "id": self.id, "email": self.email, "name": "Conformance", "roles": ["sales", "approver"],
            "departmentId": null, "region": null, "locale": "en", "active": true, "version": 1,
        })
    }
}
