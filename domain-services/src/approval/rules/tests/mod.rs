//! The rules of approval against an oracle, over random histories and in named situations.
//!
//! * `oracle`: what must be, written a second time from the documents. * `desk`: the rules at work, with
//!   the oracle looking on. * `promises`: what must hold of every single step, whatever the oracle says.
//! * `seen` and `told`: the same seen by a reader of records and by a listener to events.
//! * `histories`: random ones. * `orders`: votes of one level in any order, and clocks that lie.
//! * `situations` and `crossings`: those that have a name, told as a `story`.
//!
//! `ATHENA_PROPTEST_CASES=1000000 cargo test -p domain-services --release approval::rules` plays that
//! many histories from a new seed.

mod choices;
mod crossings;
mod desk;
mod histories;
mod oracle;
mod orders;
mod people;
mod phones;
mod promises;
mod seen;
mod situations;
mod story;
mod told;

use proptest::test_runner::{Config, RngSeed};

/// Cases of each property: 20,000 from a fixed seed, the same in every run. With
/// `ATHENA_PROPTEST_CASES` so many, from a new seed (or that of `PROPTEST_RNG_SEED`).
fn cases() -> Config {
    let asked = std::env::var("ATHENA_PROPTEST_CASES").ok();
    let asked: Option<u32> = asked.and_then(|cases| cases.parse().ok());
    let mut config = Config {
        failure_persistence: None,
        max_shrink_iters: 200_000,
        ..Default::default()
    };
    config.cases = asked.unwrap_or(20_000);
    if asked.is_none() && config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(20_261_124);
    }
    config
}
