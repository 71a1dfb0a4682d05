//! What stands in the topics of a broker.

use crate::PATIENCE;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Message, Offset, TopicPartitionList};
use std::time::Duration;
use tokio::time::Instant;

/// A message as it stands in a topic.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its partition.
    pub partition: i32,
    /// Its key.
    pub key: String,
    /// Its headers.
    pub headers: std::collections::BTreeMap<String, String>,
    /// Its value.
    pub value: serde_json::Value,
}

/// How many messages each partition of a topic has taken; none where it does not exist.
pub(crate) fn ends(address: &str, topic: &str) -> Vec<i64> {
    let client = client(address);
    let metadata = client
        .fetch_metadata(Some(topic), PATIENCE)
        .expect("what the broker has");
    let partitions = metadata.topics()[0].partitions().iter();
    partitions
        .map(|partition| end(&client, topic, partition.id()))
        .collect()
}

/// A partition is shown a moment before its leader answers for it.
fn end(client: &BaseConsumer, topic: &str, partition: i32) -> i64 {
    let begun = Instant::now();
    loop {
        match client.fetch_watermarks(topic, partition, PATIENCE) {
            Ok((_, end)) => return end,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{topic}/{partition}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn client(address: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("group.id", "looking")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a client")
}

/// All messages of a topic, partition after partition.
pub(super) fn contents(address: &str, topic: &str) -> Vec<Seen> {
    let client = client(address);
    let metadata = client
        .fetch_metadata(Some(topic), PATIENCE)
        .expect("the topic");
    let mut seen = Vec::new();
    for partition in metadata.topics()[0].partitions() {
        let id = partition.id();
        let end = end(&client, topic, id);
        let mut at = TopicPartitionList::new();
        at.add_partition_offset(topic, id, Offset::Beginning)
            .expect("a place");
        client.assign(&at).expect("the partition");
        let begun = Instant::now();
        let mut next = 0;
        while next < end {
            assert!(begun.elapsed() < PATIENCE, "{topic}/{id}: {next} of {end}");
            let Some(message) = client.poll(Duration::from_millis(50)) else {
                continue;
            };
            let message = message.expect("a message");
            next = message.offset() + 1;
            seen.push(see(&message));
        }
    }
    seen
}

fn see(message: &impl Message) -> Seen {
    use rdkafka::message::Headers;
    let text =
        |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    let headers = message.headers().map(|headers| {
        headers
            .iter()
            .map(|header| (header.key.to_owned(), text(header.value)))
            .collect()
    });
    Seen {
        partition: message.partition(),
        key: text(message.key()),
        headers: headers.unwrap_or_default(),
        value: serde_json::from_slice(message.payload().unwrap_or_default()).unwrap_or_default(),
    }
}
