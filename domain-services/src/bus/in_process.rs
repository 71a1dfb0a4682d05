//! The bus of a single process.

use super::{Bus, BusError, Consumer, Event};
use async_trait::async_trait;
use std::sync::Arc;

/// Calls every consumer, one after the other. It keeps nothing: what a consumer did not take stays
/// in the outbox and comes again, and those who took it know it by its id.
#[derive(Clone, Default)]
pub struct InProcess {
    consumers: Vec<Arc<dyn Consumer>>,
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.consumers.iter().map(|consumer| consumer.name()))
            .finish()
    }
}

impl InProcess {
    /// A bus to these consumers.
    #[must_use]
    pub fn new(consumers: Vec<Arc<dyn Consumer>>) -> Self {
        Self { consumers }
    }
}

#[async_trait]
impl Bus for InProcess {
    /// A consumer that fails does not keep the events from those behind it.
    async fn publish(&self, events: &[Event]) -> Result<(), BusError> {
        let mut outcome = Ok(());
        for consumer in &self.consumers {
            let wanted: Vec<Event> = events
                .iter()
                .filter(|event| consumer.topics().contains(&event.topic))
                .cloned()
                .collect();
            if wanted.is_empty() {
                continue;
            }
            if let Err(error) = consumer.handle(&wanted).await
                && outcome.is_ok()
            {
                outcome = Err(BusError::Consumer {
                    consumer: consumer.name(),
                    error,
                });
            }
        }
        outcome
    }
}
