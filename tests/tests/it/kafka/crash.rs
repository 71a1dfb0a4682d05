//! `kill -9` of the server in mid-load, again and again: events match what was committed one to one.

use super::{CASES, SUBMITTED, WAITING, check_topic, sales};
use crate::crash_notify;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tests::{Broker, Engine, Phone, Process, Since, long_run};
use uuid::Uuid;

const APPROVED: &str = "select count(*) from outbox where type = 'approval.level_approved'";
/// More levels than this are to be approved under way.
const VOTES_MIN: i64 = 10;
const KILLS_MORE_MAX: u64 = 20;

/// Submits and votes until the server is gone.
async fn act_until_it_is_gone(mut phone: Phone, fields: Value) {
    loop {
        let mut items = Vec::new();
        for _ in 0..10 {
            let id = phone.new_id();
            items.push(phone.upsert(id, fields.clone()));
            items.push(phone.submit(id));
        }
        match phone.try_sync(&items).await {
            Ok(reply) if reply.status == 200 => {}
            _ => return,
        }
    }
}

/// Says yes to whatever opens.
async fn vote_until_it_is_gone(mut phone: Phone) {
    let mut done = BTreeSet::new();
    loop {
        let open: Vec<Uuid> = phone
            .approvals
            .iter()
            .filter(|(id, record)| record["status"] == "open" && !done.contains(*id))
            .map(|(id, _)| *id)
            .take(100)
            .collect();
        let votes: Vec<Value> = open.iter().map(|id| phone.approve(*id)).collect();
        done.extend(open);
        // Without votes it is a pull.
        match phone.try_sync_votes(&votes).await {
            Ok(reply) if reply.status == 200 => {}
            _ => return,
        }
    }
}

async fn killed_in_mid_load(engine: Engine) {
    let kills = if long_run() { 30 } else { 3 };
    let broker = Broker::shared().await;
    let (variables, prefix) = broker.variables_of_a_node();
    let mut server = Process::start_over(engine, variables).await;
    let told = server.count("request", SUBMITTED).await;
    let fields = super::person(&server, "sales1")
        .await
        .complete_in("Events")
        .await;
    let mut twice = 0;
    let mut seed = 0;
    // The first lives may be too short for a vote to come of what they submit: others follow until there are some.
    while seed < kills
        || (seed < kills + KILLS_MORE_MAX && server.count("approval", APPROVED).await <= VOTES_MIN)
    {
        let mut random = StdRng::seed_from_u64(seed);
        let mut tasks = Vec::new();
        for number in 1..=2 {
            let phone = sales(&server, number).await;
            tasks.push(tokio::spawn(act_until_it_is_gone(phone, fields.clone())));
        }
        let mut approver = Phone::of(super::person(&server, "l1a").await);
        approver.approvals_since = Since::Beginning;
        tasks.push(tokio::spawn(vote_until_it_is_gone(approver)));
        tokio::time::sleep(Duration::from_millis(random.random_range(300..2_500))).await;
        server.kill();
        for task in tasks {
            task.await.unwrap();
        }
        server.start_again().await;
        seed += 1;
    }
    for service in ["user", "catalog", "request", "approval"] {
        server.wait_count(service, WAITING, 0).await;
    }
    let submitted = server.count("request", SUBMITTED).await;
    assert!(submitted > told, "the seeds submit something");
    server.wait_count("approval", CASES, submitted).await;
    // What the levels came to has reached the requests: one step up for each that L1 has approved.
    let advanced =
        "select count(*) from request where status in ('pending_l2', 'pending_l3', 'approved')";
    let approved = server.count("approval", APPROVED).await;
    assert!(approved > VOTES_MIN, "the seeds vote: {approved}");
    let requests = "select count(distinct key) from outbox where type = 'approval.level_approved'";
    let number = server.count("approval", requests).await;
    server.wait_count("request", advanced, number).await;
    server.check_ledger().await;
    for service in ["request", "approval"] {
        twice += check_topic(&server, broker, &prefix, service).await;
    }
    for service in ["catalog", "request", "approval"] {
        assert_eq!(
            server
                .count(service, "select count(*) from dead_letter")
                .await,
            0
        );
    }
    server.kill();
    let rebuilt = server.rebuild();
    assert!(
        rebuilt.status.success(),
        "{}",
        String::from_utf8_lossy(&rebuilt.stdout)
    );
    println!("{seed} kills, {submitted} submitted, {twice} events stand twice");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_mid_load_on_postgres() {
    Box::pin(killed_in_mid_load(Engine::Postgres)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_mid_load_on_sqlite() {
    Box::pin(killed_in_mid_load(Engine::Sqlite)).await;
}

async fn killed_while_people_are_told(engine: Engine) {
    let (variables, _) = Broker::shared().await.variables_of_a_node();
    let server = Process::start_over(engine, variables).await;
    crash_notify::killed_while_people_are_told(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_people_are_told_on_postgres() {
    Box::pin(killed_while_people_are_told(Engine::Postgres)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_people_are_told_on_sqlite() {
    Box::pin(killed_while_people_are_told(Engine::Sqlite)).await;
}
