//! What others tell: people, sessions, requests, levels; and the messages that follow from it.

use super::rules::{Cause, Happening};
use super::service::NotificationService;
use super::store;
use crate::bus::{ConsumeError, Consumer, Delivery, Event, Topic};
use crate::db::{Db, Tx};
use crate::events;
use crate::inbox::{self, ApplyError, Projection};
use async_trait::async_trait;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A message may leave so much later, for fewer transactions in a busy time.
const LINGER: Duration = Duration::from_millis(100);

/// Takes events into the notification service's tables.
#[derive(Debug)]
pub struct NotificationConsumer {
    service: NotificationService,
    projection: Arc<Messages>,
}

/// Whether messages were queued since it was last asked. A transaction that is run again wakes
/// dispatchers for nothing, which is harmless.
#[derive(Debug, Default)]
struct Messages(AtomicBool);

impl NotificationConsumer {
    /// A consumer that writes through this service.
    #[must_use]
    pub fn new(service: NotificationService) -> Self {
        Self {
            service,
            projection: Arc::default(),
        }
    }
}

#[async_trait]
impl Consumer for NotificationConsumer {
    fn name(&self) -> &'static str {
        "notification"
    }

    fn topics(&self) -> &[Topic] {
        &[Topic::User, Topic::Request, Topic::Approval]
    }

    fn wants(&self, event: &Event) -> bool {
        matches!(
            event.kind.as_str(),
            events::USER_CHANGED
                | events::USER_DEACTIVATED
                | events::SESSION_ENDED
                | events::REQUEST_SUBMITTED
                | events::REQUEST_WITHDRAWN
        ) || Happening::means(&event.kind)
    }

    fn linger(&self) -> Duration {
        LINGER
    }

    fn can_be_rebuilt(&self) -> bool {
        true
    }

    fn db(&self) -> &Db {
        self.service.db()
    }

    async fn handle(&self, delivery: &Delivery) -> Result<(), ConsumeError> {
        inbox::consume(self.service.db(), &self.projection, delivery).await?;
        if self.projection.0.swap(false, Ordering::AcqRel) {
            self.service.queued();
        }
        Ok(())
    }
}

#[async_trait]
impl Projection for Messages {
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<(), ApplyError> {
        self.apply_all(tx, &[event]).await
    }

    /// What is told of requests and levels is taken together: one read and one write, however many.
    async fn apply_all(&self, tx: &mut Tx, events: &[&Event]) -> Result<(), ApplyError> {
        let mut told = Vec::new();
        let mut ended = Vec::new();
        // Before all others: nothing is heard of a request earlier than this.
        store::submitted(tx, decoded(events, events::REQUEST_SUBMITTED)?).await?;
        for event in events {
            match event.kind.as_str() {
                events::USER_CHANGED | events::USER_DEACTIVATED => {
                    let person: events::User = event.decode()?;
                    if !person.active {
                        store::forget_phones(tx, person.id, event.time_us).await?;
                    }
                    store::put_person(tx, person).await?;
                }
                events::SESSION_ENDED => {
                    let session: events::SessionEnded = event.decode()?;
                    ended.push(session.session_id);
                }
                events::REQUEST_SUBMITTED => {}
                events::REQUEST_WITHDRAWN => {
                    let withdrawn: events::RequestWithdrawn = event.decode()?;
                    store::withdrawn(tx, withdrawn.id).await?;
                }
                _ => {
                    if let Some(happening) = Happening::of(event)? {
                        if let Happening::Finalized(request) = &happening {
                            store::finalized(tx, request.id, request.outcome).await?;
                        }
                        let cause = Cause {
                            event_id: event.id,
                            actor: event.actor,
                            traceparent: event.traceparent.clone(),
                        };
                        told.push((cause, happening));
                    }
                }
            }
        }
        if !ended.is_empty() {
            store::end_sessions(tx, ended).await?;
        }
        if told.is_empty() {
            return Ok(());
        }
        let happenings: Vec<Happening> = told
            .iter()
            .map(|(_, happening)| happening.clone())
            .collect();
        let mut books = store::read_books(tx, &happenings).await?;
        for (cause, happening) in &told {
            books.take(cause, happening);
        }
        store::write_books(tx, &books).await?;
        if !books.new.is_empty() || !books.cancelled.is_empty() {
            self.0.store(true, Ordering::Release);
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

/// The events of a kind.
fn decoded<T: DeserializeOwned>(events: &[&Event], kind: &str) -> Result<Vec<T>, ApplyError> {
    let of_kind = events.iter().filter(|event| event.kind == kind);
    of_kind.map(|event| Ok(event.decode()?)).collect()
}
