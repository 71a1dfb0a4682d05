//! What the news of levels reads and writes: dual statements with all rows as one JSON argument.

use super::super::model::Status;
use super::super::rules::{Level, Progress};
use crate::db::{DbError, IdList, Tx, sql_by_engine};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use sync_core::canonical::Revision;
use uuid::Uuid;

/// A line of a request's story that an event told.
#[derive(Debug, Clone)]
pub(in crate::request) struct StoryLine {
    pub(in crate::request) request_id: Uuid,
    pub(in crate::request) event_id: Uuid,
    pub(in crate::request) event: &'static str,
    pub(in crate::request) code: &'static str,
    pub(in crate::request) at_us: i64,
    /// Its place among the lines of one time.
    pub(in crate::request) position: i32,
    pub(in crate::request) actor_id: Uuid,
    pub(in crate::request) detail: serde_json::Value,
}

/// What the news came to.
#[derive(Debug)]
pub(in crate::request) struct Advanced {
    pub(in crate::request) requests: Vec<Progress>,
    /// The new places in their owners' feeds of those whose record changed.
    pub(in crate::request) positions: HashMap<Uuid, i64>,
    /// The locked heads as they are to be.
    pub(in crate::request) heads: BTreeMap<Uuid, i64>,
    pub(in crate::request) lines: Vec<StoryLine>,
}

/// Locks the heads of these users in order of id, making those that are missing.
pub(in crate::request) async fn lock_heads(
    tx: &mut Tx,
    users: BTreeSet<Uuid>,
) -> Result<BTreeMap<Uuid, i64>, DbError> {
    let users: Vec<Uuid> = users.into_iter().collect();
    sql_by_engine(
        "insert into feed_head (user_id, at_us, clock)
         select id, 0, 0 from unnest($1::uuid[]) as id order by id on conflict (user_id) do nothing",
        "insert into feed_head (user_id, at_us, clock)
         select unhex(value), 0, 0 from json_each($1) where true on conflict (user_id) do nothing",
    )
    .bind(IdList(users.clone()))
    .execute(&mut *tx)
    .await?;
    let rows: Vec<(Uuid, i64)> = sql_by_engine(
        "select user_id, at_us from feed_head where user_id = any($1) order by user_id for update",
        "select user_id, at_us from feed_head where user_id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(users))
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().collect())
}

/// Id, owner, status, revision, chain, last news, sealed level, stalled, final.
type ProgressRow = (
    Uuid,
    Uuid,
    String,
    Option<Vec<u8>>,
    Option<String>,
    i64,
    i64,
    bool,
    Option<i64>,
    Option<String>,
);

/// What is known of these requests; drafts have no progress.
pub(in crate::request) async fn progress(
    tx: &mut Tx,
    ids: Vec<Uuid>,
) -> Result<HashMap<Uuid, Progress>, DbError> {
    let rows: Vec<ProgressRow> = sql_by_engine(
        "select id, owner_id, status, revision, chain, approval_n, sealed_level, stalled, final_us, decided_trace
         from request where id = any($1)",
        "select id, owner_id, status, revision, chain, approval_n, sealed_level, stalled, final_us, decided_trace
         from request where id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(ids))
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .filter_map(|row| decode(row).transpose())
        .collect()
}

fn decode(row: ProgressRow) -> Result<Option<(Uuid, Progress)>, DbError> {
    let (
        id,
        owner_id,
        status,
        revision,
        chain,
        news,
        sealed_level,
        stalled,
        final_us,
        decided_trace,
    ) = row;
    let broken = |what: &dyn std::fmt::Display| DbError::Decode(format!("request {id}: {what}"));
    let (Some(revision), Some(chain)) = (revision, chain) else {
        return Ok(None);
    };
    let revision = <[u8; 32]>::try_from(revision).map_err(|_| broken(&"revision"))?;
    let chain: Vec<Level> = serde_json::from_str(&chain).map_err(|error| broken(&error))?;
    let progress = Progress {
        id,
        owner_id,
        status: Status::from_name(&status).ok_or_else(|| broken(&status))?,
        revision: Revision(revision),
        levels: u8::try_from(chain.len()).map_err(|error| broken(&error))?,
        news,
        sealed_level: u8::try_from(sealed_level).map_err(|error| broken(&error))?,
        stalled,
        finalized: None,
        final_us,
        decided_trace,
    };
    Ok(Some((id, progress)))
}

/// Writes requests, heads and story; tells whose feeds moved.
pub(in crate::request) async fn advance(
    tx: &mut Tx,
    advanced: &Advanced,
) -> Result<Vec<Uuid>, DbError> {
    requests(tx, advanced).await?;
    story(tx, &advanced.lines).await?;
    let owners: BTreeSet<Uuid> = advanced
        .requests
        .iter()
        .filter(|request| advanced.positions.contains_key(&request.id))
        .map(|request| request.owner_id)
        .collect();
    let heads = advanced
        .heads
        .iter()
        .filter(|(owner, _)| owners.contains(owner))
        .map(|(owner, at_us)| (owner.simple(), at_us));
    sql_by_engine(
        "update feed_head f set at_us = u.at_us
         from (select (v->>0)::uuid as user_id, (v->>1)::bigint as at_us from jsonb_array_elements($1::jsonb) v) u
         where f.user_id = u.user_id",
        "update feed_head set at_us = u.at_us
         from (select unhex(value->>0) as user_id, value->>1 as at_us from json_each($1)) u
         where feed_head.user_id = u.user_id",
    )
    .bind(json(heads)?)
    .execute(tx)
    .await?;
    Ok(owners.into_iter().collect())
}

async fn requests(tx: &mut Tx, advanced: &Advanced) -> Result<(), DbError> {
    let rows = advanced.requests.iter().map(|request| {
        (
            request.id.simple(),
            advanced.positions.get(&request.id),
            request.status.as_str(),
            request.news,
            request.sealed_level,
            i32::from(request.stalled),
            request.final_us,
            request.decided_trace.as_deref(),
        )
    });
    sql_by_engine(
        "update request r set at_us = coalesce(u.at_us, r.at_us), status = u.status, approval_n = u.news,
             sealed_level = u.sealed_level, stalled = u.stalled, final_us = u.final_us,
             decided_trace = u.decided_trace
         from (select (v->>0)::uuid as id, (v->>1)::bigint as at_us, v->>2 as status, (v->>3)::bigint as news,
                   (v->>4)::bigint as sealed_level, (v->>5)::integer = 1 as stalled, (v->>6)::bigint as final_us,
                   v->>7 as decided_trace
               from jsonb_array_elements($1::jsonb) v) u
         where r.id = u.id",
        "update request set at_us = coalesce(u.at_us, request.at_us), status = u.status, approval_n = u.news,
             sealed_level = u.sealed_level, stalled = u.stalled, final_us = u.final_us,
             decided_trace = u.decided_trace
         from (select unhex(value->>0) as id, value->>1 as at_us, value->>2 as status, value->>3 as news,
                   value->>4 as sealed_level, value->>5 as stalled, value->>6 as final_us,
                   value->>7 as decided_trace
               from json_each($1)) u
         where request.id = u.id",
    )
    .bind(json(rows)?)
    .execute(tx)
    .await?;
    Ok(())
}

async fn story(tx: &mut Tx, lines: &[StoryLine]) -> Result<(), DbError> {
    if lines.is_empty() {
        return Ok(());
    }
    let rows = lines.iter().map(|line| {
        (
            line.request_id.simple(),
            line.event_id.simple(),
            line.event,
            line.code,
            line.at_us,
            line.position,
            line.actor_id.simple(),
            line.detail.to_string(),
        )
    });
    sql_by_engine(
        "insert into history (request_id, op_id, event, code, at_us, position, actor_id, detail)
         select (v->>0)::uuid, (v->>1)::uuid, v->>2, v->>3, (v->>4)::bigint, (v->>5)::integer, (v->>6)::uuid, v->>7
         from jsonb_array_elements($1::jsonb) v on conflict do nothing",
        "insert into history (request_id, op_id, event, code, at_us, position, actor_id, detail)
         select unhex(value->>0), unhex(value->>1), value->>2, value->>3, value->>4, value->>5, unhex(value->>6), value->>7
         from json_each($1) where true on conflict do nothing",
    )
    .bind(json(rows)?)
    .execute(tx)
    .await?;
    Ok(())
}

fn json<T: Serialize>(rows: impl Iterator<Item = T>) -> Result<String, DbError> {
    let rows: Vec<T> = rows.collect();
    serde_json::to_string(&rows).map_err(|error| DbError::Other(error.to_string()))
}
