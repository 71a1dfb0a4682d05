//! No bytes make anything panic. `sync-core/fuzz` looks for them with coverage; here they are random and
//! nearly right.

use crate::choices::{Choices, bytes};
use crate::histories::at;
use crate::round_trips::{encode, request_item};
use proptest::prelude::*;
use sync_core::hlc::Stamp;
use sync_core::text::{Text, TextWrite, Work};
use sync_core::wire::{Batch, Envelope, Format, Limits, Since};
use sync_core::{canonical::Revision, time, value};

fn swallow(format: Format, body: &[u8]) {
    if let Ok(envelope) = Envelope::decode(body, format, &Limits::default()) {
        assert_eq!(envelope.request_items().count(), envelope.len());
        assert_eq!(envelope.approval_items().count(), envelope.len());
    }
}

/// Changes a few bytes: one is flipped, taken away, doubled or made up.
fn damage(choices: &mut Choices<'_>, body: &mut Vec<u8>) {
    for _ in 0..=choices.below(4) {
        if body.is_empty() {
            return;
        }
        let place = (choices.below(256) << 8 | choices.below(256)) % body.len();
        match choices.below(5) {
            0 => body[place] ^= 1 << choices.below(8),
            1 => drop(body.remove(place)),
            2 => body.insert(place, body[place]),
            3 => body[place] = choices.byte(),
            _ => body.truncate(place),
        }
    }
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn random_bytes_are_swallowed(noise in bytes(0..64)) {
        for format in [Format::Json, Format::MessagePack] {
            swallow(format, &noise.0);
        }
        let _ = Text::from_state(&noise.0);
        let text = String::from_utf8_lossy(&noise.0);
        let _ = (text.parse::<Stamp>(), text.parse::<Revision>(), time::parse_rfc3339(&text));
        let _ = (text.parse::<value::Date>(), text.parse::<value::Currency>());
    }

    #[test]
    fn damaged_batches_are_swallowed(choices in bytes(0..120)) {
        let choices = &mut Choices::new(&choices.0);
        let changes = [request_item(choices)];
        let since = Since::Beginning;
        let batch = Batch { device_id: Some("p"), user_id: None, client_time_us: Some(0), since, changes: &changes };
        for format in [Format::Json, Format::MessagePack] {
            let mut body = encode(format, &batch);
            damage(choices, &mut body);
            swallow(format, &body);
        }
    }

    #[test]
    fn damaged_stamps_and_times_are_swallowed(choices in bytes(0..40)) {
        let choices = &mut Choices::new(&choices.0);
        for text in ["2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f60718", "2026-11-22T10:00:00.123456+01:00", "9999-12-31"] {
            let mut text = text.as_bytes().to_vec();
            damage(choices, &mut text);
            let text = String::from_utf8_lossy(&text);
            let _ = (text.parse::<Stamp>(), time::parse_rfc3339(&text), text.parse::<value::Date>());
        }
    }

    #[test]
    fn damaged_text_states_are_refused_or_work(choices in bytes(0..40)) {
        let choices = &mut Choices::new(&choices.0);
        let mut state = STATE.with(Clone::clone);
        damage(choices, &mut state);
        if let Ok(mut text) = Text::from_state(&state) {
            let _ = (text.heads(), text.known(at(1, 1)), text.max_stamp(), text.state());
            let write = TextWrite::Edit { base: text.heads(), text: "an end".to_owned() };
            let _ = text.apply(at(50, 1), &write, &mut Work::unlimited());
            let write = TextWrite::Edit { base: vec![at(1, 1)], text: "another end".to_owned() };
            let _ = text.apply(at(51, 1), &write, &mut Work::unlimited());
            let _ = (text.state(), text.value().map(str::len));
        }
    }
}

thread_local! {
    /// A text with everything in it: a lost start, edits, an alias, two heads.
    static STATE: Vec<u8> = {
        let mut text = Text::start(at(1, 0), Some("lost".to_owned()));
        let write = |base: &[u64], text: &str| TextWrite::Edit {
            base: base.iter().map(|millis| at(*millis, 1)).collect(),
            text: text.to_owned(),
        };
        for (millis, write) in [
            (1, TextWrite::Start(Some("one two three".to_owned()))),
            (2, write(&[1], "1 two three")),
            (3, write(&[2], "1 two three")),
            (4, write(&[1], "one two 3")),
        ] {
            text.apply(at(millis, 1), &write, &mut Work::unlimited()).unwrap();
        }
        text.state().unwrap()
    };
}
