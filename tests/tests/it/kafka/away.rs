//! Kafka away before, during and after thousands of commands: nobody notices but the operator.

use super::{CASES, SUBMITTED, WAITING, check_topic, sales};
use tests::{Broker, Engine, Phone, Process, long_run};
use tokio::time::Instant;

/// Submits so many requests; gives how long the slower half of the batches took at least, in milliseconds.
async fn commands(phone: &mut Phone, count: usize) -> u128 {
    let mut took = Vec::new();
    for _ in 0..count / 100 {
        let begun = Instant::now();
        assert_eq!(phone.submitted_many("Events", 100).await.len(), 100);
        took.push(begun.elapsed().as_millis());
    }
    took.sort_unstable();
    took[took.len() / 2]
}

async fn nobody_waits_for_kafka(engine: Engine) {
    let part = if long_run() { 2_500 } else { 500 };
    let mut broker = Broker::stopped().await;
    let (variables, prefix) = broker.variables();
    // Away before: it starts, and says so.
    let server = Process::start_over(engine, variables).await;
    let ready = server.sign_in("sales1@demo.athena", "athena-demo").await;
    assert_eq!(ready.get("/readyz").await.ok().body["kafka"], "away");
    let told = server.count("approval", CASES).await;
    let mut phone = sales(&server, 1).await;
    commands(&mut phone, 100).await;
    let memory = server.memory_bytes();
    let alone = commands(&mut phone, part).await;
    let sent = i64::try_from(part + 100).unwrap();
    assert!(server.count("request", WAITING).await >= sent, "they wait");
    assert_eq!(server.count("approval", CASES).await, told);
    let grown = server.memory_bytes().saturating_sub(memory);
    assert!(grown < 48 << 20, "{grown} bytes more with the backlog");

    // It comes, and goes again while commands are sent.
    broker.go_on().await;
    commands(&mut phone, 100).await;
    broker.kill().await;
    let during = commands(&mut phone, part).await;
    assert!(
        during < 4 * alone + 200,
        "{during} ms a batch, {alone} before"
    );
    broker.go_on().await;
    server.wait_count("request", WAITING, 0).await;
    let all = server.count("request", SUBMITTED).await;
    assert!(all >= i64::try_from(2 * part + 200).unwrap());
    server.wait_count("approval", CASES, all).await;
    check_topic(&server, &broker, &prefix, "request").await;
    assert_eq!(ready.get("/readyz").await.ok().body["kafka"], "up");

    // Away after: what it tells of itself is still true, and commands are still taken.
    broker.kill().await;
    commands(&mut phone, 100).await;
    assert_eq!(ready.get("/readyz").await.ok().body["status"], "ready");
    broker.go_on().await;
    server.wait_count("approval", CASES, all + 100).await;
    server.stop().await;
}

/// A broker that was killed takes a quarter of a minute to come back: on both engines in the long run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits() {
    Box::pin(nobody_waits_for_kafka(Engine::Postgres)).await;
    if long_run() {
        Box::pin(nobody_waits_for_kafka(Engine::Sqlite)).await;
    }
}
