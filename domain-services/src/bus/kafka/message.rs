//! An event as a message: CloudEvents 1.0, Kafka protocol binding, binary mode.
//!
//! The value is the event's `data`, the key its key; all else is headers `ce_…`, the extensions
//! `traceparent` (distributed tracing), `authtype` and `authid` (auth context) and `recordversion` among
//! them.

use crate::bus::{Event, Topic, UNREADABLE};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use serde_json::value::RawValue;
use std::collections::HashMap;
use sync_core::time::{format_rfc3339, parse_rfc3339};
use uuid::Uuid;

/// What makes ids of messages that have none.
const PLACES: Uuid = Uuid::from_u128(0x6b1d_94a6_2c0e_4f57_9c3a_5e8f_07d2_b1c4);

/// The headers of an event.
#[must_use]
pub fn headers(event: &Event) -> OwnedHeaders {
    let source = format!("/{}", event.topic.service());
    let (id, key) = (event.id.to_string(), event.key.to_string());
    let (time, version) = (format_rfc3339(event.time_us), event.version.to_string());
    let actor = event.actor.map(|actor| actor.to_string());
    let all = [
        ("ce_specversion", Some("1.0")),
        ("ce_id", Some(id.as_str())),
        ("ce_source", Some(source.as_str())),
        ("ce_type", Some(event.kind.as_str())),
        ("ce_time", Some(time.as_str())),
        ("content-type", Some("application/json")),
        ("ce_partitionkey", Some(key.as_str())),
        ("ce_recordversion", Some(version.as_str())),
        ("ce_traceparent", event.traceparent.as_deref()),
        (
            "ce_authtype",
            Some(if actor.is_some() { "user" } else { "system" }),
        ),
        ("ce_authid", actor.as_deref()),
    ];
    all.into_iter()
        .filter_map(|(key, value)| {
            Some(Header {
                key,
                value: Some(value?),
            })
        })
        .fold(OwnedHeaders::new_with_capacity(11), OwnedHeaders::insert)
}

/// Reads a message of a topic; what is no event comes as one that stands for it, with what is wrong.
///
/// # Errors
/// A stand-in, whose id follows from the message's place, and the reason.
pub fn read(topic: Topic, message: &impl Message) -> Result<Event, Box<(Event, String)>> {
    event(topic, message).map_err(|reason| Box::new((stand_in(topic, message), reason)))
}

fn event(topic: Topic, message: &impl Message) -> Result<Event, String> {
    let headers: HashMap<&str, &[u8]> = message
        .headers()
        .map(|headers| headers.iter().collect::<Vec<_>>())
        .unwrap_or_default()
        .into_iter()
        .filter_map(|header| Some((header.key, header.value?)))
        .collect();
    let text = |name: &str| -> Result<&str, String> {
        let bytes = headers
            .get(name)
            .ok_or_else(|| format!("it has no header {name}"))?;
        let text = std::str::from_utf8(bytes).ok();
        // A NUL is one that PostgreSQL would not keep.
        text.filter(|text| !text.contains('\0'))
            .ok_or_else(|| format!("its header {name} is no text"))
    };
    if text("ce_specversion")? != "1.0" {
        return Err("it is no CloudEvent 1.0".to_owned());
    }
    let id = |name: &str| -> Result<Uuid, String> {
        let wrong = |_| format!("its header {name} is no id");
        text(name)?.parse().map_err(wrong)
    };
    let version = text("ce_recordversion")?;
    let value = message.payload().ok_or("it has no value")?;
    if holds_nul(value) {
        return Err("its value holds a NUL, which PostgreSQL does not keep".to_owned());
    }
    let has_actor = headers.contains_key("ce_authid");
    let actor = has_actor.then(|| id("ce_authid")).transpose()?;
    Ok(Event {
        id: id("ce_id")?,
        topic,
        key: key(message).ok_or("its key is no id")?,
        kind: text("ce_type")?.to_owned(),
        version: version
            .parse()
            .map_err(|_| "its header ce_recordversion is no number".to_owned())?,
        time_us: parse_rfc3339(text("ce_time")?)
            .map_err(|_| "its header ce_time is no time".to_owned())?,
        traceparent: text("ce_traceparent").ok().map(str::to_owned),
        actor,
        data: serde_json::from_slice::<Box<RawValue>>(value)
            .map_err(|error| format!("its value is no JSON: {error}"))?,
    })
}

/// Whether JSON has a `\u0000` in a string: an escape, not a backslash that is one itself.
fn holds_nul(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(place) = rest.iter().position(|byte| *byte == b'\\') {
        let escape = rest.get(place + 1..).unwrap_or_default();
        if escape.starts_with(b"u0000") {
            return true;
        }
        rest = escape.get(1..).unwrap_or_default();
    }
    false
}

fn key(message: &impl Message) -> Option<Uuid> {
    std::str::from_utf8(message.key()?).ok()?.parse().ok()
}

fn stand_in(topic: Topic, message: &impl Message) -> Event {
    let place = format!(
        "{}/{}/{}",
        message.topic(),
        message.partition(),
        message.offset()
    );
    let value = message.payload().map(String::from_utf8_lossy);
    // PostgreSQL keeps no NUL.
    let value = value.map(|value| value.replace('\0', "\u{fffd}"));
    let told = serde_json::json!({"place": place, "value": value});
    let id = Uuid::new_v5(&PLACES, place.as_bytes());
    Event {
        id,
        topic,
        key: key(message).unwrap_or(id),
        kind: UNREADABLE.to_owned(),
        version: 0,
        time_us: message.timestamp().to_millis().unwrap_or(0) * 1_000,
        traceparent: None,
        actor: None,
        data: serde_json::value::to_raw_value(&told).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::holds_nul;

    #[test]
    fn a_nul_is_told_from_what_looks_like_one() {
        for with in [r#"{"a":"\u0000"}"#, r#"["\\\u0000"]"#, r#"["\n\u0000"]"#] {
            assert!(holds_nul(with.as_bytes()), "{with}");
        }
        for without in ["", "\\", r#"["\\u0000"]"#, r#"["u0000"]"#, r#"["\u0001"]"#] {
            assert!(!holds_nul(without.as_bytes()), "{without}");
        }
    }
}
