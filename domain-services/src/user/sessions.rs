//! The SQL of sessions.

use super::ended::REMEMBERED_US;
use crate::collection;
use crate::db::{Db, DbError, IdList, Tx, sql, sql_by_engine};
use crate::events::{SESSION_ENDED, SessionEnd, SessionEnded};
use crate::identity::Cause;
use crate::outbox::{self, NewEvent};
use uuid::Uuid;

/// Counts the ends of sessions.
const ENDED: &str = "ended sessions";

/// A login of a device: the family of its refresh tokens.
#[derive(sqlx::FromRow)]
pub(super) struct Session {
    pub(super) user_id: Uuid,
    pub(super) current_hash: Vec<u8>,
    pub(super) previous_hash: Option<Vec<u8>>,
    pub(super) used_us: i64,
}

/// A session about to begin.
#[derive(Clone)]
pub(super) struct NewSession {
    pub(super) id: Uuid,
    pub(super) user_id: Uuid,
    pub(super) device_id: Option<String>,
    pub(super) current_hash: Vec<u8>,
}

pub(super) async fn insert(tx: &mut Tx, session: NewSession, now_us: i64) -> Result<(), DbError> {
    sql(
        "insert into session (id, user_id, device_id, current_hash, created_us, used_us)
         values ($1, $2, $3, $4, $5, $5)",
    )
    .bind(session.id)
    .bind(session.user_id)
    .bind(session.device_id)
    .bind(session.current_hash)
    .bind(now_us)
    .execute(tx)
    .await?;
    Ok(())
}

/// Finds a session and holds it until commit, so that two refreshes at once see each other.
pub(super) async fn lock(tx: &mut Tx, id: Uuid) -> Result<Option<Session>, DbError> {
    sql_by_engine(
        "select user_id, current_hash, previous_hash, used_us from session
         where id = $1 for update",
        "select user_id, current_hash, previous_hash, used_us from session where id = $1",
    )
    .bind(id)
    .fetch_optional(tx)
    .await
}

/// The current token has been used: its successor takes its place.
pub(super) async fn rotate(
    tx: &mut Tx,
    id: Uuid,
    successor_hash: Vec<u8>,
    now_us: i64,
) -> Result<(), DbError> {
    sql(
        "update session set previous_hash = current_hash, current_hash = $2, used_us = $3
         where id = $1",
    )
    .bind(id)
    .bind(successor_hash)
    .bind(now_us)
    .execute(tx)
    .await?;
    Ok(())
}

/// Ends these sessions, and tells of it; returns those that there were.
pub(super) async fn end(
    tx: &mut Tx,
    ids: Vec<Uuid>,
    reason: SessionEnd,
    cause: &Cause,
) -> Result<Vec<Uuid>, DbError> {
    let ended: Vec<(Uuid, Uuid)> = sql_by_engine(
        "delete from session where id = any($1) returning id, user_id",
        "delete from session where id in (select unhex(value) from json_each($1))
         returning id, user_id",
    )
    .bind(IdList(ids))
    .fetch_all(&mut *tx)
    .await?;
    note(tx, ended, reason, cause).await
}

/// Ends all sessions of a user but one, and tells of it; returns them.
pub(super) async fn end_of_user(
    tx: &mut Tx,
    user_id: Uuid,
    but: Option<Uuid>,
    reason: SessionEnd,
    cause: &Cause,
) -> Result<Vec<Uuid>, DbError> {
    let ended: Vec<(Uuid, Uuid)> =
        sql("delete from session where user_id = $1 and id <> $2 returning id, user_id")
            .bind(user_id)
            .bind(but.unwrap_or(Uuid::nil()))
            .fetch_all(&mut *tx)
            .await?;
    note(tx, ended, reason, cause).await
}

/// Notes for all nodes that sessions have ended, and forgets those whose tokens have expired. The
/// row that numbers them is held until commit, so who reads all after a number misses none. It is
/// the last row that a transaction locks, so that none waits for another in a ring.
async fn note(
    tx: &mut Tx,
    ended: Vec<(Uuid, Uuid)>,
    reason: SessionEnd,
    cause: &Cause,
) -> Result<Vec<Uuid>, DbError> {
    if ended.is_empty() {
        return Ok(Vec::new());
    }
    let mut events = Vec::with_capacity(ended.len());
    for (session_id, user_id) in &ended {
        let data = SessionEnded {
            session_id: *session_id,
            user_id: *user_id,
            reason,
        };
        // Its own key: under the person's, a compacted topic would keep it in place of the person.
        events.push(NewEvent::new(SESSION_ENDED, *session_id, 2, &data)?.caused(cause));
    }
    let ended: Vec<Uuid> = ended.into_iter().map(|(id, _)| id).collect();
    let now_us = collection::bump(tx, ENDED).await?;
    sql("delete from ended_session where ended_us < $1")
        .bind(now_us - REMEMBERED_US)
        .execute(&mut *tx)
        .await?;
    sql_by_engine(
        "insert into ended_session (session_id, number, ended_us)
         select id, (select counter from collection where name = $2), $3 from unnest($1) as id",
        "insert into ended_session (session_id, number, ended_us)
         select unhex(value), (select counter from collection where name = $2), $3
         from json_each($1)",
    )
    .bind(IdList(ended.clone()))
    .bind(ENDED)
    .bind(now_us)
    .execute(&mut *tx)
    .await?;
    outbox::append(tx, now_us, &events).await?;
    Ok(ended)
}

/// The sessions whose end has a number above this one, with their numbers.
pub(super) async fn ended_after(db: &Db, number: i64) -> Result<Vec<(Uuid, i64)>, DbError> {
    sql("select session_id, number from ended_session where number > $1")
        .bind(number)
        .fetch_all(db)
        .await
}
