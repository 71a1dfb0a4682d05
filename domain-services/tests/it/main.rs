//! The services on real databases: every test runs on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audit;
mod catalog;
mod changes;
mod credentials;
mod demo;
mod ended;
mod event_schemas;
mod events;
mod inbox;
mod kafka_errors;
mod login;
mod notify;
mod upkeep;
mod users;
mod world;
