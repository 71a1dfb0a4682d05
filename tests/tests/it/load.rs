//! The load generator itself: every workload, small, against the real binary. It checks what it reads.

use std::process::Command;
use tests::{Engine, Process};

async fn every_workload_runs_and_checks(engine: Engine) {
    let server = Process::start(engine).await;
    let mut load = Command::new(Process::binary("athena-load"));
    load.args([
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
    assert_eq!(lines.len(), 6);
    for line in lines {
        assert!(
            line["product"]["per_second"].as_f64().unwrap() > 0.0,
            "{line}"
        );
    }
    assert!(
        lines[0]["ratio_throughput"].is_f64(),
        "pushes are compared on both engines"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_workload_runs_and_checks_on_sqlite() {
    Box::pin(every_workload_runs_and_checks(Engine::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_workload_runs_and_checks_on_postgres() {
    Box::pin(every_workload_runs_and_checks(Engine::Postgres)).await;
}
