//! How batches travel: the envelope, its items, JSON and MessagePack.
//!
//! An envelope is cut into the spans of its items without interpreting them, so that a broken item never
//! harms its siblings. Each item is then decoded once into borrowed nodes, the same for both formats, and
//! interpreted; what is wrong with it is a [`Broken`] in its place.
//!
//! ```
//! use sync_core::wire::{Envelope, Format, Limits, RequestChange};
//!
//! let body = br#"{"lastSync": null, "changes": [
//!     {"opId": "01890000-0000-7000-8000-000000000001", "type": "upsert",
//!      "id": "01890000-0000-7000-8000-0000000000aa",
//!      "hlc": "2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f60718",
//!      "fields": {"title": "Trade fair", "region": null}},
//!     {"opId": "nonsense"}
//! ]}"#;
//! let envelope = Envelope::decode(body, Format::Json, &Limits::default())?;
//! let mut items = envelope.request_items();
//! assert!(matches!(items.next(), Some(Ok(item)) if matches!(item.change, RequestChange::Upsert(_))));
//! assert!(matches!(items.next(), Some(Err(broken)) if broken.op_id.as_deref() == Some("nonsense")));
//! # Ok::<(), sync_core::wire::EnvelopeError>(())
//! ```

mod approval;
mod encode;
mod envelope;
mod fields;
mod item;
mod json;
mod msgpack;
mod node;
mod request;

pub use approval::{ApprovalItem, VoteCommand};
pub use encode::Batch;
pub use envelope::{Envelope, EnvelopeError, Since};
pub use fields::{COMMENT_CHARS, JUSTIFICATION_CHARS, REGION_CHARS, TITLE_CHARS, content_edit};
pub use item::Broken;
pub use request::{RequestChange, RequestItem, Seen};

/// The format of a body. Both carry the same structure with the same strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `application/json` (RFC 8259).
    Json,
    /// `application/msgpack`; ids and times are strings as in JSON, a stamp may be 16 bytes.
    MessagePack,
}

/// What an envelope may hold. The limits in bytes are the transport's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Items of one batch.
    pub changes: usize,
    /// Nested objects and arrays, the envelope itself counted; above 100 counts as 100.
    pub depth: usize,
}

impl Default for Limits {
    /// 500 changes, depth 32.
    fn default() -> Limits {
        Limits {
            changes: 500,
            depth: 32,
        }
    }
}

impl Limits {
    fn levels(&self) -> usize {
        // Decoding nodes recurses: the bound is what any thread's stack holds with ease.
        self.depth.min(100)
    }
}
