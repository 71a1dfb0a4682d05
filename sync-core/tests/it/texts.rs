//! The laws of texts: any order in which a base comes before what is based on it, any duplication, any
//! partition gives the same text.

use crate::choices::{Choices, bytes};
use crate::histories::at;
use proptest::prelude::*;
use std::collections::BTreeSet;
use sync_core::hlc::Stamp;
use sync_core::record::{Edit, Effect, Outcome, Record};
use sync_core::text::{Text, TextWrite, Work};

/// A write and the places of those it is based on.
#[derive(Debug, Clone)]
struct Write {
    edit: Edit,
    base: Vec<usize>,
}

const WORDS: [&str; 6] = ["a", " ", "b", "漢", "é", ", "];

fn string(choices: &mut Choices<'_>) -> String {
    (0..choices.below(6))
        .map(|_| *choices.pick(&WORDS))
        .collect()
}

fn text_of(write: &Write) -> String {
    match &write.edit.text {
        Some(TextWrite::Start(Some(text)) | TextWrite::Edit { text, .. }) => text.clone(),
        _ => String::new(),
    }
}

/// Some writes in an order in which they can be made. Stamps are not in that order: texts must not rely
/// on the clocks of their writers.
fn writes(choices: &mut Choices<'_>) -> Vec<Write> {
    let mut stamps: Vec<Stamp> = (1..=8).map(|millis| at(millis, millis % 3)).collect();
    choices.shuffle(&mut stamps);
    let mut writes: Vec<Write> = Vec::new();
    for stamp in stamps.into_iter().take(1 + choices.below(6)) {
        let mut base = BTreeSet::new();
        if !writes.is_empty() && !choices.once_in(6) {
            for _ in 0..=choices.below(2) {
                // The latest ones more often: histories should grow deep as well as wide.
                let back = choices.below(writes.len()).min(choices.below(3));
                base.insert(writes.len() - 1 - back);
            }
        }
        let base: Vec<usize> = base.into_iter().collect();
        let text = if base.is_empty() {
            TextWrite::Start((!choices.once_in(4)).then(|| string(choices)))
        } else {
            let mut stamps: Vec<Stamp> =
                base.iter().map(|place| writes[*place].edit.stamp).collect();
            stamps.sort_unstable();
            // The text at one write is the string of that write: this makes edits that change nothing.
            let text = if choices.once_in(4) {
                text_of(&writes[base[0]])
            } else {
                string(choices)
            };
            TextWrite::Edit { base: stamps, text }
        };
        let edit = Edit {
            stamp,
            writes: Vec::new(),
            text: Some(text),
        };
        writes.push(Write { edit, base });
    }
    writes
}

fn apply(record: &mut Record, write: &Write) -> Outcome {
    let foreseen = record.effect(&write.edit);
    let before = (
        record.text().value().map(str::to_owned),
        record.text().heads(),
    );
    let applied = record.apply(&write.edit, &mut Work::unlimited()).unwrap();
    let outcome = applied.outcomes[7];
    if foreseen == Effect::WouldChange {
        assert!(matches!(outcome, Outcome::Won | Outcome::Joined));
    } else {
        let after = (
            record.text().value().map(str::to_owned),
            record.text().heads(),
        );
        assert_eq!(after, before);
        assert_eq!(foreseen == Effect::Stands, outcome == Outcome::Same);
    }
    outcome
}

/// The writes of these places, in another order that can be.
fn reordered(choices: &mut Choices<'_>, writes: &[Write], places: &BTreeSet<usize>) -> Vec<usize> {
    let mut left: Vec<usize> = places.iter().copied().collect();
    let mut done = Vec::new();
    while !left.is_empty() {
        let ready: Vec<usize> = (0..left.len())
            .filter(|place| {
                writes[left[*place]]
                    .base
                    .iter()
                    .all(|base| done.contains(base))
            })
            .collect();
        done.push(left.remove(*choices.pick(&ready)));
    }
    done
}

fn record_of(choices: &mut Choices<'_>, writes: &[Write], places: &BTreeSet<usize>) -> Record {
    let mut record = Record::default();
    let order = reordered(choices, writes, places);
    for (count, place) in order.iter().enumerate() {
        apply(&mut record, &writes[*place]);
        if choices.once_in(3) {
            let again = order[choices.below(count + 1)];
            let outcome = apply(&mut record, &writes[again]);
            assert!(matches!(outcome, Outcome::Same | Outcome::Lost));
        }
        if choices.once_in(3) {
            record = reread(&record);
        }
    }
    record
}

/// As a store keeps it.
fn reread(record: &Record) -> Record {
    let text = match record.text().state() {
        Some(state) => Text::from_state(&state).unwrap(),
        None => Text::start(
            record.text().root().unwrap_or(Stamp::ZERO),
            record.text().value().map(str::to_owned),
        ),
    };
    Record::from_parts(record.registers().clone(), text, record.tombstone())
}

/// Those places and all that they are based on.
fn closed(writes: &[Write], places: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
    let mut closed = BTreeSet::new();
    let mut open: Vec<usize> = places.into_iter().collect();
    while let Some(place) = open.pop() {
        if closed.insert(place) {
            open.extend(&writes[place].base);
        }
    }
    closed
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn any_order_duplication_and_partition_gives_the_same_text(choices in bytes(0..150)) {
        let choices = &mut Choices::new(&choices.0);
        let writes = writes(choices);
        let all: BTreeSet<usize> = (0..writes.len()).collect();
        let mut straight = Record::default();
        for write in &writes {
            apply(&mut straight, write);
        }
        let expected = straight.canonical_bytes();
        prop_assert_eq!(&record_of(choices, &writes, &all).canonical_bytes(), &expected);

        let chosen: Vec<usize> = all.iter().copied().filter(|_| choices.once_in(2)).collect();
        let here = closed(&writes, chosen.iter().copied());
        let there = closed(&writes, all.iter().copied().filter(|place| !chosen.contains(place)));
        let mut here = record_of(choices, &writes, &here);
        let there = record_of(choices, &writes, &there);
        here.merge(&there).unwrap();
        prop_assert_eq!(&here.canonical_bytes(), &expected);
        prop_assert_eq!(here.text().value(), straight.text().value());
    }

    #[test]
    fn one_writer_after_another_is_what_the_last_one_wrote(choices in bytes(0..60)) {
        let choices = &mut Choices::new(&choices.0);
        let mut text = Text::start(at(1, 1), Some(string(choices)));
        for millis in 2..5 {
            let string = string(choices);
            let write = TextWrite::Edit { base: text.heads(), text: string.clone() };
            prop_assert_eq!(text.apply(at(millis, 1), &write, &mut Work::unlimited()), Ok(Outcome::Won));
            prop_assert_eq!(text.value(), Some(string.as_str()));
        }
    }
}
