//! Approvals: the votes of a request's levels, in whatever order phones deliver them.
//!
//! * `rules`: pure. A case is the fold of its log; a wish is judged on a case.
//! * `store` holds the SQL. Cases are locked before heads, both in order.
//! * [`ApprovalService`] owns the transaction: lock, judge, write.
//! * `events` takes what the request and user services told; `sweeper` seals by age; `rebuild` folds
//!   every log again and compares.

mod act;
mod answer;
mod consumer;
mod push;
mod reads;
mod rebuild;
mod rules;
mod service;
mod store;
mod sweeper;
mod view;

pub use act::{Act, Done, check_comment};
pub use answer::{ApprovalPage, PushAnswer};
pub use consumer::ApprovalConsumer;
pub use reads::{ApprovalList, ApprovalRecord};
pub use rebuild::{Difference, Rebuilt};
pub use service::{ApprovalError, ApprovalService, ApprovalSettings};
