//! Every kind of event with the JSON Schema (draft 2020-12) of its data.

use super::{
    ApprovalCast, ApprovalDismissed, Assignment, Category, ChainChanged, CommandRefused,
    Department, LevelChanged, LevelClosed, LevelOpened, LevelSealed, NotificationChanged, Reason,
    RequestDeleted, RequestDrafted, RequestFinalized, RequestRefused, RequestSubmitted,
    RequestWithdrawn, SessionEnded, SessionOpened, SessionRefused, User,
};
use crate::bus::Topic;
use schemars::{JsonSchema, Schema, schema_for};
use serde_json::json;

/// A kind of event.
#[derive(Debug)]
pub struct EventType {
    /// Its name: the CloudEvents `type`.
    pub kind: &'static str,
    /// Where it is published.
    pub topic: Topic,
    /// What the key of its order is.
    pub key: &'static str,
    /// When it is told.
    pub meaning: &'static str,
    /// Of its data.
    pub schema: Schema,
}

/// A point in time: RFC 3339, UTC, with microseconds.
#[derive(JsonSchema)]
#[schemars(transparent)]
#[expect(dead_code, reason = "the shape of a value, never made")]
pub(super) struct Instant(#[schemars(extend("format" = "date-time"))] String);

/// A digest of sealed content.
#[derive(JsonSchema)]
#[schemars(transparent)]
#[expect(dead_code, reason = "the shape of a value, never made")]
pub(super) struct Digest(#[schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$"))] String);

/// A stamp of a hybrid logical clock.
#[derive(JsonSchema)]
#[schemars(transparent)]
#[expect(dead_code, reason = "the shape of a value, never made")]
pub(super) struct Hlc(
    #[schemars(regex(
        pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z-[0-9a-f]{4}-[0-9a-f]{16}$"
    ))]
    String,
);

/// Yes or no.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "the shape of a value, never made")]
pub(super) enum VoteWord {
    /// Yes.
    Approve,
    /// No.
    Reject,
}

/// Every kind, in the order of its topics.
#[must_use]
pub fn all() -> Vec<EventType> {
    let mut all = people_and_catalogue();
    all.extend(sessions());
    all.extend(requests());
    all.extend(approvals());
    all.extend(notifications());
    all
}

fn kind<T: JsonSchema>(
    (topic, key): (Topic, &'static str),
    kind: &'static str,
    meaning: &'static str,
) -> EventType {
    let mut schema = schema_for!(T);
    schema.insert("title".to_owned(), json!(kind));
    schema.insert("x-topic".to_owned(), json!(topic.name()));
    schema.insert("x-key".to_owned(), json!(key));
    schema.insert("description".to_owned(), json!(meaning));
    EventType {
        kind,
        topic,
        key,
        meaning,
        schema,
    }
}

fn people_and_catalogue() -> Vec<EventType> {
    let user = (Topic::User, "the record's id");
    let catalog = (Topic::Catalog, "the record's id");
    vec![
        kind::<User>(
            user,
            super::USER_CHANGED,
            "A person was created or changed.",
        ),
        kind::<User>(user, super::USER_DEACTIVATED, "A person left."),
        kind::<Department>(
            user,
            super::DEPARTMENT_CHANGED,
            "A department was created or changed.",
        ),
        kind::<Category>(
            catalog,
            super::CATEGORY_CHANGED,
            "A category was created, changed or retired.",
        ),
        kind::<Reason>(
            catalog,
            super::REASON_CHANGED,
            "A reason was created, changed or retired.",
        ),
        kind::<Assignment>(
            catalog,
            super::ASSIGNMENT_CHANGED,
            "The approvers of a category's level were named.",
        ),
        kind::<CommandRefused>(
            (Topic::User, "an id of its own"),
            super::USER_REFUSED,
            "A command about people or departments was refused. Told once a session, command, record and code.",
        ),
        kind::<CommandRefused>(
            (Topic::Catalog, "an id of its own"),
            super::CATALOG_REFUSED,
            "A command about categories, reasons or assignments was refused. Told once a session, command, record and code.",
        ),
    ]
}

fn sessions() -> Vec<EventType> {
    let session = (Topic::User, "the session's id");
    vec![
        kind::<SessionOpened>(session, super::SESSION_OPENED, "Somebody signed in."),
        kind::<SessionRefused>(
            (Topic::User, "an id of its own"),
            super::SESSION_REFUSED,
            "Somebody tried to sign in and was refused.",
        ),
        kind::<SessionEnded>(
            session,
            super::SESSION_ENDED,
            "A session ended: signed out, a refresh token that was no good any more, another password, or the person left.",
        ),
    ]
}

fn requests() -> Vec<EventType> {
    let drafts = (Topic::Request, "the owner's id");
    let request = (Topic::Request, "the request's id");
    vec![
        kind::<RequestDrafted>(
            drafts,
            super::REQUEST_DRAFTED,
            "One batch made or changed these drafts.",
        ),
        kind::<RequestSubmitted>(
            request,
            super::REQUEST_SUBMITTED,
            "A request was sealed; its chain is pinned.",
        ),
        kind::<RequestWithdrawn>(
            request,
            super::REQUEST_WITHDRAWN,
            "A request was taken back.",
        ),
        kind::<RequestDeleted>(request, super::REQUEST_DELETED, "A draft was deleted."),
        kind::<RequestRefused>(
            (
                Topic::Request,
                "the request's id, or the sender's where it names none",
            ),
            super::REQUEST_REFUSED,
            "A change of a request was refused.",
        ),
        kind::<RequestFinalized>(
            request,
            super::REQUEST_FINALIZED,
            "A request's fate is final: money may follow.",
        ),
    ]
}

fn approvals() -> Vec<EventType> {
    let key = (Topic::Approval, "the request's id");
    vec![
        kind::<ApprovalCast>(key, super::APPROVAL_VOTED, "An approver voted."),
        kind::<ApprovalCast>(
            key,
            super::APPROVAL_ROLLED_BACK,
            "An approver took the vote back.",
        ),
        kind::<ApprovalCast>(
            key,
            super::APPROVAL_SUPERSEDED,
            "A vote arrived after a later one of the same approver.",
        ),
        kind::<ApprovalCast>(
            key,
            super::APPROVAL_REFUSED,
            "A vote or rollback was refused for good.",
        ),
        kind::<ApprovalDismissed>(
            (
                Topic::Approval,
                "the request's id, or the approval's or sender's where it is not known",
            ),
            super::APPROVAL_DISMISSED,
            "A vote or rollback was refused that has no place in a case.",
        ),
        kind::<LevelOpened>(
            key,
            super::LEVEL_OPENED,
            "A level can be voted on, from now or again.",
        ),
        kind::<LevelChanged>(key, super::LEVEL_APPROVED, "A level's votes approve."),
        kind::<LevelChanged>(key, super::LEVEL_REJECTED, "A level's votes reject."),
        kind::<LevelChanged>(
            key,
            super::LEVEL_REOPENED,
            "A level's votes decide nothing any more.",
        ),
        kind::<LevelClosed>(
            key,
            super::LEVEL_CLOSED,
            "A level cannot be voted on any more.",
        ),
        kind::<LevelSealed>(
            key,
            super::LEVEL_SEALED,
            "A level's outcome cannot change any more.",
        ),
        kind::<ChainChanged>(
            key,
            super::CHAIN_STALLED,
            "Too few people are left to decide.",
        ),
        kind::<ChainChanged>(
            key,
            super::CHAIN_RESTORED,
            "Enough people can decide again.",
        ),
    ]
}

fn notifications() -> Vec<EventType> {
    let key = (Topic::Notification, "the notification's id");
    vec![
        kind::<NotificationChanged>(key, super::NOTIFICATION_SENT, "A provider took a message."),
        kind::<NotificationChanged>(
            key,
            super::NOTIFICATION_DELIVERED,
            "A message reached the person's device.",
        ),
        kind::<NotificationChanged>(
            key,
            super::NOTIFICATION_FAILED,
            "A message did not arrive; an operator can have it sent again.",
        ),
        kind::<NotificationChanged>(
            key,
            super::NOTIFICATION_CANCELLED,
            "A message was no longer true before it was sent.",
        ),
    ]
}
