//! The audit log and its proofs.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogEntry {
    /// Its place, from 0.
    #[schema(minimum = 0)]
    pub seq: u64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Who did it; null: the system.
    pub actor_id: Option<Uuid>,
    /// What happened: the kind of the event, `request.submitted` for instance.
    pub action: String,
    /// The request it is about.
    pub request_id: Option<Uuid>,
    /// What the event says.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
    /// The trace of the HTTP request that caused it.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    pub trace_id: Option<String>,
    /// The event it was made of.
    pub event_id: Uuid,
    /// The event's key: usually the record it is about.
    pub key: Uuid,
    /// SHA-256 of 0x00 and the entry's canonical bytes (RFC 6962), in base64.
    #[schema(pattern = "^[A-Za-z0-9+/]{43}=$")]
    pub leaf_hash: String,
}

/// Entries, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogPage {
    /// The entries.
    pub items: Vec<LogEntry>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

/// A proof that an entry is in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InclusionProof {
    /// Which entry.
    #[schema(minimum = 0)]
    pub seq: u64,
    /// Of the tree over so many.
    #[schema(minimum = 1)]
    pub size: u64,
    /// Its canonical bytes (RFC 8785), in base64.
    #[schema(pattern = "^[A-Za-z0-9+/]+={0,2}$")]
    pub leaf: String,
    /// SHA-256 of 0x00 and those bytes, in base64.
    #[schema(pattern = "^[A-Za-z0-9+/]{43}=$")]
    pub leaf_hash: String,
    /// RFC 6962, section 2.1.1, in base64: from the entry's sibling up.
    pub hashes: Vec<String>,
}

/// A proof that the log has only grown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyProof {
    /// The size of the earlier tree.
    #[schema(minimum = 0)]
    pub from: u64,
    /// The size of the later one.
    #[schema(minimum = 0)]
    pub to: u64,
    /// RFC 6962, section 2.1.2, in base64.
    pub hashes: Vec<String>,
}
