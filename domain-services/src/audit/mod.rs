//! The audit service: a log that can be proved.
//!
//! Every event of every service becomes one leaf of an RFC 6962 Merkle log ([`tree`]): canonical JSON
//! ([`leaf`]) that nobody can change without the root changing, which is signed from time to time
//! ([`note`]). An auditor exports the leaves and checks them offline against a checkpoint ([`verify`]),
//! or asks for proofs.
//!
//! The hash of each complete subtree is kept with its last leaf, so an append inserts one row and
//! changes none, and a proof reads a logarithmic number of rows by their key.

mod consumer;
mod export;
mod last_signed;
pub mod leaf;
mod list;
pub mod note;
mod service;
mod store;
pub mod tree;
mod verify;

pub use consumer::AuditConsumer;
pub use export::Bound;
pub use last_signed::{LastSigned, SIGNED_FILE};
pub use list::{LogFilter, LogItem};
pub use service::{AuditError, AuditService, AuditSettings, ConsistencyProof, InclusionProof};
pub use verify::{Verdict, verify};
