//! A projection made anew from the compacted topics, beside a server that goes on.

use super::all_is_heard;
use serde_json::json;
use tests::{Broker, Engine, Process};

const PEOPLE: &str = "select cast(name as text), cast(version as text) from person order by 1";
const CATEGORIES: &str = "select cast(name as text), cast(levels as text) || ' ' || cast(version as text) from category order by 1";
const REASONS: &str = "select cast(active as text), cast(count(*) as text) from reason group by 1";
const ASSIGNMENTS: &str =
    "select cast(approver_ids as text), cast(version as text) from assignment order by 1";

async fn kept(server: &Process) -> Vec<Vec<(String, String)>> {
    let mut kept = Vec::new();
    for query in [PEOPLE, CATEGORIES, REASONS, ASSIGNMENTS] {
        kept.push(server.ask("request", query).await);
    }
    kept
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_projection_is_made_anew() {
    let broker = Broker::shared().await;
    let (variables, prefix) = broker.variables();
    let server = Process::start_new(Engine::Postgres, variables).await;
    let admin = super::person(&server, "admin").await;
    for n in 0..5 {
        let body = json!({"name": format!("Category {n}"), "levels": 1});
        assert_eq!(admin.post("/api/v1/categories", &body).await.status, 201);
    }
    all_is_heard(&server, broker, &prefix).await;
    let five = "select count(*) from category where name like 'Category %'";
    assert_eq!(server.count("request", five).await, 5);
    let before = kept(&server).await;
    assert!(before.iter().all(|rows| !rows.is_empty()), "{before:?}");
    // Somebody has worked on the tables by hand.
    for wrong in [
        "update category set levels = 3, name = 'wrong'",
        "delete from person where name like '%1'",
        "update person set name = 'wrong', active = false",
        "delete from assignment",
        "update reason set active = false",
    ] {
        let nothing: Vec<(i64,)> = server.ask("request", wrong).await;
        assert_eq!(nothing, []);
    }
    assert_ne!(kept(&server).await, before);
    let output = server.run(&["events", "replay", "--service", "request"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.starts_with("request: made anew from "), "{said}");
    assert_eq!(kept(&server).await, before);
    // The server goes on, and hears what is new.
    let body = json!({"name": "Category new", "levels": 2});
    assert_eq!(admin.post("/api/v1/categories", &body).await.status, 201);
    server
        .wait_count(
            "request",
            "select count(*) from category where name = 'Category new'",
            1,
        )
        .await;
    let people: Vec<(String, String)> = server.ask("notification", PEOPLE).await;
    let nothing: Vec<(i64,)> = server
        .ask("notification", "update person set name = 'wrong'")
        .await;
    assert_eq!(nothing, []);
    let output = server.run(&["events", "replay", "--service", "notification"]);
    assert!(output.status.success(), "{output:?}");
    let again: Vec<(String, String)> = server.ask("notification", PEOPLE).await;
    assert_eq!(again, people);
    // A log is no copy: it would tell again what it has told.
    let leaves = "select count(*) from leaf";
    let told = server.count("audit", leaves).await;
    let output = server.run(&["events", "replay", "--service", "audit"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing that could be made anew"));
    assert_eq!(server.count("audit", leaves).await, told);
    let output = server.run(&["events", "replay", "--service", "user"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no service `user` listens"));
    server.stop().await;
}
