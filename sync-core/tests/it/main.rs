//! The laws of the merge rules, over random histories, and the golden vectors.
//!
//! `ATHENA_PROPTEST_CASES=1000000 cargo test -p sync-core --release` runs every law a million times.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::test_runner::RngSeed;

mod choices;
mod clocks;
mod histories;
mod items;
mod laws;
mod no_panic;
mod round_trips;
mod texts;
mod vectors;

/// Cases of each law: 10,000 from a fixed seed, the same in every run. With `ATHENA_PROPTEST_CASES`
/// so many, from a new seed (or that of `PROPTEST_RNG_SEED`): that is where new failures are sought.
fn cases() -> proptest::test_runner::Config {
    let asked = std::env::var("ATHENA_PROPTEST_CASES").ok();
    let asked: Option<u32> = asked.and_then(|cases| cases.parse().ok());
    let mut config = proptest::test_runner::Config {
        failure_persistence: None,
        ..Default::default()
    };
    config.cases = asked.unwrap_or(10_000);
    if asked.is_none() && config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(20_261_122);
    }
    config
}
