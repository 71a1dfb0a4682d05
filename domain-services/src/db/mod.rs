//! One database handle for two engines.
//!
//! A store function is written once: a [`Query`] is a value (static text and owned arguments) that
//! runs against a [`Db`] or inside a [`Tx`], on PostgreSQL or on SQLite. Only what the two dialects
//! cannot agree on (bulk statements) is written twice, side by side, with [`sql_by_engine`].
//!
//! Each service opens a `Db` of its own: a schema of PostgreSQL (found by `search_path`, so
//! statements never name it) or a file of SQLite. Reads go to a pool; writes to [`Db::write`]:
//! one transaction on PostgreSQL, a share of a group commit on SQLite, which has one writer.

mod error;
mod lite;
mod migrate;
mod pool;
mod query;
mod rows;
mod tx;
mod url;
mod value_rows;

pub use error::DbError;
pub use lite::BeforeCommit;
pub use migrate::Service;
pub use query::{IdList, On, Query, Row, Val, sql, sql_by_engine, sql_lite, sql_pg};
pub use rows::{Borrowed, Rows};
pub use tx::Tx;
pub use url::{DatabaseUrl, DatabaseUrlError};
pub(crate) use value_rows::ValueRows;

use crate::time::Ids;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How a [`Db`] is opened.
#[derive(Clone)]
pub struct DbOptions {
    /// Connections of PostgreSQL, or readers of SQLite (four at most), that one service may hold.
    pub connections_max: usize,
    /// Called by SQLite's writer before each commit. Tests delay commits with it.
    pub before_commit: Option<BeforeCommit>,
    /// The process's time and identifiers; SQLite's "database clock" is this clock.
    pub ids: Ids,
}

impl Default for DbOptions {
    fn default() -> Self {
        Self {
            connections_max: 8,
            before_commit: None,
            ids: Ids::default(),
        }
    }
}

impl std::fmt::Debug for DbOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DbOptions")
            .field("connections_max", &self.connections_max)
            .finish_non_exhaustive()
    }
}

/// A service's database. Cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    engine: Engine,
    ids: Ids,
    statements: Arc<AtomicU64>,
}

enum Engine {
    Pg(pool::PgPool),
    Lite(lite::Lite),
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0.engine {
            Engine::Pg(_) => "Db(PostgreSQL)",
            Engine::Lite(_) => "Db(SQLite)",
        })
    }
}

impl Db {
    /// Opens a service's database and brings its schema up to date.
    ///
    /// # Errors
    /// When the database cannot be reached, or holds migrations this program does not know.
    pub async fn open(
        url: &DatabaseUrl,
        service: Service,
        options: DbOptions,
    ) -> Result<Self, DbError> {
        let statements = Arc::new(AtomicU64::new(0));
        let engine = match url {
            DatabaseUrl::Postgres(connect) => {
                migrate::postgres(connect, service).await?;
                Engine::Pg(pool::postgres(connect, service, options.connections_max)?)
            }
            DatabaseUrl::Sqlite(folder) => Engine::Lite(
                lite::Lite::open(folder, service, &options, Arc::clone(&statements)).await?,
            ),
        };
        Ok(Self(Arc::new(Inner {
            engine,
            ids: options.ids,
            statements,
        })))
    }

    /// Runs `work` in one transaction and commits it when it returns `Ok`.
    ///
    /// `work` may run more than once (a serialization failure, a deadlock, a neighbour's failure in
    /// a group commit), so it owns what it needs and has no effect beside the transaction's.
    ///
    /// # Errors
    /// What `work` returns, or the database's failure to begin or commit.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &self.0.engine {
            Engine::Pg(pool) => tx::write_postgres(pool, self, work).await,
            Engine::Lite(lite) => lite.write(work).await,
        }
    }

    /// Whether this is SQLite.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        matches!(self.0.engine, Engine::Lite(_))
    }

    /// Statements sent so far, by which a test tells that a batch costs a constant number.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.0.statements.load(Ordering::Relaxed)
    }

    /// Time and identifiers of this process.
    #[must_use]
    pub fn ids(&self) -> &Ids {
        &self.0.ids
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// Its failure to.
    pub async fn ping(&self) -> Result<(), DbError> {
        sql("select 1").execute(self).await.map(|_| ())
    }

    /// A connection to PostgreSQL outside the pool, for a lock that lives as long as it does;
    /// `None` on SQLite, where one process owns the file.
    ///
    /// # Errors
    /// When PostgreSQL cannot be reached.
    pub async fn own_connection(&self) -> Result<Option<sqlx::PgConnection>, DbError> {
        match &self.0.engine {
            Engine::Pg(pool) => Ok(Some(pool.manager().connect().await?)),
            Engine::Lite(_) => Ok(None),
        }
    }

    fn count(&self) {
        self.0.statements.fetch_add(1, Ordering::Relaxed);
    }
}
