//! Seals levels by age. Any node may run it, and several at once.

use super::rules::Decision;
use super::service::{ApprovalService, write};
use super::store;
use crate::db::DbError;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How often it looks: one indexed read. Readers and commands see what is overdue as sealed without it.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Cases sealed in one transaction at most.
const CASES_MAX: i64 = 100;

impl ApprovalService {
    /// Runs until `stop`.
    pub async fn sweep(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            if let Err(error) = self.seal_overdue().await {
                tracing::warn!(%error, "overdue levels wait to be sealed");
                metrics::counter!("athena_sweep_failures_total").increment(1);
            }
        }
    }

    /// Seals what is overdue now; tells how many cases that were.
    ///
    /// # Errors
    /// The database's.
    pub async fn seal_overdue(&self) -> Result<usize, DbError> {
        let mut sealed = 0;
        while store::due(&self.db).await? {
            let (cases, moved) = self
                .db
                .write(|tx| {
                    Box::pin(async move {
                        let now_us = tx.now_us().await?;
                        let cases = store::lock_due(tx, now_us, CASES_MAX).await?;
                        let ids: Vec<Uuid> = cases.keys().copied().collect();
                        let mut decision = Decision {
                            cases,
                            now_us,
                            ..Decision::default()
                        };
                        for id in &ids {
                            decision.seal_overdue(*id);
                        }
                        let moved = write(tx, &decision, None, None).await?;
                        Ok::<_, DbError>((ids.len(), moved))
                    })
                })
                .await?;
            self.committed(&moved);
            if cases == 0 {
                break; // another sweeper holds them
            }
            sealed += cases;
        }
        Ok(sealed)
    }
}
