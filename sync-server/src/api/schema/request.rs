//! Budget requests, batches and pulls.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// A hybrid logical clock reading: `2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f60718`, compared as bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(
    pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z-[0-9a-f]{4}-[0-9a-f]{16}$"
)]
pub struct Hlc(pub String);

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units (cents), 1 to 10¹⁵.
    #[schema(minimum = 1, maximum = 1_000_000_000_000_000_u64)]
    pub minor: i64,
    /// ISO 4217.
    #[schema(example = "EUR", min_length = 3, max_length = 3)]
    pub currency: String,
}

/// A budget request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Request)]
pub struct RequestRecord {
    /// Made by the phone (UUIDv7).
    pub id: Uuid,
    /// Whose it is.
    pub owner_id: Uuid,
    /// 1 to 200 characters.
    #[schema(max_length = 200)]
    pub title: Option<String>,
    /// How much.
    pub amount: Option<Money>,
    /// The category decides how many levels approve.
    pub category_id: Option<Uuid>,
    /// Why.
    pub reason_id: Option<Uuid>,
    /// For whom.
    pub department_id: Option<Uuid>,
    /// At most 64 characters.
    #[schema(max_length = 64)]
    pub region: Option<String>,
    /// By when.
    pub needed_by: Option<NaiveDate>,
    /// Text that merges; at most 10,000 characters.
    #[schema(max_length = 10_000)]
    pub justification: Option<String>,
    /// The edits the shown justification was made from: the `base` of the next one.
    pub justification_heads: Vec<Hlc>,
    /// Where it stands.
    pub status: RequestStatus,
    /// Whether nothing can change any more.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Since when.
    pub final_at: Option<DateTime<Utc>>,
    /// Digest of the sealed content: `sha256:` and 64 hex digits.
    #[schema(pattern = "^sha256:[0-9a-f]{64}$")]
    pub revision: Option<String>,
    /// The stamp of each field ever written.
    pub stamps: BTreeMap<String, Hlc>,
    /// Whether it is deleted.
    pub deleted: bool,
    /// When the server first heard of it.
    pub created_at: DateTime<Utc>,
    /// When the server last changed it.
    pub updated_at: DateTime<Utc>,
    /// When it was sealed.
    pub submitted_at: Option<DateTime<Utc>>,
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// Its owner may edit it.
    Draft,
    /// Sealed; level 1 decides.
    #[serde(rename = "pending_l1")]
    PendingL1,
    /// Level 2 decides.
    #[serde(rename = "pending_l2")]
    PendingL2,
    /// Level 3 decides.
    #[serde(rename = "pending_l3")]
    PendingL3,
    /// Every level approved.
    Approved,
    /// A level rejected it.
    Rejected,
    /// Its owner took it back.
    Withdrawn,
}

/// The content of a new request, which is submitted at once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewRequest {
    /// Its id; or send the header `Idempotency-Key`.
    pub id: Option<Uuid>,
    /// 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200, pattern = "^[^\\u0000]*$")]
    pub title: String,
    /// How much.
    pub amount: Money,
    /// A live category.
    pub category_id: Uuid,
    /// A live reason.
    pub reason_id: Uuid,
    /// For whom.
    pub department_id: Option<Uuid>,
    /// At most 64 characters.
    #[schema(max_length = 64, pattern = "^[^\\u0000]*$")]
    pub region: Option<String>,
    /// By when.
    pub needed_by: Option<NaiveDate>,
    /// At most 10,000 characters.
    #[schema(max_length = 10_000, pattern = "^[^\\u0000]*$")]
    pub justification: Option<String>,
}

/// A page of requests, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestPage {
    /// The requests.
    pub items: Vec<RequestRecord>,
    /// The `cursor` of the next page.
    pub next: Option<String>,
}

/// What has happened to a request, oldest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestHistory {
    /// The events.
    pub items: Vec<HistoryItem>,
}

/// One thing that happened.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HistoryItem {
    /// When.
    pub at: DateTime<Utc>,
    /// Who did it; null when the server did.
    pub actor_id: Option<Uuid>,
    /// `created`, `edited`, `superseded`, `refused`, `submitted`, `voted`, `rolled_back`, `level_approved`,
    /// `level_rejected`, `level_sealed`, `withdrawn`, `deleted` or `finalized`.
    pub event: String,
    /// The level, for events of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    /// What the actor said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The particulars: fields and values for edits, what lost for `superseded`, the code for `refused`.
    #[serde(default)]
    pub detail: serde_json::Value,
}

/// A batch from a phone's queue.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncBatch {
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
    pub changes: Vec<SyncChange>,
}

/// One item of a batch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum SyncChange {
    /// Writes fields of a draft.
    Upsert(Upsert),
    /// Seals it.
    Submit(Submit),
    /// Takes it back.
    Withdraw(Plain),
    /// Deletes a draft.
    Delete(Plain),
}

/// Writes fields of a draft.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Upsert {
    /// Names the operation, once a user.
    pub op_id: Uuid,
    /// The request.
    pub id: Uuid,
    /// When, by the phone's clock.
    pub hlc: Hlc,
    /// The fields written: null clears, absent leaves. `justification` may be
    /// `{"text": …, "base": [heads]}`, which merges.
    pub fields: serde_json::Map<String, serde_json::Value>,
}

/// Seals a draft.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Submit {
    /// Names the operation, once a user.
    pub op_id: Uuid,
    /// The request.
    pub id: Uuid,
    /// When, by the phone's clock.
    pub hlc: Hlc,
    /// Field → stamp shown (the heads for the text): seals only that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A command that says no more than what it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plain {
    /// Names the operation, once a user.
    pub op_id: Uuid,
    /// The request.
    pub id: Uuid,
    /// When, by the phone's clock.
    pub hlc: Hlc,
}

/// The answer to a batch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SyncAnswer {
    /// The server's time.
    pub server_time: DateTime<Utc>,
    /// The server's clock, to be observed by the phone.
    pub hlc: Hlc,
    /// Server time minus `clientTime`, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// One an item, in order.
    pub results: Vec<SyncResult>,
    /// Where the next pull goes on; null without a pull.
    #[schema(format = DateTime)]
    pub last_sync: Option<String>,
    /// What changed since the batch's `lastSync`.
    pub changes: Vec<Change>,
    /// Whether to go on at `updates`.
    pub has_more: bool,
}

/// The fate of one item.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SyncResult {
    /// As it was sent.
    pub op_id: Option<String>,
    /// The request.
    pub id: Option<Uuid>,
    /// What became of it.
    pub verdict: Verdict,
    /// Why it was refused.
    pub code: Option<String>,
    /// Why, for people.
    pub detail: Option<String>,
    /// Whether the same may succeed later.
    pub retryable: bool,
    /// The fields whose sent value lost.
    pub superseded: Vec<String>,
    /// What a deferred item waits for.
    pub waiting_for: Option<WaitingFor>,
    /// When the record was last changed.
    pub updated_at: Option<DateTime<Utc>>,
    /// The record as it stands after the batch.
    pub record: Option<RequestRecord>,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Taken as sent.
    Applied,
    /// Taken, and something of it lost or was joined.
    Merged,
    /// Already known.
    Duplicate,
    /// Refused, for good or (retryable) for now.
    Rejected,
    /// Waits for something that has not arrived.
    Deferred,
}

/// What a deferred item waits for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitingFor {
    /// `op`, `category`, `reason` or `approval`.
    pub kind: String,
    /// Its id.
    pub id: Uuid,
}

/// What changed for the caller.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Change {
    /// A record is new or has changed.
    Upsert {
        /// As it stands now.
        record: Box<RequestRecord>,
    },
    /// It is deleted, or no longer the caller's to see.
    Remove {
        /// Which.
        id: Uuid,
    },
}

/// A page of what changed, in commit order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Updates {
    /// The server's time.
    pub server_time: DateTime<Utc>,
    /// Where the next pull goes on; send it back as it came.
    #[schema(format = DateTime)]
    pub last_sync: String,
    /// Whether there is more.
    pub has_more: bool,
    /// What changed.
    pub changes: Vec<Change>,
}
