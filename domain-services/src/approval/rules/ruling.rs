//! What becomes of one vote or rollback on a case, at a moment: the rules in the order in which they
//! are told apart. Pure; the caller has sealed what is overdue ([`Case::overdue`]).

use super::case::{Ballot, Case, Level, Phase};
use super::fact::{Cast, Fact};
use sync_core::canonical::Revision;
use sync_core::hlc::Stamp;
use sync_core::verdict::{Code, Verdict};
use sync_core::votes::{self, VoteMap};

/// An approver's wish.
#[derive(Debug, Clone)]
pub(in crate::approval) struct Wish {
    pub(in crate::approval) cast: Cast,
    /// The revision that the approver saw.
    pub(in crate::approval) revision: Revision,
}

/// What becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::approval) enum Ruling {
    /// It counts: the fact to add.
    Counts(Fact),
    /// It was older than what its approver has said since; kept, without effect.
    Superseded(Fact),
    /// It stands already.
    Stands,
    /// Refused for good, with the fact to keep where its sender is an approver of the level.
    Refused {
        code: Code,
        detail: &'static str,
        fact: Option<Fact>,
    },
}

impl Ruling {
    /// The verdict on its item.
    pub(in crate::approval) fn verdict(&self) -> Verdict {
        match self {
            Self::Counts(_) => Verdict::Applied,
            Self::Superseded(_) => Verdict::Merged,
            Self::Stands => Verdict::Duplicate,
            Self::Refused { .. } => Verdict::Rejected,
        }
    }
}

impl Case {
    /// The first level that has been sealed by age by `now_us`.
    pub(in crate::approval) fn overdue(&self, now_us: i64) -> Option<u8> {
        self.levels
            .iter()
            .find(|level| self.seals_us(level).is_some_and(|due_us| due_us <= now_us))
            .map(|level| level.number)
    }

    /// The case as it reads at `now_us`: what is overdue is sealed, whether or not a sweeper has been
    /// there.
    #[allow(
        clippy::wrong_self_convention,
        reason = "not a conversion: the case as of a moment"
    )]
    pub(in crate::approval) fn as_of(mut self, now_us: i64) -> Self {
        while let Some(number) = self.overdue(now_us) {
            let due_us = self.level(number).and_then(|level| self.seals_us(level));
            let at_us = due_us.unwrap_or(now_us).max(self.last_us);
            self.apply(at_us, &Fact::SealedByAge { level: number });
        }
        self
    }

    /// Judges a wish, accepted at `now_us` if it counts.
    pub(in crate::approval) fn rule(&self, wish: &Wish, now_us: i64) -> Ruling {
        let cast = &wish.cast;
        let unseen = |code, detail| Ruling::Refused {
            code,
            detail,
            fact: None,
        };
        if cast.approver_id == self.owner_id {
            return unseen(Code::SelfApproval, "nobody decides about an own request");
        }
        let level = self.level(cast.level);
        let Some(level) = level.filter(|level| level.approver_ids.contains(&cast.approver_id))
        else {
            return unseen(Code::NotFound, "there is no such approval");
        };
        match self.judge(level, wish, now_us) {
            Ok(ruling) => ruling,
            Err((code, detail)) => Ruling::Refused {
                code,
                detail,
                fact: Some(Fact::Refused {
                    cast: cast.clone(),
                    code,
                }),
            },
        }
    }

    fn judge(
        &self,
        level: &Level,
        wish: &Wish,
        now_us: i64,
    ) -> Result<Ruling, (Code, &'static str)> {
        let cast = &wish.cast;
        if wish.revision != self.revision {
            return Err((
                Code::StaleRevision,
                "the vote is about another revision of the request",
            ));
        }
        if self.inactive.contains(&cast.approver_id) {
            return Err((
                Code::ApproverInactive,
                "this person is no active approver any more",
            ));
        }
        match level.phase {
            Phase::Live => {}
            Phase::Waiting => {
                return Err((Code::LevelNotOpen, "the level has not been opened"));
            }
            Phase::Withdrawn => {
                return Err((
                    Code::LevelNotOpen,
                    "the request was withdrawn and the level closed",
                ));
            }
            Phase::BasisChanged => {
                return Err((
                    Code::BasisChanged,
                    "the approval of the level below was taken back",
                ));
            }
        }
        let standing = level.ballots.get(&cast.approver_id);
        match compare(standing, cast) {
            Against::Stands => return Ok(Ruling::Stands),
            Against::Older => return Ok(Ruling::Superseded(Fact::Superseded(cast.clone()))),
            Against::Later => {}
        }
        let standing_vote = standing.and_then(|ballot| ballot.vote);
        if cast.vote.is_some() && self.votes_elsewhere(cast.approver_id, level.number) {
            return Err((
                Code::DuplicateApprover,
                "this person has voted on another level of the request",
            ));
        }
        if cast.vote.is_none() && standing_vote.is_none() {
            return Err((Code::NothingToRollBack, "there is no vote to take back"));
        }
        if level.sealed {
            // The same again after the seal dissents from nothing.
            if cast.vote == standing_vote {
                return Ok(Ruling::Stands);
            }
            return Err((Code::LevelSealed, "the level is sealed"));
        }
        if let Some(ballot) = standing.filter(|ballot| ballot.vote.is_some())
            && ballot.vote != cast.vote
            && !self.may_take_back(ballot, cast.hlc, now_us)
        {
            return Err((
                Code::RollbackWindowOver,
                "the time in which this vote could be taken back is over",
            ));
        }
        Ok(Ruling::Counts(Fact::Voted(cast.clone())))
    }

    /// Whether a vote may be taken back or replaced: inside the window since its acceptance, or made
    /// on the phone inside it and arriving within the grace. Only the grace can be gained by a clock
    /// that lies.
    fn may_take_back(&self, ballot: &Ballot, stamp: Stamp, now_us: i64) -> bool {
        let until_us = ballot.accepted_us.saturating_add(self.window_us);
        let made_us = i64::try_from(stamp.millis())
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000);
        now_us <= until_us
            || (made_us <= until_us && now_us <= until_us.saturating_add(self.grace_us))
    }
}

/// How a wish stands against the register of its approver.
enum Against {
    Stands,
    Older,
    Later,
}

fn compare(standing: Option<&Ballot>, cast: &Cast) -> Against {
    let mut register = VoteMap::default();
    if let Some(ballot) = standing {
        register.cast(cast.approver_id, ballot.as_register());
    }
    let said = votes::Ballot {
        vote: cast.vote,
        comment: cast.comment.clone(),
        stamp: cast.hlc,
    };
    match register.cast(cast.approver_id, said) {
        votes::Cast::Same => Against::Stands,
        votes::Cast::Lost => Against::Older,
        votes::Cast::Won => Against::Later,
    }
}
