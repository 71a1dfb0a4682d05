//! The lines of a request's story.

use crate::db::{Db, DbError, sql};
use uuid::Uuid;

/// A stored line.
#[derive(Debug, sqlx::FromRow)]
pub(in crate::request) struct StoryRow {
    pub(in crate::request) at_us: i64,
    pub(in crate::request) actor_id: Uuid,
    pub(in crate::request) op_id: Uuid,
    pub(in crate::request) event: String,
    pub(in crate::request) code: String,
    pub(in crate::request) detail: String,
}

/// A request's story, oldest first.
pub(in crate::request) async fn story(db: &Db, id: Uuid) -> Result<Vec<StoryRow>, DbError> {
    sql("select at_us, actor_id, op_id, event, code, detail from history where request_id = $1 order by at_us, position")
        .bind(id)
        .fetch_all(db)
        .await
}
