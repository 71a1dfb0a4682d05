//! The write on PostgreSQL: one statement, rows bound as arrays. The heads are locked already.

use super::write::Rows;
use crate::db::{DbError, Tx, sql_pg};
use sqlx::Arguments;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;

const WRITE: &str = "
with h as (
    update feed_head f set at_us = u.at_us, clock = greatest(f.clock, u.clock)
    from unnest($1::uuid[], $2::bigint[], $3::bigint[]) as u (user_id, at_us, clock)
    where f.user_id = u.user_id
), changed as (
    update approval_case c set state = u.state, seals_us = u.seals_us
    from unnest($4::uuid[], $5::text[], $6::bigint[]) as u (request_id, state, seals_us)
    where c.request_id = u.request_id
), opened as (
    insert into approval_case (request_id, owner_id, state, content, submitted_us, seals_us)
    select * from unnest($7::uuid[], $8::uuid[], $9::text[], $10::text[], $11::bigint[], $12::bigint[])
), levels as (
    insert into approval (id, request_id, level)
    select * from unnest($13::uuid[], $14::uuid[], $15::integer[])
), seats as (
    insert into seat (person_id, request_id) select * from unnest($16::uuid[], $17::uuid[])
    on conflict do nothing
), unseated as (
    delete from seat where (person_id, request_id) in (select * from unnest($18::uuid[], $19::uuid[]))
), log as (
    insert into case_log (request_id, n, at_us, kind, fact)
    select * from unnest($20::uuid[], $21::bigint[], $22::bigint[], $23::text[], $24::text[])
), commands as (
    insert into command_log (op_id, approval_id, kind, digest, code, detail, user_id, at_us)
    select *, $25::uuid, $26::bigint from unnest($27::uuid[], $28::uuid[], $29::text[], $30::bigint[], $31::text[], $32::text[])
), entries as (
    insert into feed (user_id, approval_id, request_id, level, at_us, removed, waits, opened_us, acted_us)
    select * from unnest($33::uuid[], $34::uuid[], $35::uuid[], $36::integer[], $37::bigint[], $38::boolean[], $39::boolean[], $40::bigint[], $41::bigint[])
    on conflict (user_id, approval_id) do update set
        at_us = excluded.at_us, removed = excluded.removed, waits = excluded.waits,
        opened_us = excluded.opened_us, acted_us = excluded.acted_us
)
insert into outbox (id, key, type, version, body, time_us, traceparent, actor_id)
select e.id, e.key, e.type, e.version, e.body::jsonb, $26, coalesce($42::text, e.trace), $25::uuid
from unnest($43::uuid[], $44::uuid[], $45::text[], $46::bigint[], $47::text[], $48::text[]) with ordinality
     as e (id, key, type, version, body, trace, n)
order by e.n";

pub(super) async fn run(tx: &mut Tx, rows: &Rows<'_>) -> Result<(), DbError> {
    let arguments = encode(rows).map_err(|error| DbError::Other(error.to_string()))?;
    sql_pg(WRITE, arguments).execute(tx).await?;
    Ok(())
}

/// Binds one column of some rows as an array.
macro_rules! column {
    ($arguments:ident, $rows:expr, |$row:pat_param| $value:expr) => {
        $arguments.add($rows.iter().map(|$row| $value).collect::<Vec<_>>())?
    };
}

fn encode(rows: &Rows<'_>) -> Result<PgArguments, BoxDynError> {
    let mut arguments = PgArguments::default();
    column!(arguments, rows.heads, |(user, _, _)| *user);
    column!(arguments, rows.heads, |(_, at_us, _)| *at_us);
    column!(arguments, rows.heads, |(_, _, clock)| *clock);
    cases(&mut arguments, rows)?;
    log(&mut arguments, rows)?;
    let acting = rows.acting.map(|acting| acting.user);
    arguments.add(acting)?;
    arguments.add(rows.decision.now_us)?;
    commands(&mut arguments, rows)?;
    feed(&mut arguments, rows)?;
    arguments.add(rows.traceparent)?;
    events(&mut arguments, rows)?;
    Ok(arguments)
}

fn cases(arguments: &mut PgArguments, rows: &Rows<'_>) -> Result<(), BoxDynError> {
    column!(arguments, rows.changed, |case| case.request_id);
    let states: Result<Vec<String>, _> = rows.changed.iter().map(serde_json::to_string).collect();
    arguments.add(states?)?;
    column!(arguments, rows.changed, |case| case.next_seal_us());
    column!(arguments, rows.opened, |row| row.case.request_id);
    column!(arguments, rows.opened, |row| row.case.owner_id);
    let opened = rows.opened.iter();
    let states: Result<Vec<String>, _> =
        opened.map(|row| serde_json::to_string(row.case)).collect();
    arguments.add(states?)?;
    column!(arguments, rows.opened, |row| row.content.as_str());
    column!(arguments, rows.opened, |row| row.submitted_us);
    column!(arguments, rows.opened, |row| row.case.next_seal_us());
    let levels = rows.levels();
    column!(arguments, levels, |(id, _, _)| *id);
    column!(arguments, levels, |(_, request_id, _)| *request_id);
    column!(arguments, levels, |(_, _, level)| i32::from(*level));
    for seats in [rows.seats(), rows.empty_seats()] {
        column!(arguments, seats, |(person, _)| *person);
        column!(arguments, seats, |(_, request_id)| *request_id);
    }
    Ok(())
}

fn log(arguments: &mut PgArguments, rows: &Rows<'_>) -> Result<(), BoxDynError> {
    let log = &rows.decision.log;
    column!(arguments, log, |row| row.request_id);
    column!(arguments, log, |row| row.n);
    column!(arguments, log, |row| row.at_us);
    column!(arguments, log, |row| row.fact.kind());
    let facts: Result<Vec<String>, _> = log
        .iter()
        .map(|row| serde_json::to_string(&row.fact))
        .collect();
    arguments.add(facts?)?;
    Ok(())
}

fn commands(arguments: &mut PgArguments, rows: &Rows<'_>) -> Result<(), BoxDynError> {
    let commands = &rows.decision.commands;
    column!(arguments, commands, |row| row.op_id);
    column!(arguments, commands, |row| row.approval_id);
    column!(arguments, commands, |row| row.kind);
    column!(arguments, commands, |row| row.digest.cast_signed());
    column!(arguments, commands, |row| row
        .refusal
        .as_ref()
        .map(|(code, _)| code.as_str()));
    column!(arguments, commands, |row| row
        .refusal
        .as_ref()
        .map(|(_, detail)| detail.as_str()));
    Ok(())
}

fn feed(arguments: &mut PgArguments, rows: &Rows<'_>) -> Result<(), BoxDynError> {
    let entries = &rows.entries;
    column!(arguments, entries, |entry| entry.user);
    column!(arguments, entries, |entry| entry.approval_id);
    column!(arguments, entries, |entry| entry.request_id);
    column!(arguments, entries, |entry| i32::from(entry.level));
    column!(arguments, entries, |entry| entry.at_us);
    column!(arguments, entries, |entry| entry.removed);
    column!(arguments, entries, |entry| entry.waits);
    column!(arguments, entries, |entry| entry.opened_us);
    column!(arguments, entries, |entry| entry.acted_us);
    Ok(())
}

fn events(arguments: &mut PgArguments, rows: &Rows<'_>) -> Result<(), BoxDynError> {
    let news = &rows.decision.news;
    column!(arguments, news, |news| news.event_id());
    column!(arguments, news, |news| news.request_id);
    column!(arguments, news, |news| news.kind);
    column!(arguments, news, |news| news.version);
    let bodies: Result<Vec<String>, _> = news
        .iter()
        .map(|news| serde_json::to_string(&news.data))
        .collect();
    arguments.add(bodies?)?;
    column!(arguments, news, |news| rows.trace_of(news));
    Ok(())
}
