//! The audit log: appends, proofs in a large log, and the offline check of an export.
//!
//! On SQLite, and on the PostgreSQL that `ATHENA_BENCH_PG_URL` names (`scripts/bench --audit` starts one that
//! waits for the disk). `ATHENA_BENCH_LEAVES` says how large the log is that proofs are made in, default a
//! million; `ATHENA_BENCH_DELIVERY` how many leaves come at once, default 2,000.

#![allow(clippy::expect_used, reason = "a bench that cannot do its part ends")]
#![allow(
    clippy::disallowed_methods,
    reason = "a bench measures by the machine's clock"
)]

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use domain_services::audit::note::{Checkpoint, Signer};
use domain_services::audit::tree::{Frontier, leaf_hash};
use domain_services::audit::{
    AuditConsumer, AuditService, AuditSettings, LastSigned, leaf, verify,
};
use domain_services::bus::{Consumer, Delivery, Event, Topic};
use domain_services::db::{DatabaseUrl, Db, DbOptions, Service};
use domain_services::time::Ids;
use serde_json::json;
use std::cell::RefCell;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use uuid::Uuid;

/// Events of one delivery: as many as the log takes at once from Kafka, where it has fallen behind. A bus within
/// the process hands over 500: `ATHENA_BENCH_DELIVERY`.
fn delivery_size() -> u64 {
    from_environment("ATHENA_BENCH_DELIVERY")
        .unwrap_or(2_000)
        .max(1)
}

/// A vote, the most frequent of the events that have a leaf of their own.
fn event(n: u64) -> Event {
    let random = |kind: u128| Uuid::new_v5(&Uuid::from_u128(kind), &n.to_be_bytes());
    // As phones make them: UUIDv7. Any of the last ten thousand requests may be voted on.
    let noise = u64::from(random(0).as_bytes()[0]) * 4;
    let id = |kind: u128| {
        let at_ms = 1_795_345_201_000 + n / 10 + noise;
        uuid::Builder::from_unix_timestamp_millis(
            at_ms,
            &random(kind).as_bytes()[6..].try_into().expect("ten bytes"),
        )
        .into_uuid()
    };
    let data = json!({
        "approvalId": id(1), "requestId": id(2), "ownerId": id(3), "revision": format!("sha256:{}", "7".repeat(64)),
        "level": 1, "at": "2026-11-22T11:00:01.000002Z", "approverId": id(4), "vote": "approve",
        "comment": "Agreed in the team.", "hlc": "2026-11-22T11:00:00.000Z-0000-0817065f4e3d2c1b", "opId": id(5),
    });
    Event {
        id: random(6),
        topic: Topic::Approval,
        key: id(2),
        kind: "approval.voted".to_owned(),
        version: 2,
        time_us: 1_795_345_201_000_002 + i64::try_from(n).unwrap_or(0),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        actor: Some(Uuid::from_u128(u128::from(n % 300))),
        data: serde_json::value::to_raw_value(&data).expect("JSON"),
    }
}

struct Log {
    service: AuditService,
    consumer: AuditConsumer,
    next: u64,
    delivery: u64,
}

impl Log {
    async fn open(url: &DatabaseUrl, folder: &Path) -> Self {
        let db = Db::open(url, Service::Audit, DbOptions::default())
            .await
            .expect("the database");
        let signer = Signer::open(folder, "bench", &Ids::default()).expect("a key");
        let last = LastSigned::open(folder, signer.key()).expect("what was signed");
        let service = AuditService::new(db, signer, last, AuditSettings::default());
        let next = service.size().await.expect("its size");
        Self {
            consumer: AuditConsumer::new(service.clone()),
            service,
            next,
            delivery: delivery_size(),
        }
    }

    /// What is appended next, made outside of what is measured.
    fn delivery(&mut self) -> Delivery {
        let events = (self.next..self.next + self.delivery).map(event).collect();
        self.next += self.delivery;
        Delivery::of(events)
    }

    async fn append(&self, delivery: Delivery) {
        self.consumer.handle(&delivery).await.expect("an append");
    }
}

fn leaves_wanted() -> u64 {
    from_environment("ATHENA_BENCH_LEAVES").unwrap_or(1_000_000)
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn databases(folder: &Path) -> Vec<(&'static str, DatabaseUrl)> {
    let mut databases = vec![("sqlite", DatabaseUrl::Sqlite(folder.to_owned()))];
    match std::env::var("ATHENA_BENCH_PG_URL") {
        Ok(url) => databases.push(("postgres", url.parse().expect("a URL"))),
        Err(_) => eprintln!("ATHENA_BENCH_PG_URL is not set: SQLite only"),
    }
    databases
}

/// Appends from nothing to a large log, in the deliveries of one relay; then proofs in it.
fn log(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    for (engine, url) in databases(folder.path()) {
        let mut log = runtime.block_on(Log::open(&url, folder.path()));
        let wanted = leaves_wanted();
        let (mut took, first) = (Duration::ZERO, log.next);
        while log.next < wanted {
            let delivery = log.delivery();
            let started = Instant::now();
            runtime.block_on(log.append(delivery));
            took += started.elapsed();
        }
        let filled = log.next - first;
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = filled as f64 / took.as_secs_f64();
        println!("audit/{engine}: {filled} leaves appended in {took:.1?}: {rate:.0} leaves/s");

        let mut group = c.benchmark_group(format!("audit/{engine}"));
        group
            .sample_size(30)
            .throughput(Throughput::Elements(log.delivery));
        let next = RefCell::new(&mut log);
        group.bench_function("append", |b| {
            b.iter_batched(
                || next.borrow_mut().delivery(),
                |delivery| runtime.block_on(next.borrow().append(delivery)),
                BatchSize::PerIteration,
            );
        });
        group.throughput(Throughput::Elements(1));
        let size = log.next;
        let mut seq = 0;
        group.bench_function("inclusion", |b| {
            b.iter(|| {
                seq = (seq + 7_919_993) % size;
                let proof = log.service.inclusion(seq, Some(size));
                black_box(runtime.block_on(proof).expect("a proof"))
            });
        });
        let mut from = 0;
        group.bench_function("consistency", |b| {
            b.iter(|| {
                from = (from + 7_919_993) % size;
                let proof = log.service.consistency(from, Some(size));
                black_box(runtime.block_on(proof).expect("a proof"))
            });
        });
        group.finish();
    }
}

/// An export of 100,000 leaves, held against its checkpoint.
fn check(c: &mut Criterion) {
    const LEAVES: u64 = 100_000;
    let mut export = Vec::new();
    let mut frontier = Frontier::default();
    for seq in 0..LEAVES {
        let body = leaf::canonical(seq, &event(seq)).expect("a leaf");
        let hash = leaf_hash(body.as_bytes());
        frontier.add(hash);
        let [leaf, hash] = [body.as_bytes(), &hash].map(|bytes| BASE64_STANDARD.encode(bytes));
        let line = format!("{{\"seq\":{seq},\"leaf\":\"{leaf}\",\"hash\":\"{hash}\"}}\n");
        export.extend_from_slice(line.as_bytes());
    }
    let checkpoint = Checkpoint {
        origin: "bench".to_owned(),
        size: LEAVES,
        root: frontier.root(),
    };
    let mut group = c.benchmark_group("audit");
    group
        .sample_size(20)
        .throughput(Throughput::Elements(LEAVES));
    group.bench_function("verify", |b| {
        b.iter(|| {
            verify(&mut export.as_slice(), std::slice::from_ref(&checkpoint)).expect("a verdict")
        });
    });
    group.finish();
}

criterion_group!(benches, check, log);
criterion_main!(benches);
