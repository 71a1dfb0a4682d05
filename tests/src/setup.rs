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
    /// How events travel.
    pub over: Over,
    /// Sets whatever else is to be set.
    pub adjust: Option<fn(&mut Config)>,
}

/// How events travel.
#[derive(Debug, Clone, Default)]
pub enum Over {
    /// In the process.
    #[default]
    Process,
    /// By the Kafka that tests share, under this prefix.
    SharedKafka(String),
    /// By this Kafka, under this prefix.
    Kafka(String, String),
}

impl Over {
    pub(crate) async fn resolved(&self) -> Option<(String, String)> {
        match self {
            Self::Process => None,
            Self::SharedKafka(prefix) => {
                let broker = crate::kafka::Broker::shared().await;
                Some((broker.address(), prefix.clone()))
            }
            Self::Kafka(brokers, prefix) => Some((brokers.clone(), prefix.clone())),
        }
    }
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
            over: Over::Process,
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

    /// By the Kafka that tests share.
    #[must_use]
    pub fn over_kafka(mut self) -> Self {
        self.over = Over::SharedKafka(crate::kafka::Broker::prefix());
        self
    }

    /// By a Kafka of the test's own.
    #[must_use]
    pub fn over(mut self, broker: &crate::kafka::Broker) -> Self {
        self.over = Over::Kafka(broker.address(), crate::kafka::Broker::prefix());
        self
    }

    /// The same by a clock that the test moves.
    #[must_use]
    pub fn by(mut self, clock: &Arc<ShiftedClock>) -> Self {
        self.hooks.ids = clock.ids();
        self
    }
}
