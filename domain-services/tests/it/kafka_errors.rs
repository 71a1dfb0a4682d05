//! What brokers answer when they are unwell, injected by librdkafka's own mock cluster: the order of a key
//! survives it.

use domain_services::bus::kafka::{Kafka, KafkaSettings, Standing};
use domain_services::bus::{Bus, Event, Topic};
use domain_services::outbox::NewEvent;
use domain_services::time::Ids;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Headers;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

const PARTITIONS: i32 = 3;

fn cluster() -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(3).unwrap();
    let mut names = Topic::ALL.map(Topic::name).to_vec();
    names.push("athena.dead-letter.v1");
    for name in names {
        cluster.create_topic(name, PARTITIONS, 3).unwrap();
    }
    cluster
}

fn event(key: u128, version: i64) -> Event {
    let key = Uuid::from_u128(key);
    let new = NewEvent::new("test.counted", key, version, &version).unwrap();
    Event {
        id: new.id,
        topic: Topic::User,
        key,
        kind: new.kind.to_owned(),
        version,
        time_us: 1,
        traceparent: None,
        actor: None,
        data: new.data,
    }
}

/// The versions of each key in the order in which they first came.
fn first_come(brokers: &str) -> BTreeMap<String, Vec<i64>> {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "looking")
        .create()
        .unwrap();
    let name = Topic::User.name();
    let mut come: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for partition in 0..PARTITIONS {
        let wait = Duration::from_secs(10);
        let (_, end) = client.fetch_watermarks(name, partition, wait).unwrap();
        let mut at = TopicPartitionList::new();
        at.add_partition_offset(name, partition, Offset::Beginning)
            .unwrap();
        client.assign(&at).unwrap();
        let mut next = 0;
        let begun = Instant::now();
        while next < end {
            assert!(begun.elapsed() < Duration::from_secs(20));
            let Some(message) = client.poll(Duration::from_millis(50)) else {
                continue;
            };
            let message = message.unwrap();
            next = message.offset() + 1;
            assert!(message.headers().unwrap().count() > 8);
            let key = String::from_utf8_lossy(message.key().unwrap()).into_owned();
            let version = serde_json::from_slice(message.payload().unwrap()).unwrap();
            let versions = come.entry(key).or_default();
            if !versions.contains(&version) {
                versions.push(version);
            }
        }
    }
    come
}

/// As a relay does: a batch again and again, until it is taken. Gives how often it was refused.
async fn publish(kafka: &Kafka, versions: std::ops::RangeInclusive<i64>) -> usize {
    let events: Vec<Event> = versions
        .flat_map(|version| (1..=10).map(move |key| event(key, version)))
        .collect();
    let mut refused = 0;
    while let Err(error) = kafka.publish(&events).await {
        refused += 1;
        assert!(refused < 10, "{error}");
    }
    refused
}

/// Publishes `at_once` versions of ten keys at a time while the brokers answer with these errors.
async fn order_survives(errors: &[RDKafkaRespErr], at_once: i64) -> usize {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    let kafka = Kafka::open(KafkaSettings::plain(&brokers), Ids::default()).unwrap();
    assert_eq!(publish(&kafka, 1..=20).await, 0);
    assert_eq!(kafka.standing(), Standing::Up);
    cluster.request_errors(RDKafkaApiKey::Produce, errors);
    let mut refused = 0;
    for first in (21..=80).step_by(usize::try_from(at_once).unwrap()) {
        refused += publish(&kafka, first..=(first + at_once - 1).min(80)).await;
    }
    let come = tokio::task::spawn_blocking(move || first_come(&brokers));
    let come = come.await.unwrap();
    assert_eq!(come.len(), 10);
    let all: Vec<i64> = (1..=80).collect();
    for (key, versions) in come {
        assert_eq!(versions, all, "{key}");
    }
    refused
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_help_is_tried_again_without_anybody_noticing() {
    use RDKafkaRespErr as E;
    let passing = [
        E::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        E::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        E::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        E::RD_KAFKA_RESP_ERR__TRANSPORT,
        E::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    ];
    // One request at a time for each partition. Where a later request is taken, librdkafka counts an earlier one that
    // may have been written as written: a broker, which checks sequence numbers, would have refused the later one
    // otherwise. The mock cluster checks none.
    assert_eq!(order_survives(&passing, 1).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_sent_again_from_the_beginning() {
    use RDKafkaRespErr as E;
    for refusal in [
        E::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        E::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
    ] {
        assert!(order_survives(&[refusal], 40).await > 0, "{refusal:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_that_fall_silent_are_away_and_then_back() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    let kafka = Kafka::open(KafkaSettings::plain(&brokers), Ids::default()).unwrap();
    publish(&kafka, 1..=1).await;
    for broker in 1..=3 {
        cluster.broker_down(broker).unwrap();
    }
    let begun = Instant::now();
    let refused = kafka.publish(&[event(1, 2)]).await;
    assert!(refused.is_err(), "nobody has it");
    assert_ne!(kafka.standing(), Standing::Up);
    assert!(
        begun.elapsed() < Duration::from_secs(12),
        "a relay is not held up"
    );
    for broker in 1..=3 {
        cluster.broker_up(broker).unwrap();
    }
    publish(&kafka, 2..=3).await;
    assert_eq!(kafka.standing(), Standing::Up);
    let come = tokio::task::spawn_blocking(move || first_come(&brokers));
    for versions in come.await.unwrap().into_values() {
        assert_eq!(versions, [1, 2, 3]);
    }
}
