//! The audit log: what is in it, what can be proved of it, and what becomes of one that was changed.

mod commands;
mod endings;
mod insider;
mod leaves;
mod proofs;
mod tampered;
