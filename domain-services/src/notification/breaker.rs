//! A breaker a channel: while a provider is down, its messages wait in the queue instead of using up
//! their tries against it.

use std::time::Duration;

/// Failures in a row, of the provider and not of a message, that open it.
const FAILURES_MAX: u32 = 5;
/// How long it is open the first time; each further time twice as long.
const OPEN_FIRST: Duration = Duration::from_secs(10);
/// How long it is open at most.
const OPEN_MAX: Duration = Duration::from_mins(5);

/// Closed, open until a time, or half open: one message tries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Breaker {
    failures: u32,
    opened: u32,
    open_until_us: Option<i64>,
    trying: bool,
}

impl Breaker {
    /// How many of `wanted` messages may be tried at `now_us`. When that is a single trial, it is
    /// taken: whoever asks must tell the outcome, or [give it back](Self::unused).
    pub(super) fn permit(&mut self, wanted: i64, now_us: i64) -> i64 {
        match self.open_until_us {
            None => wanted,
            Some(until_us) if now_us < until_us || self.trying => 0,
            Some(_) => {
                self.trying = true;
                1
            }
        }
    }

    /// There was nothing to try after all.
    pub(super) fn unused(&mut self) {
        self.trying = false;
    }

    /// The provider answered: whatever it said of the message, it is there.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// The provider did not answer, or said that it cannot, and for how long it wants to be left alone. True
    /// when that opened the breaker.
    pub(super) fn failed(&mut self, now_us: i64, at_least: Option<Duration>) -> bool {
        self.failures = self.failures.saturating_add(1);
        let trial = std::mem::take(&mut self.trying);
        let opens = trial || (self.open_until_us.is_none() && self.failures >= FAILURES_MAX);
        if opens {
            let longer = OPEN_FIRST.saturating_mul(1 << self.opened.min(10));
            let open = longer.max(at_least.unwrap_or_default()).min(OPEN_MAX);
            let open_us = i64::try_from(open.as_micros()).unwrap_or(i64::MAX);
            self.opened = self.opened.saturating_add(1);
            self.open_until_us = Some(now_us.saturating_add(open_us));
        }
        opens
    }

    /// Whether messages wait for it now.
    pub(super) fn is_open(&self) -> bool {
        self.open_until_us.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: i64 = 1_000_000;

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_by_a_trial() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            assert!(!breaker.failed(0, None));
        }
        breaker.succeeded();
        for _ in 0..4 {
            assert!(!breaker.failed(0, None));
        }
        assert_eq!(breaker.permit(8, 0), 8);
        assert!(breaker.failed(0, None));
        assert_eq!(breaker.permit(8, 9 * SECOND_US), 0);
        assert_eq!(breaker.permit(8, 10 * SECOND_US), 1, "one trial");
        assert_eq!(breaker.permit(8, 10 * SECOND_US), 0, "and no other");
        breaker.succeeded();
        assert_eq!(breaker.permit(8, 10 * SECOND_US), 8);
    }

    #[test]
    fn a_failed_trial_opens_it_for_longer_up_to_a_bound() {
        let mut breaker = Breaker::default();
        let mut now_us = 0;
        for _ in 0..5 {
            breaker.failed(now_us, None);
        }
        for seconds in [10, 20, 40, 80, 160, 300, 300] {
            assert_eq!(breaker.permit(8, now_us + seconds * SECOND_US - 1), 0);
            now_us += seconds * SECOND_US;
            assert_eq!(breaker.permit(8, now_us), 1);
            assert!(breaker.failed(now_us, None));
        }
    }

    #[test]
    fn a_provider_that_asks_for_longer_gets_it_up_to_the_bound() {
        for (asked, open) in [(5, 10), (60, 60), (3_600, 300)] {
            let mut breaker = Breaker::default();
            for _ in 0..5 {
                breaker.failed(0, Some(Duration::from_secs(asked)));
            }
            assert_eq!(breaker.permit(8, open * SECOND_US - 1), 0);
            assert_eq!(breaker.permit(8, open * SECOND_US), 1);
        }
    }

    #[test]
    fn a_trial_without_a_message_is_given_back() {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            breaker.failed(0, None);
        }
        assert_eq!(breaker.permit(8, 10 * SECOND_US), 1);
        breaker.unused();
        assert_eq!(breaker.permit(8, 10 * SECOND_US), 1);
    }

    #[test]
    fn stragglers_do_not_prolong_it() {
        let mut breaker = Breaker::default();
        for _ in 0..12 {
            breaker.failed(0, None);
        }
        assert_eq!(breaker.permit(8, 10 * SECOND_US), 1);
    }
}
