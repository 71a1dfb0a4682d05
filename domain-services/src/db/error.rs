//! What a database can answer instead of rows.

use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteError;

/// A failure of the database, free of transport.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// It cannot be reached, or refuses its work for now, whatever the work: no connection, no space on its disk, a
    /// replica that only reads. Trying again may help.
    #[error("the database does not work for now: {0}")]
    Unavailable(String),
    /// A unique constraint was violated. SQLite does not name it.
    #[error("a unique constraint was violated: {}", constraint.as_deref().unwrap_or("unnamed"))]
    Unique {
        /// The constraint's name, where the engine tells it.
        constraint: Option<String>,
    },
    /// A `not null` constraint was violated.
    #[error("a not-null constraint was violated: {0}")]
    NotNull(String),
    /// A serialization failure or a deadlock: the transaction may be run again.
    #[error("the transaction collided with another: {0}")]
    Collision(String),
    /// A row that does not decode into its type.
    #[error("a stored row does not decode: {0}")]
    Decode(String),
    /// The schema cannot be brought up to date.
    #[error("the schema cannot be brought up to date: {0}")]
    Migrate(String),
    /// Anything else: a mistake in a statement.
    #[error("the database failed: {0}")]
    Other(String),
}

impl DbError {
    /// Whether trying again later may help.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    pub(super) fn closes_connection(error: &sqlx::Error) -> bool {
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::Database(error) => {
                let code = error.code();
                code.is_some_and(|code| code.starts_with("57P") || code == STANDBY)
            }
            _ => false,
        }
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::error::ErrorKind;
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error.to_string()),
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. } => Self::Decode(error.to_string()),
            sqlx::Error::Database(inner) => match (inner.kind(), inner.code().as_deref()) {
                (ErrorKind::UniqueViolation, _) => Self::Unique {
                    constraint: inner.constraint().map(str::to_owned),
                },
                (ErrorKind::NotNullViolation, _) => Self::NotNull(inner.message().to_owned()),
                (_, Some("40001" | "40P01")) => Self::Collision(inner.message().to_owned()),
                _ if is_for_now(inner.as_ref()) => Self::Unavailable(inner.message().to_owned()),
                _ => Self::Other(error.to_string()),
            },
            _ => Self::Other(error.to_string()),
        }
    }
}

/// Whether what the database refuses has to do with its own state, and not with what it was asked.
fn is_for_now(error: &dyn DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<SqliteError>().is_some() {
        sqlite_is_for_now(&code)
    } else {
        postgres_is_for_now(&code)
    }
}

/// By the low byte of an extended code, which is the primary one: <https://sqlite.org/rescode.html>.
fn sqlite_is_for_now(code: &str) -> bool {
    let primary = code.parse().map_or(0, |code: i32| code & 0xff);
    matches!(
        primary,
        BUSY | LOCKED | NOMEM | READONLY | IOERR | FULL | CANTOPEN | PROTOCOL
    )
}

/// Connections, resources, what is in use, the operator, the system; a standby. Not 57014: a statement that took too
/// long takes as long again.
fn postgres_is_for_now(code: &str) -> bool {
    ["08", "53", "55", "57P", "58", STANDBY]
        .iter()
        .any(|class| code.starts_with(class))
}

/// Only reading: after a failover, another connection may find the one that writes.
const STANDBY: &str = "25006";
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const NOMEM: i32 = 7;
const READONLY: i32 = 8;
const IOERR: i32 = 10;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const PROTOCOL: i32 = 15;

impl From<sqlx::migrate::MigrateError> for DbError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(inner) => Self::from(inner),
            other => Self::Migrate(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_database_refuses_for_now_is_told_from_what_it_will_refuse_again() {
        // A full disk (with an extended code of IOERR too), a lock, a device, a file system that only reads.
        for code in ["13", "5", "517", "6", "10", "778", "8", "1032", "14"] {
            assert!(sqlite_is_for_now(code), "{code}");
        }
        // Constraints, a mistake, a type, a file that is none.
        for code in ["19", "2067", "1299", "1", "20", "26", "", "x"] {
            assert!(!sqlite_is_for_now(code), "{code}");
        }
        // https://www.postgresql.org/docs/current/errcodes-appendix.html
        for code in [
            "08006", "53100", "53200", "53300", "55P03", "57P01", "57P03", "58030", "25006",
        ] {
            assert!(postgres_is_for_now(code), "{code}");
        }
        for code in ["22021", "23505", "25001", "42P01", "57014", "XX000", ""] {
            assert!(!postgres_is_for_now(code), "{code}");
        }
    }
}
