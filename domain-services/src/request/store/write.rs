//! Writing a decision: one compare-and-set on the user's head carries everything with it.

use super::super::rules::{Decision, HistoryRow, NewEvent};
use super::{write_lite, write_pg};
use crate::db::{Db, DbError, On};
use sync_core::canonical::event_id;
use uuid::Uuid;

/// Whether a write held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::request) enum Written {
    /// Committed, or part of the transaction it ran in.
    Won,
    /// Another write moved the head first; nothing was written.
    Lost,
}

/// Writes records, feed, command log, history and outbox if the head is still the one the decision
/// was made on: on PostgreSQL one statement, on SQLite a fixed number inside the writer's
/// transaction. A request id that another user made in the same moment violates `not null`, and a
/// command that another connection logged violates its key: either refuses the whole write.
pub(in crate::request) async fn write(
    on: On<'_>,
    user: Uuid,
    decision: &Decision,
    traceparent: Option<&str>,
) -> Result<Written, DbError> {
    match on {
        On::Db(db) if db.is_sqlite() => write_through_writer(db, user, decision, traceparent).await,
        On::Tx(tx) if tx.is_sqlite() => {
            write_lite::Encoded::new(user, decision, traceparent)?
                .run(tx)
                .await
        }
        on => write_pg::run(on, user, decision, traceparent).await,
    }
}

async fn write_through_writer(
    db: &Db,
    user: Uuid,
    decision: &Decision,
    traceparent: Option<&str>,
) -> Result<Written, DbError> {
    let encoded = write_lite::Encoded::new(user, decision, traceparent)?;
    db.write(move |tx| {
        let encoded = encoded.clone();
        Box::pin(async move { encoded.run(tx).await })
    })
    .await
}

/// The place in time of a line of history: that of the change it tells of, or now.
pub(super) fn history_at(decision: &Decision, row: &HistoryRow) -> i64 {
    let before_us = decision.head_before.map_or(0, |head| head.at_us);
    match decision.records.get(&row.request_id) {
        Some(stored) if stored.at_us > before_us => stored.at_us,
        _ => decision.now_us,
    }
}

/// An event's id, the same whenever the same change is told.
pub(in crate::request) fn id_of(event: &NewEvent) -> Uuid {
    event
        .id
        .unwrap_or_else(|| event_id(event.key, event.version.cast_unsigned(), event.kind))
}

/// The head's place to compare with, or `None` where the user had no head yet.
pub(super) fn expected(decision: &Decision) -> Option<i64> {
    decision.head_before.map(|head| head.at_us)
}
