//! `athena conformance`: drives a client for phones through everything the contract allows a server, a network
//! and a telephone to do, and tells what it gets right.
//!
//! The client under test is a child process that is told by JSON lines what its user does
//! (`mobile-contract/CONFORMANCE.md`). It speaks HTTP to a scripted server: honest by default, with the real
//! merge core behind it and no database, until a case lets it lose an answer, refuse, or say what the client
//! has never heard of. Every request is held against the contract, whatever the case is about.
//!
//! ```text
//! runner → stage (a case's client, server and clocks) → client (child process) ⇄ server (scripted)
//! ```
//!
//! A new case is one function in `cases` and one line in their table.

mod cases;
mod client;
mod outcome;
mod report;
mod runner;
mod server;
mod stage;

pub use report::{Passed, Report};
pub use runner::{Options, UnknownCase, run};
