//! What the rules know: levels as the approval service tells of them, and what people were told.

use super::super::model::{Channel, Template};
use crate::bus::Event;
use crate::events::{
    self, ApprovalCast, LevelChanged, LevelClosed, LevelOpened, LevelSealed, Outcome,
    RequestFinalized,
};
use crate::inbox::ApplyError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use sync_core::votes::Vote;
use uuid::Uuid;

/// Whether a level can be voted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::notification) enum Phase {
    Open,
    BasisChanged,
    Withdrawn,
}

/// One level of one revision, as far as it was heard of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::notification) struct Level {
    pub(in crate::notification) approval_id: Uuid,
    pub(in crate::notification) request_id: Uuid,
    pub(in crate::notification) owner_id: Uuid,
    /// 1 to 3.
    pub(in crate::notification) number: u8,
    pub(in crate::notification) approver_ids: Vec<Uuid>,
    /// The votes that stand.
    pub(in crate::notification) votes: BTreeMap<Uuid, Said>,
    pub(in crate::notification) phase: Phase,
    pub(in crate::notification) outcome: Option<Outcome>,
    pub(in crate::notification) sealed: bool,
}

/// A vote that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::notification) enum Said {
    Approve,
    Reject,
}

impl From<Vote> for Said {
    fn from(vote: Vote) -> Self {
        match vote {
            Vote::Approve => Self::Approve,
            Vote::Reject => Self::Reject,
        }
    }
}

impl Level {
    /// A level of which nothing but this was heard.
    pub(super) fn of(about: &LevelChanged) -> Self {
        Self {
            approval_id: about.approval_id,
            request_id: about.request_id,
            owner_id: about.owner_id,
            number: about.level,
            approver_ids: Vec::new(),
            votes: BTreeMap::new(),
            phase: Phase::Open,
            outcome: None,
            sealed: false,
        }
    }
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::notification) enum ToldState {
    /// In the queue.
    Waiting,
    /// A node is sending it, or died while it did: it may have left.
    Leaving,
    /// The provider has it.
    Gone,
    /// It never went out, and never will by itself.
    Never,
}

/// A message about an approval, told or about to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::notification) struct Told {
    pub(in crate::notification) id: Uuid,
    pub(in crate::notification) recipient_id: Uuid,
    pub(in crate::notification) channel: Channel,
    pub(in crate::notification) template: Template,
    /// The message that this one takes back.
    pub(in crate::notification) follows: Option<Uuid>,
    pub(in crate::notification) state: ToldState,
}

/// An event that means something here.
#[derive(Debug, Clone)]
pub(in crate::notification) enum Happening {
    Opened(LevelOpened),
    Decided(LevelChanged, Outcome),
    Reopened(LevelChanged),
    Closed(LevelClosed),
    Cast(ApprovalCast),
    Sealed(LevelSealed),
    Finalized(RequestFinalized),
}

impl Happening {
    /// Reads an event; `None` when it means nothing here.
    pub(in crate::notification) fn of(event: &Event) -> Result<Option<Self>, ApplyError> {
        Ok(Some(match event.kind.as_str() {
            events::LEVEL_OPENED => Self::Opened(event.decode()?),
            events::LEVEL_APPROVED => Self::Decided(event.decode()?, Outcome::Approved),
            events::LEVEL_REJECTED => Self::Decided(event.decode()?, Outcome::Rejected),
            events::LEVEL_REOPENED => Self::Reopened(event.decode()?),
            events::LEVEL_CLOSED => Self::Closed(event.decode()?),
            events::LEVEL_SEALED => Self::Sealed(event.decode()?),
            events::APPROVAL_VOTED | events::APPROVAL_ROLLED_BACK => Self::Cast(event.decode()?),
            events::REQUEST_FINALIZED => Self::Finalized(event.decode()?),
            _ => return Ok(None),
        }))
    }

    /// Whether events of this kind mean anything here.
    pub(in crate::notification) fn means(kind: &str) -> bool {
        matches!(
            kind,
            events::LEVEL_OPENED
                | events::LEVEL_APPROVED
                | events::LEVEL_REJECTED
                | events::LEVEL_REOPENED
                | events::LEVEL_CLOSED
                | events::LEVEL_SEALED
                | events::APPROVAL_VOTED
                | events::APPROVAL_ROLLED_BACK
                | events::REQUEST_FINALIZED
        )
    }

    /// The approval, or the request, that messages about it are kept under.
    pub(in crate::notification) fn about(&self) -> Uuid {
        match self {
            Self::Opened(opened) => opened.level.approval_id,
            Self::Decided(level, _) | Self::Reopened(level) => level.approval_id,
            Self::Closed(closed) => closed.level.approval_id,
            Self::Cast(cast) => cast.level.approval_id,
            Self::Sealed(sealed) => sealed.level.approval_id,
            Self::Finalized(finalized) => finalized.id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Topic;
    use crate::events::schemas;

    #[test]
    fn exactly_what_is_read_is_asked_for() {
        for event in schemas::all() {
            let nothing = Event {
                id: Uuid::nil(),
                topic: Topic::Approval,
                key: Uuid::nil(),
                kind: event.kind.to_owned(),
                version: 1,
                time_us: 0,
                traceparent: None,
                actor: None,
                data: serde_json::value::to_raw_value(&()).unwrap(),
            };
            // `null` is no data of any kind: a kind that is read is refused.
            let is_read = Happening::of(&nothing).is_err();
            assert_eq!(Happening::means(event.kind), is_read, "{}", event.kind);
        }
    }
}
