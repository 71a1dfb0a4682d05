//! Kafka behind TLS and a login: let in, events flow; refused, the operator is told and nothing is lost.

use super::{CASES, SUBMITTED, WAITING, check_topic, sales};
use tests::{Broker, Engine, PATIENCE, Process, Variables};
use tokio::time::{Duration, Instant};

/// The same variables with another value of one.
fn with(variables: &Variables, name: &str, value: String) -> Variables {
    let mut variables = variables.clone();
    let there = variables.iter_mut().find(|(known, _)| *known == name);
    there.unwrap().1 = value;
    variables
}

async fn submit(server: &Process, count: usize) {
    let mut phone = sales(server, 1).await;
    assert_eq!(phone.submitted_many("Events", count).await.len(), count);
}

/// Waits until `/readyz`, which stays 200, says this of Kafka.
async fn stands(server: &Process, expected: &str) {
    let anybody = super::person(server, "sales1").await;
    let begun = Instant::now();
    loop {
        let ready = anybody.get("/readyz").await.ok().body;
        assert_eq!(ready["status"], "ready");
        if ready["kafka"] == expected {
            return;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{ready}, not {expected}: {}",
            server.log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// All that was submitted has reached the approval service, by the topics, in order.
async fn all_arrives(server: &Process, broker: &Broker, prefix: &str) {
    server.wait_count("request", WAITING, 0).await;
    let submitted = server.count("request", SUBMITTED).await;
    server.wait_count("approval", CASES, submitted).await;
    check_topic(server, broker, prefix, "request").await;
    stands(server, "up").await;
}

async fn let_in(engine: Engine) {
    let broker = Broker::secured().await;
    for (variables, prefix) in [
        broker.variables_of_a_login("PLAIN"),
        broker.variables_of_a_login("SCRAM-SHA-512"),
        broker.variables_of_a_certificate(),
    ] {
        let server = Process::start_over(engine, variables).await;
        submit(&server, 5).await;
        all_arrives(&server, &broker, &prefix).await;
        server.stop().await;
    }
}

async fn refused(engine: Engine) {
    let broker = Broker::secured().await;
    let (good, prefix) = broker.variables_of_a_login("SCRAM-SHA-512");
    let other_ca = broker.certificates().other_ca().display().to_string();
    let wrong = [
        (
            with(
                &good,
                "ATHENA_KAFKA_PASSWORD",
                "a wrong password".to_owned(),
            ),
            "SASL authentication error",
        ),
        (
            with(&good, "ATHENA_KAFKA_CA", other_ca),
            "certificate verify failed",
        ),
    ];
    let mut server = Process::start_over(engine, wrong[0].0.clone()).await;
    let told = server.count("approval", CASES).await;
    let submitted = server.count("request", SUBMITTED).await;
    for (n, (variables, reason)) in wrong.into_iter().enumerate() {
        if n > 0 {
            server.kill();
            server.start_again_over(variables).await;
        }
        stands(&server, "refused").await;
        submit(&server, 5).await;
        let log = server.log();
        let told: Vec<&str> = log
            .lines()
            .filter(|line| line.contains("Kafka refuses us"))
            .collect();
        assert_eq!(told.len(), 1, "once, not with every try: {log}");
        assert!(told[0].contains(reason), "{}", told[0]);
        assert!(
            !log.contains("a wrong password"),
            "a password is never told: {log}"
        );
        assert!(server.count("request", WAITING).await >= 5);
    }
    assert_eq!(server.count("approval", CASES).await, told);
    server.kill();
    server.start_again_over(good).await;
    all_arrives(&server, &broker, &prefix).await;
    assert_eq!(server.count("request", SUBMITTED).await, submitted + 10);
    server.stop().await;
}

/// What cannot be read is told at the start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_none() {
    let broker = Broker::secured().await;
    let (good, _) = broker.variables_of_a_certificate();
    let mut server = Process::start_over(Engine::Sqlite, good.clone()).await;
    server.kill();
    let ca = broker.certificates().ca().display().to_string();
    for (name, value) in [
        ("ATHENA_KAFKA_CA", "/nowhere/ca.pem".to_owned()),
        // A certificate where a key should be.
        ("ATHENA_KAFKA_KEY", ca),
    ] {
        let said = server.run_over(&["serve"], with(&good, name, value));
        assert!(!said.status.success());
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(
            said.contains("the settings of Kafka cannot be used"),
            "{name}: {said}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_in_on_sqlite() {
    Box::pin(let_in(Engine::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn let_in_on_postgres() {
    Box::pin(let_in(Engine::Postgres)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_on_sqlite() {
    Box::pin(refused(Engine::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_on_postgres() {
    Box::pin(refused(Engine::Postgres)).await;
}
