//! Stamps and nodes, their text and their bytes.

use crate::calendar::{Civil, digit, number};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// The last millisecond a stamp can hold: `9999-12-31T23:59:59.999Z`. 48 bits would reach further, but
/// then the text form would need a fifth digit of year and no longer sort as the numbers do.
pub const MAX_MILLIS: u64 = 253_402_300_799_999;

/// The greatest time of a stamp, milliseconds and counter in one number.
pub(super) const MAX_TIME: u64 = (MAX_MILLIS << 16) | 0xffff;

/// Milliseconds in a day.
const DAY_MS: u64 = 86_400_000;

/// Bytes of a stamp's text form.
pub const TEXT_BYTES: usize = 46;

/// One installation of the app: 64 random bits, drawn at install and again at each login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u64);

impl NodeId {
    /// The node with these bits.
    #[must_use]
    pub const fn new(bits: u64) -> NodeId {
        NodeId(bits)
    }

    /// Its bits.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A point in the order of all changes. Its order is that of its text's bytes and of its 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp {
    // The order of these two fields is the order of stamps (derived).
    pub(super) time: u64,
    pub(super) node: u64,
}

/// Why something is no stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// Not `2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f60718`: exactly 46 bytes, three decimals, lower-case hex.
    #[error("not a stamp of the form 2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f60718")]
    Form,
    /// A date or time of day that does not exist.
    #[error("the stamp's date or time does not exist")]
    NoSuchTime,
    /// Outside the years 1970 to 9999.
    #[error("the stamp's time is outside the years 1970 to 9999")]
    OutOfRange,
}

impl Stamp {
    /// Less than or equal to every other stamp; stands for "never written".
    pub const ZERO: Stamp = Stamp { time: 0, node: 0 };

    /// A stamp of `millis` (since the Unix epoch), `counter` and `node`; `None` beyond [`MAX_MILLIS`].
    #[must_use]
    pub const fn new(millis: u64, counter: u16, node: NodeId) -> Option<Stamp> {
        if millis > MAX_MILLIS {
            return None;
        }
        let [low, high] = counter.to_le_bytes();
        let counter = u64::from_le_bytes([low, high, 0, 0, 0, 0, 0, 0]);
        Some(Stamp {
            time: (millis << 16) | counter,
            node: node.0,
        })
    }

    /// Milliseconds since the Unix epoch, 0..=[`MAX_MILLIS`].
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.time >> 16
    }

    /// How many changes of the same millisecond came before.
    #[must_use]
    pub const fn counter(self) -> u16 {
        let [low, high, ..] = self.time.to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    /// Where the change was made.
    #[must_use]
    pub const fn node(self) -> NodeId {
        NodeId(self.node)
    }

    /// Milliseconds and counter in one number (`millis << 16 | counter`): what a clock resumes from.
    #[must_use]
    pub const fn time(self) -> u64 {
        self.time
    }

    /// The 16 bytes of the binary wire, big-endian: they sort as stamps do.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.time) << 64 | u128::from(self.node)).to_be_bytes()
    }

    /// Reads the 16 bytes of the binary wire.
    ///
    /// # Errors
    /// [`StampError::OutOfRange`] beyond [`MAX_MILLIS`].
    pub fn from_bytes(bytes: [u8; 16]) -> Result<Stamp, StampError> {
        let [
            t0,
            t1,
            t2,
            t3,
            t4,
            t5,
            t6,
            t7,
            n0,
            n1,
            n2,
            n3,
            n4,
            n5,
            n6,
            n7,
        ] = bytes;
        let time = u64::from_be_bytes([t0, t1, t2, t3, t4, t5, t6, t7]);
        let node = u64::from_be_bytes([n0, n1, n2, n3, n4, n5, n6, n7]);
        if time > MAX_TIME {
            return Err(StampError::OutOfRange);
        }
        Ok(Stamp { time, node })
    }

    /// Writes the text form into a buffer of the caller's, without an allocation.
    pub fn write_text(self, buffer: &mut [u8; TEXT_BYTES]) -> &str {
        let millis = self.millis();
        let day_number = i32::try_from(millis / DAY_MS).unwrap_or(0);
        let of_day = u32::try_from(millis % DAY_MS).unwrap_or(0);
        let day = Civil::from_day_number(day_number);
        let (seconds, thousandths) = (of_day / 1_000, of_day % 1_000);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        let [c0, c1] = self.counter().to_be_bytes();
        let [n0, n1, n2, n3, n4, n5, n6, n7] = self.node.to_be_bytes();
        *buffer = [
            digit(day.year / 1_000),
            digit(day.year / 100),
            digit(day.year / 10),
            digit(day.year),
            b'-',
            digit(day.month / 10),
            digit(day.month),
            b'-',
            digit(day.day / 10),
            digit(day.day),
            b'T',
            digit(hour / 10),
            digit(hour),
            b':',
            digit(minute / 10),
            digit(minute),
            b':',
            digit(second / 10),
            digit(second),
            b'.',
            digit(thousandths / 100),
            digit(thousandths / 10),
            digit(thousandths),
            b'Z',
            b'-',
            hex(c0 >> 4),
            hex(c0),
            hex(c1 >> 4),
            hex(c1),
            b'-',
            hex(n0 >> 4),
            hex(n0),
            hex(n1 >> 4),
            hex(n1),
            hex(n2 >> 4),
            hex(n2),
            hex(n3 >> 4),
            hex(n3),
            hex(n4 >> 4),
            hex(n4),
            hex(n5 >> 4),
            hex(n5),
            hex(n6 >> 4),
            hex(n6),
            hex(n7 >> 4),
            hex(n7),
        ];
        std::str::from_utf8(buffer).unwrap_or_default()
    }

    fn from_text(text: &[u8]) -> Result<Stamp, StampError> {
        let (head, tail) = text.split_first_chunk::<25>().ok_or(StampError::Form)?;
        let &[
            y1,
            y2,
            y3,
            y4,
            b'-',
            m1,
            m2,
            b'-',
            d1,
            d2,
            b'T',
            h1,
            h2,
            b':',
            n1,
            n2,
            b':',
            s1,
            s2,
            b'.',
            t1,
            t2,
            t3,
            b'Z',
            b'-',
        ] = head
        else {
            return Err(StampError::Form);
        };
        let (counter, tail) = tail.split_first_chunk::<4>().ok_or(StampError::Form)?;
        let Some((b'-', node)) = tail.split_first() else {
            return Err(StampError::Form);
        };
        let node: &[u8; 16] = node.try_into().map_err(|_| StampError::Form)?;
        let (Some(counter), Some(node)) = (unhex(counter), unhex(node)) else {
            return Err(StampError::Form);
        };
        let numbers = (
            number([y1, y2, y3, y4]),
            number([m1, m2]),
            number([d1, d2]),
            number([h1, h2]),
            number([n1, n2]),
            number([s1, s2]),
            number([t1, t2, t3]),
        );
        let (Some(year), Some(month), Some(day), Some(hour), Some(minute), Some(second), Some(ms)) =
            numbers
        else {
            return Err(StampError::Form);
        };
        if hour > 23 || minute > 59 || second > 59 {
            return Err(StampError::NoSuchTime);
        }
        let day = Civil::new(year, month, day).ok_or(StampError::NoSuchTime)?;
        let days = u64::try_from(day.day_number()).map_err(|_| StampError::OutOfRange)?;
        let millis = millis(days, [hour, minute, second, ms]);
        Ok(Stamp {
            time: (millis << 16) | counter,
            node,
        })
    }
}

#[allow(
    clippy::arithmetic_side_effects,
    reason = "a valid day and time of day stay far inside u64"
)]
fn millis(days: u64, [hour, minute, second, ms]: [u32; 4]) -> u64 {
    let seconds = hour * 3_600 + minute * 60 + second;
    days * DAY_MS + u64::from(seconds) * 1_000 + u64::from(ms)
}

/// The lower-case hexadecimal digit of the low four bits.
const fn hex(bits: u8) -> u8 {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    #[allow(
        clippy::indexing_slicing,
        clippy::as_conversions,
        reason = "four bits index sixteen digits"
    )]
    DIGITS[(bits & 15) as usize]
}

/// The number that at most 16 lower-case hexadecimal digits say.
pub(crate) fn unhex(digits: &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    let mut all = 0_u8;
    for byte in digits {
        let digit = UNHEX.get(usize::from(*byte)).copied().unwrap_or(0xff);
        all |= digit;
        value = (value << 4) | u64::from(digit & 15);
    }
    (all < 16).then_some(value)
}

/// Value of each lower-case hexadecimal digit; 255 for every other byte.
const UNHEX: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut value = 0_u8;
    while value < 16 {
        #[allow(
            clippy::indexing_slicing,
            clippy::as_conversions,
            clippy::arithmetic_side_effects,
            reason = "evaluated by the compiler"
        )]
        {
            table[hex(value) as usize] = value;
            value += 1;
        }
    }
    table
};

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.write_text(&mut [0; TEXT_BYTES]))
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Stamp {
    type Err = StampError;

    fn from_str(text: &str) -> Result<Stamp, StampError> {
        Stamp::from_text(text.as_bytes())
    }
}

/// Always the text, whatever the format: MessagePack carries the same strings as JSON.
impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.write_text(&mut [0; TEXT_BYTES]))
    }
}

/// The text, or 16 bytes where the format has bytes.
impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Stamp, D::Error> {
        struct Form;

        impl de::Visitor<'_> for Form {
            type Value = Stamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a stamp, as text or 16 bytes")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Stamp, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Stamp, E> {
                let bytes = bytes
                    .try_into()
                    .map_err(|_| E::invalid_length(bytes.len(), &self))?;
                Stamp::from_bytes(bytes).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(text: &str) -> Stamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_text_and_the_bytes_go_there_and_back() {
        let text = "2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f60718";
        let it = stamp(text);
        assert_eq!(it.to_string(), text);
        assert_eq!(it.counter(), 7);
        assert_eq!(it.node(), NodeId::new(0xa1b2_c3d4_e5f6_0718));
        assert_eq!(it.millis(), 1_795_341_600_123);
        assert_eq!(Stamp::from_bytes(it.to_bytes()), Ok(it));
        assert_eq!(Stamp::new(it.millis(), 7, it.node()), Some(it));
        assert_eq!(
            Stamp::ZERO.to_string(),
            "1970-01-01T00:00:00.000Z-0000-0000000000000000"
        );
        let last = Stamp::new(MAX_MILLIS, u16::MAX, NodeId::new(u64::MAX)).unwrap();
        assert_eq!(
            last.to_string(),
            "9999-12-31T23:59:59.999Z-ffff-ffffffffffffffff"
        );
        assert_eq!(stamp(&last.to_string()), last);
        assert_eq!(Stamp::new(MAX_MILLIS + 1, 0, NodeId::new(0)), None);
        assert_eq!(Stamp::from_bytes([0xff; 16]), Err(StampError::OutOfRange));
    }

    #[test]
    fn other_texts_are_refused() {
        for (text, error) in [
            ("", StampError::Form),
            (
                "2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f6071",
                StampError::Form,
            ),
            (
                "2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f607180",
                StampError::Form,
            ),
            (
                "2026-11-22T10:00:00.123Z-0007-A1B2c3d4e5f60718",
                StampError::Form,
            ),
            (
                "2026-11-22T10:00:00.123z-0007-a1b2c3d4e5f60718",
                StampError::Form,
            ),
            (
                "2026-11-22 10:00:00.123Z-0007-a1b2c3d4e5f60718",
                StampError::Form,
            ),
            (
                "2026-11-22T10:00:00.12aZ-0007-a1b2c3d4e5f60718",
                StampError::Form,
            ),
            (
                "2026-11-22T10:00:00.123Z-000g-a1b2c3d4e5f60718",
                StampError::Form,
            ),
            (
                "2026-02-29T10:00:00.123Z-0007-a1b2c3d4e5f60718",
                StampError::NoSuchTime,
            ),
            (
                "2026-11-22T24:00:00.123Z-0007-a1b2c3d4e5f60718",
                StampError::NoSuchTime,
            ),
            (
                "2026-11-22T10:00:60.123Z-0007-a1b2c3d4e5f60718",
                StampError::NoSuchTime,
            ),
            (
                "1969-12-31T23:59:59.999Z-0007-a1b2c3d4e5f60718",
                StampError::OutOfRange,
            ),
        ] {
            assert_eq!(text.parse::<Stamp>(), Err(error), "{text}");
        }
    }

    #[test]
    fn serde_writes_text_and_reads_both() {
        let it = stamp("2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f60718");
        let packed = rmp_serde::to_vec(&it).unwrap();
        assert_eq!(packed.len(), 2 + TEXT_BYTES);
        assert_eq!(rmp_serde::from_slice::<Stamp>(&packed).unwrap(), it);
        let mut binary = vec![0xc4, 16];
        binary.extend(it.to_bytes());
        assert_eq!(rmp_serde::from_slice::<Stamp>(&binary).unwrap(), it);
        let json = serde_json::to_string(&it).unwrap();
        assert_eq!(serde_json::from_str::<Stamp>(&json).unwrap(), it);
    }
}
