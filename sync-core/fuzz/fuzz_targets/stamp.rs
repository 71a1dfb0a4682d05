//! What parses as a stamp, a time, a date or a revision comes back as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sync_core::canonical::Revision;
use sync_core::hlc::Stamp;
use sync_core::time;
use sync_core::value::{Currency, Date};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(bytes) = <[u8; 16]>::try_from(bytes)
        && let Ok(stamp) = Stamp::from_bytes(bytes)
    {
        assert_eq!(stamp.to_bytes(), bytes);
        assert_eq!(stamp.to_string().parse(), Ok(stamp));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(stamp) = text.parse::<Stamp>() {
        assert_eq!(stamp.to_string(), text);
    }
    if let Ok(us) = time::parse_rfc3339(text) {
        assert_eq!(time::parse_rfc3339(&time::format_rfc3339(us)), Ok(us));
    }
    if let Ok(date) = text.parse::<Date>() {
        assert_eq!(date.to_string(), text);
    }
    if let Ok(revision) = text.parse::<Revision>() {
        assert_eq!(revision.to_string(), text);
    }
    if let Ok(currency) = text.parse::<Currency>() {
        assert_eq!(currency.as_str(), text);
    }
});
