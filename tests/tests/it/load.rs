//! The load generator itself: every workload, small, against the real binary. It checks what it reads.

use std::process::Command;
use tests::{Engine, Process};

async fn every_workload_runs_and_checks(engine: Engine) {
    let server = Process::start(engine).await;
    let lines = run(&server, &[]).await;
    assert_eq!(lines.len(), 6);
    assert!(
        lines[0]["ratio_throughput"].is_f64(),
        "pushes are compared on both engines"
    );
    server.stop().await;
}

async fn approvals_run_and_check(engine: Engine) {
    let server = Process::start(engine).await;
    let lines = run(&server, &["--workload", "approve,votes,incoming"]).await;
    let names: Vec<_> = lines.iter().map(|line| &line["workload"]).collect();
    let expected: &[&str] = match engine {
        Engine::Sqlite => &["approve", "votes", "incoming", "all pages"],
        Engine::Postgres => &["approve", "votes", "its rows", "incoming", "all pages"],
    };
    assert_eq!(names, expected);
    let hops = lines[0]["parts"].as_array().unwrap();
    assert_eq!(hops.len(), 4, "{hops:?}");
    assert!(lines[1]["ratio_throughput"].is_f64(), "{}", lines[1]);
    server.stop().await;
}

/// Runs the load generator, small, against this server; gives the lines of its report.
async fn run(server: &Process, more: &[&str]) -> Vec<serde_json::Value> {
    let mut load = Command::new(Process::binary("athena-load"));
    load.args(more)
        .args([
            "--phones",
            "4",
            "--pollers",
            "6",
            "--raw-pollers",
            "3",
            "--batches",
            "2",
            "--batch",
            "20",
            "--records",
            "60",
        ])
        .args([
            "--requests",
            "5",
            "--rounds",
            "2",
            "--settle",
            "0",
            "--seed",
            "7",
            "--rate",
            "100",
        ])
        .args([
            "--url",
            &server.url(),
            "--server-pid",
            &server.id().to_string(),
        ]);
    match server.postgres_url() {
        Some(url) => load.args(["--pg", &url]),
        None => load.arg("--raw-sqlite").arg(server.folder()),
    };
    let json = server.folder().join("load.json");
    load.arg("--json").arg(&json);
    let output = tokio::task::spawn_blocking(move || load.output())
        .await
        .unwrap()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    let lines = report["workloads"].as_array().unwrap();
    for line in lines {
        assert!(
            line["product"]["per_second"].as_f64().unwrap() > 0.0,
            "{line}"
        );
    }
    lines.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_workload_runs_and_checks_on_sqlite() {
    Box::pin(every_workload_runs_and_checks(Engine::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_workload_runs_and_checks_on_postgres() {
    Box::pin(every_workload_runs_and_checks(Engine::Postgres)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approvals_run_and_check_on_sqlite() {
    Box::pin(approvals_run_and_check(Engine::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approvals_run_and_check_on_postgres() {
    Box::pin(approvals_run_and_check(Engine::Postgres)).await;
}
