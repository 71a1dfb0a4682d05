//! What a database can answer instead of rows.

/// A failure of the database, free of transport.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// It cannot be reached, or refuses connections for now. Trying again may help.
    #[error("the database is away: {0}")]
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
    /// Anything else: a mistake in a statement, a full disk.
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
                error.code().is_some_and(|code| code.starts_with("57P"))
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
                (_, Some(code))
                    if code.starts_with("08")
                        || code.starts_with("57P")
                        || code.starts_with("53") =>
                {
                    Self::Unavailable(inner.message().to_owned())
                }
                _ => Self::Other(error.to_string()),
            },
            _ => Self::Other(error.to_string()),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for DbError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(inner) => Self::from(inner),
            other => Self::Migrate(other.to_string()),
        }
    }
}
