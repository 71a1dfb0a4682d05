//! Reading whole logs, to rebuild what is stored.

use super::super::rules::{Case, Fact, LogRow};
use super::rows;
use crate::db::{Db, DbError, sql};
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

/// A case as it is stored.
pub(in crate::approval) async fn state_of(
    db: &Db,
    request_id: Uuid,
) -> Result<Option<Case>, DbError> {
    let found: Option<(String,)> = sql("select state from approval_case where request_id = $1")
        .bind(request_id)
        .fetch_optional(db)
        .await?;
    found
        .map(|(state,)| rows::case(request_id, &state))
        .transpose()
}
