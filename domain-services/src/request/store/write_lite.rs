//! The write on SQLite: a handful of statements, each with all its rows as one JSON argument
//! (blobs as hexadecimal text), run by the writer inside its transaction.

use super::super::model::Stored;
use super::super::rules::Decision;
use super::rows::pack;
use super::write::{Written, expected, history_at, id_of};
use crate::db::{DbError, Tx, sql};
use data_encoding::HEXLOWER;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use std::sync::Arc;
use sync_core::field::Field;
use sync_core::value::Money;
use uuid::Uuid;

const HEAD: &str = "
insert into feed_head as f (user_id, at_us, clock) values ($1, $2, $3)
on conflict (user_id) do update set at_us = excluded.at_us, clock = max(f.clock, excluded.clock)
where f.at_us = $4";

const RECORDS: &str = "
insert into request as r (owner_id, id, at_us, created_us, title, amount_minor, currency, category_id, reason_id, department_id, region, needed_by, justification, stamps, text_state, tombstone, status, revision, chain, submitted_us, final_us, last_op, last_digest)
select $1, unhex(v->>0), v->>1, v->>2, v->>3, v->>4, v->>5, unhex(v->>6), unhex(v->>7), unhex(v->>8), v->>9, v->>10, v->>11, unhex(v->>12), unhex(v->>13), unhex(v->>14), v->>15, unhex(v->>16), v->>17, v->>18, v->>19, unhex(v->>20), v->>21
from (select value as v from jsonb_each($2)) where true
on conflict (id) do update set
    owner_id = case when r.owner_id = excluded.owner_id then r.owner_id end,
    at_us = excluded.at_us, title = excluded.title, amount_minor = excluded.amount_minor, currency = excluded.currency,
    category_id = excluded.category_id, reason_id = excluded.reason_id, department_id = excluded.department_id,
    region = excluded.region, needed_by = excluded.needed_by, justification = excluded.justification,
    stamps = excluded.stamps, text_state = excluded.text_state, tombstone = excluded.tombstone, status = excluded.status,
    revision = excluded.revision, chain = excluded.chain, submitted_us = excluded.submitted_us,
    final_us = excluded.final_us, last_op = excluded.last_op, last_digest = excluded.last_digest";

const COMMANDS: &str = "
insert into command_log (user_id, at_us, op_id, request_id, kind, digest, code, detail)
select $1, $2, unhex(v->>0), unhex(v->>1), v->>2, v->>3, v->>4, v->>5
from (select value as v from jsonb_each($3))";

const HISTORY: &str = "
insert into history (actor_id, request_id, op_id, event, code, at_us, position, detail)
select $1, unhex(v->>0), unhex(v->>1), v->>2, v->>3, v->>4, v->>5, v->>6
from (select value as v from jsonb_each($2)) where true
on conflict do nothing";

const OUTBOX: &str = "
insert into outbox (time_us, traceparent, actor_id, id, key, type, version, body)
select $1, $2, $3, unhex(v->>0), unhex(v->>1), v->>2, v->>3, v->>4
from (select value as v from jsonb_each($4))";

/// A decision ready to be written, as often as the writer needs to.
#[derive(Debug, Clone)]
pub(super) struct Encoded {
    user: Uuid,
    actor: Uuid,
    at_us: i64,
    clock: i64,
    expected: Option<i64>,
    now_us: i64,
    traceparent: Option<Arc<str>>,
    records: Option<Arc<str>>,
    commands: Option<Arc<str>>,
    history: Option<Arc<str>>,
    events: Option<Arc<str>>,
}

impl Encoded {
    pub(super) fn new(
        user: Uuid,
        decision: &Decision,
        traceparent: Option<&str>,
    ) -> Result<Self, DbError> {
        let records = decision
            .changed
            .iter()
            .filter_map(|(id, _)| decision.records.get(id))
            .map(RecordRow);
        let commands = decision.commands.iter().map(|row| {
            (
                row.op_id.as_simple(),
                row.request_id.as_simple(),
                row.kind,
                row.digest.cast_signed(),
                row.refusal.as_ref().map(|(code, _)| code.as_str()),
                row.refusal.as_ref().map(|(_, detail)| detail),
            )
        });
        let history = decision.history.iter().map(|row| {
            (
                row.request_id.as_simple(),
                row.op_id.as_simple(),
                row.event,
                row.code,
                history_at(decision, row),
                row.position,
                row.detail.to_string(),
            )
        });
        let events = decision.events.iter().map(|event| {
            (
                id_of(event).simple(),
                event.key.as_simple(),
                event.kind,
                event.version,
                event.data.to_string(),
            )
        });
        Ok(Self {
            user,
            actor: decision.actor,
            at_us: decision.head_after.at_us,
            clock: decision.head_after.clock.cast_signed(),
            expected: expected(decision),
            now_us: decision.now_us,
            traceparent: traceparent.map(Into::into),
            records: rows(records)?,
            commands: rows(commands)?,
            history: rows(history)?,
            events: rows(events)?,
        })
    }

    pub(super) async fn run(&self, tx: &mut Tx) -> Result<Written, DbError> {
        let moved = sql(HEAD)
            .bind(self.user)
            .bind(self.at_us)
            .bind(self.clock)
            .bind(self.expected)
            .execute(&mut *tx)
            .await?;
        if moved == 0 {
            return Ok(Written::Lost);
        }
        if let Some(rows) = &self.records {
            let query = sql(RECORDS).bind(self.user).bind(Arc::clone(rows));
            query.execute(&mut *tx).await?;
        }
        if let Some(rows) = &self.commands {
            let query = sql(COMMANDS).bind(self.user).bind(self.now_us);
            query.bind(Arc::clone(rows)).execute(&mut *tx).await?;
        }
        if let Some(rows) = &self.history {
            let query = sql(HISTORY).bind(self.actor).bind(Arc::clone(rows));
            query.execute(&mut *tx).await?;
        }
        if let Some(rows) = &self.events {
            let query = sql(OUTBOX)
                .bind(self.now_us)
                .bind(self.traceparent.clone())
                .bind(self.actor);
            query.bind(Arc::clone(rows)).execute(&mut *tx).await?;
        }
        Ok(Written::Won)
    }
}

/// The rows as one JSON array, or nothing where there are none.
fn rows<T: Serialize>(rows: impl Iterator<Item = T>) -> Result<Option<Arc<str>>, DbError> {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return Ok(None);
    }
    let wrong = |error: serde_json::Error| DbError::Other(error.to_string());
    let mut json = Vec::new();
    let mut array = serde_json::Serializer::new(&mut json);
    array.collect_seq(rows).map_err(wrong)?;
    let json = String::from_utf8(json).map_err(|error| DbError::Other(error.to_string()))?;
    Ok(Some(json.into()))
}

/// A record as the array of its columns, in the order of [`RECORDS`].
struct RecordRow<'a>(&'a Stored);

impl Serialize for RecordRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = self.0;
        let mut array = serializer.serialize_seq(None)?;
        array.serialize_element(row.id.as_simple())?;
        array.serialize_element(&row.at_us)?;
        array.serialize_element(&row.created_us)?;
        array.serialize_element(&row.text(Field::Title))?;
        array.serialize_element(&row.money().map(Money::minor))?;
        array.serialize_element(&row.money().map(|money| money.currency().to_string()))?;
        for field in [Field::CategoryId, Field::ReasonId, Field::DepartmentId] {
            array.serialize_element(&row.reference(field).map(Uuid::simple))?;
        }
        array.serialize_element(&row.text(Field::Region))?;
        array.serialize_element(&row.date())?;
        array.serialize_element(&row.record.text().value())?;
        array.serialize_element(&HEXLOWER.encode(&pack(&row.record)))?;
        let state = row.record.text().state();
        array.serialize_element(&state.map(|state| HEXLOWER.encode(&state)))?;
        let tombstone = row.record.tombstone();
        array.serialize_element(&tombstone.map(|stamp| HEXLOWER.encode(&stamp.to_bytes())))?;
        array.serialize_element(row.status.as_str())?;
        let revision = row.revision.as_ref();
        array.serialize_element(&revision.map(|revision| HEXLOWER.encode(revision.as_bytes())))?;
        array.serialize_element(&row.chain)?;
        array.serialize_element(&row.submitted_us)?;
        array.serialize_element(&row.final_us)?;
        array.serialize_element(&row.last_op.map(|(op, _)| op.simple()))?;
        array.serialize_element(&row.last_op.map(|(_, digest)| digest.cast_signed()))?;
        array.end()
    }
}
