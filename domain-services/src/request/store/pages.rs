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

/// Entries that [`first_entries`] reads for each position at most. More would keep those who share
/// the statement waiting for the one that was away for long.
pub(in crate::request) const FIRST_ENTRIES_MAX: usize = 32;

/// The first entries behind each position, oldest first. PostgreSQL only; SQLite knows no lateral
/// join.
pub(in crate::request) async fn first_entries(
    db: &Db,
    positions: &[Position],
) -> Result<Vec<Rows>, DbError> {
    let users: Vec<_> = positions.iter().map(|position| position.user).collect();
    let after_us: Vec<_> = positions.iter().map(|position| position.after_us).collect();
    let mut arguments = PgArguments::default();
    arguments
        .add(users)
        .and_then(|()| arguments.add(after_us))
        .map_err(|error| DbError::Other(error.to_string()))?;
    // Nothing but a nested loop can join laterally, and that keeps the order of both sides: an
    // `order by` of the whole would sort again, and copy every record to do so.
    let rows = sql_pg(
        concat!(
            "select ",
            columns!(),
            ", p.number from unnest($1::uuid[], $2::bigint[]) with ordinality as p (user_id, after_us, number)",
            " cross join lateral (select * from request e where e.owner_id = p.user_id and e.at_us > p.after_us",
            " order by e.at_us limit 32) r"
        ),
        arguments,
    )
    .fetch_rows(db)
    .await?;
    let mut lengths = vec![0; positions.len()];
    let mut last = 0;
    for row in rows.decode::<Number>() {
        let Number(number) = row?;
        let index = usize::try_from(number - 1).ok();
        match index.and_then(|index| lengths.get_mut(index)) {
            Some(length) if number >= last => *length += 1,
            _ => return Err(DbError::Decode(format!("position {number} after {last}"))),
        }
        last = number;
    }
    Ok(rows.split(&lengths))
}

/// Which position, from 1, an entry lies behind.
struct Number(i64);

impl<'r, R> FromRow<'r, R> for Number
where
    R: Row,
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self(row.try_get_unchecked(COLUMNS)?))
    }
}
