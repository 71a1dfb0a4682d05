//! What the request service tells.

use super::Outcome;
use crate::time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sync_core::canonical::Revision;
use sync_core::verdict::Code;
use uuid::Uuid;

/// Drafts that one batch made or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestDrafted {
    /// Whose they are.
    pub owner_id: Uuid,
    /// Which.
    pub ids: Vec<Uuid>,
}

/// A request that was sealed, and who is to decide about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestSubmitted {
    /// The request.
    pub id: Uuid,
    /// Whose it is.
    pub owner_id: Uuid,
    /// The digest of its content.
    #[schemars(with = "super::schemas::Digest")]
    pub revision: Revision,
    /// When.
    #[schemars(with = "super::schemas::Instant")]
    pub submitted_at: Time,
    /// The sealed fields.
    pub content: Value,
    /// The pinned chain.
    pub levels: Vec<ChainLevel>,
}

/// Who decides about a level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChainLevel {
    /// 1 to 3.
    pub level: u8,
    /// Who may vote.
    pub approver_ids: Vec<Uuid>,
    /// How many must approve.
    pub quorum: u8,
}

/// A request that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestWithdrawn {
    /// The request.
    pub id: Uuid,
    /// Whose it is.
    pub owner_id: Uuid,
    /// Who withdrew it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<Uuid>,
}

/// A draft that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestDeleted {
    /// The request.
    pub id: Uuid,
    /// Whose it was.
    pub owner_id: Uuid,
}

/// A request whose fate is final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestFinalized {
    /// The request.
    pub id: Uuid,
    /// Whose it is.
    pub owner_id: Uuid,
    /// The digest of what was decided about.
    #[schemars(with = "super::schemas::Digest")]
    pub revision: Revision,
    /// What was decided.
    pub outcome: Outcome,
    /// When.
    #[schemars(with = "super::schemas::Instant")]
    pub final_at: Time,
}

/// A change of a request that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestRefused {
    /// The request it was meant for, where it named one.
    pub id: Option<Uuid>,
    /// The operation, as its sender named it.
    pub op_id: Option<String>,
    /// What it was; none: it could not be read.
    pub command: Option<String>,
    /// Why it was refused.
    #[schemars(with = "String")]
    pub code: Code,
    /// The same in a sentence.
    pub detail: String,
}
