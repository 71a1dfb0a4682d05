//! A budget request as it is stored, and its life.

use sync_core::canonical::Revision;
use sync_core::field::Field;
use sync_core::record::{Record, Register};
use sync_core::value::{Money, Value};
use uuid::Uuid;

/// Where a request stands. The request service alone decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Its owner may still edit it.
    Draft,
    /// Submitted and sealed; level 1 decides.
    PendingL1,
    /// Level 2 decides.
    PendingL2,
    /// Level 3 decides.
    PendingL3,
    /// Every level approved.
    Approved,
    /// A level rejected it.
    Rejected,
    /// Its owner took it back.
    Withdrawn,
}

impl Status {
    const ALL: [Self; 7] = [
        Self::Draft,
        Self::PendingL1,
        Self::PendingL2,
        Self::PendingL3,
        Self::Approved,
        Self::Rejected,
        Self::Withdrawn,
    ];

    /// Its name on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::PendingL1 => "pending_l1",
            Self::PendingL2 => "pending_l2",
            Self::PendingL3 => "pending_l3",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// A stored request: the merged record and what the service decided about it.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) id: Uuid,
    pub(super) owner_id: Uuid,
    /// Its place in its owner's feed, and the time it was last changed.
    pub(super) at_us: i64,
    pub(super) created_us: i64,
    pub(super) record: Record,
    pub(super) status: Status,
    pub(super) revision: Option<Revision>,
    /// The pinned approvers, as JSON.
    pub(super) chain: Option<String>,
    pub(super) submitted_us: Option<i64>,
    pub(super) final_us: Option<i64>,
    /// The last accepted upsert and the digest of what it said.
    pub(super) last_op: Option<(Uuid, u64)>,
    /// Whether a level of its chain is sealed, as far as is known here.
    pub(super) is_sealed: bool,
    /// Whether too few people are left to decide about it.
    pub(super) is_stalled: bool,
}

impl Stored {
    pub(super) fn draft(id: Uuid, owner_id: Uuid) -> Self {
        Self {
            id,
            owner_id,
            at_us: 0,
            created_us: 0,
            record: Record::default(),
            status: Status::Draft,
            revision: None,
            chain: None,
            submitted_us: None,
            final_us: None,
            last_op: None,
            is_sealed: false,
            is_stalled: false,
        }
    }

    pub(super) fn value(&self, field: Field) -> Option<&Value> {
        self.record
            .register(field)
            .and_then(|Register { value, .. }| value.as_ref())
    }

    pub(super) fn text(&self, field: Field) -> Option<&str> {
        match self.value(field) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn reference(&self, field: Field) -> Option<Uuid> {
        match self.value(field) {
            Some(Value::Id(id)) => Some(*id),
            _ => None,
        }
    }

    pub(super) fn money(&self) -> Option<Money> {
        self.value(Field::Amount).and_then(Value::as_money)
    }

    pub(super) fn date(&self) -> Option<String> {
        let date = self.value(Field::NeededBy).and_then(Value::as_date)?;
        Some(date.to_string())
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.record.tombstone().is_some()
    }
}

/// A user's feed head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The greatest feed position given.
    pub(super) at_us: i64,
    /// The greatest hybrid logical time seen.
    pub(super) clock: u64,
}

/// A command as the log remembers it.
#[derive(Debug, Clone)]
pub(super) struct Logged {
    pub(super) request_id: Uuid,
    pub(super) digest: u64,
    /// The refusal, or `None` where it was taken.
    pub(super) refusal: Option<(sync_core::verdict::Code, String)>,
}
