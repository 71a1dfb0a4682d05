//! Situations that have a name: votes, rollbacks and seals of one level. The desk compares with the
//! oracle after every line.

use super::oracle::{Answer, Fate, Status};
use super::people::{ANN, BOB, CEM, HOUR_US, START_US};
use super::story::{L1, L2, Story, approves, rejects, request, rolls_back};
use Answer::{Applied, Duplicate, Merged, Refused};

/// Ann and Bob must both agree, so that nothing is decided by Ann alone.
fn two_of_two() -> Story {
    request(&[(&[ANN, BOB], 2)])
}

/// Either of them will do.
fn one_of_two() -> Story {
    request(&[(&[ANN, BOB], 1)])
}

#[test]
fn an_equal_vote_moves_its_stamp_and_not_its_acceptance() {
    let mut story = two_of_two();
    assert_eq!(story.at(1).hears(approves(ANN, L1)), Applied);
    assert_eq!(
        story.at(20).hears(approves(ANN, L1).noting("fine")),
        Applied
    );
    let vote = story.picture().level(L1).votes[0];
    assert_eq!(vote.accepted, START_US + HOUR_US);
    assert_eq!(vote.comment, Some("fine"));
    // Older than the stamp of the equal vote, although later than the first.
    assert_eq!(story.at(21).hears(rejects(ANN, L1).made_at(10)), Merged);
    assert_eq!(story.at(24).hears(approves(ANN, L1)), Applied);
    let late = rejects(ANN, L1);
    assert_eq!(
        story.at(25).and(1_000).hears(late),
        Refused("rollback_window_over")
    );
}

#[test]
fn a_vote_repeated_for_ever_seals_all_the_same() {
    let mut story = one_of_two();
    assert_eq!(story.at(0).hears(approves(ANN, L1)), Applied);
    for hour in 1..36 {
        assert_eq!(story.at(hour).hears(approves(ANN, L1)), Applied);
    }
    assert!(!story.is_sealed(L1));
    assert_eq!(story.at(36).hears(approves(ANN, L1)), Duplicate);
    assert!(story.is_sealed(L1));
}

#[test]
fn the_very_same_twice_stands() {
    let mut story = one_of_two();
    assert_eq!(story.at(1).hears(approves(ANN, L1)), Applied);
    assert_eq!(story.at(2).hears_again(), [Duplicate]);
    assert_eq!(story.at(99).hears_again(), [Duplicate]);
}

#[test]
fn a_refusal_is_remembered_whatever_has_become_of_the_record() {
    let mut story = request(&[(&[ANN], 1), (&[BOB], 1)]);
    let mut early = request(&[(&[ANN], 1), (&[BOB], 1)]);
    assert_eq!(
        early.at(1).hears(approves(BOB, L2)),
        Refused("level_not_open")
    );
    early.turns(ANN);
    assert_eq!(early.at(2).hears_again(), [Refused("level_not_open")]);
    story.at(1).turns(BOB);
    assert_eq!(story.hears(approves(BOB, L2)), Refused("approver_inactive"));
    story.at(2).turns(BOB);
    assert_eq!(story.at(3).hears_again(), [Refused("approver_inactive")]);
}

#[test]
fn a_vote_changed_at_hour_35_is_too_late_unless_it_was_made_in_time() {
    let mut story = one_of_two();
    story.at(0).hears(approves(ANN, L1));
    let made_late = rejects(ANN, L1).made_at(25).noting("too much");
    assert_eq!(
        story.at(35).hears(made_late),
        Refused("rollback_window_over")
    );
    assert_eq!(story.status(L1), Status::Approved);
    // It is not lost: it is shown as what it is.
    let dissent = &story.record(L1)["dissent"][0];
    assert_eq!(dissent["comment"], "too much");
    assert_eq!(dissent["code"], "rollback_window_over");

    assert_eq!(
        story.at(35).and(1).hears(rejects(ANN, L1).made_at(24)),
        Applied
    );
    assert_eq!(story.status(L1), Status::Rejected);
    // Another outcome stands since then, for a day and a half anew.
    let decided = START_US + 35 * HOUR_US + 1;
    assert_eq!(
        story.picture().level(L1).seals_at,
        Some(decided + 36 * HOUR_US)
    );
}

#[test]
fn a_rollback_counts_for_a_day_after_the_acceptance() {
    for (us, expected) in [(0, Applied), (1, Refused("rollback_window_over"))] {
        let mut story = two_of_two();
        story.at(5).hears(approves(ANN, L1).made_at(0));
        // The phone's clock is a second fast: by its stamp it is too late, by its arrival it is not.
        let rollback = rolls_back(ANN, L1).made_at(29).and_seconds(1);
        assert_eq!(story.at(29).and(us).hears(rollback), expected);
    }
}

#[test]
fn a_rollback_made_in_time_may_arrive_within_the_grace() {
    let arrivals = [
        (24, 0, Applied),
        (30, 0, Applied),
        (36, 0, Applied),
        (36, 1, Refused("rollback_window_over")),
        (99, 0, Refused("rollback_window_over")),
    ];
    for (hour, us, expected) in arrivals {
        let mut story = two_of_two();
        story.at(0).hears(approves(ANN, L1));
        let answer = story
            .at(hour)
            .and(us)
            .hears(rolls_back(ANN, L1).made_at(23));
        assert_eq!(answer, expected, "at {hour}:00 and {us} us");
    }
}

#[test]
fn a_rollback_made_in_time_comes_too_late_for_a_level_that_has_sealed() {
    let mut story = one_of_two();
    story.at(0).hears(approves(ANN, L1));
    assert_eq!(
        story.at(36).hears(rolls_back(ANN, L1).made_at(23)),
        Refused("level_sealed")
    );
    assert_eq!(story.picture().fate, Some(Fate::Approved));
}

#[test]
fn a_level_seals_by_its_age_with_or_without_a_sweeper() {
    for sweeps in [true, false] {
        let mut story = one_of_two();
        story.at(2).hears(approves(ANN, L1));
        assert!(!story.at(38).and(-1).is_sealed(L1));
        assert!(story.at(38).is_sealed(L1));
        if sweeps {
            story.sweeper_comes();
        }
        let late = rejects(BOB, L1).made_at(3);
        assert_eq!(story.at(39).hears(late), Refused("level_sealed"));
    }
}

#[test]
fn an_outcome_that_was_interrupted_seals_later() {
    let mut story = one_of_two();
    story.at(0).hears(approves(ANN, L1));
    story.at(10).hears(rejects(BOB, L1));
    story.at(20).hears(rolls_back(BOB, L1));
    let due = START_US + 56 * HOUR_US;
    assert_eq!(story.picture().level(L1).seals_at, Some(due));
    // Whose approval it is does not matter, as long as there is one.
    story.at(21).hears(approves(BOB, L1));
    story.at(22).hears(rolls_back(ANN, L1));
    assert_eq!(story.picture().level(L1).seals_at, Some(due));
}

#[test]
fn a_rejection_can_be_rolled_back() {
    let mut story = one_of_two();
    story.at(0).hears(approves(ANN, L1));
    assert_eq!(story.at(1).hears(rejects(BOB, L1)), Applied);
    assert_eq!(story.status(L1), Status::Rejected);
    assert_eq!(story.at(2).hears(rolls_back(BOB, L1)), Applied);
    assert_eq!(story.status(L1), Status::Approved);
    assert_eq!(story.record(L1)["votes"].as_array().unwrap().len(), 1);
    let again = rolls_back(BOB, L1);
    assert_eq!(story.at(3).hears(again), Refused("nothing_to_roll_back"));
}

#[test]
fn a_rejection_that_has_sealed_is_final() {
    let mut story = request(&[(&[ANN], 1), (&[BOB], 1)]);
    story.at(0).hears(rejects(ANN, L1));
    assert_eq!(story.picture().fate, None);
    assert_eq!(story.at(36).picture().fate, Some(Fate::Rejected));
    assert_eq!(story.hears(approves(BOB, L2)), Refused("level_not_open"));
}

#[test]
fn of_a_quorum_of_two_one_may_leave_again() {
    let mut story = request(&[(&[ANN, BOB, CEM], 2)]);
    story.at(0).hears(approves(ANN, L1));
    assert_eq!(story.status(L1), Status::Open);
    story.at(1).hears(approves(BOB, L1));
    assert_eq!(story.status(L1), Status::Approved);
    story.at(2).hears(rolls_back(ANN, L1));
    assert_eq!(story.status(L1), Status::Open);
    assert_eq!(story.picture().level(L1).seals_at, None);
    story.at(3).hears(approves(CEM, L1));
    assert_eq!(story.status(L1), Status::Approved);
}

#[test]
fn two_phones_of_one_person_are_one_person() {
    let mut story = two_of_two();
    assert_eq!(
        story.at(2).hears(approves(ANN, L1).made_at(1).on_phone(1)),
        Applied
    );
    assert_eq!(
        story.at(3).hears(approves(ANN, L1).made_at(2).on_phone(2)),
        Applied
    );
    assert_eq!(story.status(L1), Status::Open);
    let picture = story.picture();
    assert_eq!(picture.level(L1).votes.len(), 1);
    assert_eq!(picture.level(L1).votes[0].accepted, START_US + 2 * HOUR_US);

    let mut other_order = two_of_two();
    let later = approves(ANN, L1).made_at(2).on_phone(2);
    assert_eq!(other_order.at(3).hears(later), Applied);
    let earlier = rejects(ANN, L1).made_at(1).on_phone(1);
    assert_eq!(other_order.hears(earlier), Merged);
    assert_eq!(other_order.status(L1), Status::Open);
}

#[test]
fn the_second_item_of_a_batch_is_judged_by_its_own_time() {
    // A microsecond before the seal there is room for one fact, not for two.
    let mut story = one_of_two();
    story.at(0).hears(approves(ANN, L1));
    let answers = story
        .at(36)
        .and(-1)
        .hears_all(&[approves(BOB, L1), rejects(BOB, L1)]);
    assert_eq!(answers, [Applied, Refused("level_sealed")]);
}
