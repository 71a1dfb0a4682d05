//! A transaction on either engine.

use super::pool::{PgHeld, PgPool};
use super::{Db, DbError, sql};
use crate::time::Ids;
use futures_util::future::BoxFuture;
use sqlx::{PgConnection, SqliteConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often a transaction that collides with another is run before its failure is told.
const TRIES_MAX: u32 = 8;

/// An open transaction.
pub struct Tx {
    held: Option<Held>,
    ids: Ids,
    statements: Arc<AtomicU64>,
    collided: bool,
    broken: bool,
}

pub(super) enum Held {
    Pg(PgHeld),
    Lite(SqliteConnection),
}

pub(super) enum Connection<'t> {
    Pg(&'t mut PgConnection),
    Lite(&'t mut SqliteConnection),
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").finish_non_exhaustive()
    }
}

impl Tx {
    pub(super) fn new(held: Held, ids: Ids, statements: Arc<AtomicU64>) -> Self {
        Self {
            held: Some(held),
            ids,
            statements,
            collided: false,
            broken: false,
        }
    }

    /// Time and identifiers of this process.
    #[must_use]
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// The database's clock, in microseconds since the Unix epoch: nodes whose own clocks differ
    /// agree on it. Read it after the lock it is to be ordered by.
    ///
    /// # Errors
    /// The database's.
    pub async fn now_us(&mut self) -> Result<i64, DbError> {
        if self.is_sqlite() {
            return Ok(self.ids.now_us());
        }
        let (now_us,): (i64,) =
            sql("select (extract(epoch from clock_timestamp()) * 1000000)::bigint")
                .fetch_one(self)
                .await?;
        Ok(now_us)
    }

    /// Whether this is SQLite.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        matches!(self.held, Some(Held::Lite(_)))
    }

    pub(super) fn connection(&mut self) -> Result<Connection<'_>, DbError> {
        match &mut self.held {
            Some(Held::Pg(held)) => Ok(Connection::Pg(held)),
            Some(Held::Lite(connection)) => Ok(Connection::Lite(connection)),
            None => Err(DbError::Other("the transaction has ended".to_owned())),
        }
    }

    pub(super) fn count(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note(&mut self, error: sqlx::Error) -> DbError {
        self.broken |= DbError::closes_connection(&error);
        let error = DbError::from(error);
        self.collided |= matches!(error, DbError::Collision(_));
        error
    }

    pub(super) fn into_lite(mut self) -> Option<SqliteConnection> {
        match self.held.take() {
            Some(Held::Lite(connection)) => Some(connection),
            _ => None,
        }
    }

    /// Ends the transaction well; its connection goes back to the pool.
    async fn end(mut self, statement: &'static str) -> Result<(), DbError> {
        sqlx_execute(&mut self, statement).await?;
        self.held = None;
        Ok(())
    }
}

impl Drop for Tx {
    /// A transaction that was neither committed nor rolled back (its future was dropped, or its
    /// connection broke) must not go back to the pool half open.
    fn drop(&mut self) {
        if let Some(Held::Pg(held)) = self.held.take() {
            drop(PgHeld::take(held));
        }
    }
}

/// `BEGIN`, `COMMIT` and `ROLLBACK`: not prepared, and not counted as a statement of the work.
pub(super) async fn sqlx_execute(tx: &mut Tx, statement: &'static str) -> Result<(), DbError> {
    use sqlx::Executor;
    let outcome = match tx.connection()? {
        Connection::Pg(connection) => connection.execute(statement).await.map(|_| ()),
        Connection::Lite(connection) => connection.execute(statement).await.map(|_| ()),
    };
    outcome.map_err(|error| tx.note(error))
}

pub(super) async fn write_postgres<T, E, F>(pool: &PgPool, db: &Db, mut work: F) -> Result<T, E>
where
    F: for<'t> FnMut(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    E: From<DbError>,
{
    let mut tries = 0;
    loop {
        tries += 1;
        let held = pool.get().await.map_err(DbError::from)?;
        let mut tx = Tx::new(
            Held::Pg(held),
            db.0.ids.clone(),
            Arc::clone(&db.0.statements),
        );
        if let Err(error) = sqlx_execute(&mut tx, "begin").await {
            if tx.broken {
                pool.retain(|_, _| false);
            }
            if tries < 2 && error.is_unavailable() {
                continue; // a connection that died while it was idle
            }
            return Err(error.into());
        }
        let outcome = work(&mut tx).await;
        let again = tx.collided && tries < TRIES_MAX;
        let broken = tx.broken;
        match outcome {
            Ok(value) => match tx.end("commit").await {
                Ok(()) => return Ok(value),
                Err(DbError::Collision(_)) if tries < TRIES_MAX => {}
                Err(error) => return Err(error.into()),
            },
            Err(error) => {
                if broken {
                    pool.retain(|_, _| false);
                } else if let Err(failure) = tx.end("rollback").await {
                    tracing::debug!(%failure, "a rollback failed; its connection is closed");
                }
                if !again {
                    return Err(error);
                }
            }
        }
    }
}
