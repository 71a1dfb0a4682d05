//! The audit service: a log that can be proved.
//!
//! Every event of every service becomes one leaf of an RFC 6962 Merkle log ([`tree`]): canonical JSON
//! that nobody can change without the root changing, which is signed from time to time ([`note`]). An
//! auditor exports the leaves and checks them offline against a checkpoint ([`verify`]), or asks for
//! proofs.

pub mod note;
pub mod tree;
