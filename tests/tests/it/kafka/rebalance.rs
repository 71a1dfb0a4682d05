//! Nodes that come and go in mid-load: partitions move, the relay's lead moves, nothing has an effect twice.

use super::{CASES, SUBMITTED, WAITING, check_topic, sales};
use std::time::Duration;
use tests::{Broker, Engine, Phone, Process};
use tokio::time::Instant;

/// The lead of a relay survives the death of its holder by so much.
const LEAD_MAX: Duration = Duration::from_secs(10);

async fn submit(mut phone: Phone, count: usize) {
    for _ in 0..count / 20 {
        phone.submitted_many("Events", 20).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_come_and_go_in_mid_load() {
    let broker = Broker::shared().await;
    let (variables, prefix) = broker.variables();
    let first = Process::start_over(Engine::Postgres, variables).await;
    let load = tokio::spawn(submit(sales(&first, 1).await, 600));
    // A second node takes over half of the partitions, is killed, and comes again.
    let mut second = first.beside().await;
    let more = tokio::spawn(submit(sales(&second, 2).await, 100));
    more.await.unwrap();
    second.kill();
    second.start_again().await;
    load.await.unwrap();
    first.wait_count("request", WAITING, 0).await;
    let submitted = first.count("request", SUBMITTED).await;
    assert!(submitted >= 700);
    first.wait_count("approval", CASES, submitted).await;
    let opened = "select count(*) - count(distinct key) from outbox
                  where type = 'approval.level_opened' and body ->> 'level' = '1'";
    assert_eq!(
        first.count("approval", opened).await,
        0,
        "each was opened once"
    );
    check_topic(&first, broker, &prefix, "request").await;
    for service in ["catalog", "request", "approval"] {
        assert_eq!(
            first
                .count(service, "select count(*) from dead_letter")
                .await,
            0
        );
    }
    // The leader dies: whichever it is, the other publishes within ten seconds.
    let mut first = first;
    first.kill();
    let mut phone = sales(&second, 3).await;
    let begun = Instant::now();
    phone.submitted_many("Events", 1).await;
    second.wait_count("request", WAITING, 0).await;
    assert!(begun.elapsed() < LEAD_MAX, "{:?}", begun.elapsed());
    second.leave();
    first.stop().await;
}
