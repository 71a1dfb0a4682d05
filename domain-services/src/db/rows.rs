//! Rows as the driver holds them, decoded by borrowing: a page of a thousand records is written out
//! without a copy of every string in it.

use super::DbError;
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

/// Rows of either engine.
#[derive(Debug)]
pub enum Rows {
    /// Of PostgreSQL.
    Pg(Vec<PgRow>),
    /// Of SQLite.
    Lite(Vec<SqliteRow>),
}

/// What borrows from a row of either engine.
pub trait Borrowed<'r>: FromRow<'r, PgRow> + FromRow<'r, SqliteRow> {}

impl<'r, T> Borrowed<'r> for T where T: FromRow<'r, PgRow> + FromRow<'r, SqliteRow> {}

impl Default for Rows {
    fn default() -> Self {
        Self::Pg(Vec::new())
    }
}

impl From<Vec<PgRow>> for Rows {
    fn from(rows: Vec<PgRow>) -> Self {
        Self::Pg(rows)
    }
}

impl From<Vec<SqliteRow>> for Rows {
    fn from(rows: Vec<SqliteRow>) -> Self {
        Self::Lite(rows)
    }
}

impl Rows {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Pg(rows) => rows.len(),
            Self::Lite(rows) => rows.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps the first `count`.
    pub fn truncate(&mut self, count: usize) {
        match self {
            Self::Pg(rows) => rows.truncate(count),
            Self::Lite(rows) => rows.truncate(count),
        }
    }

    /// These rows and then those of the same engine.
    #[must_use]
    pub fn followed_by(mut self, more: Self) -> Self {
        match (&mut self, more) {
            (Self::Pg(rows), Self::Pg(more)) => rows.extend(more),
            (Self::Lite(rows), Self::Lite(more)) => rows.extend(more),
            _ => {}
        }
        self
    }

    /// Cuts the rows, from the first on, into pieces of these lengths.
    #[must_use]
    pub fn split(self, lengths: &[usize]) -> Vec<Self> {
        fn cut<T>(rows: Vec<T>, lengths: &[usize]) -> Vec<Vec<T>> {
            let mut rows = rows.into_iter();
            lengths
                .iter()
                .map(|length| rows.by_ref().take(*length).collect())
                .collect()
        }
        match self {
            Self::Pg(rows) => cut(rows, lengths).into_iter().map(Self::Pg).collect(),
            Self::Lite(rows) => cut(rows, lengths).into_iter().map(Self::Lite).collect(),
        }
    }

    /// The row at `index`, decoded; `None` behind the last.
    ///
    /// # Errors
    /// When it does not decode.
    pub fn get<'r, T: Borrowed<'r>>(&'r self, index: usize) -> Result<Option<T>, DbError> {
        Ok(match self {
            Self::Pg(rows) => rows.get(index).map(T::from_row).transpose()?,
            Self::Lite(rows) => rows.get(index).map(T::from_row).transpose()?,
        })
    }

    /// The rows in order, each decoded as it is reached.
    pub fn decode<'r, T: Borrowed<'r>>(&'r self) -> impl Iterator<Item = Result<T, DbError>> {
        (0..self.len()).filter_map(|index| self.get(index).transpose())
    }
}
