//! The wire: both formats round-trip to the same values, and say the same of whatever they carry.

use crate::choices::{Choices, bytes};
use crate::histories::{self, at};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value as Json, json};
use sync_core::canonical::{self, Revision};
use sync_core::field::Field;
use sync_core::hlc::Stamp;
use sync_core::record::Edit;
use sync_core::text::TextWrite;
use sync_core::wire::{
    ApprovalItem, Batch, Envelope, EnvelopeError, Format, Limits, RequestChange, RequestItem, Seen,
    Since, VoteCommand, content_edit,
};
use uuid::Uuid;

fn uuid(choices: &mut Choices<'_>) -> Uuid {
    Uuid::from_u128(u128::from(choices.u64()) << 64 | u128::from(choices.u64()))
}

fn stamp(choices: &mut Choices<'_>) -> Stamp {
    at(1 + choices.u64() % 1_000_000_000_000, choices.u64())
}

fn stamps(choices: &mut Choices<'_>) -> Vec<Stamp> {
    let mut stamps: Vec<Stamp> = (0..choices.below(3)).map(|_| stamp(choices)).collect();
    stamps.sort_unstable();
    stamps.dedup();
    stamps
}

pub(crate) fn request_item(choices: &mut Choices<'_>) -> RequestItem {
    let (op_id, id, stamp) = (uuid(choices), uuid(choices), stamp(choices));
    let change = match choices.below(6) {
        0 => RequestChange::Withdraw,
        1 => RequestChange::Delete,
        2 => {
            let mut seen = Seen::default();
            for field in Field::REGISTERS {
                match choices.below(3) {
                    0 => {}
                    1 => seen.stamps.push((field, Stamp::ZERO)),
                    _ => seen.stamps.push((field, self::stamp(choices))),
                }
            }
            seen.heads = choices.once_in(2).then(|| stamps(choices));
            let seen = Some(seen).filter(|_| choices.once_in(2));
            RequestChange::Submit { seen }
        }
        _ => {
            let mut writes = Vec::new();
            for field in Field::REGISTERS {
                if choices.once_in(2) {
                    writes.push((field, histories::value(choices, field)));
                }
            }
            let string = choices.pick(&histories::TEXTS).to_string();
            let text = match (choices.below(4), stamps(choices)) {
                (0, _) => None,
                (1, _) => Some(TextWrite::Start(None)),
                (2, base) if !base.is_empty() => Some(TextWrite::Edit { base, text: string }),
                _ => Some(TextWrite::Start(Some(string))),
            };
            RequestChange::Upsert(Edit {
                stamp,
                writes,
                text,
            })
        }
    };
    RequestItem::new(op_id, id, stamp, change)
}

fn approval_item(choices: &mut Choices<'_>) -> ApprovalItem {
    let votes = [
        VoteCommand::Approve,
        VoteCommand::Reject,
        VoteCommand::Rollback,
    ];
    ApprovalItem::new(
        uuid(choices),
        uuid(choices),
        stamp(choices),
        Revision([choices.byte(); 32]),
        *choices.pick(&votes),
        choices
            .once_in(2)
            .then(|| choices.pick(&histories::TEXTS).to_string()),
    )
}

pub(crate) fn encode(format: Format, body: &impl Serialize) -> Vec<u8> {
    match format {
        Format::Json => serde_json::to_vec(body).unwrap(),
        Format::MessagePack => rmp_serde::to_vec_named(body).unwrap(),
    }
}

const FORMATS: [Format; 2] = [Format::Json, Format::MessagePack];

fn decode(format: Format, body: &[u8]) -> Result<Envelope<'_>, EnvelopeError> {
    Envelope::decode(
        body,
        format,
        &Limits {
            changes: 4,
            depth: 8,
        },
    )
}

/// Breaks one part of a body: takes a member away, doubles nothing, or puts another value in its place.
fn break_one(choices: &mut Choices<'_>, value: &mut Json) {
    match value {
        Json::Object(members) if !members.is_empty() && !choices.once_in(4) => {
            let names: Vec<String> = members.keys().cloned().collect();
            let name = choices.pick(&names).clone();
            if choices.once_in(5) {
                let member = members.remove(&name);
                if choices.once_in(2) {
                    members.insert(format!("{name}x"), member.unwrap_or_default());
                }
            } else if let Some(member) = members.get_mut(&name) {
                break_one(choices, member);
            }
        }
        Json::Array(items) if !items.is_empty() && !choices.once_in(4) => {
            let place = choices.below(items.len());
            break_one(choices, &mut items[place]);
        }
        other => {
            *other = match choices.below(14) {
                0 => json!(null),
                1 => json!(true),
                2 => json!(0),
                3 => json!(-5),
                4 => json!(1.5),
                5 => json!(125_000.0),
                6 => json!(u64::MAX),
                7 => json!(""),
                8 => json!("a\u{0}b"),
                9 => json!("é".repeat(201)),
                10 => json!([]),
                11 => json!({}),
                12 => json!({"text": "x", "base": []}),
                _ => json!([[[[[]]]]]),
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn batches_come_back_from_both_formats(choices in bytes(0..250)) {
        let choices = &mut Choices::new(&choices.0);
        let requests: Vec<RequestItem> = (0..choices.below(3)).map(|_| request_item(choices)).collect();
        let votes: Vec<ApprovalItem> = (0..choices.below(3)).map(|_| approval_item(choices)).collect();
        let since = *choices.pick(&[Since::Absent, Since::Beginning, Since::After(1_795_341_600_123_456)]);
        for format in FORMATS {
            let user_id = Some(Uuid::from_u128(9));
            let body = encode(format, &Batch { device_id: Some("p"), user_id, client_time_us: Some(1), since, changes: &requests });
            let envelope = decode(format, &body).unwrap();
            prop_assert_eq!(
                (envelope.device_id.as_deref(), envelope.user_id, envelope.client_time_us, envelope.since),
                (Some("p"), user_id, Some(1), since)
            );
            let back: Result<Vec<_>, _> = envelope.request_items().collect();
            prop_assert_eq!(&back.unwrap(), &requests);

            let body = encode(format, &Batch { device_id: None, user_id: None, client_time_us: None, since, changes: &votes });
            let back: Result<Vec<_>, _> = decode(format, &body).unwrap().approval_items().collect();
            prop_assert_eq!(&back.unwrap(), &votes);
        }
    }

    #[test]
    fn both_formats_say_the_same_of_broken_bodies(choices in bytes(0..200)) {
        let choices = &mut Choices::new(&choices.0);
        let request = serde_json::to_value(request_item(choices)).unwrap();
        let vote = serde_json::to_value(approval_item(choices)).unwrap();
        let mut body = json!({"deviceId": "p", "userId": Uuid::nil(), "clientTime": "2026-11-22T10:00:00Z",
                              "lastSync": null, "changes": [request.clone(), vote, request]});
        for _ in 0..=choices.below(3) {
            break_one(choices, &mut body);
        }
        let [json, msgpack] = FORMATS.map(|format| encode(format, &body));
        match (decode(Format::Json, &json), decode(Format::MessagePack, &msgpack)) {
            (Ok(json), Ok(msgpack)) => {
                prop_assert_eq!(&json.device_id, &msgpack.device_id);
                prop_assert_eq!((json.user_id, json.client_time_us, json.since), (msgpack.user_id, msgpack.client_time_us, msgpack.since));
                let [a, b] = [&json, &msgpack].map(|envelope| envelope.request_items().collect::<Vec<_>>());
                prop_assert_eq!(a.len(), json.len());
                prop_assert_eq!(a, b);
                let [a, b] = [&json, &msgpack].map(|envelope| envelope.approval_items().collect::<Vec<_>>());
                prop_assert_eq!(a, b);
            }
            // A body that is broken twice over is refused for whichever is met first; both are a 400.
            (
                Err(EnvelopeError::Malformed(_) | EnvelopeError::TooDeep { .. }),
                Err(EnvelopeError::Malformed(_) | EnvelopeError::TooDeep { .. }),
            ) => {}
            (json, msgpack) => prop_assert_eq!(json.map(|_| ()), msgpack.map(|_| ())),
        }
    }

    #[test]
    fn a_digest_is_of_everything_but_the_operation(choices in bytes(0..250)) {
        let choices = &mut Choices::new(&choices.0);
        let (one, other) = (request_item(choices), request_item(choices));
        let again = RequestItem::new(uuid(choices), one.id, one.stamp, one.change.clone());
        prop_assert_eq!(again.digest, one.digest);
        let same = (one.id, one.stamp, &one.change) == (other.id, other.stamp, &other.change);
        prop_assert_eq!(one.digest == other.digest, same);
        let moved = RequestItem::new(one.op_id, other.id, one.stamp, one.change.clone());
        prop_assert_eq!(moved.digest == one.digest, one.id == other.id);
    }

    #[test]
    fn the_content_is_canonical_json(choices in bytes(0..150)) {
        let choices = &mut Choices::new(&choices.0);
        let record = histories::record(&histories::changes(choices, 5));
        let content = canonical::content_bytes(&record);
        let generic: Json = serde_json::from_slice(&content).unwrap();
        prop_assert_eq!(canonical::to_jcs(&generic).unwrap(), content);
        // What a REST create takes is what it shows.
        let members = generic.as_object().unwrap();
        if members["justification"].as_str() != Some("") {
            let edit = content_edit(at(9, 9), members).unwrap();
            let mut copy = sync_core::record::Record::default();
            copy.apply(&edit, &mut sync_core::text::Work::unlimited()).unwrap();
            prop_assert_eq!(Revision::of(&copy), Revision::of(&record));
        }
    }
}

#[test]
fn a_stamp_may_come_as_sixteen_bytes() {
    let item = request_item(&mut Choices::new(&[3; 40]));
    let text = item.stamp.to_string();
    let body = encode(
        Format::MessagePack,
        &json!({"changes": [serde_json::to_value(&item).unwrap()]}),
    );
    let place = body
        .windows(text.len())
        .position(|window| window == text.as_bytes())
        .unwrap();
    let mut binary = body[..place - 2].to_vec();
    binary.extend([0xc4, 16]);
    binary.extend(item.stamp.to_bytes());
    binary.extend(&body[place + text.len()..]);
    let envelope = decode(Format::MessagePack, &binary).unwrap();
    let back: Result<Vec<_>, _> = envelope.request_items().collect();
    assert_eq!(back.unwrap(), [item]);
}
