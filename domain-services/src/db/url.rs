//! Where the data lives: `sqlite:FOLDER` or `postgres://…`.

use sqlx::postgres::PgConnectOptions;
use std::path::PathBuf;
use std::str::FromStr;

/// A database that holds every service's data.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// A PostgreSQL database; each service has a schema in it.
    Postgres(Box<PgConnectOptions>),
    /// A folder of SQLite files; each service has a file in it.
    Sqlite(PathBuf),
}

/// Why a database URL was refused.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseUrlError {
    /// It names neither engine.
    #[error("a database URL begins with `sqlite:` or `postgres://`")]
    Scheme,
    /// It names no folder.
    #[error("`sqlite:` is followed by a folder")]
    Folder,
    /// PostgreSQL's part does not parse.
    #[error("the PostgreSQL URL does not parse: {0}")]
    Postgres(#[from] sqlx::Error),
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(rest) = text.strip_prefix("sqlite:") {
            let folder = rest.strip_prefix("//").unwrap_or(rest);
            if folder.is_empty() {
                return Err(DatabaseUrlError::Folder);
            }
            return Ok(Self::Sqlite(PathBuf::from(folder)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(Box::new(PgConnectOptions::from_str(text)?)));
        }
        Err(DatabaseUrlError::Scheme)
    }
}
