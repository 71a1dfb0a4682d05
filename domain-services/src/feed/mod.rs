//! What the feeds of requests and of approvals have in common.

mod pokes;

pub use pokes::Pokes;
