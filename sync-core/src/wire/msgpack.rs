//! MessagePack: cutting an envelope into spans, and decoding a span into nodes. Lengths on the wire are
//! claims: nothing is allocated for them, and running out of bytes ends the reading.

use super::node::{Members, Node, PARTS, TOO_MANY_PARTS};
use std::borrow::Cow;

/// Why bytes are no MessagePack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Truncated,
    /// The one marker that means nothing, 0xc1.
    Reserved,
    TooDeep,
    NameNotText,
    Trailing,
    TooManyParts,
}

impl Fault {
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Fault::Truncated => "the MessagePack ends in the middle of a value",
            Fault::Reserved => "the MessagePack has the marker 0xc1, which means nothing",
            Fault::TooDeep => "the MessagePack nests too deeply",
            Fault::NameNotText => "a member's name is not a UTF-8 string",
            Fault::Trailing => "bytes follow the MessagePack value",
            Fault::TooManyParts => TOO_MANY_PARTS,
        }
    }
}

/// The beginning of a value: the value itself, or how long what follows is.
enum Head {
    Null,
    Bool,
    Int(i64),
    Number,
    Text(u32),
    Bytes(u32),
    List(u32),
    Map(u32),
    Extension(u32),
}

/// A cursor over a body.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub(super) fn end(&self) -> Result<(), Fault> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Fault::Trailing)
        }
    }

    fn take(&mut self, length: u32) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(length).map_err(|_| Fault::Truncated)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u32, Fault> {
        self.array().map(|[byte]: [u8; 1]| u32::from(byte))
    }

    fn u16(&mut self) -> Result<u32, Fault> {
        self.array()
            .map(|bytes| u32::from(u16::from_be_bytes(bytes)))
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_be_bytes)
    }

    fn head(&mut self) -> Result<Head, Fault> {
        let [marker] = self.array()?;
        Ok(match marker {
            0x00..=0x7f => Head::Int(i64::from(marker)),
            0x80..=0x8f => Head::Map(u32::from(marker & 0x0f)),
            0x90..=0x9f => Head::List(u32::from(marker & 0x0f)),
            0xa0..=0xbf => Head::Text(u32::from(marker & 0x1f)),
            0xc0 => Head::Null,
            0xc1 => return Err(Fault::Reserved),
            0xc2 | 0xc3 => Head::Bool,
            0xc4 => Head::Bytes(self.u8()?),
            0xc5 => Head::Bytes(self.u16()?),
            0xc6 => Head::Bytes(self.u32()?),
            0xc7 => Head::Extension(self.u8()?.saturating_add(1)),
            0xc8 => Head::Extension(self.u16()?.saturating_add(1)),
            0xc9 => Head::Extension(self.u32()?.saturating_add(1)),
            0xca => self.array::<4>().map(|_| Head::Number)?,
            0xcb => self.array::<8>().map(|_| Head::Number)?,
            0xcc => Head::Int(i64::from(self.u8()?)),
            0xcd => Head::Int(i64::from(self.u16()?)),
            0xce => Head::Int(i64::from(self.u32()?)),
            0xcf => {
                let number = self.array().map(u64::from_be_bytes)?;
                i64::try_from(number).map_or(Head::Number, Head::Int)
            }
            0xd0 => Head::Int(self.array().map(|b| i64::from(i8::from_be_bytes(b)))?),
            0xd1 => Head::Int(self.array().map(|b| i64::from(i16::from_be_bytes(b)))?),
            0xd2 => Head::Int(self.array().map(|b| i64::from(i32::from_be_bytes(b)))?),
            0xd3 => Head::Int(self.array().map(i64::from_be_bytes)?),
            // Fixed extensions of 1, 2, 4, 8 and 16 bytes, each with a byte of type before.
            0xd4 => Head::Extension(2),
            0xd5 => Head::Extension(3),
            0xd6 => Head::Extension(5),
            0xd7 => Head::Extension(9),
            0xd8 => Head::Extension(17),
            0xd9 => Head::Text(self.u8()?),
            0xda => Head::Text(self.u16()?),
            0xdb => Head::Text(self.u32()?),
            0xdc => Head::List(self.u16()?),
            0xdd => Head::List(self.u32()?),
            0xde => Head::Map(self.u16()?),
            0xdf => Head::Map(self.u32()?),
            0xe0..=0xff => Head::Int(i64::from(i8::from_be_bytes([marker]))),
        })
    }

    /// Passes over one value that may nest `depth` deep.
    fn skip(&mut self, depth: usize) -> Result<(), Fault> {
        match self.head()? {
            Head::Null | Head::Bool | Head::Int(_) | Head::Number => {}
            Head::Text(length) | Head::Bytes(length) | Head::Extension(length) => {
                self.take(length)?;
            }
            Head::List(length) => {
                let below = depth.checked_sub(1).ok_or(Fault::TooDeep)?;
                for _ in 0..length {
                    self.skip(below)?;
                }
            }
            Head::Map(length) => {
                let below = depth.checked_sub(1).ok_or(Fault::TooDeep)?;
                for _ in 0..length {
                    self.skip(below)?;
                    self.skip(below)?;
                }
            }
        }
        Ok(())
    }

    /// The span of one value that may nest `depth` deep.
    pub(super) fn span(&mut self, depth: usize) -> Result<&'a [u8], Fault> {
        let start = self.rest;
        self.skip(depth)?;
        let length = start.len().saturating_sub(self.rest.len());
        Ok(start.get(..length).unwrap_or_default())
    }

    /// The number of members of the map that begins here; `None` when it is none.
    pub(super) fn map(&mut self) -> Result<Option<u32>, Fault> {
        let before = self.rest;
        if let Head::Map(length) = self.head()? {
            return Ok(Some(length));
        }
        self.rest = before;
        Ok(None)
    }

    /// The number of items of the list that begins here; `None` when it is none.
    pub(super) fn list(&mut self) -> Result<Option<u32>, Fault> {
        let before = self.rest;
        if let Head::List(length) = self.head()? {
            return Ok(Some(length));
        }
        self.rest = before;
        Ok(None)
    }

    /// A member's name.
    pub(super) fn name(&mut self) -> Result<&'a str, Fault> {
        match self.head()? {
            Head::Text(length) => {
                std::str::from_utf8(self.take(length)?).map_err(|_| Fault::NameNotText)
            }
            _ => Err(Fault::NameNotText),
        }
    }

    /// One value, as long as there are parts left. Recurses: only for spans that [`Reader::span`] gave.
    fn node(&mut self, parts: &mut u32) -> Result<Node<'a>, Fault> {
        *parts = parts.checked_sub(1).ok_or(Fault::TooManyParts)?;
        Ok(match self.head()? {
            Head::Null => Node::Null,
            Head::Bool => Node::Bool,
            Head::Int(number) => Node::Int(number),
            Head::Number => Node::Number,
            Head::Text(length) => match std::str::from_utf8(self.take(length)?) {
                Ok(text) => Node::Text(Cow::Borrowed(text)),
                Err(_) => Node::Bad("a string that is not UTF-8"),
            },
            Head::Bytes(length) => Node::Bytes(self.take(length)?),
            Head::Extension(length) => {
                self.take(length)?;
                Node::Bad("a MessagePack extension")
            }
            Head::List(length) => {
                let mut items = Vec::new();
                for _ in 0..length {
                    items.push(self.node(parts)?);
                }
                Node::List(items)
            }
            Head::Map(length) => {
                let mut members =
                    Members::with_capacity(usize::try_from(length.min(8)).unwrap_or(0));
                for _ in 0..length {
                    let name = match self.node(parts)? {
                        Node::Text(name) => name,
                        // A name that is no text names nothing that is known.
                        _ => Cow::Borrowed("\u{fffd}"),
                    };
                    members.push((name, self.node(parts)?));
                }
                Node::Map(members)
            }
        })
    }
}

/// Decodes a span that [`Reader::span`] gave.
pub(super) fn decode(span: &[u8]) -> Node<'_> {
    let mut parts = PARTS;
    let node = Reader::new(span).node(&mut parts);
    node.unwrap_or(Node::Bad("a value that cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_marker_is_read_or_refused() {
        for marker in 0..=0xff_u8 {
            let mut body = vec![marker];
            body.extend([0; 40]);
            let mut reader = Reader::new(&body);
            let span = reader.span(3);
            if marker == 0xc1 {
                assert_eq!(span, Err(Fault::Reserved));
            } else {
                assert!(!matches!(
                    decode(span.unwrap()),
                    Node::Bad("a value that cannot be read")
                ));
            }
            assert_eq!(Reader::new(&[]).span(3), Err(Fault::Truncated));
        }
    }

    #[test]
    fn claims_without_bytes_end_the_reading() {
        for claim in [
            [0xdd, 0xff, 0xff, 0xff, 0xff],
            [0xdf, 0xff, 0xff, 0xff, 0xff],
            [0xdb, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(Reader::new(&claim).span(8), Err(Fault::Truncated));
        }
        let deep = [0x91; 40];
        assert_eq!(Reader::new(&deep).span(8), Err(Fault::TooDeep));
    }

    #[test]
    fn integers_of_every_width() {
        for (bytes, number) in [
            (&[0x05][..], 5),
            (&[0xff], -1),
            (&[0xcc, 0xff], 255),
            (&[0xcd, 1, 0], 256),
            (&[0xce, 0, 1, 0, 0], 65_536),
            (&[0xcf, 0, 0, 0, 1, 0, 0, 0, 0], 1 << 32),
            (&[0xd0, 0x80], -128),
            (&[0xd1, 0x80, 0], -32_768),
            (&[0xd2, 0x80, 0, 0, 0], i64::from(i32::MIN)),
            (&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], i64::MIN),
        ] {
            assert_eq!(decode(bytes), Node::Int(number));
        }
        assert_eq!(decode(&[0xcf, 0xff, 0, 0, 0, 0, 0, 0, 0]), Node::Number);
        assert_eq!(decode(&[0xcb, 0, 0, 0, 0, 0, 0, 0, 0]), Node::Number);
    }
}
