//! Reading feeds: heads, and pages behind a position.

use super::rows::{COLUMNS, columns};
use crate::db::{Db, DbError, IdList, Rows, sql, sql_by_engine, sql_pg};
use sqlx::postgres::PgArguments;
use sqlx::{Arguments, ColumnIndex, Decode, FromRow, Row, Type};
use std::collections::HashMap;
use uuid::Uuid;

/// The heads of these users; who never wrote has none.
pub(in crate::request) async fn heads(
    db: &Db,
    users: Vec<Uuid>,
) -> Result<HashMap<Uuid, i64>, DbError> {
    let rows: Vec<(Uuid, i64)> = sql_by_engine(
        "select user_id, at_us from feed_head where user_id = any($1)",
        "select user_id, at_us from feed_head where user_id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(users))
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().collect())
}

/// The entries of a user's feed behind `after_us`, oldest first.
pub(in crate::request) async fn page(
    db: &Db,
    user: Uuid,
    after_us: i64,
    limit: i64,
) -> Result<Rows, DbError> {
    sql(concat!(
        "select ",
        columns!(),
        " from request r where r.owner_id = $1 and r.at_us > $2 order by r.at_us limit $3"
    ))
    .bind(user)
    .bind(after_us)
    .bind(limit)
    .fetch_rows(db)
    .await
}

/// Where a pull stands.
#[derive(Debug, Clone, Copy)]
pub(in crate::request) struct Position {
    pub(in crate::request) user: Uuid,
    pub(in crate::request) after_us: i64,
}

/// Entries that [`first_entries`] can be trusted to have read whole, for each position. A round of
/// pulls with more of them would keep the idle ones waiting.
pub(in crate::request) const FIRST_ENTRIES_MAX: usize = 32;

/// The heads at these positions and the first entries behind each, in order: one row a position
/// without news, else one an entry, one more than [`FIRST_ENTRIES_MAX`] at most. PostgreSQL only;
/// SQLite knows no lateral join.
pub(in crate::request) async fn first_entries(
    db: &Db,
    positions: &[Position],
) -> Result<Rows, DbError> {
    let mut arguments = PgArguments::default();
    let bound = arguments
        .add(positions.iter().map(|at| at.user).collect::<Vec<_>>())
        .and_then(|()| arguments.add(positions.iter().map(|at| at.after_us).collect::<Vec<_>>()));
    bound.map_err(|error| DbError::Other(error.to_string()))?;
    sql_pg(
        concat!(
            "select ",
            columns!(),
            ", q.poll - 1, f.at_us from unnest($1::uuid[], $2::bigint[]) with ordinality as q (user_id, after_us, poll)",
            " left join feed_head f on f.user_id = q.user_id",
            " left join lateral (select * from request e where e.owner_id = q.user_id and e.at_us > q.after_us",
            " and f.at_us > q.after_us order by e.at_us limit 33) r on true",
            " order by q.poll, r.at_us"
        ),
        arguments,
    )
    .fetch_rows(db)
    .await
}

/// Whose a row of [`first_entries`] is.
#[derive(Debug, Clone, Copy)]
pub(in crate::request) struct Marks {
    /// The index of the position.
    pub(in crate::request) poll: usize,
    pub(in crate::request) head_us: Option<i64>,
    /// Whether the row is an entry, or tells the head alone.
    pub(in crate::request) has_entry: bool,
}

/// The marks of each row of [`first_entries`].
pub(in crate::request) fn marks(rows: &Rows) -> impl Iterator<Item = Result<Marks, DbError>> {
    rows.decode::<MarkRow>().map(|row| {
        let MarkRow(entry, poll, head_us) = row?;
        Ok(Marks {
            poll: usize::try_from(poll)
                .map_err(|error| DbError::Decode(format!("poll {poll}: {error}")))?,
            head_us,
            has_entry: entry.is_some(),
        })
    })
}

/// Entry, poll and head, by position.
struct MarkRow(Option<Uuid>, i64, Option<i64>);

impl<'r, R> FromRow<'r, R> for MarkRow
where
    R: Row,
    usize: ColumnIndex<R>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self(
            row.try_get_unchecked(0)?,
            row.try_get_unchecked(COLUMNS)?,
            row.try_get_unchecked(COLUMNS + 1)?,
        ))
    }
}
