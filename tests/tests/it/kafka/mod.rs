//! Events by Kafka: a real one, in a container or from its jars.

mod again;
mod away;
mod crash;
mod only;
mod poison;
mod rebalance;
mod rebuild;
mod same;
mod secured;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use tests::{Actor, Broker, Phone, Process, Seen};

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
