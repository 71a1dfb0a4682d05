//! What the log of a case holds.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sync_core::canonical::Revision;
use sync_core::hlc::Stamp;
use sync_core::verdict::Code;
use sync_core::votes::Vote;
use uuid::Uuid;

/// Something that was accepted, at a time that the log keeps beside it. Facts say what happened, never
/// what follows from it: that is for [`Case::apply`](super::Case::apply).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub(in crate::approval) enum Fact {
    /// A request was submitted; its first level opens. Always the first.
    Submitted(Submitted),
    /// An approver voted, or took the vote back (`vote: null`).
    Voted(Cast),
    /// A vote or a rollback was older than what its approver had said since.
    Superseded(Cast),
    /// A vote or a rollback was refused for good.
    Refused {
        /// What was refused.
        cast: Cast,
        /// Why.
        code: Code,
    },
    /// A level's outcome stood for as long as votes can be taken back.
    SealedByAge {
        /// Which.
        level: u8,
    },
    /// A person of the chain may not vote any more.
    Left {
        /// Who.
        person_id: Uuid,
    },
    /// A person of the chain may vote again.
    Returned {
        /// Who.
        person_id: Uuid,
    },
    /// The request was withdrawn.
    Withdrawn,
}

/// A submitted request, as its event told.
#[allow(
    clippy::struct_field_names,
    reason = "the logs that are stored name this field"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::approval) struct Submitted {
    pub(in crate::approval) owner_id: Uuid,
    pub(in crate::approval) revision: Revision,
    pub(in crate::approval) submitted_us: i64,
    pub(in crate::approval) window_us: i64,
    pub(in crate::approval) grace_us: i64,
    pub(in crate::approval) levels: Vec<Pinned>,
    /// The sealed fields.
    pub(in crate::approval) content: Value,
}

/// A level of a pinned chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::approval) struct Pinned {
    pub(in crate::approval) level: u8,
    pub(in crate::approval) approver_ids: Vec<Uuid>,
    pub(in crate::approval) quorum: u8,
}

/// What an approver said about a level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::approval) struct Cast {
    pub(in crate::approval) level: u8,
    pub(in crate::approval) approver_id: Uuid,
    /// None: a rollback.
    pub(in crate::approval) vote: Option<Vote>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::approval) comment: Option<String>,
    pub(in crate::approval) hlc: Stamp,
    pub(in crate::approval) op_id: Uuid,
}

impl Fact {
    /// Its name in the log.
    pub(in crate::approval) fn kind(&self) -> &'static str {
        match self {
            Self::Submitted(_) => "submitted",
            Self::Voted(_) => "voted",
            Self::Superseded(_) => "superseded",
            Self::Refused { .. } => "refused",
            Self::SealedByAge { .. } => "sealed_by_age",
            Self::Left { .. } => "left",
            Self::Returned { .. } => "returned",
            Self::Withdrawn => "withdrawn",
        }
    }
}
