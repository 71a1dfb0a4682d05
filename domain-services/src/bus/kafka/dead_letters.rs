//! Parked events are told to a topic, for whoever watches the cluster and not the tables.

use super::producer::Outgoing;
use super::{BACK_OFF, Kafka, message, topics};
use crate::bus::{BusError, Consumer};
use crate::db::DbError;
use crate::inbox::dead_letters::{self, DeadLetter};
use rdkafka::message::Header;
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_secs(1);
const BATCH_MAX: i64 = 100;

#[derive(Debug, thiserror::Error)]
enum TellError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Goes on for ever. Several nodes may tell of the same event: the topic is read by people and their tools,
/// by its id.
pub(super) async fn tell(kafka: &Kafka, consumer: &dyn Consumer) {
    let mut pause = BACK_OFF.0;
    loop {
        match tell_some(kafka, consumer).await {
            Ok(()) => {
                pause = BACK_OFF.0;
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Err(error) => {
                tracing::debug!(%error, consumer = consumer.name(), "parked events wait to be told");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(BACK_OFF.1);
            }
        }
    }
}

async fn tell_some(kafka: &Kafka, consumer: &dyn Consumer) -> Result<(), TellError> {
    let letters = dead_letters::untold(consumer.db(), BATCH_MAX).await?;
    if letters.is_empty() {
        return Ok(());
    }
    let topic = format!("{}{}", kafka.0.settings.topic_prefix, topics::DEAD_LETTERS);
    let messages = letters
        .iter()
        .map(|letter| outgoing(&topic, consumer.name(), letter));
    kafka.send(messages.collect()).await?;
    let ids = letters.iter().map(|letter| letter.event.id).collect();
    dead_letters::told(consumer.db(), ids, kafka.0.ids.now_us()).await?;
    Ok(())
}

/// The event as it was, with the topic it came by, who could not take it, and why.
fn outgoing<'a>(topic: &'a str, consumer: &str, letter: &'a DeadLetter) -> Outgoing<'a> {
    let more = [
        ("athena_topic", letter.event.topic.name()),
        ("athena_consumer", consumer),
        ("athena_reason", letter.reason.as_str()),
    ];
    let headers =
        more.into_iter()
            .fold(message::headers(&letter.event), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            });
    Outgoing {
        topic,
        key: letter.event.key.to_string(),
        headers,
        value: letter.event.data.get(),
    }
}
