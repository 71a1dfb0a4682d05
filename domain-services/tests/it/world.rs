//! A small organisation on a database of its own.

use domain_services::bus::{Bus, Consumer, InProcess, Topic};
use domain_services::catalog::CatalogService;
use domain_services::db::{DatabaseUrl, Db, DbOptions, Service};
use domain_services::events::User;
use domain_services::identity::{Identity, Role};
use domain_services::outbox::{Relay, Wake};
use domain_services::time::{Clock, Ids, SystemClock, SystemEntropy};
use domain_services::user::{NewUser, Tokens, UserService};
use sqlx::{Connection, Executor, PgConnection};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// Runs a test on each engine: `both_engines!(name, |world| async move { … })`.
macro_rules! both_engines {
    ($name:ident, $test:expr) => {
        mod $name {
            #[allow(unused_imports, reason = "a test may need nothing of its file")]
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                crate::world::run(crate::world::Engine::Sqlite, $test).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                crate::world::run(crate::world::Engine::Postgres, $test).await;
            }
        }
    };
}
pub(crate) use both_engines;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// The system's clock, moved by as much as a test likes.
#[derive(Default)]
pub(crate) struct MovedClock(AtomicI64);

impl Clock for MovedClock {
    fn now_us(&self) -> i64 {
        SystemClock.now_us() + self.0.load(Ordering::Relaxed)
    }
}

impl MovedClock {
    pub(crate) fn forward(&self, by: Duration) {
        let by_us = i64::try_from(by.as_micros()).unwrap();
        self.0.fetch_add(by_us, Ordering::Relaxed);
    }
}

pub(crate) struct World {
    pub(crate) users: UserService,
    pub(crate) catalog: CatalogService,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) user_db: Db,
    pub(crate) catalog_db: Db,
    pub(crate) clock: Arc<MovedClock>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    user_wake: Wake,
    pub(crate) url: DatabaseUrl,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) async fn run<F: Future<Output = ()>>(engine: Engine, test: impl Fn(Arc<World>) -> F) {
    let database = match engine {
        Engine::Sqlite => None,
        Engine::Postgres => Some(FreshDatabase::create().await),
    };
    let world = Arc::new(World::open(database.as_ref()).await);
    test(Arc::clone(&world)).await;
    world.stop.cancel();
    world.tasks.close();
    world.tasks.wait().await;
    drop(world);
    if let Some(database) = database {
        database.drop().await;
    }
}

impl World {
    async fn open(database: Option<&FreshDatabase>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = match database {
            Some(database) => database.url(),
            None => DatabaseUrl::Sqlite(folder.path().join("db")),
        };
        let clock = Arc::new(MovedClock::default());
        let ids = Ids::new(clock.clone(), Arc::new(SystemEntropy));
        let options = DbOptions {
            ids: ids.clone(),
            ..DbOptions::default()
        };
        let user_db = Db::open(&url, Service::User, options.clone())
            .await
            .unwrap();
        let catalog_db = Db::open(&url, Service::Catalog, options).await.unwrap();
        let keys = folder.path().join("keys");
        let tokens = Arc::new(Tokens::open(&keys, ids).unwrap());
        let user_wake = Wake::default();
        let users = UserService::new(
            user_db.clone(),
            Arc::clone(&tokens),
            &keys,
            user_wake.clone(),
        )
        .unwrap();
        Self {
            users,
            catalog: CatalogService::new(catalog_db.clone(), Wake::default()),
            tokens,
            user_db,
            catalog_db,
            clock,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            user_wake,
            url,
            folder,
        }
    }

    /// The notification service's database.
    pub(crate) async fn notification_db(&self) -> Db {
        let options = DbOptions {
            ids: self.user_db.ids().clone(),
            ..DbOptions::default()
        };
        Db::open(&self.url, Service::Notification, options)
            .await
            .unwrap()
    }

    /// A second instance of the user service on the same data, as another node would have.
    pub(crate) async fn other_users(&self) -> UserService {
        let db = Db::open(&self.url, Service::User, DbOptions::default())
            .await
            .unwrap();
        let keys = self.folder.path().join("keys");
        UserService::new(db, Arc::clone(&self.tokens), &keys, Wake::default()).unwrap()
    }

    /// Another node: a user service on the same data, with tokens of its own making.
    pub(crate) async fn other_node(&self) -> (UserService, Arc<Tokens>) {
        let db = Db::open(&self.url, Service::User, DbOptions::default())
            .await
            .unwrap();
        let keys = self.folder.path().join("keys");
        let tokens = Arc::new(Tokens::open(&keys, db.ids().clone()).unwrap());
        let users = UserService::new(db, Arc::clone(&tokens), &keys, Wake::default()).unwrap();
        (users, tokens)
    }

    /// Starts the relay of the user service, to the catalog service.
    pub(crate) fn relay(&self) {
        let consumer: Arc<dyn Consumer> = Arc::new(self.catalog.consumer());
        self.relay_to(Arc::new(InProcess::new(vec![consumer])));
    }

    /// Starts a relay of the user service, to this bus.
    pub(crate) fn relay_to(&self, bus: Arc<dyn Bus>) -> Running {
        let stop = self.stop.child_token();
        let relay = Relay::new(
            self.user_db.clone(),
            Topic::User,
            bus,
            self.user_wake.clone(),
        );
        let task = self.tasks.spawn(relay.run(stop.clone()));
        Running { stop, task }
    }

    /// Creates somebody who may do what a role may.
    pub(crate) async fn person(&self, name: &str, role: Role) -> User {
        let new = new_user(name, role);
        self.users.create(&admin(), new).await.unwrap().user
    }
}

/// A relay at work.
pub(crate) struct Running {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// Somebody's details, with the password `long enough`.
pub(crate) fn new_user(name: &str, role: Role) -> NewUser {
    NewUser {
        email: format!("{name}@example.org"),
        name: name.to_owned(),
        roles: role.into(),
        password: Some("long enough".to_owned()),
        ..NewUser::default()
    }
}

/// Whoever comes with this role.
pub(crate) fn actor(role: Role) -> Identity {
    Identity {
        user_id: Uuid::from_u128(1),
        roles: role.into(),
        session_id: Uuid::from_u128(2),
        expires_us: i64::MAX,
        version: 0,
    }
}

pub(crate) fn admin() -> Identity {
    actor(Role::Admin)
}

/// Looks again and again, for five seconds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, look: impl Fn() -> F) {
    let found = tokio::time::timeout(Duration::from_secs(5), async {
        while !look().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(found.await.is_ok(), "{what}: not within 5 s");
}

/// A database of PostgreSQL that belongs to one test.
struct FreshDatabase {
    server: String,
    name: String,
}

impl FreshDatabase {
    async fn create() -> Self {
        let server = std::env::var("ATHENA_TEST_PG_URL").unwrap_or_else(|_| {
            panic!(
                "ATHENA_TEST_PG_URL is not set: it names a PostgreSQL server on which tests may \
                 create databases, for instance postgres://postgres@127.0.0.1:5432/postgres"
            )
        });
        let name = format!("athena_{}", Ids::default().uuid_v7().simple());
        let database = Self { server, name };
        database.admin("create database", "").await;
        database
    }

    fn url(&self) -> DatabaseUrl {
        let (server, _) = self.server.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name).parse().unwrap()
    }

    async fn drop(self) {
        self.admin("drop database", " with (force)").await;
    }

    async fn admin(&self, before: &str, after: &str) {
        let mut connection = PgConnection::connect(&self.server).await.unwrap();
        let statement = format!("{before} {}{after}", self.name);
        connection
            .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(statement)))
            .await
            .unwrap();
        connection.close().await.unwrap();
    }
}
