//! An event that cannot be handled parks its key, is told of, and is taken again when it can be.

use super::{CASES, all_is_heard, sales};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::json;
use std::process::Output;
use std::time::Duration;
use tests::{Broker, Engine, Process};
use uuid::Uuid;

/// Writes a message past the relay.
async fn write(broker: &Broker, topic: &str, key: &str, headers: &[(&str, &str)], value: &str) {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", broker.address())
        .create()
        .unwrap();
    let headers = headers
        .iter()
        .fold(OwnedHeaders::new(), |headers, &(key, value)| {
            headers.insert(Header {
                key,
                value: Some(value),
            })
        });
    let record = FutureRecord::to(topic)
        .key(key)
        .headers(headers)
        .payload(value);
    producer
        .send(record, Duration::from_secs(20))
        .await
        .unwrap();
}

/// A `user.changed` of this version.
async fn person(broker: &Broker, prefix: &str, key: Uuid, version: i64, value: &str) -> Uuid {
    let id = Uuid::from_u128(key.as_u128() + u128::try_from(version).unwrap());
    let (id_text, version) = (id.to_string(), version.to_string());
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", id_text.as_str()),
        ("ce_source", "/user"),
        ("ce_type", "user.changed"),
        ("ce_time", "2026-11-22T10:00:00Z"),
        ("ce_recordversion", version.as_str()),
    ];
    let topic = format!("{prefix}athena.user.v1");
    write(broker, &topic, &key.to_string(), &headers, value).await;
    id
}

fn record(id: Uuid, version: i64) -> String {
    json!({"id": id, "email": "p@example.org", "name": "P", "roles": ["sales"], "departmentId": null,
           "region": null, "locale": null, "active": true, "version": version})
    .to_string()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

async fn a_poisoned_event(engine: Engine) {
    let broker = Broker::shared().await;
    let (variables, prefix) = broker.variables_of_a_node();
    let mut server = Process::start_over(engine, variables).await;
    let parked = "select count(*) from dead_letter";
    let [bad, good, odd] = [0xbad, 0x600d, 0x0dd].map(|n: u128| Uuid::from_u128(n << 64));
    // A person without a name, more of the same; something that is no event at all, without a key and with one,
    // and one behind that; and a good one.
    // The topics are made once the server has reached Kafka.
    let mut phone = sales(&server, 1).await;
    phone.submitted("Travel").await;
    all_is_heard(&server, broker, &prefix).await;
    let poison = person(broker, &prefix, bad, 1, r#"{"name": 5}"#).await;
    person(broker, &prefix, bad, 2, &record(bad, 2)).await;
    let topic = format!("{prefix}athena.user.v1");
    write(
        broker,
        &topic,
        "no id",
        &[("ce_specversion", "1.0")],
        "rub\0bish",
    )
    .await;
    write(broker, &topic, &odd.to_string(), &[], "rubbish").await;
    person(broker, &prefix, odd, 1, &record(odd, 1)).await;
    person(broker, &prefix, good, 1, &record(good, 1)).await;
    server.wait_count("notification", parked, 5).await;
    server.wait_count("audit", parked, 3).await;
    for service in ["catalog", "request", "approval"] {
        server.wait_count(service, parked, 5).await;
        let known = "select count(*) from person where version = 1 and cast(id as text) like '%'";
        assert!(server.count(service, known).await > 0);
    }
    // Others go on.
    let told = server.count("approval", CASES).await;
    phone.submitted("Travel").await;
    server.wait_count("approval", CASES, told + 1).await;
    // The dead-letter topic is told: each by each of the services that keep people. The audit log takes
    // whatever is an event, unless it stands behind what is none.
    let untold = "select count(*) from dead_letter where published_us is null";
    for service in ["catalog", "request", "approval", "notification", "audit"] {
        server.wait_count(service, untold, 0).await;
    }
    let letters = broker
        .contents(&format!("{prefix}athena.dead-letter.v1"))
        .await;
    let of = |consumer: &str| {
        let by = letters.iter().map(|seen| &seen.headers["athena_consumer"]);
        by.filter(|by| *by == consumer).count()
    };
    for (consumer, told) in [
        ("catalog", 5),
        ("request", 5),
        ("approval", 5),
        ("notification", 5),
        ("audit", 3),
    ] {
        assert_eq!(of(consumer), told, "{consumer}");
    }
    let mine = letters
        .iter()
        .find(|seen| {
            seen.headers["ce_id"] == poison.to_string()
                && seen.headers["athena_consumer"] == "request"
        })
        .unwrap();
    assert_eq!(mine.headers["athena_topic"], "athena.user.v1");
    assert!(mine.headers["athena_reason"].contains("does not decode"));
    assert_eq!(mine.value, json!({"name": 5}));

    server.kill();
    an_operator_looks_after_it(&server, bad, poison).await;
    server.start_again().await;
    server.stop().await;
}

async fn an_operator_looks_after_it(server: &Process, bad: Uuid, poison: Uuid) {
    let parked = "select count(*) from dead_letter";
    let listed = said(&server.run(&["events", "dead-letter", "list", "--service", "request"]));
    assert_eq!(
        listed
            .lines()
            .filter(|line| line.contains(" request event "))
            .count(),
        5,
        "{listed}"
    );
    assert!(listed.contains("has no header"), "{listed}");
    let shown = said(&server.run(&[
        "events",
        "dead-letter",
        "show",
        &poison.to_string(),
        "--service",
        "request",
    ]));
    assert!(shown.contains("\"type\": \"user.changed\""), "{shown}");
    let replay = [
        "events",
        "dead-letter",
        "replay",
        &bad.to_string(),
        "--service",
        "request",
    ];
    let refused = server.run(&replay);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains(&format!("event {poison} cannot be handled")));
    assert_eq!(
        server.count("request", parked).await,
        5,
        "nothing was changed"
    );
    let discarded = server.run(&[
        "events",
        "dead-letter",
        "discard",
        &poison.to_string(),
        "--service",
        "request",
    ]);
    assert!(discarded.status.success(), "{}", said(&discarded));
    let taken = server.run(&replay);
    assert!(taken.status.success(), "{}", said(&taken));
    assert_eq!(server.count("request", parked).await, 3);
    assert_eq!(
        server.count("catalog", parked).await,
        5,
        "another's are its own"
    );
    let known = "select count(*) from person where version = 2 and name = 'P'";
    assert_eq!(
        server.count("request", known).await,
        1,
        "what stood behind it"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poisoned_event_on_postgres() {
    Box::pin(a_poisoned_event(Engine::Postgres)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poisoned_event_on_sqlite() {
    Box::pin(a_poisoned_event(Engine::Sqlite)).await;
}
