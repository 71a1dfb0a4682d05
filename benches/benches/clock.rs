//! The hybrid logical clock and the forms of its stamps. Wall time is passed in: reading it is not ours.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use sync_core::hlc::{Clock, NodeId, Stamp, TEXT_BYTES};

fn clock(c: &mut Criterion) {
    let mut clock = Clock::new(NodeId::new(0xa1b2_c3d4_e5f6_0718));
    let mut wall_ms = 1_795_341_600_000_u64;
    c.bench_function("clock/tick", |b| {
        b.iter(|| {
            wall_ms = wall_ms.wrapping_add(1);
            clock.tick(black_box(wall_ms))
        });
    });
    c.bench_function("clock/tick_same_millisecond", |b| {
        let wall_ms = wall_ms;
        b.iter(|| clock.tick(black_box(wall_ms)));
    });
    let remote = clock.tick(wall_ms);
    c.bench_function("clock/observe", |b| {
        b.iter(|| clock.observe(black_box(remote), black_box(wall_ms)));
    });
}

fn stamp(c: &mut Criterion) {
    let text = "2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f60718";
    let Ok(stamp) = text.parse::<Stamp>() else {
        return;
    };
    c.bench_function("stamp/write_text", |b| {
        let mut buffer = [0; TEXT_BYTES];
        b.iter(|| black_box(stamp).write_text(&mut buffer).len());
    });
    c.bench_function("stamp/parse_text", |b| {
        b.iter(|| black_box(text).parse::<Stamp>());
    });
    c.bench_function("stamp/to_and_from_bytes", |b| {
        b.iter(|| Stamp::from_bytes(black_box(stamp).to_bytes()));
    });
}

criterion_group!(benches, clock, stamp);
criterion_main!(benches);
