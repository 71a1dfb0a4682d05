//! Reading feeds: heads, and pages behind a position.

use super::rows::columns;
use crate::db::{Db, DbError, IdList, Rows, sql, sql_by_engine};
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
