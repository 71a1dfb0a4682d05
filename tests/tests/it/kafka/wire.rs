//! The whole journey by Kafka, and what stands in the topics after it.

use crate::journey::a_request_of_three_levels_from_draft_to_final;
use serde_json::json;
use std::time::Duration;
use tests::{Broker, Engine, Over, Server, Setup};

fn over_kafka() -> Setup {
    Setup::windows(Duration::from_secs(2), Duration::from_secs(1)).over_kafka()
}

async fn the_journey(engine: Engine) {
    let setup = over_kafka();
    let Over::SharedKafka(prefix) = setup.over.clone() else {
        panic!("by the shared Kafka")
    };
    let server = Server::start_new(engine, setup).await;
    a_request_of_three_levels_from_draft_to_final(&server).await;
    assert_eq!(ready(&server).await["kafka"], "up");

    let broker = Broker::shared().await;
    let requests = broker.contents(&format!("{prefix}athena.request.v1")).await;
    // The demo organisation has some of its own.
    let last = requests
        .iter()
        .filter(|seen| seen.headers["ce_type"] == "request.finalized")
        .max_by_key(|seen| &seen.headers["ce_time"])
        .unwrap();
    // CloudEvents 1.0, binary mode, with its extensions.
    assert_eq!(last.headers["ce_specversion"], "1.0");
    assert_eq!(last.headers["ce_source"], "/request");
    assert_eq!(last.headers["content-type"], "application/json");
    assert_eq!(last.headers["ce_partitionkey"], last.key);
    assert_eq!(last.headers["ce_authtype"], "system");
    assert_eq!(last.value["id"], json!(last.key));
    let submitted = requests
        .iter()
        .find(|seen| seen.key == last.key && seen.headers["ce_type"] == "request.submitted")
        .unwrap();
    assert_eq!(submitted.headers["ce_authtype"], "user");
    assert_eq!(
        submitted.headers["ce_authid"],
        submitted.value["ownerId"].as_str().unwrap()
    );
    assert!(submitted.headers["ce_traceparent"].starts_with("00-"));
    // A key's events stand in one partition, in order.
    assert_eq!(submitted.partition, last.partition);
    // Every event of every outbox, once, and none besides.
    let databases = &server.services().databases;
    for (service, db) in [
        ("user", &databases.user),
        ("catalog", &databases.catalog),
        ("request", &databases.request),
        ("approval", &databases.approval),
    ] {
        let mut told: Vec<String> = broker
            .contents(&format!("{prefix}athena.{service}.v1"))
            .await
            .into_iter()
            .map(|seen| seen.headers["ce_id"].clone())
            .collect();
        told.sort();
        let mut written = server.event_ids(db).await;
        written.sort();
        assert_eq!(told, written, "{service}");
    }
    server.stop().await;
}

async fn ready(server: &Server) -> serde_json::Value {
    server.anonymous().get("/readyz").await.ok().body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journey_on_sqlite() {
    Box::pin(the_journey(Engine::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journey_on_postgres() {
    Box::pin(the_journey(Engine::Postgres)).await;
}
