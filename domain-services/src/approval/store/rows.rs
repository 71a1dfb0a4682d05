//! Rows of approvals as readers get them.

use super::super::rules::Case;
use crate::db::DbError;
use serde_json::{Map, Value};
use uuid::Uuid;

/// An approval that somebody reads, beside the reader's feed entry.
#[derive(Debug, sqlx::FromRow)]
pub(in crate::approval) struct ApprovalRow {
    pub(in crate::approval) approval_id: Uuid,
    pub(in crate::approval) request_id: Uuid,
    pub(in crate::approval) level: i32,
    pub(in crate::approval) at_us: i64,
    pub(in crate::approval) removed: bool,
    pub(in crate::approval) opened_us: i64,
    pub(in crate::approval) acted_us: Option<i64>,
    state: String,
    content: String,
    pub(in crate::approval) submitted_us: i64,
    pub(in crate::approval) owner_name: Option<String>,
    /// When it was read, by PostgreSQL's clock: nodes whose own clocks differ agree on what is overdue.
    /// None on SQLite, where the process's clock is the database's.
    pub(in crate::approval) read_us: Option<i64>,
}

/// A statement that reads [`ApprovalRow`]s from the feed of one reader.
macro_rules! from_feed {
    ($rest:literal) => {
        from_feed!(@ "(extract(epoch from clock_timestamp()) * 1000000)::bigint", "null", $rest)
    };
    (@ $pg_now:literal, $lite_now:literal, $rest:literal) => {
        $crate::db::sql_by_engine(from_feed!(= $pg_now, $rest), from_feed!(= $lite_now, $rest))
    };
    (= $now:literal, $rest:literal) => {
        concat!(
            "select f.approval_id, f.request_id, f.level, f.at_us, f.removed, f.opened_us, f.acted_us,
                c.state, c.content, c.submitted_us, p.name as owner_name, ", $now, " as read_us
             from feed f
             join approval_case c on c.request_id = f.request_id
             left join person p on p.id = c.owner_id ",
            $rest
        )
    };
}
pub(super) use from_feed;

impl ApprovalRow {
    /// The case it belongs to.
    pub(in crate::approval) fn case(&self) -> Result<Case, DbError> {
        case(self.request_id, &self.state)
    }

    /// The sealed fields.
    pub(in crate::approval) fn content(&self) -> Result<Map<String, Value>, DbError> {
        content(self.request_id, &self.content)
    }

    /// Roughly what the record takes on the wire.
    pub(in crate::approval) fn size_bytes(&self) -> usize {
        self.state.len() + self.content.len()
    }
}

pub(super) fn case(request_id: Uuid, state: &str) -> Result<Case, DbError> {
    serde_json::from_str(state)
        .map_err(|error| DbError::Decode(format!("approval_case {request_id}: state: {error}")))
}

pub(super) fn content(request_id: Uuid, content: &str) -> Result<Map<String, Value>, DbError> {
    serde_json::from_str(content)
        .map_err(|error| DbError::Decode(format!("approval_case {request_id}: content: {error}")))
}
