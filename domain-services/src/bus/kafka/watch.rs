//! What the clients of a cluster tell about it.

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the cluster answers, as the last of its clients saw it.
#[derive(Debug, Default)]
pub(super) struct Watch(AtomicBool);

impl Watch {
    pub(super) fn is_up(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// A change is logged once, not with every client that notices.
    pub(super) fn seen(&self, up: bool) {
        metrics::gauge!("athena_kafka_up").set(if up { 1.0 } else { 0.0 });
        if self.0.swap(up, Ordering::Relaxed) && !up {
            tracing::warn!("Kafka does not answer: events wait in the outboxes");
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
            | RDKafkaLogLevel::Warning => tracing::debug!(target: "librdkafka", fac, "{message}"),
            _ => tracing::trace!(target: "librdkafka", fac, "{message}"),
        }
    }

    /// Every broker of a cluster that is away complains every second: the watch says it once.
    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => self.watch.seen(false),
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL) => {
                tracing::warn!(%error, reason, "Kafka refuses us");
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
