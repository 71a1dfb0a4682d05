//! The request service's view of people and the catalogue, built from their events.

use super::service::RequestService;
use super::{progress, store};
use crate::bus::{ConsumeError, Consumer, Delivery, Event, Topic};
use crate::db::{Db, Tx};
use crate::events;
use crate::inbox::{self, ApplyError, Projection};
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// Owners whose feeds were moved. They are poked after the commit; a poke for nothing (the transaction
/// was run again) is harmless.
#[derive(Default)]
struct Projections(Mutex<BTreeSet<Uuid>>);

impl Projections {
    fn moved(&self) -> std::sync::MutexGuard<'_, BTreeSet<Uuid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
            _ => {
                let owners = progress::take(tx, &[event]).await?;
                self.moved().extend(owners);
            }
        }
        Ok(())
    }

    /// News of levels is taken together: the heads of all owners are locked at once, in order.
    async fn apply_all(&self, tx: &mut Tx, events: &[&Event]) -> Result<(), ApplyError> {
        if events.iter().any(|event| event.topic != Topic::Approval) {
            for event in events {
                self.apply(tx, event).await?;
            }
            return Ok(());
        }
        let owners = progress::take(tx, events).await?;
        self.moved().extend(owners);
        Ok(())
    }

    async fn reset(&self, tx: &mut Tx, topics: &[Topic]) -> Result<(), ApplyError> {
        if topics.contains(&Topic::User) {
            store::outdate_people(tx).await?;
        }
        if topics.contains(&Topic::Catalog) {
            store::outdate_catalogue(tx).await?;
        }
        Ok(())
    }
}

/// Takes the users', the catalogue's and the approvals' events into the request service's tables.
pub struct RequestConsumer {
    service: RequestService,
    projections: Arc<Projections>,
}

impl std::fmt::Debug for RequestConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestConsumer").finish_non_exhaustive()
    }
}

impl RequestConsumer {
    /// A consumer that writes through this service.
    #[must_use]
    pub fn new(service: RequestService) -> Self {
        Self {
            service,
            projections: Arc::default(),
        }
    }
}

#[async_trait]
impl Consumer for RequestConsumer {
    fn name(&self) -> &'static str {
        "request"
    }

    fn topics(&self) -> &[Topic] {
        &[Topic::User, Topic::Catalog, Topic::Approval]
    }

    fn wants(&self, event: &Event) -> bool {
        matches!(
            event.kind.as_str(),
            events::USER_CHANGED
                | events::USER_DEACTIVATED
                | events::CATEGORY_CHANGED
                | events::REASON_CHANGED
                | events::ASSIGNMENT_CHANGED
        ) || event.topic == Topic::Approval
    }

    fn can_be_rebuilt(&self) -> bool {
        true
    }

    fn db(&self) -> &Db {
        self.service.db()
    }

    async fn handle(&self, delivery: &Delivery) -> Result<(), ConsumeError> {
        inbox::consume(self.service.db(), &self.projections, delivery).await?;
        let owners = std::mem::take(&mut *self.projections.moved());
        for owner in owners {
            self.service.committed(owner);
        }
        Ok(())
    }
}
