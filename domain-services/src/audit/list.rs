//! The log read page by page, newest first: by person, request, action and time.

use super::leaf::Leaf;
use super::service::{AuditError, AuditService};
use super::store::LeafRow;
use super::tree::Hash;
use crate::db::{Db, DbError, sql_by_engine};
use crate::paging::{Cursor, Page, PageQuery};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use sync_core::time::write_rfc3339;
use uuid::Uuid;

/// Which leaves. Members that are absent permit all.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// What this person did.
    pub user_id: Option<Uuid>,
    /// What is about this request.
    pub request_id: Option<Uuid>,
    /// What was done, for instance `request.submitted`.
    pub action: Option<String>,
    /// Not before, in microseconds since the Unix epoch.
    pub from_us: Option<i64>,
    /// Before, in microseconds since the Unix epoch.
    pub to_us: Option<i64>,
}

/// A leaf on a page.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogItem {
    /// What it says.
    #[serde(flatten)]
    pub leaf: Leaf,
    /// Its hash in the tree.
    #[serde(serialize_with = "as_base64")]
    pub leaf_hash: Hash,
}

pub(super) fn as_base64<S: serde::Serializer>(hash: &Hash, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&BASE64_STANDARD.encode(hash))
}

/// A statement for each index that a filter may lead through; the rest of the filter is checked on
/// the rows it finds.
macro_rules! by {
    ($pg:literal, $lite:literal) => {
        sql_by_engine(
            concat!(
                "select seq, body, hashes from leaf where ",
                $pg,
                " and ($2::uuid is null or request_id = $2::uuid)",
                " and ($3::text is null or action = $3) and at >= $4 and at < $5 and (at, seq) < ($6, $7)",
                " order by at desc, seq desc limit $8"
            ),
            concat!(
                "select seq, body, hashes from leaf where ",
                $lite,
                " and ($2 is null or request_id = unhex($2, '-'))",
                " and ($3 is null or action = $3) and at >= $4 and at < $5 and (at, seq) < ($6, $7)",
                " order by at desc, seq desc limit $8"
            ),
        )
    };
}

impl AuditService {
    /// Leaves, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn logs(
        &self,
        filter: &LogFilter,
        page: PageQuery,
    ) -> Result<Page<LogItem>, AuditError> {
        let rows = rows(&self.db, filter, page).await?;
        let items = rows.iter().map(item).collect::<Result<Vec<_>, _>>()?;
        Ok(page.page(items, |item| Cursor {
            at_us: item.leaf.at.0,
            // The cursors of all lists have the same shape: a time and an id.
            id: Uuid::from_u128(u128::from(item.leaf.seq)),
        }))
    }
}

async fn rows(db: &Db, filter: &LogFilter, page: PageQuery) -> Result<Vec<LeafRow>, DbError> {
    let (before_us, before_id) = page.before();
    let text = |id: Option<Uuid>| id.map(|id| id.to_string());
    let query = if filter.request_id.is_some() {
        by!(
            "($1::uuid is null or actor_id = $1::uuid) and request_id = $2::uuid",
            "($1 is null or actor_id = unhex($1, '-')) and request_id = unhex($2, '-')"
        )
    } else if filter.user_id.is_some() {
        by!("actor_id = $1::uuid", "actor_id = unhex($1, '-')")
    } else if filter.action.is_some() {
        by!(
            "$1::uuid is null and action = $3",
            "$1 is null and action = $3"
        )
    } else {
        by!("$1::uuid is null", "$1 is null")
    };
    query
        .bind(text(filter.user_id))
        .bind(text(filter.request_id))
        .bind(filter.action.clone())
        .bind(instant(filter.from_us.unwrap_or(0)))
        .bind(instant(filter.to_us.unwrap_or(i64::MAX)))
        .bind(instant(before_us))
        .bind(i64::try_from(before_id.as_u128()).unwrap_or(i64::MAX))
        .bind(page.rows())
        .fetch_all(db)
        .await
}

/// A time as leaves have it, which sorts as text; beyond the year 9999, and before 1970, the ends.
pub(super) fn instant(at_us: i64) -> String {
    const LAST_US: i64 = 253_402_300_799_999_999;
    write_rfc3339(at_us.clamp(0, LAST_US), &mut [0; 27]).to_owned()
}

fn item(row: &LeafRow) -> Result<LogItem, DbError> {
    let leaf = serde_json::from_str(&row.body)
        .map_err(|error| DbError::Decode(format!("leaf {} of the audit log: {error}", row.seq)))?;
    Ok(LogItem {
        leaf,
        leaf_hash: row.hash()?,
    })
}
