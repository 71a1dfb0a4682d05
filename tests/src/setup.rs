//! What a test's server is told otherwise than usual.

use crate::clock::ShiftedClock;
use std::sync::Arc;
use std::time::Duration;
use sync_server::Hooks;
use sync_server::config::Config;

/// Settings of a test's server; the default is the product's.
#[derive(Debug, Clone)]
pub struct Setup {
    /// A clock, ids or delays of the test's own.
    pub hooks: Hooks,
    /// How long a vote can be taken back.
    pub rollback_window: Duration,
    /// How much later a rollback made in time may arrive.
    pub rollback_grace: Duration,
    /// Sets whatever else is to be set.
    pub adjust: Option<fn(&mut Config)>,
}

impl Default for Setup {
    fn default() -> Self {
        let Config {
            rollback_window,
            rollback_grace,
            ..
        } = Config::default();
        Self {
            hooks: Hooks::default(),
            rollback_window,
            rollback_grace,
            adjust: None,
        }
    }
}

impl Setup {
    /// Days in which votes can be taken back, made short.
    #[must_use]
    pub fn windows(rollback_window: Duration, rollback_grace: Duration) -> Self {
        Self {
            rollback_window,
            rollback_grace,
            ..Self::default()
        }
    }

    /// The same by a clock that the test moves.
    #[must_use]
    pub fn by(mut self, clock: &Arc<ShiftedClock>) -> Self {
        self.hooks.ids = clock.ids();
        self
    }
}
