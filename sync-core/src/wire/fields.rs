//! The content fields of an upsert, and of a request created over REST.

use super::item::{Fault, known, mistyped, parse_uuid, text, written_stamp};
use super::node::{Members, Node};
use crate::field::Field;
use crate::hlc::Stamp;
use crate::record::Edit;
use crate::text::TextWrite;
use crate::value::{Money, Value};
use crate::verdict::Code;

/// Characters (code points) of a title, at most; at least one.
pub const TITLE_CHARS: usize = 200;
/// Characters (code points) of a region, at most.
pub const REGION_CHARS: usize = 64;
/// Characters (code points) of a justification as sent, at most; one that was joined may be longer.
pub const JUSTIFICATION_CHARS: usize = 10_000;
/// Characters (code points) of a comment, at most.
pub const COMMENT_CHARS: usize = 2_000;

/// What `fields` says: `None` for a field that is absent.
#[derive(Default)]
struct Content {
    #[allow(clippy::option_option, reason = "absent and cleared are two things")]
    registers: [Option<Option<Value>>; crate::field::REGISTERS],
    text: Option<TextWrite>,
}

impl Content {
    fn into_edit(self, stamp: Stamp) -> Edit {
        let count = self.registers.iter().flatten().count();
        let mut writes = Vec::with_capacity(count);
        for (field, write) in Field::REGISTERS.into_iter().zip(self.registers) {
            if let Some(value) = write {
                writes.push((field, value));
            }
        }
        Edit {
            stamp,
            writes,
            text: self.text,
        }
    }

    fn take(&mut self, field: Field, node: &Node<'_>) -> Result<(), Fault> {
        if field == Field::Justification {
            let again = self.text.replace(justification(node)?);
            return again.map_or(Ok(()), |_| Err(twice(field)));
        }
        let value = match node {
            Node::Null => None,
            node => Some(value(field, node)?),
        };
        match self.registers.get_mut(field.index()) {
            Some(Some(_)) => Err(twice(field)),
            Some(place) => {
                *place = Some(value);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn twice(field: Field) -> Fault {
    Fault::invalid(field.name(), "is there twice")
}

/// The edit that the member `fields` of an item makes.
pub(super) fn edit(stamp: Stamp, members: &Members<'_>) -> Result<Edit, Fault> {
    let mut content = Content::default();
    for (name, node) in members {
        let Some(field) = Field::from_name(name) else {
            let name: String = name.chars().take(64).collect();
            return Err(Fault {
                code: Code::UnknownField,
                path: name,
                detail: "is no field of a request".to_owned(),
            });
        };
        content.take(field, node)?;
    }
    Ok(content.into_edit(stamp))
}

/// The edit that a JSON object of content fields makes, as `POST /api/v1/requests` takes it. Members
/// that are no content fields are ignored.
///
/// # Errors
/// Every field that is wrong: its JSON pointer (RFC 6901) and what is wrong with it.
pub fn content_edit(
    stamp: Stamp,
    members: &serde_json::Map<String, serde_json::Value>,
) -> Result<Edit, Vec<(String, String)>> {
    let mut content = Content::default();
    let mut faults = Vec::new();
    for field in Field::ALL {
        let Some(value) = members.get(field.name()) else {
            continue;
        };
        if let Err(fault) = content.take(field, &Node::from(value)) {
            let pointer = format!("/{}", fault.path.replace('.', "/"));
            faults.push((pointer, fault.detail));
        }
    }
    if faults.is_empty() {
        Ok(content.into_edit(stamp))
    } else {
        Err(faults)
    }
}

fn value(field: Field, node: &Node<'_>) -> Result<Value, Fault> {
    let name = field.name();
    Ok(match field {
        Field::Title => match text(name, node, TITLE_CHARS)? {
            "" => return Err(Fault::invalid(name, "must not be empty; null clears")),
            title => Value::Text(title.into()),
        },
        Field::Region => Value::Text(text(name, node, REGION_CHARS)?.into()),
        Field::Justification => Value::Text(text(name, node, JUSTIFICATION_CHARS)?.into()),
        Field::Amount => Value::Money(money(node)?),
        Field::CategoryId | Field::ReasonId | Field::DepartmentId => {
            match node.text().and_then(parse_uuid) {
                Some(id) => Value::Id(id),
                None => return Err(mistyped(name, "a UUID of 36 characters or null", node)),
            }
        }
        Field::NeededBy => match node.text().and_then(|text| text.parse().ok()) {
            Some(date) => Value::Date(date),
            None => return Err(mistyped(name, "a day of the form 2026-12-01 or null", node)),
        },
    })
}

fn money(node: &Node<'_>) -> Result<Money, Fault> {
    let Node::Map(members) = node else {
        let expected = "an object with minor and currency, or null";
        return Err(mistyped("amount", expected, node));
    };
    let [minor, currency] =
        known(members, ["minor", "currency"]).map_err(|fault| fault.under("amount"))?;
    let minor = match minor {
        Some(Node::Int(minor)) => *minor,
        Some(other) => return Err(mistyped("amount.minor", "an integer of minor units", other)),
        None => return Err(Fault::invalid("amount.minor", "is missing")),
    };
    let currency = match currency {
        Some(node) => node
            .text()
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| {
                mistyped(
                    "amount.currency",
                    "an ISO 4217 code of three capital letters",
                    node,
                )
            })?,
        None => return Err(Fault::invalid("amount.currency", "is missing")),
    };
    Money::new(minor, currency).ok_or_else(|| {
        let range = format!("must be an integer from 1 to {}", Money::MAX_MINOR);
        Fault::invalid("amount.minor", range)
    })
}

/// A string or null starts a new text, as an empty base does; otherwise `{text, base}` edits one.
fn justification(node: &Node<'_>) -> Result<TextWrite, Fault> {
    const NAME: &str = "justification";
    let members = match node {
        Node::Null => return Ok(TextWrite::Start(None)),
        Node::Text(_) => {
            let text = text(NAME, node, JUSTIFICATION_CHARS)?;
            return Ok(TextWrite::Start(Some(text.to_owned())));
        }
        Node::Map(members) => members,
        other => {
            let expected = "a string, null, or an object with text and base";
            return Err(mistyped(NAME, expected, other));
        }
    };
    let [string, base] = known(members, ["text", "base"]).map_err(|fault| fault.under(NAME))?;
    let base = match base {
        Some(Node::List(stamps)) => base_stamps(stamps)?,
        Some(other) => return Err(mistyped("justification.base", "an array of stamps", other)),
        None => {
            return Err(Fault::invalid(
                "justification.base",
                "is missing; [] starts a new text",
            ));
        }
    };
    let path = "justification.text";
    let string = match string {
        Some(Node::Null) if base.is_empty() => return Ok(TextWrite::Start(None)),
        Some(node) => text(path, node, JUSTIFICATION_CHARS)?.to_owned(),
        None => return Err(Fault::invalid(path, "is missing")),
    };
    if base.is_empty() {
        return Ok(TextWrite::Start(Some(string)));
    }
    Ok(TextWrite::Edit { base, text: string })
}

/// Stamps of a base, sorted, each once.
pub(super) fn base_stamps(nodes: &[Node<'_>]) -> Result<Vec<Stamp>, Fault> {
    let stamps = nodes
        .iter()
        .map(|node| written_stamp("justification.base", node));
    let mut stamps = stamps.collect::<Result<Vec<_>, _>>()?;
    stamps.sort_unstable();
    stamps.dedup();
    Ok(stamps)
}
