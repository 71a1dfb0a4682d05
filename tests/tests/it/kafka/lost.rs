//! A topic that ends before the place where a service stands.

use super::again::change;
use super::{CASES, all_is_heard, sales};
use std::time::Duration;
use tests::{Broker, Engine, PATIENCE, Process};
use tokio::time::Instant;

/// Longer than the longest pause between two clients of a consumer.
const TRIES: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_taken_until_the_position_is_deleted() {
    let broker = Broker::shared().await;
    let (variables, prefix) = broker.variables_of_a_node();
    let mut server = Process::start_new(Engine::Postgres, variables).await;
    sales(&server, 1).await.submitted("Travel").await;
    all_is_heard(&server, broker, &prefix).await;
    let cases = server.count("approval", CASES).await;
    server.kill();
    change(
        &server,
        "approval",
        "update bus_position set next_offset = next_offset + 1000 where topic like '%athena.request.v1'",
    )
    .await;
    server.start_again().await;
    // What is wrong is told, and what helps.
    let told = |log: &str| {
        log.contains("a position is beyond the end of its partition")
            && log.contains("delete from bus_position where topic = ")
    };
    let begun = Instant::now();
    while !told(&server.log()) {
        assert!(begun.elapsed() < PATIENCE, "{}", server.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    sales(&server, 1).await.submitted("Travel").await;
    tokio::time::sleep(TRIES).await;
    assert_eq!(server.count("approval", CASES).await, cases);
    // It goes on without a restart, and what comes again has no effect.
    change(
        &server,
        "approval",
        "delete from bus_position where topic like '%athena.request.v1'",
    )
    .await;
    all_is_heard(&server, broker, &prefix).await;
    assert_eq!(server.count("approval", CASES).await, cases + 1);
    server.stop().await;
}
