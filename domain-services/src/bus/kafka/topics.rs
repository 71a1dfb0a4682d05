//! The topics and their settings.

use super::{Kafka, watch::Ear};
use crate::bus::Topic;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication, TopicResult};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Where parked events are told of.
pub(super) const DEAD_LETTERS: &str = "athena.dead-letter.v1";
/// The largest event: a batch's drafts are one.
pub(super) const MESSAGE_MAX: &str = "8388608";
/// How long a compacted topic keeps every event, and not the latest of its key only: 90 days in milliseconds, as
/// long as ids stay in an inbox by default. The audit log needs each event once, and may be away, or restored from
/// a backup, for longer than a segment lasts.
const COMPACTION_LAG_MIN: &str = "7776000000";
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How long topics may take to be shown by the brokers, one look, and until the next.
const SHOWN_MAX: Duration = Duration::from_secs(5);
const LOOK_MAX: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Why the topics are not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum TopicError {
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error("the topic {name} cannot be made: {code}")]
    Refused {
        name: String,
        code: RDKafkaErrorCode,
    },
}

/// An admin client whose end is waited for by a thread of its own: it waits for librdkafka's threads, and
/// whoever makes the topics has all consumers and relays waiting behind it.
struct Admin(Option<AdminClient<Ear>>);

impl Admin {
    fn client(&self) -> Result<&AdminClient<Ear>, KafkaError> {
        self.0.as_ref().ok_or(KafkaError::Canceled)
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        let client = self.0.take();
        std::thread::spawn(move || drop(client));
    }
}

/// Makes what is missing; a topic that is there is left as it is, with whatever settings an operator gave it.
pub(super) async fn make(kafka: &Kafka) -> Result<(), TopicError> {
    let settings = &kafka.0.settings;
    let context = Ear {
        watch: Arc::clone(&kafka.0.watch),
        consumer: None,
    };
    let admin = Arc::new(Admin(Some(kafka.client().create_with_context(context)?)));
    let replication = settings.replication;
    let mut names: Vec<(String, bool)> = Topic::ALL
        .map(|topic| (kafka.name(topic), topic.is_compacted()))
        .into();
    names.push((format!("{}{DEAD_LETTERS}", settings.topic_prefix), false));
    // With three copies, one may be away and writes go on; with fewer there is nothing to spare.
    let in_sync_min = if settings.replication >= 3 { "2" } else { "1" };
    let new: Vec<NewTopic<'_>> = names
        .iter()
        .map(|(name, compacted)| {
            let topic = NewTopic::new(
                name,
                settings.partitions,
                TopicReplication::Fixed(replication),
            )
            .set("min.insync.replicas", in_sync_min)
            .set("max.message.bytes", MESSAGE_MAX);
            if *compacted {
                topic
                    .set("cleanup.policy", "compact")
                    .set("min.compaction.lag.ms", COMPACTION_LAG_MIN)
            } else {
                topic
                    .set("cleanup.policy", "delete")
                    .set("retention.ms", "-1")
                    .set("retention.bytes", "-1")
            }
        })
        .collect();
    let options = AdminOptions::new()
        .request_timeout(Some(ANSWER_MAX))
        .operation_timeout(Some(ANSWER_MAX));
    let outcome = match admin.client()?.create_topics(&new, &options).await {
        Ok(made) => made.into_iter().try_for_each(made_or_there),
        Err(error) => Err(error.into()),
    };
    let names = names.into_iter().map(|(name, _)| name).collect();
    let wait_max = if outcome.is_ok() {
        SHOWN_MAX
    } else {
        Duration::ZERO
    };
    match (outcome, are_shown(admin, names, wait_max).await) {
        // Who may not make topics may still use those that an operator has made.
        (_, true) => {
            tracing::info!("the topics are there");
            Ok(())
        }
        (Ok(()), false) => {
            tracing::warn!("brokers do not show all topics yet: events of some may come later");
            Ok(())
        }
        (Err(error), false) => Err(error),
    }
}

/// Waits until brokers show the topics; false if they do not in time. One that was made is known to the
/// controller first, and a consumer that subscribes to several of which one is not shown yet hears nothing of
/// that one until it asks again, minutes later (librdkafka issue 3615).
async fn are_shown(admin: Arc<Admin>, names: Vec<String>, wait_max: Duration) -> bool {
    let begun = Instant::now();
    for name in names {
        loop {
            let (admin, name) = (Arc::clone(&admin), name.clone());
            let shown = tokio::task::spawn_blocking(move || is_shown(&admin, &name));
            if matches!(shown.await, Ok(Ok(true))) {
                break;
            }
            if begun.elapsed() >= wait_max {
                return false;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
    true
}

fn made_or_there(made: TopicResult) -> Result<(), TopicError> {
    match made {
        Ok(name) => {
            tracing::info!(name, "made a topic");
            Ok(())
        }
        Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ok(()),
        Err((name, code)) => Err(TopicError::Refused { name, code }),
    }
}

fn is_shown(admin: &Admin, name: &str) -> Result<bool, KafkaError> {
    let found = admin
        .client()?
        .inner()
        .fetch_metadata(Some(name), LOOK_MAX)?;
    Ok(found
        .topics()
        .iter()
        .any(|topic| topic.error().is_none() && !topic.partitions().is_empty()))
}
