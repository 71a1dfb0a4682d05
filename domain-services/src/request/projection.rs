//! The request service's view of people and the catalogue, built from their events.

use super::store;
use crate::bus::{ConsumeError, Consumer, Event, Topic};
use crate::db::{Db, Tx};
use crate::events;
use crate::inbox::{self, ApplyError, Projection};
use async_trait::async_trait;
use std::sync::Arc;

struct Projections;

#[async_trait]
impl Projection for Projections {
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<(), ApplyError> {
        match event.kind.as_str() {
            events::USER_CHANGED | events::USER_DEACTIVATED => {
                store::person(tx, event.decode()?).await?;
            }
            events::CATEGORY_CHANGED => store::category(tx, event.decode()?).await?,
            events::REASON_CHANGED => store::reason(tx, event.decode()?).await?,
            events::ASSIGNMENT_CHANGED => store::assignment(tx, event.decode()?).await?,
            _ => {}
        }
        Ok(())
    }
}

/// Takes the users' and the catalogue's events into the request service's tables.
pub struct RequestConsumer {
    db: Db,
    projections: Arc<Projections>,
}

impl std::fmt::Debug for RequestConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestConsumer").finish_non_exhaustive()
    }
}

impl RequestConsumer {
    /// A consumer that writes into the request service's database.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self {
            db,
            projections: Arc::new(Projections),
        }
    }
}

#[async_trait]
impl Consumer for RequestConsumer {
    fn name(&self) -> &'static str {
        "request"
    }

    fn topics(&self) -> &[Topic] {
        &[Topic::User, Topic::Catalog]
    }

    async fn handle(&self, events: &[Event]) -> Result<(), ConsumeError> {
        inbox::consume(&self.db, &self.projections, events).await
    }
}
