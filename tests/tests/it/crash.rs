//! `kill -9` in the middle of batches: nothing acknowledged is lost, nothing happens twice, and the server
//! is back within five seconds.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::{Actor, Engine, Phone, Process, Since, long_run};
use uuid::Uuid;

const READY_MAX: Duration = Duration::from_secs(5);

/// What every field of every record must be in the end: the greatest stamp's value.
type Said = BTreeMap<(Uuid, String), (String, Value)>;

/// A phone that goes on until its server is gone.
struct Pusher {
    phone: Phone,
    email: String,
    random: StdRng,
    complete: Value,
    open: Vec<Uuid>,
    said: Said,
    submitted: Vec<Uuid>,
    /// The batch that was never answered.
    unanswered: Vec<Value>,
}

impl Pusher {
    fn new(phone: Phone, email: String, seed: u64, complete: Value) -> Self {
        Self {
            phone,
            email,
            random: StdRng::seed_from_u64(seed),
            complete,
            open: Vec::new(),
            said: Said::new(),
            submitted: Vec::new(),
            unanswered: Vec::new(),
        }
    }

    /// New drafts, edits, and now and then a draft that is submitted at once.
    fn batch(&mut self) -> Vec<Value> {
        let mut items = Vec::new();
        for _ in 0..self.random.random_range(1..=40) {
            match self.random.random_range(0..10) {
                0 => {
                    let id = self.phone.new_id();
                    items.push(self.phone.upsert(id, self.complete.clone()));
                    items.push(self.phone.submit(id));
                    self.submitted.push(id);
                }
                1..5 if !self.open.is_empty() => {
                    let id = self.open[self.random.random_range(0..self.open.len())];
                    let fields =
                        json!({"region": format!("region {}", self.random.random_range(0..1_000))});
                    items.push(self.phone.upsert(id, fields));
                }
                _ => {
                    let id = self.phone.new_id();
                    self.open.push(id);
                    items.push(
                        self.phone
                            .upsert(id, json!({"title": "A draft", "neededBy": "2026-12-01"})),
                    );
                }
            }
        }
        for item in items.iter().filter(|item| item["type"] == "upsert") {
            for (field, value) in item["fields"].as_object().unwrap() {
                let id = item["id"].as_str().unwrap().parse().unwrap();
                let stamp = item["hlc"].as_str().unwrap().to_owned();
                self.said
                    .insert((id, field.clone()), (stamp, value.clone()));
            }
        }
        items
    }

    async fn push_until_it_is_gone(mut self) -> Self {
        loop {
            let batch = self.batch();
            match self.phone.try_sync(&batch).await {
                Ok(reply) if reply.status == 200 => {
                    let verdicts = reply.verdicts();
                    assert!(
                        verdicts.iter().all(|verdict| verdict == "applied"),
                        "{verdicts:?}"
                    );
                }
                // A connection that broke, or a database that went away first.
                _ => {
                    self.unanswered = batch;
                    return self;
                }
            }
        }
    }

    /// The unanswered batch goes again; it was taken whole or not at all.
    async fn push_again(&mut self, actor: Actor) {
        self.phone.actor = actor;
        let batch = std::mem::take(&mut self.unanswered);
        let verdicts = self.phone.sync(batch).await.verdicts();
        let known = verdicts
            .iter()
            .filter(|verdict| *verdict != "applied")
            .count();
        assert!(
            known == 0 || known == verdicts.len(),
            "half of a batch was taken: {verdicts:?}"
        );
        assert!(
            verdicts
                .iter()
                .all(|verdict| ["applied", "duplicate", "merged"].contains(&verdict.as_str())),
            "{verdicts:?}"
        );
    }

    async fn check(&mut self, seed: u64) {
        self.phone.pull().await;
        let truth = self.phone.everything().await;
        for ((id, field), (stamp, value)) in &self.said {
            let record = truth
                .find(*id)
                .unwrap_or_else(|| panic!("seed {seed}: {id} is lost"));
            assert_eq!(&record[field], value, "seed {seed}: {field} of {id}");
            assert_eq!(
                record["stamps"][field],
                json!(stamp),
                "seed {seed}: {field} of {id}"
            );
        }
        for id in &self.submitted {
            assert_eq!(truth.record(*id)["status"], "pending_l1", "seed {seed}");
        }
        // What it kept from answers and pulls along the way is what a new phone gets.
        assert_eq!(self.phone.store.len(), truth.changes.len(), "seed {seed}");
        for (id, kept) in &self.phone.store {
            let stands = truth.record(*id);
            assert_eq!(kept["stamps"], stands["stamps"], "seed {seed}");
            assert_eq!(kept["status"], stands["status"], "seed {seed}");
        }
    }
}

async fn killed_at_any_moment(engine: Engine) {
    let kills = if long_run() { 50 } else { 8 };
    let mut server = Process::start(engine).await;
    let mut pushers = Vec::new();
    for number in 0..4_u64 {
        let email = format!("sales{}@demo.athena", number / 2 + 1);
        let actor = server.sign_in(&email, "athena-demo").await;
        let complete = actor.complete().await;
        let mut phone = Phone::seeded(actor, tests::wall_ms() ^ (number << 40));
        phone.since = Since::Beginning;
        phone.pull().await;
        pushers.push(Pusher::new(phone, email, number, complete));
    }
    for seed in 0..kills {
        let mut random = StdRng::seed_from_u64(seed);
        let tasks: Vec<_> = pushers
            .drain(..)
            .map(|pusher| tokio::spawn(pusher.push_until_it_is_gone()))
            .collect();
        tokio::time::sleep(Duration::from_micros(random.random_range(2_000..600_000))).await;
        server.kill();
        for task in tasks {
            pushers.push(task.await.unwrap());
        }
        server.start_again().await;
        assert!(
            server.ready_after < READY_MAX,
            "seed {seed}: ready after {:?}",
            server.ready_after
        );
        for pusher in &mut pushers {
            // The long run outlives an access token.
            let actor = server.sign_in(&pusher.email, "athena-demo").await;
            pusher.push_again(actor).await;
        }
        // What there is to compare grows with each kill: in the long run not after every one.
        if !long_run() || seed % 5 == 4 {
            for pusher in &mut pushers {
                pusher.check(seed).await;
            }
        }
        server.check_ledger().await;
    }
    let submitted: usize = pushers.iter().map(|pusher| pusher.submitted.len()).sum();
    let events = submitted_events(&server).await;
    for pusher in &pushers {
        for id in &pusher.submitted {
            assert_eq!(events.get(id), Some(&1), "one event for the submit of {id}");
        }
    }
    assert!(submitted > 0, "the seeds submit something");
    server.stop().await;
}

/// How many `request.submitted` events the outbox holds, by request.
async fn submitted_events(server: &Process) -> BTreeMap<Uuid, i64> {
    const EVENTS: &str =
        "select key, count(*) from outbox where type = 'request.submitted' group by key";
    let rows: Vec<(Uuid, i64)> = if let Some(url) = server.postgres_url() {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        sqlx::query("set search_path = request")
            .execute(&mut connection)
            .await
            .unwrap();
        sqlx::query_as(EVENTS)
            .fetch_all(&mut connection)
            .await
            .unwrap()
    } else {
        let options = SqliteConnectOptions::new().filename(server.folder().join("request.db"));
        let mut connection = options.connect().await.unwrap();
        sqlx::query_as(EVENTS)
            .fetch_all(&mut connection)
            .await
            .unwrap()
    };
    rows.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_on_sqlite() {
    Box::pin(killed_at_any_moment(Engine::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_on_postgres() {
    Box::pin(killed_at_any_moment(Engine::Postgres)).await;
}
