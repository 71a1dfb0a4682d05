//! Events by Kafka: a real one, in a container or from its jars.

mod again;
mod away;
mod crash;
mod lost;
mod only;
mod poison;
mod quiet;
mod rebalance;
mod rebuild;
mod same;
mod secured;
mod topics;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tests::{Actor, Broker, PATIENCE, Phone, Process, Seen};
use tokio::time::Instant;

/// What waits in the outbox of the request service.
pub(crate) const WAITING: &str = "select count(*) from outbox where published_us is null";
pub(crate) const CASES: &str = "select count(*) from approval_case";
pub(crate) const SUBMITTED: &str = "select count(*) from outbox where type = 'request.submitted'";

pub(crate) async fn sales(server: &Process, number: u8) -> Phone {
    Phone::of(person(server, &format!("sales{number}")).await)
}

pub(crate) async fn person(server: &Process, name: &str) -> Actor {
    server
        .sign_in(&format!("{name}@demo.athena"), "athena-demo")
        .await
}

/// Who listens to whom.
const LISTENERS: [(&str, &[&str]); 5] = [
    ("catalog", &["user"]),
    ("request", &["user", "catalog", "approval"]),
    ("approval", &["user", "request"]),
    ("notification", &["user", "request", "approval"]),
    (
        "audit",
        &["user", "catalog", "request", "approval", "notification"],
    ),
];
/// Who tells.
const TELLERS: [&str; 5] = ["user", "catalog", "request", "approval", "notification"];

/// Waits until nothing is on its way: every event is published, every listener has taken all that stands in
/// its topics, and nothing was written while that was looked at.
pub(crate) async fn all_is_heard(server: &Process, broker: &Broker, prefix: &str) {
    let begun = Instant::now();
    loop {
        let before = written(server).await;
        let moves = on_its_way(server, broker, prefix).await;
        if moves.is_empty() && written(server).await == before {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{moves:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How many events each service has written.
async fn written(server: &Process) -> Vec<i64> {
    let mut all = Vec::new();
    for service in TELLERS {
        all.push(server.count(service, "select count(*) from outbox").await);
    }
    all
}

/// What is not published, and what is not taken.
async fn on_its_way(server: &Process, broker: &Broker, prefix: &str) -> Vec<String> {
    let mut moves = Vec::new();
    for service in TELLERS {
        let waiting = server.count(service, WAITING).await;
        if waiting > 0 {
            moves.push(format!("{waiting} events of {service} wait"));
        }
    }
    let heard = "select topic, cast(sum(next_offset) as bigint) from bus_position group by topic";
    for (listener, topics) in LISTENERS {
        let heard: Vec<(String, i64)> = server.ask(listener, heard).await;
        for topic in topics {
            let name = format!("{prefix}athena.{topic}.v1");
            let found = heard.iter().find(|(topic, _)| *topic == name);
            let (taken, stand) = (found.map_or(0, |at| at.1), broker.end(&name).await);
            if taken != stand {
                moves.push(format!("{listener} took {taken} of {stand} of {topic}"));
            }
        }
    }
    moves
}

/// Every event of a service's outbox stands in its topic, and none besides; for each key they came first in
/// the order in which they were written. Gives how many stand there twice.
pub(crate) async fn check_topic(
    server: &Process,
    broker: &Broker,
    prefix: &str,
    service: &str,
) -> usize {
    let written: Vec<(uuid::Uuid, uuid::Uuid)> = server
        .ask(
            service,
            "select id, key from outbox where seq > 0 order by seq",
        )
        .await;
    let stands = broker
        .contents(&format!("{prefix}athena.{service}.v1"))
        .await;
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut first: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Seen { key, headers, .. } in &stands {
        if seen.insert(&headers["ce_id"]) {
            first.entry(key).or_default().push(&headers["ce_id"]);
        }
    }
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, key) in &written {
        // What the template's server told was told in its process.
        if first.contains_key(key.to_string().as_str()) || seen.contains(id.to_string().as_str()) {
            expected
                .entry(key.to_string())
                .or_default()
                .push(id.to_string());
        }
    }
    for (key, told) in &first {
        let written = &expected[*key];
        let tail = &written[written.len().saturating_sub(told.len())..];
        assert_eq!(told, tail, "{service}, key {key}");
    }
    stands.len() - seen.len()
}
