//! What services tell each other. The records travel whole, with their version; a projection
//! ignores versions older than the one it has.
//!
//! Consumers ignore kinds and members they do not know, so both may be added. A change that old readers
//! would misread makes a new topic ([`Topic`](crate::bus::Topic)). The shapes are generated into
//! `mobile-contract/events` as JSON Schema ([`schemas`]).

mod approval;
mod command;
mod notification;
mod request;
pub mod schemas;
mod session;

pub use approval::{
    ApprovalCast, ApprovalDismissed, ChainChanged, LevelChanged, LevelClosed, LevelOpened,
    LevelSealed, Outcome,
};
pub use command::CommandRefused;
pub use notification::NotificationChanged;
pub use request::{
    ChainLevel, RequestDeleted, RequestDrafted, RequestFinalized, RequestRefused, RequestSubmitted,
    RequestWithdrawn,
};
pub use session::{SessionEnd, SessionEnded, SessionOpened, SessionRefused};

use crate::identity::Roles;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A person was created or changed; data: [`User`].
pub const USER_CHANGED: &str = "user.changed";
/// A person left; data: [`User`], with `active: false`.
pub const USER_DEACTIVATED: &str = "user.deactivated";
/// A department was created or changed; data: [`Department`].
pub const DEPARTMENT_CHANGED: &str = "department.changed";
/// Somebody signed in; data: [`SessionOpened`].
pub const SESSION_OPENED: &str = "session.opened";
/// Somebody tried to sign in and was refused; data: [`SessionRefused`].
pub const SESSION_REFUSED: &str = "session.refused";
/// A session ended, and with it what belongs to the device; data: [`SessionEnded`].
pub const SESSION_ENDED: &str = "session.ended";
/// A category was created, changed or retired; data: [`Category`].
pub const CATEGORY_CHANGED: &str = "category.changed";
/// A reason was created, changed or retired; data: [`Reason`].
pub const REASON_CHANGED: &str = "reason.changed";
/// The approvers of a category's level were named; data: [`Assignment`].
pub const ASSIGNMENT_CHANGED: &str = "assignment.changed";
/// A command about people or departments was refused; data: [`CommandRefused`].
pub const USER_REFUSED: &str = "user.refused";
/// A command about categories, reasons or assignments was refused; data: [`CommandRefused`].
pub const CATALOG_REFUSED: &str = "catalog.refused";

/// Drafts of one batch were made or changed; data: [`RequestDrafted`].
pub const REQUEST_DRAFTED: &str = "request.drafted";
/// A request was submitted and sealed; data: [`RequestSubmitted`].
pub const REQUEST_SUBMITTED: &str = "request.submitted";
/// A request was withdrawn; data: [`RequestWithdrawn`].
pub const REQUEST_WITHDRAWN: &str = "request.withdrawn";
/// A draft was deleted; data: [`RequestDeleted`].
pub const REQUEST_DELETED: &str = "request.deleted";
/// A change of a request was refused, for good or for now; data: [`RequestRefused`]. Told once a
/// person, operation and code.
pub const REQUEST_REFUSED: &str = "request.refused";
/// A request's fate is final: what money may follow; data: [`RequestFinalized`].
pub const REQUEST_FINALIZED: &str = "request.finalized";

/// An approver voted; data: [`ApprovalCast`].
pub const APPROVAL_VOTED: &str = "approval.voted";
/// An approver took a vote back; data: [`ApprovalCast`].
pub const APPROVAL_ROLLED_BACK: &str = "approval.rolled_back";
/// A vote or rollback arrived after a later one of the same approver; data: [`ApprovalCast`].
pub const APPROVAL_SUPERSEDED: &str = "approval.superseded";
/// A vote or rollback was refused for good; data: [`ApprovalCast`], with the `code`.
pub const APPROVAL_REFUSED: &str = "approval.refused";
/// A vote or rollback was refused that has no place in a case: it came too early by its stamp, is
/// broken, or its sender has no part in the level; data: [`ApprovalDismissed`]. Told once a person,
/// operation and code.
pub const APPROVAL_DISMISSED: &str = "approval.dismissed";
/// A level can be voted on, from now or again; data: [`LevelOpened`].
pub const LEVEL_OPENED: &str = "approval.level_opened";
/// A level's votes approve; data: [`LevelChanged`].
pub const LEVEL_APPROVED: &str = "approval.level_approved";
/// A level's votes reject; data: [`LevelChanged`].
pub const LEVEL_REJECTED: &str = "approval.level_rejected";
/// A level's votes decide nothing any more; data: [`LevelChanged`].
pub const LEVEL_REOPENED: &str = "approval.level_reopened";
/// A level cannot be voted on any more: the one below was taken back, or the request withdrawn;
/// data: [`LevelClosed`].
pub const LEVEL_CLOSED: &str = "approval.level_closed";
/// A level's outcome cannot change any more; data: [`LevelSealed`].
pub const LEVEL_SEALED: &str = "approval.level_sealed";
/// Too few people are left to decide; data: [`ChainChanged`].
pub const CHAIN_STALLED: &str = "approval.chain_stalled";
/// Enough people can decide again; data: [`ChainChanged`].
pub const CHAIN_RESTORED: &str = "approval.chain_restored";

/// A provider took a message; data: [`NotificationChanged`].
pub const NOTIFICATION_SENT: &str = "notification.sent";
/// A message reached the person's device; data: [`NotificationChanged`].
pub const NOTIFICATION_DELIVERED: &str = "notification.delivered";
/// A message did not arrive (`failed`, `bounced`, `undelivered`); data: [`NotificationChanged`].
pub const NOTIFICATION_FAILED: &str = "notification.failed";
/// A message was no longer true before it was sent; data: [`NotificationChanged`].
pub const NOTIFICATION_CANCELLED: &str = "notification.cancelled";

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::FromRow)]
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
    #[schemars(with = "Vec<String>")]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::FromRow)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::FromRow)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::FromRow)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::FromRow)]
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
