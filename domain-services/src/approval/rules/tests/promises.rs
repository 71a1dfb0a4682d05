//! What must hold of every step, read off the log and the states around it, without the oracle: the
//! promises of the design that speak of one fact or of two looks at a record.

use super::super::{Case, Fact, Level, Phase};
use super::desk::{Steps, Unlike};
use super::people::{hours, name, person_of};
use sync_core::votes::{Tally, Vote};
use uuid::Uuid;

/// A fact, and the case before and after it.
pub(super) struct Step<'a> {
    pub(super) before: &'a Case,
    pub(super) after: &'a Case,
    pub(super) at: i64,
    pub(super) fact: &'a Fact,
}

/// All of them.
pub(super) fn check(step: &Step<'_>) -> Steps {
    upper_levels_stand_on_approved_ones(step.after)?;
    nobody_votes_twice_or_on_their_own(step.after)?;
    only_active_people_vote(step)?;
    late_changes_are_refused(step)?;
    // The fact was judged as of its time, with everything overdue sealed.
    if !matches!(step.fact, Fact::SealedByAge { .. }) && step.before.overdue(step.at).is_some() {
        return broken("a fact was accepted before an overdue seal was written down");
    }
    sealed_stays(step.before, step.after)
}

fn broken(promise: &str) -> Steps {
    Err(Unlike(format!("broken: {promise}")))
}

fn has_votes(level: &Level) -> bool {
    level.ballots.values().any(|ballot| ballot.vote.is_some())
}

/// Promise 5: an effective vote on level k+1 stands on an approved level k, and on a sealed one.
fn upper_levels_stand_on_approved_ones(case: &Case) -> Steps {
    for (below, level) in case.levels.iter().zip(case.levels.iter().skip(1)) {
        if has_votes(level) && !(below.tally == Tally::Approved && below.sealed) {
            return broken("a vote stands on a level that is not approved and sealed");
        }
        let live = level.phase == Phase::Live;
        if live && below.tally != Tally::Approved {
            return broken("a level is open above one that is not approved");
        }
    }
    Ok(())
}

/// Promise 6, but for who was active when.
fn nobody_votes_twice_or_on_their_own(case: &Case) -> Steps {
    let mut voters: Vec<Uuid> = Vec::new();
    for level in &case.levels {
        for (person, ballot) in &level.ballots {
            if ballot.vote.is_none() {
                continue;
            }
            if *person == case.owner_id {
                return broken("the requester has a vote");
            }
            if !level.approver_ids.contains(person) {
                return broken("somebody votes who is no approver of the level");
            }
            if voters.contains(person) {
                return broken("one person votes on two levels");
            }
            voters.push(*person);
        }
    }
    Ok(())
}

/// Promise 6: active at acceptance.
fn only_active_people_vote(step: &Step<'_>) -> Steps {
    match step.fact {
        Fact::Voted(cast) if step.before.inactive.contains(&cast.approver_id) => {
            broken("an inactive person's vote counts")
        }
        _ => Ok(()),
    }
}

/// Promises 8 and 9: a vote is taken back or replaced in time, and no stamp gains more than the grace.
fn late_changes_are_refused(step: &Step<'_>) -> Steps {
    let (Fact::Voted(cast), was) = (step.fact, step.before) else {
        return Ok(());
    };
    let Some(level) = was.level(cast.level) else {
        return broken("a vote on no level");
    };
    if level.sealed || level.phase != Phase::Live {
        return broken("a vote on a level that is sealed or not open counts");
    }
    let Some(ballot) = level.ballots.get(&cast.approver_id) else {
        return Ok(());
    };
    if ballot.vote.is_none() || ballot.vote == cast.vote {
        return Ok(());
    }
    let waited = step.at - ballot.accepted_us;
    let made = i64::try_from(cast.hlc.millis()).unwrap() * 1_000 - ballot.accepted_us;
    if waited > was.window_us && (made > was.window_us || waited > was.window_us + was.grace_us) {
        return Err(Unlike(format!(
            "broken: the vote of {} of {} was taken back at {}",
            name(person_of(cast.approver_id)),
            hours(ballot.accepted_us),
            hours(step.at),
        )));
    }
    Ok(())
}

/// Promise 7: what is sealed stays sealed as it was, and what is final stays so.
pub(super) fn sealed_stays(before: &Case, after: &Case) -> Steps {
    for (was, is) in before.levels.iter().zip(&after.levels) {
        let kept = is.sealed
            && is.phase == was.phase
            && is.tally == was.tally
            && is.ballots == was.ballots
            && is.dissent.starts_with(&was.dissent);
        if was.sealed && !kept {
            return broken("something changed on a sealed level");
        }
    }
    let (was, is): (Option<Vote>, Option<Vote>) = (before.outcome(), after.outcome());
    if was.is_some() && was != is {
        return broken("a final outcome changed");
    }
    Ok(())
}

/// What is shown of a level never changes without a later `updatedAt`, or phones would not pull it.
pub(super) fn a_change_is_dated(before: &Case, after: &Case) -> Steps {
    let mut dissent_below = false;
    for (was, is) in before.levels.iter().zip(&after.levels) {
        dissent_below |= was.dissent != is.dissent;
        let shown = is.is_visible();
        let mut undated = was.clone();
        undated.updated_us = is.updated_us;
        let changed = shown && (undated != *is || dissent_below);
        if is.updated_us < was.updated_us || (changed && is.updated_us == was.updated_us) {
            return broken("what is shown of a level changed, and its updatedAt did not");
        }
    }
    Ok(())
}
