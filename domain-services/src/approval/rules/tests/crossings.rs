//! Situations that have a name: levels that cross, people who may not vote, withdrawals.

use super::oracle::{Answer, Fate, Status};
use super::people::{ANN, BOB, CEM, DIA, EVA, OLGA, id_of};
use super::story::{L1, L2, L3, Story, approves, rejects, request, rolls_back};
use Answer::{Applied, Duplicate, Merged, Refused};

/// Ann or Bob, then Cem or Dia.
fn two_levels() -> Story {
    request(&[(&[ANN, BOB], 1), (&[CEM, DIA], 1)])
}

#[test]
fn a_vote_above_that_comes_first_seals_against_the_rollback_below() {
    let mut story = two_levels();
    story.at(0).hears(approves(ANN, L1));
    assert_eq!(story.at(2).hears(approves(CEM, L2)), Applied);
    assert!(story.is_sealed(L1));
    let crossed = rolls_back(ANN, L1).made_at(1);
    assert_eq!(story.at(3).hears(crossed), Refused("level_sealed"));
    assert_eq!(story.status(L1), Status::Approved);
    assert_eq!(story.status(L2), Status::Approved);
}

#[test]
fn a_rollback_below_that_comes_first_takes_the_basis_of_the_vote_above() {
    let mut story = two_levels();
    story.at(0).hears(approves(ANN, L1));
    assert_eq!(story.at(2).hears(rolls_back(ANN, L1)), Applied);
    let crossed = approves(CEM, L2).made_at(1);
    assert_eq!(story.at(3).hears(crossed), Refused("basis_changed"));
    assert_eq!(story.status(L2), Status::BasisChanged);
    assert!(!story.is_sealed(L1));
    // It opens anew, and then the vote is another one.
    story.at(4).hears(approves(BOB, L1));
    assert_eq!(story.status(L2), Status::Open);
    assert_eq!(story.at(5).hears(approves(CEM, L2)), Applied);
}

#[test]
fn a_rejection_below_closes_the_level_above_too() {
    let mut story = two_levels();
    story.at(0).hears(approves(ANN, L1));
    story.at(1).hears(rejects(BOB, L1));
    assert_eq!(story.status(L2), Status::BasisChanged);
    story.at(2).hears(rolls_back(BOB, L1));
    assert_eq!(story.status(L2), Status::Open);
}

#[test]
fn a_rejection_above_seals_the_level_below_and_a_rollback_of_it_unseals_nothing() {
    let mut story = two_levels();
    story.at(0).hears(approves(ANN, L1));
    assert_eq!(story.at(1).hears(rejects(CEM, L2)), Applied);
    assert_eq!(story.at(2).hears(rolls_back(CEM, L2)), Applied);
    assert_eq!(story.status(L2), Status::Open);
    assert!(story.is_sealed(L1));
    let late = rolls_back(ANN, L1);
    assert_eq!(story.at(3).hears(late), Refused("level_sealed"));
}

#[test]
fn a_vote_after_the_seal_is_dissent_that_those_above_can_read() {
    let mut story = two_levels();
    story.at(0).hears(approves(ANN, L1));
    story.at(1).hears(approves(CEM, L2));
    let late = rejects(BOB, L1).made_at(0).noting("not without a quote");
    assert_eq!(story.at(2).hears(late), Refused("level_sealed"));
    assert_eq!(story.status(L1), Status::Approved);
    for level in [L1, L2] {
        let dissent = &story.record(level)["dissent"];
        assert_eq!(dissent.as_array().unwrap().len(), 1);
        assert_eq!(dissent[0]["approverId"], id_of(BOB).to_string());
        assert_eq!(dissent[0]["vote"], "reject");
        assert_eq!(dissent[0]["comment"], "not without a quote");
        assert_eq!(dissent[0]["level"], 1);
    }
    assert_eq!(story.record(L1)["votes"].as_array().unwrap().len(), 1);
    // Once.
    assert_eq!(story.at(3).hears_again(), [Refused("level_sealed")]);
    assert_eq!(story.record(L2)["dissent"].as_array().unwrap().len(), 1);
}

#[test]
fn the_same_again_after_the_seal_dissents_from_nothing() {
    let mut story = two_levels();
    story.at(0).hears(approves(ANN, L1));
    story.at(1).hears(approves(CEM, L2));
    assert_eq!(story.at(2).hears(approves(ANN, L1)), Duplicate);
    assert_eq!(story.picture().level(L1).dissent, []);
}

#[test]
fn one_person_fills_one_level() {
    let mut story = request(&[(&[ANN, BOB, CEM], 2), (&[ANN, DIA], 1)]);
    story.at(0).hears(approves(ANN, L1));
    story.at(1).hears(approves(BOB, L1));
    let second = approves(ANN, L2);
    assert_eq!(story.at(2).hears(second), Refused("duplicate_approver"));
    // Who takes back the one vote may cast the other.
    story.at(3).hears(approves(CEM, L1));
    story.at(4).hears(rolls_back(ANN, L1));
    assert_eq!(story.at(5).hears(approves(ANN, L2)), Applied);
    let back = approves(ANN, L1);
    assert_eq!(story.at(6).hears(back), Refused("duplicate_approver"));
}

#[test]
fn nobody_decides_about_an_own_request() {
    let mut story = request(&[(&[OLGA, ANN], 1)]);
    assert_eq!(
        story.at(0).hears(approves(OLGA, L1)),
        Refused("self_approval")
    );
    assert_eq!(story.at(1).hears(approves(EVA, L1)), Refused("not_found"));
    assert_eq!(story.status(L1), Status::Open);
}

#[test]
fn a_deactivated_approvers_late_votes_do_not_count_and_the_earlier_stand() {
    let mut story = request(&[(&[ANN, BOB], 2)]);
    story.at(0).hears(approves(ANN, L1));
    story.at(1).turns(ANN);
    let late = rejects(ANN, L1).made_at(0);
    assert_eq!(story.at(2).hears(late), Refused("approver_inactive"));
    let late = rolls_back(ANN, L1);
    assert_eq!(story.at(2).hears(late), Refused("approver_inactive"));
    story.at(3).hears(approves(BOB, L1));
    assert_eq!(story.status(L1), Status::Approved);
    story.at(4).turns(ANN);
    assert_eq!(story.at(5).hears(rejects(ANN, L1)), Applied);
    assert_eq!(story.status(L1), Status::Rejected);
}

#[test]
fn a_vote_about_another_revision_is_about_another_request() {
    let mut story = two_levels();
    let stale = approves(ANN, L1).of_another_revision();
    assert_eq!(story.at(0).hears(stale), Refused("stale_revision"));
    assert_eq!(story.status(L1), Status::Open);
}

#[test]
fn a_level_opens_when_the_one_below_is_approved() {
    let mut story = request(&[(&[ANN], 1), (&[BOB], 1), (&[CEM], 1)]);
    assert_eq!(story.status(L2), Status::Waiting);
    assert_eq!(
        story.at(0).hears(approves(BOB, L2)),
        Refused("level_not_open")
    );
    story.at(1).hears(approves(ANN, L1));
    assert_eq!(story.hears(approves(CEM, L3)), Refused("level_not_open"));
    story.at(2).hears(approves(BOB, L2));
    story.at(3).hears(rolls_back(BOB, L2));
    assert_eq!(story.hears(approves(CEM, L3)), Refused("basis_changed"));
    story.at(4).hears(approves(BOB, L2));
    assert_eq!(story.hears(approves(CEM, L3)), Applied);
    assert_eq!(story.at(41).picture().fate, Some(Fate::Approved));
}

#[test]
fn a_withdrawal_before_the_seal_closes_what_is_open() {
    let mut story = two_levels();
    story.at(0).hears(approves(ANN, L1));
    story.at(1).is_withdrawn();
    assert_eq!(story.status(L1), Status::Withdrawn);
    assert_eq!(story.status(L2), Status::Withdrawn);
    assert_eq!(
        story.at(2).hears(approves(CEM, L2)),
        Refused("level_not_open")
    );
    assert_eq!(story.hears(rolls_back(ANN, L1)), Refused("level_not_open"));
    assert!(!story.at(99).is_sealed(L1));
    assert_eq!(story.picture().fate, None);
}

#[test]
fn a_withdrawal_that_crossed_a_seal_leaves_it() {
    let mut story = two_levels();
    story.at(0).hears(approves(ANN, L1));
    story.at(1).hears(approves(CEM, L2));
    story.at(2).is_withdrawn();
    assert_eq!(story.status(L1), Status::Approved);
    assert!(story.is_sealed(L1));
    assert_eq!(story.status(L2), Status::Withdrawn);
    let late = rejects(BOB, L1);
    assert_eq!(story.at(3).hears(late), Refused("level_sealed"));
}

#[test]
fn a_withdrawal_after_a_seal_by_age_leaves_it_with_or_without_a_sweeper() {
    for sweeps in [true, false] {
        let mut story = request(&[(&[ANN], 1)]);
        story.at(0).hears(approves(ANN, L1));
        assert!(story.at(36).is_sealed(L1));
        if sweeps {
            story.sweeper_comes();
        }
        story.at(37).is_withdrawn();
        assert_eq!(story.status(L1), Status::Approved);
        assert!(story.is_sealed(L1));
        assert_eq!(story.picture().fate, Some(Fate::Approved));
    }
}

#[test]
fn a_chain_stalls_when_too_few_are_left_and_is_restored_by_who_returns() {
    let mut story = request(&[(&[ANN, BOB], 1), (&[BOB, CEM], 1)]);
    story.at(0).turns(CEM);
    assert!(!story.picture().stalled);
    story.at(1).turns(ANN);
    assert!(story.picture().stalled, "Bob cannot fill both levels");
    story.at(2).turns(CEM);
    assert!(!story.picture().stalled);
    // A rejection that stands needs nobody.
    story.at(3).hears(rejects(BOB, L1));
    story.at(4).turns(CEM);
    assert!(!story.picture().stalled);
    story.at(5).hears(rolls_back(BOB, L1));
    assert!(story.picture().stalled);
}

#[test]
fn who_has_left_after_the_end_stalls_nothing() {
    let mut story = request(&[(&[ANN], 1)]);
    story.at(0).hears(approves(ANN, L1));
    story.at(40).turns(ANN);
    assert!(!story.picture().stalled);
    assert_eq!(story.picture().fate, Some(Fate::Approved));
}

#[test]
fn an_older_vote_of_ones_own_is_superseded() {
    let mut story = two_levels();
    story.at(3).hears(approves(ANN, L1).made_at(2));
    assert_eq!(story.hears(rejects(ANN, L1).made_at(1)), Merged);
    assert_eq!(story.status(L1), Status::Approved);
}
