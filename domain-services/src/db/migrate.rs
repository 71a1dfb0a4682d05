//! Embedded migrations: `migrations/<service>/<engine>/`.

use super::DbError;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

/// A service that owns tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Accounts, departments, sessions.
    User,
    /// Categories, reasons, approver assignments.
    Catalog,
    /// Budget requests.
    Request,
    /// Approvals of requests.
    Approval,
    /// The log of what was done.
    Audit,
    /// Messages to people.
    Notification,
}

impl Service {
    /// Every service with tables.
    pub const ALL: [Self; 6] = [
        Self::User,
        Self::Catalog,
        Self::Request,
        Self::Approval,
        Self::Audit,
        Self::Notification,
    ];

    /// The name of its schema (PostgreSQL) and of its file (SQLite).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Catalog => "catalog",
            Self::Request => "request",
            Self::Approval => "approval",
            Self::Audit => "audit",
            Self::Notification => "notification",
        }
    }

    /// Whether it publishes events: the audit service only listens.
    #[must_use]
    pub fn has_outbox(self) -> bool {
        self != Self::Audit
    }

    fn migrator(self, engine: EngineName) -> Migrator {
        use EngineName::{Postgres, Sqlite};
        match (self, engine) {
            (Self::User, Postgres) => sqlx::migrate!("../migrations/user/postgres"),
            (Self::User, Sqlite) => sqlx::migrate!("../migrations/user/sqlite"),
            (Self::Catalog, Postgres) => sqlx::migrate!("../migrations/catalog/postgres"),
            (Self::Catalog, Sqlite) => sqlx::migrate!("../migrations/catalog/sqlite"),
            (Self::Request, Postgres) => sqlx::migrate!("../migrations/request/postgres"),
            (Self::Request, Sqlite) => sqlx::migrate!("../migrations/request/sqlite"),
            (Self::Approval, Postgres) => sqlx::migrate!("../migrations/approval/postgres"),
            (Self::Approval, Sqlite) => sqlx::migrate!("../migrations/approval/sqlite"),
            (Self::Audit, Postgres) => sqlx::migrate!("../migrations/audit/postgres"),
            (Self::Audit, Sqlite) => sqlx::migrate!("../migrations/audit/sqlite"),
            (Self::Notification, Postgres) => sqlx::migrate!("../migrations/notification/postgres"),
            (Self::Notification, Sqlite) => sqlx::migrate!("../migrations/notification/sqlite"),
        }
    }
}

#[derive(Clone, Copy)]
enum EngineName {
    Postgres,
    Sqlite,
}

/// Brings a schema of PostgreSQL up to date. Nodes that start together wait for each other:
/// the migrator holds an advisory lock from before the schema is made.
pub(super) async fn postgres(connect: &PgConnectOptions, service: Service) -> Result<(), DbError> {
    let mut connection = connect
        .clone()
        .options([("search_path", quoted(service))])
        .log_statements(tracing::log::LevelFilter::Off)
        .connect()
        .await?;
    let mut migrator = service.migrator(EngineName::Postgres);
    if !is_current(&mut connection, &migrator).await? {
        migrator.create_schema(quoted(service));
        migrator.run_direct(None, &mut connection, false).await?;
    }
    connection.close().await?;
    Ok(())
}

/// Whether exactly these migrations have been applied: then a role that may not even try to change the
/// schema is enough.
async fn is_current(connection: &mut PgConnection, migrator: &Migrator) -> Result<bool, DbError> {
    let (table,): (Option<String>,) =
        sqlx::query_as("select to_regclass('_sqlx_migrations')::text")
            .fetch_one(&mut *connection)
            .await?;
    if table.is_none() {
        return Ok(false);
    }
    let applied: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "select version, checksum from _sqlx_migrations where success order by version",
    )
    .fetch_all(connection)
    .await?;
    let known = migrator.iter();
    let known = known.map(|migration| (migration.version, migration.checksum.to_vec()));
    Ok(applied == known.collect::<Vec<_>>())
}

pub(super) async fn sqlite(
    connection: &mut sqlx::SqliteConnection,
    service: Service,
) -> Result<(), DbError> {
    let migrator = service.migrator(EngineName::Sqlite);
    migrator.run_direct(None, connection, false).await?;
    Ok(())
}

/// `user` is a keyword of PostgreSQL, so schema names are quoted.
pub(super) fn quoted(service: Service) -> String {
    format!("\"{}\"", service.name())
}
