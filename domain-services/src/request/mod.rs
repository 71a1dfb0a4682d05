//! Budget requests: drafts that merge, submissions that seal, and the feed that tells their owner.
//!
//! * `rules` judge a batch: pure, no I/O, no clock.
//! * `store` holds the SQL.
//! * [`RequestService`] owns the transaction: read, judge, compare and set.
//! * `projection` keeps what the catalogue's and the users' events told, `progress` what the
//!   approvals' did.

mod answer;
mod create;
mod model;
mod progress;
mod projection;
mod pulls;
mod push;
mod reads;
mod rules;
mod service;
mod store;
mod story;
mod view;
mod withdraw;

pub use answer::{Page, PushAnswer};
pub use create::{Created, NewRequest};
pub use model::Status;
pub use projection::RequestConsumer;
pub use reads::{ListFilter, RequestList, RequestRecord};
pub use service::{RequestError, RequestService, RequestSettings};
pub use story::{Story, StoryItem};
