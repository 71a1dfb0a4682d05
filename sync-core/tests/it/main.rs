//! The laws of the merge rules, over random histories, and the golden vectors.
//!
//! `ATHENA_PROPTEST_CASES=1000000 cargo test -p sync-core --release` runs every law a million times.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod choices;
mod clocks;
mod histories;
mod items;
mod laws;
mod no_panic;
mod round_trips;
mod texts;
mod vectors;

/// Cases of each law: 10,000 unless `ATHENA_PROPTEST_CASES` says otherwise.
fn cases() -> proptest::test_runner::Config {
    let cases = std::env::var("ATHENA_PROPTEST_CASES").ok();
    proptest::test_runner::Config {
        cases: cases.and_then(|cases| cases.parse().ok()).unwrap_or(10_000),
        failure_persistence: None,
        ..Default::default()
    }
}
