//! The services of Athena Budget and what they stand on.

pub mod db;
pub mod time;
