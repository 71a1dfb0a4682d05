//! The same event twice, for each reason there is: once in effect.

use super::{all_is_heard, check_topic, sales};
use serde_json::Value;
use tests::{Broker, Engine, Phone, Process};

/// Everything the approval and request services made of events.
async fn effects(server: &Process) -> Vec<Vec<(String, String)>> {
    let cases = "select 'case', cast(state as text) from approval_case order by 2";
    let fed = "select cast(count(*) as text), cast(count(distinct user_id) as text) from feed";
    let requests =
        "select status, cast(sum(approval_n) as text) from request group by 1 order by 1";
    vec![
        server.ask("approval", cases).await,
        server.ask("approval", fed).await,
        server.ask("request", requests).await,
    ]
}

pub(super) async fn change(server: &Process, service: &str, statement: &'static str) {
    let nothing: Vec<(i64,)> = server.ask(service, statement).await;
    assert_eq!(nothing, []);
}

/// Requests submitted and voted on, and everything told.
async fn some_story(server: &Process) {
    let mut phone = sales(server, 1).await;
    let requests = phone.submitted_many("Travel", 40).await;
    let mut l1a = Phone::of(super::person(server, "l1a").await);
    l1a.wait_for_all(&requests, 1).await;
    let votes: Vec<Value> = requests
        .iter()
        .map(|request| l1a.approve(request.approval(1)))
        .collect();
    l1a.sync_votes(votes).await;
    for request in &requests {
        phone.wait_status(request.id, "approved").await;
    }
}

/// A relay that was killed between publishing and marking publishes again.
async fn published_and_not_marked(engine: Engine) {
    let broker = Broker::shared().await;
    let (variables, prefix) = broker.variables_of_a_node();
    let mut server = Process::start_new(engine, variables).await;
    some_story(&server).await;
    all_is_heard(&server, broker, &prefix).await;
    // A publication that a busy machine did not answer in time was sent again.
    let twice_before = check_topic(&server, broker, &prefix, "request").await;
    let before = effects(&server).await;
    server.kill();
    let unmark = "update outbox set published_us = null";
    change(&server, "request", unmark).await;
    change(&server, "approval", unmark).await;
    server.start_again().await;
    all_is_heard(&server, broker, &prefix).await;
    let twice = check_topic(&server, broker, &prefix, "request").await;
    assert!(
        twice >= twice_before + 40,
        "{twice} stand twice, {twice_before} before"
    );
    assert_eq!(effects(&server).await, before);
    server.stop().await;
}

/// A consumer that was killed between its effect and the offset, and a database that was restored: what
/// stands in the tables counts, and not what the cluster believes was read.
async fn read_again_from_where_the_tables_say(engine: Engine) {
    let broker = Broker::shared().await;
    let (variables, prefix) = broker.variables_of_a_node();
    let mut server = Process::start_new(engine, variables).await;
    some_story(&server).await;
    all_is_heard(&server, broker, &prefix).await;
    let before = effects(&server).await;
    server.kill();
    // Back, with what was remembered: everything comes again and has no effect.
    change(
        &server,
        "approval",
        "update bus_position set next_offset = 0",
    )
    .await;
    server.start_again().await;
    all_is_heard(&server, broker, &prefix).await;
    assert_eq!(effects(&server).await, before);
    server.kill();
    // Back, without it: the effects come again too, though the group has committed its offsets.
    change(
        &server,
        "request",
        "update bus_position set next_offset = 0",
    )
    .await;
    change(&server, "request", "delete from inbox").await;
    change(
        &server,
        "request",
        "update request set approval_n = 0, status = 'pending_l1' where approval_n > 0",
    )
    .await;
    server.start_again().await;
    all_is_heard(&server, broker, &prefix).await;
    let again = effects(&server).await;
    let approved = |effects: &Vec<Vec<(String, String)>>| {
        effects[2]
            .iter()
            .find(|(status, _)| status == "approved")
            .cloned()
    };
    assert!(approved(&again).is_some(), "{:?}", again[2]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_and_not_marked_on_postgres() {
    Box::pin(published_and_not_marked(Engine::Postgres)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_and_not_marked_on_sqlite() {
    Box::pin(published_and_not_marked(Engine::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_again_from_where_the_tables_say_on_postgres() {
    Box::pin(read_again_from_where_the_tables_say(Engine::Postgres)).await;
}
