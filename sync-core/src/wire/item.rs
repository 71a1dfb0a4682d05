//! What the items of both kinds of batches have in common.

use super::node::{Members, Node};
use crate::hlc::Stamp;
use crate::verdict::Code;
use std::fmt::Write;
use uuid::Uuid;

/// Characters of a device's id.
pub(super) const DEVICE_ID_CHARS: usize = 128;

/// Characters of a broken item's `opId` that are still given back as they came.
const ECHO_CHARS: usize = 128;

/// An item that cannot be understood. It takes the place of its result: `rejected` with this code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The `opId` as it came, when it is a string (of at most 128 characters).
    pub op_id: Option<String>,
    /// The `id`, when it is a UUID.
    pub id: Option<Uuid>,
    /// [`Code::InvalidValue`] or [`Code::UnknownField`].
    pub code: Code,
    /// A sentence that names the field.
    pub detail: String,
}

/// What is wrong with an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: Code,
    /// The member, dotted: `amount.minor`.
    pub(super) path: String,
    pub(super) detail: String,
}

impl Fault {
    pub(super) fn invalid(path: impl Into<String>, detail: impl Into<String>) -> Fault {
        Fault {
            code: Code::InvalidValue,
            path: path.into(),
            detail: detail.into(),
        }
    }

    /// The fault, seen from one level further out.
    pub(super) fn under(mut self, outer: &str) -> Fault {
        self.path = format!("{outer}.{}", self.path);
        self
    }

    fn sentence(&self) -> String {
        format!("{} {}", self.path, self.detail)
    }
}

/// The members that every item has.
pub(super) struct Common {
    pub(super) op_id: Uuid,
    pub(super) id: Uuid,
    pub(super) stamp: Stamp,
}

/// Interprets an item; what is wrong with it becomes a [`Broken`] with what could be recovered.
pub(super) fn interpret<'a, T>(
    node: Node<'a>,
    read: impl FnOnce(&mut Members<'a>) -> Result<T, Fault>,
) -> Result<T, Broken> {
    let mut members = match node {
        Node::Map(members) => members,
        other => {
            return Err(Broken {
                op_id: None,
                id: None,
                code: Code::InvalidValue,
                detail: format!("a change must be an object, not {}", other.kind()),
            });
        }
    };
    read(&mut members).map_err(|fault| {
        let text = |name: &str| {
            let member = members.iter().find(|(other, _)| other == name);
            member.and_then(|(_, node)| node.text())
        };
        Broken {
            op_id: text("opId")
                .filter(|op_id| op_id.chars().nth(ECHO_CHARS).is_none())
                .map(str::to_owned),
            id: text("id").and_then(parse_uuid),
            code: fault.code,
            detail: fault.sentence(),
        }
    })
}

/// The members of known names, each at most once. Others are ignored.
pub(super) fn known<'m, 'a, const N: usize>(
    members: &'m [(std::borrow::Cow<'a, str>, Node<'a>)],
    names: [&str; N],
) -> Result<[Option<&'m Node<'a>>; N], Fault> {
    let mut found = [None; N];
    for (name, node) in members {
        let place = names.iter().position(|known| known == name);
        if let Some(slot) = place.and_then(|place| found.get_mut(place))
            && slot.replace(node).is_some()
        {
            return Err(Fault::invalid(name.as_ref(), "is there twice"));
        }
    }
    Ok(found)
}

/// `opId`, `id` and `hlc`.
pub(super) fn common(
    op_id: Option<&Node<'_>>,
    id: Option<&Node<'_>>,
    hlc: Option<&Node<'_>>,
) -> Result<Common, Fault> {
    Ok(Common {
        op_id: uuid("opId", op_id)?,
        id: uuid("id", id)?,
        stamp: match hlc {
            Some(node) => written_stamp("hlc", node)?,
            None => return Err(Fault::invalid("hlc", "is missing")),
        },
    })
}

pub(super) fn uuid(path: &str, node: Option<&Node<'_>>) -> Result<Uuid, Fault> {
    match node {
        None => Err(Fault::invalid(path, "is missing")),
        Some(node) => node
            .text()
            .and_then(parse_uuid)
            .ok_or_else(|| mistyped(path, "a UUID of 36 characters", node)),
    }
}

/// A UUID in the 36-character form with hyphens (RFC 9562, section 4), in any case; the nil UUID too.
pub(super) fn parse_uuid(text: &str) -> Option<Uuid> {
    // The uuid crate also reads braces, URNs and 32 digits: the wire has one form.
    if text.len() != 36 {
        return None;
    }
    Uuid::try_parse(text).ok()
}

/// A stamp, as text or 16 bytes.
pub(super) fn stamp(path: &str, node: &Node<'_>) -> Result<Stamp, Fault> {
    let stamp = match node {
        Node::Text(text) => text.parse(),
        Node::Bytes(bytes) => match <[u8; 16]>::try_from(*bytes) {
            Ok(bytes) => Stamp::from_bytes(bytes),
            Err(_) => return Err(mistyped(path, "a stamp of 16 bytes", node)),
        },
        other => return Err(mistyped(path, "a stamp", other)),
    };
    stamp.map_err(|error| Fault::invalid(path, format!("is wrong: {error}")))
}

/// A stamp of a write; [`Stamp::ZERO`] means that there was none.
pub(super) fn written_stamp(path: &str, node: &Node<'_>) -> Result<Stamp, Fault> {
    match stamp(path, node)? {
        Stamp::ZERO => Err(Fault::invalid(
            path,
            "is wrong: the zero stamp stands for no write",
        )),
        stamp => Ok(stamp),
    }
}

/// A string of at most `max` characters, without NUL.
pub(super) fn text<'n>(path: &str, node: &'n Node<'_>, max: usize) -> Result<&'n str, Fault> {
    let Some(text) = node.text() else {
        return Err(mistyped(path, "a string", node));
    };
    if text.as_bytes().contains(&0) {
        return Err(Fault::invalid(path, "must not contain NUL"));
    }
    // No string has more characters than bytes: most are settled without counting.
    if text.len() > max && text.chars().nth(max).is_some() {
        return Err(Fault::invalid(
            path,
            format!("must have at most {max} characters"),
        ));
    }
    Ok(text)
}

pub(super) fn mistyped(path: &str, expected: &str, node: &Node<'_>) -> Fault {
    let mut detail = format!("must be {expected}");
    if node.text().is_none() {
        // Writing to a string cannot fail.
        let _ = write!(detail, ", not {}", node.kind());
    }
    Fault::invalid(path, detail)
}
