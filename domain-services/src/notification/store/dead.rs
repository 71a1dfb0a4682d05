//! Notifications that did not arrive, for the operator.

use super::super::model::Channel;
use super::change::{Changed, attempt, tell};
use crate::db::{Db, DbError, Tx, sql};
use uuid::Uuid;

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(in crate::notification) struct DeadRow {
    pub(in crate::notification) id: Uuid,
    pub(in crate::notification) channel: String,
    pub(in crate::notification) template: String,
    pub(in crate::notification) status: String,
    pub(in crate::notification) reason: Option<String>,
    pub(in crate::notification) recipient_id: Option<Uuid>,
    pub(in crate::notification) request_id: Option<Uuid>,
    pub(in crate::notification) attempts: i32,
    pub(in crate::notification) traceparent: Option<String>,
    pub(in crate::notification) updated_us: i64,
}

/// Dead letters, the oldest first.
pub(in crate::notification) async fn dead_letters(
    db: &Db,
    channel: Option<Channel>,
    limit: i64,
) -> Result<Vec<DeadRow>, DbError> {
    sql(
        "select id, channel, template, status, reason, recipient_id, request_id, attempts, traceparent, updated_us
         from notification
         where status in ('failed', 'bounced', 'undelivered') and (channel = $1 or $1 = '')
         order by updated_us, id limit $2",
    )
    .bind(channel.map_or("", Channel::name).to_owned())
    .bind(limit)
    .fetch_all(db)
    .await
}

/// One of them.
pub(in crate::notification) async fn dead_letter(
    db: &Db,
    id: Uuid,
) -> Result<Option<DeadRow>, DbError> {
    sql(
        "select id, channel, template, status, reason, recipient_id, request_id, attempts, traceparent, updated_us
         from notification where id = $1 and status in ('failed', 'bounced', 'undelivered')",
    )
    .bind(id)
    .fetch_optional(db)
    .await
}

/// Queues a dead letter again, with all its tries; false when it is none.
pub(in crate::notification) async fn replay(tx: &mut Tx, id: Uuid) -> Result<bool, DbError> {
    let now_us = tx.now_us().await?;
    let row: Option<Changed> = sql(
        "update notification set status = 'queued', reason = null, attempts = 0, due_us = $2, lease_us = null,
             provider_id = null, version = version + 1, updated_us = $2
         where id = $1 and status in ('failed', 'bounced', 'undelivered')
         returning id, channel, template, status, reason, recipient_id, request_id, event_id, traceparent, version",
    )
    .bind(id)
    .bind(now_us)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else {
        return Ok(false);
    };
    attempt(tx, now_us, &[(&row, "replayed", None)]).await?;
    Ok(true)
}

/// Gives a dead letter up; false when it is none.
pub(in crate::notification) async fn discard(tx: &mut Tx, id: Uuid) -> Result<bool, DbError> {
    let now_us = tx.now_us().await?;
    let row: Option<Changed> = sql(
        "update notification set status = 'cancelled', reason = 'discarded', version = version + 1, updated_us = $2
         where id = $1 and status in ('failed', 'bounced', 'undelivered')
         returning id, channel, template, status, reason, recipient_id, request_id, event_id, traceparent, version",
    )
    .bind(id)
    .bind(now_us)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else {
        return Ok(false);
    };
    attempt(tx, now_us, &[(&row, "cancelled", Some("discarded"))]).await?;
    tell(tx, now_us, &[row]).await?;
    Ok(true)
}
