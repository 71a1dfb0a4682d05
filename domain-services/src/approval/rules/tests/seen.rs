//! What a reader sees of a case, in the oracle's words, against the oracle's picture.

use super::super::{Case, Level, Phase};
use super::desk::{Steps, Unlike};
use super::oracle::{self, Fate, Picture, Says, Shown, Status};
use super::people::{COMMENTS, person_of};
use sync_core::hlc::Stamp;
use sync_core::votes::{Tally, Vote};

/// The case against the picture of it.
pub(super) fn compare(case: &Case, expected: &Picture) -> Steps {
    let fate = match case.outcome() {
        Some(Vote::Approve) => Some(Fate::Approved),
        Some(Vote::Reject) => Some(Fate::Rejected),
        None => None,
    };
    let got = (fate, case.withdrawn, case.is_stalled());
    let wanted = (expected.fate, expected.withdrawn, expected.stalled);
    same("fate, withdrawn, stalled", 0, &wanted, &got)?;
    for (level, wanted) in case.levels.iter().zip(&expected.levels) {
        let number = level.number;
        let got = (
            status(level),
            level.sealed,
            case.seals_us(level),
            level.basis_us,
        );
        let state = (
            wanted.status,
            wanted.sealed,
            wanted.seals_at,
            wanted.opened_at,
        );
        same("status, sealed, sealsAt, basisAt", number, &state, &got)?;
        same("votes", number, &wanted.votes, &votes(level))?;
        same("dissent", number, &wanted.dissent, &dissent(level))?;
    }
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, level: u8, wanted: &T, got: &T) -> Steps {
    if wanted == got {
        return Ok(());
    }
    Err(Unlike(format!(
        "L{level}, {what}: expected {wanted:#?}, got {got:#?}"
    )))
}

fn status(level: &Level) -> Status {
    match (level.phase, level.tally) {
        (Phase::Waiting, _) => Status::Waiting,
        (Phase::BasisChanged, _) => Status::BasisChanged,
        (Phase::Withdrawn, _) => Status::Withdrawn,
        (Phase::Live, Tally::Open) => Status::Open,
        (Phase::Live, Tally::Approved) => Status::Approved,
        (Phase::Live, Tally::Rejected) => Status::Rejected,
    }
}

fn votes(level: &Level) -> Vec<Shown> {
    let votes = level.ballots.iter().filter_map(|(person, ballot)| {
        Some(Shown {
            person: person_of(*person),
            says: says(ballot.vote?),
            comment: comment(ballot.comment.as_deref()),
            stamp: stamp(ballot.hlc),
            accepted: ballot.accepted_us,
            code: None,
        })
    });
    votes.collect()
}

fn dissent(level: &Level) -> Vec<Shown> {
    let dissent = level.dissent.iter().map(|late| Shown {
        person: person_of(late.approver_id),
        says: says(late.vote),
        comment: comment(late.comment.as_deref()),
        stamp: stamp(late.hlc),
        accepted: late.accepted_us,
        code: Some(late.code.as_str()),
    });
    dissent.collect()
}

fn says(vote: Vote) -> Says {
    match vote {
        Vote::Approve => Says::Approve,
        Vote::Reject => Says::Reject,
    }
}

fn stamp(hlc: Stamp) -> oracle::Stamp {
    oracle::Stamp {
        ms: hlc.millis(),
        counter: hlc.counter(),
        node: hlc.node().get(),
    }
}

fn comment(text: Option<&str>) -> Option<&'static str> {
    let text = text?;
    let known = COMMENTS.iter().find(|known| **known == text);
    Some(known.copied().unwrap_or("something that nobody said"))
}
