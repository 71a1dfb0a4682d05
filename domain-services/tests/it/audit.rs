//! The audit log on real databases.

use crate::world::{Engine, World, both_engines, run};
use domain_services::audit::note::Signer;
use domain_services::audit::{
    AuditConsumer, AuditService, AuditSettings, LastSigned, LogFilter, SIGNED_FILE,
};
use domain_services::bus::{Consumer, Delivery, Event, Topic};
use domain_services::db::{DatabaseUrl, Db, DbError, DbOptions, Service, sql};
use domain_services::paging::PageQuery;
use domain_services::time::{Ids, SystemEntropy};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, Executor};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

struct Log {
    db: Db,
    service: AuditService,
    consumer: AuditConsumer,
}

impl Log {
    async fn open(world: &World) -> Self {
        Self::at(world, &world.url).await
    }

    async fn at(world: &World, url: &DatabaseUrl) -> Self {
        let options = DbOptions {
            ids: Ids::new(world.clock.clone(), Arc::new(SystemEntropy)),
            ..DbOptions::default()
        };
        let db = Db::open(url, Service::Audit, options).await.unwrap();
        let keys = world.folder.path().join("keys");
        let signer = Signer::open(&keys, "test", db.ids()).unwrap();
        let last = LastSigned::open(&keys, signer.key()).unwrap();
        let service = AuditService::new(db.clone(), signer, last, AuditSettings::default());
        Self {
            consumer: AuditConsumer::new(service.clone()),
            service,
            db,
        }
    }

    async fn take(&self, events: &[Event]) {
        self.consumer
            .handle(&Delivery::of(events.to_vec()))
            .await
            .unwrap();
    }

    async fn run(&self, statement: &'static str) {
        let done: Result<u64, DbError> = self
            .db
            .write(move |tx| Box::pin(async move { sql(statement).execute(tx).await }))
            .await;
        done.unwrap();
    }

    /// Until what was signed is kept in this file.
    async fn learns(&self, file: &Path) {
        let stop = CancellationToken::new();
        let task = tokio::spawn(self.service.clone().keep_checkpoints(stop.clone()));
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stop.cancel();
        task.await.unwrap();
    }

    async fn size(&self) -> u64 {
        self.service.size().await.unwrap()
    }

    async fn checkpoints(&self) -> Vec<i64> {
        let sizes: Vec<(i64,)> = sql("select size from checkpoint order by size")
            .fetch_all(&self.db)
            .await
            .unwrap();
        sizes.into_iter().map(|(size,)| size).collect()
    }
}

fn event(n: u128, data: &Value) -> Event {
    Event {
        id: Uuid::from_u128(n),
        topic: Topic::Request,
        key: Uuid::from_u128(n),
        kind: "request.deleted".to_owned(),
        version: 1,
        time_us: 1_763_805_601_000_000 + i64::try_from(n).unwrap(),
        traceparent: None,
        actor: None,
        data: serde_json::value::to_raw_value(data).unwrap(),
    }
}

fn events(of: std::ops::Range<u128>) -> Vec<Event> {
    let data = |n| json!({"id": Uuid::from_u128(n), "ownerId": Uuid::nil()});
    of.map(|n| event(n, &data(n))).collect()
}

both_engines!(
    a_delivery_of_any_size_is_a_constant_number_of_statements,
    |world: Arc<World>| async move {
        let log = Log::open(&world).await;
        log.take(&events(0..10)).await;
        let mut costs = Vec::new();
        for of in [10..11, 11..12, 12..412] {
            let before = log.db.statements();
            log.take(&events(of)).await;
            costs.push(log.db.statements() - before);
        }
        assert!(costs.iter().all(|cost| *cost == costs[0]), "{costs:?}");
        assert_eq!(log.size().await, 412);
        // Again: nothing.
        log.take(&events(0..412)).await;
        assert_eq!(log.size().await, 412);
    }
);

both_engines!(
    what_does_not_begin_as_was_signed_is_not_signed,
    |world: Arc<World>| async move {
        let log = Log::open(&world).await;
        log.take(&events(0..5)).await;
        log.service.checkpoint(None).await.unwrap();
        let known = world.folder.path().join("keys").join(SIGNED_FILE);
        log.learns(&known).await;
        // It grows, and is signed.
        log.take(&events(5..7)).await;
        world.clock.forward(Duration::from_secs(61));
        log.service.checkpoint(None).await.unwrap();
        assert_eq!(log.checkpoints().await, [5, 7]);

        // Whoever has the database alone tells another story, and takes away what was signed of the first.
        let past_triggers: &[&str] = match world.url {
            DatabaseUrl::Postgres(_) => &[
                "alter table leaf disable trigger leaf_append_only",
                "alter table checkpoint disable trigger checkpoint_append_only",
            ],
            DatabaseUrl::Sqlite(_) => &[
                "drop trigger leaf_no_delete",
                "drop trigger checkpoint_no_delete",
            ],
        };
        for statement in past_triggers.iter().chain(&[
            "delete from leaf",
            "delete from checkpoint",
            "delete from inbox",
        ]) {
            log.run(statement).await;
        }
        log.take(&events(100..103)).await;
        world.clock.forward(Duration::from_secs(61));
        assert!(log.service.checkpoint(None).await.is_err(), "it is shorter");
        log.take(&events(103..120)).await;
        let refused = log.service.checkpoint(None).await.unwrap_err();
        assert!(
            refused.to_string().contains("not what was signed"),
            "it is another: {refused}"
        );
        drop(log);
        let log = Log::open(&world).await;
        assert!(
            log.service.checkpoint(None).await.is_err(),
            "after a start too"
        );
        assert!(log.checkpoints().await.is_empty());
        // Who knows why removes what is known.
        std::fs::remove_file(known).unwrap();
        let log = Log::open(&world).await;
        log.service.checkpoint(None).await.unwrap();
        assert_eq!(log.checkpoints().await, [20]);
    }
);

both_engines!(
    two_nodes_that_take_the_same_delivery_append_it_once,
    |world: Arc<World>| async move {
        let one = Log::open(&world).await;
        let other = match &world.url {
            DatabaseUrl::Postgres(_) => Log::open(&world).await,
            // A file has one process: the same delivery comes twice at once.
            DatabaseUrl::Sqlite(_) => Log {
                db: one.db.clone(),
                service: one.service.clone(),
                consumer: AuditConsumer::new(one.service.clone()),
            },
        };
        for round in 0..20_u128 {
            let delivery = events(round * 50..(round + 1) * 50);
            tokio::join!(one.take(&delivery), other.take(&delivery));
        }
        assert_eq!(one.size().await, 1_000);
    }
);

both_engines!(
    a_checkpoint_is_signed_after_a_thousand_leaves_or_a_minute,
    |world: Arc<World>| async move {
        let log = Log::open(&world).await;
        let keeper = log.service.clone();
        let task = tokio::spawn(keeper.keep_checkpoints(world.stop.clone()));
        let has = async |sizes: &[i64]| {
            for _ in 0..1_000 {
                if log.checkpoints().await == sizes {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            panic!("{:?}, not {sizes:?}", log.checkpoints().await);
        };
        has(&[0]).await;
        log.take(&events(0..400)).await;
        has(&[0, 400]).await;
        // Too soon, and too few; then enough.
        log.take(&events(400..1_399)).await;
        assert_eq!(log.checkpoints().await, [0, 400]);
        log.take(&events(1_399..1_400)).await;
        assert_eq!(log.checkpoints().await, [0, 400, 1_400]);
        log.take(&events(1_400..1_401)).await;
        world.clock.forward(Duration::from_secs(61));
        has(&[0, 400, 1_400, 1_401]).await;
        task.abort();
    }
);

both_engines!(
    what_has_no_canonical_form_is_parked_and_the_others_go_on,
    |world: Arc<World>| async move {
        let log = Log::open(&world).await;
        let mut delivery = events(0..3);
        delivery.insert(1, event(77, &json!({"share": 0.5})));
        log.take(&delivery).await;
        assert_eq!(log.size().await, 3);
        let parked: Vec<(Uuid, String)> = sql("select event_id, reason from dead_letter")
            .fetch_all(&log.db)
            .await
            .unwrap();
        let (id, reason) = &parked[0];
        assert_eq!((parked.len(), *id), (1, Uuid::from_u128(77)));
        assert!(reason.contains("canonical"), "{reason}");
        let all = LogFilter::default();
        let logs = log.service.logs(&all, PageQuery::default());
        assert_eq!(logs.await.unwrap().items.len(), 3);
    }
);

/// As the operator's guide says it.
const GRANTS: &str = "
    grant usage on schema audit to ROLE;
    grant select, insert on audit.leaf, audit.checkpoint to ROLE;
    grant select, insert, update, delete on audit.inbox, audit.dead_letter, audit.bus_position to ROLE;
    grant select on audit._sqlx_migrations to ROLE;";

async fn a_role_that_may_only_insert_and_read_is_enough(world: Arc<World>) {
    Log::open(&world).await;
    let DatabaseUrl::Postgres(owner) = &world.url else {
        panic!("PostgreSQL")
    };
    let role = format!("auditor_{}", Ids::default().uuid_v7().simple());
    let mut superuser = owner.connect().await.unwrap();
    let grants = format!(
        "create role {role} login; {}",
        GRANTS.replace("ROLE", &role)
    );
    let grants = sqlx::raw_sql(sqlx::AssertSqlSafe(grants));
    superuser.execute(grants).await.unwrap();
    let url = DatabaseUrl::Postgres(Box::new((**owner).clone().username(&role)));
    let log = Log::at(&world, &url).await;
    log.take(&events(0..1_500)).await;
    assert_eq!(log.size().await, 1_500);
    assert_eq!(log.checkpoints().await, [1_500]);
    for refused in [
        "update leaf set body = ''",
        "delete from leaf",
        "truncate leaf",
        "delete from checkpoint",
        "alter table leaf disable trigger all",
    ] {
        let said = sql(refused).execute(&log.db).await.unwrap_err().to_string();
        let denied = said.contains("permission denied") || said.contains("must be owner");
        assert!(denied, "{refused}: {said}");
    }
    drop(log);
    let drop_role = format!("drop owned by {role} cascade; drop role {role}");
    let drop_role = sqlx::raw_sql(sqlx::AssertSqlSafe(drop_role));
    superuser.execute(drop_role).await.unwrap();
    superuser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_only_insert_and_read_is_enough_on_postgres() {
    run(
        Engine::Postgres,
        a_role_that_may_only_insert_and_read_is_enough,
    )
    .await;
}
