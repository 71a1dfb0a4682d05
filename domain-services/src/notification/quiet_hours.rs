//! When a person does not want to be disturbed, by the clock on the wall where the person is.

use chrono::{DateTime, Days, MappedLocalTime, NaiveDate, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// From a time of the day to another; across midnight where the second is earlier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    /// `HH:MM`, inclusive.
    pub from: String,
    /// `HH:MM`, exclusive.
    pub to: String,
}

impl QuietHours {
    /// Both times; `None` where one is none, or both are the same.
    pub(super) fn times(&self) -> Option<(NaiveTime, NaiveTime)> {
        let (from, to) = (time_of_day(&self.from)?, time_of_day(&self.to)?);
        (from != to).then_some((from, to))
    }

    /// When they end, in microseconds since the Unix epoch, if it is quiet in `zone` at `now_us`.
    pub(super) fn until_us(&self, zone: Tz, now_us: i64) -> Option<i64> {
        let (from, to) = self.times()?;
        let now = zone.from_utc_datetime(&DateTime::from_timestamp_micros(now_us)?.naive_utc());
        let (today, time) = (now.date_naive(), now.time());
        let end = if from < to {
            (from <= time && time < to).then_some(today)?
        } else if time >= from {
            today.checked_add_days(Days::new(1))?
        } else {
            (time < to).then_some(today)?
        };
        // An end within an hour that comes twice in autumn: the later one may be in the past of the
        // first, never the other way round.
        let end_us = instant_us(zone, end, to)?;
        (end_us > now_us).then_some(end_us)
    }
}

/// The last instant with this reading of the wall clock; where the clock skips it in spring, the first
/// one behind the gap.
fn instant_us(zone: Tz, date: NaiveDate, time: NaiveTime) -> Option<i64> {
    let mut reading = date.and_time(time);
    for _ in 0..=4 {
        match zone.from_local_datetime(&reading) {
            MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(_, at) => {
                return Some(at.timestamp_micros());
            }
            // Gaps are an hour, or half of one.
            MappedLocalTime::None => {
                reading = reading.checked_add_signed(TimeDelta::minutes(30))?;
            }
        }
    }
    None
}

/// `HH:MM`, two digits each.
fn time_of_day(text: &str) -> Option<NaiveTime> {
    let digits = |part: &str| {
        let two = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        two.then(|| part.parse::<u32>().ok()).flatten()
    };
    let (hours, minutes) = text.split_once(':')?;
    NaiveTime::from_hms_opt(digits(hours)?, digits(minutes)?, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(text: &str) -> i64 {
        sync_core::time::parse_rfc3339(text).unwrap()
    }

    fn until(from: &str, to: &str, zone: Tz, now: &str) -> Option<i64> {
        let (from, to) = (from.to_owned(), to.to_owned());
        QuietHours { from, to }.until_us(zone, us(now))
    }

    #[test]
    fn a_night_ends_in_the_morning_where_the_person_is() {
        let berlin = Tz::Europe__Berlin;
        let night = |now| until("22:00", "07:00", berlin, now);
        // Winter: UTC+1.
        assert_eq!(night("2026-01-10T20:59:59Z"), None);
        assert_eq!(
            night("2026-01-10T21:00:00Z"),
            Some(us("2026-01-11T06:00:00Z"))
        );
        assert_eq!(
            night("2026-01-11T05:59:59Z"),
            Some(us("2026-01-11T06:00:00Z"))
        );
        assert_eq!(night("2026-01-11T06:00:00Z"), None);
        // Summer: UTC+2.
        assert_eq!(
            night("2026-07-10T20:30:00Z"),
            Some(us("2026-07-11T05:00:00Z"))
        );
        assert_eq!(
            until("22:00", "07:00", Tz::UTC, "2026-07-10T20:30:00Z"),
            None
        );
    }

    #[test]
    fn a_siesta_begins_and_ends_on_one_day() {
        let siesta = |now| until("14:00", "16:00", Tz::Europe__Madrid, now);
        assert_eq!(
            siesta("2026-07-10T13:00:00Z"),
            Some(us("2026-07-10T14:00:00Z"))
        );
        assert_eq!(siesta("2026-07-10T14:00:00Z"), None);
        assert_eq!(siesta("2026-07-10T11:00:00Z"), None);
    }

    #[test]
    fn an_end_that_the_clock_skips_is_behind_the_gap() {
        // On 2026-03-29 Berlin goes from 02:00 to 03:00.
        let end = until("22:00", "02:30", Tz::Europe__Berlin, "2026-03-29T00:30:00Z");
        assert_eq!(end, Some(us("2026-03-29T01:00:00Z")));
    }

    #[test]
    fn an_end_that_comes_twice_is_the_later_one() {
        // On 2026-10-25 Berlin goes from 03:00 back to 02:00.
        let end = until("22:00", "02:30", Tz::Europe__Berlin, "2026-10-25T00:10:00Z");
        assert_eq!(end, Some(us("2026-10-25T01:30:00Z")));
    }

    #[test]
    fn what_is_no_time_is_no_time() {
        for wrong in [
            "24:00", "7:00", "07:60", "", "0700", "07:00:00", "+7:00", "ab:cd",
        ] {
            assert_eq!(time_of_day(wrong), None, "{wrong}");
        }
        assert_eq!(
            until("07:00", "07:00", Tz::UTC, "2026-07-10T07:00:00Z"),
            None
        );
    }
}
