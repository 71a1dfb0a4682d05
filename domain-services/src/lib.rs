//! The services of Athena Budget and what they stand on.

pub mod approval;
pub mod audit;
pub mod bus;
pub mod catalog;
mod collection;
pub mod db;
pub mod events;
pub mod feed;
pub mod identity;
pub mod inbox;
pub mod invalid;
pub mod key_files;
pub mod notification;
pub mod outbox;
pub mod paging;
mod refusals;
pub mod request;
pub mod time;
pub mod upkeep;
pub mod user;

pub use collection::CollectionVersion;
