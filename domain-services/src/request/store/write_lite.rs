//! The write on SQLite: a handful of statements, run by the writer inside its transaction. Records,
//! which are many, are bound value by value; the other rows are one JSON argument a statement (blobs
//! as hexadecimal text): unpacking the records' JSON was a third of the writer's time.

use super::super::model::Stored;
use super::super::rules::Decision;
use super::rows::pack;
use super::write::{Written, expected, history_at, id_of};
use crate::db::{DbError, Tx, ValueRows, sql, sql_lite};
use serde::{Serialize, Serializer};
use sqlx::Arguments;
use sqlx::sqlite::SqliteArguments;
use std::sync::{Arc, LazyLock};
use sync_core::field::Field;
use sync_core::value::Money;
use uuid::Uuid;

const HEAD: &str = "
insert into feed_head as f (user_id, at_us, clock) values ($1, $2, $3)
on conflict (user_id) do update set at_us = excluded.at_us, clock = max(f.clock, excluded.clock)
where f.at_us = $4";

const RECORDS_INTO: &str = "
insert into request as r (owner_id, id, at_us, created_us, title, amount_minor, currency, category_id, reason_id, department_id, region, needed_by, justification, stamps, text_state, tombstone, status, revision, chain, submitted_us, final_us, last_op, last_digest)";

const RECORDS_BEHIND: &str = "on conflict (id) do update set
    owner_id = case when r.owner_id = excluded.owner_id then r.owner_id end,
    at_us = excluded.at_us, title = excluded.title, amount_minor = excluded.amount_minor, currency = excluded.currency,
    category_id = excluded.category_id, reason_id = excluded.reason_id, department_id = excluded.department_id,
    region = excluded.region, needed_by = excluded.needed_by, justification = excluded.justification,
    stamps = excluded.stamps, text_state = excluded.text_state, tombstone = excluded.tombstone, status = excluded.status,
    revision = excluded.revision, chain = excluded.chain, submitted_us = excluded.submitted_us,
    final_us = excluded.final_us, last_op = excluded.last_op, last_digest = excluded.last_digest";

const RECORD_COLUMNS: usize = 23;
/// Records of one statement at most: more than a batch has.
const RECORDS_MAX: usize = 512;

static RECORDS: LazyLock<ValueRows> =
    LazyLock::new(|| ValueRows::new(RECORDS_INTO, RECORD_COLUMNS, RECORDS_BEHIND, RECORDS_MAX));

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
    records: Arc<[(&'static str, SqliteArguments)]>,
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
        let changed: Vec<&Stored> = decision
            .changed
            .iter()
            .filter_map(|(id, _)| decision.records.get(id))
            .collect();
        let records = changed.chunks(RECORDS_MAX).map(|rows| records(user, rows));
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
            records: records
                .collect::<Result<_, _>>()
                .map_err(|error| DbError::Other(error.to_string()))?,
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
        for (statement, arguments) in &*self.records {
            sql_lite(statement, arguments.clone())
                .execute(&mut *tx)
                .await?;
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

/// The upsert of these records, and its arguments.
fn records(
    owner: Uuid,
    rows: &[&Stored],
) -> Result<(&'static str, SqliteArguments), sqlx::error::BoxDynError> {
    let (statement, mut arguments) = RECORDS.of(rows.len())?;
    for row in rows {
        let money = row.money();
        arguments.add(owner)?;
        arguments.add(row.id)?;
        arguments.add(row.at_us)?;
        arguments.add(row.created_us)?;
        arguments.add(row.text(Field::Title))?;
        arguments.add(money.map(Money::minor))?;
        arguments.add(money.map(|money| money.currency().to_string()))?;
        arguments.add(row.reference(Field::CategoryId))?;
        arguments.add(row.reference(Field::ReasonId))?;
        arguments.add(row.reference(Field::DepartmentId))?;
        arguments.add(row.text(Field::Region))?;
        arguments.add(row.date())?;
        arguments.add(row.record.text().value())?;
        arguments.add(pack(&row.record))?;
        arguments.add(row.record.text().state())?;
        arguments.add(
            row.record
                .tombstone()
                .map(|stamp| stamp.to_bytes().to_vec()),
        )?;
        arguments.add(row.status.as_str())?;
        arguments.add(row.revision.map(|revision| revision.as_bytes().to_vec()))?;
        arguments.add(row.chain.as_deref())?;
        arguments.add(row.submitted_us)?;
        arguments.add(row.final_us)?;
        arguments.add(row.last_op.map(|(op, _)| op))?;
        arguments.add(row.last_op.map(|(_, digest)| digest.cast_signed()))?;
    }
    RECORDS.fill(rows.len(), &mut arguments)?;
    Ok((statement, arguments))
}
