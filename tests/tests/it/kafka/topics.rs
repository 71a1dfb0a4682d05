//! The settings of the topics that a server makes.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use std::time::Duration;
use tests::{Broker, Engine, PATIENCE, Process};
use tokio::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compacted_topic_keeps_every_event_for_ninety_days() {
    let broker = Broker::shared().await;
    let (variables, prefix) = broker.variables();
    let server = Process::start_over(Engine::Postgres, variables).await;
    let begun = Instant::now();
    while !server.log().contains("the topics are there") {
        assert!(begun.elapsed() < PATIENCE, "{}", server.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", broker.address())
        .create()
        .unwrap();
    let ninety_days_ms = (90_u64 * 24 * 60 * 60 * 1_000).to_string();
    for (service, policy, lag_ms) in [
        ("user", "compact", ninety_days_ms.as_str()),
        ("catalog", "compact", ninety_days_ms.as_str()),
        ("request", "delete", "0"),
    ] {
        let name = format!("{prefix}athena.{service}.v1");
        let asked = [ResourceSpecifier::Topic(&name)];
        let options = AdminOptions::new().request_timeout(Some(PATIENCE));
        let told = admin.describe_configs(&asked, &options).await.unwrap();
        let topic = told.into_iter().next().unwrap().unwrap();
        let value = |setting| topic.get(setting).and_then(|entry| entry.value.clone());
        assert_eq!(value("cleanup.policy").as_deref(), Some(policy), "{name}");
        let lag = value("min.compaction.lag.ms");
        assert_eq!(lag.as_deref(), Some(lag_ms), "{name}");
    }
    server.stop().await;
}
