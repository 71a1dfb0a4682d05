//! The ids a request is known by: its own (`x-request-id`) and that of its trace (W3C Trace Context).

use domain_services::time::Ids;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Names one request; taken from the caller when sane, made otherwise.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// `00-<trace>-<span>-<flags>`.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Longest request id that is taken over from a caller.
const REQUEST_ID_MAX: usize = 128;

/// The ids of one request.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Sent back as `x-request-id`.
    pub request_id: HeaderValue,
    /// 32 lower-case hex digits.
    hex: [u8; 32],
    /// The caller's `traceparent`, when it is one.
    pub traceparent: Option<HeaderValue>,
}

impl Trace {
    /// Takes what the caller sent, makes what is missing.
    #[must_use]
    pub fn of(headers: &HeaderMap, ids: &Ids) -> Self {
        let given = headers.get(REQUEST_ID).filter(|id| is_sane(id.as_bytes()));
        let parent = headers
            .get(TRACEPARENT)
            .and_then(|value| Some((trace_id(value.as_bytes())?, value)));
        let made = (given.is_none() || parent.is_none()).then(|| ids.uuid_v7());
        let mut text = uuid::Uuid::encode_buffer();
        let request_id = given.cloned().unwrap_or_else(|| {
            let text = made
                .unwrap_or_default()
                .hyphenated()
                .encode_lower(&mut text);
            HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("none"))
        });
        let hex = parent.as_ref().map_or_else(
            || {
                let mut text = [0; 32];
                made.unwrap_or_default().simple().encode_lower(&mut text);
                text
            },
            |(id, _)| *id,
        );
        Self {
            request_id,
            hex,
            traceparent: parent.map(|(_, value)| value.clone()),
        }
    }

    /// What to send on as `traceparent`: the caller's own, or the beginning of a trace.
    #[must_use]
    pub fn parent(&self) -> String {
        let given = self
            .traceparent
            .as_ref()
            .and_then(|value| value.to_str().ok());
        given.map_or_else(
            || {
                let trace = self.trace_id();
                format!("00-{trace}-{}-01", trace.get(16..).unwrap_or_default())
            },
            str::to_owned,
        )
    }

    /// The trace id: 32 lower-case hex digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        std::str::from_utf8(&self.hex).unwrap_or_default()
    }
}

/// Letters, digits and `-_.:`, so that an id can go into headers and logs as it is.
fn is_sane(id: &[u8]) -> bool {
    (1..=REQUEST_ID_MAX).contains(&id.len())
        && id
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte))
}

/// The trace id of a `traceparent` of any version this format is a prefix of.
fn trace_id(traceparent: &[u8]) -> Option<[u8; 32]> {
    let hex = |bytes: &[u8]| bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let zero = |bytes: &[u8]| bytes.iter().all(|b| *b == b'0');
    let [version, trace, span, flags] = [0..2, 3..35, 36..52, 53..55].map(|r| traceparent.get(r));
    let (version, trace, span, flags) = (version?, trace?, span?, flags?);
    let dashes = [2, 35, 52].iter().all(|i| traceparent[*i] == b'-');
    let ends = match version {
        b"00" => traceparent.len() == 55,
        b"ff" => false,
        _ => traceparent.get(55).is_none_or(|next| *next == b'-'),
    };
    let good = dashes && ends && [version, trace, span, flags].into_iter().all(hex);
    (good && !zero(trace) && !zero(span)).then_some(())?;
    trace.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traced(name: HeaderName, value: &str) -> Trace {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        Trace::of(&headers, &Ids::default())
    }

    #[test]
    fn a_sane_request_id_is_kept_and_another_replaced() {
        assert_eq!(
            traced(REQUEST_ID, "phone-7:0001").request_id,
            "phone-7:0001"
        );
        for odd in ["", "a b", "x\"y", &"x".repeat(129)] {
            assert_eq!(traced(REQUEST_ID, odd).request_id.len(), 36, "{odd}");
        }
    }

    #[test]
    fn the_callers_trace_goes_on() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = traced(TRACEPARENT, parent);
        assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.traceparent.unwrap(), parent);
    }

    #[test]
    fn what_is_no_traceparent_starts_a_trace_of_its_own() {
        for broken in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            let trace = traced(TRACEPARENT, broken);
            assert_eq!(trace.trace_id().len(), 32);
            assert!(trace.traceparent.is_none(), "{broken}");
        }
    }
}
