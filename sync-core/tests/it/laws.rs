//! Records and vote maps are join-semilattices, and edits are joins.

use crate::choices::{Choices, bytes};
use crate::histories::{Change, apply, at, changes, joined, record};
use proptest::prelude::*;
use sync_core::field::{Field, FieldSet};
use sync_core::record::{Effect, Outcome, Record};
use sync_core::text::Work;
use sync_core::votes::{Ballot, Tally, Vote, VoteMap};
use uuid::Uuid;

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn merge_is_commutative_associative_and_idempotent(choices in bytes(0..150)) {
        let mut choices = Choices::new(&choices.0);
        let [a, b, c] = std::array::from_fn(|_| record(&changes(&mut choices, 3)));
        let ab = joined(&a, &b);
        prop_assert_eq!(ab.canonical_bytes(), joined(&b, &a).canonical_bytes());
        prop_assert_eq!(
            joined(&ab, &c).canonical_bytes(),
            joined(&a, &joined(&b, &c)).canonical_bytes()
        );
        prop_assert_eq!(joined(&ab, &a).canonical_bytes(), ab.canonical_bytes());
        prop_assert_eq!(&joined(&ab, &ab), &ab);
    }

    #[test]
    fn order_duplication_and_partition_do_not_matter(choices in bytes(0..200)) {
        let mut choices = Choices::new(&choices.0);
        let mut changes = changes(&mut choices, 7);
        let straight = record(&changes).canonical_bytes();
        if let Some(again) = changes.first().cloned() {
            changes.push(again);
        }
        choices.shuffle(&mut changes);
        prop_assert_eq!(&record(&changes).canonical_bytes(), &straight);
        let (here, there) = changes.split_at(choices.below(changes.len() + 1));
        prop_assert_eq!(&joined(&record(here), &record(there)).canonical_bytes(), &straight);
    }

    #[test]
    fn effect_foresees_apply(choices in bytes(0..200)) {
        let mut choices = Choices::new(&choices.0);
        let mut present = Record::default();
        for change in changes(&mut choices, 8) {
            let Change::Edit(edit) = &change else {
                apply(&mut present, &change);
                continue;
            };
            let before = present.clone();
            let foreseen = present.effect(edit);
            let applied = present.apply(edit, &mut Work::unlimited()).unwrap();
            let (lost, won) = (applied.with(Outcome::Lost), applied.with(Outcome::Won));
            let told = match foreseen {
                Effect::WouldChange => !won.is_empty() || applied.outcome(Field::Justification) == Outcome::Joined,
                Effect::Stands => won.is_empty() && lost.is_empty(),
                Effect::Superseded(fields) => won.is_empty() && fields == lost,
            };
            prop_assert!(told, "{foreseen:?} {applied:?}");
            if foreseen != Effect::WouldChange {
                prop_assert_eq!(present.registers(), before.registers());
                prop_assert_eq!(present.text().value(), before.text().value());
            }
            let replaced: FieldSet = applied.replaced.iter().map(|(field, _)| *field).collect();
            for field in replaced.iter() {
                prop_assert!(won.contains(field));
            }
            prop_assert!(present.effect(edit) != Effect::WouldChange);
            prop_assert!(present.max_stamp() >= edit.stamp || edit.writes.is_empty());
        }
    }

    #[test]
    fn votes_count_the_same_in_any_order(choices in bytes(0..80)) {
        let mut choices = Choices::new(&choices.0);
        let mut ballots: Vec<(Uuid, Ballot)> = (0..choices.below(8))
            .map(|_| {
                let approver = Uuid::from_u128(choices.below(3) as u128);
                let ballot = Ballot {
                    vote: *choices.pick(&[None, Some(Vote::Approve), Some(Vote::Reject)]),
                    comment: choices.pick(&[None, Some(""), Some("no")]).map(str::to_owned),
                    stamp: at(choices.below(4) as u64, choices.below(2) as u64),
                };
                (approver, ballot)
            })
            .collect();
        let cast = |ballots: &[(Uuid, Ballot)]| {
            let mut votes = VoteMap::default();
            for (approver, ballot) in ballots {
                votes.cast(*approver, ballot.clone());
            }
            votes
        };
        let straight = cast(&ballots);
        ballots.extend(ballots.first().cloned());
        choices.shuffle(&mut ballots);
        prop_assert_eq!(&cast(&ballots), &straight);
        let (here, there) = ballots.split_at(choices.below(ballots.len() + 1));
        let mut joined = cast(here);
        joined.merge(&cast(there));
        prop_assert_eq!(&joined, &straight);
        if straight.iter().any(|(_, ballot)| ballot.vote == Some(Vote::Reject)) {
            prop_assert_eq!(straight.outcome(1), Tally::Rejected);
        }
    }
}
