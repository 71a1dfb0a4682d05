//! Events have their effect once.
//!
//! The effect of an event and its id are written in one transaction, so that a second delivery is
//! recognised. An event that cannot be handled is kept in `dead_letter` and parks its key: those
//! behind it under the same key are kept there too, in order, and all others go on.

use crate::bus::{ConsumeError, Event};
use crate::db::{Db, DbError, Tx, sql, sql_by_engine};
use async_trait::async_trait;
use std::collections::HashSet;
use std::sync::Arc;
use uuid::Uuid;

/// The effect of events on a service's own tables.
#[async_trait]
pub trait Projection: Send + Sync + 'static {
    /// Writes the effect of one event. Kinds that mean nothing to this service are ignored.
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<(), ApplyError>;

    /// Writes the effect of several events, in order. A projection that locks rows takes those of all
    /// events at once, in its order of locks: event by event, two transactions could wait for each
    /// other in a ring.
    async fn apply_all(&self, tx: &mut Tx, events: &[&Event]) -> Result<(), ApplyError> {
        for event in events {
            self.apply(tx, event).await?;
        }
        Ok(())
    }
}

/// Why an event had no effect.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The event makes no sense and never will.
    #[error("{0}")]
    Poisoned(String),
}

impl From<serde_json::Error> for ApplyError {
    fn from(error: serde_json::Error) -> Self {
        Self::Poisoned(format!("its data does not decode: {error}"))
    }
}

/// Gives events to a projection, in order.
///
/// They are taken in one transaction; only when one of them is at fault is each taken alone.
///
/// # Errors
/// When the database fails: none of the events counts as taken, and all may be delivered again.
pub async fn consume<P: Projection>(
    db: &Db,
    projection: &Arc<P>,
    events: &[Event],
) -> Result<(), ConsumeError> {
    if take(db, projection, events.to_vec()).await?.is_ok() {
        return Ok(());
    }
    for event in events {
        if let Err(Poison(reason)) = take(db, projection, vec![event.clone()]).await? {
            tracing::error!(event = %event.id, key = %event.key, kind = event.kind, reason, "an event cannot be handled");
            metrics::counter!("athena_dead_letters_total", "topic" => event.topic.name())
                .increment(1);
            let event = event.clone();
            db.write(move |tx| {
                let (event, reason) = (event.clone(), reason.clone());
                Box::pin(async move { park(tx, &event, &reason).await })
            })
            .await?;
        }
    }
    Ok(())
}

/// What is wrong with an event.
struct Poison(String);

enum TakeError {
    Db(DbError),
    Poison(Poison),
}

impl From<DbError> for TakeError {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

async fn take<P: Projection>(
    db: &Db,
    projection: &Arc<P>,
    events: Vec<Event>,
) -> Result<Result<(), Poison>, DbError> {
    let projection = Arc::clone(projection);
    let events: Arc<[Event]> = events.into();
    let taken = db
        .write(move |tx| {
            let (projection, events) = (Arc::clone(&projection), Arc::clone(&events));
            Box::pin(async move { take_in(tx, projection.as_ref(), &events).await })
        })
        .await;
    match taken {
        Ok(()) => Ok(Ok(())),
        Err(TakeError::Poison(poison)) => Ok(Err(poison)),
        Err(TakeError::Db(error)) => Err(error),
    }
}

async fn take_in<P: Projection>(
    tx: &mut Tx,
    projection: &P,
    events: &[Event],
) -> Result<(), TakeError> {
    let mut known = known(tx, events).await?;
    let parked = parked(tx, events).await?;
    let mut fresh = Vec::with_capacity(events.len());
    for event in events {
        if !known.insert(event.id) {
            continue;
        }
        if parked.contains(&event.key) {
            park(tx, event, "an earlier event of its key is parked").await?;
        } else {
            fresh.push(event);
        }
    }
    projection
        .apply_all(tx, &fresh)
        .await
        .map_err(|error| match error {
            ApplyError::Db(error @ (DbError::Unavailable(_) | DbError::Collision(_))) => {
                TakeError::Db(error)
            }
            ApplyError::Db(error) => TakeError::Poison(Poison(error.to_string())),
            ApplyError::Poisoned(reason) => TakeError::Poison(Poison(reason)),
        })?;
    let taken: Vec<Uuid> = fresh.iter().map(|event| event.id).collect();
    remember(tx, &taken).await?;
    Ok(())
}

/// The events among these that have been taken before.
async fn known(tx: &mut Tx, events: &[Event]) -> Result<HashSet<Uuid>, DbError> {
    let ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
    let rows: Vec<(Uuid,)> = sql_by_engine(
        "select event_id from inbox where event_id = any
           (array(select value::uuid from jsonb_array_elements_text($1::jsonb) as value))",
        "select event_id from inbox
         where event_id in (select unhex(value, '-') from json_each($1))",
    )
    .bind(id_list(&ids)?)
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The keys among those of these events that are parked.
async fn parked(tx: &mut Tx, events: &[Event]) -> Result<HashSet<Uuid>, DbError> {
    let keys: HashSet<Uuid> = events.iter().map(|event| event.key).collect();
    let keys: Vec<Uuid> = keys.into_iter().collect();
    let rows: Vec<(Uuid,)> = sql_by_engine(
        "select distinct key from dead_letter where key = any
           (array(select value::uuid from jsonb_array_elements_text($1::jsonb) as value))",
        "select distinct key from dead_letter
         where key in (select unhex(value, '-') from json_each($1))",
    )
    .bind(id_list(&keys)?)
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|(key,)| key).collect())
}

async fn remember(tx: &mut Tx, ids: &[Uuid]) -> Result<(), DbError> {
    if ids.is_empty() {
        return Ok(());
    }
    let now_us = tx.ids().now_us();
    sql_by_engine(
        "insert into inbox (event_id, at_us)
         select value::uuid, $2 from jsonb_array_elements_text($1::jsonb) as value
         on conflict (event_id) do nothing",
        "insert into inbox (event_id, at_us)
         select unhex(value, '-'), $2 from json_each($1) where true
         on conflict (event_id) do nothing",
    )
    .bind(id_list(ids)?)
    .bind(now_us)
    .execute(tx)
    .await?;
    Ok(())
}

async fn park(tx: &mut Tx, event: &Event, reason: &str) -> Result<(), DbError> {
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
    .bind(sqlx::types::Json(event.data.clone()))
    .bind(reason.to_owned())
    .bind(now_us)
    .execute(&mut *tx)
    .await?;
    remember(tx, &[event.id]).await
}

fn id_list(ids: &[Uuid]) -> Result<String, DbError> {
    serde_json::to_string(ids)
        .map_err(|error| DbError::Other(format!("ids do not encode: {error}")))
}
