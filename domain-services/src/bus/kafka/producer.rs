//! The relays' way into the cluster.
//!
//! The order of a key must survive failures: an event that is missing where a later one of its key arrived
//! is worse than one that comes twice, since inboxes know the second. So the producer is idempotent, nothing
//! in its queue ever times out by itself (a gap that librdkafka would not prevent), a refusal stops it
//! (`enable.gapless.guarantee`), and a publication that fails or takes too long throws it away with all it
//! held: what arrived is a beginning of what was sent, and a new producer sends all of it again.

use super::topics::MESSAGE_MAX;
use super::watch::Ear;
use super::{Kafka, message};
use crate::bus::{Bus, BusError, Event};
use async_trait::async_trait;
use futures_util::future::join_all;
use rdkafka::error::KafkaError;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::future_producer::Delivery as Delivered;
use rdkafka::producer::{FutureProducer, FutureRecord};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a publication may take before the cluster counts as away. Also how long a relay that has lost
/// its lock without knowing can go on to send.
const PUBLISH_MAX: Duration = Duration::from_secs(8);
/// Events of one publication at most: enough for tens of thousands a second, and what is held in memory
/// while the cluster is away.
const BATCH_MAX: i64 = 2_000;

/// The producer in use, and how many there were before.
#[derive(Default)]
pub(super) struct Slot(Mutex<(u64, Option<FutureProducer<Ear>>)>);

impl Slot {
    fn lock(&self) -> MutexGuard<'_, (u64, Option<FutureProducer<Ear>>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message about to be sent.
pub(super) struct Outgoing<'a> {
    pub(super) topic: &'a str,
    pub(super) key: String,
    pub(super) headers: OwnedHeaders,
    pub(super) value: &'a str,
}

impl Kafka {
    pub(super) fn producer(&self) -> Result<(u64, FutureProducer<Ear>), KafkaError> {
        let mut slot = self.0.producer.lock();
        if let (number, Some(producer)) = &*slot {
            return Ok((*number, producer.clone()));
        }
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("enable.gapless.guarantee", "true")
            .set("acks", "all")
            .set("compression.type", "zstd")
            // At its default, 3, librdkafka makes and clears 3 MiB of tables for the few events of one partition.
            .set("compression.level", "1")
            .set("message.timeout.ms", "0")
            .set("message.max.bytes", MESSAGE_MAX)
            // As Kafka's own clients do, so that whoever else writes agrees on the partition of a key.
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "1");
        let context = Ear {
            watch: Arc::clone(&self.0.watch),
            consumer: None,
        };
        let producer: FutureProducer<Ear> = config.create_with_context(context)?;
        slot.1 = Some(producer.clone());
        Ok((slot.0, producer))
    }

    /// Throws away the producer of this number, with what it has not sent.
    fn discard(&self, number: u64, producer: FutureProducer<Ear>) {
        let held = {
            let mut slot = self.0.producer.lock();
            if slot.0 == number {
                slot.0 += 1;
                slot.1.take()
            } else {
                None
            }
        };
        // Its end waits for threads: not one of ours. The last clone's end purges what it held; purged here,
        // it is gone now, however long another relay holds on to its clone.
        rdkafka::producer::Producer::purge(
            &producer,
            rdkafka::producer::PurgeConfig::default().queue().inflight(),
        );
        std::thread::spawn(move || drop((held, producer)));
    }

    /// Returns when all of these are safe in the cluster.
    pub(super) async fn send(&self, messages: Vec<Outgoing<'_>>) -> Result<(), BusError> {
        let away = |error: &dyn std::fmt::Display| BusError::Unavailable(error.to_string());
        self.ready().await.map_err(|error| away(&error))?;
        let (number, producer) = self.producer().map_err(|error| away(&error))?;
        let sent = tokio::time::timeout(PUBLISH_MAX, send_all(&producer, messages)).await;
        let outcome = match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(away(&error)),
            Err(_) => Err(away(&format!(
                "no answer within {} s",
                PUBLISH_MAX.as_secs()
            ))),
        };
        if outcome.is_err() {
            self.discard(number, producer);
        }
        self.0.watch.seen(outcome.is_ok());
        outcome
    }
}

async fn send_all(
    producer: &FutureProducer<Ear>,
    messages: Vec<Outgoing<'_>>,
) -> Result<(), KafkaError> {
    let mut deliveries = Vec::with_capacity(messages.len());
    for message in messages {
        let record = FutureRecord::to(message.topic)
            .key(&message.key)
            .headers(message.headers)
            .payload(message.value);
        let delivery = producer.send_result(record).map_err(|(error, _)| error)?;
        deliveries.push(delivery);
    }
    for delivered in join_all(deliveries).await {
        let _: Delivered = delivered
            .map_err(|_| KafkaError::Canceled)?
            .map_err(|(error, _)| error)?;
    }
    Ok(())
}

#[async_trait]
impl Bus for Kafka {
    async fn publish(&self, events: &[Event]) -> Result<(), BusError> {
        let Some(first) = events.first() else {
            return Ok(());
        };
        // A relay publishes one topic.
        let topic = self.name(first.topic);
        let messages = events.iter().map(|event| Outgoing {
            topic: &topic,
            key: event.key.to_string(),
            headers: message::headers(event),
            value: event.data.get(),
        });
        self.send(messages.collect()).await
    }

    fn batch_max(&self) -> i64 {
        BATCH_MAX
    }
}
