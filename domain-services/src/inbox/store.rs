//! SQL of the inbox, the positions and the parked events.

use crate::bus::{Event, Position};
use crate::db::{Db, DbError, On, Tx, sql, sql_by_engine};
use serde_json::value::RawValue;
use std::collections::HashSet;
use uuid::Uuid;

/// How far a service has read each partition.
///
/// # Errors
/// The database's.
pub async fn positions(db: &Db) -> Result<Vec<Position>, DbError> {
    positions_on(db.into()).await
}

pub(super) async fn positions_in(tx: &mut Tx) -> Result<Vec<Position>, DbError> {
    positions_on(tx.into()).await
}

async fn positions_on(on: On<'_>) -> Result<Vec<Position>, DbError> {
    sql("select topic, partition, next_offset from bus_position")
        .fetch_all(on)
        .await
}

/// Writes how far a consumer has read, and holds these rows until the transaction ends. Never back.
pub(super) async fn stand(tx: &mut Tx, positions: &[Position]) -> Result<(), DbError> {
    if positions.is_empty() {
        return Ok(());
    }
    let positions = serde_json::to_string(positions)
        .map_err(|error| DbError::Other(format!("positions do not encode: {error}")))?;
    sql_by_engine(
        "insert into bus_position (topic, partition, next_offset)
         select topic, partition, next_offset
         from jsonb_to_recordset($1::jsonb) as p(topic text, partition integer, next_offset bigint)
         order by topic, partition
         on conflict (topic, partition) do update
           set next_offset = greatest(bus_position.next_offset, excluded.next_offset)",
        "insert into bus_position (topic, partition, next_offset)
         select value ->> '$.topic', value ->> '$.partition', value ->> '$.next_offset'
         from json_each($1) where true
         on conflict (topic, partition) do update
           set next_offset = max(bus_position.next_offset, excluded.next_offset)",
    )
    .bind(positions)
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes ids into the inbox; gives those that were not there.
pub(super) async fn claim(tx: &mut Tx, ids: &[Uuid]) -> Result<HashSet<Uuid>, DbError> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let list = id_list(ids)?;
    if tx.is_sqlite() {
        return claim_alone(tx, ids, list).await;
    }
    let now_us = tx.ids().now_us();
    let new: Vec<(Uuid,)> = sql("insert into inbox (event_id, at_us)
         select value::uuid, $2 from jsonb_array_elements_text($1::jsonb) as value order by 1
         on conflict (event_id) do nothing returning event_id")
    .bind(list)
    .bind(now_us)
    .fetch_all(tx)
    .await?;
    Ok(new.into_iter().map(|(id,)| id).collect())
}

/// The same on SQLite, where a transaction that writes is alone. Those that are known, usually none, are
/// asked for: every row of an answer goes from SQLite's thread to ours by itself, and 500 of them took a
/// quarter of an append.
async fn claim_alone(tx: &mut Tx, ids: &[Uuid], list: String) -> Result<HashSet<Uuid>, DbError> {
    let known: Vec<(Uuid,)> = sql(
        "select event_id from inbox where event_id in (select unhex(value, '-') from json_each($1))",
    )
    .bind(list.clone())
    .fetch_all(&mut *tx)
    .await?;
    let now_us = tx.ids().now_us();
    sql("insert into inbox (event_id, at_us)
         select unhex(value, '-'), $2 from json_each($1) where true
         on conflict (event_id) do nothing")
    .bind(list)
    .bind(now_us)
    .execute(tx)
    .await?;
    let mut new: HashSet<Uuid> = ids.iter().copied().collect();
    for (id,) in known {
        new.remove(&id);
    }
    Ok(new)
}

/// The keys among those of these events that are parked. On PostgreSQL whoever takes their events out of
/// `dead_letter` meanwhile is waited for, or waits.
pub(super) async fn parked(tx: &mut Tx, events: &[Event]) -> Result<HashSet<Uuid>, DbError> {
    if events.is_empty() {
        return Ok(HashSet::new());
    }
    let keys: HashSet<Uuid> = events.iter().map(|event| event.key).collect();
    let keys: Vec<Uuid> = keys.into_iter().collect();
    let rows: Vec<(Uuid,)> = sql_by_engine(
        "select key from dead_letter where key = any
           (array(select value::uuid from jsonb_array_elements_text($1::jsonb) as value))
         for share",
        "select distinct key from dead_letter
         where key in (select unhex(value, '-') from json_each($1))",
    )
    .bind(id_list(&keys)?)
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|(key,)| key).collect())
}

/// Keeps an event that cannot be handled, or stands behind one.
pub(super) async fn park(tx: &mut Tx, event: &Event, reason: &str) -> Result<(), DbError> {
    let now_us = tx.ids().now_us();
    sql(
        "insert into dead_letter (event_id, topic, key, type, version, time_us, traceparent, actor_id, body, reason, at_us)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict (event_id) do nothing",
    )
    .bind(event.id)
    .bind(event.topic.name().to_owned())
    .bind(event.key)
    .bind(event.kind.clone())
    .bind(event.version)
    .bind(event.time_us)
    .bind(event.traceparent.clone())
    .bind(event.actor)
    .bind(sqlx::types::Json(kept(&event.data)?))
    .bind(reason.to_owned())
    .bind(now_us)
    .execute(tx)
    .await?;
    Ok(())
}

/// An event's data as PostgreSQL keeps it. What looks like JSON and has no value (half of a surrogate pair, a number
/// beyond all numbers) is kept as text.
fn kept(data: &RawValue) -> Result<Box<RawValue>, DbError> {
    if serde_json::from_str::<serde_json::Value>(data.get()).is_ok() {
        return Ok(data.to_owned());
    }
    serde_json::value::to_raw_value(&serde_json::json!({"value": data.get()}))
        .map_err(|error| DbError::Other(format!("an event does not encode: {error}")))
}

fn id_list(ids: &[Uuid]) -> Result<String, DbError> {
    serde_json::to_string(ids)
        .map_err(|error| DbError::Other(format!("ids do not encode: {error}")))
}
