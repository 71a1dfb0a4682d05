//! Drafts as a phone makes them: all eight fields, a UUIDv7, one stamp a record.

use crate::clock::wall_ms;
use crate::{Error, Result};
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use serde_json::json;
use std::fmt::Write;
use sync_core::hlc::{Clock, NodeId, Stamp};
use uuid::Uuid;

/// Fields of a draft, in the order of the wire contract.
pub(crate) const FIELDS: [&str; 8] = [
    "title",
    "amount",
    "categoryId",
    "reasonId",
    "departmentId",
    "region",
    "neededBy",
    "justification",
];

/// What a draft says.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) title: String,
    pub(crate) amount_minor: i64,
    pub(crate) currency: &'static str,
    pub(crate) category_id: Uuid,
    pub(crate) reason_id: Uuid,
    pub(crate) department_id: Uuid,
    pub(crate) region: &'static str,
    pub(crate) needed_by: String,
    pub(crate) justification: String,
}

/// One change of a queue: an upsert of a whole draft.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) id: Uuid,
    pub(crate) op_id: Uuid,
    pub(crate) stamp: Stamp,
    pub(crate) content: Content,
}

/// Makes drafts for one phone: its stamps, its ids, its people's prose.
pub(crate) struct Author {
    random: StdRng,
    clock: Clock,
    categories: [Uuid; 3],
    reasons: [Uuid; 8],
    departments: [Uuid; 8],
}

const WORDS: [&str; 24] = [
    "annual",
    "booth",
    "campaign",
    "client",
    "conference",
    "customer",
    "demo",
    "dinner",
    "flight",
    "hotel",
    "launch",
    "market",
    "meeting",
    "partner",
    "pilot",
    "print",
    "quarter",
    "regional",
    "rental",
    "sample",
    "summit",
    "team",
    "travel",
    "workshop",
];

impl Author {
    /// The author with this seed; its catalogue is the organisation's, its node its own.
    pub(crate) fn new(organisation: u64, number: u64) -> Self {
        let mut shared = StdRng::seed_from_u64(organisation);
        let mut id = || uuid_v7(&mut shared);
        let (categories, reasons, departments) = (
            std::array::from_fn(|_| id()),
            std::array::from_fn(|_| id()),
            std::array::from_fn(|_| id()),
        );
        let mut random =
            StdRng::seed_from_u64(organisation ^ (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let clock = Clock::new(NodeId::new(random.next_u64()));
        Self {
            random,
            clock,
            categories,
            reasons,
            departments,
        }
    }

    pub(crate) fn stamp(&mut self) -> Stamp {
        self.clock.tick(wall_ms())
    }

    pub(crate) fn id(&mut self) -> Uuid {
        uuid_v7(&mut self.random)
    }

    /// Whether something that happens in `percent` of cases happens now.
    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    pub(crate) fn content(&mut self) -> Content {
        let pick = self.random.random_range(0..3_usize);
        let title = self.prose(4);
        let justification = self.prose(18);
        Content {
            title,
            amount_minor: self.random.random_range(1_000..2_000_000),
            currency: ["EUR", "USD", "CHF"][pick],
            category_id: self.categories[pick],
            reason_id: self.reasons[self.random.random_range(0..8)],
            department_id: self.departments[self.random.random_range(0..8)],
            region: ["EMEA", "AMER", "APAC"][pick],
            needed_by: format!(
                "2027-{:02}-{:02}",
                self.random.random_range(1..=12),
                self.random.random_range(1..=28)
            ),
            justification,
        }
    }

    pub(crate) fn draft(&mut self) -> Draft {
        Draft {
            id: self.id(),
            op_id: self.id(),
            stamp: self.stamp(),
            content: self.content(),
        }
    }

    fn prose(&mut self, words: usize) -> String {
        let mut text = String::with_capacity(words * 8);
        for _ in 0..words {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(WORDS[self.random.random_range(0..WORDS.len())]);
        }
        text
    }
}

fn uuid_v7(random: &mut StdRng) -> Uuid {
    let mut bytes = [0; 10];
    random.fill_bytes(&mut bytes);
    uuid::Builder::from_unix_timestamp_millis(wall_ms(), &bytes).into_uuid()
}

impl Content {
    /// The value of a field as JSON text. Nothing in a draft of ours needs escaping.
    pub(crate) fn json(&self, field: usize) -> String {
        match field {
            0 => format!("\"{}\"", self.title),
            1 => format!(
                "{{\"minor\":{},\"currency\":\"{}\"}}",
                self.amount_minor, self.currency
            ),
            2 => format!("\"{}\"", self.category_id),
            3 => format!("\"{}\"", self.reason_id),
            4 => format!("\"{}\"", self.department_id),
            5 => format!("\"{}\"", self.region),
            6 => format!("\"{}\"", self.needed_by),
            _ => format!("\"{}\"", self.justification),
        }
    }

    /// Whether `record`, as the server sent it, says the same in `field`.
    pub(crate) fn agrees(&self, field: usize, record: &serde_json::Value) -> bool {
        let said = match field {
            0 => json!(self.title),
            1 => json!({"minor": self.amount_minor, "currency": self.currency}),
            2 => json!(self.category_id),
            3 => json!(self.reason_id),
            4 => json!(self.department_id),
            5 => json!(self.region),
            6 => json!(self.needed_by),
            _ => json!(self.justification),
        };
        record.get(FIELDS[field]) == Some(&said)
    }
}

impl Draft {
    /// Appends this change to a JSON array of changes, with the fields whose bit is set in `mask`.
    pub(crate) fn write_json(&self, mask: u8, body: &mut String) -> Result<()> {
        write!(
            body,
            "{{\"opId\":\"{}\",\"type\":\"upsert\",\"id\":\"{}\",\"hlc\":\"{}\",\"fields\":{{",
            self.op_id, self.id, self.stamp
        )?;
        let mut first = true;
        for (field, name) in FIELDS.iter().enumerate() {
            if mask & (1 << field) == 0 {
                continue;
            }
            if !first {
                body.push(',');
            }
            first = false;
            write!(body, "\"{name}\":{}", self.content.json(field))?;
        }
        body.push_str("}}");
        Ok(())
    }

    /// The stamps of all eight fields as the request service stores them: a mask, then 16 bytes each.
    pub(crate) fn stored_stamps(&self) -> Vec<u8> {
        let stamp = self.stamp.to_bytes();
        let mut bytes = Vec::with_capacity(1 + 16 * FIELDS.len());
        bytes.push(0xff);
        for _ in FIELDS {
            bytes.extend_from_slice(&stamp);
        }
        bytes
    }
}

/// `,"changes":[…]}`: the part of a push that does not depend on what the phone last heard.
pub(crate) fn changes_json<'a>(
    drafts: impl Iterator<Item = (&'a Draft, u8)>,
) -> std::result::Result<String, Error> {
    let mut body = String::with_capacity(64 * 1024);
    body.push_str(",\"changes\":[");
    for (index, (draft, mask)) in drafts.enumerate() {
        if index > 0 {
            body.push(',');
        }
        draft.write_json(mask, &mut body)?;
    }
    body.push_str("]}");
    Ok(body)
}
