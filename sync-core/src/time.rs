//! Times as microseconds since the Unix epoch, and their RFC 3339 text.

use crate::calendar::{Civil, FIRST_DAY, LAST_DAY, digit, number};

/// Microseconds in a second.
const SECOND_US: i64 = 1_000_000;
/// Microseconds in a day.
const DAY_US: i64 = 86_400 * SECOND_US;

/// The first time with a text form, `0001-01-01T00:00:00.000000Z`, in microseconds.
pub const MIN_US: i64 = -62_135_596_800_000_000;
/// The last time with a text form, `9999-12-31T23:59:59.999999Z`, in microseconds.
pub const MAX_US: i64 = 253_402_300_799_999_999;

/// Why a text is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not of the form `2026-11-22T10:00:00.123456Z`.
    #[error("not an RFC 3339 time with a date, a time and an offset")]
    Form,
    /// A month, day, hour, minute, second or offset that does not exist. Leap seconds (`:60`) are among
    /// them: microseconds since the epoch have no place for one.
    #[error("the date or time does not exist")]
    NoSuchTime,
    /// Outside the years 1 to 9999, once brought to UTC.
    #[error("the time is outside the years 1 to 9999")]
    OutOfRange,
}

/// Reads an RFC 3339 time with any offset and any number of decimals, and gives microseconds since the
/// Unix epoch, [`MIN_US`]`..=`[`MAX_US`]. Decimals beyond the sixth are cut off, not rounded.
///
/// # Errors
/// [`TimeError`], when the text is not such a time.
pub fn parse_rfc3339(text: &str) -> Result<i64, TimeError> {
    let (head, tail) = text
        .as_bytes()
        .split_first_chunk::<19>()
        .ok_or(TimeError::Form)?;
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
        b'T' | b't',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = head
    else {
        return Err(TimeError::Form);
    };
    let year = number([y1, y2, y3, y4]).ok_or(TimeError::Form)?;
    let month = number([m1, m2]).ok_or(TimeError::Form)?;
    let day = number([d1, d2]).ok_or(TimeError::Form)?;
    let hour = number([h1, h2]).ok_or(TimeError::Form)?;
    let minute = number([n1, n2]).ok_or(TimeError::Form)?;
    let second = number([s1, s2]).ok_or(TimeError::Form)?;
    let (micros, tail) = fraction(tail)?;
    let offset = offset_seconds(tail)?;
    if year == 0 {
        return Err(TimeError::OutOfRange);
    }
    let day = Civil::new(year, month, day).ok_or(TimeError::NoSuchTime)?;
    if hour > 23 || minute > 59 || second > 59 {
        return Err(TimeError::NoSuchTime);
    }
    let us = microseconds(day, [hour, minute, second], micros, offset);
    if (MIN_US..=MAX_US).contains(&us) {
        Ok(us)
    } else {
        Err(TimeError::OutOfRange)
    }
}

#[allow(
    clippy::arithmetic_side_effects,
    reason = "a valid day, a time of day and an offset below 24 h stay far inside i64"
)]
fn microseconds(day: Civil, [hour, minute, second]: [u32; 3], micros: u32, offset: i64) -> i64 {
    let of_day = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
    i64::from(day.day_number()) * DAY_US + (of_day - offset) * SECOND_US + i64::from(micros)
}

/// The decimals after the seconds, in microseconds, and what follows them.
fn fraction(tail: &[u8]) -> Result<(u32, &[u8]), TimeError> {
    let Some((b'.', digits)) = tail.split_first() else {
        return Ok((0, tail));
    };
    let length = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    if length == 0 {
        return Err(TimeError::Form);
    }
    let mut six = [b'0'; 6];
    for (place, byte) in six.iter_mut().zip(digits.iter().take(length)) {
        *place = *byte;
    }
    let micros = number(six).ok_or(TimeError::Form)?;
    Ok((micros, digits.get(length..).unwrap_or_default()))
}

/// Seconds east of UTC.
fn offset_seconds(tail: &[u8]) -> Result<i64, TimeError> {
    match *tail {
        [b'Z' | b'z'] => Ok(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let hours = number([h1, h2]).ok_or(TimeError::Form)?;
            let minutes = number([m1, m2]).ok_or(TimeError::Form)?;
            if hours > 23 || minutes > 59 {
                return Err(TimeError::NoSuchTime);
            }
            let seconds = i64::from(hours)
                .saturating_mul(3_600)
                .saturating_add(i64::from(minutes).saturating_mul(60));
            Ok(if sign == b'-' {
                seconds.saturating_neg()
            } else {
                seconds
            })
        }
        _ => Err(TimeError::Form),
    }
}

/// The time in UTC with six decimals, `2026-11-22T10:00:00.123456Z`. Times outside
/// [`MIN_US`]`..=`[`MAX_US`] are shown as the nearest end.
#[must_use]
pub fn format_rfc3339(us: i64) -> String {
    let mut buffer = [0; 27];
    write_rfc3339(us, &mut buffer).to_owned()
}

/// [`format_rfc3339`] into a buffer of the caller's, without an allocation.
pub fn write_rfc3339(us: i64, buffer: &mut [u8; 27]) -> &str {
    let us = us.clamp(MIN_US, MAX_US);
    let day_number = i32::try_from(us.div_euclid(DAY_US)).unwrap_or(0);
    let day = Civil::from_day_number(day_number.clamp(FIRST_DAY, LAST_DAY));
    let of_day = us.rem_euclid(DAY_US);
    let seconds = u32::try_from(of_day / SECOND_US).unwrap_or(0);
    let micros = u32::try_from(of_day % SECOND_US).unwrap_or(0);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
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
        digit(micros / 100_000),
        digit(micros / 10_000),
        digit(micros / 1_000),
        digit(micros / 100),
        digit(micros / 10),
        digit(micros),
        b'Z',
    ];
    std::str::from_utf8(buffer).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_there_and_back() {
        for text in [
            "0001-01-01T00:00:00.000000Z",
            "1969-12-31T23:59:59.999999Z",
            "1970-01-01T00:00:00.000000Z",
            "2026-11-22T10:00:00.123456Z",
            "2000-02-29T12:30:45.000001Z",
            "9999-12-31T23:59:59.999999Z",
        ] {
            assert_eq!(parse_rfc3339(text).map(format_rfc3339), Ok(text.to_owned()));
        }
        assert_eq!(parse_rfc3339("0001-01-01T00:00:00Z"), Ok(MIN_US));
        assert_eq!(parse_rfc3339("9999-12-31T23:59:59.9999999Z"), Ok(MAX_US));
        assert_eq!(format_rfc3339(i64::MIN), "0001-01-01T00:00:00.000000Z");
        assert_eq!(format_rfc3339(i64::MAX), "9999-12-31T23:59:59.999999Z");
    }

    #[test]
    fn offsets_and_decimals_are_brought_to_utc_microseconds() {
        let noon = parse_rfc3339("2026-11-22T12:00:00Z");
        assert_eq!(parse_rfc3339("2026-11-22T13:30:00+01:30"), noon);
        assert_eq!(parse_rfc3339("2026-11-21T23:00:00-13:00"), noon);
        assert_eq!(parse_rfc3339("2026-11-22t12:00:00.0z"), noon);
        assert_eq!(parse_rfc3339("2026-11-22T12:00:00.000000999-00:00"), noon);
        assert_eq!(parse_rfc3339("1970-01-01T00:00:00.1Z"), Ok(100_000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T10:00:00",
            "2026-11-22 10:00:00Z",
            "2026-11-22T10:00:00.Z",
            "2026-11-22T10:00:00,5Z",
            "2026-11-22T10:00Z",
            "2026-11-22T10:00:00+0100",
            "2026-11-22T10:00:00+01",
            "2026-11-22T10:00:00ZZ",
            "+026-11-22T10:00:00Z",
            "２０26-11-22T10:00:00Z",
        ] {
            assert_eq!(parse_rfc3339(text), Err(TimeError::Form), "{text}");
        }
        for text in [
            "2026-02-29T10:00:00Z",
            "2026-13-01T10:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T10:60:00Z",
            "2016-12-31T23:59:60Z",
            "2026-11-22T10:00:00+24:00",
        ] {
            assert_eq!(parse_rfc3339(text), Err(TimeError::NoSuchTime), "{text}");
        }
        for text in [
            "0000-12-31T10:00:00Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:00-00:01",
        ] {
            assert_eq!(parse_rfc3339(text), Err(TimeError::OutOfRange), "{text}");
        }
    }
}
