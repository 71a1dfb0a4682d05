//! Events leave a service through its outbox.
//!
//! [`append`] writes them in the transaction of the change they tell of, so that there is no change
//! without its event and no event without its change. A [`Relay`] per service publishes them in
//! order and marks them; it is woken by [`Wake`] after each commit. It selects the unmarked ones: a
//! cursor over the sequence would skip what commits late.

mod relay;

pub use relay::Relay;

use crate::db::{DbError, Tx, sql_by_engine};
use crate::identity::Cause;
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use sync_core::canonical::event_id;
use tokio::sync::Notify;
use uuid::Uuid;

/// An event about to be written.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// UUIDv5 of record, version and kind.
    pub id: Uuid,
    /// Events of one key are delivered in order.
    pub key: Uuid,
    /// What happened, for instance `category.changed`.
    pub kind: &'static str,
    /// The record's version, from 1.
    pub version: i64,
    /// The W3C trace context of the request that caused it.
    pub traceparent: Option<String>,
    /// Who caused it; none: the system itself.
    pub actor: Option<Uuid>,
    /// The record as it stands after it.
    pub data: Box<RawValue>,
}

impl NewEvent {
    /// `kind` happened to `record`, which became `version` and now reads `data`. Its key is the
    /// record's id.
    ///
    /// # Errors
    /// When `data` has no JSON form: a mistake in the program, told as a [`DbError`] because the
    /// transaction cannot go on.
    pub fn new(
        kind: &'static str,
        record: Uuid,
        version: i64,
        data: &impl Serialize,
    ) -> Result<Self, DbError> {
        let data = serde_json::value::to_raw_value(data)
            .map_err(|error| DbError::Other(format!("an event does not encode: {error}")))?;
        Ok(Self {
            id: event_id(record, u64::try_from(version).unwrap_or(0), kind),
            key: record,
            kind,
            version,
            traceparent: None,
            actor: None,
            data,
        })
    }

    /// The same event under another key (an approval's events follow their request's).
    #[must_use]
    pub fn keyed(self, key: Uuid) -> Self {
        Self { key, ..self }
    }

    /// The same event with the trace context of the request that caused it.
    #[must_use]
    pub fn traced(self, traceparent: Option<String>) -> Self {
        Self {
            traceparent,
            ..self
        }
    }

    /// The same event with who caused it, in which trace.
    #[must_use]
    pub fn caused(self, cause: &Cause) -> Self {
        Self {
            actor: cause.actor,
            traceparent: cause.traceparent.clone(),
            ..self
        }
    }

    /// The same event with the person who caused it.
    #[must_use]
    pub fn by(self, actor: Uuid) -> Self {
        Self {
            actor: Some(actor),
            ..self
        }
    }
}

/// The namespace of the events of refusals.
const REFUSALS: Uuid = Uuid::from_u128(0x1c4e_6a52_0d7b_4f9e_9b35_7d21_66e0_8a4c);

/// The id of the event of a refusal: one a person, operation and code, however often it is sent.
#[must_use]
pub fn refusal_id(kind: &str, person: Uuid, operation: &str, code: &str) -> Uuid {
    Uuid::new_v5(
        &REFUSALS,
        format!("{kind}/{person}/{code}/{operation}").as_bytes(),
    )
}

/// Rows as both engines unpack them from one JSON argument.
#[derive(Serialize)]
struct Row<'a> {
    n: usize,
    id: Uuid,
    key: Uuid,
    kind: &'a str,
    version: i64,
    traceparent: Option<&'a str>,
    actor: Option<Uuid>,
    body: &'a RawValue,
}

/// Writes events in the caller's transaction, in one statement however many there are. They are
/// published in the order given. `now_us` is the database's clock, read under the lock that orders
/// the change ([`Tx::now_us`]). Call [`Wake::ring`] after the commit.
///
/// # Errors
/// The database's.
pub async fn append(tx: &mut Tx, now_us: i64, events: &[NewEvent]) -> Result<(), DbError> {
    if events.is_empty() {
        return Ok(());
    }
    let rows: Vec<Row<'_>> = events
        .iter()
        .enumerate()
        .map(|(n, event)| Row {
            n,
            id: event.id,
            key: event.key,
            kind: event.kind,
            version: event.version,
            traceparent: event.traceparent.as_deref(),
            actor: event.actor,
            body: &event.data,
        })
        .collect();
    let rows = serde_json::to_string(&rows)
        .map_err(|error| DbError::Other(format!("events do not encode: {error}")))?;
    sql_by_engine(
        "insert into outbox (id, key, type, version, time_us, traceparent, actor_id, body)
         select id, key, kind, version, $2, traceparent, actor, body
         from jsonb_to_recordset($1::jsonb)
              as e(n bigint, id uuid, key uuid, kind text, version bigint, traceparent text, actor uuid, body jsonb)
         order by n",
        "insert into outbox (id, key, type, version, time_us, traceparent, actor_id, body)
         select unhex(value ->> '$.id', '-'), unhex(value ->> '$.key', '-'), value ->> '$.kind',
                value ->> '$.version', $2, value ->> '$.traceparent', unhex(value ->> '$.actor', '-'), value -> '$.body'
         from json_each($1) order by key",
    )
    .bind(rows)
    .bind(now_us)
    .execute(tx)
    .await?;
    Ok(())
}

/// Wakes a service's relay.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Says that a transaction with events has been committed.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    pub(crate) async fn rung(&self) {
        self.0.notified().await;
    }
}
