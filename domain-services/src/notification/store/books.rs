//! What the rules need for a delivery of events, read at once, and what they make of it, written at once:
//! the cost is a fixed number of statements, not one an event.

use super::super::model::{Channel, Status, Template};
use super::super::rules::{Books, Happening, Level, New, Told, ToldState};
use super::change::{Changed, tell};
use super::{json, word};
use crate::db::{DbError, IdList, Tx, sql, sql_by_engine};
use crate::events::{Outcome, RequestSubmitted};
use serde::Deserialize;
use serde_json::json;
use sqlx::types::Json;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// Reads the books for these events. The messages that may have to be taken back are locked: a node
/// that is about to send one either has taken it (then it counts as told) or finds it cancelled.
pub(in crate::notification) async fn read_books(
    tx: &mut Tx,
    happenings: &[Happening],
) -> Result<Books, DbError> {
    let abouts: BTreeSet<Uuid> = happenings.iter().map(Happening::about).collect();
    let levels = levels(tx, abouts.into_iter().collect()).await?;
    let taking_back: BTreeSet<Uuid> = happenings
        .iter()
        .filter(|one| matches!(one, Happening::Reopened(_) | Happening::Closed(_)))
        .map(Happening::about)
        .collect();
    let told = told(tx, taking_back.into_iter().collect()).await?;
    let mut people: BTreeSet<Uuid> = BTreeSet::new();
    for happening in happenings {
        match happening {
            Happening::Opened(opened) => people.extend(&opened.approver_ids),
            Happening::Decided(level, _) => {
                people.insert(level.owner_id);
            }
            Happening::Finalized(finalized) => {
                people.insert(finalized.owner_id);
            }
            Happening::Reopened(_)
            | Happening::Closed(_)
            | Happening::Cast(_)
            | Happening::Sealed(_) => {}
        }
    }
    people.extend(levels.values().flat_map(|level| &level.approver_ids));
    let people: Vec<Uuid> = people.into_iter().collect();
    Ok(Books {
        levels,
        told,
        preferences: super::claim::preferences(tx, people.clone()).await?,
        with_device: with_device(tx, people).await?,
        ..Books::default()
    })
}

pub(super) async fn levels(tx: &mut Tx, ids: Vec<Uuid>) -> Result<HashMap<Uuid, Level>, DbError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Uuid, Json<Level>)> = sql_by_engine(
        "select approval_id, state from level where approval_id = any($1)",
        "select approval_id, state from level
         where approval_id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(ids))
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|(id, state)| (id, state.0)).collect())
}

#[derive(sqlx::FromRow)]
struct ToldRow {
    id: Uuid,
    about_id: Uuid,
    recipient_id: Uuid,
    channel: String,
    template: String,
    follows: Option<Uuid>,
    status: String,
    lease_us: Option<i64>,
    may_have_left: bool,
    created_us: i64,
}

/// How far a row has come. What may have left (a node died, an answer was lost, one phone of two has it) counts
/// as told, whatever became of the row: better taken back in vain than never.
pub(super) fn told_state(
    status: &str,
    lease_us: Option<i64>,
    may_have_left: bool,
) -> Result<ToldState, DbError> {
    Ok(match word::<Status>(status)? {
        Status::Queued if lease_us.is_some() || may_have_left => ToldState::Leaving,
        Status::Queued => ToldState::Waiting,
        Status::Sent | Status::Delivered => ToldState::Gone,
        _ if may_have_left => ToldState::Gone,
        Status::Bounced | Status::Undelivered | Status::Cancelled | Status::Failed => {
            ToldState::Never
        }
    })
}

async fn told(tx: &mut Tx, abouts: Vec<Uuid>) -> Result<HashMap<Uuid, Vec<Told>>, DbError> {
    if abouts.is_empty() {
        return Ok(HashMap::new());
    }
    let mut rows: Vec<ToldRow> = sql_by_engine(
        "select id, about_id, recipient_id, channel, template, follows, status, lease_us, may_have_left, created_us
         from notification where about_id = any($1) order by id for update",
        "select id, about_id, recipient_id, channel, template, follows, status, lease_us, may_have_left, created_us
         from notification where about_id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(abouts))
    .fetch_all(tx)
    .await?;
    rows.sort_unstable_by_key(|row| (row.created_us, row.id));
    let mut told: HashMap<Uuid, Vec<Told>> = HashMap::new();
    for row in rows {
        // A template that a newer version of the program knows tells nothing that this one takes back.
        let Some(template) = Template::find(&row.template) else {
            continue;
        };
        told.entry(row.about_id).or_default().push(Told {
            id: row.id,
            recipient_id: row.recipient_id,
            channel: word::<Channel>(&row.channel)?,
            template,
            follows: row.follows,
            state: told_state(&row.status, row.lease_us, row.may_have_left)?,
        });
    }
    Ok(told)
}

async fn with_device(tx: &mut Tx, people: Vec<Uuid>) -> Result<BTreeSet<Uuid>, DbError> {
    if people.is_empty() {
        return Ok(BTreeSet::new());
    }
    let rows: Vec<(Uuid,)> = sql_by_engine(
        "select distinct person_id from push_token where person_id = any($1)",
        "select distinct person_id from push_token
         where person_id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(people))
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Writes what the events made of the books.
pub(in crate::notification) async fn write_books(
    tx: &mut Tx,
    books: &Books,
) -> Result<(), DbError> {
    let changed: Vec<_> = books
        .changed
        .iter()
        .filter_map(|id| books.levels.get(id))
        .map(|level| {
            json!([
                level.approval_id.as_simple(),
                level.request_id.as_simple(),
                level
            ])
        })
        .collect();
    if !changed.is_empty() {
        sql_by_engine(
            "insert into level (approval_id, request_id, state)
             select (value->>0)::uuid, (value->>1)::uuid, value->2 from jsonb_array_elements($1::jsonb) as value
             on conflict (approval_id) do update set state = excluded.state",
            "insert into level (approval_id, request_id, state)
             select unhex(value->>0), unhex(value->>1), value->2 from json_each($1) where true
             on conflict (approval_id) do update set state = excluded.state",
        )
        .bind(json(&changed)?)
        .execute(&mut *tx)
        .await?;
    }
    if books.new.is_empty() && books.cancelled.is_empty() {
        return Ok(());
    }
    let now_us = tx.now_us().await?;
    insert(tx, now_us, &books.new).await?;
    let mut changed = cancel(tx, now_us, books).await?;
    changed.extend(books.new.iter().filter_map(stillborn));
    tell(tx, now_us, &changed).await
}

async fn insert(tx: &mut Tx, now_us: i64, new: &[New]) -> Result<(), DbError> {
    if new.is_empty() {
        return Ok(());
    }
    // `created_us` keeps the order in which one delivery wrote them.
    let rows: Vec<_> = (0..)
        .zip(new)
        .map(|(n, new): (i64, _)| {
            let status = if new.cancelled.is_some() {
                Status::Cancelled
            } else {
                Status::Queued
            };
            let data = match new.level {
                Some(level) => json!({"level": level}),
                None => json!({}),
            };
            json!([
                new.id.as_simple(),
                new.event_id.as_simple(),
                new.about_id.as_simple(),
                new.request_id.as_simple(),
                new.recipient_id.as_simple(),
                new.channel.name(),
                new.template.name(),
                data,
                new.follows.map(|id| id.as_simple().to_string()),
                status.name(),
                new.cancelled,
                new.traceparent,
                now_us + n,
            ])
        })
        .collect();
    sql_by_engine(
        "insert into notification
           (id, event_id, about_id, request_id, recipient_id, channel, template, data, follows, status, reason,
            traceparent, created_us, due_us, updated_us, attempts, taken_by, version)
         select (value->>0)::uuid, (value->>1)::uuid, (value->>2)::uuid, (value->>3)::uuid, (value->>4)::uuid,
                value->>5, value->>6, value->7, (value->>8)::uuid, value->>9, value->>10,
                value->>11, (value->>12)::bigint, (value->>12)::bigint, (value->>12)::bigint, 0, '[]', 1
         from jsonb_array_elements($1::jsonb) as value
         on conflict do nothing",
        "insert into notification
           (id, event_id, about_id, request_id, recipient_id, channel, template, data, follows, status, reason,
            traceparent, created_us, due_us, updated_us, attempts, taken_by, version)
         select unhex(value->>0), unhex(value->>1), unhex(value->>2), unhex(value->>3), unhex(value->>4),
                value->>5, value->>6, value->7, unhex(value->>8), value->>9, value->>10,
                value->>11, value->>12, value->>12, value->>12, 0, '[]', 1
         from json_each($1) where true
         on conflict do nothing",
    )
    .bind(json(&rows)?)
    .execute(tx)
    .await
    .map(|_| ())
}

/// What others are told of a message that a later event of the same delivery made untrue.
fn stillborn(new: &New) -> Option<Changed> {
    new.cancelled.map(|reason| Changed {
        id: new.id,
        channel: new.channel.name().to_owned(),
        template: new.template.name().to_owned(),
        status: Status::Cancelled.name().to_owned(),
        reason: Some(reason.to_owned()),
        recipient_id: Some(new.recipient_id),
        request_id: Some(new.request_id),
        event_id: Some(new.event_id),
        traceparent: new.traceparent.clone(),
        version: 1,
    })
}

/// Cancels what waits and is no longer true.
async fn cancel(tx: &mut Tx, now_us: i64, books: &Books) -> Result<Vec<Changed>, DbError> {
    if books.cancelled.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<_> = books
        .cancelled
        .iter()
        .map(|(id, reason)| (id.as_simple().to_string(), reason))
        .collect();
    let changed: Vec<Changed> = sql_by_engine(
        "update notification set status = 'cancelled', reason = c.reason, version = version + 1, updated_us = $2
         from (select (value->>0)::uuid as id, value->>1 as reason
               from jsonb_array_elements($1::jsonb) as value) as c
         where notification.id = any (array(select (value->>0)::uuid from jsonb_array_elements($1::jsonb) as value))
             and notification.id = c.id and status || '' = 'queued' and lease_us is null
         returning notification.id, channel, template, status, notification.reason, recipient_id, request_id, event_id,
                   traceparent, version",
        "update notification set status = 'cancelled', reason = c.reason, version = version + 1, updated_us = $2
         from (select unhex(value->>0) as id, value->>1 as reason from json_each($1)) as c
         where notification.id = c.id and status = 'queued' and lease_us is null
         returning notification.id, channel, template, status, notification.reason, recipient_id, request_id, event_id,
                   traceparent, version",
    )
    .bind(json(&rows)?)
    .bind(now_us)
    .fetch_all(tx)
    .await?;
    Ok(changed)
}

/// What a text says of a request: the sealed content's, or as much as it has.
#[derive(Deserialize)]
struct Content {
    title: String,
    amount: Money,
}

#[derive(Deserialize)]
struct Money {
    minor: i64,
    currency: String,
}

/// Takes submitted requests.
pub(in crate::notification) async fn submitted(
    tx: &mut Tx,
    submitted: Vec<RequestSubmitted>,
) -> Result<(), crate::inbox::ApplyError> {
    if submitted.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::with_capacity(submitted.len());
    for one in submitted {
        let content: Content = serde_json::from_value(one.content)?;
        rows.push((
            one.id.as_simple().to_string(),
            one.owner_id.as_simple().to_string(),
            content.title,
            content.amount.minor,
            content.amount.currency,
            one.levels.len(),
        ));
    }
    sql_by_engine(
        "insert into request (id, owner_id, title, amount_minor, currency, levels)
         select (value->>0)::uuid, (value->>1)::uuid, value->>2, (value->>3)::bigint, value->>4, (value->>5)::integer
         from jsonb_array_elements($1::jsonb) as value
         on conflict (id) do nothing",
        "insert into request (id, owner_id, title, amount_minor, currency, levels)
         select unhex(value->>0), unhex(value->>1), value->>2, value->>3, value->>4, value->>5
         from json_each($1) where true
         on conflict (id) do nothing",
    )
    .bind(json(&rows)?)
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes a request that was withdrawn: nothing of it waits for anybody.
pub(in crate::notification) async fn withdrawn(tx: &mut Tx, id: Uuid) -> Result<(), DbError> {
    let now_us = tx.now_us().await?;
    sql("update request set withdrawn = true, settled_us = $2 where id = $1")
        .bind(id)
        .bind(now_us)
        .execute(tx)
        .await
        .map(|_| ())
}

/// Takes a request whose fate is final: nothing of it is taken back any more.
pub(in crate::notification) async fn finalized(
    tx: &mut Tx,
    id: Uuid,
    outcome: Outcome,
) -> Result<(), DbError> {
    let now_us = tx.now_us().await?;
    let outcome = match outcome {
        Outcome::Approved => "approved",
        Outcome::Rejected => "rejected",
    };
    sql("update request set final_outcome = $2, settled_us = $3 where id = $1")
        .bind(id)
        .bind(outcome.to_owned())
        .bind(now_us)
        .execute(tx)
        .await
        .map(|_| ())
}
