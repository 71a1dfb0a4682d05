//! Stories across services, one file a promise. Each runs on both engines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where it cannot go on"
)]

mod access;
mod again;
mod approver_lists;
mod approver_pull;
mod audit;
mod busy;
mod catalogue;
mod clock;
mod conformance;
mod converge;
mod crash;
mod crash_notify;
mod crash_votes;
mod create;
mod crossing;
mod deferred;
mod deliveries;
mod dissent;
mod envelope;
mod full_disk;
mod journey;
mod kafka;
mod load;
mod lock;
mod nodes;
mod notify;
mod order;
mod people;
mod privacy;
mod protocol;
mod pull;
mod racing;
mod rebuild;
mod record;
mod refusals;
mod seen;
mod start;
mod statements;
mod text;
mod vote_statements;
mod votes;
mod votes_again;
mod welcome;
mod windows;
mod withdrawn;
