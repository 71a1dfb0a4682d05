//! How the text of a setting becomes a value. Every error is a clause that completes the sentence
//! "`<setting>` …".

use std::fmt;
use std::time::Duration;

/// A length of time as people write it: `24h`, `60s`, `1h 30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text.trim())
        .map_err(|_| format!("must be a duration such as `24h` or `60s`, not `{text}`"))
}

/// A duration that may not be zero.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err(format!("must be longer than nothing, not `{text}`")),
        some => Ok(some),
    }
}

/// A number of bytes: `1048576`, `512KiB`, `1MiB`.
pub(crate) fn bytes(text: &str) -> Result<usize, String> {
    let text = text.trim();
    let wrong = || format!("must be a size such as `1MiB` or `65536` (bytes), not `{text}`");
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit: usize = match text[digits.len()..].trim() {
        "" | "B" => 1,
        "KiB" | "k" | "K" => 1 << 10,
        "MiB" | "m" | "M" => 1 << 20,
        "GiB" | "g" | "G" => 1 << 30,
        _ => return Err(wrong()),
    };
    let count: usize = digits.parse().map_err(|_| wrong())?;
    count.checked_mul(unit).filter(|n| *n > 0).ok_or_else(wrong)
}

/// A whole number in a range.
pub(crate) fn number<N>(text: &str, least: N, most: N) -> Result<N, String>
where
    N: std::str::FromStr + PartialOrd + fmt::Display + Copy,
{
    text.trim()
        .parse()
        .ok()
        .filter(|n| *n >= least && *n <= most)
        .ok_or_else(|| format!("must be a whole number from {least} to {most}, not `{text}`"))
}

/// `true`/`on`/`yes`/`1` or their opposites.
pub(crate) fn switch(text: &str) -> Result<bool, String> {
    match text.trim() {
        "true" | "on" | "yes" | "1" => Ok(true),
        "false" | "off" | "no" | "0" => Ok(false),
        _ => Err(format!("must be `on` or `off`, not `{text}`")),
    }
}

/// How many requests one user, or one address that is not signed in, may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a period; as many may come at once.
    pub requests: u32,
    /// The period over which they are given back.
    pub per: Duration,
}

impl Rate {
    /// The time after which one more request is allowed.
    #[must_use]
    pub fn interval(&self) -> Duration {
        (self.per / self.requests.max(1)).max(Duration::from_nanos(1))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per.as_secs() {
            60 => "m",
            3_600 => "h",
            _ => "s",
        };
        write!(f, "{}/{unit}", self.requests)
    }
}

/// `off`, or a count and a period: `100/s`, `6000/m`, `50000/h`.
pub(crate) fn rate(text: &str) -> Result<Option<Rate>, String> {
    let text = text.trim();
    if text == "off" {
        return Ok(None);
    }
    let wrong = || format!("must be `off` or a rate such as `200/s` or `6000/m`, not `{text}`");
    let (count, period) = text.split_once('/').ok_or_else(wrong)?;
    let per = match period.trim() {
        "s" => Duration::from_secs(1),
        "m" => Duration::from_mins(1),
        "h" => Duration::from_hours(1),
        _ => return Err(wrong()),
    };
    let requests = count.trim().parse().ok().filter(|n| *n > 0);
    Ok(Some(Rate {
        requests: requests.ok_or_else(wrong)?,
        per,
    }))
}

/// An `http(s)` address with a host, without a trailing slash.
pub(crate) fn web_address(text: &str) -> Result<String, String> {
    let text = text.trim().trim_end_matches('/');
    let good = text.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
    });
    if good {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "must be an address such as `https://budget.example.com`, not `{text}`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_people_write_them() {
        assert_eq!(duration("24h"), Ok(Duration::from_hours(24)));
        assert_eq!(duration(" 60s "), Ok(Duration::from_mins(1)));
        assert!(duration("60").unwrap_err().contains("`60`"));
        assert!(positive_duration("0s").is_err());
    }

    #[test]
    fn sizes_know_their_units_and_do_not_overflow() {
        assert_eq!(bytes("1MiB"), Ok(1_048_576));
        assert_eq!(bytes("65536"), Ok(65_536));
        assert_eq!(bytes("2 KiB"), Ok(2_048));
        for wrong in [
            "",
            "0",
            "1MB",
            "-1",
            "99999999999999999999",
            "20000000000GiB",
        ] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rate_is_off_or_a_count_a_period() {
        assert_eq!(rate("off"), Ok(None));
        let hundred = rate("100/s").unwrap().unwrap();
        assert_eq!(hundred.interval(), Duration::from_millis(10));
        assert_eq!(rate("6000/m").unwrap().unwrap().to_string(), "6000/m");
        for wrong in ["", "100", "0/s", "100/d", "-1/s", "on"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_need_a_scheme_and_a_host() {
        assert_eq!(
            web_address("https://a.example/"),
            Ok("https://a.example".into())
        );
        assert!(web_address("a.example").is_err());
        assert!(web_address("ftp://a.example").is_err());
    }
}
