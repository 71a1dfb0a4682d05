//! Events have their effect once.
//!
//! The effect of an event, its id and the consumer's position are written in one transaction, so that a
//! second delivery is recognised and a start goes on where the tables say. An event that cannot be handled
//! is kept in `dead_letter` and parks its key: those behind it under the same key are kept there too, in
//! order, and all others go on. [`dead_letters`] lets an operator look at them.
//!
//! An event is known by its id alone. Its time is no part of it: a refusal that is told again has the id of
//! the first.

pub mod dead_letters;
mod store;

pub use store::positions;

use crate::bus::{ConsumeError, Delivery, Event, Position, Purpose, Topic, UNREADABLE};
use crate::db::{Db, DbError, Tx};
use async_trait::async_trait;
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

    /// Makes every record kept of these topics older than any event, before the latest event of each is
    /// applied again. Not gone: what has no event in a topic (it was told before there was a broker) stays.
    /// What keeps more than a copy of others' records does nothing here.
    async fn reset(&self, tx: &mut Tx, topics: &[Topic]) -> Result<(), ApplyError> {
        let _ = (tx, topics);
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
/// They are taken in one transaction; only when one of them is at fault is each taken alone, and the
/// consumer's position moves with the last.
///
/// # Errors
/// When the database fails: none of the events counts as taken, and all may be delivered again.
pub async fn consume<P: Projection>(
    db: &Db,
    projection: &Arc<P>,
    delivery: &Delivery,
) -> Result<(), ConsumeError> {
    match &delivery.purpose {
        Purpose::New => take_new(db, projection, delivery).await,
        Purpose::Unpark(key) => unpark(db, projection, *key).await,
        Purpose::Rebuild(topics) => {
            let work = Rebuild {
                topics: topics.clone(),
                events: delivery.events.clone(),
                read_to: delivery.positions.clone(),
            };
            rebuild(db, projection, work).await
        }
    }
}

async fn take_new<P: Projection>(
    db: &Db,
    projection: &Arc<P>,
    delivery: &Delivery,
) -> Result<(), ConsumeError> {
    if take(db, projection, delivery.clone()).await?.is_ok() {
        return Ok(());
    }
    for event in &delivery.events {
        let alone = Delivery::of(vec![event.clone()]);
        if let Err(Poison(reason)) = take(db, projection, alone).await? {
            told(event, &reason);
            let event = event.clone();
            db.write(move |tx| {
                let (event, reason) = (event.clone(), reason.clone());
                Box::pin(async move {
                    store::claim(tx, &[event.id]).await?;
                    store::park(tx, &event, &reason).await
                })
            })
            .await?;
        }
    }
    let rest = Delivery {
        events: Vec::new(),
        ..delivery.clone()
    };
    match take(db, projection, rest).await? {
        Ok(()) => Ok(()),
        Err(Poison(reason)) => Err(DbError::Other(reason).into()),
    }
}

fn told(event: &Event, reason: &str) {
    tracing::error!(event = %event.id, key = %event.key, kind = event.kind, reason, "an event cannot be handled");
    metrics::counter!("athena_dead_letters_total", "topic" => event.topic.name()).increment(1);
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

impl From<ApplyError> for TakeError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Db(error @ (DbError::Unavailable(_) | DbError::Collision(_))) => {
                Self::Db(error)
            }
            ApplyError::Db(error) => Self::Poison(Poison(error.to_string())),
            ApplyError::Poisoned(reason) => Self::Poison(Poison(reason)),
        }
    }
}

async fn take<P: Projection>(
    db: &Db,
    projection: &Arc<P>,
    delivery: Delivery,
) -> Result<Result<(), Poison>, DbError> {
    let projection = Arc::clone(projection);
    let delivery = Arc::new(delivery);
    let taken = db
        .write(move |tx| {
            let (projection, delivery) = (Arc::clone(&projection), Arc::clone(&delivery));
            Box::pin(async move { take_in(tx, projection.as_ref(), &delivery).await })
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
    delivery: &Delivery,
) -> Result<(), TakeError> {
    // The positions first: their rows are the lock that a consumer which has lost its partitions without
    // knowing, and the one that has them now, take one after the other.
    store::stand(tx, &delivery.positions).await?;
    let unreadable = delivery.unreadable.iter().map(|(event, _)| event);
    let ids: Vec<Uuid> = delivery
        .events
        .iter()
        .chain(unreadable)
        .map(|event| event.id)
        .collect();
    // Ids before effects: of two that hold the same event, the second waits here until the first has
    // committed, and then knows it.
    let mut new = store::claim(tx, &ids).await?;
    let parked = store::parked(tx, &delivery.events).await?;
    let mut fresh = Vec::with_capacity(delivery.events.len());
    for event in &delivery.events {
        if !new.remove(&event.id) {
            continue;
        }
        if parked.contains(&event.key) {
            store::park(tx, event, "an earlier event of its key is parked").await?;
        } else {
            fresh.push(event);
        }
    }
    for (event, reason) in &delivery.unreadable {
        if new.remove(&event.id) {
            told(event, reason);
            store::park(tx, event, reason).await?;
        }
    }
    if !fresh.is_empty() {
        projection.apply_all(tx, &fresh).await?;
    }
    Ok(())
}

/// Takes the events of a key out of `dead_letter`, in the order in which they were parked.
async fn unpark<P: Projection>(
    db: &Db,
    projection: &Arc<P>,
    key: Uuid,
) -> Result<(), ConsumeError> {
    let projection = Arc::clone(projection);
    db.write(move |tx| {
        let projection = Arc::clone(&projection);
        Box::pin(async move {
            // Until none is left: what a consumer parked meanwhile appears once it has committed.
            loop {
                let events = dead_letters::remove(tx, key).await?;
                if events.is_empty() {
                    return Ok(());
                }
                for event in &events {
                    if event.kind == UNREADABLE {
                        return Err(ConsumeError::Poisoned {
                            event_id: event.id,
                            reason: "it is no event that could be taken; only `discard` removes it"
                                .to_owned(),
                        });
                    }
                    apply_again(tx, projection.as_ref(), &[event]).await?;
                }
            }
        })
    })
    .await
}

#[derive(Clone)]
struct Rebuild {
    topics: Vec<Topic>,
    events: Vec<Event>,
    read_to: Vec<Position>,
}

/// Makes a projection anew, in one transaction: readers see the old one until then.
async fn rebuild<P: Projection>(
    db: &Db,
    projection: &Arc<P>,
    work: Rebuild,
) -> Result<(), ConsumeError> {
    let (projection, work) = (Arc::clone(projection), Arc::new(work));
    db.write(move |tx| {
        let (projection, work) = (Arc::clone(&projection), Arc::clone(&work));
        Box::pin(async move {
            // Holds up consumers, and tells whether they have read further than what was read for this:
            // emptying the tables would take that away, and the inbox would keep it from coming again.
            store::stand(tx, &work.read_to).await?;
            let stands = store::positions_in(tx).await?;
            for read in &work.read_to {
                let ahead = stands.iter().any(|at| {
                    at.topic == read.topic
                        && at.partition == read.partition
                        && at.next_offset > read.next_offset
                });
                if ahead {
                    let what = format!("{} has been read further meanwhile", read.topic);
                    return Err(ConsumeError::Db(DbError::Collision(what)));
                }
            }
            let ids: Vec<Uuid> = work.events.iter().map(|event| event.id).collect();
            store::claim(tx, &ids).await?;
            let reset = projection.reset(tx, &work.topics).await;
            reset.map_err(|error| match error {
                ApplyError::Db(error) => ConsumeError::Db(error),
                ApplyError::Poisoned(reason) => ConsumeError::Db(DbError::Other(reason)),
            })?;
            for events in work.events.chunks(REBUILD_CHUNK) {
                let events: Vec<&Event> = events.iter().collect();
                apply_again(tx, projection.as_ref(), &events).await?;
            }
            Ok(())
        })
    })
    .await
}

/// Events that a rebuild applies at once.
const REBUILD_CHUNK: usize = 500;

/// Applies events that the inbox knows.
async fn apply_again<P: Projection>(
    tx: &mut Tx,
    projection: &P,
    events: &[&Event],
) -> Result<(), ConsumeError> {
    let applied = projection.apply_all(tx, events).await;
    applied.map_err(|error| match TakeError::from(error) {
        TakeError::Db(error) => ConsumeError::Db(error),
        TakeError::Poison(Poison(reason)) => ConsumeError::Poisoned {
            event_id: events.first().map_or_else(Uuid::nil, |event| event.id),
            reason,
        },
    })
}
