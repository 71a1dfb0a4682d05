//! The write on PostgreSQL: one statement, rows bound as arrays.

use super::super::model::Stored;
use super::super::rules::Decision;
use super::rows::pack;
use super::write::{Written, expected, history_at, id_of};
use crate::db::{DbError, On, sql_pg};
use sqlx::Arguments;
use sqlx::postgres::PgArguments;
use sync_core::field::Field;
use sync_core::value::Money;
use uuid::Uuid;

/// `h` compares and sets the head; every other part runs only if it did. An upsert of a request
/// that belongs to somebody else sets `owner_id` to null and fails the statement: silently skipping
/// the row would move the head past an entry that does not exist.
const WRITE: &str = "
with h as (
    insert into feed_head as f (user_id, at_us, clock) values ($1, $2, $3)
    on conflict (user_id) do update set at_us = excluded.at_us, clock = greatest(f.clock, excluded.clock)
    where f.at_us = $4
    returning 1
), u as (
    insert into request as r (id, at_us, created_us, title, amount_minor, currency, category_id, reason_id, department_id, region, needed_by, justification, stamps, text_state, tombstone, status, revision, chain, submitted_us, final_us, last_op, last_digest, owner_id)
    select *, $1 from unnest($5::uuid[], $6::bigint[], $7::bigint[], $8::text[], $9::bigint[], $10::text[], $11::uuid[], $12::uuid[], $13::uuid[], $14::text[], $15::text[], $16::text[], $17::bytea[], $18::bytea[], $19::bytea[], $20::text[], $21::bytea[], $22::text[], $23::bigint[], $24::bigint[], $25::uuid[], $26::bigint[])
    where exists (select 1 from h)
    on conflict (id) do update set
        owner_id = case when r.owner_id = excluded.owner_id then r.owner_id end,
        at_us = excluded.at_us, title = excluded.title, amount_minor = excluded.amount_minor, currency = excluded.currency,
        category_id = excluded.category_id, reason_id = excluded.reason_id, department_id = excluded.department_id,
        region = excluded.region, needed_by = excluded.needed_by, justification = excluded.justification,
        stamps = excluded.stamps, text_state = excluded.text_state, tombstone = excluded.tombstone, status = excluded.status,
        revision = excluded.revision, chain = excluded.chain, submitted_us = excluded.submitted_us,
        final_us = excluded.final_us, last_op = excluded.last_op, last_digest = excluded.last_digest
), c as (
    insert into command_log (op_id, request_id, kind, digest, code, detail, user_id, at_us)
    select *, $1, $27 from unnest($28::uuid[], $29::uuid[], $30::text[], $31::bigint[], $32::text[], $33::text[])
    where exists (select 1 from h)
), y as (
    insert into history (request_id, op_id, event, code, at_us, position, detail, actor_id)
    select *, $47 from unnest($34::uuid[], $35::uuid[], $36::text[], $37::text[], $38::bigint[], $39::integer[], $40::text[])
    where exists (select 1 from h)
    on conflict do nothing
), o as (
    insert into outbox (id, key, type, version, body, time_us, traceparent, actor_id)
    select e.id, e.key, e.type, e.version, e.body::jsonb, $27, $41, $47::uuid
    from unnest($42::uuid[], $43::uuid[], $44::text[], $45::bigint[], $46::text[]) as e (id, key, type, version, body)
    where exists (select 1 from h)
)
select count(*) from h";

pub(super) async fn run(
    on: On<'_>,
    user: Uuid,
    decision: &Decision,
    traceparent: Option<&str>,
) -> Result<Written, DbError> {
    let arguments =
        encode(user, decision, traceparent).map_err(|error| DbError::Other(error.to_string()))?;
    let (moved,): (i64,) = sql_pg(WRITE, arguments).fetch_one(on).await?;
    Ok(if moved == 0 {
        Written::Lost
    } else {
        Written::Won
    })
}

fn encode(
    user: Uuid,
    decision: &Decision,
    traceparent: Option<&str>,
) -> Result<PgArguments, sqlx::error::BoxDynError> {
    let mut arguments = PgArguments::default();
    arguments.reserve(47, 512 * decision.changed.len());
    arguments.add(user)?;
    arguments.add(decision.head_after.at_us)?;
    arguments.add(decision.head_after.clock.cast_signed())?;
    arguments.add(expected(decision))?;
    records(&mut arguments, decision)?;
    arguments.add(decision.now_us)?;
    commands(&mut arguments, decision)?;
    history(&mut arguments, decision)?;
    arguments.add(traceparent)?;
    events(&mut arguments, decision)?;
    arguments.add(decision.actor)?;
    Ok(arguments)
}

fn records(
    arguments: &mut PgArguments,
    decision: &Decision,
) -> Result<(), sqlx::error::BoxDynError> {
    let rows: Vec<&Stored> = decision
        .changed
        .iter()
        .filter_map(|(id, _)| decision.records.get(id))
        .collect();
    macro_rules! column {
        (|$row:ident| $value:expr) => {
            arguments.add(rows.iter().map(|$row| $value).collect::<Vec<_>>())?
        };
    }
    column!(|row| row.id);
    column!(|row| row.at_us);
    column!(|row| row.created_us);
    column!(|row| row.text(Field::Title));
    column!(|row| row.money().map(Money::minor));
    column!(|row| row.money().map(|money| money.currency().to_string()));
    column!(|row| row.reference(Field::CategoryId));
    column!(|row| row.reference(Field::ReasonId));
    column!(|row| row.reference(Field::DepartmentId));
    column!(|row| row.text(Field::Region));
    column!(|row| row.date());
    column!(|row| row.record.text().value());
    column!(|row| pack(&row.record));
    column!(|row| row.record.text().state());
    column!(|row| row
        .record
        .tombstone()
        .map(|stamp| stamp.to_bytes().to_vec()));
    column!(|row| row.status.as_str());
    column!(|row| row.revision.map(|revision| revision.as_bytes().to_vec()));
    column!(|row| row.chain.as_deref());
    column!(|row| row.submitted_us);
    column!(|row| row.final_us);
    column!(|row| row.last_op.map(|(op, _)| op));
    column!(|row| row.last_op.map(|(_, digest)| digest.cast_signed()));
    Ok(())
}

fn commands(
    arguments: &mut PgArguments,
    decision: &Decision,
) -> Result<(), sqlx::error::BoxDynError> {
    let rows = &decision.commands;
    macro_rules! column {
        (|$row:ident| $value:expr) => {
            arguments.add(rows.iter().map(|$row| $value).collect::<Vec<_>>())?
        };
    }
    column!(|row| row.op_id);
    column!(|row| row.request_id);
    column!(|row| row.kind);
    column!(|row| row.digest.cast_signed());
    column!(|row| row.refusal.as_ref().map(|(code, _)| code.as_str()));
    column!(|row| row.refusal.as_ref().map(|(_, detail)| detail.as_str()));
    Ok(())
}

fn history(
    arguments: &mut PgArguments,
    decision: &Decision,
) -> Result<(), sqlx::error::BoxDynError> {
    let rows = &decision.history;
    macro_rules! column {
        (|$row:ident| $value:expr) => {
            arguments.add(rows.iter().map(|$row| $value).collect::<Vec<_>>())?
        };
    }
    column!(|row| row.request_id);
    column!(|row| row.op_id);
    column!(|row| row.event);
    column!(|row| row.code);
    column!(|row| history_at(decision, row));
    column!(|row| row.position);
    column!(|row| row.detail.to_string());
    Ok(())
}

fn events(
    arguments: &mut PgArguments,
    decision: &Decision,
) -> Result<(), sqlx::error::BoxDynError> {
    let rows = &decision.events;
    macro_rules! column {
        (|$row:ident| $value:expr) => {
            arguments.add(rows.iter().map(|$row| $value).collect::<Vec<_>>())?
        };
    }
    column!(|row| id_of(row));
    column!(|row| row.key);
    column!(|row| row.kind);
    column!(|row| row.version);
    column!(|row| row.data.to_string());
    Ok(())
}
