//! What services tell each other. The records travel whole, with their version; a projection
//! ignores versions older than the one it has.

use crate::identity::Roles;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A person was created or changed; data: [`User`].
pub const USER_CHANGED: &str = "user.changed";
/// A person left; data: [`User`], with `active: false`.
pub const USER_DEACTIVATED: &str = "user.deactivated";
/// A department was created or changed; data: [`Department`].
pub const DEPARTMENT_CHANGED: &str = "department.changed";
/// A category was created, changed or retired; data: [`Category`].
pub const CATEGORY_CHANGED: &str = "category.changed";
/// A reason was created, changed or retired; data: [`Reason`].
pub const REASON_CHANGED: &str = "reason.changed";
/// The approvers of a category's level were named; data: [`Assignment`].
pub const ASSIGNMENT_CHANGED: &str = "assignment.changed";

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Its id.
    pub id: Uuid,
    /// The address that logs in, in lower case, unique.
    pub email: String,
    /// As shown to others.
    pub name: String,
    /// What the person may do.
    #[sqlx(json)]
    pub roles: Roles,
    /// The department the person works in.
    pub department_id: Option<Uuid>,
    /// A sales region.
    pub region: Option<String>,
    /// A language tag (BCP 47) for messages.
    pub locale: Option<String>,
    /// False once the person has left.
    pub active: bool,
    /// Goes up by one with each change, from 1.
    pub version: i64,
}

/// A department.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Department {
    /// Its id.
    pub id: Uuid,
    /// As shown.
    pub name: String,
    /// Goes up by one with each change, from 1.
    pub version: i64,
}

/// What a budget is for, and how many levels must approve it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Category {
    /// Its id.
    pub id: Uuid,
    /// As shown.
    pub name: String,
    /// Levels of approval, 1 to 3.
    pub levels: i32,
    /// False once retired.
    pub active: bool,
    /// Goes up by one with each change, from 1.
    pub version: i64,
}

/// Why a budget is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// Its id.
    pub id: Uuid,
    /// As shown.
    pub text: String,
    /// The one category it belongs to; none: it fits all.
    pub category_id: Option<Uuid>,
    /// False once retired.
    pub active: bool,
    /// Goes up by one with each change, from 1.
    pub version: i64,
}

/// Who approves a level of a category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// Its id.
    pub id: Uuid,
    /// The category.
    pub category_id: Uuid,
    /// The level, 1 to 3.
    pub level: i32,
    /// Who may vote on it.
    #[sqlx(json)]
    pub approver_ids: Vec<Uuid>,
    /// How many of them must approve.
    pub quorum: i32,
    /// Goes up by one with each change, from 1.
    pub version: i64,
}
