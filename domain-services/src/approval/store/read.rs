//! What a decision is made on. Cases are locked in order of their request, before any head: commands,
//! events and the sweeper never wait for each other in a ring.

use super::super::rules::{Case, Logged};
use super::rows;
use crate::db::{Db, DbError, IdList, Tx, sql, sql_by_engine};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use sync_core::verdict::Code;
use uuid::Uuid;

/// A case that is held until commit, and what its records show beside it.
#[derive(Debug)]
pub(in crate::approval) struct Locked {
    pub(in crate::approval) case: Case,
    pub(in crate::approval) content: Map<String, Value>,
    pub(in crate::approval) submitted_us: i64,
    pub(in crate::approval) owner_name: Option<String>,
}

/// Cases by request, and the places of the approvals asked for.
#[derive(Debug, Default)]
pub(in crate::approval) struct Located {
    pub(in crate::approval) cases: HashMap<Uuid, Locked>,
    /// Approval to request and level.
    pub(in crate::approval) places: HashMap<Uuid, (Uuid, u8)>,
}

/// Approval, level, request, state, content, time of submission, owner's name.
type PlaceRow = (Uuid, i32, Uuid, String, String, i64, Option<String>);

/// Locks the cases of these approvals. Lock and read are one statement here, which is sound because
/// what is read is the locked row itself: PostgreSQL reads it again after it has waited.
pub(in crate::approval) async fn lock_approvals(
    tx: &mut Tx,
    approvals: Vec<Uuid>,
) -> Result<Located, DbError> {
    let found: Vec<PlaceRow> = sql_by_engine(
        "select a.id, a.level, c.request_id, c.state, c.content, c.submitted_us,
                (select p.name from person p where p.id = c.owner_id)
         from approval a join approval_case c on c.request_id = a.request_id
         where a.id = any($1) order by c.request_id for update of c",
        "select a.id, a.level, c.request_id, c.state, c.content, c.submitted_us,
                (select p.name from person p where p.id = c.owner_id)
         from approval a join approval_case c on c.request_id = a.request_id
         where a.id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(approvals))
    .fetch_all(tx)
    .await?;
    let mut located = Located::default();
    for (id, level, request_id, state, content, submitted_us, owner_name) in found {
        let level = u8::try_from(level)
            .map_err(|error| DbError::Decode(format!("approval {id}: level: {error}")))?;
        located.places.insert(id, (request_id, level));
        if let Entry::Vacant(place) = located.cases.entry(request_id) {
            place.insert(Locked {
                case: rows::case(request_id, &state)?,
                content: rows::content(request_id, &content)?,
                submitted_us,
                owner_name,
            });
        }
    }
    Ok(located)
}

/// Locks the cases of these requests; those that have none are missing in the answer.
pub(in crate::approval) async fn lock_cases(
    tx: &mut Tx,
    requests: Vec<Uuid>,
) -> Result<HashMap<Uuid, Case>, DbError> {
    let found: Vec<(Uuid, String)> = sql_by_engine(
        "select request_id, state from approval_case where request_id = any($1) order by request_id for update",
        "select request_id, state from approval_case where request_id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(requests))
    .fetch_all(tx)
    .await?;
    decode(found)
}

/// The requests in whose chains these people are, and that are not over.
pub(in crate::approval) async fn cases_of_people(
    tx: &mut Tx,
    people: Vec<Uuid>,
) -> Result<Vec<Uuid>, DbError> {
    let found: Vec<(Uuid,)> = sql_by_engine(
        "select request_id from seat where person_id = any($1)",
        "select request_id from seat where person_id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(people))
    .fetch_all(tx)
    .await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// Whether any case has a level to seal by age, without taking a writer for it. The clock is the
/// statement's: `clock_timestamp()` may differ from row to row, so no index can be searched for it, and
/// each look would walk through all cases that wait for their seal.
pub(in crate::approval) async fn due(db: &Db) -> Result<bool, DbError> {
    let now_us = db.ids().now_us();
    let found: Option<(i64,)> = sql_by_engine(
        "select seals_us from approval_case
         where seals_us <= (extract(epoch from statement_timestamp()) * 1000000)::bigint and $1::bigint is not null
         order by seals_us limit 1",
        "select seals_us from approval_case where seals_us <= $1 order by seals_us limit 1",
    )
    .bind(now_us)
    .fetch_optional(db)
    .await?;
    Ok(found.is_some())
}

/// Locks cases with a level to seal by age, but none that somebody else holds: that one seals what is
/// overdue itself, or another sweeper does.
pub(in crate::approval) async fn lock_due(
    tx: &mut Tx,
    now_us: i64,
    limit: i64,
) -> Result<HashMap<Uuid, Case>, DbError> {
    let found: Vec<(Uuid, String)> = sql_by_engine(
        "select request_id, state from approval_case where seals_us <= $1
         order by seals_us limit $2 for update skip locked",
        "select request_id, state from approval_case where seals_us <= $1 order by seals_us limit $2",
    )
    .bind(now_us)
    .bind(limit)
    .fetch_all(tx)
    .await?;
    decode(found)
}

/// A reader's head: the greatest position given and the greatest hybrid logical time seen.
pub(in crate::approval) async fn find_head(
    tx: &mut Tx,
    user: Uuid,
) -> Result<Option<(i64, i64)>, DbError> {
    sql("select at_us, clock from feed_head where user_id = $1")
        .bind(user)
        .fetch_optional(tx)
        .await
}

/// Operation, approval, digest, refusal's code and detail.
type OperationRow = (Uuid, Uuid, i64, Option<String>, Option<String>);

/// The operations among these that are remembered: each is looked up by itself. For `op_id = any($2)` a
/// generic plan without statistics reads all that the user has ever done and filters it.
pub(in crate::approval) async fn logged(
    tx: &mut Tx,
    user: Uuid,
    operations: Vec<Uuid>,
) -> Result<HashMap<Uuid, Logged>, DbError> {
    let found: Vec<OperationRow> = sql_by_engine(
        "select l.op_id, l.approval_id, l.digest, l.code, l.detail
         from unnest($2) as u (op_id) cross join lateral
              (select * from command_log c where c.user_id = $1 and c.op_id = u.op_id limit 1) as l",
        "select op_id, approval_id, digest, code, detail from command_log where user_id = $1 and op_id in (select unhex(value) from json_each($2))",
    )
    .bind(user)
    .bind(IdList(operations))
    .fetch_all(tx)
    .await?;
    found
        .into_iter()
        .map(|(op_id, approval_id, digest, code, detail)| {
            let refusal = match code {
                None => None,
                Some(name) => Some((
                    name.parse::<Code>().map_err(|error| {
                        DbError::Decode(format!("command_log {op_id}: {name}: {error}"))
                    })?,
                    detail.unwrap_or_default(),
                )),
            };
            let logged = Logged {
                approval_id,
                digest: digest.cast_unsigned(),
                refusal,
            };
            Ok((op_id, logged))
        })
        .collect()
}

fn decode(found: Vec<(Uuid, String)>) -> Result<HashMap<Uuid, Case>, DbError> {
    found
        .into_iter()
        .map(|(request_id, state)| Ok((request_id, rows::case(request_id, &state)?)))
        .collect()
}
