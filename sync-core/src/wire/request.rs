//! The items of `POST /api/v1/requests/sync`.

use super::fields;
use super::item::{Common, Fault, common, known, mistyped, stamp};
use super::node::{Members, Node};
use crate::canonical;
use crate::field::Field;
use crate::hlc::Stamp;
use crate::record::{Edit, Record};
use crate::text::TextWrite;
use crate::value::Value;
use uuid::Uuid;

/// One change of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestItem {
    /// The operation's id, unique a user.
    pub op_id: Uuid,
    /// The request.
    pub id: Uuid,
    /// When it was made.
    pub stamp: Stamp,
    /// What it does.
    pub change: RequestChange,
    /// Tells the same content (everything but `opId`) from other; the same in both formats.
    pub digest: u64,
}

/// What an item does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestChange {
    /// Writes content fields; its stamp is the item's.
    Upsert(Edit),
    /// Seals the content.
    Submit {
        /// What the user saw; `None` seals what the server has.
        seen: Option<Seen>,
    },
    /// Takes a submitted request back.
    Withdraw,
    /// Deletes a draft.
    Delete,
}

/// The stamps of what a user saw when submitting.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// Registers by their stamps, in canonical order; [`Stamp::ZERO`] = shown as never written.
    pub stamps: Vec<(Field, Stamp)>,
    /// The heads of the text, sorted; `None` when not named.
    pub heads: Option<Vec<Stamp>>,
}

impl Seen {
    /// Whether it is exactly what the record has now: a field not named counts as seen unwritten.
    #[must_use]
    pub fn matches(&self, record: &Record) -> bool {
        let seen = |field| {
            let named = self.stamps.iter().find(|(other, _)| *other == field);
            named.map_or(Stamp::ZERO, |(_, stamp)| *stamp)
        };
        let registers = Field::REGISTERS.into_iter().zip(record.registers());
        registers
            .into_iter()
            .all(|(field, register)| register.stamp == seen(field))
            && record.text().heads() == self.heads.as_deref().unwrap_or_default()
    }
}

impl RequestItem {
    /// An item, with the digest of its content.
    #[must_use]
    pub fn new(op_id: Uuid, id: Uuid, stamp: Stamp, change: RequestChange) -> RequestItem {
        let digest = digest(id, stamp, &change);
        RequestItem {
            op_id,
            id,
            stamp,
            change,
            digest,
        }
    }
}

pub(super) fn item(members: &mut Members<'_>) -> Result<RequestItem, Fault> {
    let names = ["opId", "type", "id", "hlc", "fields", "seen"];
    let [op_id, kind, id, hlc, fields, seen] = known(members, names)?;
    let Common { op_id, id, stamp } = common(op_id, id, hlc)?;
    let change = match kind {
        Some(Node::Text(kind)) => match kind.as_ref() {
            "upsert" => match fields {
                Some(Node::Map(members)) => {
                    let edit = fields::edit(stamp, members);
                    RequestChange::Upsert(edit.map_err(|fault| fault.under("fields"))?)
                }
                Some(other) => return Err(mistyped("fields", "an object", other)),
                None => return Err(Fault::invalid("fields", "is missing")),
            },
            "submit" => RequestChange::Submit {
                seen: seen.map_or(Ok(None), read_seen)?,
            },
            "withdraw" => RequestChange::Withdraw,
            "delete" => RequestChange::Delete,
            _ => {
                let kinds = "must be upsert, submit, withdraw or delete";
                return Err(Fault::invalid("type", kinds));
            }
        },
        Some(other) => return Err(mistyped("type", "a string", other)),
        None => return Err(Fault::invalid("type", "is missing")),
    };
    Ok(RequestItem::new(op_id, id, stamp, change))
}

fn read_seen(node: &Node<'_>) -> Result<Option<Seen>, Fault> {
    let members = match node {
        Node::Null => return Ok(None),
        Node::Map(members) => members,
        other => return Err(mistyped("seen", "an object or null", other)),
    };
    let found = known(members, Field::ALL.map(Field::name)).map_err(|fault| fault.under("seen"))?;
    let mut seen = Seen::default();
    for (field, node) in Field::ALL.into_iter().zip(found) {
        let path = || format!("seen.{}", field.name());
        match (field, node) {
            (_, None) => {}
            (Field::Justification, Some(Node::List(stamps))) => {
                let heads = fields::base_stamps(stamps);
                seen.heads = Some(heads.map_err(|fault| Fault::invalid(path(), fault.detail))?);
            }
            (Field::Justification, Some(Node::Null)) => seen.heads = Some(Vec::new()),
            (Field::Justification, Some(other)) => {
                return Err(mistyped(&path(), "an array of stamps", other));
            }
            (_, Some(Node::Null)) => seen.stamps.push((field, Stamp::ZERO)),
            (_, Some(node)) => seen.stamps.push((field, stamp(&path(), node)?)),
        }
    }
    Ok(Some(seen))
}

/// The content as bytes that no other content has: every part of variable length has its length before it.
fn digest(id: Uuid, stamp: Stamp, change: &RequestChange) -> u64 {
    let mut bytes = Vec::with_capacity(512);
    bytes.extend_from_slice(id.as_bytes());
    bytes.extend_from_slice(&stamp.to_bytes());
    match change {
        RequestChange::Upsert(edit) => {
            bytes.push(b'u');
            for (field, value) in &edit.writes {
                put_field(&mut bytes, *field);
                put_value(&mut bytes, value.as_ref());
            }
            if let Some(text) = &edit.text {
                put_field(&mut bytes, Field::Justification);
                put_text(&mut bytes, text);
            }
        }
        RequestChange::Submit { seen } => {
            bytes.push(b's');
            bytes.push(u8::from(seen.is_some()));
            if let Some(seen) = seen {
                for (field, stamp) in &seen.stamps {
                    put_field(&mut bytes, *field);
                    bytes.extend_from_slice(&stamp.to_bytes());
                }
                if let Some(heads) = &seen.heads {
                    put_field(&mut bytes, Field::Justification);
                    put_stamps(&mut bytes, heads);
                }
            }
        }
        RequestChange::Withdraw => bytes.push(b'w'),
        RequestChange::Delete => bytes.push(b'd'),
    }
    canonical::short_digest(&bytes)
}

fn put_field(bytes: &mut Vec<u8>, field: Field) {
    bytes.push(u8::try_from(field.index()).unwrap_or(u8::MAX));
}

fn put_value(bytes: &mut Vec<u8>, value: Option<&Value>) {
    match value {
        None => bytes.push(b'0'),
        Some(Value::Text(text)) => {
            bytes.push(b't');
            put_string(bytes, text);
        }
        Some(Value::Money(money)) => {
            bytes.push(b'm');
            bytes.extend_from_slice(&money.minor().to_be_bytes());
            bytes.extend_from_slice(money.currency().as_str().as_bytes());
        }
        Some(Value::Id(id)) => {
            bytes.push(b'i');
            bytes.extend_from_slice(id.as_bytes());
        }
        Some(Value::Date(date)) => {
            bytes.push(b'd');
            bytes.extend_from_slice(&date.day_number().to_be_bytes());
        }
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &TextWrite) {
    match text {
        TextWrite::Start(None) => bytes.push(b'0'),
        TextWrite::Start(Some(text)) => {
            bytes.push(b't');
            put_string(bytes, text);
        }
        TextWrite::Edit { base, text } => {
            bytes.push(b'e');
            put_string(bytes, text);
            put_stamps(bytes, base);
        }
    }
}

fn put_string(bytes: &mut Vec<u8>, text: &str) {
    put_count(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

fn put_stamps(bytes: &mut Vec<u8>, stamps: &[Stamp]) {
    put_count(bytes, stamps.len());
    for stamp in stamps {
        bytes.extend_from_slice(&stamp.to_bytes());
    }
}

fn put_count(bytes: &mut Vec<u8>, count: usize) {
    bytes.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
}
