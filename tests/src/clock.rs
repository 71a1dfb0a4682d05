//! A clock that a test moves.

use domain_services::time::{Clock, Ids, SystemClock, SystemEntropy};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// The machine's clock and a shift, which a test sets. On `SQLite` it is the database's clock too.
#[derive(Debug, Default)]
pub struct ShiftedClock {
    shift_us: AtomicI64,
}

impl ShiftedClock {
    /// A clock that is wrong by so much.
    #[must_use]
    pub fn wrong_by(shift_ms: i64) -> Arc<Self> {
        let clock = Arc::new(Self::default());
        clock.shift_us.store(shift_ms * 1_000, Ordering::SeqCst);
        clock
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let by_us = i64::try_from(by.as_micros()).expect("a span of time");
        self.shift_us.fetch_add(by_us, Ordering::SeqCst);
    }

    /// How far it is from the machine's, in milliseconds.
    #[must_use]
    pub fn shift_ms(&self) -> i64 {
        self.shift_us.load(Ordering::SeqCst) / 1_000
    }

    /// Time by this clock, ids by chance.
    #[must_use]
    pub fn ids(self: &Arc<Self>) -> Ids {
        Ids::new(Arc::clone(self) as Arc<dyn Clock>, Arc::new(SystemEntropy))
    }
}

impl Clock for ShiftedClock {
    fn now_us(&self) -> i64 {
        SystemClock.now_us() + self.shift_us.load(Ordering::SeqCst)
    }
}
