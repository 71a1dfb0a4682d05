//! Somebody who has the database itself: a superuser, or the file.

use domain_services::audit::tree::{Frontier, leaf_hash};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, SqliteConnection};
use tests::{Engine, Server};

/// Triggers of the file; on PostgreSQL a superuser switches them off.
const TRIGGERS: [&str; 3] = ["leaf_no_update", "leaf_no_delete", "leaf_no_replace"];

pub(super) enum Insider {
    Superuser(PgConnection),
    File(SqliteConnection),
}

impl Insider {
    pub(super) async fn of(server: &Server) -> Self {
        match server.engine {
            Engine::Postgres => {
                let mut connection = PgConnection::connect(&server.postgres_url()).await.unwrap();
                connection.execute("set search_path = audit").await.unwrap();
                Self::Superuser(connection)
            }
            Engine::Sqlite => {
                let file = SqliteConnectOptions::new().filename(server.folder().join("audit.db"));
                Self::File(file.connect().await.unwrap())
            }
        }
    }

    pub(super) async fn run(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Superuser(connection) => connection.execute(sqlx::raw_sql(sql)).await.map(drop),
            Self::File(connection) => connection.execute(sqlx::raw_sql(sql)).await.map(drop),
        }
    }

    /// Gets past the triggers.
    pub(super) async fn switch_triggers_off(&mut self) {
        match self {
            Self::Superuser(_) => {
                let off = "alter table leaf disable trigger leaf_append_only";
                self.run(off).await.unwrap();
            }
            Self::File(_) => {
                for trigger in TRIGGERS {
                    self.run(&format!("drop trigger {trigger}")).await.unwrap();
                }
            }
        }
    }

    pub(super) async fn leaves(&mut self) -> Vec<(i64, String, Vec<u8>)> {
        let sql = "select seq, body, hashes from leaf order by seq";
        match self {
            Self::Superuser(connection) => sqlx::query_as(sql).fetch_all(connection).await.unwrap(),
            Self::File(connection) => sqlx::query_as(sql).fetch_all(connection).await.unwrap(),
        }
    }

    /// Puts the log back as it was.
    pub(super) async fn restore(&mut self, leaves: &[(i64, String, Vec<u8>)]) {
        self.run("delete from leaf").await.unwrap();
        for (seq, body, hashes) in leaves {
            self.insert(*seq, body, hashes).await;
        }
    }

    async fn insert(&mut self, seq: i64, body: &str, hashes: &[u8]) {
        let sql = "insert into leaf (seq, body, hashes) values ($1, $2, $3)";
        match self {
            Self::Superuser(connection) => {
                let query = sqlx::query(sql).bind(seq).bind(body).bind(hashes);
                query.execute(connection).await.unwrap();
            }
            Self::File(connection) => {
                let query = sqlx::query(sql).bind(seq).bind(body).bind(hashes);
                query.execute(connection).await.unwrap();
            }
        }
    }

    /// Writes another history: the leaves as given, with hashes that fit each other.
    pub(super) async fn rewrite(&mut self, bodies: &[String]) {
        self.run("delete from leaf").await.unwrap();
        let mut frontier = Frontier::default();
        for (seq, body) in (0..).zip(bodies) {
            let completed = frontier.push(leaf_hash(body.as_bytes()));
            self.insert(seq, body, &completed.concat()).await;
        }
    }
}
