//! Starting: two nodes at once on one empty database, and again on data that is there.

use tests::{Engine, Phone, Process, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_start_at_once_on_an_empty_database() {
    let (one, two) = Process::start_two_on_nothing().await;
    // Both know the one administrator that one of them made.
    let left = one.sign_in("admin@athena.local", "a first admin").await;
    let right = two.sign_in("admin@athena.local", "a first admin").await;
    assert_eq!(left.user_id, right.user_id);
    let people = left.get("/api/v1/users?limit=1000").await.ok().body;
    assert_eq!(people["items"].as_array().unwrap().len(), 1, "{people}");
    two.stop().await;
    one.stop().await;
}

async fn a_restart_keeps_everything(engine: Engine) {
    let server = Server::start(engine).await;
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let items = [phone.upsert(id, server.complete().await), phone.submit(id)];
    phone.sync(items).await;
    let before = phone.look(id).await.body;
    let server = server.restart().await;
    // The token is from before the restart: keys are kept.
    let mut phone = Phone::of(phone.actor.at(&server.url()));
    assert_eq!(phone.look(id).await.ok().body, before);
    let edit = phone.upsert(id, serde_json::json!({"title": "Still locked"}));
    assert_eq!(phone.sync([edit]).await.verdicts(), ["rejected/locked"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_keeps_everything_on_sqlite() {
    Box::pin(a_restart_keeps_everything(Engine::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_keeps_everything_on_postgres() {
    Box::pin(a_restart_keeps_everything(Engine::Postgres)).await;
}
