//! Joining texts. The rates of `sync_core::text::Work` are upper ends of what these say.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use sync_core::hlc::{NodeId, Stamp};
use sync_core::text::{Text, TextWrite, Work};

fn at(millis: u64) -> Stamp {
    Stamp::new(millis, 0, NodeId::new(1)).unwrap_or(Stamp::ZERO)
}

/// Some words, together of about so many characters.
fn prose(chars: usize) -> String {
    const WORDS: [&str; 8] = [
        "the",
        "customers",
        "in",
        "Lyon",
        "decide",
        "about",
        "next",
        "year",
    ];
    let mut text = String::new();
    for n in 0.. {
        if text.len() >= chars {
            break;
        }
        text.push_str(WORDS[n * 5 % WORDS.len()]);
        text.push(' ');
    }
    text
}

fn edit(base: &[Stamp], text: String) -> TextWrite {
    TextWrite::Edit {
        base: base.to_vec(),
        text,
    }
}

/// What the store gives back.
fn reread(text: &Text) -> Text {
    let state = text.state().unwrap_or_default();
    Text::from_state(&state).unwrap_or_default()
}

fn texts(c: &mut Criterion) {
    for chars in [200, 2_000, 10_000] {
        let mut group = c.benchmark_group(format!("text_of_{chars}"));
        let first = prose(chars);
        let start = Text::start(at(1), Some(first.clone()));
        let second = edit(&[at(1)], format!("Indeed, {first}"));
        let third = edit(&[at(2)], format!("Indeed, {first} So we go."));
        let aside = edit(&[at(1)], format!("{first} And we pay half."));
        let mut two = start.clone();
        let _ = two.apply(at(2), &second, &mut Work::unlimited());
        let kept = reread(&two);
        let apply = |text: &mut Text, write: &TextWrite| {
            let outcome = text.apply(at(3), write, &mut Work::unlimited());
            black_box((outcome, text.state()))
        };
        group.bench_function("second_edit", |b| {
            b.iter_batched_ref(
                || start.clone(),
                |text| {
                    let _ = text.apply(at(2), &second, &mut Work::unlimited());
                    text.state()
                },
                BatchSize::LargeInput,
            );
        });
        group.bench_function("typed_on", |b| {
            b.iter_batched_ref(
                || kept.clone(),
                |text| apply(text, &third),
                BatchSize::LargeInput,
            );
        });
        group.bench_function("joined", |b| {
            b.iter_batched_ref(
                || kept.clone(),
                |text| apply(text, &aside),
                BatchSize::LargeInput,
            );
        });
        group.bench_function("known", |b| {
            b.iter_batched_ref(
                || kept.clone(),
                |text| text.apply(at(2), &second, &mut Work::unlimited()),
                BatchSize::LargeInput,
            );
        });
        group.bench_function("from_state", |b| {
            let state = two.state().unwrap_or_default();
            b.iter(|| Text::from_state(black_box(&state)));
        });
        group.finish();
    }
}

/// Characters that are words by themselves, few different ones: what costs most to compare and to splice.
fn hostile(chars: usize, seed: u64) -> String {
    let mut state = seed;
    let letter = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from_u32(0x4e00 + u32::try_from((state >> 33) % 30).unwrap_or(0)).unwrap_or('x')
    };
    (0..chars).map(letter).collect()
}

/// The dearest batches that one body may carry, as far as the budget lets them: 250 ms is the promise.
fn hostile_batches(c: &mut Criterion) {
    let mut group = c.benchmark_group("hostile_batch");
    group.sample_size(10);
    for chars in [1_000, 3_000, 8_000, 10_000] {
        let texts: Vec<(Text, TextWrite)> = (0..100)
            .map(|n| {
                let text = Text::start(at(1), Some(hostile(chars, n)));
                (text, edit(&[at(1)], hostile(chars, n + 1_000)))
            })
            .collect();
        group.bench_function(format!("{chars}_characters"), |b| {
            b.iter_batched_ref(
                || texts.clone(),
                |texts| {
                    let mut work = Work::new(200_000);
                    let taken = texts
                        .iter_mut()
                        .filter_map(|(text, write)| text.apply(at(2), write, &mut work).ok());
                    (taken.count(), work.spent_us())
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, texts, hostile_batches);
criterion_main!(benches);
