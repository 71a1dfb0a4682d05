//! An approval as it goes out.

use super::rules::{Case, Level, Phase};
use crate::time::Time;
use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use sync_core::hlc::Stamp;
use sync_core::votes::{Tally, Vote};
use uuid::Uuid;

/// What a record shows beside its case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Papers<'a> {
    pub(super) content: &'a Map<String, Value>,
    pub(super) submitted_us: i64,
    pub(super) owner_name: Option<&'a str>,
}

/// The wire's approval record.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) case: &'a Case,
    pub(super) level: &'a Level,
    pub(super) papers: Papers<'a>,
}

impl Level {
    /// The word for it on the wire.
    pub(super) fn status(&self) -> &'static str {
        match (self.phase, self.tally) {
            (Phase::BasisChanged | Phase::Withdrawn | Phase::Waiting, _) => "closed",
            (Phase::Live, Tally::Open) => "open",
            (Phase::Live, Tally::Approved) => "approved",
            (Phase::Live, Tally::Rejected) => "rejected",
        }
    }
}

impl View<'_> {
    /// Writes the members into a structure that may have more.
    pub(super) fn members<M: SerializeStruct>(&self, record: &mut M) -> Result<(), M::Error> {
        let (case, level) = (self.case, self.level);
        record.serialize_field("id", &case.approval_id(level.number))?;
        record.serialize_field("requestId", &case.request_id)?;
        record.serialize_field("level", &level.number)?;
        record.serialize_field("revision", &case.revision)?;
        record.serialize_field("status", level.status())?;
        record.serialize_field("sealed", &level.sealed)?;
        record.serialize_field("sealsAt", &case.seals_us(level).map(Time))?;
        record.serialize_field("basisAt", &level.basis_us.map(Time))?;
        record.serialize_field("quorum", &level.quorum)?;
        record.serialize_field("approverIds", &level.approver_ids)?;
        record.serialize_field("votes", &Votes(level))?;
        record.serialize_field("dissent", &DissentSoFar(self))?;
        record.serialize_field("request", &Request(self))?;
        record.serialize_field("updatedAt", &Time(level.updated_us))
    }

    /// How many members that are.
    pub(super) const MEMBERS: usize = 14;
}

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_struct("Approval", Self::MEMBERS)?;
        self.members(&mut record)?;
        record.end()
    }
}

/// A vote as it is shown, one that came too late with the level it was about and why it did not count.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownVote<'a> {
    approver_id: Uuid,
    vote: Vote,
    comment: Option<&'a str>,
    hlc: Stamp,
    accepted_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<sync_core::verdict::Code>,
}

/// The votes that stand.
struct Votes<'a>(&'a Level);

impl Serialize for Votes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut votes = serializer.serialize_seq(None)?;
        for (person, ballot) in &self.0.ballots {
            if let Some(vote) = ballot.vote {
                votes.serialize_element(&ShownVote {
                    approver_id: *person,
                    vote,
                    comment: ballot.comment.as_deref(),
                    hlc: ballot.hlc,
                    accepted_at: Time(ballot.accepted_us),
                    level: None,
                    code: None,
                })?;
            }
        }
        votes.end()
    }
}

/// What came too late on this level and on those below it.
struct DissentSoFar<'a>(&'a View<'a>);

impl Serialize for DissentSoFar<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let View { case, level, .. } = self.0;
        let mut all = serializer.serialize_seq(None)?;
        for below in &case.levels {
            if below.number > level.number {
                break;
            }
            for dissent in &below.dissent {
                all.serialize_element(&ShownVote {
                    approver_id: dissent.approver_id,
                    vote: dissent.vote,
                    comment: dissent.comment.as_deref(),
                    hlc: dissent.hlc,
                    accepted_at: Time(dissent.accepted_us),
                    level: Some(below.number),
                    code: Some(dissent.code),
                })?;
            }
        }
        all.end()
    }
}

/// The sealed content, with its owner's name.
struct Request<'a>(&'a View<'a>);

impl Serialize for Request<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let View { case, papers, .. } = self.0;
        let mut request = serializer.serialize_map(Some(4 + papers.content.len()))?;
        request.serialize_entry("id", &case.request_id)?;
        request.serialize_entry("ownerId", &case.owner_id)?;
        request.serialize_entry("ownerName", &papers.owner_name)?;
        request.serialize_entry("submittedAt", &Time(papers.submitted_us))?;
        for (name, value) in papers.content {
            request.serialize_entry(name, value)?;
        }
        request.end()
    }
}
