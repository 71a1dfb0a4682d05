//! Old notifications go.

use super::service::NotificationService;
use super::store;
use crate::db::DbError;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Rows removed in one transaction: short enough to be in nobody's way.
const BATCH: i64 = 500;
/// Between two batches, where one was full.
const BREATH: Duration = Duration::from_millis(20);
/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// Messages of channels without settings that are kept.
const LOGGED_MAX: i64 = 1_000;

impl NotificationService {
    /// Removes what is older than `retention` and over, every now and then, until `stop`.
    pub async fn keep_tidy(self, retention: Duration, stop: CancellationToken) {
        let work = async {
            loop {
                for done in [self.purge(retention).await, self.trim(LOGGED_MAX).await] {
                    if let Err(error) = done {
                        tracing::warn!(%error, "old notifications were not removed; trying again later");
                    }
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let _ = Box::pin(stop.run_until_cancelled(work)).await;
    }

    /// Removes all but the last `kept` messages that channels without settings would have sent; tells how many.
    ///
    /// # Errors
    /// The database's.
    pub async fn trim(&self, kept: i64) -> Result<u64, DbError> {
        self.db
            .write(move |tx| Box::pin(async move { store::trim_logged(tx, kept).await }))
            .await
    }

    /// Removes the notifications that were sent, delivered or cancelled longer than `retention` ago, with their
    /// attempts, in small batches; tells how many. Those of a request that is not settled for as long stay: a
    /// rollback or withdrawal must still find whom to tell.
    ///
    /// # Errors
    /// The database's.
    pub async fn purge(&self, retention: Duration) -> Result<u64, DbError> {
        let age_us = i64::try_from(retention.as_micros()).unwrap_or(i64::MAX);
        let before_us = self.db.ids().now_us().saturating_sub(age_us);
        let mut all = 0;
        loop {
            let removed = self
                .db
                .write(move |tx| Box::pin(async move { store::purge(tx, before_us, BATCH).await }))
                .await?;
            all += removed;
            if removed < BATCH.unsigned_abs() {
                return Ok(all);
            }
            tokio::time::sleep(BREATH).await;
        }
    }
}
