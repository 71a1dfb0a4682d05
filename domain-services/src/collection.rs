//! The version of a list as a whole, from which its `ETag` is made.

use crate::db::{DbError, On, Tx, sql};

/// A list's version: another after each change of any of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CollectionVersion {
    counter: i64,
    changed_us: i64,
}

/// Opaque text, fit for the inside of an `ETag`. The time is in it because a database that was
/// restored counts again what it had counted before.
impl std::fmt::Display for CollectionVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}-{:x}", self.counter, self.changed_us)
    }
}

/// The version of the list `name`. Read it before the list: then a change in between makes the
/// list look older than it is, and the next read fetches it again.
pub(crate) async fn version(
    on: impl Into<On<'_>>,
    name: &'static str,
) -> Result<CollectionVersion, DbError> {
    let row: Option<(i64, i64)> = sql("select counter, changed_us from collection where name = $1")
        .bind(name)
        .fetch_optional(on)
        .await?;
    Ok(
        row.map_or_else(CollectionVersion::default, |(counter, changed_us)| {
            CollectionVersion {
                counter,
                changed_us,
            }
        }),
    )
}

/// Counts a change of the list `name`, and tells the database's time after it. The list's row is
/// held until commit, so changes of one list are made one after the other, and their times and
/// events are in the order of their commits.
pub(crate) async fn bump(tx: &mut Tx, name: &'static str) -> Result<i64, DbError> {
    let process_us = tx.ids().now_us();
    sql(
        "insert into collection (name, counter, changed_us) values ($1, 1, $2)
         on conflict (name) do update
         set counter = collection.counter + 1, changed_us = excluded.changed_us",
    )
    .bind(name)
    .bind(process_us)
    .execute(&mut *tx)
    .await?;
    tx.now_us().await
}
