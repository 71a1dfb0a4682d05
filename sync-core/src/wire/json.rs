//! JSON: cutting an envelope into spans, and decoding a span into nodes.

use super::node::{MEMBERS, Members, Node, PARTS, TOO_MANY_PARTS};
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

/// An envelope cut into raw members and raw items.
pub(super) struct Cut<'a> {
    pub(super) members: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// Each `changes` member that is an array.
    pub(super) changes: Vec<Changes<'a>>,
}

/// The items of a `changes` array: as many as allowed, and how many there are.
pub(super) struct Changes<'a> {
    pub(super) items: Vec<&'a RawValue>,
    pub(super) found: usize,
}

/// Cuts an envelope. The text is checked as JSON to its end, but nothing of an item is interpreted.
pub(super) fn cut(body: &str, max_changes: usize) -> Result<Cut<'_>, String> {
    let mut deserializer = serde_json::Deserializer::from_str(body);
    let cut = de::DeserializeSeed::deserialize(CutSeed { max_changes }, &mut deserializer);
    cut.and_then(|cut| deserializer.end().map(|()| cut))
        .map_err(|error| error.to_string())
}

struct CutSeed {
    max_changes: usize,
}

impl<'de> de::DeserializeSeed<'de> for CutSeed {
    type Value = Cut<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cut<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for CutSeed {
    type Value = Cut<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cut<'de>, A::Error> {
        let mut cut = Cut {
            members: Vec::new(),
            changes: Vec::new(),
        };
        while let Some(Name(name)) = map.next_key()? {
            if name == "changes" {
                let seed = ChangesSeed {
                    max: self.max_changes,
                };
                cut.changes.push(map.next_value_seed(seed)?);
            } else if cut.members.len() < MEMBERS {
                cut.members.push((name, map.next_value()?));
            } else {
                return Err(de::Error::custom("an envelope has fewer members"));
            }
        }
        Ok(cut)
    }
}

struct ChangesSeed {
    max: usize,
}

impl<'de> de::DeserializeSeed<'de> for ChangesSeed {
    type Value = Changes<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Changes<'de>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ChangesSeed {
    type Value = Changes<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of changes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Changes<'de>, A::Error> {
        let mut items = Vec::new();
        while items.len() < self.max {
            match seq.next_element()? {
                Some(item) => items.push(item),
                None => break,
            }
        }
        let mut found = items.len();
        if found == self.max {
            while seq.next_element::<IgnoredAny>()?.is_some() {
                found = found.saturating_add(1);
            }
        }
        Ok(Changes { items, found })
    }
}

/// A member's name, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name<'de>, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}

/// Whether a span nests objects and arrays more than `limit` deep.
pub(super) fn is_deeper(span: &str, limit: usize) -> bool {
    // Nothing nests deeper than it has brackets, strings included: this settles nearly every item.
    if brackets(span.as_bytes()) <= limit {
        return false;
    }
    let mut depth = 0_usize;
    let mut bytes = span.bytes();
    let mut in_string = false;
    while let Some(byte) = bytes.next() {
        match (in_string, byte) {
            (true, b'\\') => {
                bytes.next();
            }
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => {
                depth = depth.saturating_add(1);
                if depth > limit {
                    return true;
                }
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Opening brackets, wherever they are. Counted by the chunk in one byte, which compiles to SIMD.
fn brackets(span: &[u8]) -> usize {
    let in_chunk = |chunk: &[u8]| {
        let opens = chunk.iter().map(|byte| u8::from((byte | 0x20) == b'{'));
        usize::from(opens.fold(0_u8, u8::wrapping_add))
    };
    // `[` with bit 0x20 set is `{`; a chunk of 255 cannot overflow its byte.
    span.chunks(255)
        .map(in_chunk)
        .fold(0, usize::saturating_add)
}

/// Levels of an item below which a part that cannot be decoded is not searched further: an item's
/// members, the fields, the members of a field, the stamps of a base.
const TOLERANT_LEVELS: usize = 4;

/// Decodes a span. Parts that are well-formed JSON but have no value (a lone surrogate, a number beyond
/// every double) become [`Node::Bad`], and their siblings are decoded.
pub(super) fn decode(span: &str) -> Node<'_> {
    let parts = Cell::new(PARTS);
    strictly(span, &parts).unwrap_or_else(|_| tolerantly(span, TOLERANT_LEVELS, &parts))
}

/// Decodes a span as a whole, or not at all: then its parts are given back.
fn strictly<'a>(span: &'a str, parts: &Cell<u32>) -> Result<Node<'a>, serde_json::Error> {
    let before = parts.get();
    let mut deserializer = serde_json::Deserializer::from_str(span);
    let node = de::DeserializeSeed::deserialize(NodeSeed { parts }, &mut deserializer);
    node.inspect_err(|_| parts.set(before))
}

fn tolerantly<'a>(span: &'a str, levels: usize, parts: &Cell<u32>) -> Node<'a> {
    let Some(below) = levels.checked_sub(1) else {
        return undecodable(span);
    };
    let part = |part: &'a RawValue| {
        let span = part.get();
        strictly(span, parts).unwrap_or_else(|_| tolerantly(span, below, parts))
    };
    match span.bytes().next() {
        _ if parts.get() == 0 => Node::Bad(TOO_MANY_PARTS),
        Some(b'{') => match serde_json::from_str::<RawMembers<'_>>(span) {
            Ok(RawMembers(members)) => {
                let members = members.into_iter();
                Node::Map(
                    members
                        .map(|(name, member)| (decode_name(name), part(member)))
                        .collect(),
                )
            }
            Err(_) => undecodable(span),
        },
        Some(b'[') => match serde_json::from_str::<RawItems<'_>>(span) {
            Ok(RawItems(items)) => Node::List(items.into_iter().map(part).collect()),
            Err(_) => undecodable(span),
        },
        _ => undecodable(span),
    }
}

fn decode_name(name: &RawValue) -> Cow<'_, str> {
    // A name that is no text names nothing that is known.
    serde_json::from_str(name.get()).map_or(Cow::Borrowed("\u{fffd}"), |Name(name)| name)
}

fn undecodable(span: &str) -> Node<'_> {
    Node::Bad(match span.bytes().next() {
        Some(b'"') => "a string with a lone surrogate",
        Some(b'-' | b'0'..=b'9') => "a number that is too large",
        _ => "a value that cannot be read",
    })
}

/// The raw members of an object, of at most [`MEMBERS`].
struct RawMembers<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for RawMembers<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawMembers<'de>, D::Error> {
        struct RawVisitor;

        impl<'de> Visitor<'de> for RawVisitor {
            type Value = RawMembers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawMembers<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    if members.len() == MEMBERS {
                        return Err(de::Error::custom(TOO_MANY_PARTS));
                    }
                    members.push(member);
                }
                Ok(RawMembers(members))
            }
        }

        deserializer.deserialize_map(RawVisitor)
    }
}

/// The raw items of an array, of at most [`MEMBERS`].
struct RawItems<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for RawItems<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawItems<'de>, D::Error> {
        let changes = de::DeserializeSeed::deserialize(ChangesSeed { max: MEMBERS }, deserializer)?;
        if changes.found > MEMBERS {
            return Err(de::Error::custom(TOO_MANY_PARTS));
        }
        Ok(RawItems(changes.items))
    }
}

/// Decodes a value into nodes, as long as there are parts left.
#[derive(Clone, Copy)]
struct NodeSeed<'p> {
    parts: &'p Cell<u32>,
}

impl<'de> de::DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'de>, D::Error> {
        let left = self.parts.get().checked_sub(1);
        self.parts
            .set(left.ok_or_else(|| de::Error::custom(TOO_MANY_PARTS))?);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_> {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node<'de>, E> {
        Ok(Node::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node<'de>, E> {
        Ok(i64::try_from(number).map_or(Node::Number, Node::Int))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node<'de>, E> {
        Ok(Node::Number)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<'de>, A::Error> {
        let mut members = Members::new();
        while let Some(Name(name)) = map.next_key()? {
            if members.is_empty() {
                members.reserve(8);
            }
            members.push((name, map.next_value_seed(self)?));
        }
        Ok(Node::Map(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_strings() {
        assert!(!is_deeper(r#"{"a":[1,{"b":2}]}"#, 3));
        assert!(is_deeper(r#"{"a":[1,{"b":2}]}"#, 2));
        assert!(!is_deeper(r#"{"a":"[[[[[\"[[["}"#, 1));
        assert!(!is_deeper("[[],[],[],[]]", 2));
        assert!(!is_deeper("1", 0));
    }

    #[test]
    fn what_has_no_value_does_not_harm_its_siblings() {
        let node = decode(r#"{"a":"x","b":{"c":"\ud800","d":[1e999,2]},"\udfff":1}"#);
        let Node::Map(members) = node else { panic!() };
        assert_eq!(members[0], ("a".into(), Node::Text("x".into())));
        let Node::Map(inner) = &members[1].1 else {
            panic!()
        };
        assert_eq!(inner[0].1, Node::Bad("a string with a lone surrogate"));
        assert_eq!(
            inner[1].1,
            Node::List(vec![Node::Bad("a number that is too large"), Node::Int(2)])
        );
        assert_eq!(members[2].1, Node::Int(1));
    }

    #[test]
    fn an_item_of_millions_of_parts_is_not_decoded() {
        let numbers = format!("[{}0]", "0,".repeat(100_000));
        let unread = Node::Bad("a value that cannot be read");
        assert_eq!(decode(&numbers), unread);
        let members = format!("{{\"opId\":\"x\",\"more\":{numbers},\"id\":\"y\"}}");
        let Node::Map(members) = decode(&members) else {
            panic!()
        };
        assert_eq!(members[0].1, Node::Text("x".into()));
        assert_eq!(
            (&members[1].1, &members[2].1),
            (&unread, &Node::Text("y".into()))
        );
    }
}
