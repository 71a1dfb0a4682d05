//! The real `athena` binary in a process of its own, for tests that kill it.

use crate::actor::Actor;
use crate::database::{Data, Engine};
use crate::server::http_client;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tokio::time::Instant;

/// A server in a process of its own, which can be killed and started again on the same data.
pub struct Process {
    /// How long the last start took until `/readyz` said 200.
    pub ready_after: Duration,
    data: Option<Data>,
    child: Child,
    port: u16,
    client: reqwest::Client,
}

/// The variable that says what a first start makes.
type First = (&'static str, &'static str);
const DEMO: First = ("ATHENA_DEMO", "on");
const FIRST_ADMIN: First = ("ATHENA_ADMIN_PASSWORD", "a first admin");

/// A start may take so long in a test on a loaded machine before it is given up.
const READY_MAX: Duration = Duration::from_secs(30);

impl Process {
    /// Starts the binary on a copy of the demo organisation.
    pub async fn start(engine: Engine) -> Self {
        let mut process = Self::launch(Data::demo(engine).await, DEMO);
        process.wait_ready().await;
        process
    }

    /// Two nodes on one empty `PostgreSQL` database, started in the same moment; stop the second first.
    /// `admin@athena.local` has the password `a first admin`.
    pub async fn start_two_on_nothing() -> (Self, Self) {
        let data = Data::empty(Engine::Postgres).await;
        let beside = data.beside();
        let (mut one, mut two) = (
            Self::launch(data, FIRST_ADMIN),
            Self::launch(beside, FIRST_ADMIN),
        );
        one.wait_ready().await;
        two.wait_ready().await;
        (one, two)
    }

    fn launch(data: Data, first: First) -> Self {
        let port = free_port();
        let child = spawn(&data, port, first);
        Self {
            ready_after: Duration::ZERO,
            data: Some(data),
            child,
            port,
            client: http_client(),
        }
    }

    /// A binary beside this test's own: `target/debug/deps/it-…` and `target/debug/athena`.
    #[must_use]
    pub fn binary(name: &str) -> PathBuf {
        let own = std::env::current_exe().expect("this test's file");
        let folder = own
            .parent()
            .and_then(|deps| deps.parent())
            .expect("the target folder");
        let binary = folder.join(name);
        assert!(
            binary.exists(),
            "{} is missing: cargo build --workspace --bins (scripts/test does)",
            binary.display()
        );
        binary
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Signs in with a password.
    pub async fn sign_in(&self, email: &str, password: &str) -> Actor {
        Actor::sign_in(&self.url(), &self.client, email, password).await
    }

    /// SIGKILL: nothing is flushed, nothing is said.
    pub fn kill(&mut self) {
        self.child.kill().expect("killing the server");
        self.child.wait().expect("its end");
    }

    /// Starts it again on the same data and another port, after a kill.
    pub async fn start_again(&mut self) {
        self.port = free_port();
        self.child = spawn(self.data(), self.port, DEMO);
        self.client = http_client();
        self.wait_ready().await;
    }

    /// Runs `athena rebuild` on the data of a server that was killed.
    #[must_use]
    pub fn rebuild(&self) -> Output {
        let mut command = Command::new(Self::binary("athena"));
        command
            .arg("rebuild")
            .env_clear()
            .env("ATHENA_DATA_DIR", self.data().folder.path());
        if let Some(url) = self.data().url() {
            command.env("ATHENA_DATABASE_URL", url);
        }
        command.output().expect("running athena rebuild")
    }

    /// The `PostgreSQL` database's URL, or none on `SQLite`.
    #[must_use]
    pub fn postgres_url(&self) -> Option<String> {
        self.data().url()
    }

    /// Events and the leaves of the audit log match one to one.
    pub async fn check_ledger(&self) {
        self.data().check_ledger().await;
    }

    /// The folder of its files.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.data().folder.path().to_owned()
    }

    /// Kills it and removes its data.
    pub async fn stop(mut self) {
        self.kill();
        if let Some(data) = self.data.take() {
            data.remove().await;
        }
    }

    fn data(&self) -> &Data {
        self.data
            .as_ref()
            .expect("the data of a server not stopped")
    }

    async fn wait_ready(&mut self) {
        let start = Instant::now();
        let url = format!("{}/readyz", self.url());
        loop {
            if let Ok(answer) = self.client.get(&url).send().await
                && answer.status() == 200
            {
                self.ready_after = start.elapsed();
                return;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                let log = std::fs::read_to_string(self.folder().join("athena.log"));
                panic!("athena ended with {status}: {}", log.unwrap_or_default());
            }
            assert!(start.elapsed() < READY_MAX, "athena is not ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Process {
    /// A test that fails leaves no server behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Process({} at {})", self.id(), self.url())
    }
}

fn free_port() -> u16 {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    probe.local_addr().expect("its address").port()
}

fn spawn(data: &Data, port: u16, first: First) -> Child {
    let log = std::fs::File::create(data.folder.path().join("athena.log")).expect("a log");
    let mut command = Command::new(Process::binary("athena"));
    command
        .arg("serve")
        .env_clear()
        .env(first.0, first.1)
        .env("ATHENA_LISTEN", format!("127.0.0.1:{port}"))
        .env("ATHENA_DATA_DIR", data.folder.path())
        .env("ATHENA_RATE_LIMIT", "off")
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log"))
        .stderr(log);
    if let Some(url) = data.url() {
        command.env("ATHENA_DATABASE_URL", url);
    }
    command.spawn().expect("starting athena")
}
