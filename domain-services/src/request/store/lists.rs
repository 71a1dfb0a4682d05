//! Single requests and lists of them, newest first.

use super::rows::columns;
use crate::db::{Db, DbError, Rows, sql, sql_by_engine};
use uuid::Uuid;

/// What a list is narrowed to.
#[derive(Debug, Clone, Default)]
pub(in crate::request) struct Filter {
    /// One owner's, or everybody's.
    pub(in crate::request) owner: Option<Uuid>,
    /// Names of statuses; none means all.
    pub(in crate::request) statuses: Vec<&'static str>,
    /// Created at or after.
    pub(in crate::request) from_us: Option<i64>,
    /// Created before.
    pub(in crate::request) to_us: Option<i64>,
    /// Behind this creation time and id.
    pub(in crate::request) cursor: Option<(i64, Uuid)>,
}

/// A request by its id, whoever owns it, deleted ones included: one row or none.
pub(in crate::request) async fn find(db: &Db, id: Uuid) -> Result<Rows, DbError> {
    sql(concat!(
        "select ",
        columns!(),
        " from request r where r.id = $1"
    ))
    .bind(id)
    .fetch_rows(db)
    .await
}

/// The filter's conditions, the same for one owner and for all: `$1` from, `$2` to, `$3` and `$4`
/// the cursor, `$5` statuses as JSON, `$6` the limit. Open ends are bound as the extremes of their
/// types, so that every condition can use the index.
macro_rules! conditions {
    ($status:literal) => {
        concat!(
            " r.tombstone is null and r.created_us >= $1 and r.created_us < $2",
            " and (r.created_us, r.id) < ($3, $4) and ($5 is null or r.status in ",
            $status,
            ") order by r.created_us desc, r.id desc limit $6"
        )
    };
}
macro_rules! list {
    ($owner:literal, $status:literal) => {
        concat!(
            "select ",
            columns!(),
            " from request r where",
            $owner,
            conditions!($status)
        )
    };
}

const ALL_PG: &str = list!("", "(select jsonb_array_elements_text($5::jsonb))");
const ALL_LITE: &str = list!("", "(select value from json_each($5))");
const OWN_PG: &str = list!(
    " r.owner_id = $7 and",
    "(select jsonb_array_elements_text($5::jsonb))"
);
const OWN_LITE: &str = list!(" r.owner_id = $7 and", "(select value from json_each($5))");

/// Requests that are not deleted, newest first.
pub(in crate::request) async fn list(
    db: &Db,
    filter: &Filter,
    limit: i64,
) -> Result<Rows, DbError> {
    let statuses =
        (!filter.statuses.is_empty()).then(|| serde_json::json!(filter.statuses).to_string());
    let query = if filter.owner.is_some() {
        sql_by_engine(OWN_PG, OWN_LITE)
    } else {
        sql_by_engine(ALL_PG, ALL_LITE)
    };
    let query = query
        .bind(filter.from_us.unwrap_or(i64::MIN))
        .bind(filter.to_us.unwrap_or(i64::MAX))
        .bind(filter.cursor.map_or(i64::MAX, |(at_us, _)| at_us))
        .bind(filter.cursor.map_or(Uuid::max(), |(_, id)| id))
        .bind(statuses)
        .bind(limit);
    match filter.owner {
        Some(owner) => query.bind(owner).fetch_rows(db).await,
        None => query.fetch_rows(db).await,
    }
}
