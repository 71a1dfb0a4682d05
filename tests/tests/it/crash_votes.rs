//! `kill -9` in the middle of batches of votes: nothing acknowledged is lost, nothing counts twice, and
//! every case is the fold of its log.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::{Engine, Phone, Process, Since, Submitted, long_run};
use uuid::Uuid;

/// An approver who goes on voting until the server is gone.
struct Voter {
    phone: Phone,
    random: StdRng,
    asked: Vec<Submitted>,
    /// What this approver said last of each approval: the vote and its stamp; none: taken back.
    said: BTreeMap<Uuid, Option<(Value, Value)>>,
    /// Votes and rollbacks of each request, sent once or more.
    told: BTreeMap<Uuid, i64>,
    unanswered: Vec<Value>,
}

impl Voter {
    fn batch(&mut self) -> Vec<Value> {
        let mut votes = Vec::new();
        for _ in 0..self.random.random_range(1..=30) {
            let request = self.asked[self.random.random_range(0..self.asked.len())];
            let id = request.approval(1);
            let standing = self.said.get(&id).is_some_and(Option::is_some);
            let kind = match self.random.random_range(0..3) {
                0 if standing => "rollback",
                1 => "reject",
                _ => "approve",
            };
            let vote = self.phone.vote(kind, id);
            let said = (kind != "rollback").then(|| (vote["type"].clone(), vote["hlc"].clone()));
            self.said.insert(id, said);
            *self.told.entry(request.id).or_default() += 1;
            votes.push(vote);
        }
        votes
    }

    async fn vote_until_it_is_gone(mut self) -> Self {
        loop {
            let batch = self.batch();
            match self.phone.try_sync_votes(&batch).await {
                Ok(reply) if reply.status == 200 => {
                    let verdicts = reply.verdicts();
                    let taken = verdicts.iter().all(|verdict| verdict == "applied");
                    assert!(taken, "{verdicts:?}");
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
    async fn vote_again(&mut self, url: &str) {
        self.phone.actor = self.phone.actor.at(url);
        let batch = std::mem::take(&mut self.unanswered);
        let verdicts = self.phone.sync_votes(batch).await.verdicts();
        for whole in ["applied", "duplicate"] {
            if verdicts.iter().all(|verdict| verdict == whole) {
                return;
            }
        }
        panic!("half of a batch was taken: {verdicts:?}");
    }

    async fn check(&mut self, seed: u64) {
        self.phone.pull_approvals().await;
        let truth = self.phone.all_approvals().await;
        for (id, said) in &self.said {
            let record = truth.record(*id);
            let me = self.phone.actor.user_id.to_string();
            let votes = record["votes"].as_array().unwrap();
            let mine = votes.iter().find(|vote| vote["approverId"] == me.as_str());
            let mine = mine.map(|vote| (vote["vote"].clone(), vote["hlc"].clone()));
            assert_eq!(&mine, said, "seed {seed}: {record}");
            assert_eq!(&self.phone.approvals[id], record, "seed {seed}");
        }
    }
}

async fn killed_while_they_vote(engine: Engine) {
    let kills = if long_run() { 40 } else { 4 };
    let mut server = Process::start(engine).await;
    let sales = server.sign_in("sales1@demo.athena", "athena-demo").await;
    let mut sales = Phone::of(sales);
    let asked = sales.submitted_many("Travel", 60).await;
    let mut voters = Vec::new();
    for (seed, name) in (0..).zip(["l1a", "l1b"]) {
        let email = format!("{name}@demo.athena");
        let mut phone = Phone::of(server.sign_in(&email, "athena-demo").await);
        phone.approvals_since = Since::Beginning;
        phone.wait_for_all(&asked, 1).await;
        voters.push(Voter {
            phone,
            random: StdRng::seed_from_u64(seed),
            asked: asked.clone(),
            said: BTreeMap::new(),
            told: BTreeMap::new(),
            unanswered: Vec::new(),
        });
    }
    for seed in 0..kills {
        let mut random = StdRng::seed_from_u64(seed);
        let tasks: Vec<_> = voters
            .drain(..)
            .map(|voter| tokio::spawn(voter.vote_until_it_is_gone()))
            .collect();
        tokio::time::sleep(Duration::from_micros(random.random_range(50_000..400_000))).await;
        server.kill();
        for task in tasks {
            voters.push(task.await.unwrap());
        }
        let rebuilt = server.rebuild();
        assert!(rebuilt.status.success(), "seed {seed}: {rebuilt:?}");
        server.start_again().await;
        for voter in &mut voters {
            voter.vote_again(&server.url()).await;
        }
        for voter in &mut voters {
            voter.check(seed).await;
        }
        server.check_ledger().await;
    }
    let events = cast_events(&server).await;
    for request in &asked {
        let told = |voter: &Voter| voter.told.get(&request.id).copied().unwrap_or(0);
        let told: i64 = voters.iter().map(told).sum();
        let found = events.get(&request.id).copied().unwrap_or(0);
        assert_eq!(found, told, "one event a vote of {}", request.id);
    }
    server.stop().await;
}

/// How many votes and rollbacks the outbox holds, by request.
async fn cast_events(server: &Process) -> BTreeMap<Uuid, i64> {
    const EVENTS: &str = "select key, count(*) from outbox
        where type in ('approval.voted', 'approval.rolled_back') group by key";
    let rows: Vec<(Uuid, i64)> = if let Some(url) = server.postgres_url() {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        sqlx::query("set search_path = approval")
            .execute(&mut connection)
            .await
            .unwrap();
        sqlx::query_as(EVENTS)
            .fetch_all(&mut connection)
            .await
            .unwrap()
    } else {
        let options = SqliteConnectOptions::new().filename(server.folder().join("approval.db"));
        let mut connection = options.connect().await.unwrap();
        sqlx::query_as(EVENTS)
            .fetch_all(&mut connection)
            .await
            .unwrap()
    };
    rows.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_they_vote_on_sqlite() {
    Box::pin(killed_while_they_vote(Engine::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_they_vote_on_postgres() {
    Box::pin(killed_while_they_vote(Engine::Postgres)).await;
}
