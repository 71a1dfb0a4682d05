//! The proleptic Gregorian calendar and decimal digits, shared by stamps, times and dates.
//!
//! Day numbers count from 1970-01-01. The conversions are those of Howard Hinnant's
//! "chrono-Compatible Low-Level Date Algorithms" (2014), on unsigned numbers: years here are 1..=9999.

/// Days from 0000-03-01, where a year of the algorithm begins, to 1970-01-01.
const EPOCH_FROM_MARCH_0: i32 = 719_468;

/// Day number of 0001-01-01.
pub(crate) const FIRST_DAY: i32 = -719_162;
/// Day number of 9999-12-31.
pub(crate) const LAST_DAY: i32 = 2_932_896;

/// A day of the calendar, valid by construction in this crate: year 1..=9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Civil {
    pub(crate) year: u32,
    pub(crate) month: u32,
    pub(crate) day: u32,
}

impl Civil {
    /// The day, or `None` when the calendar has none of that name or the year is outside 1..=9999.
    pub(crate) fn new(year: u32, month: u32, day: u32) -> Option<Civil> {
        let exists = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && day >= 1
            && day <= days_in_month(year, month);
        exists.then_some(Civil { year, month, day })
    }

    /// The day of a day number; numbers outside the calendar's years give its first or last day.
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "the day number is clamped first, so every term stays far inside u32"
    )]
    pub(crate) fn from_day_number(number: i32) -> Civil {
        let z = (number.clamp(FIRST_DAY, LAST_DAY) + EPOCH_FROM_MARCH_0).cast_unsigned();
        let era = z / 146_097;
        let day_of_era = z % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        Civil {
            year: year_of_era + era * 400 + u32::from(month <= 2),
            month,
            day,
        }
    }

    /// Days since 1970-01-01.
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "a valid day has a year of 1..=9999, so every term stays far inside u32"
    )]
    pub(crate) fn day_number(self) -> i32 {
        let year = self.year - u32::from(self.month <= 2);
        let era = year / 400;
        let year_of_era = year % 400;
        let march_month = (self.month + 9) % 12;
        let day_of_year = (153 * march_month + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        (era * 146_097 + day_of_era).cast_signed() - EPOCH_FROM_MARCH_0
    }
}

fn days_in_month(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    }
}

/// The last decimal digit of `value`, as ASCII.
pub(crate) const fn digit(value: u32) -> u8 {
    b'0' | (value % 10).to_le_bytes()[0]
}

/// The number that ASCII decimal digits say; `None` when one is no digit.
pub(crate) fn number<const N: usize>(digits: [u8; N]) -> Option<u32> {
    let mut value = 0_u32;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.wrapping_mul(10).wrapping_add(u32::from(digit));
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_goes_there_and_back() {
        let mut last = None;
        for number in FIRST_DAY..=LAST_DAY {
            let day = Civil::from_day_number(number);
            assert_eq!(Civil::new(day.year, day.month, day.day), Some(day));
            assert_eq!(day.day_number(), number);
            assert!(last < Some(day), "days are in order");
            last = Some(day);
        }
        assert_eq!(
            Civil::from_day_number(0),
            Civil {
                year: 1970,
                month: 1,
                day: 1
            }
        );
        assert_eq!(Civil::from_day_number(i32::MIN).year, 1);
        assert_eq!(Civil::from_day_number(i32::MAX).year, 9999);
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for (year, month, day) in [
            (2026, 2, 29),
            (1900, 2, 29),
            (2026, 4, 31),
            (2026, 0, 1),
            (2026, 13, 1),
            (2026, 1, 0),
            (0, 1, 1),
            (10_000, 1, 1),
        ] {
            assert_eq!(Civil::new(year, month, day), None);
        }
        assert!(Civil::new(2000, 2, 29).is_some());
    }
}
