//! What the catalog service knows of people: a projection of the user service's events.

use super::{CatalogService, store};
use crate::bus::{ConsumeError, Consumer, Delivery, Event, Topic};
use crate::db::{Db, Tx};
use crate::events::{USER_CHANGED, USER_DEACTIVATED, User};
use crate::inbox::{self, ApplyError, Projection};
use async_trait::async_trait;
use std::sync::Arc;

/// Listens to the user service.
pub struct PeopleConsumer {
    db: Db,
    people: Arc<People>,
}

impl std::fmt::Debug for PeopleConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeopleConsumer").finish_non_exhaustive()
    }
}

impl CatalogService {
    /// Its ear on the bus.
    #[must_use]
    pub fn consumer(&self) -> PeopleConsumer {
        PeopleConsumer {
            db: self.db.clone(),
            people: Arc::new(People),
        }
    }
}

#[async_trait]
impl Consumer for PeopleConsumer {
    fn name(&self) -> &'static str {
        "catalog"
    }

    fn topics(&self) -> &[Topic] {
        &[Topic::User]
    }

    fn wants(&self, event: &Event) -> bool {
        matches!(event.kind.as_str(), USER_CHANGED | USER_DEACTIVATED)
    }

    fn can_be_rebuilt(&self) -> bool {
        true
    }

    fn db(&self) -> &Db {
        &self.db
    }

    async fn handle(&self, delivery: &Delivery) -> Result<(), ConsumeError> {
        inbox::consume(&self.db, &self.people, delivery).await
    }
}

struct People;

#[async_trait]
impl Projection for People {
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<(), ApplyError> {
        if event.kind == USER_CHANGED || event.kind == USER_DEACTIVATED {
            let user: User = event.decode()?;
            store::upsert_person(tx, &user).await?;
        }
        Ok(())
    }

    async fn reset(&self, tx: &mut Tx, topics: &[Topic]) -> Result<(), ApplyError> {
        if topics.contains(&Topic::User) {
            store::outdate_people(tx).await?;
        }
        Ok(())
    }
}
