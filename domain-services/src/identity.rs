//! Who is acting, and in which roles.
//!
//! An [`Identity`] comes out of a verified access token and goes into every use case: who owns a
//! record is decided by it, never by a body.

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::str::FromStr;
use uuid::Uuid;

/// What a person (or a machine) may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Drafts and submits own requests.
    Sales,
    /// Votes on the levels of the chains that name them.
    Approver,
    /// Keeps users, departments and the catalogue.
    Admin,
    /// Reads requests and the audit log.
    Auditor,
    /// Another program, which may send notifications.
    Service,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [
        Self::Sales,
        Self::Approver,
        Self::Admin,
        Self::Auditor,
        Self::Service,
    ];

    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sales => "sales",
            Self::Approver => "approver",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
            Self::Service => "service",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Sales => 1,
            Self::Approver => 1 << 1,
            Self::Admin => 1 << 2,
            Self::Auditor => 1 << 3,
            Self::Service => 1 << 4,
        }
    }
}

/// A word that names no role.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no role")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of roles; on the wire an array of names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Roles(u8);

impl Roles {
    /// No role at all.
    pub const NONE: Self = Self(0);

    /// Whether `role` is among them.
    #[must_use]
    pub fn has(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// Whether at least one of `roles` is among them.
    #[must_use]
    pub fn has_any(self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.has(*role))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, in the order of [`Role::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }
}

impl From<Role> for Roles {
    fn from(role: Role) -> Self {
        Self(role.bit())
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().fold(0, |bits, role| bits | role.bit()))
    }
}

impl std::fmt::Debug for Roles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Roles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut names = serializer.serialize_seq(Some(self.iter().count()))?;
        for role in self.iter() {
            names.serialize_element(role.name())?;
        }
        names.end()
    }
}

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Roles;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an array of roles")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Roles, A::Error> {
                let mut roles = Roles::NONE;
                while let Some(role) = names.next_element::<Role>()? {
                    roles.0 |= role.bit();
                }
                Ok(roles)
            }
        }
        deserializer.deserialize_seq(Names)
    }
}

/// The role that a use case asks for is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not for your role")]
pub struct Forbidden;

/// The verified bearer of an access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user_id: Uuid,
    /// The roles at the time the token was issued.
    pub roles: Roles,
    /// The session (one login of one device) that the token belongs to.
    pub session_id: Uuid,
    /// When the token ends, in microseconds since the Unix epoch.
    pub expires_us: i64,
    /// The version of the user's record that the token was issued for; 0: it does not say.
    pub version: i64,
}

impl Identity {
    /// Whether the bearer has `role`.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.roles.has(role)
    }

    /// Refuses bearers who have none of `roles`.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn require_any(&self, roles: &[Role]) -> Result<(), Forbidden> {
        if self.roles.has_any(roles) {
            Ok(())
        } else {
            Err(Forbidden)
        }
    }
}

/// Who acts, in the trace of which request.
#[derive(Debug, Clone, Copy)]
pub struct Acting<'a> {
    /// Who.
    pub who: &'a Identity,
    /// The W3C trace context of the request.
    pub traceparent: Option<&'a str>,
}

impl<'a> From<&'a Identity> for Acting<'a> {
    /// Outside of any trace.
    fn from(who: &'a Identity) -> Self {
        Self {
            who,
            traceparent: None,
        }
    }
}

impl Acting<'_> {
    /// What its events say of their cause.
    #[must_use]
    pub fn cause(&self) -> Cause {
        Cause {
            actor: Some(self.who.user_id),
            traceparent: self.traceparent.map(str::to_owned),
        }
    }
}

/// What an event says of its cause.
#[derive(Debug, Clone, Default)]
pub struct Cause {
    /// The person; none: the system itself.
    pub actor: Option<Uuid>,
    /// The W3C trace context of the request.
    pub traceparent: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_an_array_of_names_in_a_fixed_order() {
        let roles: Roles = serde_json::from_str(r#"["admin","sales","sales"]"#).unwrap();
        assert!(roles.has(Role::Sales) && roles.has(Role::Admin) && !roles.has(Role::Auditor));
        assert_eq!(
            serde_json::to_string(&roles).unwrap(),
            r#"["sales","admin"]"#
        );
    }

    #[test]
    fn an_unknown_role_is_refused() {
        assert!(serde_json::from_str::<Roles>(r#"["root"]"#).is_err());
        assert!("root".parse::<Role>().is_err());
    }
}
