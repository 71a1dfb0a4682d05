//! The task that empties an outbox.

use super::Wake;
use crate::bus::{Bus, BusError, Event, Topic};
use crate::db::{Db, DbError, sql, sql_by_engine};
use serde_json::value::RawValue;
use sqlx::types::Json;
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How often it looks without being woken: another node's commits ring no bell here.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Small publications begin at least so far apart. Under load that gathers the events of several commits,
/// so that marking them costs one write and not one each; it is a quarter of what a projection may lag.
/// Where publishing alone takes as long (a consumer's commit, the marks' commit), nothing waits besides.
const GATHER: Duration = Duration::from_millis(5);
/// A publication smaller than this is small.
const SMALL: usize = 100;
/// How long the connection that holds the lock may take to answer before it counts as lost.
const CONFIRM_MAX: Duration = Duration::from_secs(5);
/// How often a node that is not the leader tries to become it.
const LEAD_EVERY: Duration = Duration::from_secs(1);
/// The first pause after a failure; each further one doubles it.
const BACK_OFF_MIN: Duration = Duration::from_millis(50);
/// The longest pause after a failure.
const BACK_OFF_MAX: Duration = Duration::from_secs(10);

/// Publishes a service's outbox in order. Several nodes may run one each: on PostgreSQL an advisory
/// lock lets one of them work at a time.
pub struct Relay {
    db: Db,
    topic: Topic,
    bus: Arc<dyn Bus>,
    wake: Wake,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Bus(#[from] BusError),
}

#[derive(sqlx::FromRow)]
struct Row {
    seq: i64,
    id: Uuid,
    key: Uuid,
    #[sqlx(rename = "type")]
    kind: String,
    version: i64,
    time_us: i64,
    traceparent: Option<String>,
    actor_id: Option<Uuid>,
    body: Json<Box<RawValue>>,
}

impl Relay {
    /// A relay from `db`'s outbox to `bus`, woken by `wake`.
    #[must_use]
    pub fn new(db: Db, topic: Topic, bus: Arc<dyn Bus>, wake: Wake) -> Self {
        Self {
            db,
            topic,
            bus,
            wake,
        }
    }

    /// Runs until `stop`. What is unpublished then is published at the next start.
    pub async fn run(self, stop: CancellationToken) {
        // Dropping the future in the middle is safe: an event that was published and not marked is
        // published again, and every consumer knows it by its id.
        let _ = Box::pin(stop.run_until_cancelled_owned(self.work())).await;
    }

    async fn work(self) {
        let mut lead = Lead::none();
        let mut pause = BACK_OFF_MIN;
        loop {
            match self.turn(&mut lead).await {
                Ok(Turn::Idle) => {
                    pause = BACK_OFF_MIN;
                    let _ = tokio::time::timeout(LOOK_EVERY, self.wake.rung()).await;
                }
                Ok(Turn::NotLeading) => tokio::time::sleep(LEAD_EVERY).await,
                Err(error) => {
                    lead = Lead::none();
                    let topic = self.topic.name();
                    tracing::warn!(%error, topic, pause_ms = pause.as_millis(), "events wait in the outbox");
                    metrics::counter!("athena_outbox_failures_total", "topic" => topic)
                        .increment(1);
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2).min(BACK_OFF_MAX);
                }
            }
        }
    }

    /// Publishes until the outbox is empty.
    async fn turn(&self, lead: &mut Lead) -> Result<Turn, RelayError> {
        if !lead.acquire(&self.db, self.topic).await? {
            return Ok(Turn::NotLeading);
        }
        loop {
            let begun = Instant::now();
            let rows = self.unpublished().await?;
            if rows.is_empty() {
                return Ok(Turn::Idle);
            }
            let last = self.publish_all(lead, rows).await?;
            if last < SMALL {
                tokio::time::sleep_until(begun + GATHER).await;
            }
        }
    }

    /// Publishes these rows, and what stands behind them for as long as there is a whole batch of it: a batch
    /// is marked while the next one is on its way. Marks are made in order, so what is published and not
    /// marked (after a failure) is an end of what was published, and comes again in its order. Returns
    /// how many the last batch had.
    async fn publish_all(&self, lead: &mut Lead, rows: Vec<Row>) -> Result<usize, RelayError> {
        let mut rows = rows;
        let mut published = Vec::new();
        loop {
            // The lock may have died with its connection while this node waited.
            lead.confirm().await?;
            let (seqs, events) = self.events(rows);
            let (marked, sent) =
                futures_util::future::join(self.mark(&published), self.bus.publish(&events)).await;
            marked?;
            sent?;
            let whole = usize::try_from(self.bus.batch_max()).is_ok_and(|max| events.len() >= max);
            let more = if whole {
                self.unpublished_besides(&seqs).await?
            } else {
                Vec::new()
            };
            if more.is_empty() {
                self.mark(&seqs).await?;
                return Ok(events.len());
            }
            published = seqs;
            rows = more;
        }
    }

    async fn unpublished(&self) -> Result<Vec<Row>, DbError> {
        sql(
            "select seq, id, key, type, version, time_us, traceparent, actor_id, body
             from outbox where published_us is null order by seq limit $1",
        )
        .bind(self.bus.batch_max())
        .fetch_all(&self.db)
        .await
    }

    /// What is unpublished when these are not counted. Not what has a greater number than they: an event with
    /// a lesser one may have been committed only now, and must come before a later one of its key.
    async fn unpublished_besides(&self, seqs: &[i64]) -> Result<Vec<Row>, DbError> {
        sql_by_engine(
            "select seq, id, key, type, version, time_us, traceparent, actor_id, body
             from outbox where published_us is null
               and seq not in (select value::bigint from jsonb_array_elements_text($1::jsonb) as value)
             order by seq limit $2",
            "select seq, id, key, type, version, time_us, traceparent, actor_id, body
             from outbox where published_us is null and seq not in (select value from json_each($1))
             order by seq limit $2",
        )
        .bind(encoded(seqs)?)
        .bind(self.bus.batch_max())
        .fetch_all(&self.db)
        .await
    }

    fn events(&self, rows: Vec<Row>) -> (Vec<i64>, Vec<Event>) {
        rows.into_iter()
            .map(|row| {
                let event = Event {
                    id: row.id,
                    topic: self.topic,
                    key: row.key,
                    kind: row.kind,
                    version: row.version,
                    time_us: row.time_us,
                    traceparent: row.traceparent,
                    actor: row.actor_id,
                    data: row.body.0,
                };
                (row.seq, event)
            })
            .unzip()
    }

    /// Marks exactly what was published: between two sequence numbers one may still be uncommitted.
    async fn mark(&self, seqs: &[i64]) -> Result<(), DbError> {
        if seqs.is_empty() {
            return Ok(());
        }
        let count = u64::try_from(seqs.len()).unwrap_or(u64::MAX);
        let seqs = encoded(seqs)?;
        self.db
            .write(move |tx| {
                let seqs = seqs.clone();
                Box::pin(async move {
                    let now_us = tx.ids().now_us();
                    sql_by_engine(
                        "update outbox set published_us = $2 where seq = any
                           (array(select value::bigint from jsonb_array_elements_text($1::jsonb) as value))",
                        "update outbox set published_us = $2
                         where seq in (select value from json_each($1))",
                    )
                    .bind(seqs)
                    .bind(now_us)
                    .execute(tx)
                    .await
                    .map(|_| ())
                })
            })
            .await?;
        metrics::counter!("athena_outbox_published_total", "topic" => self.topic.name())
            .increment(count);
        Ok(())
    }
}

fn encoded(seqs: &[i64]) -> Result<String, DbError> {
    serde_json::to_string(seqs)
        .map_err(|error| DbError::Other(format!("sequence numbers do not encode: {error}")))
}

enum Turn {
    Idle,
    NotLeading,
}

/// The right to publish a topic. It lives as long as the connection that holds the lock, so a node
/// that dies or is cut off gives it up.
struct Lead(Option<Held>);

enum Held {
    /// SQLite: one process owns the file.
    Alone,
    Waiting(PgConnection),
    Leading(PgConnection),
}

impl Lead {
    fn none() -> Self {
        Self(None)
    }

    async fn acquire(&mut self, db: &Db, topic: Topic) -> Result<bool, DbError> {
        let mut connection = match self.0.take() {
            Some(Held::Waiting(connection)) => connection,
            Some(held) => {
                self.0 = Some(held);
                return Ok(true);
            }
            None => {
                let Some(connection) = Box::pin(db.own_connection()).await? else {
                    self.0 = Some(Held::Alone);
                    return Ok(true);
                };
                connection
            }
        };
        let (leading,): (bool,) =
            sqlx::query_as("select pg_try_advisory_lock(hashtextextended($1, 0))")
                .bind(format!("athena outbox {}", topic.name()))
                .fetch_one(&mut connection)
                .await?;
        self.0 = Some(if leading {
            tracing::info!(topic = topic.name(), "this node publishes");
            Held::Leading(connection)
        } else {
            Held::Waiting(connection)
        });
        Ok(leading)
    }

    async fn confirm(&mut self) -> Result<(), DbError> {
        let Some(Held::Leading(connection)) = &mut self.0 else {
            return Ok(());
        };
        match tokio::time::timeout(CONFIRM_MAX, connection.ping()).await {
            Ok(answered) => Ok(answered?),
            Err(_) => Err(DbError::Unavailable(
                "the connection that holds the relay's lock does not answer".to_owned(),
            )),
        }
    }
}
