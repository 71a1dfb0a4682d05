//! The SQL of sessions.

use crate::db::{DbError, Tx, sql, sql_by_engine};
use uuid::Uuid;

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

pub(super) async fn end(tx: &mut Tx, id: Uuid) -> Result<(), DbError> {
    sql("delete from session where id = $1")
        .bind(id)
        .execute(tx)
        .await?;
    Ok(())
}
