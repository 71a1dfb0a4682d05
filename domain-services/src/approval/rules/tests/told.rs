//! Somebody who hears only the events: what they know must be what is.

use super::super::news::{Data, News};
use super::super::{Case, Phase};
use super::desk::{Steps, Unlike};
use crate::events::{self, Outcome};
use std::collections::{BTreeMap, HashSet};
use sync_core::votes::{Tally, Vote};
use uuid::Uuid;

/// What is known from events alone.
#[derive(Debug, Default)]
pub(super) struct Listener {
    levels: BTreeMap<u8, Heard>,
    stalled: bool,
    finals: Vec<Outcome>,
    /// An event's id is made of these.
    ids: HashSet<(Uuid, &'static str, i64)>,
    twice: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heard {
    phase: Phase,
    tally: Tally,
    sealed: bool,
}

impl Listener {
    pub(super) fn hear(&mut self, news: &[News]) {
        for one in news {
            // What has no place in a case has an id of its own.
            let follows = one.id.is_none();
            self.twice |= follows && !self.ids.insert((one.record, one.kind, one.version));
            match &one.data {
                Data::Cast(_) | Data::Dismissed(_) => {}
                Data::Opened(opened) => self.level(opened.level.level).phase = Phase::Live,
                Data::Closed(closed) => {
                    self.level(closed.level.level).phase = match closed.reason.as_str() {
                        "withdrawn" => Phase::Withdrawn,
                        _ => Phase::BasisChanged,
                    };
                }
                Data::Changed(changed) => {
                    self.level(changed.level).tally = match one.kind {
                        events::LEVEL_APPROVED => Tally::Approved,
                        events::LEVEL_REJECTED => Tally::Rejected,
                        _ => Tally::Open,
                    };
                }
                Data::Sealed(sealed) => {
                    self.level(sealed.level.level).sealed = true;
                    if sealed.r#final {
                        self.finals.push(sealed.outcome);
                    }
                }
                Data::Chain(_) => self.stalled = one.kind == events::CHAIN_STALLED,
            }
        }
    }

    fn level(&mut self, number: u8) -> &mut Heard {
        self.levels.entry(number).or_insert(Heard {
            phase: Phase::Waiting,
            tally: Tally::Open,
            sealed: false,
        })
    }

    /// Promise 13, as far as the rules go: the events tell what the case is.
    pub(super) fn agrees_with(&mut self, case: &Case) -> Steps {
        for level in &case.levels {
            let heard = *self.level(level.number);
            let is = Heard {
                phase: level.phase,
                tally: level.tally,
                sealed: level.sealed,
            };
            if heard != is {
                return Err(Unlike(format!(
                    "L{}: the events tell {heard:?}, it is {is:?}",
                    level.number
                )));
            }
        }
        let outcome = case.outcome().map(|vote| match vote {
            Vote::Approve => Outcome::Approved,
            Vote::Reject => Outcome::Rejected,
        });
        let told = (self.finals.as_slice(), self.stalled, self.twice);
        if told == (outcome.as_slice(), case.is_stalled(), false) {
            Ok(())
        } else {
            Err(Unlike(format!(
                "finals, stalled, an id told twice: {told:?}, but it is {outcome:?}, {}",
                case.is_stalled()
            )))
        }
    }
}
