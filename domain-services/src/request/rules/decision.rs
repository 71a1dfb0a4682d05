//! The outcome of a batch: what to answer and what to write.

use super::super::model::{Head, Stored};
use std::collections::HashMap;
use sync_core::hlc::Stamp;
use sync_core::record::FieldSet;
use sync_core::verdict::{Code, Verdict, WaitingFor};
use uuid::Uuid;

/// How an item named its operation: an id, or whatever a broken item had in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::request) enum OpRef {
    Id(Uuid),
    Given(Option<String>),
}

impl OpRef {
    pub(in crate::request) fn id(&self) -> Option<Uuid> {
        match self {
            Self::Id(id) => Some(*id),
            Self::Given(_) => None,
        }
    }
}

/// The verdict on one item.
#[derive(Debug, Clone)]
pub(in crate::request) struct ItemOutcome {
    pub(in crate::request) op: OpRef,
    pub(in crate::request) id: Option<Uuid>,
    pub(in crate::request) verdict: Verdict,
    pub(in crate::request) code: Option<Code>,
    pub(in crate::request) detail: Option<String>,
    pub(in crate::request) superseded: FieldSet,
    pub(in crate::request) waiting_for: Option<WaitingFor>,
    /// Whether the record comes along; a plain `applied` edit is answered by its time alone.
    pub(in crate::request) with_record: bool,
}

impl ItemOutcome {
    pub(super) fn of(op: Uuid, id: Uuid, verdict: Verdict) -> Self {
        Self {
            op: OpRef::Id(op),
            id: Some(id),
            verdict,
            code: None,
            detail: None,
            superseded: FieldSet::default(),
            waiting_for: None,
            with_record: true,
        }
    }

    /// Whether the phone should send the same again.
    pub(in crate::request) fn is_retryable(&self) -> bool {
        self.verdict == Verdict::Rejected && self.code.is_some_and(Code::is_retryable)
    }

    /// Whether the item was refused and will be for ever.
    pub(super) fn is_refused_for_good(&self) -> bool {
        self.verdict == Verdict::Rejected && !self.is_retryable()
    }
}

/// A command to remember, taken or refused for good.
#[derive(Debug, Clone)]
pub(in crate::request) struct CommandRow {
    pub(in crate::request) op_id: Uuid,
    pub(in crate::request) request_id: Uuid,
    pub(in crate::request) kind: &'static str,
    pub(in crate::request) digest: u64,
    pub(in crate::request) refusal: Option<(Code, String)>,
}

/// A line of a request's story.
#[derive(Debug, Clone)]
pub(in crate::request) struct HistoryRow {
    pub(in crate::request) request_id: Uuid,
    pub(in crate::request) op_id: Uuid,
    pub(in crate::request) event: &'static str,
    pub(in crate::request) code: &'static str,
    /// Of the item in its batch, which orders what happened in one commit.
    pub(in crate::request) position: i32,
    pub(in crate::request) detail: serde_json::Value,
}

/// An event for the outbox.
#[derive(Debug, Clone)]
pub(in crate::request) struct NewEvent {
    /// Where it does not follow from key, version and kind.
    pub(in crate::request) id: Option<Uuid>,
    pub(in crate::request) key: Uuid,
    pub(in crate::request) kind: &'static str,
    pub(in crate::request) version: i64,
    pub(in crate::request) data: serde_json::Value,
}

/// What became of a batch.
#[derive(Debug)]
pub(in crate::request) struct Decision {
    /// One a sent item, in order.
    pub(in crate::request) items: Vec<ItemOutcome>,
    /// Every record the batch named that its sender may see, as it stands after the whole batch.
    pub(in crate::request) records: HashMap<Uuid, Stored>,
    /// The records to write, in feed order, with their place in the feed before.
    pub(in crate::request) changed: Vec<(Uuid, Option<i64>)>,
    pub(in crate::request) commands: Vec<CommandRow>,
    pub(in crate::request) history: Vec<HistoryRow>,
    pub(in crate::request) events: Vec<NewEvent>,
    /// The head as it was read; the write holds only if it still is.
    pub(in crate::request) head_before: Option<Head>,
    pub(in crate::request) head_after: Head,
    /// The server's stamp, above everything it has seen of this user.
    pub(in crate::request) hlc: Stamp,
    /// Who acted.
    pub(in crate::request) actor: Uuid,
    pub(in crate::request) now_us: i64,
}

impl Decision {
    /// Whether there is nothing to write: everything was known, refused again or waits.
    pub(in crate::request) fn is_read_only(&self) -> bool {
        self.changed.is_empty()
            && self.commands.is_empty()
            && self.history.is_empty()
            && self.events.is_empty()
    }
}
