//! What a bus hands to a consumer.

use super::{Event, Topic};
use std::collections::BTreeSet;

/// Events of a delivery whose traces are named: a span is no place for five hundred.
const TRACES_MAX: usize = 8;

/// Events that are taken together: in one transaction where none of them is at fault.
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    /// The events, in order.
    pub events: Vec<Event>,
    /// Messages that cannot be read as events, and why. They are parked under the key they came with.
    pub unreadable: Vec<(Event, String)>,
    /// Where the consumer stands after them, written in the transaction of their effect. Empty on the
    /// bus of a single process, which keeps nothing to stand in.
    pub positions: Vec<Position>,
    /// Why they are given.
    pub purpose: Purpose,
}

impl Delivery {
    /// The span in which a consumer takes this: it goes on with the trace that caused the events, or, where
    /// several did, names them.
    #[must_use]
    pub fn span(&self, consumer: &'static str) -> tracing::Span {
        let traces: BTreeSet<&str> = self
            .events
            .iter()
            .filter_map(|event| event.traceparent.as_deref()?.split('-').nth(1))
            .take(TRACES_MAX)
            .collect();
        let traces: Vec<&str> = traces.into_iter().collect();
        let parent = match (traces.as_slice(), self.events.first()) {
            ([_], Some(event)) => event.traceparent.as_deref().unwrap_or_default(),
            _ => "",
        };
        tracing::info_span!(
            "take_events",
            consumer,
            events = self.events.len(),
            trace_id = traces.join(","),
            traceparent = parent,
        )
    }

    /// Events of a bus that keeps no positions.
    #[must_use]
    pub fn of(events: Vec<Event>) -> Self {
        Self {
            events,
            ..Self::default()
        }
    }
}

/// Why events are given to a consumer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Purpose {
    /// They have just come: those known by their ids are passed over.
    #[default]
    New,
    /// Somebody has removed what was wrong with the parked events of this key: they are taken from
    /// `dead_letter`, and none comes with the delivery.
    Unpark(uuid::Uuid),
    /// The projection of these topics is made anew from the latest event of each key, known or not.
    Rebuild(Vec<Topic>),
}

/// A place in a partition of a broker's topic.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct Position {
    /// The topic's name on the broker.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The offset of the first message that has not been taken.
    pub next_offset: i64,
}
