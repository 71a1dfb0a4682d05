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
}

/// The columns of [`ApprovalRow`], from the feed of one reader.
macro_rules! feed_columns {
    () => {
        "select f.approval_id, f.request_id, f.level, f.at_us, f.removed, f.opened_us, f.acted_us,
                c.state, c.content, c.submitted_us, p.name as owner_name
         from feed f
         join approval_case c on c.request_id = f.request_id
         left join person p on p.id = c.owner_id "
    };
}
pub(super) use feed_columns;

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
