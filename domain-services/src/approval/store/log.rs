//! Reading whole logs, to rebuild what is stored.

use super::super::rules::{Case, Fact, LogRow};
use super::rows;
use crate::db::{Db, DbError, IdList, sql, sql_by_engine};
use std::collections::HashMap;
use uuid::Uuid;

/// The logs of the cases behind `after`, whole, in order of request; `cases` cases at most.
pub(in crate::approval) async fn log_page(
    db: &Db,
    after: Uuid,
    cases: i64,
) -> Result<Vec<LogRow>, DbError> {
    let lines: Vec<(Uuid, i64, i64, String)> = sql(
        "select l.request_id, l.n, l.at_us, l.fact
         from (select request_id from approval_case where request_id > $1 order by request_id limit $2) c
         join case_log l on l.request_id = c.request_id
         order by l.request_id, l.n",
    )
    .bind(after)
    .bind(cases)
    .fetch_all(db)
    .await?;
    lines
        .into_iter()
        .map(|(request_id, n, at_us, fact)| {
            let fact: Fact = serde_json::from_str(&fact).map_err(|error| {
                DbError::Decode(format!("case_log {request_id}/{n}: fact: {error}"))
            })?;
            Ok(LogRow {
                request_id,
                n,
                at_us,
                fact,
            })
        })
        .collect()
}

/// Cases as they are stored.
pub(in crate::approval) async fn states(
    db: &Db,
    request_ids: Vec<Uuid>,
) -> Result<HashMap<Uuid, Case>, DbError> {
    let found: Vec<(Uuid, String)> = sql_by_engine(
        "select request_id, state from approval_case where request_id = any($1)",
        "select request_id, state from approval_case where request_id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(request_ids))
    .fetch_all(db)
    .await?;
    found
        .into_iter()
        .map(|(request_id, state)| Ok((request_id, rows::case(request_id, &state)?)))
        .collect()
}
