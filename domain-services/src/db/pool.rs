//! Held connections. deadpool instead of sqlx's own pool, which pings a connection each time it
//! is given back: that round trip costs as much as an indexed read.

use super::{DbError, Service, migrate};
use deadpool::managed::{self, Metrics, RecycleResult};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use std::time::Duration;

/// How long a caller waits for a connection before the database counts as away.
const WAIT_MAX: Duration = Duration::from_secs(5);

pub(super) type PgPool = managed::Pool<PgManager>;
pub(super) type PgHeld = managed::Object<PgManager>;
pub(super) type LitePool = managed::Pool<LiteManager>;

pub(super) struct PgManager(PgConnectOptions);

impl PgManager {
    pub(super) async fn connect(&self) -> Result<PgConnection, DbError> {
        Ok(self.0.connect().await?)
    }
}

impl managed::Manager for PgManager {
    type Type = PgConnection;
    type Error = DbError;

    /// In a box: to connect takes 3 KB of state, and a pool that held it in its own future (three times, for
    /// its timeouts) would make every future that reads or writes 10 KB larger. Those are boxed and moved for
    /// each request; connections are made once.
    async fn create(&self) -> Result<PgConnection, DbError> {
        Box::pin(self.connect()).await
    }

    async fn recycle(&self, _: &mut PgConnection, _: &Metrics) -> RecycleResult<DbError> {
        Ok(())
    }

    fn detach(&self, _: &mut PgConnection) {}
}

pub(super) struct LiteManager(SqliteConnectOptions);

impl managed::Manager for LiteManager {
    type Type = SqliteConnection;
    type Error = DbError;

    async fn create(&self) -> Result<SqliteConnection, DbError> {
        Ok(Box::pin(SqliteConnection::connect_with(&self.0)).await?)
    }

    async fn recycle(&self, _: &mut SqliteConnection, _: &Metrics) -> RecycleResult<DbError> {
        Ok(())
    }
}

/// The services' statements are all keyed lookups and bulk upserts. Plans that depend on
/// statistics would be cached while a table is small and stay bad as it grows, until the next
/// `ANALYZE`; so plans are generic and never scan or hash a whole table.
const PLANS: [(&str, &str); 6] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    ("max_parallel_workers_per_gather", "0"),
];

/// The server notices within ten seconds that a machine is gone without a word, and gives free what its
/// connections hold: a relay's lock, rows in the middle of a transaction. By the system's defaults that takes two
/// hours. On a socket of the same machine they mean nothing.
const KEEPALIVES: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "3"),
    ("tcp_keepalives_interval", "2"),
    ("tcp_keepalives_count", "2"),
    ("tcp_user_timeout", "8000"),
];

pub(super) fn postgres(
    connect: &PgConnectOptions,
    service: Service,
    connections_max: usize,
) -> Result<PgPool, DbError> {
    let options = connect
        .clone()
        .options([("search_path", migrate::quoted(service))])
        .options(PLANS)
        .options(KEEPALIVES)
        .application_name(&format!("athena-{}", service.name()))
        .log_statements(tracing::log::LevelFilter::Off);
    build(PgManager(options), connections_max)
}

pub(super) fn sqlite(
    options: SqliteConnectOptions,
    readers_max: usize,
) -> Result<LitePool, DbError> {
    build(LiteManager(options), readers_max)
}

fn build<M>(manager: M, size: usize) -> Result<managed::Pool<M>, DbError>
where
    M: managed::Manager,
{
    managed::Pool::builder(manager)
        .max_size(size.max(1))
        .wait_timeout(Some(WAIT_MAX))
        .create_timeout(Some(WAIT_MAX))
        .runtime(deadpool::Runtime::Tokio1)
        .build()
        .map_err(|error| DbError::Other(error.to_string()))
}

impl From<managed::PoolError<DbError>> for DbError {
    fn from(error: managed::PoolError<DbError>) -> Self {
        match error {
            managed::PoolError::Backend(inner) => inner,
            other => Self::Unavailable(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What waits for a connection is part of every future that uses the database.
    const WAITING_MAX: usize = 1024;

    #[test]
    fn who_waits_for_a_connection_does_not_carry_the_making_of_one() {
        let connect = PgConnectOptions::new_without_pgpass();
        let pool = postgres(&connect, Service::Request, 1).unwrap();
        assert!(size_of_val(&pool.get()) <= WAITING_MAX);
        let pool = sqlite(SqliteConnectOptions::new(), 1).unwrap();
        assert!(size_of_val(&pool.get()) <= WAITING_MAX);
    }
}
