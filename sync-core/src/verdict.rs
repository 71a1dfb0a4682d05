//! What the server answers to an item of a batch.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// The fate of one item. Every item gets exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Taken as sent.
    Applied,
    /// Taken, and something of it lost or was joined.
    Merged,
    /// Already known; nothing changed.
    Duplicate,
    /// Refused, for good or for now.
    Rejected,
    /// Waits for something named that has not arrived.
    Deferred,
}

impl Verdict {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Applied => "applied",
            Verdict::Merged => "merged",
            Verdict::Duplicate => "duplicate",
            Verdict::Rejected => "rejected",
            Verdict::Deferred => "deferred",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+) => {
        /// Why an item or a command was refused. The texts are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[doc = $doc])+ $variant,)+ }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)+];

            /// The text on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text,)+ }
            }
        }

        impl FromStr for Code {
            type Err = UnknownCode;

            fn from_str(text: &str) -> Result<Code, UnknownCode> {
                match text { $($text => Ok(Code::$variant),)+ _ => Err(UnknownCode) }
            }
        }
    };
}

codes! {
    /// The content is sealed by a submit.
    Locked = "locked",
    /// The record is deleted; nothing resurrects it.
    Deleted = "deleted",
    /// What would be sealed is not what the user saw.
    ContentChanged = "content_changed",
    /// A text edit is based on a stamp that nobody here knows.
    UnknownBase = "unknown_base",
    /// A text edit comes under a stamp that another edit has.
    StampReused = "stamp_reused",
    /// More work than one body may cost; send it again.
    Busy = "busy",
    /// A field that a submit needs is missing.
    Incomplete = "incomplete",
    /// The category does not exist or is retired.
    UnknownCategory = "unknown_category",
    /// The reason does not exist or is retired.
    UnknownReason = "unknown_reason",
    /// A level has too few approvers who could vote.
    ChainIncomplete = "chain_incomplete",
    /// `fields` names what is no field.
    UnknownField = "unknown_field",
    /// A value of the wrong type or outside its limits.
    InvalidValue = "invalid_value",
    /// The stamp lies too far in the future.
    ClockAhead = "clock_ahead",
    /// The id of an operation came with other content before.
    OpIdReused = "op_id_reused",
    /// There is no such record, or it is another's.
    NotFound = "not_found",
    /// Submitted already.
    AlreadySubmitted = "already_submitted",
    /// Past the point where it could be withdrawn.
    NotWithdrawable = "not_withdrawable",
    /// The level has not opened, or closed by a withdrawal.
    LevelNotOpen = "level_not_open",
    /// The level is sealed.
    LevelSealed = "level_sealed",
    /// The level was open and the one below was rolled back.
    BasisChanged = "basis_changed",
    /// The vote cites another revision than the sealed one.
    StaleRevision = "stale_revision",
    /// Requesters do not vote on their own requests.
    SelfApproval = "self_approval",
    /// The person votes on another level of this request.
    DuplicateApprover = "duplicate_approver",
    /// The approver is deactivated.
    ApproverInactive = "approver_inactive",
    /// A vote can be taken back for 24 hours.
    RollbackWindowOver = "rollback_window_over",
    /// There is no vote to take back.
    NothingToRollBack = "nothing_to_roll_back",
}

impl Code {
    /// Whether sending the same again later can succeed.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(self, Code::ClockAhead | Code::ChainIncomplete | Code::Busy)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a known code")]
pub struct UnknownCode;

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// What a deferred item waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WaitingFor {
    /// Of which kind.
    pub kind: WaitingKind,
    /// Its id.
    #[serde(with = "id_text")]
    pub id: Uuid,
}

/// Ids are strings in every format, MessagePack included.
mod id_text {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use uuid::Uuid;

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Uuid, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The kinds of things an item may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WaitingKind {
    /// An earlier operation on the same record.
    Op,
    /// A category whose event may be on the way.
    Category,
    /// A reason whose event may be on the way.
    Reason,
    /// An approval whose event may be on the way.
    Approval,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_snake_case_and_come_back() {
        for code in Code::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            let name = format!("{code:?}");
            let flat = code.as_str().replace('_', "");
            assert_eq!(name.to_lowercase(), flat);
        }
        assert_eq!("nope".parse::<Code>(), Err(UnknownCode));
    }

    #[test]
    fn verdicts_and_waiting_read_as_the_contract_says() {
        assert_eq!(
            serde_json::to_value(Verdict::Duplicate).unwrap(),
            "duplicate"
        );
        assert_eq!(Verdict::Merged.to_string(), "merged");
        let waiting = WaitingFor {
            kind: WaitingKind::Category,
            id: Uuid::nil(),
        };
        let json =
            serde_json::json!({"kind": "category", "id": "00000000-0000-0000-0000-000000000000"});
        assert_eq!(serde_json::to_value(waiting).unwrap(), json);
        assert_eq!(serde_json::from_value::<WaitingFor>(json).unwrap(), waiting);
    }
}
