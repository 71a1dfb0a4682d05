//! The bus of a single process.

use super::{Bus, BusError, Consumer, Delivery, Event};
use async_trait::async_trait;
use futures_util::future::join_all;
use std::sync::Arc;
use tracing::Instrument;

/// Calls every consumer, all at once. It keeps nothing: what a consumer did not take stays
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
    /// Waits for the slowest consumer only, and one that fails does not keep the events from the others.
    async fn publish(&self, events: &[Event]) -> Result<(), BusError> {
        let deliveries = self.consumers.iter().map(|consumer| async move {
            let wanted: Vec<Event> = events
                .iter()
                .filter(|event| consumer.wants(event))
                .cloned()
                .collect();
            if wanted.is_empty() {
                return Ok(());
            }
            let delivery = Delivery::of(wanted);
            let span = delivery.span(consumer.name());
            let handled = consumer.handle(&delivery).instrument(span).await;
            handled.map_err(|error| BusError::Consumer {
                consumer: consumer.name(),
                error,
            })
        });
        join_all(deliveries).await.into_iter().collect()
    }
}
