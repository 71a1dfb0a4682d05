//! Merging records of eight fields, and the digests over them.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use sync_core::canonical::revision;
use sync_core::field::Field;
use sync_core::hlc::{NodeId, Stamp};
use sync_core::record::{Edit, Record};
use sync_core::text::{TextWrite, Work};
use sync_core::value::{Date, Money, Value};
use uuid::Uuid;

const JUSTIFICATION: &str = "The fair is where our customers in the south decide about the next year. \
    We share the booth with the Lyon office and pay half; last year it brought eleven contracts.";

fn at(millis: u64) -> Stamp {
    Stamp::new(millis, 0, NodeId::new(1)).unwrap_or(Stamp::ZERO)
}

/// An edit of all eight fields; `note` makes its values differ from others.
fn edit(stamp: Stamp, note: &str) -> Edit {
    let money = "EUR".parse().ok().and_then(|eur| Money::new(125_000, eur));
    let text = |text: &str| Some(Value::Text(format!("{text} {note}").into()));
    Edit {
        stamp,
        writes: vec![
            (Field::Title, text("Trade fair Lyon")),
            (Field::Amount, money.map(Value::Money)),
            (Field::CategoryId, Some(Value::Id(Uuid::from_u128(1)))),
            (Field::ReasonId, Some(Value::Id(Uuid::from_u128(2)))),
            (Field::DepartmentId, Some(Value::Id(Uuid::from_u128(3)))),
            (Field::Region, text("EMEA")),
            (Field::NeededBy, Date::new(2026, 12, 1).map(Value::Date)),
        ],
        text: Some(TextWrite::Start(Some(format!("{JUSTIFICATION} {note}")))),
    }
}

fn record(stamp: Stamp, note: &str) -> Record {
    let mut record = Record::default();
    let _ = record.apply(&edit(stamp, note), &mut Work::unlimited());
    record
}

fn merge(c: &mut Criterion) {
    let mut group = c.benchmark_group("record");
    group.throughput(Throughput::Elements(1));
    let present = record(at(2_000), "present");
    let (older, newer) = (record(at(1_000), "older"), record(at(3_000), "newer"));
    // The eight fields of two states of one record: its registers were written again, its text was not.
    let same_text = |other: &Record| {
        Record::from_parts(other.registers().clone(), present.text().clone(), None)
    };
    for (name, other) in [
        ("merge_losing", same_text(&older)),
        ("merge_winning", same_text(&newer)),
        ("merge_same", present.clone()),
        ("merge_losing_with_text", older.clone()),
        ("merge_winning_with_text", newer.clone()),
    ] {
        group.bench_function(name, |b| {
            b.iter_batched_ref(
                || present.clone(),
                |present| present.merge(black_box(&other)),
                BatchSize::SmallInput,
            );
        });
    }
    group.bench_function("clone", |b| b.iter(|| present.clone()));
    group.bench_function("revision", |b| {
        b.iter(|| revision(black_box(&present)));
    });
    let others: Vec<Record> = (0..100)
        .map(|n| same_text(if n % 2 == 0 { &older } else { &newer }))
        .collect();
    group.throughput(Throughput::Elements(100));
    group.bench_function("merge_batch_of_100", |b| {
        b.iter_batched_ref(
            || vec![present.clone(); 100],
            |records| {
                for (record, other) in records.iter_mut().zip(&others) {
                    let _ = black_box(record.merge(other));
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn apply(c: &mut Criterion) {
    let mut group = c.benchmark_group("edit");
    group.throughput(Throughput::Elements(1));
    let mut work = Work::unlimited();
    let older = edit(at(1_000), "older");
    let mut present = record(at(2_000), "present");
    group.bench_function("effect", |b| b.iter(|| present.effect(black_box(&older))));
    group.bench_function("apply_losing", |b| {
        b.iter(|| present.apply(black_box(&older), &mut work));
    });
    let newer = edit(at(3_000), "newer");
    let present = record(at(2_000), "present");
    group.bench_function("apply_winning", |b| {
        b.iter_batched_ref(
            || present.clone(),
            |present| present.apply(black_box(&newer), &mut work),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("apply_first", |b| {
        b.iter_batched_ref(
            Record::default,
            |record| record.apply(black_box(&newer), &mut work),
            BatchSize::SmallInput,
        );
    });
    let edits: Vec<Edit> = (0..100).map(|n| edit(at(3_000 + n), "newer")).collect();
    group.throughput(Throughput::Elements(100));
    group.bench_function("apply_batch_of_100", |b| {
        b.iter_batched_ref(
            || vec![present.clone(); 100],
            |records| {
                for (record, edit) in records.iter_mut().zip(&edits) {
                    let _ = black_box(record.apply(edit, &mut work));
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, merge, apply);
criterion_main!(benches);
