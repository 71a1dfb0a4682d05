//! A server in this process, on a port and data of its own.

use crate::actor::Actor;
use crate::database::{Data, Engine};
use crate::phone::Phone;
use crate::setup::Setup;
use crate::stuck;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use sync_server::config::{Config, Secret};
use sync_server::services::Services;
use sync_server::{Hooks, Running};

/// Everybody's password in the demo organisation.
pub(crate) const PASSWORD: &str = "athena-demo";

/// A running server with the demo organisation.
pub struct Server {
    /// What its data lies in.
    pub engine: Engine,
    running: Running,
    pub(crate) data: Data,
    client: reqwest::Client,
    pub(crate) users: AtomicU32,
}

impl Server {
    /// A server on a copy of the demo organisation.
    pub async fn start(engine: Engine) -> Self {
        Self::start_with(engine, Hooks::default()).await
    }

    /// The same with a clock, ids or delays of the test's own.
    pub async fn start_with(engine: Engine, hooks: Hooks) -> Self {
        let setup = Setup {
            hooks,
            ..Setup::default()
        };
        Self::start_as(engine, setup).await
    }

    /// The same with settings of the test's own.
    pub async fn start_as(engine: Engine, setup: Setup) -> Self {
        let data = Box::pin(Data::demo(engine)).await;
        Box::pin(Self::on(engine, data, setup)).await
    }

    /// A server that makes the demo organisation itself, so that its events travel as the setup says.
    pub async fn start_new(engine: Engine, setup: Setup) -> Self {
        let data = Data::empty(engine).await;
        let server = Box::pin(Self::on(engine, data, setup)).await;
        server.wait_for_projections().await;
        server
    }

    /// A server on empty `SQLite` files, which makes the demo organisation itself, by the setup's clock.
    pub async fn on_nothing(setup: Setup) -> Self {
        let data = Data::empty(Engine::Sqlite).await;
        Box::pin(Self::on(Engine::Sqlite, data, setup)).await
    }

    /// Another node on the same `PostgreSQL` database, with the same keys.
    pub async fn beside(&self) -> Self {
        self.beside_as(Setup::default()).await
    }

    /// The same with settings of its own.
    pub async fn beside_as(&self, setup: Setup) -> Self {
        Box::pin(Self::on(self.engine, self.data.beside(), setup)).await
    }

    /// Stops, and leaves the data to another node.
    pub async fn leave(self) {
        self.stop_and_keep().await;
    }

    pub(crate) async fn on(engine: Engine, data: Data, setup: Setup) -> Self {
        let kafka = setup.over.resolved().await;
        let (kafka_brokers, kafka_topic_prefix) = kafka.clone().unzip();
        let mut config = Config {
            kafka_brokers,
            kafka_topic_prefix: kafka_topic_prefix.unwrap_or_default(),
            kafka_partitions: 3,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data_dir: data.folder.path().to_owned(),
            database_url: data.url().map(Secret::new),
            database_pool: 8,
            rate_limit: None,
            demo: true,
            rollback_window: setup.rollback_window,
            rollback_grace: setup.rollback_grace,
            ..Config::default()
        };
        if let Some(adjust) = setup.adjust {
            adjust(&mut config);
        }
        let started = Box::pin(sync_server::start_with(config, setup.hooks)).await;
        let running = match started {
            Ok(running) => running,
            Err(error) => {
                let stuck = stuck::standing(&data, kafka).await;
                panic!("the server does not start: {error}\n{stuck}");
            }
        };
        Self {
            engine,
            running,
            data,
            client: http_client(),
            users: AtomicU32::new(0),
        }
    }

    /// Stops and starts again on the same data.
    pub async fn restart(self) -> Self {
        let engine = self.engine;
        let data = self.stop_and_keep().await;
        Self::on(engine, data, Setup::default()).await
    }

    /// Stops, and removes its data. Whatever a story told: what is stored of approvals is the fold of
    /// their logs, and no event was given up.
    pub async fn stop(self) {
        self.check_books().await;
        self.stop_and_keep().await.remove().await;
    }

    pub(crate) async fn stop_and_keep(self) -> Data {
        drop(self.client);
        self.running.shutdown().await;
        self.data
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.running.addr())
    }

    /// The URL of its `PostgreSQL` database.
    #[must_use]
    pub fn postgres_url(&self) -> String {
        self.data.url().expect("a server on PostgreSQL")
    }

    /// The leaves of the audit log, once every event has been published.
    pub async fn leaves(&self) -> Vec<domain_services::audit::leaf::Leaf> {
        self.data.leaves().await
    }

    /// The folder of its files.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.data.folder.path()
    }

    /// The services behind it.
    #[must_use]
    pub fn services(&self) -> &Services {
        self.running.services()
    }

    /// Statements that the approval service has sent to its database so far.
    #[must_use]
    pub fn approval_statements(&self) -> u64 {
        self.services().databases.approval.statements()
    }

    /// Statements that the request service has sent to its database so far.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.services().databases.request.statements()
    }

    /// Nobody: calls without a token.
    #[must_use]
    pub fn anonymous(&self) -> Actor {
        Actor::anonymous(&self.url(), &self.client)
    }

    /// Signs in with a password.
    pub async fn sign_in(&self, email: &str, password: &str) -> Actor {
        Actor::sign_in(&self.url(), &self.client, email, password).await
    }

    /// The demo organisation's only administrator.
    pub async fn admin(&self) -> Actor {
        self.sign_in("admin@demo.athena", PASSWORD).await
    }

    /// A new sales person, who has no requests and no feed yet.
    pub async fn sales(&self) -> Actor {
        self.person("sales").await
    }

    /// A new person with this role.
    pub async fn person(&self, role: &str) -> Actor {
        let number = self.users.fetch_add(1, Ordering::Relaxed);
        let email = format!("new{number}@demo.athena");
        let body = json!({"email": email, "name": format!("New {number}"), "roles": [role], "password": PASSWORD});
        let made = self.admin().await.post("/api/v1/users", &body).await;
        assert_eq!(made.status, 201, "creating a user: {}", made.body);
        self.sign_in(&email, PASSWORD).await
    }

    /// A new sales person's first phone.
    pub async fn sales_phone(&self) -> Phone {
        Phone::of(self.sales().await)
    }

    /// The fields of a draft that can be submitted: one level, so L1 decides alone.
    pub async fn complete(&self) -> Value {
        let actor = self.sign_in("sales1@demo.athena", PASSWORD).await;
        actor.complete().await
    }

    /// Waits until the request service has heard of people and catalogue, by submitting until it can.
    pub(crate) async fn wait_for_projections(&self) {
        let fields = self.complete().await;
        let mut phone = Phone::of(self.sign_in("sales5@demo.athena", PASSWORD).await);
        let mut last = String::new();
        for _ in 0..200 {
            let id = phone.new_id();
            let items = [phone.upsert(id, fields.clone()), phone.submit(id)];
            let reply = phone.sync(items).await;
            if reply.verdicts() == ["applied", "applied"] {
                return;
            }
            last = reply.body["results"].to_string();
            let delete = phone.delete(id);
            phone.sync([delete]).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the demo organisation does not reach the request service: {last}");
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({:?} at {})", self.engine, self.url())
    }
}

pub(crate) fn http_client() -> reqwest::Client {
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("an HTTP client")
}
