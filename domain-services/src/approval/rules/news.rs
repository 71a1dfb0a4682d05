//! What others are told of a fact: the difference between a case before and after it.

use super::case::{Case, Level, Phase};
use super::fact::{Cast, Fact};
use crate::events::{
    self, ApprovalCast, ApprovalDismissed, ChainChanged, LevelChanged, LevelClosed, LevelOpened,
    LevelSealed, Outcome,
};
use crate::time::Time;
use serde::Serialize;
use sync_core::canonical::event_id;
use sync_core::verdict::Code;
use sync_core::votes::{Tally, Vote};
use uuid::Uuid;

/// An event in the making. Its version is the number of the fact in the case's log, so that a rebuilt
/// service would say the same under the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::approval) struct News {
    /// Where it does not follow from record, version and kind.
    pub(in crate::approval) id: Option<Uuid>,
    pub(in crate::approval) kind: &'static str,
    /// The approval, or the request where it is about the whole chain.
    pub(in crate::approval) record: Uuid,
    pub(in crate::approval) request_id: Uuid,
    pub(in crate::approval) version: i64,
    pub(in crate::approval) data: Data,
}

/// The data of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(in crate::approval) enum Data {
    Cast(ApprovalCast),
    Opened(LevelOpened),
    Changed(LevelChanged),
    Closed(LevelClosed),
    Sealed(LevelSealed),
    Chain(ChainChanged),
    Dismissed(ApprovalDismissed),
}

impl News {
    /// The event's id.
    pub(in crate::approval) fn event_id(&self) -> Uuid {
        self.id
            .unwrap_or_else(|| event_id(self.record, self.version.cast_unsigned(), self.kind))
    }
}

/// The events of `fact`, which led from `before` (none: it opened the case) to `after`, in the order
/// in which they happened.
pub(in crate::approval) fn news(
    before: Option<&Case>,
    after: &Case,
    at_us: i64,
    fact: &Fact,
) -> Vec<News> {
    let teller = Teller { after, at_us };
    let mut told = Vec::new();
    match fact {
        Fact::Voted(cast) if cast.vote.is_some() => {
            told.push(teller.cast(events::APPROVAL_VOTED, cast, None));
        }
        Fact::Voted(cast) => told.push(teller.cast(events::APPROVAL_ROLLED_BACK, cast, None)),
        Fact::Superseded(cast) => {
            told.push(teller.cast(events::APPROVAL_SUPERSEDED, cast, None));
        }
        Fact::Refused { cast, code } => {
            told.push(teller.cast(events::APPROVAL_REFUSED, cast, Some(*code)));
        }
        Fact::Submitted(_)
        | Fact::SealedByAge { .. }
        | Fact::Left { .. }
        | Fact::Returned { .. }
        | Fact::Withdrawn => {}
    }
    for level in &after.levels {
        let was = before.and_then(|before| before.level(level.number));
        told.extend(teller.level(was, level));
    }
    told.extend(teller.chain(before));
    told
}

struct Teller<'a> {
    after: &'a Case,
    at_us: i64,
}

impl Teller<'_> {
    fn tell(&self, kind: &'static str, record: Uuid, data: Data) -> News {
        News {
            id: None,
            kind,
            record,
            request_id: self.after.request_id,
            version: self.after.facts,
            data,
        }
    }

    fn chain(&self, before: Option<&Case>) -> Option<News> {
        let stalled = self.after.is_stalled();
        if stalled == before.is_some_and(Case::is_stalled) {
            return None;
        }
        let kind = if stalled {
            events::CHAIN_STALLED
        } else {
            events::CHAIN_RESTORED
        };
        let request_id = self.after.request_id;
        let data = Data::Chain(ChainChanged {
            request_id,
            owner_id: self.after.owner_id,
            at: Time(self.at_us),
        });
        Some(self.tell(kind, request_id, data))
    }

    fn about(&self, number: u8) -> LevelChanged {
        LevelChanged {
            approval_id: self.after.approval_id(number),
            request_id: self.after.request_id,
            owner_id: self.after.owner_id,
            revision: self.after.revision,
            level: number,
            at: Time(self.at_us),
        }
    }

    fn cast(&self, kind: &'static str, cast: &Cast, code: Option<Code>) -> News {
        let level = self.about(cast.level);
        let data = Data::Cast(ApprovalCast {
            level,
            approver_id: cast.approver_id,
            vote: cast.vote,
            comment: cast.comment.clone(),
            hlc: cast.hlc,
            op_id: cast.op_id,
            code,
        });
        self.tell(kind, self.after.approval_id(cast.level), data)
    }

    /// What a level's readers and its request's owner want to hear: a seal tells what it sealed, so it
    /// comes after the outcome.
    fn level(&self, was: Option<&Level>, level: &Level) -> Vec<News> {
        let mut told = Vec::new();
        let mut push = |kind, data| {
            told.push(self.tell(kind, self.after.approval_id(level.number), data));
        };
        if level.phase != was.map_or(Phase::Waiting, |was| was.phase) {
            match level.phase {
                Phase::Live => push(
                    events::LEVEL_OPENED,
                    Data::Opened(LevelOpened {
                        level: self.about(level.number),
                        approver_ids: level.approver_ids.clone(),
                        quorum: level.quorum,
                    }),
                ),
                Phase::BasisChanged => {
                    push(events::LEVEL_CLOSED, self.closed(level, "basis_changed"));
                }
                Phase::Withdrawn => push(events::LEVEL_CLOSED, self.closed(level, "withdrawn")),
                Phase::Waiting => {}
            }
        }
        if level.tally != was.map_or(Tally::Open, |was| was.tally) {
            let kind = match level.tally {
                Tally::Approved => events::LEVEL_APPROVED,
                Tally::Rejected => events::LEVEL_REJECTED,
                Tally::Open => events::LEVEL_REOPENED,
            };
            push(kind, Data::Changed(self.about(level.number)));
        }
        if level.sealed && !was.is_some_and(|was| was.sealed) {
            push(events::LEVEL_SEALED, Data::Sealed(self.sealed(level)));
        }
        told
    }

    fn closed(&self, level: &Level, reason: &str) -> Data {
        Data::Closed(LevelClosed {
            level: self.about(level.number),
            reason: reason.to_owned(),
        })
    }

    fn sealed(&self, level: &Level) -> LevelSealed {
        let last = self.after.levels.last();
        let is_last = last.is_some_and(|last| last.number == level.number);
        let rejected = level.tally == Tally::Rejected;
        LevelSealed {
            level: self.about(level.number),
            outcome: if rejected {
                Outcome::Rejected
            } else {
                Outcome::Approved
            },
            r#final: match self.after.outcome() {
                Some(Vote::Reject) => rejected,
                Some(Vote::Approve) => is_last,
                None => false,
            },
        }
    }
}
