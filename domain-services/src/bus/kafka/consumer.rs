//! A service's group, on a thread of its own.
//!
//! A thread, because librdkafka calls back about partitions while it is polled, and the answer (where to
//! begin) stands in the database.

use super::stall::{self, Asked, Behind, Look, Stall};
use super::watch::Ear;
use super::{BACK_OFF, Kafka, message};
use crate::bus::{Consumer, Delivery, Position, Topic};
use crate::db::Db;
use crate::inbox;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::producer::Producer as _;
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Message, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Bytes of events' data of one transaction at most.
const BATCH_MAX_BYTES: usize = 4 << 20;
/// Enough to be worth a transaction: so much is not lingered for.
const LINGER_BYTES: &str = "262144";
/// How long the next message of an answer may take to be unpacked, where the answer itself was lingered for.
const UNPACK: Duration = Duration::from_millis(5);
/// How long one poll waits: a stop is noticed within it.
const POLL: Duration = Duration::from_millis(100);
/// How long a stop waits for the group to be left.
const LEAVE_MAX: Duration = Duration::from_secs(3);
/// How long a broker may take to tell where a partition ends that was given to us, and all of them together.
const END_MAX: Duration = Duration::from_secs(3);
const ENDS_MAX: Duration = Duration::from_secs(15);

/// Runs until `stop`.
pub(super) async fn run(kafka: Kafka, consumer: Arc<dyn Consumer>, stop: CancellationToken) {
    let (ended, end) = oneshot::channel::<()>();
    let reader = Reader {
        kafka,
        consumer,
        stop: stop.clone(),
        runtime: Handle::current(),
    };
    let name = format!("kafka-{}", reader.consumer.name());
    let started = std::thread::Builder::new().name(name).spawn(move || {
        reader.work();
        drop(ended);
    });
    if let Err(error) = started {
        tracing::error!(%error, "no thread for a consumer");
        return;
    }
    stop.cancelled().await;
    // A cluster that is away does not hold up the end.
    let _ = tokio::time::timeout(LEAVE_MAX, end).await;
}

struct Reader {
    kafka: Kafka,
    consumer: Arc<dyn Consumer>,
    stop: CancellationToken,
    runtime: Handle,
}

#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Topics(#[from] super::topics::TopicError),
    #[error("nothing comes of {} [{}], {}, which has events from {} to {}", .0.topic, .0.partition,
        if .0.is_ours { "given to this node" } else { "not given to this node" }, .0.next, .0.end)]
    Stalled(Behind),
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// A position beyond the end of its partition: the topic was made anew, or the cluster has lost events. To go on
/// somewhere else would skip events in silence, as the row only ever moves forward. So nothing is taken until
/// whoever operates this has looked. Which of the two it was makes a difference: what is read again from the
/// beginning is known by its id only as long as the inbox keeps it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{} [{}] ends at {end}, and the {consumer} service stands beyond it, at {}. If the topic was made anew, run \
    in the database of the {consumer} service: delete from bus_position where topic = '{}' and partition = {}. If \
    it has lost its last events and they do not come back: update bus_position set next_offset = {end} where \
    topic = '{}' and partition = {}. No restart is needed", .at.topic, .at.partition, .at.next_offset, .at.topic,
    .at.partition, .at.topic, .at.partition)]
struct Lost {
    consumer: &'static str,
    at: Position,
    end: i64,
}

impl Reader {
    fn work(&self) {
        let mut pause = BACK_OFF.0;
        let mut stall = Stall::new(Instant::now());
        while !self.stop.is_cancelled() {
            let Err(error) = self.session(&mut pause, &mut stall) else {
                return;
            };
            let consumer = self.consumer.name();
            tracing::warn!(%error, consumer, "a consumer begins again");
            if matches!(error, ReadError::Stalled(_)) {
                metrics::counter!("athena_kafka_consumer_restarts_total", "consumer" => consumer)
                    .increment(1);
            }
            self.wait(&mut pause);
        }
    }

    /// Reads until `stop`, until librdkafka gives up, or until it stands still.
    fn session(&self, pause: &mut Duration, stall: &mut Stall) -> Result<(), ReadError> {
        let ready = self.stop.run_until_cancelled(self.kafka.ready());
        match self.runtime.block_on(ready) {
            None => return Ok(()),
            Some(ready) => ready?,
        }
        let client = self.client()?;
        stall.begin(Instant::now());
        let outcome = self.read(&client, pause, stall);
        if matches!(outcome, Err(ReadError::Stalled(_))) {
            leave(client);
        }
        outcome
    }

    fn read(
        &self,
        client: &BaseConsumer<Placing>,
        pause: &mut Duration,
        stall: &mut Stall,
    ) -> Result<(), ReadError> {
        while !self.stop.is_cancelled() {
            let batch = self.gather(client)?;
            // Before anything of the batch has an effect: it may come from a wrong place.
            if let Some(lost) = client.context().lost.get() {
                return Err(lost.clone().into());
            }
            if !batch.is_empty() && self.deliver(&batch.delivery) {
                stall.something_came();
                let commit = client.commit(&batch.offsets()?, CommitMode::Async);
                if let Err(error) = commit {
                    // Lost partitions, for instance. The tables know where we stand.
                    tracing::debug!(%error, "an offset was not committed");
                }
                *pause = BACK_OFF.0;
            }
            self.look(client, stall)?;
        }
        Ok(())
    }

    /// Looks now and then, beside the reading, whether there is something that does not come. A database or
    /// a broker that does not answer says nothing about the client.
    fn look(&self, client: &BaseConsumer<Placing>, stall: &mut Stall) -> Result<(), ReadError> {
        let now = Instant::now();
        if let Some(ended) = stall.ended() {
            let look = self.runtime.block_on(ended).unwrap_or_default();
            if let Some(stuck) = stall.looked(now, look) {
                return Err(ReadError::Stalled(stuck));
            }
        }
        if stall.is_due(now) {
            let given = client.assignment()?;
            let given = given.elements().into_iter();
            let given = given.map(|at| (at.topic().to_owned(), at.partition()));
            let (kafka, db) = (self.kafka.clone(), self.consumer.db().clone());
            let asked = Asked {
                topics: self.topics(),
                given: given.collect(),
                taken: Vec::new(),
            };
            stall.look(self.runtime.spawn(look(kafka, db, asked)));
        }
        Ok(())
    }

    fn client(&self) -> Result<BaseConsumer<Placing>, KafkaError> {
        let settings = &self.kafka.0.settings;
        let name = self.consumer.name();
        let mut config = self.kafka.client();
        config
            .set(
                "group.id",
                format!("{}athena.{name}", settings.topic_prefix),
            )
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", "10000")
            .set("heartbeat.interval.ms", "2000")
            .set("fetch.error.backoff.ms", "100")
            // A topic that a broker did not show yet is found so much later, not after five minutes.
            .set("topic.metadata.refresh.interval.ms", "10000")
            // What is fetched ahead: four batches, and not the 64 MiB of the default.
            .set(
                "queued.min.messages",
                (4 * self.consumer.batch_max()).to_string(),
            )
            .set("queued.max.messages.kbytes", "16384");
        let linger = self.consumer.linger();
        if !linger.is_zero() {
            // The broker waits: an answer for what a busy time brings, not one an event.
            config
                .set("fetch.wait.max.ms", linger.as_millis().to_string())
                .set("fetch.min.bytes", LINGER_BYTES);
        }
        if let Some(instance) = &settings.instance {
            config.set("group.instance.id", format!("{instance}.{name}"));
        }
        let client: BaseConsumer<Placing> = config.create_with_context(Placing {
            ear: Ear {
                watch: Arc::clone(&self.kafka.0.watch),
                consumer: Some(name),
            },
            consumer: Arc::clone(&self.consumer),
            stop: self.stop.clone(),
            runtime: self.runtime.clone(),
            lost: OnceLock::new(),
        })?;
        let names = self.topics();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        client.subscribe(&names)?;
        Ok(client)
    }

    /// Waits for a message, then takes what has come with it.
    fn gather(&self, client: &BaseConsumer<Placing>) -> Result<Batch, KafkaError> {
        let mut batch = Batch::default();
        let mut wait = POLL;
        let linger = self.consumer.linger();
        let batch_max = self.consumer.batch_max();
        let mut until = None;
        while batch.len() < batch_max && batch.bytes < BATCH_MAX_BYTES {
            let message = match client.poll(wait) {
                None => break,
                Some(Ok(message)) => message,
                Some(Err(error)) if client.client().fatal_error().is_some() => return Err(error),
                Some(Err(error)) => {
                    // librdkafka goes on by itself.
                    tracing::debug!(%error, consumer = self.consumer.name(), "reading failed");
                    continue;
                }
            };
            let now = Instant::now();
            let until = *until.get_or_insert_with(|| now + linger);
            wait = until.saturating_duration_since(now).min(UNPACK);
            self.kafka.0.watch.seen(true);
            if let Some(topic) = self.topic(message.topic()) {
                batch.add(topic, &message, self.consumer.as_ref());
            }
            if !batch.delivery.unreadable.is_empty() {
                // What is behind it under its key is parked: by the next batch, which finds it parked.
                break;
            }
        }
        batch.stand();
        Ok(batch)
    }

    fn topics(&self) -> Vec<String> {
        let topics = self.consumer.topics().iter();
        topics.map(|topic| self.kafka.name(*topic)).collect()
    }

    fn topic(&self, name: &str) -> Option<Topic> {
        let topics = self.consumer.topics().iter().copied();
        topics
            .into_iter()
            .find(|topic| self.kafka.name(*topic) == name)
    }

    /// Gives a batch until it is taken, or until `stop`. The partitions may meanwhile go to another node: the
    /// rows of the positions and the inbox see to it that nothing has an effect twice.
    fn deliver(&self, delivery: &Delivery) -> bool {
        let mut pause = BACK_OFF.0;
        loop {
            let handled = self
                .consumer
                .handle(delivery)
                .instrument(delivery.span(self.consumer.name()));
            let Err(error) = self.runtime.block_on(handled) else {
                return true;
            };
            let consumer = self.consumer.name();
            tracing::warn!(%error, consumer, pause_ms = pause.as_millis(), "events wait in Kafka");
            metrics::counter!("athena_consumer_failures_total", "consumer" => consumer)
                .increment(1);
            self.wait(&mut pause);
            if self.stop.is_cancelled() {
                return false;
            }
        }
    }

    fn wait(&self, pause: &mut Duration) {
        wait(&self.runtime, &self.stop, pause);
    }
}

/// Ends a client that stands still on a thread of its own: it may stand still at that too.
fn leave(client: BaseConsumer<Placing>) {
    let (ended, end) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        drop(client);
        drop(ended);
    });
    let _ = end.recv_timeout(LEAVE_MAX);
}

async fn look(kafka: Kafka, db: Db, mut asked: Asked) -> Look {
    let Ok(taken) = inbox::positions(&db).await else {
        return Look::default();
    };
    asked.taken = taken;
    let asked = tokio::task::spawn_blocking(move || {
        let producer = kafka.producer();
        producer.map(|(_, producer)| stall::look(producer.client(), &asked))
    });
    asked
        .await
        .map(Result::unwrap_or_default)
        .unwrap_or_default()
}

fn wait(runtime: &Handle, stop: &CancellationToken, pause: &mut Duration) {
    let length = *pause;
    let sleep = async { stop.run_until_cancelled(tokio::time::sleep(length)).await };
    runtime.block_on(sleep);
    *pause = (length * 2).min(BACK_OFF.1);
}

/// Messages that are taken together.
#[derive(Default)]
struct Batch {
    delivery: Delivery,
    next: BTreeMap<(String, i32), i64>,
    /// Events that the consumer does not want.
    passed_over: usize,
    bytes: usize,
}

impl Batch {
    fn len(&self) -> usize {
        self.delivery.events.len() + self.delivery.unreadable.len() + self.passed_over
    }

    fn is_empty(&self) -> bool {
        self.next.is_empty()
    }

    fn add(&mut self, topic: Topic, message: &impl Message, consumer: &dyn Consumer) {
        self.bytes += message.payload().map_or(0, <[u8]>::len);
        let place = (message.topic().to_owned(), message.partition());
        self.next.insert(place, message.offset() + 1);
        match message::read(topic, message) {
            Ok(event) if consumer.wants(&event) => self.delivery.events.push(event),
            Ok(_) => self.passed_over += 1,
            Err(unreadable) => self.delivery.unreadable.push(*unreadable),
        }
    }

    fn stand(&mut self) {
        let next = self.next.iter();
        self.delivery.positions = next
            .map(|((topic, partition), next_offset)| Position {
                topic: topic.clone(),
                partition: *partition,
                next_offset: *next_offset,
            })
            .collect();
    }

    fn offsets(&self) -> Result<TopicPartitionList, KafkaError> {
        let mut list = TopicPartitionList::new();
        for ((topic, partition), next) in &self.next {
            list.add_partition_offset(topic, *partition, Offset::Offset(*next))?;
        }
        Ok(list)
    }
}

/// Begins each partition where the service's tables say.
struct Placing {
    ear: Ear,
    consumer: Arc<dyn Consumer>,
    stop: CancellationToken,
    runtime: Handle,
    /// Why nothing that this client brings may be taken.
    lost: OnceLock<Lost>,
}

impl Placing {
    /// The committed offset is not asked: a database that was restored stands further back than it.
    fn place(
        &self,
        client: &BaseConsumer<Self>,
        partitions: &mut TopicPartitionList,
    ) -> Result<(), KafkaError> {
        let mut pause = BACK_OFF.0;
        let positions = loop {
            match self.runtime.block_on(inbox::positions(self.consumer.db())) {
                Ok(positions) => break positions,
                Err(error) => {
                    tracing::warn!(%error, consumer = self.consumer.name(), "no positions to begin at");
                    wait(&self.runtime, &self.stop, &mut pause);
                }
            }
            if self.stop.is_cancelled() {
                return Err(KafkaError::Canceled);
            }
        };
        let assigned: Vec<(String, i32)> = partitions
            .elements()
            .iter()
            .map(|at| (at.topic().to_owned(), at.partition()))
            .collect();
        let until = Instant::now() + ENDS_MAX;
        for (topic, partition) in assigned {
            let stands = positions
                .iter()
                .find(|at| at.topic == topic && at.partition == partition);
            if let Some(at) = stands {
                self.check(client, at, until);
            }
            let begin = stands.map_or(Offset::Beginning, |at| Offset::Offset(at.next_offset));
            partitions.set_partition_offset(&topic, partition, begin)?;
        }
        Ok(())
    }

    /// Notes a position beyond the end of its partition. The partitions are given to the client all the same:
    /// one that never takes what it was given cannot leave its group.
    fn check(&self, client: &BaseConsumer<Self>, at: &Position, until: Instant) {
        let consumer = self.consumer.name();
        let (topic, partition, position) = (&at.topic, at.partition, at.next_offset);
        let left = until.saturating_duration_since(Instant::now());
        match client.fetch_watermarks(topic, partition, left.min(END_MAX)) {
            Ok((_, end)) if position > end => {
                tracing::error!(
                    topic,
                    partition,
                    position,
                    end,
                    consumer,
                    "a position is beyond the end of its partition"
                );
                metrics::counter!("athena_kafka_positions_lost_total", "consumer" => consumer)
                    .increment(1);
                // The first one is told of as the reason; each is in the log.
                let at = at.clone();
                let _ = self.lost.set(Lost { consumer, at, end });
            }
            Ok(_) => {}
            // One without a leader does not hold up the others.
            Err(error) => {
                tracing::warn!(%error, topic, partition, consumer, "where a partition ends is not known");
            }
        }
    }
}

impl ClientContext for Placing {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, fac: &str, message: &str) {
        self.ear.log(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.ear.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.ear.stats(statistics);
    }
}

impl ConsumerContext for Placing {
    fn rebalance(
        &self,
        client: &BaseConsumer<Self>,
        what: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let consumer = self.consumer.name();
        let given = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        let count = partitions.count();
        tracing::info!(consumer, partitions = count, given, "partitions move");
        let done = if given {
            self.place(client, partitions)
                .and_then(|()| client.incremental_assign(partitions))
        } else {
            client.incremental_unassign(partitions)
        };
        if let Err(error) = done {
            tracing::warn!(%error, consumer, "a change of partitions failed");
        }
    }
}
