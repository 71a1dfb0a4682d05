//! The votes of one level: a map without order, so that votes can arrive in any.

use crate::canonical;
use crate::hlc::Stamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use uuid::Uuid;

/// What an approver says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vote {
    /// Yes.
    Approve,
    /// No.
    Reject,
}

impl Vote {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Vote::Approve => "approve",
            Vote::Reject => "reject",
        }
    }
}

/// The register of one approver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ballot {
    /// The vote; `None` when taken back.
    pub vote: Option<Vote>,
    /// What the approver wrote, at most 2,000 characters.
    pub comment: Option<String>,
    /// When, by the approver's own clocks.
    pub stamp: Stamp,
}

impl Ballot {
    /// Whether this one stands against `other` of the same approver: the greater stamp, then the greater
    /// canonical bytes.
    fn beats(&self, other: &Ballot) -> bool {
        match self.stamp.cmp(&other.stamp) {
            std::cmp::Ordering::Equal => self.bytes() > other.bytes(),
            order => order.is_gt(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(b"{\"comment\":");
        match &self.comment {
            Some(comment) => canonical::write_string(&mut out, comment),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"vote\":");
        match self.vote {
            Some(vote) => canonical::write_string(&mut out, vote.as_str()),
            None => out.extend_from_slice(b"null"),
        }
        out.push(b'}');
        out
    }
}

/// What became of a ballot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cast {
    /// It stands now.
    Won,
    /// It stood already, stamp and all.
    Same,
    /// A later one of the same approver stands.
    Lost,
}

/// The outcome of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tally {
    /// Too few votes.
    Open,
    /// Nobody rejects, and enough approve.
    Approved,
    /// Somebody rejects.
    Rejected,
}

/// Approver to ballot. A join-semilattice: the outcome is a function of the set of ballots alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VoteMap {
    ballots: BTreeMap<Uuid, Ballot>,
}

impl VoteMap {
    /// The ballot of an approver, a taken-back one included.
    #[must_use]
    pub fn ballot(&self, approver: Uuid) -> Option<&Ballot> {
        self.ballots.get(&approver)
    }

    /// All ballots, in order of approver.
    pub fn iter(&self) -> impl Iterator<Item = (Uuid, &Ballot)> {
        self.ballots
            .iter()
            .map(|(approver, ballot)| (*approver, ballot))
    }

    /// Takes a ballot; each approver's own latest stands.
    pub fn cast(&mut self, approver: Uuid, ballot: Ballot) -> Cast {
        match self.ballots.entry(approver) {
            Entry::Vacant(place) => {
                place.insert(ballot);
                Cast::Won
            }
            Entry::Occupied(place) if *place.get() == ballot => Cast::Same,
            Entry::Occupied(mut place) => {
                if ballot.beats(place.get()) {
                    place.insert(ballot);
                    Cast::Won
                } else {
                    Cast::Lost
                }
            }
        }
    }

    /// Joins another map into this one.
    pub fn merge(&mut self, other: &VoteMap) {
        for (approver, ballot) in &other.ballots {
            self.cast(*approver, ballot.clone());
        }
    }

    /// Any rejection rejects; `quorum` approvals approve (0 counts as 1: silence approves nothing).
    #[must_use]
    pub fn outcome(&self, quorum: u32) -> Tally {
        let mut approvals = 0_u32;
        for ballot in self.ballots.values() {
            match ballot.vote {
                Some(Vote::Reject) => return Tally::Rejected,
                Some(Vote::Approve) => approvals = approvals.saturating_add(1),
                None => {}
            }
        }
        if approvals >= quorum.max(1) {
            Tally::Approved
        } else {
            Tally::Open
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hlc::NodeId;

    fn ballot(vote: Option<Vote>, millis: u64) -> Ballot {
        Ballot {
            vote,
            comment: None,
            stamp: Stamp::new(millis, 0, NodeId::new(1)).unwrap(),
        }
    }

    #[test]
    fn the_latest_of_each_counts() {
        let (ann, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut votes = VoteMap::default();
        assert_eq!(votes.outcome(0), Tally::Open);
        assert_eq!(votes.cast(ann, ballot(Some(Vote::Reject), 1)), Cast::Won);
        assert_eq!(votes.outcome(1), Tally::Rejected);
        assert_eq!(votes.cast(ann, ballot(Some(Vote::Approve), 2)), Cast::Won);
        assert_eq!(votes.cast(ann, ballot(Some(Vote::Reject), 1)), Cast::Lost);
        assert_eq!(votes.cast(ann, ballot(Some(Vote::Approve), 2)), Cast::Same);
        assert_eq!(votes.outcome(1), Tally::Approved);
        assert_eq!(votes.outcome(2), Tally::Open);
        votes.cast(bob, ballot(Some(Vote::Approve), 1));
        assert_eq!(votes.outcome(2), Tally::Approved);
        votes.cast(bob, ballot(None, 3));
        assert_eq!(votes.outcome(2), Tally::Open);
    }

    #[test]
    fn equal_stamps_resolve_the_same_way_in_either_order() {
        let ann = Uuid::from_u128(1);
        let (yes, no) = (
            ballot(Some(Vote::Approve), 1),
            ballot(Some(Vote::Reject), 1),
        );
        let mut one = VoteMap::default();
        one.cast(ann, yes.clone());
        one.cast(ann, no.clone());
        let mut other = VoteMap::default();
        other.cast(ann, no);
        other.cast(ann, yes);
        assert_eq!(one, other);
    }
}
