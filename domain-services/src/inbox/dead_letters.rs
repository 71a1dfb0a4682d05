//! Events that could not be handled, as an operator sees them.

use crate::bus::{Event, Topic};
use crate::db::{Db, DbError, IdList, Tx, sql, sql_by_engine};
use serde_json::value::RawValue;
use sqlx::types::Json;
use uuid::Uuid;

/// An event that is parked.
#[derive(Debug)]
pub struct DeadLetter {
    /// The event.
    pub event: Event,
    /// Why it is parked.
    pub reason: String,
    /// Since when, in microseconds since the Unix epoch.
    pub at_us: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    event_id: Uuid,
    topic: String,
    key: Uuid,
    #[sqlx(rename = "type")]
    kind: String,
    version: i64,
    time_us: i64,
    traceparent: Option<String>,
    actor_id: Option<Uuid>,
    body: Json<Box<RawValue>>,
    reason: String,
    at_us: i64,
}

impl Row {
    fn letter(self) -> Result<DeadLetter, DbError> {
        let topic = Topic::named(&self.topic).ok_or_else(|| {
            DbError::Decode(format!("dead_letter names the topic {}", self.topic))
        })?;
        Ok(DeadLetter {
            event: Event {
                id: self.event_id,
                topic,
                key: self.key,
                kind: self.kind,
                version: self.version,
                time_us: self.time_us,
                traceparent: self.traceparent,
                actor: self.actor_id,
                data: self.body.0,
            },
            reason: self.reason,
            at_us: self.at_us,
        })
    }
}

/// What is parked, in the order in which it was: of one key, or of all; at most `limit`.
///
/// # Errors
/// The database's.
pub async fn list(db: &Db, key: Option<Uuid>, limit: i64) -> Result<Vec<DeadLetter>, DbError> {
    let rows: Vec<Row> = sql_by_engine(
        "select event_id, topic, key, type, version, time_us, traceparent, actor_id, body, reason, at_us
         from dead_letter where $1::uuid is null or key = $1 order by seq limit $2",
        "select event_id, topic, key, type, version, time_us, traceparent, actor_id, body, reason, at_us
         from dead_letter where $1 is null or key = $1 order by rowid limit $2",
    )
    .bind(key)
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Row::letter).collect()
}

/// One that is parked.
///
/// # Errors
/// The database's.
pub async fn find(db: &Db, event_id: Uuid) -> Result<Option<DeadLetter>, DbError> {
    let row: Option<Row> = sql(
        "select event_id, topic, key, type, version, time_us, traceparent, actor_id, body, reason, at_us
         from dead_letter where event_id = $1",
    )
    .bind(event_id)
    .fetch_optional(db)
    .await?;
    row.map(Row::letter).transpose()
}

/// Gives one up for good: its id stays in the inbox, so it never comes again. Those behind it stay parked
/// until their key is replayed. False when it is not parked.
///
/// # Errors
/// The database's.
pub async fn discard(db: &Db, event_id: Uuid) -> Result<bool, DbError> {
    let removed: Result<u64, DbError> = db
        .write(move |tx| {
            Box::pin(async move {
                sql("delete from dead_letter where event_id = $1")
                    .bind(event_id)
                    .execute(tx)
                    .await
            })
        })
        .await;
    Ok(removed? > 0)
}

/// What the dead-letter topic has not been told of.
pub(crate) async fn untold(db: &Db, limit: i64) -> Result<Vec<DeadLetter>, DbError> {
    let rows: Vec<Row> = sql_by_engine(
        "select event_id, topic, key, type, version, time_us, traceparent, actor_id, body, reason, at_us
         from dead_letter where published_us is null order by seq limit $1",
        "select event_id, topic, key, type, version, time_us, traceparent, actor_id, body, reason, at_us
         from dead_letter where published_us is null order by rowid limit $1",
    )
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Row::letter).collect()
}

/// The dead-letter topic has been told of these.
pub(crate) async fn told(db: &Db, event_ids: Vec<Uuid>, now_us: i64) -> Result<(), DbError> {
    db.write(move |tx| {
        let event_ids = IdList(event_ids.clone());
        Box::pin(async move {
            sql_by_engine(
                "update dead_letter set published_us = $2 where event_id = any($1)",
                "update dead_letter set published_us = $2
                 where event_id in (select unhex(value) from json_each($1))",
            )
            .bind(event_ids)
            .bind(now_us)
            .execute(tx)
            .await
            .map(|_| ())
        })
    })
    .await
}

/// Takes the events of a key out, in the order in which they were parked.
pub(super) async fn remove(tx: &mut Tx, key: Uuid) -> Result<Vec<Event>, DbError> {
    let rows: Vec<Row> = sql_by_engine(
        "with gone as (delete from dead_letter where key = $1 returning *)
         select event_id, topic, key, type, version, time_us, traceparent, actor_id, body, reason, at_us
         from gone order by seq",
        "select event_id, topic, key, type, version, time_us, traceparent, actor_id, body, reason, at_us
         from dead_letter where key = $1 order by rowid",
    )
    .bind(key)
    .fetch_all(&mut *tx)
    .await?;
    if tx.is_sqlite() && !rows.is_empty() {
        sql("delete from dead_letter where key = $1")
            .bind(key)
            .execute(tx)
            .await?;
    }
    rows.into_iter()
        .map(|row| row.letter().map(|letter| letter.event))
        .collect()
}
