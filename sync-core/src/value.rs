//! What a register may hold: text, money, an id or a date.

use crate::calendar::{Civil, digit, number};
use crate::canonical;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;
use uuid::Uuid;

/// A value of a register.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// Unicode text without NUL.
    Text(Box<str>),
    /// An amount of money.
    Money(Money),
    /// The id of another record.
    Id(Uuid),
    /// A day.
    Date(Date),
}

impl Value {
    /// The order of the values' RFC 8785 bytes. It means nothing but is the same everywhere: it settles
    /// ties of equal stamps (a cloned phone), and only those.
    #[must_use]
    pub fn canonical_cmp(&self, other: &Value) -> Ordering {
        canonical_cmp(Some(self), Some(other))
    }

    /// The text, when it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The money, when it is some.
    #[must_use]
    pub fn as_money(&self) -> Option<Money> {
        match self {
            Value::Money(money) => Some(*money),
            _ => None,
        }
    }

    /// The id, when it is one.
    #[must_use]
    pub fn as_id(&self) -> Option<Uuid> {
        match self {
            Value::Id(id) => Some(*id),
            _ => None,
        }
    }

    /// The date, when it is one.
    #[must_use]
    pub fn as_date(&self) -> Option<Date> {
        match self {
            Value::Date(date) => Some(*date),
            _ => None,
        }
    }
}

/// [`Value::canonical_cmp`], where a cleared register counts as `null`.
pub(crate) fn canonical_cmp(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let bytes = |value| {
        let mut bytes = Vec::new();
        canonical::write_value(&mut bytes, value);
        bytes
    };
    bytes(a).cmp(&bytes(b))
}

/// As JSON shows it: a string, or for money `{"minor": 125000, "currency": "EUR"}`.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Text(text) => serializer.serialize_str(text),
            Value::Money(money) => money.serialize(serializer),
            Value::Id(id) => {
                serializer.serialize_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
            }
            Value::Date(date) => date.serialize(serializer),
        }
    }
}

/// An amount in minor units of one currency, never a float and never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// The greatest amount, 10^15 minor units: a JSON number holds every integer up to there exactly.
    pub const MAX_MINOR: i64 = 1_000_000_000_000_000;

    /// `minor` units of `currency`; `None` outside 1..=[`Money::MAX_MINOR`].
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Option<Money> {
        if minor >= 1 && minor <= Money::MAX_MINOR {
            Some(Money { minor, currency })
        } else {
            None
        }
    }

    /// Minor units (cents, say), 1..=[`Money::MAX_MINOR`].
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_struct("Money", 2)?;
        map.serialize_field("minor", &self.minor)?;
        map.serialize_field("currency", self.currency.as_str())?;
        map.end()
    }
}

/// An ISO 4217 alphabetic code, upper-case. `XXX` (no currency) and `XTS` (testing) are none here: an
/// amount in them means nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// All of them, by their letters.
    pub fn all() -> impl Iterator<Item = Currency> {
        let letters = b'A'..=b'Z';
        letters.clone().flat_map(move |a| {
            let letters = letters.clone();
            let pairs = letters
                .clone()
                .flat_map(move |b| letters.clone().map(move |c| [a, b, c]));
            pairs.filter_map(|code| std::str::from_utf8(&code).ok()?.parse().ok())
        })
    }

    /// The three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The codes that exist, as a set over all 26³ codes: the list has no order worth searching.
static CURRENCIES: LazyLock<Box<[bool; 26 * 26 * 26]>> = LazyLock::new(|| {
    let mut exists = Box::new([false; 26 * 26 * 26]);
    for number in 0..1_000 {
        let Some(currency) = iso_currency::Currency::from_numeric(number) else {
            continue;
        };
        let index = currency_index(currency.code().as_bytes());
        if let Some(place) = index.and_then(|index| exists.get_mut(index)) {
            *place = !matches!(currency.code(), "XXX" | "XTS");
        }
    }
    exists
});

fn currency_index(code: &[u8]) -> Option<usize> {
    let [a, b, c] = *code else { return None };
    let mut index = 0_usize;
    for letter in [a, b, c] {
        let letter = letter.wrapping_sub(b'A');
        if letter > 25 {
            return None;
        }
        index = index.wrapping_mul(26).wrapping_add(usize::from(letter));
    }
    Some(index)
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not the upper-case code of an ISO 4217 currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the code of an ISO 4217 currency")]
pub struct CurrencyError;

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(code: &str) -> Result<Currency, CurrencyError> {
        let code = code.as_bytes();
        let exists = currency_index(code)
            .and_then(|index| CURRENCIES.get(index).copied())
            .unwrap_or(false);
        match *code {
            [a, b, c] if exists => Ok(Currency([a, b, c])),
            _ => Err(CurrencyError),
        }
    }
}

/// A day of the Gregorian calendar, years 1 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(Civil);

impl Date {
    /// The day, or `None` when there is none of that name.
    #[must_use]
    pub fn new(year: u16, month: u8, day: u8) -> Option<Date> {
        Civil::new(u32::from(year), u32::from(month), u32::from(day)).map(Date)
    }

    /// Days since 1970-01-01 (PostgreSQL and SQLite both count in days).
    #[must_use]
    pub fn day_number(self) -> i32 {
        self.0.day_number()
    }

    fn text(self) -> [u8; 10] {
        let Civil { year, month, day } = self.0;
        [
            digit(year / 1_000),
            digit(year / 100),
            digit(year / 10),
            digit(year),
            b'-',
            digit(month / 10),
            digit(month),
            b'-',
            digit(day / 10),
            digit(day),
        ]
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not a day of the form `2026-12-01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a day of the form 2026-12-01")]
pub struct DateError;

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Date, DateError> {
        let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else {
            return Err(DateError);
        };
        let year = number([y1, y2, y3, y4]).ok_or(DateError)?;
        let month = number([m1, m2]).ok_or(DateError)?;
        let day = number([d1, d2]).ok_or(DateError)?;
        Civil::new(year, month, day).map(Date).ok_or(DateError)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn money_is_bounded_and_has_a_currency() {
        let eur: Currency = "EUR".parse().unwrap();
        assert_eq!(eur.to_string(), "EUR");
        assert!(Money::new(1, eur).is_some());
        assert!(Money::new(Money::MAX_MINOR, eur).is_some());
        assert_eq!(Money::new(0, eur), None);
        assert_eq!(Money::new(-1, eur), None);
        assert_eq!(Money::new(Money::MAX_MINOR + 1, eur), None);
        for code in ["", "EU", "EURO", "eur", "QQQ", "XXX", "XTS", "É1"] {
            assert_eq!(code.parse::<Currency>(), Err(CurrencyError), "{code}");
        }
        for code in ["USD", "JPY", "CHF", "XOF", "ZWG"] {
            assert!(code.parse::<Currency>().is_ok(), "{code}");
        }
    }

    #[test]
    fn dates_are_days_that_exist() {
        for good in ["0001-01-01", "2024-02-29", "2026-12-01", "9999-12-31"] {
            assert_eq!(good.parse::<Date>().unwrap().to_string(), good);
        }
        for bad in [
            "0000-01-01",
            "2026-02-29",
            "2026-12-1",
            "26-12-01",
            "2026-12-01T",
            "2026/12/01",
            "",
        ] {
            assert_eq!(bad.parse::<Date>(), Err(DateError), "{bad}");
        }
        assert_eq!(Date::new(1970, 1, 2).unwrap().day_number(), 1);
    }

    #[test]
    fn ties_follow_the_canonical_bytes() {
        // The closing quote of a string sorts after a blank and before a letter.
        assert_eq!(text("a").canonical_cmp(&text("a ")), Ordering::Greater);
        assert_eq!(text("a").canonical_cmp(&text("ab")), Ordering::Less);
        // A line feed is written `\n`, so it sorts after a digit.
        assert_eq!(text("a\n").canonical_cmp(&text("a1")), Ordering::Greater);
        let money = Value::Money(Money::new(5, "EUR".parse().unwrap()).unwrap());
        assert_eq!(canonical_cmp(Some(&text("z")), None), Ordering::Less);
        assert_eq!(canonical_cmp(Some(&money), None), Ordering::Greater);
    }
}
