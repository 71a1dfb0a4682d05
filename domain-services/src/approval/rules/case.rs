//! The approval of one submitted request: its pinned chain and what has become of each level.
//!
//! A [`Case`] is nothing but the fold of its log ([`super::fold`]); what is stored of it is a cache.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use sync_core::canonical::{Revision, approval_id};
use sync_core::hlc::Stamp;
use sync_core::seats::{self, Seats};
use sync_core::verdict::Code;
use sync_core::votes::{self, Tally, Vote, VoteMap};
use uuid::Uuid;

/// All levels of one revision of one request. Times are microseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::approval) struct Case {
    pub(in crate::approval) request_id: Uuid,
    pub(in crate::approval) owner_id: Uuid,
    pub(in crate::approval) revision: Revision,
    /// How long a vote can be taken back: pinned with the chain, so that a changed setting never
    /// reopens what is sealed.
    pub(in crate::approval) window_us: i64,
    /// How much later a rollback made in time may arrive; a level seals by age after both.
    pub(in crate::approval) grace_us: i64,
    pub(in crate::approval) levels: Vec<Level>,
    /// People of the chain who may not vote now.
    pub(in crate::approval) inactive: BTreeSet<Uuid>,
    pub(in crate::approval) withdrawn: bool,
    /// When its last fact was accepted; no later one is accepted before it.
    pub(in crate::approval) last_us: i64,
    /// How many facts its log holds.
    pub(in crate::approval) facts: i64,
}

/// One level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::approval) struct Level {
    /// 1 to 3.
    pub(in crate::approval) number: u8,
    pub(in crate::approval) approver_ids: Vec<Uuid>,
    pub(in crate::approval) quorum: u8,
    pub(in crate::approval) phase: Phase,
    pub(in crate::approval) tally: Tally,
    pub(in crate::approval) sealed: bool,
    /// When it opened, last.
    pub(in crate::approval) basis_us: Option<i64>,
    /// The acceptance since which its outcome has stood; none while it is open.
    pub(in crate::approval) decided_us: Option<i64>,
    /// Each approver's own register.
    pub(in crate::approval) ballots: BTreeMap<Uuid, Ballot>,
    pub(in crate::approval) dissent: Vec<Dissent>,
    /// When its record last changed for its readers.
    pub(in crate::approval) updated_us: i64,
}

/// Where a level is in its life, votes aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::approval) enum Phase {
    /// The level below has not been approved yet.
    Waiting,
    /// It can be voted on until it is sealed.
    Live,
    /// It was live, and the approval below was taken back.
    BasisChanged,
    /// The request was withdrawn.
    Withdrawn,
}

/// What an approver's phones say together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::approval) struct Ballot {
    /// None: taken back.
    pub(in crate::approval) vote: Option<Vote>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::approval) comment: Option<String>,
    pub(in crate::approval) hlc: Stamp,
    /// When the server accepted this vote; an equal vote does not move it.
    pub(in crate::approval) accepted_us: i64,
}

/// A vote that came too late, kept for those above.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::approval) struct Dissent {
    pub(in crate::approval) approver_id: Uuid,
    pub(in crate::approval) vote: Vote,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::approval) comment: Option<String>,
    pub(in crate::approval) hlc: Stamp,
    pub(in crate::approval) accepted_us: i64,
    pub(in crate::approval) code: Code,
}

impl Case {
    /// A level by its number.
    pub(in crate::approval) fn level(&self, number: u8) -> Option<&Level> {
        self.levels.iter().find(|level| level.number == number)
    }

    pub(in crate::approval) fn approval_id(&self, number: u8) -> Uuid {
        approval_id(self.request_id, &self.revision, number)
    }

    /// Whether nothing can happen to it any more but late votes.
    pub(in crate::approval) fn is_over(&self) -> bool {
        self.withdrawn || self.outcome().is_some()
    }

    /// What the chain decided, once that is sealed.
    pub(in crate::approval) fn outcome(&self) -> Option<Vote> {
        let rejected = |level: &Level| level.sealed && level.tally == Tally::Rejected;
        if self.levels.iter().any(rejected) {
            return Some(Vote::Reject);
        }
        let approved = |level: &Level| level.sealed && level.tally == Tally::Approved;
        (self.levels.last().is_some_and(approved)).then_some(Vote::Approve)
    }

    /// When a level seals by age.
    pub(in crate::approval) fn seals_us(&self, level: &Level) -> Option<i64> {
        if level.sealed || level.phase != Phase::Live {
            return None;
        }
        let held = self.window_us.saturating_add(self.grace_us);
        level
            .decided_us
            .map(|decided_us| decided_us.saturating_add(held))
    }

    /// When the first of its levels seals by age.
    pub(in crate::approval) fn next_seal_us(&self) -> Option<i64> {
        let seals = self.levels.iter().filter_map(|level| self.seals_us(level));
        seals.min()
    }

    /// Whether this person has a vote that stands on another level.
    pub(in crate::approval) fn votes_elsewhere(&self, person: Uuid, number: u8) -> bool {
        self.levels
            .iter()
            .filter(|level| level.number != number)
            .any(|level| level.vote_of(person).is_some())
    }

    /// Whether this person is asked to vote on this level now.
    pub(in crate::approval) fn awaits(&self, level: &Level, person: Uuid) -> bool {
        level.phase == Phase::Live
            && !level.sealed
            && level.tally == Tally::Open
            && level.vote_of(person).is_none()
            && !self.inactive.contains(&person)
            && !self.votes_elsewhere(person, level.number)
    }

    /// Whether the people who are left can no longer decide: some level that is not sealed lacks
    /// active approvers who fill no other level. A rejection that stands needs nobody.
    pub(in crate::approval) fn is_stalled(&self) -> bool {
        if self.is_over()
            || self
                .levels
                .iter()
                .any(|level| level.tally == Tally::Rejected)
        {
            return false;
        }
        let undecided = self.levels.iter().filter(|level| !level.sealed);
        let needs: Vec<(Vec<Uuid>, usize)> = undecided
            .map(|level| {
                let standing = level.approvals();
                let free = level.approver_ids.iter().copied().filter(|person| {
                    !self.inactive.contains(person)
                        && level.vote_of(*person).is_none()
                        && !self.votes_elsewhere(*person, level.number)
                });
                let quorum = usize::from(level.quorum.max(1));
                (free.collect(), quorum.saturating_sub(standing))
            })
            .collect();
        let seats: Vec<Seats<'_>> = needs
            .iter()
            .map(|(people, count)| Seats {
                people,
                count: *count,
            })
            .collect();
        seats::fill(&seats).is_err()
    }
}

impl Level {
    /// The vote of this person that stands.
    pub(in crate::approval) fn vote_of(&self, person: Uuid) -> Option<Vote> {
        self.ballots.get(&person).and_then(|ballot| ballot.vote)
    }

    /// Whether it has ever been opened, and so has readers.
    pub(in crate::approval) fn is_visible(&self) -> bool {
        self.phase != Phase::Waiting && self.basis_us.is_some()
    }

    /// What its ballots come to: a function of the map alone.
    pub(super) fn count(&self) -> Tally {
        let mut map = VoteMap::default();
        for (person, ballot) in &self.ballots {
            map.cast(*person, ballot.as_register());
        }
        map.outcome(u32::from(self.quorum))
    }

    fn approvals(&self) -> usize {
        let approves = |ballot: &&Ballot| ballot.vote == Some(Vote::Approve);
        self.ballots.values().filter(approves).count()
    }
}

impl Ballot {
    pub(super) fn as_register(&self) -> votes::Ballot {
        votes::Ballot {
            vote: self.vote,
            comment: self.comment.clone(),
            stamp: self.hlc,
        }
    }
}
