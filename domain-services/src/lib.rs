//! The services of Athena Budget and what they stand on.

pub mod bus;
pub mod db;
pub mod identity;
pub mod invalid;
pub mod outbox;
pub mod paging;
pub mod time;
pub mod user;
