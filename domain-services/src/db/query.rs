//! A statement as a value that either engine runs.

use super::{Db, DbError, Engine, Rows, Tx};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, Encode, FromRow, Postgres, Sqlite, Type};

/// A value that can be bound on either engine.
pub trait Val: Send + Sync {
    /// Appends it to a statement of PostgreSQL.
    ///
    /// # Errors
    /// When it does not encode.
    fn pg(self: Box<Self>, arguments: &mut PgArguments) -> Result<(), sqlx::error::BoxDynError>;
    /// Appends it to a statement of SQLite.
    ///
    /// # Errors
    /// When it does not encode.
    fn lite(
        self: Box<Self>,
        arguments: &mut SqliteArguments,
    ) -> Result<(), sqlx::error::BoxDynError>;
}

impl<T> Val for T
where
    T: Send + Sync + 'static,
    T: for<'q> Encode<'q, Postgres> + Type<Postgres>,
    T: for<'q> Encode<'q, Sqlite> + Type<Sqlite>,
{
    fn pg(self: Box<Self>, arguments: &mut PgArguments) -> Result<(), sqlx::error::BoxDynError> {
        arguments.add(*self)
    }

    fn lite(
        self: Box<Self>,
        arguments: &mut SqliteArguments,
    ) -> Result<(), sqlx::error::BoxDynError> {
        Arguments::add(arguments, *self)
    }
}

/// A row that either engine can fill.
pub trait Row: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin {}

impl<T> Row for T where T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin
{}

/// Where a statement runs: on any connection, or inside a transaction.
pub enum On<'a> {
    /// Any connection; on SQLite a reader.
    Db(&'a Db),
    /// The transaction's connection.
    Tx(&'a mut Tx),
}

impl On<'_> {
    /// Whether the statement will run on SQLite.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        match self {
            Self::Db(db) => db.is_sqlite(),
            Self::Tx(tx) => tx.is_sqlite(),
        }
    }

    /// The same place, for one statement of several.
    pub fn again(&mut self) -> On<'_> {
        match self {
            Self::Db(db) => On::Db(db),
            Self::Tx(tx) => On::Tx(tx),
        }
    }
}

/// Ids bound as one argument: an array on PostgreSQL (`= any($1)`), a JSON array of hexadecimal
/// text on SQLite (`in (select unhex(value) from json_each($1))`).
#[derive(Debug, Clone)]
pub struct IdList(pub Vec<uuid::Uuid>);

impl Val for IdList {
    fn pg(self: Box<Self>, arguments: &mut PgArguments) -> Result<(), sqlx::error::BoxDynError> {
        arguments.add(self.0)
    }

    fn lite(
        self: Box<Self>,
        arguments: &mut SqliteArguments,
    ) -> Result<(), sqlx::error::BoxDynError> {
        let hex: Vec<_> = self.0.iter().map(uuid::Uuid::as_simple).collect();
        Arguments::add(arguments, serde_json::to_string(&hex)?)
    }
}

impl<'a> From<&'a Db> for On<'a> {
    fn from(db: &'a Db) -> Self {
        Self::Db(db)
    }
}

impl<'a> From<&'a mut Tx> for On<'a> {
    fn from(tx: &'a mut Tx) -> Self {
        Self::Tx(tx)
    }
}

/// A statement: static text and its arguments.
pub struct Query {
    pg: &'static str,
    lite: &'static str,
    arguments: Given,
}

/// A statement's arguments: values that suit either engine, or arrays already encoded for one.
enum Given {
    Values(Vec<Box<dyn Val>>),
    Pg(Box<PgArguments>),
    Lite(SqliteArguments),
}

/// A statement for PostgreSQL alone, with arguments that were encoded in place: the bulk
/// statements bind dozens of arrays, and boxing a copy of each would double their cost.
#[must_use]
pub fn sql_pg(text: &'static str, arguments: PgArguments) -> Query {
    Query {
        pg: text,
        lite: "",
        arguments: Given::Pg(Box::new(arguments)),
    }
}

/// The same for SQLite.
#[must_use]
pub fn sql_lite(text: &'static str, arguments: SqliteArguments) -> Query {
    Query {
        pg: "",
        lite: text,
        arguments: Given::Lite(arguments),
    }
}

/// A statement whose text both engines understand, with placeholders `$1`, `$2`, ….
#[must_use]
pub fn sql(text: &'static str) -> Query {
    sql_by_engine(text, text)
}

/// A statement that the engines cannot agree on; both texts take the same arguments.
#[must_use]
pub fn sql_by_engine(pg: &'static str, lite: &'static str) -> Query {
    Query {
        pg,
        lite,
        arguments: Given::Values(Vec::new()),
    }
}

/// Runs one of sqlx's fetching methods on whichever connection `$on` stands for.
macro_rules! run {
    ($self:ident, $on:expr, |$query:ident, $connection:ident| $run:expr, $make:path) => {
        match $on.into() {
            On::Db(db) => {
                db.count();
                match &db.0.engine {
                    Engine::Pg(pool) => {
                        let mut held = pool.get().await?;
                        let outcome = {
                            let $query = $make($self.pg, $self.pg_arguments()?);
                            let $connection = &mut *held;
                            $run
                        };
                        outcome.map_err(|error| {
                            if DbError::closes_connection(&error) {
                                drop(deadpool::managed::Object::take(held));
                                pool.retain(|_, _| false);
                            }
                            DbError::from(error)
                        })
                    }
                    Engine::Lite(lite) => {
                        let mut held = lite.reader().await?;
                        let $query = $make($self.lite, $self.lite_arguments()?);
                        let $connection = &mut *held;
                        $run.map_err(DbError::from)
                    }
                }
            }
            On::Tx(tx) => {
                tx.count();
                let outcome = match tx.connection()? {
                    super::tx::Connection::Pg($connection) => {
                        let $query = $make($self.pg, $self.pg_arguments()?);
                        $run
                    }
                    super::tx::Connection::Lite($connection) => {
                        let $query = $make($self.lite, $self.lite_arguments()?);
                        $run
                    }
                };
                outcome.map_err(|error| tx.note(error))
            }
        }
    };
}

impl Query {
    /// Binds the next placeholder.
    #[must_use]
    pub fn bind(mut self, value: impl Val + 'static) -> Self {
        if let Given::Values(values) = &mut self.arguments {
            values.push(Box::new(value));
        }
        self
    }

    fn pg_arguments(self) -> Result<PgArguments, DbError> {
        let values = match self.arguments {
            Given::Pg(arguments) => return Ok(*arguments),
            Given::Values(values) => values,
            Given::Lite(_) => return Err(for_the_other("SQLite", "PostgreSQL")),
        };
        let mut arguments = PgArguments::default();
        for value in values {
            value
                .pg(&mut arguments)
                .map_err(|error| DbError::Other(error.to_string()))?;
        }
        Ok(arguments)
    }

    fn lite_arguments(self) -> Result<SqliteArguments, DbError> {
        let values = match self.arguments {
            Given::Lite(arguments) => return Ok(arguments),
            Given::Values(values) => values,
            Given::Pg(_) => return Err(for_the_other("PostgreSQL", "SQLite")),
        };
        let mut arguments = SqliteArguments::default();
        for value in values {
            value
                .lite(&mut arguments)
                .map_err(|error| DbError::Other(error.to_string()))?;
        }
        Ok(arguments)
    }

    /// Every row.
    ///
    /// # Errors
    /// The database's, or a row that does not decode.
    pub async fn fetch_all<'a, R: Row>(self, on: impl Into<On<'a>>) -> Result<Vec<R>, DbError> {
        run!(
            self,
            on,
            |query, connection| query.fetch_all(connection).await,
            sqlx::query_as_with::<_, R, _>
        )
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// The database's, or a row that does not decode.
    pub async fn fetch_optional<'a, R: Row>(
        self,
        on: impl Into<On<'a>>,
    ) -> Result<Option<R>, DbError> {
        run!(
            self,
            on,
            |query, connection| query.fetch_optional(connection).await,
            sqlx::query_as_with::<_, R, _>
        )
    }

    /// The one row.
    ///
    /// # Errors
    /// The database's, or a row that is missing or does not decode.
    pub async fn fetch_one<'a, R: Row>(self, on: impl Into<On<'a>>) -> Result<R, DbError> {
        run!(
            self,
            on,
            |query, connection| query.fetch_one(connection).await,
            sqlx::query_as_with::<_, R, _>
        )
    }

    /// Every row as the driver holds it, to be decoded by borrowing.
    ///
    /// # Errors
    /// The database's.
    pub async fn fetch_rows<'a>(self, on: impl Into<On<'a>>) -> Result<Rows, DbError> {
        run!(
            self,
            on,
            |query, connection| query.fetch_all(connection).await.map(Rows::from),
            sqlx::query_with
        )
    }

    /// The number of rows written.
    ///
    /// # Errors
    /// The database's.
    pub async fn execute<'a>(self, on: impl Into<On<'a>>) -> Result<u64, DbError> {
        run!(
            self,
            on,
            |query, connection| query
                .execute(connection)
                .await
                .map(|done| done.rows_affected()),
            sqlx::query_with
        )
    }
}

fn for_the_other(engine: &str, other: &str) -> DbError {
    DbError::Other(format!("a statement for {engine} was run on {other}"))
}
