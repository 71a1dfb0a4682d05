//! The bytes that digests are taken over, and the ids that follow from content.
//!
//! JSON is canonicalised as RFC 8785 (JCS) says: members sorted by UTF-16 code units, no blanks, the
//! shortest escapes. Only integers are allowed as numbers, so the part of RFC 8785 about floating point
//! never applies.

use crate::field::Field;
use crate::record::Record;
use crate::value::Value;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use std::fmt;
use std::io::Write;
use std::str::FromStr;
use uuid::Uuid;

/// Why a JSON value has no canonical form here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JcsError {
    /// A number that is no integer, or one that a double cannot hold exactly (beyond ±(2^53 − 1), RFC 7493).
    #[error("a number is not an integer within ±(2^53 - 1)")]
    Number,
}

/// The greatest integer that RFC 7493 lets a JSON number be, 2^53 − 1.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// The RFC 8785 bytes of a JSON value.
///
/// # Errors
/// [`JcsError::Number`], when a number is no integer within ±(2^53 − 1).
pub fn to_jcs(value: &serde_json::Value) -> Result<Vec<u8>, JcsError> {
    // The only error there can be: names are text, and memory takes whatever is written.
    serde_json::to_vec(&Jcs(value)).map_err(|_| JcsError::Number)
}

/// A JSON value that `serde_json` writes as its RFC 8785 form, also within something larger.
///
/// Serializing fails where a number has no canonical form ([`JcsError::Number`]).
#[derive(Debug, Clone, Copy)]
pub struct Jcs<'a>(pub &'a serde_json::Value);

impl Serialize for Jcs<'_> {
    // serde_json escapes what section 3.2.2.2 says, as it says, and leaves no blanks.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            serde_json::Value::Null => serializer.serialize_unit(),
            serde_json::Value::Bool(is) => serializer.serialize_bool(*is),
            serde_json::Value::Number(number) => serialize_number(number, serializer),
            serde_json::Value::String(text) => serializer.serialize_str(text),
            serde_json::Value::Array(items) => serializer.collect_seq(items.iter().map(Jcs)),
            serde_json::Value::Object(members) => {
                // By bytes already, which is nearly always the order wanted.
                if members
                    .keys()
                    .is_sorted_by(|a, b| by_code_units(a, b).is_lt())
                {
                    let members = members.iter().map(|(name, member)| (name, Jcs(member)));
                    return serializer.collect_map(members);
                }
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by(|(a, _), (b, _)| by_code_units(a, b));
                let members = sorted.into_iter();
                serializer.collect_map(members.map(|(name, member)| (name, Jcs(member))))
            }
        }
    }
}

fn serialize_number<S: Serializer>(
    number: &serde_json::Number,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let integer = number
        .as_i64()
        .filter(|integer| integer.unsigned_abs() <= MAX_INTEGER);
    match integer {
        Some(integer) => serializer.serialize_i64(integer),
        None => Err(ser::Error::custom(JcsError::Number)),
    }
}

/// The order of UTF-16. It is that of UTF-8 but for what lies beyond U+FFFF: U+FF5E comes before U+1F600 in
/// UTF-8, and after it in UTF-16.
fn by_code_units(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        a.cmp(b)
    } else {
        a.encode_utf16().cmp(b.encode_utf16())
    }
}

fn write_integer(out: &mut Vec<u8>, number: u64) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{number}");
}

/// A JSON string with the escapes of RFC 8785, section 3.2.2.2.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(plain) = rest
        .iter()
        .position(|b| *b < 0x20 || *b == b'"' || *b == b'\\')
    {
        let (head, tail) = rest.split_at(plain);
        out.extend_from_slice(head);
        let Some((byte, after)) = tail.split_first() else {
            break;
        };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            control => {
                let _ = write!(out, "\\u{control:04x}");
            }
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// A register's value, `null` when cleared or never written.
pub(crate) fn write_value(out: &mut Vec<u8>, value: Option<&Value>) {
    match value {
        None => out.extend_from_slice(b"null"),
        Some(Value::Text(text)) => write_string(out, text),
        Some(Value::Money(money)) => {
            out.extend_from_slice(b"{\"currency\":");
            write_string(out, money.currency().as_str());
            out.extend_from_slice(b",\"minor\":");
            write_integer(out, money.minor().unsigned_abs());
            out.push(b'}');
        }
        Some(Value::Id(id)) => {
            write_string(
                out,
                id.hyphenated().encode_lower(&mut Uuid::encode_buffer()),
            );
        }
        Some(Value::Date(date)) => write_string(out, &date.to_string()),
    }
}

/// The content fields in the order of their names, which is the order of RFC 8785.
const BY_NAME: [Field; 8] = [
    Field::Amount,
    Field::CategoryId,
    Field::DepartmentId,
    Field::Justification,
    Field::NeededBy,
    Field::ReasonId,
    Field::Region,
    Field::Title,
];

/// The RFC 8785 bytes of a record's content: all eight fields, unset ones `null`.
#[must_use]
pub fn content_bytes(record: &Record) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    for (place, field) in BY_NAME.into_iter().enumerate() {
        out.push(if place == 0 { b'{' } else { b',' });
        write_string(&mut out, field.name());
        out.push(b':');
        match record.register(field) {
            Some(register) => write_value(&mut out, register.value.as_ref()),
            None => match record.text().value() {
                Some(text) => write_string(&mut out, text),
                None => out.extend_from_slice(b"null"),
            },
        }
    }
    out.push(b'}');
    out
}

/// SHA-256 over [`content_bytes`].
#[must_use]
pub fn revision(record: &Record) -> [u8; 32] {
    sha256(&content_bytes(record))
}

/// SHA-256 (FIPS 180-4).
#[must_use]
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The first 8 bytes of SHA-256, as a big-endian number: tells two contents apart where both come from
/// one user, who gains nothing by a collision.
pub(crate) fn short_digest(bytes: &[u8]) -> u64 {
    let digest = sha256(bytes);
    digest
        .first_chunk()
        .map_or(0, |eight| u64::from_be_bytes(*eight))
}

/// Which content was sealed: a SHA-256, written `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub [u8; 32]);

impl Revision {
    /// The revision of a record's present content.
    #[must_use]
    pub fn of(record: &Record) -> Revision {
        Revision(revision(record))
    }

    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        // Written at once: every approval's id is made of one, and a `write!` a byte costs a microsecond.
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            if let ([high, low], Some(first), Some(second)) = (
                pair,
                DIGITS.get(usize::from(byte >> 4)),
                DIGITS.get(usize::from(byte & 0xf)),
            ) {
                (*high, *low) = (*first, *second);
            }
        }
        f.write_str("sha256:")?;
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Not `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a revision of the form sha256: and 64 lower-case hexadecimal digits")]
pub struct RevisionError;

impl FromStr for Revision {
    type Err = RevisionError;

    fn from_str(text: &str) -> Result<Revision, RevisionError> {
        let digits = text.strip_prefix("sha256:").ok_or(RevisionError)?;
        let digits: &[u8; 64] = digits.as_bytes().try_into().map_err(|_| RevisionError)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = crate::hlc::unhex(pair)
                .and_then(|value| u8::try_from(value).ok())
                .ok_or(RevisionError)?;
        }
        Ok(Revision(bytes))
    }
}

impl Serialize for Revision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Revision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Revision, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Namespace of [`approval_id`]; part of the wire contract.
const APPROVALS: Uuid = Uuid::from_u128(0x6f1f_2d0a_3b57_4a63_9f59_0d8f_6f0f_7a10);

/// Namespace of [`event_id`].
const EVENTS: Uuid = Uuid::from_u128(0x2c9a_44f1_7d0e_4b5b_8a36_51c4_e0d9_b7f2);

/// The id of one level of one revision: `UUIDv5` (RFC 9562) of `<request>/<revision>/<level>`, so that a
/// phone can compute it.
#[must_use]
pub fn approval_id(request: Uuid, revision: &Revision, level: u8) -> Uuid {
    let name = format!("{}/{revision}/{level}", request.hyphenated());
    Uuid::new_v5(&APPROVALS, name.as_bytes())
}

/// The id of an event: `UUIDv5` (RFC 9562) of `<record>/<version>/<type>`, so that a rebuilt service says
/// the same.
#[must_use]
pub fn event_id(record: Uuid, version: u64, event_type: &str) -> Uuid {
    let name = format!("{}/{version}/{event_type}", record.hyphenated());
    Uuid::new_v5(&EVENTS, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn jcs(value: &serde_json::Value) -> String {
        String::from_utf8(to_jcs(value).unwrap()).unwrap()
    }

    #[test]
    fn the_example_of_rfc_8785_without_its_floats() {
        let value = json!({
            "numbers": [333_333_333, 4, 2, -1, 0],
            "string": "\u{20ac}$\u{000F}\u{000a}A'\u{0042}\u{0022}\u{005c}\\\"\u{002f}",
            "literals": [null, true, false]
        });
        assert_eq!(
            jcs(&value),
            "{\"literals\":[null,true,false],\"numbers\":[333333333,4,2,-1,0],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
    }

    #[test]
    fn members_sort_by_utf16() {
        // The example of RFC 8785, section 3.2.3.
        let value = json!({
            "\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7
        });
        assert_eq!(
            jcs(&value),
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}"
        );
    }

    #[test]
    fn numbers_are_integers_that_a_double_holds() {
        assert_eq!(jcs(&json!(9_007_199_254_740_991_u64)), "9007199254740991");
        assert_eq!(jcs(&json!(-9_007_199_254_740_991_i64)), "-9007199254740991");
        for bad in [
            json!(1.0),
            json!(0.5),
            json!(9_007_199_254_740_992_u64),
            json!(i64::MIN),
            json!(u64::MAX),
        ] {
            assert_eq!(to_jcs(&json!([bad])), Err(JcsError::Number));
        }
    }

    #[test]
    fn an_empty_record_has_a_revision() {
        let record = Record::default();
        assert_eq!(
            String::from_utf8(content_bytes(&record)).unwrap(),
            "{\"amount\":null,\"categoryId\":null,\"departmentId\":null,\"justification\":null,\
             \"neededBy\":null,\"reasonId\":null,\"region\":null,\"title\":null}"
        );
        let generic: serde_json::Value = serde_json::from_slice(&content_bytes(&record)).unwrap();
        assert_eq!(to_jcs(&generic).unwrap(), content_bytes(&record));
        let revision = Revision::of(&record);
        assert_eq!(revision.to_string().parse(), Ok(revision));
        assert_eq!(revision.to_string().len(), 71);
        for bad in [
            "",
            "sha256:",
            &revision.to_string().to_uppercase(),
            &format!("{revision}0"),
        ] {
            assert_eq!(bad.parse::<Revision>(), Err(RevisionError));
        }
    }

    #[test]
    fn ids_follow_from_content() {
        let revision = Revision([0xab; 32]);
        let id = approval_id(Uuid::nil(), &revision, 1);
        assert_eq!(id.get_version_num(), 5);
        assert_ne!(id, approval_id(Uuid::nil(), &revision, 2));
        assert_ne!(
            event_id(Uuid::nil(), 1, "request.submitted"),
            event_id(Uuid::nil(), 2, "request.submitted")
        );
    }
}
