//! A decoded value that borrows from the body: what JSON and MessagePack have in common.

use std::borrow::Cow;

/// A value of either format.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node<'a> {
    Null,
    Bool,
    Int(i64),
    /// A number that is no 64-bit integer: a float, or too large.
    Number,
    Text(Cow<'a, str>),
    /// MessagePack's bin; JSON has none.
    Bytes(&'a [u8]),
    List(Vec<Node<'a>>),
    Map(Members<'a>),
    /// Well-formed as a span, but without a value; says why.
    Bad(&'static str),
}

/// Parts that an item may have: values, nested ones included. Twice what the largest base needs; a body of
/// millions of tiny values would otherwise take fifty times its size.
pub(super) const PARTS: u32 = 4_096;
/// Members that an envelope may have, and an item that is decoded part by part.
pub(super) const MEMBERS: usize = 64;
/// What an item of more parts is.
pub(super) const TOO_MANY_PARTS: &str = "more than any item may hold";

/// The members of an object, in order, duplicates included.
pub(super) type Members<'a> = Vec<(Cow<'a, str>, Node<'a>)>;

impl Node<'_> {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, for a sentence.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Node::Null => "null",
            Node::Bool => "a boolean",
            Node::Int(_) => "an integer",
            Node::Number => "a number that is no 64-bit integer",
            Node::Text(_) => "a string",
            Node::Bytes(_) => "bytes",
            Node::List(_) => "an array",
            Node::Map(_) => "an object",
            Node::Bad(why) => why,
        }
    }
}

impl<'a> From<&'a serde_json::Value> for Node<'a> {
    fn from(value: &'a serde_json::Value) -> Node<'a> {
        match value {
            serde_json::Value::Null => Node::Null,
            serde_json::Value::Bool(_) => Node::Bool,
            serde_json::Value::Number(number) => number.as_i64().map_or(Node::Number, Node::Int),
            serde_json::Value::String(text) => Node::Text(Cow::Borrowed(text)),
            serde_json::Value::Array(items) => Node::List(items.iter().map(Node::from).collect()),
            serde_json::Value::Object(members) => Node::Map(
                members
                    .iter()
                    .map(|(name, member)| (Cow::Borrowed(name.as_str()), Node::from(member)))
                    .collect(),
            ),
        }
    }
}
