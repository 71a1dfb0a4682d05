//! What goes into the user service and comes out of it.

use crate::db::DbError;
use crate::events::User;
use crate::identity::{Forbidden, Role, Roles};
use crate::invalid::Invalid;
use crate::user::passwords::PasswordError;
use crate::user::tokens::IssueError;
use serde::Deserialize;
use uuid::Uuid;

/// An account to be created.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewUser {
    /// Its id; drawn where none is given.
    pub id: Option<Uuid>,
    /// The address that logs in; its case does not matter.
    pub email: String,
    /// As shown to others.
    pub name: String,
    /// What the person may do; at least one role.
    pub roles: Roles,
    /// 10 to 256 characters; without one a one-time token is made.
    pub password: Option<String>,
    /// An existing department.
    pub department_id: Option<Uuid>,
    /// A sales region, up to 64 characters.
    pub region: Option<String>,
    /// A language tag (BCP 47).
    pub locale: Option<String>,
}

/// Never shows the password.
impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUser")
            .field("email", &self.email)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

/// An account as it shall be.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserUpdate {
    /// The address that logs in; its case does not matter.
    pub email: String,
    /// As shown to others.
    pub name: String,
    /// What the person may do; at least one role.
    pub roles: Roles,
    /// An existing department.
    pub department_id: Option<Uuid>,
    /// A sales region, up to 64 characters.
    pub region: Option<String>,
    /// A language tag (BCP 47).
    pub locale: Option<String>,
    /// False: the person leaves; true: comes back; absent: as before, lest correcting the name of
    /// somebody who left brings the account back.
    pub active: Option<bool>,
}

/// A person's own password, old and new.
#[derive(Clone, Deserialize)]
pub struct PasswordChange {
    /// What the person signed in with.
    pub current: String,
    /// 10 to 256 characters.
    pub new: String,
}

/// Never shows the passwords.
impl std::fmt::Debug for PasswordChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordChange").finish_non_exhaustive()
    }
}

/// An account that was created, or whose password was reset.
#[derive(Clone)]
pub struct CreatedUser {
    /// It.
    pub user: User,
    /// False when it was there before.
    pub created: bool,
    /// Logs in once in place of a password, within [`ONE_TIME_TOKEN_DAYS`]. Told only here.
    pub one_time_token: Option<String>,
}

/// Never shows the token.
impl std::fmt::Debug for CreatedUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedUser")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// How long a one-time token is good, in days.
pub const ONE_TIME_TOKEN_DAYS: i64 = 7;

/// A department to be created.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewDepartment {
    /// Its id; drawn where none is given.
    pub id: Option<Uuid>,
    /// As shown, up to 200 characters.
    pub name: String,
}

/// Which users to list; what is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// With this role.
    pub role: Option<Role>,
    /// In this department.
    pub department_id: Option<Uuid>,
    /// Still there, or not.
    pub active: Option<bool>,
    /// Of this sales region, to the letter.
    pub region: Option<String>,
}

/// Reads the parameter `role`. `manager` is the customer's word for an approver.
///
/// # Errors
/// When it names no role.
pub fn role_filter(text: &str) -> Result<Role, Invalid> {
    if text == "manager" {
        return Ok(Role::Approver);
    }
    text.parse()
        .map_err(|error: crate::identity::UnknownRole| Invalid::new("role", error.to_string()))
}

/// The outcome of a login or a refresh.
#[derive(Clone)]
pub struct LoggedIn {
    /// Good for [`ACCESS_TOKEN_SECONDS`](super::ACCESS_TOKEN_SECONDS).
    pub access_token: String,
    /// Good for one refresh.
    pub refresh_token: String,
    /// Who logged in.
    pub user: User,
}

/// Never shows the tokens.
impl std::fmt::Debug for LoggedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoggedIn")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Why the user service refused.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// No such account, a wrong password, or a person who left: which one is not told.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// The session has ended; log in again.
    #[error("the session has ended")]
    SessionRevoked,
    /// Not with the actor's roles.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// No such person.
    #[error("there is no such user")]
    NotFound,
    /// Another account has this address.
    #[error("another account has this e-mail address")]
    EmailTaken,
    /// Nobody else could keep users and the catalogue.
    #[error("this is the last active admin: make somebody else an admin first")]
    LastAdmin,
    /// The account is no longer at the version that the caller knows.
    #[error("the user has changed: it is at version {version}")]
    PreconditionFailed {
        /// Its present version.
        version: i64,
    },
    /// The id given belongs to a record with other content.
    #[error("the id belongs to another record")]
    IdTaken,
    /// Members of the input are wrong.
    #[error("the input is not valid")]
    Invalid(Vec<Invalid>),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A password could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// A token could not be signed.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl From<Vec<Invalid>> for UserError {
    fn from(problems: Vec<Invalid>) -> Self {
        Self::Invalid(problems)
    }
}
