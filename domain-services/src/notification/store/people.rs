//! People, their phones and their wishes.

use super::super::preferences::Preferences;
use super::change::{Changed, attempt};
use crate::db::{Db, DbError, IdList, Tx, sql, sql_by_engine};
use crate::events::User;
use crate::identity::Role;
use sqlx::types::Json;
use uuid::Uuid;

/// How long the end of a session is remembered: access tokens of it are good for less.
const ENDED_REMEMBERED_US: i64 = 3_600 * 1_000_000;

/// How long ago a message may have been cancelled for want of a person who turns out to be there: as long as one
/// waits for a person of whom nothing was heard.
const BACK_WITHIN_US: i64 = 24 * 3_600 * 1_000_000;

/// Makes every person's record older than any event.
pub(in crate::notification) async fn outdate_people(tx: &mut Tx) -> Result<(), DbError> {
    sql("update person set version = 0")
        .execute(tx)
        .await
        .map(|_| ())
}

/// Takes a person's event. An older version never overwrites a newer one.
pub(in crate::notification) async fn put_person(tx: &mut Tx, person: User) -> Result<(), DbError> {
    let approves = person.active && person.roles.has(Role::Approver);
    let news = sql(
        "insert into person as p (id, email, name, locale, active, approves, version)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (id) do update set
             email = excluded.email, name = excluded.name, locale = excluded.locale,
             active = excluded.active, approves = excluded.approves, version = excluded.version
         where p.version < excluded.version",
    )
    .bind(person.id)
    .bind(person.email)
    .bind(person.name)
    .bind(person.locale)
    .bind(person.active)
    .bind(approves)
    .bind(person.version)
    .execute(&mut *tx)
    .await?;
    if news > 0 && person.active {
        queue_again(tx, person.id, approves).await?;
    }
    Ok(())
}

/// What was cancelled lately because a person had left, or was no approver, is queued again for one who is there:
/// the news of levels comes by a way of its own, and may have been here before the person's. Of several that tell
/// the same of one thing the last, and no push message for who has no phone. Whether it still holds is asked before
/// it is sent, as always.
async fn queue_again(tx: &mut Tx, person_id: Uuid, approves: bool) -> Result<(), DbError> {
    let now_us = tx.now_us().await?;
    let rows: Vec<Changed> = sql(
        "update notification as n set status = 'queued', reason = null, attempts = 0, due_us = $2, lease_us = null,
             provider_id = null, version = version + 1, updated_us = $2
         where n.recipient_id = $1 and n.status = 'cancelled' and n.updated_us > $3
           and n.reason in ('recipient_left', 'no_approver') and (n.reason = 'recipient_left' or $4)
           and n.event_id is not null
           and (n.channel <> 'push' or exists (select 1 from push_token where person_id = $1))
           and not exists (select 1 from notification as later
                           where later.about_id = n.about_id and later.recipient_id = $1
                             and later.channel = n.channel and later.template = n.template
                             and (later.created_us, later.id) > (n.created_us, n.id))
         returning id, channel, template, status, reason, recipient_id, request_id, event_id, traceparent, version",
    )
    .bind(person_id)
    .bind(now_us)
    .bind(now_us - BACK_WITHIN_US)
    .bind(approves)
    .fetch_all(&mut *tx)
    .await?;
    let queued: Vec<_> = rows.iter().map(|row| (row, "queued", None)).collect();
    if queued.is_empty() {
        return Ok(());
    }
    attempt(tx, now_us, &queued).await
}

/// A person who left gets no push messages, and none after coming back until a phone says where: what a phone said
/// since then stays, should the news of the leaving be late.
pub(in crate::notification) async fn forget_phones(
    tx: &mut Tx,
    person_id: Uuid,
    left_us: i64,
) -> Result<(), DbError> {
    sql("delete from push_token where person_id = $1 and updated_us <= $2")
        .bind(person_id)
        .bind(left_us)
        .execute(tx)
        .await
        .map(|_| ())
}

/// The phones of sessions that ended get no push messages.
pub(in crate::notification) async fn end_sessions(
    tx: &mut Tx,
    sessions: Vec<Uuid>,
) -> Result<(), DbError> {
    let now_us = tx.now_us().await?;
    sql("delete from ended_session where ended_us < $1")
        .bind(now_us - ENDED_REMEMBERED_US)
        .execute(&mut *tx)
        .await?;
    sql_by_engine(
        "insert into ended_session (session_id, ended_us)
         select id, $2 from unnest($1) as id on conflict do nothing",
        "insert into ended_session (session_id, ended_us)
         select unhex(value), $2 from json_each($1) where true on conflict do nothing",
    )
    .bind(IdList(sessions.clone()))
    .bind(now_us)
    .execute(&mut *tx)
    .await?;
    sql_by_engine(
        "delete from push_token where session_id = any($1)",
        "delete from push_token where session_id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(sessions))
    .execute(tx)
    .await
    .map(|_| ())
}

/// Where a phone takes push messages.
#[derive(Debug, Clone)]
pub(in crate::notification) struct NewToken {
    pub(in crate::notification) token: String,
    pub(in crate::notification) person_id: Uuid,
    pub(in crate::notification) device_id: String,
    pub(in crate::notification) session_id: Uuid,
    pub(in crate::notification) platform: String,
}

/// Notes where a phone takes push messages; false when its session has ended. A token has one owner: a
/// phone that somebody else signed in on is no longer the first person's.
pub(in crate::notification) async fn put_token(
    tx: &mut Tx,
    new: NewToken,
) -> Result<bool, DbError> {
    let ended: Option<(i64,)> = sql("select ended_us from ended_session where session_id = $1")
        .bind(new.session_id)
        .fetch_optional(&mut *tx)
        .await?;
    if ended.is_some() {
        return Ok(false);
    }
    let now_us = tx.now_us().await?;
    sql("delete from push_token where person_id = $1 and device_id = $2 and token <> $3")
        .bind(new.person_id)
        .bind(new.device_id.clone())
        .bind(new.token.clone())
        .execute(&mut *tx)
        .await?;
    sql(
        "insert into push_token (token, person_id, device_id, session_id, platform, updated_us)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (token) do update set
             person_id = excluded.person_id, device_id = excluded.device_id,
             session_id = excluded.session_id, platform = excluded.platform, updated_us = excluded.updated_us",
    )
    .bind(new.token)
    .bind(new.person_id)
    .bind(new.device_id)
    .bind(new.session_id)
    .bind(new.platform)
    .bind(now_us)
    .execute(tx)
    .await?;
    Ok(true)
}

/// A person's wishes; the defaults where none were told.
pub(in crate::notification) async fn preferences_of(
    db: &Db,
    person_id: Uuid,
) -> Result<Preferences, DbError> {
    let row: Option<(Json<Preferences>,)> = sql("select body from preference where person_id = $1")
        .bind(person_id)
        .fetch_optional(db)
        .await?;
    Ok(row.map(|(body,)| body.0).unwrap_or_default())
}

/// Replaces a person's wishes.
pub(in crate::notification) async fn put_preferences(
    tx: &mut Tx,
    person_id: Uuid,
    preferences: Preferences,
) -> Result<(), DbError> {
    let now_us = tx.now_us().await?;
    sql(
        "insert into preference (person_id, body, updated_us) values ($1, $2, $3)
         on conflict (person_id) do update set body = excluded.body, updated_us = excluded.updated_us",
    )
    .bind(person_id)
    .bind(Json(preferences))
    .bind(now_us)
    .execute(tx)
    .await
    .map(|_| ())
}
