//! Approvals, batches of votes and their pulls.

use super::{Hlc, Money, Verdict, WaitingFor};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// One level of approval of one revision of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approval {
    /// UUIDv5 of `<requestId>/<revision>/<level>` in the namespace `6f1f2d0a-3b57-4a63-9f59-0d8f6f0f7a10`.
    pub id: Uuid,
    /// The request.
    pub request_id: Uuid,
    /// 1 to 3.
    #[schema(minimum = 1, maximum = 3)]
    pub level: u8,
    /// Digest of the sealed content: `sha256:` and 64 hex digits.
    #[schema(pattern = "^sha256:[0-9a-f]{64}$")]
    pub revision: String,
    /// What its votes say.
    pub status: ApprovalStatus,
    /// Whether its outcome stands for ever.
    pub sealed: bool,
    /// When it seals by age, if its outcome stands until then.
    pub seals_at: Option<DateTime<Utc>>,
    /// When it opened.
    pub basis_at: Option<DateTime<Utc>>,
    /// How many must approve.
    #[schema(minimum = 1)]
    pub quorum: u8,
    /// Who may vote.
    pub approver_ids: Vec<Uuid>,
    /// The votes that stand.
    pub votes: Vec<CastVote>,
    /// Votes on this level and those below that came too late to count.
    pub dissent: Vec<CastVote>,
    /// What is decided about.
    pub request: SealedRequest,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// In lists: the caller's own vote that stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub my_vote: Option<VoteWord>,
    /// In lists: when the caller last voted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acted_at: Option<DateTime<Utc>>,
}

/// What the votes of a level say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalStatus {
    /// Too few votes.
    Open,
    /// Enough approve, nobody rejects.
    Approved,
    /// Somebody rejects.
    Rejected,
    /// The level below was taken back, or the request withdrawn.
    Closed,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum VoteWord {
    /// Yes.
    Approve,
    /// No.
    Reject,
}

/// What an approver said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CastVote {
    /// Who.
    pub approver_id: Uuid,
    /// What.
    pub vote: VoteWord,
    /// Why.
    #[schema(max_length = 2_000)]
    pub comment: Option<String>,
    /// When, by the approver's phone.
    pub hlc: Hlc,
    /// When the server accepted it; of dissent, when it arrived.
    pub accepted_at: DateTime<Utc>,
    /// Of dissent: about which level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    /// Of dissent: why it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// The sealed content of a request, with its owner's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SealedRequest {
    /// The request.
    pub id: Uuid,
    /// Whose it is.
    pub owner_id: Uuid,
    /// What the owner is called.
    pub owner_name: Option<String>,
    /// When it was sealed.
    pub submitted_at: DateTime<Utc>,
    /// 1 to 200 characters.
    pub title: Option<String>,
    /// How much.
    pub amount: Option<Money>,
    /// The category.
    pub category_id: Option<Uuid>,
    /// The reason.
    pub reason_id: Option<Uuid>,
    /// For whom.
    pub department_id: Option<Uuid>,
    /// A sales region.
    pub region: Option<String>,
    /// By when.
    pub needed_by: Option<NaiveDate>,
    /// Why.
    pub justification: Option<String>,
}

/// A page of approvals, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalPage {
    /// The approvals.
    pub items: Vec<Approval>,
    /// The `cursor` of the next page.
    pub next: Option<String>,
}

/// What goes with a vote by hand; all of it optional.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Act {
    /// Why, at most 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2_000, pattern = "^[^\\u0000]*$")]
    pub comment: Option<String>,
    /// The revision that was seen: another is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^sha256:[0-9a-f]{64}$")]
    pub revision: Option<String>,
    /// Names the operation: the same again is answered as the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op_id: Option<Uuid>,
}

/// A batch from an approver's queue.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VoteBatch {
    /// The phone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128, pattern = "^[^\\u0000]*$")]
    pub device_id: Option<String>,
    /// Whose queue it is; another's is refused whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Uuid>,
    /// What the phone's clock says; the answer names the offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_time: Option<DateTime<Utc>>,
    /// Pull since this; null: everything; absent: no pull.
    #[schema(format = DateTime)]
    pub last_sync: Option<String>,
    /// At most 500, in order.
    #[schema(max_items = 500)]
    pub changes: Vec<VoteChange>,
}

/// One vote of a batch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VoteChange {
    /// Names the operation, once a user.
    pub op_id: Uuid,
    /// What is done.
    #[serde(rename = "type")]
    pub kind: VoteKind,
    /// The approval.
    pub id: Uuid,
    /// The revision that the approver saw.
    #[schema(pattern = "^sha256:[0-9a-f]{64}$")]
    pub revision: String,
    /// Why, at most 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2_000)]
    pub comment: Option<String>,
    /// When, by the phone's clock.
    pub hlc: Hlc,
}

/// What an approver does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum VoteKind {
    /// Says yes.
    Approve,
    /// Says no.
    Reject,
    /// Takes the vote back.
    Rollback,
}

/// The answer to a batch of votes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VoteAnswer {
    /// The server's time.
    pub server_time: DateTime<Utc>,
    /// The server's clock, to be observed by the phone.
    pub hlc: Hlc,
    /// Server time minus `clientTime`, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// One an item, in order.
    pub results: Vec<VoteResult>,
    /// Where the next pull goes on; null without a pull.
    #[schema(format = DateTime)]
    pub last_sync: Option<String>,
    /// What changed since the batch's `lastSync`.
    pub changes: Vec<ApprovalChange>,
    /// Whether to go on at `updates`.
    pub has_more: bool,
}

/// The fate of one vote.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VoteResult {
    /// As it was sent.
    pub op_id: Option<String>,
    /// The approval.
    pub id: Option<Uuid>,
    /// What became of it.
    pub verdict: Verdict,
    /// Why it was refused.
    pub code: Option<String>,
    /// Why, for people.
    pub detail: Option<String>,
    /// Whether the same may succeed later.
    pub retryable: bool,
    /// `vote`, where a later one of the same approver stands.
    pub superseded: Vec<String>,
    /// What a deferred item waits for.
    pub waiting_for: Option<WaitingFor>,
    /// When the approval was last changed.
    pub updated_at: Option<DateTime<Utc>>,
    /// The approval as it stands after the batch.
    pub record: Option<Approval>,
}

/// What changed for an approver.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ApprovalChange {
    /// An approval has opened or changed.
    Upsert {
        /// As it stands now.
        record: Box<Approval>,
    },
    /// It is no longer the caller's to see.
    Remove {
        /// Which.
        id: Uuid,
    },
}

/// A page of what changed, in commit order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalUpdates {
    /// The server's time.
    pub server_time: DateTime<Utc>,
    /// Where the next pull goes on; send it back as it came.
    #[schema(format = DateTime)]
    pub last_sync: String,
    /// Whether there is more.
    pub has_more: bool,
    /// What changed.
    pub changes: Vec<ApprovalChange>,
}
