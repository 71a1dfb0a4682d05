//! Random edits of records: few stamps, few values, so that everything collides.

use crate::choices::Choices;
use sync_core::field::Field;
use sync_core::hlc::{NodeId, Stamp};
use sync_core::record::{Edit, Record};
use sync_core::text::{TextWrite, Work};
use sync_core::value::{Date, Money, Value};
use uuid::Uuid;

pub(crate) fn at(millis: u64, node: u64) -> Stamp {
    Stamp::new(millis, 0, NodeId::new(node)).unwrap()
}

pub(crate) const TEXTS: [&str; 8] = ["", "a", "a ", "a\n", "ab", "\u{1}", "é\u{1f600}", "\"\\"];

pub(crate) fn value(choices: &mut Choices<'_>, field: Field) -> Option<Value> {
    if choices.once_in(5) {
        return None;
    }
    Some(match field {
        Field::Title => Value::Text(choices.pick(&TEXTS[1..]).to_owned().into()),
        Field::Region | Field::Justification => Value::Text((*choices.pick(&TEXTS)).into()),
        Field::Amount => {
            let minor = *choices.pick(&[1, 2, 10, Money::MAX_MINOR]);
            let currency = choices.pick(&["EUR", "JPY"]).parse().unwrap();
            Value::Money(Money::new(minor, currency).unwrap())
        }
        Field::NeededBy => Value::Date(Date::new(2026, 1, *choices.pick(&[1, 2, 31])).unwrap()),
        Field::CategoryId | Field::ReasonId | Field::DepartmentId => {
            Value::Id(Uuid::from_u128(choices.below(3) as u128))
        }
    })
}

/// An edit of some fields. Equal stamps may come with different values; but a text is a function of its
/// stamp, as two texts under one stamp are refused and not merged.
pub(crate) fn edit(choices: &mut Choices<'_>) -> Edit {
    let stamp = at(1 + choices.below(4) as u64, choices.below(3) as u64);
    let mut writes = Vec::new();
    for field in Field::REGISTERS {
        if choices.once_in(3) {
            writes.push((field, value(choices, field)));
        }
    }
    let text = choices.once_in(3).then(|| {
        let millis = stamp.millis() + stamp.node().get();
        TextWrite::Start((!millis.is_multiple_of(4)).then(|| format!("text of {stamp}")))
    });
    Edit {
        stamp,
        writes,
        text,
    }
}

/// Something that is done to a record.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Edit(Edit),
    Delete(Stamp),
}

pub(crate) fn changes(choices: &mut Choices<'_>, most: usize) -> Vec<Change> {
    (0..choices.below(most + 1))
        .map(|_| {
            if choices.once_in(8) {
                Change::Delete(at(1 + choices.below(9) as u64, choices.below(3) as u64))
            } else {
                Change::Edit(edit(choices))
            }
        })
        .collect()
}

pub(crate) fn apply(record: &mut Record, change: &Change) {
    match change {
        Change::Edit(edit) => {
            record.apply(edit, &mut Work::unlimited()).unwrap();
        }
        Change::Delete(stamp) => record.delete(*stamp),
    }
}

pub(crate) fn record(changes: &[Change]) -> Record {
    let mut record = Record::default();
    for change in changes {
        apply(&mut record, change);
    }
    record
}

pub(crate) fn joined(a: &Record, b: &Record) -> Record {
    let mut joined = a.clone();
    joined.merge(b).unwrap();
    joined
}
