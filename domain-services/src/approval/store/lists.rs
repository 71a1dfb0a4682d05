//! What one reader sees: the feed in commit order, what waits, what was voted on.

use super::rows::{ApprovalRow, from_feed};
use crate::db::{Db, DbError, IdList, sql_by_engine};
use std::collections::HashMap;
use uuid::Uuid;

/// The heads of these readers; who never had an entry has none.
pub(in crate::approval) async fn heads(
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

/// The entries of a reader's feed behind `after_us`, oldest first.
pub(in crate::approval) async fn page(
    db: &Db,
    user: Uuid,
    after_us: i64,
    limit: i64,
) -> Result<Vec<ApprovalRow>, DbError> {
    from_feed!("where f.user_id = $1 and f.at_us > $2 order by f.at_us limit $3")
        .bind(user)
        .bind(after_us)
        .bind(limit)
        .fetch_all(db)
        .await
}

/// What waits for this reader's vote, the last opened first, behind a cursor.
pub(in crate::approval) async fn waiting(
    db: &Db,
    user: Uuid,
    (before_us, before_id): (i64, Uuid),
    limit: i64,
) -> Result<Vec<ApprovalRow>, DbError> {
    from_feed!(
        "where f.user_id = $1 and f.waits and not f.removed
           and (f.opened_us, f.approval_id) < ($2, $3)
         order by f.opened_us desc, f.approval_id desc limit $4"
    )
    .bind(user)
    .bind(before_us)
    .bind(before_id)
    .bind(limit)
    .fetch_all(db)
    .await
}

/// What this reader has voted on, the last vote first, behind a cursor.
pub(in crate::approval) async fn acted(
    db: &Db,
    user: Uuid,
    (before_us, before_id): (i64, Uuid),
    limit: i64,
) -> Result<Vec<ApprovalRow>, DbError> {
    from_feed!(
        "where f.user_id = $1 and f.acted_us is not null
           and (f.acted_us, f.approval_id) < ($2, $3)
         order by f.acted_us desc, f.approval_id desc limit $4"
    )
    .bind(user)
    .bind(before_us)
    .bind(before_id)
    .bind(limit)
    .fetch_all(db)
    .await
}
