//! Notifications that arrive: from events to people, by push, e-mail and SMS.
//!
//! * `rules`: pure. Which events are told to whom, and whether a message is still true just before it
//!   is sent.
//! * `templates`: a text a language and channel. `preferences`, `quiet_hours`: how a person wants to be told.
//! * `store` holds the SQL. [`NotificationService`] is the front for handlers, [`NotificationConsumer`] takes
//!   events.
//! * `dispatch` takes due rows for a while, sends outside any transaction, and notes what came of it;
//!   `backoff` and `breaker` say when it tries again.
//! * `channel`: push by FCM, e-mail by SMTP, SMS by Twilio, each behind one trait, and a log in place of
//!   those that are not set up. To add one, implement [`Deliver`].
//!
//! A message is one row of (event, recipient, channel), whatever crashes. It is *sent* at least once: a
//! node that dies between the provider's yes and its own note sends it again when the lease has run out
//! (a minute). The row's id goes along (`Message-ID`, collapse keys), so that the copies fall together
//! where the provider can do that; Twilio cannot.

mod ask;
mod backoff;
mod breaker;
pub mod channel;
mod consumer;
mod dispatch;
mod letters;
mod model;
mod preferences;
mod purge;
mod quiet_hours;
mod rules;
mod service;
mod store;
mod templates;

pub use ask::Ask;
pub use channel::{Channels, Deliver};
pub use consumer::NotificationConsumer;
pub use dispatch::Dispatcher;
pub use letters::DeadLetter;
pub use model::{Attempt, Channel, NotificationError, Rendered, Report, Status, Template};
pub use preferences::{Choice, Preferences};
pub use quiet_hours::QuietHours;
pub use service::{LoggedMessage, NewPushToken, NotificationService};
