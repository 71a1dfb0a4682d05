//! Rows that nothing more will become of.

use crate::db::{DbError, IdList, Tx, sql_by_engine};
use uuid::Uuid;

/// Removes up to `limit` notifications that were over before `before_us`, with their attempts and what the log
/// channel kept of them; tells how many that were.
///
/// Over is what was sent, delivered or cancelled, about a request of which nothing more will be told: as long
/// as it can be taken back, its row says who must hear of it. What waits, or an operator may send again, stays.
pub(in crate::notification) async fn purge(
    tx: &mut Tx,
    before_us: i64,
    limit: i64,
) -> Result<u64, DbError> {
    let over: Vec<(Uuid,)> = sql_by_engine(
        "select n.id from notification n left join request r on r.id = n.request_id
         where n.status in ('sent', 'delivered', 'cancelled') and n.updated_us < $1
           and (r.id is null or r.settled_us < $1)
           and not exists (select 1 from notification f where f.follows = n.id and f.status = 'queued')
         order by n.updated_us limit $2 for update of n skip locked",
        "select n.id from notification n left join request r on r.id = n.request_id
         where n.status in ('sent', 'delivered', 'cancelled') and n.updated_us < $1
           and (r.id is null or r.settled_us < $1)
           and not exists (select 1 from notification f where f.follows = n.id and f.status = 'queued')
         order by n.updated_us limit $2",
    )
    .bind(before_us)
    .bind(limit)
    .fetch_all(&mut *tx)
    .await?;
    if over.is_empty() {
        return Ok(0);
    }
    let ids: Vec<Uuid> = over.into_iter().map(|(id,)| id).collect();
    for (pg, lite) in [
        (
            "delete from attempt where notification_id = any($1)",
            "delete from attempt where notification_id in (select unhex(value) from json_each($1))",
        ),
        (
            "delete from logged_message where notification_id = any($1)",
            "delete from logged_message where notification_id in (select unhex(value) from json_each($1))",
        ),
    ] {
        sql_by_engine(pg, lite)
            .bind(IdList(ids.clone()))
            .execute(&mut *tx)
            .await?;
    }
    sql_by_engine(
        "delete from notification where id = any($1)",
        "delete from notification where id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(ids))
    .execute(tx)
    .await
}
