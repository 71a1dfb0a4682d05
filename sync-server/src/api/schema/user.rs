//! People, departments and sessions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Drafts and submits own requests.
    Sales,
    /// Votes on the levels that name them.
    Approver,
    /// Keeps users, departments and the catalogue.
    Admin,
    /// Reads requests and the audit log.
    Auditor,
    /// Another program.
    Service,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// Its id.
    pub id: Uuid,
    /// The address that signs in, in lower case.
    pub email: String,
    /// As shown to others.
    pub name: String,
    /// What the person may do.
    pub roles: Vec<Role>,
    /// The department the person works in.
    pub department_id: Option<Uuid>,
    /// A sales region.
    pub region: Option<String>,
    /// A language tag (BCP 47).
    pub locale: Option<String>,
    /// False once the person has left.
    pub active: bool,
    /// Goes up with each change.
    pub version: i64,
}

/// A person to be created.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewUser {
    /// Its id; drawn where none is given.
    pub id: Option<Uuid>,
    /// The address that signs in; its case does not matter.
    #[schema(
        min_length = 3,
        max_length = 254,
        pattern = "^[^\\s\\u0000-\\u001F\\u007F-\\u009F]+@[^\\s@\\u0000-\\u001F\\u007F-\\u009F]+$"
    )]
    pub email: String,
    /// As shown to others.
    #[schema(min_length = 1, max_length = 200, pattern = "^[^\\u0000]*$")]
    pub name: String,
    /// What the person may do; at least one role.
    #[schema(min_items = 1)]
    pub roles: Vec<Role>,
    /// Without one, a one-time token is answered.
    #[schema(min_length = 10, max_length = 256, pattern = "^[^\\u0000]*$")]
    pub password: Option<String>,
    /// An existing department.
    pub department_id: Option<Uuid>,
    /// A sales region.
    #[schema(min_length = 1, max_length = 64, pattern = "^[^\\u0000]*$")]
    pub region: Option<String>,
    /// A language tag (BCP 47).
    #[schema(min_length = 1, max_length = 35, pattern = "^[^\\u0000]*$")]
    pub locale: Option<String>,
}

/// A person as it shall be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserUpdate {
    /// The address that signs in; its case does not matter.
    #[schema(
        min_length = 3,
        max_length = 254,
        pattern = "^[^\\s\\u0000-\\u001F\\u007F-\\u009F]+@[^\\s@\\u0000-\\u001F\\u007F-\\u009F]+$"
    )]
    pub email: String,
    /// As shown to others.
    #[schema(min_length = 1, max_length = 200, pattern = "^[^\\u0000]*$")]
    pub name: String,
    /// What the person may do; at least one role.
    #[schema(min_items = 1)]
    pub roles: Vec<Role>,
    /// An existing department; none where not given.
    pub department_id: Option<Uuid>,
    /// A sales region; none where not given.
    #[schema(min_length = 1, max_length = 64, pattern = "^[^\\u0000]*$")]
    pub region: Option<String>,
    /// A language tag (BCP 47); none where not given.
    #[schema(min_length = 1, max_length = 35, pattern = "^[^\\u0000]*$")]
    pub locale: Option<String>,
    /// False: the person leaves; true: comes back; not given: as before.
    pub active: Option<bool>,
}

/// The caller's password, old and new.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct PasswordChange {
    /// What the caller signed in with: the password or, of a new account, the one-time token.
    #[schema(format = Password)]
    pub current: String,
    /// From now on.
    #[schema(format = Password, min_length = 10, max_length = 256, pattern = "^[^\\u0000]*$")]
    pub new: String,
}

/// A person that was created, or whose password was reset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreatedUser {
    /// Its id.
    pub id: Uuid,
    /// The address that signs in, in lower case.
    pub email: String,
    /// As shown to others.
    pub name: String,
    /// What the person may do.
    pub roles: Vec<Role>,
    /// The department the person works in.
    pub department_id: Option<Uuid>,
    /// A sales region.
    pub region: Option<String>,
    /// A language tag (BCP 47).
    pub locale: Option<String>,
    /// False once the person has left.
    pub active: bool,
    /// Goes up with each change.
    pub version: i64,
    /// Signs in once in place of a password, within 7 days; told only here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_time_token: Option<String>,
}

/// A page of people, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserPage {
    /// The people.
    pub items: Vec<User>,
    /// The `cursor` of the next page.
    pub next: Option<String>,
}

/// A department.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Department {
    /// Its id.
    pub id: Uuid,
    /// As shown.
    pub name: String,
    /// Goes up with each change.
    pub version: i64,
}

/// A department to be created.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewDepartment {
    /// Its id; drawn where none is given.
    pub id: Option<Uuid>,
    /// As shown.
    #[schema(min_length = 1, max_length = 200, pattern = "^[^\\u0000]*$")]
    pub name: String,
}

/// A page of departments, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DepartmentPage {
    /// The departments.
    pub items: Vec<Department>,
    /// The `cursor` of the next page.
    pub next: Option<String>,
}

/// Who signs in.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Login {
    /// In any case.
    pub email: String,
    /// The password, or the one-time token of a new account.
    #[schema(format = Password)]
    pub password: String,
    /// The phone, at most 128 characters.
    #[schema(min_length = 1, max_length = 128, pattern = "^[^\\u0000]*$")]
    pub device_id: Option<String>,
}

/// A session to be continued.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refresh {
    /// The latest one answered.
    pub refresh_token: String,
}

/// A session to be ended.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Logout {
    /// The latest one answered.
    pub refresh_token: Option<String>,
}

/// An open session.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Session {
    /// Sent as `Authorization: Bearer …`.
    pub access_token: String,
    /// Good for one refresh.
    pub refresh_token: String,
    /// Seconds that the access token is good for.
    pub expires_in: i64,
    /// `Bearer`.
    pub token_type: String,
    /// Who signed in.
    pub user: User,
}
