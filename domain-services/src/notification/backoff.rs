//! How long a message that could not be sent waits: exponential back-off with full jitter.
//!
//! The pause before try `n + 1` is drawn evenly from nothing to `min(cap, base · 2ⁿ)`. Full jitter
//! spreads those that failed together best (Brooker, "Exponential Backoff And Jitter", 2015); equal
//! pauses would hit a provider that has just recovered with all of them at once.

use std::time::Duration;

/// The greatest first pause.
const BASE: Duration = Duration::from_secs(2);
/// The greatest pause.
const CAP: Duration = Duration::from_hours(1);
/// Tries after which a message is a dead letter: about four hours on average.
pub(super) const TRIES_MAX: i32 = 16;

/// The pause after try `tries` (from 1) in microseconds. `chance` is any number, drawn evenly;
/// `at_least` is what the provider asked for.
pub(super) fn pause_us(tries: i32, chance: u64, at_least: Option<Duration>) -> i64 {
    let doublings = u32::try_from(tries.clamp(1, 31) - 1).unwrap_or(0);
    let ceiling = BASE.saturating_mul(1 << doublings).min(CAP);
    let ceiling_us = u64::try_from(ceiling.as_micros()).unwrap_or(u64::MAX);
    let drawn_us = chance % ceiling_us.saturating_add(1);
    let least_us = at_least.map_or(0, |least| {
        u64::try_from(least.min(CAP).as_micros()).unwrap_or(u64::MAX)
    });
    // What the provider asks for is the least, and jittered too: it asks everybody for the same. It does not
    // keep the pauses from growing: who asks for a second each time would see all tries in half a minute.
    let asked_us = least_us.saturating_add(drawn_us % (least_us / 4 + 1));
    let pause_us = asked_us.max(drawn_us);
    i64::try_from(pause_us).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND_US: i64 = 1_000_000;

    #[test]
    fn the_ceiling_doubles_up_to_an_hour() {
        let most = |tries| {
            (0..2_000)
                .map(|n| pause_us(tries, n * 7_919_993, None))
                .max()
                .unwrap()
        };
        assert!((SECOND_US..=2 * SECOND_US).contains(&most(1)));
        assert!((2 * SECOND_US..=4 * SECOND_US).contains(&most(2)));
        assert!((4 * SECOND_US..=8 * SECOND_US).contains(&most(3)));
        assert!(most(TRIES_MAX) <= 3_600 * SECOND_US);
        assert_eq!(pause_us(1, 0, None), 0, "full jitter begins at nothing");
    }

    #[test]
    fn pauses_grow_whatever_is_asked_for() {
        let second = Some(Duration::from_secs(1));
        let longest = |tries| {
            (0..2_000)
                .map(|n| pause_us(tries, n * 7_919_993, second))
                .max()
                .unwrap()
        };
        assert!(longest(1) <= 2 * SECOND_US);
        assert!(longest(8) > 100 * SECOND_US);
    }

    proptest! {
        #[test]
        fn a_pause_is_bounded_and_never_shorter_than_asked(tries in -5..1_000i32, chance: u64, asked in 0..10_000u64) {
            let pause = pause_us(tries, chance, Some(Duration::from_secs(asked)));
            let least = i64::try_from(asked.min(3_600)).unwrap() * SECOND_US;
            prop_assert!(pause >= least);
            prop_assert!(pause <= 4_500 * SECOND_US);
        }
    }
}
