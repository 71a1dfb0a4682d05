//! From a log to a case: the one function that says what follows from what was accepted. It reads no
//! clock, no setting and no projection; a test rebuilds every stored case with it.

use super::case::{Ballot, Case, Dissent, Level, Phase};
use super::fact::{Cast, Fact, Submitted};
use std::collections::{BTreeMap, BTreeSet};
use sync_core::verdict::Code;
use sync_core::votes::Tally;
use uuid::Uuid;

/// A log that does not begin with a submit, or has a second one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log of a case begins with one submit")]
pub(in crate::approval) struct NoCase;

/// Folds a log, oldest first.
pub(in crate::approval) fn fold<'f>(
    request_id: Uuid,
    log: impl IntoIterator<Item = (i64, &'f Fact)>,
) -> Result<Case, NoCase> {
    let mut log = log.into_iter();
    let Some((at_us, Fact::Submitted(submitted))) = log.next() else {
        return Err(NoCase);
    };
    let mut case = Case::open(request_id, at_us, submitted);
    for (at_us, fact) in log {
        if matches!(fact, Fact::Submitted(_)) {
            return Err(NoCase);
        }
        case.apply(at_us, fact);
    }
    Ok(case)
}

impl Case {
    /// The case of a request submitted just now: its first level is open.
    pub(in crate::approval) fn open(request_id: Uuid, at_us: i64, submitted: &Submitted) -> Self {
        let level = |pinned: &super::Pinned| Level {
            number: pinned.level,
            approver_ids: pinned.approver_ids.clone(),
            quorum: pinned.quorum,
            phase: Phase::Waiting,
            tally: Tally::Open,
            sealed: false,
            basis_us: None,
            decided_us: None,
            ballots: BTreeMap::new(),
            dissent: Vec::new(),
            updated_us: at_us,
        };
        let mut case = Self {
            request_id,
            owner_id: submitted.owner_id,
            revision: submitted.revision,
            window_us: submitted.window_us,
            grace_us: submitted.grace_us,
            levels: submitted.levels.iter().map(level).collect(),
            inactive: BTreeSet::new(),
            withdrawn: false,
            last_us: at_us,
            facts: 1,
        };
        if let Some(first) = case.levels.first_mut() {
            first.open(at_us);
        }
        case
    }

    /// Takes the next fact, accepted at `at_us`.
    pub(in crate::approval) fn apply(&mut self, at_us: i64, fact: &Fact) {
        let before = self.levels.clone();
        self.apply_to(&before, at_us, fact);
    }

    /// The same for who has a copy of the levels as they are now.
    pub(super) fn apply_to(&mut self, before: &[Level], at_us: i64, fact: &Fact) {
        match fact {
            Fact::Voted(cast) => self.cast(at_us, cast),
            Fact::Refused { cast, code } => self.keep(at_us, cast, *code),
            Fact::SealedByAge { level } => self.seal(*level),
            Fact::Left { person_id } => {
                self.inactive.insert(*person_id);
            }
            Fact::Returned { person_id } => {
                self.inactive.remove(person_id);
            }
            Fact::Withdrawn => self.withdraw(),
            Fact::Superseded(_) | Fact::Submitted(_) => {}
        }
        self.last_us = at_us;
        self.facts = self.facts.saturating_add(1);
        self.touch(at_us, before);
    }

    /// A level's record changes with the level, and with the dissent of those below.
    fn touch(&mut self, at_us: i64, before: &[Level]) {
        let mut dissent_below = false;
        for (level, was) in self.levels.iter_mut().zip(before) {
            let dissent = level.dissent.len() != was.dissent.len();
            if level != was || (dissent_below && level.is_visible()) {
                level.updated_us = at_us;
            }
            dissent_below |= dissent;
        }
    }

    fn level_mut(&mut self, number: u8) -> Option<&mut Level> {
        self.levels.iter_mut().find(|level| level.number == number)
    }

    fn cast(&mut self, at_us: i64, cast: &Cast) {
        let Some(level) = self.level_mut(cast.level) else {
            return;
        };
        let before = level.tally;
        level.cast(at_us, cast);
        let after = level.count();
        level.tally = after;
        if before != after {
            level.decided_us = (after != Tally::Open).then_some(at_us);
        }
        // A vote stands on the level below: from now on that cannot be taken away.
        if cast.vote.is_some() && cast.level > 1 {
            self.seal(cast.level - 1);
        }
        if before != after {
            self.next_opens_or_closes(at_us, cast.level, after);
        }
    }

    fn next_opens_or_closes(&mut self, at_us: i64, number: u8, outcome: Tally) {
        let Some(next) = self.level_mut(number.saturating_add(1)) else {
            return;
        };
        match (outcome, next.phase) {
            (Tally::Approved, Phase::Waiting | Phase::BasisChanged) => next.open(at_us),
            (Tally::Open | Tally::Rejected, Phase::Live) => next.phase = Phase::BasisChanged,
            _ => {}
        }
    }

    fn seal(&mut self, number: u8) {
        if let Some(level) = self.level_mut(number) {
            level.sealed = true;
        }
    }

    /// Only what came too late to count is dissent: a refusal for another reason was no vote at all.
    fn keep(&mut self, at_us: i64, cast: &Cast, code: Code) {
        let late = matches!(code, Code::LevelSealed | Code::RollbackWindowOver);
        let (Some(level), Some(vote), true) = (self.level_mut(cast.level), cast.vote, late) else {
            return;
        };
        level.dissent.push(Dissent {
            approver_id: cast.approver_id,
            vote,
            comment: cast.comment.clone(),
            hlc: cast.hlc,
            accepted_us: at_us,
            code,
        });
    }

    fn withdraw(&mut self) {
        self.withdrawn = true;
        for level in &mut self.levels {
            if level.phase == Phase::Live && !level.sealed {
                level.phase = Phase::Withdrawn;
            }
        }
    }
}

impl Level {
    fn open(&mut self, at_us: i64) {
        self.phase = Phase::Live;
        self.basis_us = Some(at_us);
    }

    fn cast(&mut self, at_us: i64, cast: &Cast) {
        let standing = self.ballots.get(&cast.approver_id);
        // An equal vote moves its stamp, never its acceptance: else a vote repeated again and again
        // could be taken back for ever.
        let accepted_us = standing
            .filter(|ballot| ballot.vote == cast.vote)
            .map_or(at_us, |ballot| ballot.accepted_us);
        let ballot = Ballot {
            vote: cast.vote,
            comment: cast.comment.clone(),
            hlc: cast.hlc,
            accepted_us,
        };
        self.ballots.insert(cast.approver_id, ballot);
    }
}
