//! What the clients of a cluster tell about it.

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whose words librdkafka's are in the log. Heard at `trace`, each client tells of every group, partition and fetch.
pub(super) const LIBRARY: &str = "librdkafka";

/// What a cluster makes of us, as the last of its clients saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It answers.
    Up,
    /// It does not answer.
    Away,
    /// It does not let us in, or shows a certificate that we do not believe: the settings are wrong, here or
    /// there, and waiting will not mend it.
    Refused,
}

impl Standing {
    /// In a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Away => "away",
            Self::Refused => "refused",
        }
    }
}

/// Keeps the [`Standing`].
#[derive(Debug, Default)]
pub(super) struct Watch {
    up: AtomicBool,
    refused: AtomicBool,
}

impl Watch {
    pub(super) fn standing(&self) -> Standing {
        if self.up.load(Ordering::Relaxed) {
            Standing::Up
        } else if self.refused.load(Ordering::Relaxed) {
            Standing::Refused
        } else {
            Standing::Away
        }
    }

    /// A change is logged once, not with every client that notices.
    pub(super) fn seen(&self, up: bool) {
        metrics::gauge!("athena_kafka_up").set(if up { 1.0 } else { 0.0 });
        if up {
            self.refused.store(false, Ordering::Relaxed);
        }
        if self.up.swap(up, Ordering::Relaxed) && !up {
            tracing::warn!("Kafka does not answer: events wait in the outboxes");
        }
    }

    /// Every client of a cluster that refuses us tries again every second: the first one is told.
    fn refused(&self, error: &KafkaError, reason: &str) {
        self.seen(false);
        if self.refused.swap(true, Ordering::Relaxed) {
            tracing::debug!(%error, reason, "Kafka still refuses us");
        } else {
            tracing::warn!(%error, reason, "Kafka refuses us: events wait in the outboxes until its settings fit");
        }
    }
}

/// The ear of one client.
#[derive(Clone)]
pub(super) struct Ear {
    pub(super) watch: Arc<Watch>,
    /// The consumer whose lag it tells, if it is one.
    pub(super) consumer: Option<&'static str>,
}

impl ClientContext for Ear {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => tracing::debug!(target: LIBRARY, fac, "{message}"),
            _ => tracing::trace!(target: LIBRARY, fac, "{message}"),
        }
    }

    /// Every broker of a cluster that is away complains every second: the watch says it once.
    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => self.watch.seen(false),
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL) => {
                self.watch.refused(&error, reason);
            }
            Some(RDKafkaErrorCode::Fatal) => {
                tracing::error!(%error, reason, "a client of Kafka gave up");
            }
            _ => tracing::debug!(%error, reason, "a client of Kafka complains"),
        }
    }

    fn stats(&self, statistics: Statistics) {
        if statistics
            .brokers
            .values()
            .any(|broker| broker.state == "UP")
        {
            self.watch.seen(true);
        }
        let Some(consumer) = self.consumer else {
            return;
        };
        for (name, topic) in statistics.topics {
            let lags = topic.partitions.values().map(|at| at.consumer_lag.max(0));
            let lag = i32::try_from(lags.sum::<i64>()).unwrap_or(i32::MAX);
            metrics::gauge!("athena_kafka_consumer_lag", "consumer" => consumer, "topic" => name)
                .set(f64::from(lag));
        }
    }
}
