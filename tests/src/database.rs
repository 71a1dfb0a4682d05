//! Databases of tests: each test has one of its own, copied from a template that holds the demo organisation.

use crate::server::Server;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// What the data lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Files of the embedded default.
    Sqlite,
    /// A database of the `PostgreSQL` at `ATHENA_TEST_PG_URL`.
    Postgres,
}

impl Engine {
    /// Both, for tests that loop themselves.
    pub const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];
}

/// A test's own data: a folder, and on `PostgreSQL` a database.
pub(crate) struct Data {
    pub(crate) folder: TempDir,
    pub(crate) database: Option<String>,
}

static SQLITE_TEMPLATE: OnceCell<TempDir> = OnceCell::const_new();
static POSTGRES_TEMPLATE: OnceCell<String> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

impl Data {
    /// Empty data: no schema, no organisation.
    pub(crate) async fn empty(engine: Engine) -> Self {
        let database = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(create_database(None).await),
        };
        Self {
            folder: TempDir::new().expect("a temporary folder"),
            database,
        }
    }

    /// A copy of the template: schema, demo organisation, projections filled.
    pub(crate) async fn demo(engine: Engine) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        match engine {
            Engine::Sqlite => {
                let template = SQLITE_TEMPLATE.get_or_init(sqlite_template).await;
                copy_folder(template.path(), folder.path());
                Self {
                    folder,
                    database: None,
                }
            }
            Engine::Postgres => {
                let template = POSTGRES_TEMPLATE.get_or_init(postgres_template).await;
                Self {
                    folder,
                    database: Some(create_database(Some(template)).await),
                }
            }
        }
    }

    /// Another node's data: a folder of its own with the same keys, the same database.
    pub(crate) fn beside(&self) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let keys = self.folder.path().join("keys");
        if keys.exists() {
            std::fs::create_dir(folder.path().join("keys")).expect("a folder");
            copy_folder(&keys, &folder.path().join("keys"));
        }
        Self {
            folder,
            database: self.database.clone(),
        }
    }

    /// The value of the setting `database_url`.
    pub(crate) fn url(&self) -> Option<String> {
        self.database.as_deref().map(postgres_url)
    }

    pub(crate) async fn remove(self) {
        if let Some(database) = self.database {
            let drop = format!("drop database if exists {database} with (force)");
            let mut connection = administrator().await;
            connection
                .execute(sqlx::raw_sql(AssertSqlSafe(drop)))
                .await
                .expect("dropping a test's database");
        }
    }
}

async fn sqlite_template() -> TempDir {
    let data = Data::empty(Engine::Sqlite).await;
    let data = make_organisation(Engine::Sqlite, data).await;
    data.folder
}

async fn postgres_template() -> String {
    let data = Data::empty(Engine::Postgres).await;
    let data = make_organisation(Engine::Postgres, data).await;
    data.database.expect("a database")
}

/// Starts a server once with `--demo`, waits until its events have arrived everywhere, and stops it.
async fn make_organisation(engine: Engine, data: Data) -> Data {
    let server = Box::pin(Server::on(engine, data, crate::setup::Setup::default())).await;
    server.wait_for_projections().await;
    let data = server.stop_and_keep().await;
    settle(data.folder.path()).await;
    data
}

/// Takes the write-ahead logs into their files, so that the files alone are the data. Connections close some
/// time behind the server's end, and only the last one of a file would do it.
async fn settle(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("the data folder") {
        let path = entry.expect("a file").path();
        if path.extension().is_none_or(|extension| extension != "db") {
            continue;
        }
        let options = SqliteConnectOptions::new().filename(&path);
        let mut file = SqliteConnection::connect_with(&options)
            .await
            .expect("the file of a stopped server");
        // (busy, pages in the log, pages taken)
        let (busy, ..): (i64, i64, i64) = sqlx::query_as("pragma wal_checkpoint(truncate)")
            .fetch_one(&mut file)
            .await
            .expect("a checkpoint");
        assert_eq!(busy, 0, "{}: somebody still works on it", path.display());
        file.close().await.expect("closing it");
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("the template's folder") {
        let entry = entry.expect("a file of the template");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a file's type").is_dir() {
            std::fs::create_dir(&target).expect("a folder");
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).expect("copying the template");
        }
    }
}

fn base_url() -> String {
    std::env::var("ATHENA_TEST_PG_URL").expect(
        "ATHENA_TEST_PG_URL names no PostgreSQL (a superuser's URL): scripts/test starts one and sets it",
    )
}

/// The URL of another database of the same server.
fn postgres_url(database: &str) -> String {
    let base = base_url();
    let (server, _) = base
        .rsplit_once('/')
        .expect("ATHENA_TEST_PG_URL ends in /database");
    format!("{server}/{database}")
}

async fn administrator() -> PgConnection {
    PgConnection::connect(&base_url())
        .await
        .expect("the PostgreSQL at ATHENA_TEST_PG_URL")
}

async fn create_database(template: Option<&str>) -> String {
    let number = DATABASES.fetch_add(1, Ordering::Relaxed);
    let name = format!("athena_{}_{number}", std::process::id());
    let create = match template {
        Some(template) => format!("create database {name} template {template}"),
        None => format!("create database {name} encoding 'UTF8' locale 'C' template template0"),
    };
    let mut connection = administrator().await;
    // The template's last connections may still be closing.
    for _ in 0..100 {
        let create = sqlx::raw_sql(AssertSqlSafe(create.clone()));
        match connection.execute(create).await {
            Ok(_) => return name,
            Err(error) if error.to_string().contains("being accessed by other users") => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => panic!("creating a test's database: {error}"),
        }
    }
    panic!("the template database stays in use");
}
