//! How services hear of each other.
//!
//! A service writes an event into its [`outbox`](crate::outbox) in the transaction of the change; a
//! relay hands it to a [`Bus`]; the bus brings it to each [`Consumer`], which writes its effect and
//! the event's id ([`inbox`](crate::inbox)) in one transaction. At least once on the way, once in
//! effect, in order per key. [`InProcess`] is the bus of a single process; a broker takes its place
//! behind the same trait.

mod delivery;
mod in_process;
pub mod kafka;

pub use delivery::{Delivery, Position, Purpose};
pub use in_process::InProcess;

use crate::db::{Db, DbError};
use async_trait::async_trait;
use serde_json::value::RawValue;
use std::time::Duration;
use uuid::Uuid;

/// A stream of events of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// People and departments.
    User,
    /// Categories, reasons and approver assignments.
    Catalog,
    /// Budget requests.
    Request,
    /// The levels of their approval.
    Approval,
    /// Messages to people, and what became of them.
    Notification,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::User,
        Self::Catalog,
        Self::Request,
        Self::Approval,
        Self::Notification,
    ];

    /// Its name on the wire. The number goes up when old readers would misread new events.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "athena.user.v1",
            Self::Catalog => "athena.catalog.v1",
            Self::Request => "athena.request.v1",
            Self::Approval => "athena.approval.v1",
            Self::Notification => "athena.notification.v1",
        }
    }

    /// The service that publishes it.
    #[must_use]
    pub fn service(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Catalog => "catalog",
            Self::Request => "request",
            Self::Approval => "approval",
            Self::Notification => "notification",
        }
    }

    /// The topic of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }

    /// Whether a topic keeps the latest event of each key only: its events are whole records, from which a
    /// projection can be made anew.
    #[must_use]
    pub fn is_compacted(self) -> bool {
        matches!(self, Self::User | Self::Catalog)
    }
}

/// The kind of what stands for a message that is no event.
pub const UNREADABLE: &str = "unreadable";

/// Something that happened, as it travels (CloudEvents 1.0: the members besides `data` are its
/// attributes).
#[derive(Debug, Clone)]
pub struct Event {
    /// UUIDv5 of record, version and kind: the same event has the same id however often it is sent.
    pub id: Uuid,
    /// Where it is published.
    pub topic: Topic,
    /// Events of one key are delivered in order.
    pub key: Uuid,
    /// What happened, for instance `category.changed`.
    pub kind: String,
    /// The record's version; a projection ignores older ones.
    pub version: i64,
    /// When it was written, in microseconds since the Unix epoch, by the database's clock.
    pub time_us: i64,
    /// The W3C trace context of the request that caused it.
    pub traceparent: Option<String>,
    /// Who caused it (the `authid` of CloudEvents' auth context); none: the system itself.
    pub actor: Option<Uuid>,
    /// The record as it stands after it.
    pub data: Box<RawValue>,
}

impl Event {
    /// Decodes [`Event::data`].
    ///
    /// # Errors
    /// When it is not of this shape.
    pub fn decode<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.data.get())
    }
}

/// Why a bus did not take events. They stay in the outbox and are sent again.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The broker is away, or refuses.
    #[error("the bus is away: {0}")]
    Unavailable(String),
    /// A consumer in this process did not take them.
    #[error("{consumer} did not take the events: {error}")]
    Consumer {
        /// Its name.
        consumer: &'static str,
        /// What it said.
        error: ConsumeError,
    },
}

/// Why a consumer did not take events. An event that is itself at fault is not such a reason: it is
/// parked, and the others go on.
#[derive(Debug, thiserror::Error)]
pub enum ConsumeError {
    /// Its database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// An event that was to be taken out of `dead_letter`, or into a projection made anew, still cannot be
    /// handled; nothing was changed.
    #[error("event {event_id} cannot be handled: {reason}")]
    Poisoned {
        /// The event.
        event_id: Uuid,
        /// What is wrong with it.
        reason: String,
    },
}

/// Takes events of one topic, in order.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Returns when the events are safe: in the broker, or in every consumer's tables.
    async fn publish(&self, events: &[Event]) -> Result<(), BusError>;

    /// Events of one publication at most.
    fn batch_max(&self) -> i64 {
        500
    }
}

/// A service that keeps a projection of what others say.
#[async_trait]
pub trait Consumer: Send + Sync {
    /// Its name, for logs and consumer groups.
    fn name(&self) -> &'static str;

    /// What it listens to.
    fn topics(&self) -> &[Topic];

    /// Whether an event of these topics means anything to it. Of one that does not, nothing is kept, and no
    /// transaction is spent on it: drafts alone are most of all events.
    fn wants(&self, event: &Event) -> bool {
        self.topics().contains(&event.topic)
    }

    /// How long an event may wait at most for others that can be taken in the same transaction. Who is in no
    /// hurry leaves the machine to those who are. A bus within the process does not wait.
    fn linger(&self) -> Duration {
        Duration::ZERO
    }

    /// Events of one transaction at most. A bus within the process hands over what it publishes at once.
    fn batch_max(&self) -> usize {
        500
    }

    /// Whether all it makes of the compacted topics is a copy that can be made anew from them. Who keeps more than
    /// that, as a log of what happened, would tell it twice.
    fn can_be_rebuilt(&self) -> bool {
        false
    }

    /// Where its inbox and its positions are kept.
    fn db(&self) -> &Db;

    /// Takes events in order, each once in effect: by [`inbox::consume`](crate::inbox::consume).
    async fn handle(&self, delivery: &Delivery) -> Result<(), ConsumeError>;
}
