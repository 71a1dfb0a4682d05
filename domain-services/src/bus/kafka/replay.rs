//! A projection made anew from the compacted topics.

use super::watch::Ear;
use super::{Kafka, message};
use crate::bus::{ConsumeError, Consumer, Delivery, Event, Position, Purpose, Topic};
use crate::db::DbError;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Message, Offset, TopicPartitionList};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long the cluster may say nothing.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// How often a rebuild reads again because a consumer has read further meanwhile.
const TRIES_MAX: u32 = 10;

/// Why a projection was not made anew. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The service keeps nothing of the compacted topics.
    #[error("the {0} service keeps nothing that could be made anew from the compacted topics")]
    Nothing(&'static str),
    /// The cluster failed.
    #[error("Kafka: {0}")]
    Kafka(String),
    /// A message is no event.
    #[error("{place} cannot be read: {reason}")]
    Unreadable {
        /// Where it stands.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The service did not take them.
    #[error(transparent)]
    Consumer(#[from] ConsumeError),
}

impl From<KafkaError> for ReplayError {
    fn from(error: KafkaError) -> Self {
        Self::Kafka(error.to_string())
    }
}

/// What was read of compacted topics.
#[derive(Default)]
struct Read {
    /// By topic and key.
    latest: HashMap<(Topic, Uuid), Event>,
    positions: Vec<Position>,
}

impl Kafka {
    /// Makes anew what a service keeps of the compacted topics, from the latest event of each key, in one
    /// transaction; gives how many there were. The service may go on meanwhile.
    ///
    /// # Errors
    /// Why it was left as it is.
    pub async fn rebuild(&self, consumer: &dyn Consumer) -> Result<usize, ReplayError> {
        let topics: Vec<Topic> = consumer
            .topics()
            .iter()
            .copied()
            .filter(|topic| topic.is_compacted())
            .collect();
        if topics.is_empty() || !consumer.can_be_rebuilt() {
            return Err(ReplayError::Nothing(consumer.name()));
        }
        self.ready()
            .await
            .map_err(|error| ReplayError::Kafka(error.to_string()))?;
        let mut tries = 0;
        loop {
            tries += 1;
            let (kafka, wanted) = (self.clone(), topics.clone());
            let read = tokio::task::spawn_blocking(move || kafka.read_compacted(&wanted)).await;
            let read = read.map_err(|error| ReplayError::Kafka(error.to_string()))??;
            let mut events: Vec<Event> = read.latest.into_values().collect();
            // A category before the assignment that names it.
            events.sort_by_key(|event| (event.time_us, event.version));
            let count = events.len();
            let delivery = Delivery {
                events,
                positions: read.positions,
                purpose: Purpose::Rebuild(topics.clone()),
                ..Delivery::default()
            };
            match consumer.handle(&delivery).await {
                Ok(()) => return Ok(count),
                Err(ConsumeError::Db(DbError::Collision(_))) if tries < TRIES_MAX => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn read_compacted(&self, topics: &[Topic]) -> Result<Read, ReplayError> {
        let mut config = self.client();
        config
            // Needed by the client, and used for nothing: partitions are taken, not given.
            .set(
                "group.id",
                format!("{}athena.replay", self.0.settings.topic_prefix),
            )
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "false")
            .set("auto.offset.reset", "earliest");
        let client: BaseConsumer<Quiet> = config.create_with_context(Quiet(Ear {
            watch: Arc::clone(&self.0.watch),
            consumer: None,
        }))?;
        let mut read = Read::default();
        let mut all = TopicPartitionList::new();
        let mut ends: HashMap<(String, i32), i64> = HashMap::new();
        for topic in topics {
            let name = self.name(*topic);
            let metadata = client.fetch_metadata(Some(&name), SILENCE_MAX)?;
            let partitions = metadata
                .topics()
                .iter()
                .flat_map(rdkafka::metadata::MetadataTopic::partitions);
            for partition in partitions.map(rdkafka::metadata::MetadataPartition::id) {
                let (_, end) = client.fetch_watermarks(&name, partition, SILENCE_MAX)?;
                ends.insert((name.clone(), partition), end);
                all.add_partition_offset(&name, partition, Offset::Beginning)?;
            }
        }
        client.assign(&all)?;
        let mut left: Vec<(String, i32)> = ends
            .iter()
            .filter(|(_, end)| **end > 0)
            .map(|(place, _)| place.clone())
            .collect();
        let begun = tokio::time::Instant::now();
        let mut heard = begun;
        while !left.is_empty() {
            if let Some(message) = client.poll(Duration::from_millis(50)) {
                let message = message?;
                heard = tokio::time::Instant::now();
                read.add(self, topics, &message)?;
            }
            if heard.elapsed() > SILENCE_MAX {
                return Err(ReplayError::Kafka("it fell silent".to_owned()));
            }
            // By where the client stands and not by what came: the last places of a compacted log may be empty.
            let stands = client.position()?;
            left.retain(|(topic, partition)| {
                let end = ends.get(&(topic.clone(), *partition)).copied().unwrap_or(0);
                let at = stands
                    .find_partition(topic, *partition)
                    .map(|at| at.offset());
                !matches!(at, Some(Offset::Offset(at)) if at >= end)
            });
        }
        read.positions = ends
            .into_iter()
            .map(|((topic, partition), next_offset)| Position {
                topic,
                partition,
                next_offset,
            })
            .collect();
        Ok(read)
    }
}

impl Read {
    fn add(
        &mut self,
        kafka: &Kafka,
        topics: &[Topic],
        message: &impl Message,
    ) -> Result<(), ReplayError> {
        let Some(topic) = topics
            .iter()
            .copied()
            .find(|topic| kafka.name(*topic) == message.topic())
        else {
            return Ok(());
        };
        let event =
            message::read(topic, message).map_err(|unreadable| ReplayError::Unreadable {
                place: format!(
                    "{}/{}/{}",
                    message.topic(),
                    message.partition(),
                    message.offset()
                ),
                reason: unreadable.1,
            })?;
        let key = (topic, event.key);
        // A relay that was cut off sends again what it had sent: the version says what is latest.
        if self
            .latest
            .get(&key)
            .is_none_or(|known| known.version <= event.version)
        {
            self.latest.insert(key, event);
        }
        Ok(())
    }
}

/// A reader without a group.
struct Quiet(Ear);

impl rdkafka::ClientContext for Quiet {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, fac: &str, message: &str) {
        self.0.log(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }

    fn stats(&self, statistics: rdkafka::Statistics) {
        self.0.stats(statistics);
    }
}

impl rdkafka::consumer::ConsumerContext for Quiet {}
