//! Kafka, behind the seam of the in-process bus.
//!
//! Events travel as CloudEvents 1.0 in binary mode ([`message`]). A relay publishes with an idempotent
//! producer; each service reads in a group of its own, on a thread of its own, and stands where its tables
//! say. Nothing waits for a Kafka that is away: events stay in the outbox, consumers try again, and
//! [`Kafka::standing`] says so.

mod consumer;
mod dead_letters;
pub mod message;
mod producer;
mod replay;
mod settings;
mod stall;
mod topics;
mod watch;

pub use replay::ReplayError;
pub use settings::{KafkaSettings, Sasl};
pub use watch::Standing;

use super::Consumer;
use crate::time::Ids;
use rdkafka::ClientConfig;
use std::sync::Arc;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use watch::Watch;

/// A setting of Kafka's client cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct KafkaSettingError(String);

/// A Kafka cluster. Cheap to clone.
#[derive(Clone)]
pub struct Kafka(Arc<Inner>);

struct Inner {
    settings: KafkaSettings,
    ids: Ids,
    watch: Arc<Watch>,
    topics: OnceCell<()>,
    producer: producer::Slot,
}

impl std::fmt::Debug for Kafka {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Kafka")
            .field(&self.0.settings.brokers)
            .finish()
    }
}

impl Kafka {
    /// A client of this cluster, which need not be there yet.
    ///
    /// # Errors
    /// When the settings cannot be used: a file that is not there, a certificate that is none.
    pub fn open(settings: KafkaSettings, ids: Ids) -> Result<Self, KafkaSettingError> {
        let kafka = Self(Arc::new(Inner {
            settings,
            ids,
            watch: Arc::default(),
            topics: OnceCell::new(),
            producer: producer::Slot::default(),
        }));
        match kafka.producer() {
            Ok(_) => Ok(kafka),
            Err(error) => Err(KafkaSettingError(error.to_string())),
        }
    }

    /// What it answered when it was last spoken to.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.0.watch.standing()
    }

    /// Reaches for it in the background until `stop`, so that [`Kafka::standing`] tells the truth before there is
    /// an event, and the topics are there.
    pub async fn greet(self, stop: CancellationToken) {
        let greeting = async {
            let mut pause = BACK_OFF.0;
            while let Err(error) = self.ready().await {
                tracing::warn!(%error, brokers = self.0.settings.brokers, "Kafka is away: events wait in the outboxes");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(BACK_OFF.1);
            }
            tracing::info!(brokers = self.0.settings.brokers, "Kafka is there");
        };
        let _ = stop.run_until_cancelled(greeting).await;
    }

    /// Brings events to a consumer until `stop`.
    pub async fn consume(self, consumer: Arc<dyn Consumer>, stop: CancellationToken) {
        consumer::run(self, consumer, stop).await;
    }

    /// Tells the dead-letter topic of what a consumer parks, until `stop`.
    pub async fn tell_dead_letters(self, consumer: Arc<dyn Consumer>, stop: CancellationToken) {
        let telling = Box::pin(dead_letters::tell(&self, consumer.as_ref()));
        let _ = stop.run_until_cancelled(telling).await;
    }

    /// Returns once the topics are there.
    async fn ready(&self) -> Result<(), topics::TopicError> {
        let made = self.0.topics.get_or_try_init(|| topics::make(self)).await;
        self.0.watch.seen(made.is_ok());
        made.copied()
    }

    /// What every client of this cluster is told.
    fn client(&self) -> ClientConfig {
        self.0.settings.client()
    }

    /// The name of a topic on this cluster.
    fn name(&self, topic: super::Topic) -> String {
        format!("{}{}", self.0.settings.topic_prefix, topic.name())
    }
}

/// The first and the longest pause after a failure.
const BACK_OFF: (std::time::Duration, std::time::Duration) = (
    std::time::Duration::from_millis(250),
    std::time::Duration::from_secs(5),
);
