//! The envelope of a batch: who sends, since when to pull, and the spans of the items.

use super::item::{Broken, DEVICE_ID_CHARS};
use super::node::{MEMBERS, Node};
use super::{ApprovalItem, Format, Limits, RequestItem, approval, item, json, msgpack, request};
use crate::time;
use serde_json::value::RawValue;
use std::borrow::Cow;
use uuid::Uuid;

/// From where to pull: the three ways `lastSync` can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Since {
    /// Not given: no pull.
    Absent,
    /// `null`: everything, from the beginning.
    Beginning,
    /// What came after that time, in microseconds since the Unix epoch.
    After(i64),
}

/// Why a body is refused as a whole; nothing of it is taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not of the format, or not of the shape of an envelope; says what is wrong.
    #[error("{0}")]
    Malformed(String),
    /// Nested deeper than allowed.
    #[error("the body nests more than {limit} levels deep")]
    TooDeep {
        /// [`Limits::depth`].
        limit: usize,
    },
    /// More items than allowed.
    #[error("the body has {found} changes, at most {limit} are allowed")]
    TooManyChanges {
        /// [`Limits::changes`].
        limit: usize,
        /// How many there are.
        found: usize,
    },
}

impl EnvelopeError {
    fn malformed(what: impl Into<String>) -> EnvelopeError {
        EnvelopeError::Malformed(what.into())
    }
}

/// A decoded envelope; its items borrow from the body and are decoded as they are asked for.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    /// The phone, at most 128 characters.
    pub device_id: Option<String>,
    /// Whose queue it is.
    pub user_id: Option<Uuid>,
    /// The phone's wall clock when it sent, in microseconds since the Unix epoch.
    pub client_time_us: Option<i64>,
    /// From where to pull.
    pub since: Since,
    items: Items<'a>,
}

#[derive(Debug, Clone)]
enum Items<'a> {
    Json(Vec<&'a RawValue>),
    MessagePack(Vec<&'a [u8]>),
}

impl<'a> Envelope<'a> {
    /// Decodes a body. Every item is checked to be well-formed, none is interpreted. `changes` must be
    /// an array; `deviceId`, `userId` and `clientTime` may be absent or null; unknown members are ignored.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn decode(
        body: &'a [u8],
        format: Format,
        limits: &Limits,
    ) -> Result<Envelope<'a>, EnvelopeError> {
        match format {
            Format::Json => Envelope::decode_json(body, limits),
            Format::MessagePack => Envelope::decode_msgpack(body, limits),
        }
    }

    fn empty(items: Items<'a>) -> Envelope<'a> {
        Envelope {
            device_id: None,
            user_id: None,
            client_time_us: None,
            since: Since::Absent,
            items,
        }
    }

    fn decode_json(body: &'a [u8], limits: &Limits) -> Result<Envelope<'a>, EnvelopeError> {
        let text = std::str::from_utf8(body)
            .map_err(|_| EnvelopeError::malformed("the body is not UTF-8"))?;
        let cut = json::cut(text, limits.changes).map_err(EnvelopeError::Malformed)?;
        let mut changes = cut.changes.into_iter();
        let (Some(changes), None) = (changes.next(), changes.next()) else {
            return Err(EnvelopeError::malformed("changes must be there, once"));
        };
        check_count(changes.found, limits)?;
        let depth = limits.levels();
        // The envelope is the first level, `changes` the second.
        let deep =
            |span: &RawValue, above| json::is_deeper(span.get(), depth.saturating_sub(above));
        if cut.members.iter().any(|(_, member)| deep(member, 1))
            || changes.items.iter().any(|item| deep(item, 2))
            || depth < 2
        {
            return Err(EnvelopeError::TooDeep { limit: depth });
        }
        let mut envelope = Envelope::empty(Items::Json(changes.items));
        let mut seen = Seen::default();
        for (name, member) in cut.members {
            envelope.take(&name, || json::decode(member.get()), &mut seen)?;
        }
        Ok(envelope)
    }

    fn decode_msgpack(body: &'a [u8], limits: &Limits) -> Result<Envelope<'a>, EnvelopeError> {
        let depth = limits.levels();
        let fault = |fault: msgpack::Fault| match fault {
            msgpack::Fault::TooDeep => EnvelopeError::TooDeep { limit: depth },
            other => EnvelopeError::malformed(other.sentence()),
        };
        // The envelope is the first level, `changes` the second.
        let (below, item_depth) = (depth.saturating_sub(1), depth.saturating_sub(2));
        if depth < 2 {
            return Err(EnvelopeError::TooDeep { limit: depth });
        }
        let mut reader = msgpack::Reader::new(body);
        let Some(members) = reader.map().map_err(fault)? else {
            return Err(EnvelopeError::malformed("the body is not a map"));
        };
        if usize::try_from(members).unwrap_or(usize::MAX) > MEMBERS {
            return Err(EnvelopeError::malformed("an envelope has fewer members"));
        }
        let mut items = None;
        let mut others = Vec::new();
        for _ in 0..members {
            let name = reader.name().map_err(fault)?;
            if name != "changes" {
                others.push((name, reader.span(below).map_err(fault)?));
                continue;
            }
            let Some(found) = reader.list().map_err(fault)? else {
                return Err(EnvelopeError::malformed("changes must be an array"));
            };
            check_count(usize::try_from(found).unwrap_or(usize::MAX), limits)?;
            let mut spans = Vec::new();
            for _ in 0..found {
                spans.push(reader.span(item_depth).map_err(fault)?);
            }
            if items.replace(spans).is_some() {
                return Err(EnvelopeError::malformed("changes must be there, once"));
            }
        }
        reader.end().map_err(fault)?;
        let Some(items) = items else {
            return Err(EnvelopeError::malformed("changes must be there, once"));
        };
        let mut envelope = Envelope::empty(Items::MessagePack(items));
        let mut seen = Seen::default();
        for (name, span) in others {
            envelope.take(name, || msgpack::decode(span), &mut seen)?;
        }
        Ok(envelope)
    }

    /// Takes one member other than `changes`.
    fn take<'n>(
        &mut self,
        name: &str,
        node: impl FnOnce() -> Node<'n>,
        seen: &mut Seen,
    ) -> Result<(), EnvelopeError> {
        if !seen.admit(name)? {
            return Ok(());
        }
        let node = node();
        match name {
            "deviceId" => self.device_id = device_id(node)?,
            "userId" => self.user_id = user_id(&node)?,
            "clientTime" => self.client_time_us = time_of(name, &node)?,
            _ => self.since = time_of(name, &node)?.map_or(Since::Beginning, Since::After),
        }
        Ok(())
    }

    /// The number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.items {
            Items::Json(items) => items.len(),
            Items::MessagePack(items) => items.len(),
        }
    }

    /// Whether there are no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The format it came in.
    #[must_use]
    pub fn format(&self) -> Format {
        match self.items {
            Items::Json(_) => Format::Json,
            Items::MessagePack(_) => Format::MessagePack,
        }
    }

    /// The items of `POST /api/v1/requests/sync`, in order, each decoded as it is asked for.
    pub fn request_items(&self) -> impl Iterator<Item = Result<RequestItem, Broken>> {
        self.nodes()
            .map(|node| item::interpret(node, request::item))
    }

    /// The items of `POST /api/v1/approvals/sync`, in order, each decoded as it is asked for.
    pub fn approval_items(&self) -> impl Iterator<Item = Result<ApprovalItem, Broken>> {
        self.nodes()
            .map(|node| item::interpret(node, approval::item))
    }

    fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        let (json, msgpack) = match &self.items {
            Items::Json(items) => (items.as_slice(), &[][..]),
            Items::MessagePack(items) => (&[][..], items.as_slice()),
        };
        let json = json.iter().map(|span| json::decode(span.get()));
        json.chain(msgpack.iter().map(|span| msgpack::decode(span)))
    }
}

/// The members of an envelope besides `changes`.
const NAMES: [&str; 4] = ["deviceId", "userId", "clientTime", "lastSync"];

/// Which of [`NAMES`] came already.
#[derive(Default)]
struct Seen([bool; NAMES.len()]);

impl Seen {
    /// Whether the name is one of [`NAMES`] and new.
    fn admit(&mut self, name: &str) -> Result<bool, EnvelopeError> {
        let place = NAMES.iter().position(|member| *member == name);
        let Some(seen) = place.and_then(|place| self.0.get_mut(place)) else {
            return Ok(false);
        };
        if std::mem::replace(seen, true) {
            return Err(EnvelopeError::malformed(format!("{name} is there twice")));
        }
        Ok(true)
    }
}

fn check_count(found: usize, limits: &Limits) -> Result<(), EnvelopeError> {
    if found > limits.changes {
        return Err(EnvelopeError::TooManyChanges {
            limit: limits.changes,
            found,
        });
    }
    Ok(())
}

fn device_id(node: Node<'_>) -> Result<Option<String>, EnvelopeError> {
    match node {
        Node::Null => Ok(None),
        Node::Text(text)
            if text.chars().count() <= DEVICE_ID_CHARS && !text.as_bytes().contains(&0) =>
        {
            Ok(Some(Cow::into_owned(text)))
        }
        _ => Err(EnvelopeError::malformed(format!(
            "deviceId must be a string of at most {DEVICE_ID_CHARS} characters, without NUL"
        ))),
    }
}

fn user_id(node: &Node<'_>) -> Result<Option<Uuid>, EnvelopeError> {
    match node {
        Node::Null => Ok(None),
        node => match node.text().and_then(item::parse_uuid) {
            Some(id) => Ok(Some(id)),
            None => Err(EnvelopeError::malformed("userId must be a UUID")),
        },
    }
}

fn time_of(name: &str, node: &Node<'_>) -> Result<Option<i64>, EnvelopeError> {
    let text = match node {
        Node::Null => return Ok(None),
        Node::Text(text) => text,
        other => {
            let kind = other.kind();
            return Err(EnvelopeError::malformed(format!(
                "{name} must be an RFC 3339 time or null, not {kind}"
            )));
        }
    };
    match time::parse_rfc3339(text) {
        Ok(us) => Ok(Some(us)),
        Err(error) => Err(EnvelopeError::malformed(format!("{name}: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(body: &str) -> Result<Envelope<'_>, EnvelopeError> {
        let limits = Limits {
            changes: 2,
            depth: 5,
        };
        Envelope::decode(body.as_bytes(), Format::Json, &limits)
    }

    fn msgpack(body: &str) -> Result<usize, EnvelopeError> {
        let value: serde_json::Value = serde_json::from_str(body).unwrap();
        let body = rmp_serde::to_vec_named(&value).unwrap();
        let limits = Limits {
            changes: 2,
            depth: 5,
        };
        Envelope::decode(&body, Format::MessagePack, &limits).map(|envelope| envelope.len())
    }

    #[test]
    fn the_three_ways_of_last_sync() {
        assert_eq!(json(r#"{"changes":[]}"#).unwrap().since, Since::Absent);
        let beginning = json(r#"{"changes":[],"lastSync":null}"#).unwrap();
        assert_eq!(beginning.since, Since::Beginning);
        let after = json(r#"{"changes":[],"lastSync":"1970-01-01T00:00:01Z"}"#).unwrap();
        assert_eq!(after.since, Since::After(1_000_000));
    }

    #[test]
    fn the_other_members_are_optional_and_typed() {
        let envelope = json(
            r#"{"deviceId":"p","userId":"00000000-0000-0000-0000-000000000000",
                "clientTime":"1970-01-01T00:00:00.5+00:00","changes":[1,{}],"extra":[[]]}"#,
        )
        .unwrap();
        assert_eq!(envelope.device_id.as_deref(), Some("p"));
        assert_eq!(envelope.user_id, Some(Uuid::nil()));
        assert_eq!(envelope.client_time_us, Some(500_000));
        assert_eq!((envelope.len(), envelope.is_empty()), (2, false));
        assert!(json(r#"{"deviceId":null,"userId":null,"clientTime":null,"changes":[]}"#).is_ok());
    }

    #[test]
    fn other_shapes_are_malformed() {
        let long = format!(r#"{{"deviceId":"{}","changes":[]}}"#, "x".repeat(129));
        for body in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"changes":null}"#,
            r#"{"changes":{}}"#,
            r#"{"changes":[]} x"#,
            r#"{"changes":[],"changes":[]}"#,
            r#"{"changes":[],"lastSync":5}"#,
            r#"{"changes":[],"lastSync":"yesterday"}"#,
            r#"{"changes":[],"lastSync":null,"lastSync":null}"#,
            r#"{"changes":[],"userId":"me"}"#,
            r#"{"changes":[],"clientTime":"1970-01-01"}"#,
            r#"{"changes":[],"deviceId":"\u0000"}"#,
            r#"{"changes":[{]}"#,
            &long,
        ] {
            let error = json(body).map(|_| ());
            assert!(
                matches!(error, Err(EnvelopeError::Malformed(_))),
                "{body}: {error:?}"
            );
        }
        assert!(
            json(&format!(
                "{{\"deviceId\":\"{}\",\"changes\":[]}}",
                "é".repeat(128)
            ))
            .is_ok()
        );
    }

    #[test]
    fn both_formats_have_the_same_limits() {
        for (body, expected) in [
            (r#"{"changes":[1,2]}"#, Ok(2)),
            (
                r#"{"changes":[1,2,3,4]}"#,
                Err(EnvelopeError::TooManyChanges { limit: 2, found: 4 }),
            ),
            (r#"{"changes":[{"a":{"b":[]}}]}"#, Ok(1)),
            (
                r#"{"changes":[{"a":{"b":[[]]}}]}"#,
                Err(EnvelopeError::TooDeep { limit: 5 }),
            ),
            (r#"{"changes":[],"x":[[[[]]]]}"#, Ok(0)),
            (
                r#"{"changes":[],"x":[[[[[]]]]]}"#,
                Err(EnvelopeError::TooDeep { limit: 5 }),
            ),
        ] {
            assert_eq!(
                json(body).map(|envelope| envelope.len()),
                expected,
                "{body}"
            );
            assert_eq!(msgpack(body), expected, "{body}");
        }
    }
}
