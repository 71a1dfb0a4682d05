//! What neither order nor clock decides: the votes of one level may come in any order, and a clock that
//! lies gains the grace at most.

use super::super::ruling::Ruling;
use super::super::{Case, Decision};
use super::choices::{Choices, History, history};
use super::desk::{submitted, wish};
use super::oracle::{Chain, Command, Moment, Says, Seats, Stamp};
use super::people::{ANN, BOB, COMMENTS, HOUR_US, OLGA, REQUEST, START_US, sentence};
use proptest::prelude::*;
use sync_core::verdict::Code;
use sync_core::votes::{Tally, Vote};
use uuid::Uuid;

const WINDOW_US: i64 = 24 * HOUR_US;
const GRACE_US: i64 = 12 * HOUR_US;

/// One level of so many approvers.
fn chain(people: u8, quorum: u8) -> Chain {
    Chain {
        owner: OLGA,
        levels: vec![Seats {
            approvers: (1..=people).collect(),
            quorum,
        }],
        window_us: WINDOW_US,
        grace_us: GRACE_US,
    }
}

fn says(op: u32, person: u8, says: Says, made_us: i64) -> Command {
    Command {
        op,
        person,
        level: 1,
        says,
        comment: None,
        stamp: Stamp {
            ms: u64::try_from(made_us / 1_000).unwrap(),
            counter: 0,
            node: u64::from(person),
        },
        stale: false,
    }
}

proptest! {
    #![proptest_config(super::cases())]

    /// Promise 4.
    #[test]
    fn votes_of_one_level_come_to_one_outcome_in_any_order(history in history(0..8)) {
        let mut choices = Choices::new(&history.beginning);
        let chain = chain(choices.pick(&[2, 3, 5, 1]), choices.pick(&[1, 2, 3]));
        let said = what_is_said(&history, &chain);
        let mut other = said.clone();
        choices.shuffle(&mut other);
        // Some of it comes twice.
        other.extend(said.iter().take(choices.below(3)));
        let (straight, shuffled) = (outcome(&said, &chain), outcome(&other, &chain));
        prop_assert!(straight.is_ok(), "{straight:?} {}", story(&said));
        prop_assert_eq!(straight, shuffled, "{} \nor {}", story(&said), story(&other));
    }

    /// Promise 9, and the edges of promise 8: whatever the clock of the second command shows.
    #[test]
    fn a_clock_that_lies_gains_the_grace_at_most(
        arrives in -2_000_i64..2_000,
        hour in prop::sample::select(vec![0, 1, 23, 24, 25, 35, 36, 37, 90]),
        made in prop_oneof![-2_000_i64..2_000, Just(-WINDOW_US / 2_000), Just(i64::from(i32::MIN))],
        second in prop::sample::select(vec![Says::Rollback, Says::Reject]),
    ) {
        let mut case = opened(&chain(2, 2));
        let vote = says(1, ANN, Says::Approve, START_US - 30 * HOUR_US);
        prop_assert_eq!(take(&mut case, &vote, START_US), Ok(true));
        let now = (START_US + hour * HOUR_US + arrives).max(START_US + 1);
        let until = START_US + WINDOW_US;
        let made_us = until + made * 1_000;
        let counts = take(&mut case, &says(2, ANN, second, made_us), now) == Ok(true);
        let older = made_us <= START_US - 30 * HOUR_US;
        let in_time = now <= until;
        let in_grace = made_us <= until && now <= until + GRACE_US;
        prop_assert_eq!(counts, !older && (in_time || in_grace));
    }
}

/// Everybody votes once, in order; then, from any phones, votes and at most one rollback each: what a
/// phone can know without having heard the others. (A second rollback finds nothing to roll back in
/// some orders, and says so.)
fn what_is_said(history: &History, chain: &Chain) -> Vec<Command> {
    let people = u8::try_from(chain.levels[0].approvers.len()).unwrap();
    let mut said: Vec<Command> = Vec::new();
    for (op, step) in (100..).zip(&history.steps) {
        let mut choices = Choices::new(step);
        let person = 1 + u8::try_from(choices.below(usize::from(people))).unwrap();
        let rolled_back = said
            .iter()
            .any(|other| (other.person, other.says) == (person, Says::Rollback));
        let what = match choices.pick(&[Says::Approve, Says::Reject, Says::Rollback]) {
            Says::Rollback if rolled_back => Says::Approve,
            what => what,
        };
        let minutes = i64::try_from(choices.below(12)).unwrap();
        let mut command = says(op, person, what, START_US + minutes * HOUR_US / 60);
        command.stamp.node += 10 * u64::from(choices.once_in(3));
        command.comment = choices.once_in(3).then(|| choices.pick(&COMMENTS));
        said.push(command);
    }
    said
}

/// Who wants what in the end, and what it comes to.
type Outcome = (Vec<(Uuid, Option<Vote>, Option<String>)>, Tally);

/// All of it arrives within the window of the first votes.
fn outcome(said: &[Command], chain: &Chain) -> Result<Outcome, Code> {
    let mut case = opened(chain);
    let everybody = chain.levels[0].approvers.iter();
    let first = everybody.zip(1..).map(|(person, op)| {
        let what = if *person == BOB {
            Says::Reject
        } else {
            Says::Approve
        };
        says(op, *person, what, START_US - HOUR_US)
    });
    for (command, minute) in first.chain(said.iter().copied()).zip(0..) {
        take(&mut case, &command, START_US + minute * HOUR_US / 60)?;
    }
    let level = &case.levels[0];
    let votes = level
        .ballots
        .iter()
        .map(|(person, ballot)| (*person, ballot.vote, ballot.comment.clone()));
    Ok((votes.collect(), level.tally))
}

fn opened(chain: &Chain) -> Case {
    let mut decision = Decision {
        now_us: START_US - HOUR_US,
        ..Decision::default()
    };
    decision.open(REQUEST, submitted(START_US - HOUR_US, chain));
    decision.cases.remove(&REQUEST).unwrap()
}

/// Whether it counts; the code where it is refused.
fn take(case: &mut Case, command: &Command, at: Moment) -> Result<bool, Code> {
    *case = case.clone().seen_at(at);
    let ruling = case.rule(&wish(command), at);
    if let Ruling::Counts(fact) = &ruling {
        case.apply(at, fact);
    }
    match ruling {
        Ruling::Counts(_) => Ok(true),
        Ruling::Superseded(_) | Ruling::Stands => Ok(false),
        Ruling::Refused { code, .. } => Err(code),
    }
}

fn story(said: &[Command]) -> String {
    let lines: Vec<String> = said.iter().map(sentence).collect();
    format!(
        "\nEverybody approves, Bob rejects; then:\n{}",
        lines.join("\n")
    )
}
