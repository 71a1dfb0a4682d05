//! The write on SQLite: a handful of statements, each with all its rows as one JSON argument, ids as
//! hexadecimal text.

use super::write::Rows;
use crate::db::{DbError, Query, Tx, sql};
use serde::Serialize;

const HEADS: &str = "
update feed_head set at_us = u.at_us, clock = max(feed_head.clock, u.clock)
from (select unhex(value->>0) as user_id, value->>1 as at_us, value->>2 as clock from jsonb_each($1)) as u
where feed_head.user_id = u.user_id";

const CHANGED: &str = "
update approval_case set state = u.state, seals_us = u.seals_us
from (select unhex(value->>0) as request_id, value->>1 as state, value->>2 as seals_us from jsonb_each($1)) as u
where approval_case.request_id = u.request_id";

const OPENED: &str = "
insert into approval_case (request_id, owner_id, state, content, submitted_us, seals_us)
select unhex(value->>0), unhex(value->>1), value->>2, value->>3, value->>4, value->>5 from jsonb_each($1)";

const LEVELS: &str = "
insert into approval (id, request_id, level)
select unhex(value->>0), unhex(value->>1), value->>2 from jsonb_each($1)";

const SEATS: &str = "
insert into seat (person_id, request_id)
select unhex(value->>0), unhex(value->>1) from jsonb_each($1) where true on conflict do nothing";

const EMPTY_SEATS: &str = "
delete from seat where (person_id, request_id) in
    (select unhex(value->>0), unhex(value->>1) from jsonb_each($1))";

const LOG: &str = "
insert into case_log (request_id, n, at_us, kind, fact)
select unhex(value->>0), value->>1, value->>2, value->>3, value->>4 from jsonb_each($1)";

const COMMANDS: &str = "
insert into command_log (user_id, at_us, op_id, approval_id, kind, digest, code, detail)
select $2, $3, unhex(value->>0), unhex(value->>1), value->>2, value->>3, value->>4, value->>5 from jsonb_each($1)";

const FEED: &str = "
insert into feed (user_id, approval_id, request_id, level, at_us, removed, waits, opened_us, acted_us)
select unhex(value->>0), unhex(value->>1), unhex(value->>2), value->>3, value->>4, value->>5, value->>6, value->>7, value->>8
from jsonb_each($1) where true
on conflict (user_id, approval_id) do update set
    at_us = excluded.at_us, removed = excluded.removed, waits = excluded.waits,
    opened_us = excluded.opened_us, acted_us = excluded.acted_us";

const OUTBOX: &str = "
insert into outbox (time_us, traceparent, actor_id, id, key, type, version, body)
select $2, coalesce($3, value->>5), $4, unhex(value->>0), unhex(value->>1), value->>2, value->>3, value->>4
from jsonb_each($1) order by key";

pub(super) async fn run(tx: &mut Tx, rows: &Rows<'_>) -> Result<(), DbError> {
    cases(tx, rows).await?;
    let log = rows.decision.log.iter().map(|row| {
        (
            row.request_id.as_simple(),
            row.n,
            row.at_us,
            row.fact.kind(),
            json(&row.fact),
        )
    });
    put(tx, LOG, log, |query| query).await?;
    if let Some(acting) = rows.acting {
        let commands = rows.decision.commands.iter().map(|row| {
            (
                row.op_id.as_simple(),
                row.approval_id.as_simple(),
                row.kind,
                row.digest.cast_signed(),
                row.refusal.as_ref().map(|(code, _)| code.as_str()),
                row.refusal.as_ref().map(|(_, detail)| detail),
            )
        });
        let now_us = rows.decision.now_us;
        put(tx, COMMANDS, commands, |query| {
            query.bind(acting.user).bind(now_us)
        })
        .await?;
    }
    feeds(tx, rows).await?;
    let events = rows.decision.news.iter().map(|news| {
        (
            news.event_id().simple(),
            news.request_id.as_simple(),
            news.kind,
            news.version,
            json(&news.data),
            rows.trace_of(news),
        )
    });
    let traceparent = rows.traceparent.map(str::to_owned);
    let now_us = rows.decision.now_us;
    let actor = rows.acting.map(|acting| acting.user);
    put(tx, OUTBOX, events, |query| {
        query.bind(now_us).bind(traceparent).bind(actor)
    })
    .await
}

async fn cases(tx: &mut Tx, rows: &Rows<'_>) -> Result<(), DbError> {
    let changed = rows
        .changed
        .iter()
        .map(|case| (case.request_id.as_simple(), json(case), case.next_seal_us()));
    put(tx, CHANGED, changed, |query| query).await?;
    let opened = rows.opened.iter().map(|row| {
        (
            row.case.request_id.as_simple(),
            row.case.owner_id.as_simple(),
            json(row.case),
            &row.content,
            row.submitted_us,
            row.case.next_seal_us(),
        )
    });
    put(tx, OPENED, opened, |query| query).await?;
    let levels = rows.levels().into_iter();
    let levels = levels.map(|(id, request_id, level)| (id.simple(), request_id.simple(), level));
    put(tx, LEVELS, levels, |query| query).await?;
    for (statement, seats) in [(SEATS, rows.seats()), (EMPTY_SEATS, rows.empty_seats())] {
        let seats = seats.into_iter();
        let seats = seats.map(|(person, request_id)| (person.simple(), request_id.simple()));
        put(tx, statement, seats, |query| query).await?;
    }
    Ok(())
}

async fn feeds(tx: &mut Tx, rows: &Rows<'_>) -> Result<(), DbError> {
    let heads = rows
        .heads
        .iter()
        .map(|(user, at_us, clock)| (user.as_simple(), at_us, clock));
    put(tx, HEADS, heads, |query| query).await?;
    let entries = rows.entries.iter().map(|entry| {
        (
            entry.user.as_simple(),
            entry.approval_id.as_simple(),
            entry.request_id.as_simple(),
            entry.level,
            entry.at_us,
            i32::from(entry.removed),
            i32::from(entry.waits),
            entry.opened_us,
            entry.acted_us,
        )
    });
    put(tx, FEED, entries, |query| query).await
}

/// Runs a statement over rows, if there are any.
async fn put<T: Serialize>(
    tx: &mut Tx,
    statement: &'static str,
    rows: impl Iterator<Item = T>,
    bind: impl FnOnce(Query) -> Query,
) -> Result<(), DbError> {
    let rows: Vec<T> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    bind(sql(statement).bind(json(&rows))).execute(tx).await?;
    Ok(())
}

/// What is written here has string keys only, so it always has a JSON form; were it otherwise, the
/// statement would refuse the empty text.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
