//! What becomes of a row: its state, the attempt that led to it, and the event that tells others.

use super::super::model::{Rendered, Status};
use super::json;
use crate::db::{DbError, IdList, Tx, sql, sql_by_engine};
use crate::events::{self, NotificationChanged};
use crate::outbox::{self, NewEvent};
use crate::time::Time;
use std::collections::HashMap;
use uuid::Uuid;

/// A row after a change, as others are told of it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Changed {
    pub(super) id: Uuid,
    pub(super) channel: String,
    pub(super) template: String,
    pub(super) status: String,
    pub(super) reason: Option<String>,
    pub(super) recipient_id: Option<Uuid>,
    pub(super) request_id: Option<Uuid>,
    pub(super) event_id: Option<Uuid>,
    pub(super) traceparent: Option<String>,
    pub(super) version: i64,
}

/// Writes the events of rows that have changed. What is queued (again) is told to nobody.
pub(super) async fn tell(tx: &mut Tx, now_us: i64, changed: &[Changed]) -> Result<(), DbError> {
    let mut told = Vec::new();
    for row in changed {
        let status: Status = super::word(&row.status)?;
        let kind = match status {
            Status::Queued => continue,
            Status::Sent => events::NOTIFICATION_SENT,
            Status::Delivered => events::NOTIFICATION_DELIVERED,
            Status::Cancelled => events::NOTIFICATION_CANCELLED,
            Status::Bounced | Status::Undelivered | Status::Failed => events::NOTIFICATION_FAILED,
        };
        let data = NotificationChanged {
            id: row.id,
            channel: super::word(&row.channel)?,
            template: row.template.clone(),
            status,
            reason: row.reason.clone(),
            recipient_id: row.recipient_id,
            request_id: row.request_id,
            event_id: row.event_id,
            at: Time(now_us),
        };
        let event = NewEvent::new(kind, row.id, row.version, &data)?;
        told.push(event.traced(row.traceparent.clone()));
    }
    outbox::append(tx, now_us, &told).await
}

/// What a change supposes of the row.
#[derive(Debug, Clone, Copy)]
pub(in crate::notification) enum Expected {
    /// It is queued: a provider's word that it was delivered may have come before this node's that it
    /// was sent.
    Queued,
    /// It is queued, and this node's to send: another one may have taken it over.
    Leased(i64),
}

/// What becomes of a row that was to be sent.
#[derive(Debug, Clone)]
pub(in crate::notification) struct Change {
    pub(in crate::notification) id: Uuid,
    pub(in crate::notification) status: Status,
    /// Why, in a word.
    pub(in crate::notification) reason: Option<String>,
    /// What the attempt is called.
    pub(in crate::notification) outcome: &'static str,
    /// What the attempt says, for people. It names no address.
    pub(in crate::notification) detail: Option<String>,
    /// When it is tried again, if it is queued.
    pub(in crate::notification) due_us: Option<i64>,
    pub(in crate::notification) provider_id: Option<String>,
    /// Devices that have it.
    pub(in crate::notification) taken_by: Vec<String>,
    /// Whether somebody may have been told: once so, always so.
    pub(in crate::notification) may_have_left: bool,
}

/// Changes rows that are as expected, each with its attempt and its event; the others stay as they are.
pub(in crate::notification) async fn change(
    tx: &mut Tx,
    now_us: i64,
    changes: &[(Expected, Change)],
) -> Result<(), DbError> {
    if changes.is_empty() {
        return Ok(());
    }
    if !tx.is_sqlite() {
        // In the order in which a consumer locks what it may have to take back: else the two wait for each other.
        sql("select id from notification where id = any($1) order by id for update")
            .bind(IdList(
                changes.iter().map(|(_, change)| change.id).collect(),
            ))
            .execute(&mut *tx)
            .await?;
    }
    let rows: Vec<_> = changes
        .iter()
        .map(|(expected, change)| {
            let lease_us = match expected {
                Expected::Queued => None,
                Expected::Leased(lease_us) => Some(lease_us),
            };
            (
                change.id.as_simple().to_string(),
                change.status.name(),
                &change.reason,
                change.due_us,
                &change.provider_id,
                &change.taken_by,
                lease_us,
                i32::from(change.may_have_left),
            )
        })
        .collect();
    // By its key: a plan that PostgreSQL makes while the table is empty, and keeps, would walk the index of all
    // that is queued instead (`EXPLAIN` shows it), which `status || ''` does not fit, or the whole table for each
    // row, for which the list of keys leaves no reason.
    let rows: Vec<Changed> = sql_by_engine(
        "update notification set status = u.status, reason = u.reason, due_us = coalesce(u.due_us, notification.due_us),
             lease_us = null, provider_id = coalesce(u.provider_id, notification.provider_id), taken_by = u.taken_by,
             may_have_left = notification.may_have_left or u.may_have_left,
             version = version + 1, updated_us = $2
         from (select (value->>0)::uuid as id, value->>1 as status, value->>2 as reason, (value->>3)::bigint as due_us,
                      value->>4 as provider_id, value->5 as taken_by, (value->>6)::bigint as lease_us,
                      (value->>7)::integer = 1 as may_have_left
               from jsonb_array_elements($1::jsonb) as value) as u
         where notification.id = any (array(select (value->>0)::uuid from jsonb_array_elements($1::jsonb) as value))
             and notification.id = u.id and notification.status || '' = 'queued'
             and (u.lease_us is null or notification.lease_us = u.lease_us)
         returning notification.id, channel, template, notification.status, notification.reason, recipient_id,
                   request_id, event_id, traceparent, version",
        "update notification set status = u.status, reason = u.reason, due_us = coalesce(u.due_us, notification.due_us),
             lease_us = null, provider_id = coalesce(u.provider_id, notification.provider_id), taken_by = u.taken_by,
             may_have_left = notification.may_have_left or u.may_have_left,
             version = version + 1, updated_us = $2
         from (select unhex(value->>0) as id, value->>1 as status, value->>2 as reason, value->>3 as due_us,
                      value->>4 as provider_id, value->5 as taken_by, value->>6 as lease_us,
                      value->>7 as may_have_left
               from json_each($1)) as u
         where notification.id = u.id and notification.status = 'queued'
             and (u.lease_us is null or notification.lease_us = u.lease_us)
         returning notification.id, channel, template, notification.status, notification.reason, recipient_id,
                   request_id, event_id, traceparent, version",
    )
    .bind(json(&rows)?)
    .bind(now_us)
    .fetch_all(&mut *tx)
    .await?;
    let said: HashMap<Uuid, &Change> = changes
        .iter()
        .map(|(_, change)| (change.id, change))
        .collect();
    let attempts: Vec<Attempt<'_>> = rows
        .iter()
        .filter_map(|row| {
            let change = said.get(&row.id)?;
            Some((row, change.outcome, change.detail.as_deref()))
        })
        .collect();
    attempt(tx, now_us, &attempts).await?;
    tell(tx, now_us, &rows).await
}

/// An attempt: the row as it is after it, what it is called, and what it says.
pub(super) type Attempt<'a> = (&'a Changed, &'a str, Option<&'a str>);

/// Notes attempts.
pub(super) async fn attempt(
    tx: &mut Tx,
    now_us: i64,
    attempts: &[Attempt<'_>],
) -> Result<(), DbError> {
    let rows: Vec<_> = attempts
        .iter()
        .map(|(row, outcome, detail)| {
            (row.id.as_simple().to_string(), row.version, outcome, detail)
        })
        .collect();
    sql_by_engine(
        "insert into attempt (notification_id, number, at_us, outcome, detail)
         select (value->>0)::uuid, (value->>1)::bigint, $2, value->>2, value->>3
         from jsonb_array_elements($1::jsonb) as value
         on conflict do nothing",
        "insert into attempt (notification_id, number, at_us, outcome, detail)
         select unhex(value->>0), value->>1, $2, value->>2, value->>3 from json_each($1) where true
         on conflict do nothing",
    )
    .bind(json(&rows)?)
    .bind(now_us)
    .execute(tx)
    .await
    .map(|_| ())
}

/// A row that is not tried now, and why.
#[derive(Debug, Clone, Copy)]
pub(in crate::notification) struct PutBack {
    pub(in crate::notification) id: Uuid,
    pub(in crate::notification) due_us: i64,
    pub(in crate::notification) reason: &'static str,
}

/// Gives a claimed row back: it was not tried, and nothing is told of it.
pub(in crate::notification) async fn put_back(tx: &mut Tx, back: PutBack) -> Result<(), DbError> {
    sql(
        "update notification set lease_us = null, attempts = attempts - 1, due_us = $2, reason = $3
         where id = $1 and status || '' = 'queued'",
    )
    .bind(back.id)
    .bind(back.due_us)
    .bind(back.reason.to_owned())
    .execute(tx)
    .await
    .map(|_| ())
}

/// Forgets tokens that the push service does not know any more.
pub(in crate::notification) async fn drop_tokens(
    tx: &mut Tx,
    mut tokens: Vec<String>,
) -> Result<(), DbError> {
    // Two nodes that drop the same ones take them in one order.
    tokens.sort_unstable();
    for token in tokens {
        sql("delete from push_token where token = $1")
            .bind(token)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

/// What a provider tells of a message later.
#[derive(Debug, Clone)]
pub(in crate::notification) struct ToldLater {
    pub(in crate::notification) id: Uuid,
    pub(in crate::notification) status: Status,
    pub(in crate::notification) reason: Option<String>,
    pub(in crate::notification) provider_id: String,
}

/// Takes a provider's word. It may come before this node has noted that the message was sent, more than
/// once, and out of order: what is delivered stays delivered. False when there is no such message.
pub(in crate::notification) async fn told_later(
    tx: &mut Tx,
    now_us: i64,
    told: ToldLater,
) -> Result<bool, DbError> {
    let there: Option<(Uuid,)> = sql(
        "select id from notification where id = $1 and channel = 'sms'
         and (provider_id is null or provider_id = $2)",
    )
    .bind(told.id)
    .bind(told.provider_id.clone())
    .fetch_optional(&mut *tx)
    .await?;
    if there.is_none() {
        return Ok(false);
    }
    let row: Option<Changed> = sql(
        "update notification set status = $2, reason = $3, lease_us = null, provider_id = $4,
             version = version + 1, updated_us = $5
         where id = $1 and status <> $2 and status in ('queued', 'sent', 'undelivered')
             and ($2 <> 'sent' or status = 'queued')
             and (provider_id is null or provider_id = $4)
         returning id, channel, template, status, reason, recipient_id, request_id, event_id, traceparent, version",
    )
    .bind(told.id)
    .bind(told.status.name().to_owned())
    .bind(told.reason.clone())
    .bind(told.provider_id)
    .bind(now_us)
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(row) = row {
        let said = (&row, told.status.name(), told.reason.as_deref());
        attempt(tx, now_us, &[said]).await?;
        tell(tx, now_us, &[row]).await?;
    }
    Ok(true)
}

/// What a channel without settings would have sent.
#[derive(Debug, Clone)]
pub(in crate::notification) struct Logged {
    pub(in crate::notification) id: Uuid,
    pub(in crate::notification) address: String,
    pub(in crate::notification) rendered: Rendered,
}

/// Keeps it until [`trim_logged`].
pub(in crate::notification) async fn keep_logged(
    tx: &mut Tx,
    now_us: i64,
    channel: &'static str,
    logged: &[&Logged],
) -> Result<(), DbError> {
    let rows: Vec<_> = logged
        .iter()
        .map(|one| {
            let Rendered { subject, body, .. } = &one.rendered;
            (one.id.as_simple().to_string(), &one.address, subject, body)
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sql_by_engine(
        "insert into logged_message (notification_id, at_us, channel, address, subject, body)
         select (value->>0)::uuid, $2, $3, value->>1, value->>2, value->>3
         from jsonb_array_elements($1::jsonb) as value
         on conflict do nothing",
        "insert into logged_message (notification_id, at_us, channel, address, subject, body)
         select unhex(value->>0), $2, $3, value->>1, value->>2, value->>3 from json_each($1) where true
         on conflict do nothing",
    )
    .bind(json(&rows)?)
    .bind(now_us)
    .bind(channel.to_owned())
    .execute(tx)
    .await
    .map(|_| ())
}

/// Removes all but the last `kept` messages of channels without settings. Not in the transaction of a message:
/// those that run side by side would wait for each other to remove the same rows.
pub(in crate::notification) async fn trim_logged(tx: &mut Tx, kept: i64) -> Result<u64, DbError> {
    sql("delete from logged_message where at_us <=
            (select at_us from logged_message order by at_us desc limit 1 offset $1)")
    .bind(kept)
    .execute(tx)
    .await
}
