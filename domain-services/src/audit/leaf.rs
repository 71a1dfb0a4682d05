//! What a leaf says: an event, as canonical JSON (RFC 8785).
//!
//! ```json
//! {"action":"request.withdrawn","actorId":"…","at":"2026-11-22T10:00:01.000002Z","detail":{…},
//!  "eventId":"…","key":"…","requestId":"…","seq":1042,"traceId":"…"}
//! ```

use crate::bus::{Event, Topic};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sync_core::canonical::{Jcs, JcsError};
use uuid::Uuid;

/// What a leaf says, read back from its bytes.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leaf {
    /// Its place in the log, from 0.
    pub seq: u64,
    /// When it happened, by the clock of the database it happened in.
    pub at: Time,
    /// Who did it; none: the system.
    pub actor_id: Option<Uuid>,
    /// What happened: the event's kind.
    pub action: String,
    /// The request it is about.
    pub request_id: Option<Uuid>,
    /// The event's data.
    pub detail: Value,
    /// The trace of the HTTP request that caused it.
    pub trace_id: Option<String>,
    /// The event.
    pub event_id: Uuid,
    /// What its order is kept by: usually the record.
    pub key: Uuid,
}

/// Why an event has no leaf. It never will.
#[derive(Debug, thiserror::Error)]
pub enum LeafError {
    /// Its data is no JSON.
    #[error("its data does not decode: {0}")]
    Json(#[from] serde_json::Error),
    /// It has no canonical form.
    #[error("its data has no canonical form: {0}")]
    Canonical(#[from] JcsError),
}

/// The canonical bytes of the leaf of an event at place `seq`.
///
/// # Errors
/// [`LeafError`].
pub fn canonical(seq: u64, event: &Event) -> Result<String, LeafError> {
    let detail: Value = event.decode()?;
    let members = Members {
        action: &event.kind,
        actor_id: event.actor,
        at: Time(event.time_us),
        detail: Jcs(&detail),
        event_id: event.id,
        key: event.key,
        request_id: request_id(event, &detail),
        seq,
        trace_id: event.traceparent.as_deref().and_then(trace_id),
    };
    // Times, ids and text can be written, so it is a number of the detail that cannot.
    serde_json::to_string(&members).map_err(|_| JcsError::Number.into())
}

/// The members in the order of their names, as RFC 8785 wants them. `migrations/audit/*/0020_cut.sql` cut four of
/// them out by what stands before and behind.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    action: &'a str,
    actor_id: Option<Uuid>,
    at: Time,
    detail: Jcs<'a>,
    event_id: Uuid,
    key: Uuid,
    request_id: Option<Uuid>,
    seq: u64,
    trace_id: Option<&'a str>,
}

/// The one request that an event is about.
fn request_id(event: &Event, detail: &Value) -> Option<Uuid> {
    let member = |name: &str| detail.get(name)?.as_str()?.parse().ok();
    match event.topic {
        Topic::Request => {
            member("id").or_else(|| match detail.get("ids")?.as_array()?.as_slice() {
                [one] => one.as_str()?.parse().ok(),
                _ => None,
            })
        }
        Topic::User | Topic::Catalog | Topic::Approval | Topic::Notification => member("requestId"),
    }
}

/// The trace id of a W3C `traceparent`.
fn trace_id(traceparent: &str) -> Option<&str> {
    let id = traceparent.split('-').nth(1)?;
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (id.len() == 32 && id.bytes().all(hex)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use sync_core::canonical::to_jcs;

    fn event(topic: Topic, data: &Value) -> Event {
        Event {
            id: Uuid::from_u128(1),
            topic,
            key: Uuid::from_u128(2),
            kind: "request.withdrawn".to_owned(),
            version: 3,
            time_us: 1_763_805_601_000_002,
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
            actor: Some(Uuid::from_u128(4)),
            data: serde_json::value::to_raw_value(data).unwrap(),
        }
    }

    #[test]
    fn a_leaf_is_canonical_and_reads_back() {
        let data = json!({"ownerId": Uuid::from_u128(4), "id": Uuid::from_u128(2)});
        let text = canonical(7, &event(Topic::Request, &data)).unwrap();
        assert_eq!(
            text,
            "{\"action\":\"request.withdrawn\",\"actorId\":\"00000000-0000-0000-0000-000000000004\",\
             \"at\":\"2025-11-22T10:00:01.000002Z\",\"detail\":{\"id\":\"00000000-0000-0000-0000-000000000002\",\
             \"ownerId\":\"00000000-0000-0000-0000-000000000004\"},\"eventId\":\"00000000-0000-0000-0000-000000000001\",\
             \"key\":\"00000000-0000-0000-0000-000000000002\",\"requestId\":\"00000000-0000-0000-0000-000000000002\",\
             \"seq\":7,\"traceId\":\"0af7651916cd43dd8448eb211c80319c\"}"
        );
        let leaf: Leaf = serde_json::from_str(&text).unwrap();
        assert_eq!((leaf.seq, leaf.detail), (7, data));
    }

    #[test]
    fn members_are_written_in_canonical_order() {
        let data = json!({"z\u{1}\"": ["\u{7f}é", null, true, -1], "\u{ff5e}": 1, "\u{1f600}": {"b": 2, "a": 3}});
        for event in [
            event(Topic::User, &data),
            Event {
                kind: "odd \"kind\"\n".to_owned(),
                traceparent: None,
                actor: None,
                ..event(Topic::User, &data)
            },
        ] {
            let text = canonical(7, &event).unwrap();
            let value = serde_json::from_str(&text).unwrap();
            assert_eq!(text.as_bytes(), to_jcs(&value).unwrap());
        }
    }

    #[test]
    fn a_leaf_names_the_one_request_it_is_about() {
        let read = |topic, data| {
            let text = canonical(0, &event(topic, &data)).unwrap();
            serde_json::from_str::<Leaf>(&text).unwrap().request_id
        };
        let [a, b] = [8, 9].map(Uuid::from_u128);
        assert_eq!(read(Topic::Request, json!({"ids": [a, b]})), None);
        assert_eq!(read(Topic::Request, json!({"ids": [a]})), Some(a));
        assert_eq!(read(Topic::User, json!({"id": a})), None);
    }

    #[test]
    fn a_number_without_a_canonical_form_is_told() {
        let said = canonical(0, &event(Topic::Request, &json!({"x": 0.5}))).unwrap_err();
        assert!(matches!(said, LeafError::Canonical(_)), "{said}");
    }

    #[test]
    fn what_is_no_trace_has_no_id() {
        for odd in [
            "",
            "00",
            "00-xyz-1-1",
            "00-0AF7651916cd43dd8448eb211c80319c-b7-01",
        ] {
            assert_eq!(trace_id(odd), None, "{odd}");
        }
    }
}
