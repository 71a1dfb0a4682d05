//! The real `athena` binary in a process of its own, for tests that kill it.

use crate::PATIENCE;
use crate::actor::Actor;
use crate::database::{Data, Engine};
use crate::kafka::Variables;
use crate::server::http_client;
use crate::stuck;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
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
    more: Variables,
}

/// The variable that says what a first start makes.
type First = (&'static str, &'static str);
const DEMO: First = ("ATHENA_DEMO", "on");
const FIRST_ADMIN: First = ("ATHENA_ADMIN_PASSWORD", "a first admin");

/// A start may take so long in a test on a loaded machine before it is given up.
const READY_MAX: Duration = Duration::from_mins(2);
/// How long one look at a server that starts may take.
const ASK_MAX: Duration = Duration::from_secs(10);

impl Process {
    /// Starts the binary on a copy of the demo organisation.
    pub async fn start(engine: Engine) -> Self {
        Self::start_over(engine, Vec::new()).await
    }

    /// The same with more variables.
    pub async fn start_over(engine: Engine, more: Variables) -> Self {
        let mut process = Self::launch(Data::demo(engine).await, DEMO, more);
        process.wait_ready().await;
        process
    }

    /// Starts the binary on nothing: it makes the demo organisation itself.
    pub async fn start_new(engine: Engine, more: Variables) -> Self {
        let mut process = Self::launch(Data::empty(engine).await, DEMO, more);
        process.wait_ready().await;
        process
    }

    /// Another node on the same `PostgreSQL` database; it [leaves](Self::leave) first.
    pub async fn beside(&self) -> Self {
        let data = self.data().beside();
        let mut process = Self::launch(data, DEMO, self.more.clone());
        process.wait_ready().await;
        process
    }

    /// Two nodes on one empty `PostgreSQL` database, started in the same moment; stop the second first.
    /// `admin@athena.local` has the password `a first admin`.
    pub async fn start_two_on_nothing() -> (Self, Self) {
        let data = Data::empty(Engine::Postgres).await;
        let beside = data.beside();
        let (mut one, mut two) = (
            Self::launch(data, FIRST_ADMIN, Vec::new()),
            Self::launch(beside, FIRST_ADMIN, Vec::new()),
        );
        one.wait_ready().await;
        two.wait_ready().await;
        (one, two)
    }

    fn launch(data: Data, first: First, more: Variables) -> Self {
        let port = free_port();
        let child = spawn(&data, port, first, &more);
        Self {
            ready_after: Duration::ZERO,
            data: Some(data),
            child,
            port,
            client: http_client(),
            more,
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
        // Also of one that is dead already.
        self.child.kill().expect("killing the server");
        self.child.wait().expect("its end");
    }

    /// Starts it again on the same data and another port, after a kill.
    pub async fn start_again(&mut self) {
        self.port = free_port();
        self.child = spawn(self.data(), self.port, DEMO, &self.more);
        self.client = http_client();
        self.wait_ready().await;
    }

    /// The same with other variables than before.
    pub async fn start_again_over(&mut self, more: Variables) {
        self.more = more;
        self.start_again().await;
    }

    /// What it has said since it was started last.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("athena.log")).unwrap_or_default()
    }

    /// Runs `athena rebuild` on the data of a server that was killed.
    #[must_use]
    pub fn rebuild(&self) -> Output {
        self.run(&["rebuild"])
    }

    /// Runs an `athena` command on its data; on `SQLite` kill it first.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_over(arguments, self.more.clone())
    }

    /// The same with other variables.
    #[must_use]
    pub fn run_over(&self, arguments: &[&str], more: Variables) -> Output {
        let mut command = Command::new(Self::binary("athena"));
        command
            .args(arguments)
            .env_clear()
            .env("ATHENA_DATA_DIR", self.data().folder.path())
            .envs(more);
        if let Some(url) = self.data().url() {
            command.env("ATHENA_DATABASE_URL", url);
        }
        command.output().expect("running athena")
    }

    /// What one of its services' databases answers.
    pub async fn ask<R>(&self, service: &str, query: &'static str) -> Vec<R>
    where
        R: Send + Unpin,
        R: for<'r> sqlx::FromRow<'r, PgRow> + for<'r> sqlx::FromRow<'r, SqliteRow>,
    {
        let answer = if let Some(url) = self.postgres_url() {
            let options: PgConnectOptions = url.parse().expect("its URL");
            let options = options.options([("search_path", service)]);
            let mut connection = options.connect().await.expect("its database");
            sqlx::query_as(query).fetch_all(&mut connection).await
        } else {
            let file = self.folder().join(format!("{service}.db"));
            let options = SqliteConnectOptions::new().filename(file);
            let mut connection = options.connect().await.expect("its file");
            sqlx::query_as(query).fetch_all(&mut connection).await
        };
        answer.expect("rows")
    }

    /// The one number that one of its services' databases answers.
    pub async fn count(&self, service: &str, query: &'static str) -> i64 {
        let rows: Vec<(i64,)> = self.ask(service, query).await;
        rows[0].0
    }

    /// Looks until a database answers this number, for as long as a slow machine may need.
    pub async fn wait_count(&self, service: &str, query: &'static str, number: i64) {
        let begun = Instant::now();
        loop {
            let found = self.count(service, query).await;
            if found == number {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{query}: {found}, not {number}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// From now on the system lets it write to no file, as on a disk that has no space left; or again to all.
    pub fn hold_files(&self, held: bool) {
        let most = if held {
            "--fsize=0:"
        } else {
            "--fsize=unlimited:"
        };
        let limited = Command::new("prlimit")
            .args(["--pid", &self.id().to_string(), most])
            .status();
        assert!(limited.expect("running prlimit").success());
    }

    /// Bytes of memory it holds.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("it");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().split(' ').next());
        1024 * kib
            .and_then(|kib| kib.parse::<u64>().ok())
            .expect("a number")
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

    /// Kills it, and leaves the database to another node.
    pub fn leave(mut self) {
        self.kill();
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
            // It listens before it serves: who asks early waits.
            let asked = self.client.get(&url).timeout(ASK_MAX).send().await;
            if let Ok(answer) = asked
                && answer.status() == 200
            {
                self.ready_after = start.elapsed();
                return;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("athena ended with {status}: {}", self.log());
            }
            if start.elapsed() >= READY_MAX {
                let stuck = stuck::described(self.id(), self.data(), &self.more).await;
                panic!("athena is not ready: {}\n{stuck}", self.log());
            }
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

fn spawn(data: &Data, port: u16, first: First, more: &[(&'static str, String)]) -> Child {
    let log = std::fs::File::create(data.folder.path().join("athena.log")).expect("a log");
    // A write beyond the limit of `hold_files` is an error; by default it is a deadly signal.
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "trap '' XFSZ && exec \"$0\" serve"])
        .arg(Process::binary("athena"))
        .env_clear()
        .env(first.0, first.1)
        .env("ATHENA_LISTEN", format!("127.0.0.1:{port}"))
        .env("ATHENA_DATA_DIR", data.folder.path())
        .env("ATHENA_RATE_LIMIT", "off")
        .envs(more.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log"))
        .stderr(log);
    if let Some(url) = data.url() {
        command.env("ATHENA_DATABASE_URL", url);
    }
    command.spawn().expect("starting athena")
}
