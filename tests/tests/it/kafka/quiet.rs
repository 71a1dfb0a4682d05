//! A server to which nothing is told: its consumers know that there is nothing.

use super::{all_is_heard, sales};
use serde_json::json;
use std::time::Duration;
use tests::{Broker, Engine, Process};

/// Longer than two looks of a consumer that believes it stands still.
const QUIET: Duration = Duration::from_secs(25);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_begins_again() {
    let broker = Broker::shared().await;
    let (variables, prefix) = broker.variables();
    let server = Process::start_over(Engine::Postgres, variables).await;
    let mut phone = sales(&server, 1).await;
    // Drafts mean nothing to most of those who read their topic.
    let draft = phone.upsert(
        uuid::Uuid::from_u128(0xd4af7),
        json!({"title": "Only a draft"}),
    );
    assert_eq!(phone.sync([draft]).await.verdicts(), ["applied"]);
    phone.submitted("Travel").await;
    all_is_heard(&server, broker, &prefix).await;
    tokio::time::sleep(QUIET).await;
    let log = server.log();
    assert!(log.contains("partitions move"), "{log}");
    assert!(!log.contains("begins again"), "{log}");
    server.stop().await;
}
