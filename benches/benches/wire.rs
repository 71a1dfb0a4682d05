//! Decoding and encoding batches of 100 upserts of eight fields, in both formats.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use sync_core::field::Field;
use sync_core::hlc::{NodeId, Stamp};
use sync_core::record::Edit;
use sync_core::text::TextWrite;
use sync_core::value::{Date, Money, Value};
use sync_core::wire::{Batch, Envelope, Format, Limits, RequestChange, RequestItem, Since};
use uuid::Uuid;

const CHANGES: u64 = 100;

fn item(n: u64) -> RequestItem {
    let stamp = Stamp::new(1_795_341_600_123 + n, 7, NodeId::new(0xa1b2_c3d4_e5f6_0718));
    let stamp = stamp.unwrap_or(Stamp::ZERO);
    let id = |kind: u128| {
        Uuid::from_u128((0x0189_abcd_0000_7000_8000 << 48) | (kind << 16) | u128::from(n))
    };
    let money = "EUR".parse().ok().and_then(|eur| Money::new(125_000, eur));
    let text = |text: &str| Some(Value::Text(text.into()));
    let edit = Edit {
        stamp,
        writes: vec![
            (Field::Title, text("Trade fair Lyon, spring")),
            (Field::Amount, money.map(Value::Money)),
            (Field::CategoryId, Some(Value::Id(id(1)))),
            (Field::ReasonId, Some(Value::Id(id(2)))),
            (Field::DepartmentId, Some(Value::Id(id(3)))),
            (Field::Region, text("EMEA")),
            (Field::NeededBy, Date::new(2026, 12, 1).map(Value::Date)),
        ],
        text: Some(TextWrite::Start(Some(
            "Where our customers in the south decide about the next year.".to_owned(),
        ))),
    };
    RequestItem::new(id(4), id(5), stamp, RequestChange::Upsert(edit))
}

fn wire(c: &mut Criterion) {
    let items: Vec<RequestItem> = (0..CHANGES).map(item).collect();
    let batch = Batch {
        device_id: Some("phone"),
        user_id: Some(Uuid::nil()),
        client_time_us: Some(0),
        since: Since::Beginning,
        changes: &items,
    };
    let json = serde_json::to_vec(&batch).unwrap_or_default();
    let msgpack = rmp_serde::to_vec_named(&batch).unwrap_or_default();
    let limits = Limits::default();
    let mut group = c.benchmark_group("batch_of_100");
    group.throughput(Throughput::Elements(CHANGES));
    for (name, format, body) in [
        ("json", Format::Json, &json),
        ("msgpack", Format::MessagePack, &msgpack),
    ] {
        group.bench_function(format!("decode_{name}"), |b| {
            b.iter(|| {
                let envelope = Envelope::decode(black_box(body), format, &limits);
                envelope.map(|envelope| envelope.request_items().flatten().count())
            });
        });
        group.bench_function(format!("cut_{name}"), |b| {
            b.iter(|| Envelope::decode(black_box(body), format, &limits).map(|e| e.len()));
        });
    }
    group.bench_function("encode_json", |b| {
        b.iter(|| serde_json::to_vec(black_box(&batch)));
    });
    group.bench_function("encode_msgpack", |b| {
        b.iter(|| rmp_serde::to_vec_named(black_box(&batch)));
    });
    group.finish();
}

criterion_group!(benches, wire);
criterion_main!(benches);
