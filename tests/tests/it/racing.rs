//! A pull never misses a commit: writers and pullers at once, with commits delayed on purpose between the
//! taking of a place in the feed and the moment it can be seen.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use sync_server::Hooks;
use tests::{Engine, Page, Phone, Server, Since, long_run};
use uuid::Uuid;

const WRITERS: u64 = 8;
const USERS: usize = 4;

/// Changes of all writers together on one engine.
fn changes_total() -> u64 {
    if long_run() { 100_000 } else { 6_000 }
}

/// A server whose commits are late by up to 8 ms, unevenly.
async fn slow_server(engine: Engine) -> Server {
    match engine {
        Engine::Sqlite => {
            let commits = AtomicU64::new(0);
            let hooks = Hooks {
                before_commit: Some(Arc::new(move || {
                    let number = commits.fetch_add(1, Ordering::Relaxed);
                    let ms = number.wrapping_mul(7) % 9;
                    Box::pin(tokio::time::sleep(Duration::from_millis(ms)))
                })),
                ..Hooks::default()
            };
            Server::start_with(engine, hooks).await
        }
        Engine::Postgres => {
            let server = Server::start(engine).await;
            let mut connection = PgConnection::connect(&server.postgres_url()).await.unwrap();
            connection
                .execute(
                    "create function request.late() returns trigger language plpgsql as \
                     $$ begin perform pg_sleep(random() * 0.008); return new; end $$; \
                     create trigger late after insert or update on request.feed_head \
                     for each row execute function request.late()",
                )
                .await
                .unwrap();
            server
        }
    }
}

/// Writes until its share is done; every batch carries its place along and takes in what comes back.
async fn write(mut phone: Phone, seed: u64, share: u64) -> Phone {
    let mut random = StdRng::seed_from_u64(seed);
    let mut own: Vec<Uuid> = Vec::new();
    let mut done = 0;
    phone.since = Since::Beginning;
    while done < share {
        let count = random.random_range(1..=100).min(share - done);
        let mut items = Vec::new();
        for _ in 0..count {
            let edit = !own.is_empty() && random.random_range(0..10) < 4;
            let id = if edit {
                own[random.random_range(0..own.len())]
            } else {
                own.push(phone.new_id());
                *own.last().unwrap()
            };
            items.push(phone.upsert(
                id,
                json!({"title": format!("{seed} wrote {done} and {}", items.len())}),
            ));
        }
        if !own.is_empty() && random.random_range(0..8) == 0 {
            let id = own.swap_remove(random.random_range(0..own.len()));
            items.push(phone.delete(id));
        }
        let reply = phone.sync(items).await;
        let verdicts = reply.verdicts();
        assert!(
            verdicts.iter().all(|verdict| verdict == "applied"),
            "{verdicts:?}"
        );
        if reply.body["hasMore"] == true {
            phone.pull().await;
        }
        done += count;
    }
    phone
}

/// Pulls until nobody writes any more and nothing is left; the same state of a record must not come twice.
async fn follow(mut phone: Phone, seed: u64, writing: Arc<AtomicBool>) -> Phone {
    let mut random = StdRng::seed_from_u64(seed);
    let mut came = HashSet::new();
    let mut place = String::new();
    loop {
        let last_look = !writing.load(Ordering::SeqCst);
        let page = phone.page(random.random_range(1..=200)).await;
        for change in page.changes() {
            let told = match change["kind"].as_str() {
                Some("upsert") => (
                    change["record"]["id"].to_string(),
                    change["record"]["updatedAt"].to_string(),
                ),
                _ => (change["id"].to_string(), "removed".to_owned()),
            };
            assert!(
                came.insert(told.clone()),
                "{told:?} came twice without a change"
            );
        }
        if let Some(last) = page.body["lastSync"].as_str() {
            assert!(
                last >= place.as_str(),
                "lastSync went back from {place} to {last}"
            );
            last.clone_into(&mut place);
        }
        if page.body["hasMore"] == true {
            continue;
        }
        if last_look {
            return phone;
        }
        if page.changes().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

fn same(phone: &Phone, truth: &Page, who: &str) {
    let stands: Vec<&Value> = truth
        .changes
        .iter()
        .filter(|change| change["kind"] == "upsert")
        .map(|change| &change["record"])
        .collect();
    assert_eq!(
        phone.store.len(),
        stands.len(),
        "{who} has as many records as the server"
    );
    for record in stands {
        let id: Uuid = record["id"].as_str().unwrap().parse().unwrap();
        let mut kept = phone
            .store
            .get(&id)
            .cloned()
            .unwrap_or_else(|| panic!("{who} missed {id}"));
        kept["createdAt"] = record["createdAt"].clone();
        assert_eq!(&kept, record, "{who}");
    }
}

async fn writers_and_pullers_at_once(engine: Engine) {
    let server = slow_server(engine).await;
    let mut people = Vec::new();
    for _ in 0..USERS {
        people.push(server.sales().await);
    }
    let writing = Arc::new(AtomicBool::new(true));
    let (mut writers, mut pullers) = (Vec::new(), Vec::new());
    for number in 0..WRITERS {
        let person = &people[usize::try_from(number).unwrap() % USERS];
        let phone = Phone::of(person.clone());
        writers.push(tokio::spawn(write(
            phone,
            number,
            changes_total() / WRITERS,
        )));
        let phone = Phone::of(person.clone());
        pullers.push(tokio::spawn(follow(
            phone,
            100 + number,
            Arc::clone(&writing),
        )));
    }
    let mut wrote = Vec::new();
    for writer in writers {
        wrote.push(writer.await.unwrap());
    }
    writing.store(false, Ordering::SeqCst);
    for (number, puller) in pullers.into_iter().enumerate() {
        let phone = puller.await.unwrap();
        let truth = phone.everything().await;
        same(&phone, &truth, &format!("puller {number}"));
    }
    for (number, mut phone) in wrote.into_iter().enumerate() {
        phone.pull().await;
        let truth = phone.everything().await;
        same(&phone, &truth, &format!("writer {number}"));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_and_pullers_at_once_on_sqlite() {
    Box::pin(writers_and_pullers_at_once(Engine::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_and_pullers_at_once_on_postgres() {
    Box::pin(writers_and_pullers_at_once(Engine::Postgres)).await;
}
