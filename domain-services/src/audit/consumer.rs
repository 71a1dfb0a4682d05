//! Every event becomes a leaf, once.

use super::leaf;
use super::service::AuditService;
use super::store::{self, NewLeaf, signed};
use super::tree::leaf_hash;
use crate::bus::{ConsumeError, Consumer, Delivery, Event, Topic};
use crate::db::{Db, Tx};
use crate::inbox::{self, ApplyError, Projection};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

const TOPICS: [Topic; 5] = [
    Topic::User,
    Topic::Catalog,
    Topic::Request,
    Topic::Approval,
    Topic::Notification,
];

/// A leaf may come so much later, so that a busy time costs transactions by the second and not by the event.
const LINGER: Duration = Duration::from_millis(200);
/// The more leaves come at once, the fewer pages of the index by actor are written for each.
const BATCH_MAX: usize = 2_000;

/// Hears everything.
#[derive(Debug)]
pub struct AuditConsumer {
    service: Arc<AuditService>,
}

impl AuditConsumer {
    /// Of this service.
    #[must_use]
    pub fn new(service: AuditService) -> Self {
        Self {
            service: Arc::new(service),
        }
    }
}

#[async_trait]
impl Consumer for AuditConsumer {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn topics(&self) -> &[Topic] {
        &TOPICS
    }

    fn linger(&self) -> Duration {
        LINGER
    }

    fn batch_max(&self) -> usize {
        BATCH_MAX
    }

    fn db(&self) -> &Db {
        &self.service.db
    }

    async fn handle(&self, delivery: &Delivery) -> Result<(), ConsumeError> {
        inbox::consume(&self.service.db, &self.service, delivery).await
    }
}

#[async_trait]
impl Projection for AuditService {
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<(), ApplyError> {
        self.apply_all(tx, &[event]).await
    }

    /// Appends under the lock of the log's end, in a number of statements that does not grow (on SQLite one insert for each 512).
    async fn apply_all(&self, tx: &mut Tx, events: &[&Event]) -> Result<(), ApplyError> {
        if events.is_empty() {
            return Ok(());
        }
        store::lock_end(tx).await?;
        let (mut frontier, covered) = store::read_end(&mut *tx).await?;
        let mut leaves = Vec::with_capacity(events.len());
        for event in events {
            let seq = frontier.size();
            let body = leaf::canonical(seq, event)
                .map_err(|error| ApplyError::Poisoned(error.to_string()))?;
            let completed = frontier.push(leaf_hash(body.as_bytes()));
            leaves.push(NewLeaf {
                seq: signed(seq),
                body,
                hashes: completed.concat(),
            });
        }
        store::insert_leaves(tx, &leaves).await?;
        let uncovered = frontier.size().saturating_sub(covered);
        if uncovered >= self.settings.checkpoint_leaves {
            self.sign_root(tx, frontier.size(), frontier.root()).await?;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "a gauge is a double; exact to 2^53 leaves"
        )]
        metrics::gauge!("athena_audit_leaves").set(frontier.size() as f64);
        Ok(())
    }
}
