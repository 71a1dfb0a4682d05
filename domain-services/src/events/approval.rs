//! What the approval service tells. The key of all of it is the request, the record the approval.

use crate::time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync_core::canonical::Revision;
use sync_core::hlc::Stamp;
use sync_core::verdict::Code;
use sync_core::votes::Vote;
use uuid::Uuid;

/// What a level, or the whole chain, decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Yes.
    Approved,
    /// No.
    Rejected,
}

/// A level and what happened to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LevelChanged {
    /// The approval: one level of one revision.
    pub approval_id: Uuid,
    /// The request.
    pub request_id: Uuid,
    /// Whose request it is.
    pub owner_id: Uuid,
    /// The digest of what is decided about.
    #[schemars(with = "super::schemas::Digest")]
    pub revision: Revision,
    /// 1 to 3.
    pub level: u8,
    /// When it was accepted.
    #[schemars(with = "super::schemas::Instant")]
    pub at: Time,
}

/// What an approver said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalCast {
    /// About which level.
    #[serde(flatten)]
    pub level: LevelChanged,
    /// Who.
    pub approver_id: Uuid,
    /// The vote; none: it was taken back.
    #[schemars(with = "Option<super::schemas::VoteWord>")]
    pub vote: Option<Vote>,
    /// Why.
    pub comment: Option<String>,
    /// When, by the approver's phone.
    #[schemars(with = "super::schemas::Hlc")]
    pub hlc: Stamp,
    /// The operation.
    pub op_id: Uuid,
    /// Why it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub code: Option<Code>,
}

/// A vote or rollback that was refused and has no place in a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalDismissed {
    /// The approval it was meant for, where it named one.
    pub approval_id: Option<Uuid>,
    /// The request, where that is known.
    pub request_id: Option<Uuid>,
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

/// A level that can be voted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LevelOpened {
    /// Which.
    #[serde(flatten)]
    pub level: LevelChanged,
    /// Who may vote.
    pub approver_ids: Vec<Uuid>,
    /// How many must approve.
    pub quorum: u8,
}

/// A level that cannot be voted on any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LevelClosed {
    /// Which.
    #[serde(flatten)]
    pub level: LevelChanged,
    /// Why: `basis_changed` or `withdrawn`.
    pub reason: String,
}

/// A level whose outcome stands for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LevelSealed {
    /// Which.
    #[serde(flatten)]
    pub level: LevelChanged,
    /// What it decided.
    pub outcome: Outcome,
    /// Whether the chain has nothing more to decide.
    pub r#final: bool,
}

/// A chain and whether it can still decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChainChanged {
    /// The request.
    pub request_id: Uuid,
    /// Whose request it is.
    pub owner_id: Uuid,
    /// When.
    #[schemars(with = "super::schemas::Instant")]
    pub at: Time,
}
