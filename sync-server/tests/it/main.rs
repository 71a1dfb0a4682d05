//! The server's edges, driven from outside.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on should say so and end"
)]

mod actors;
mod api;
mod bodies;
mod contract;
mod edge;
mod limits;
mod process;
