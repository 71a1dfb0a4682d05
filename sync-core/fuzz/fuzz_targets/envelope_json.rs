//! No body makes decoding panic, and every item has a result.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sync_core::wire::{Envelope, Format, Limits};

fuzz_target!(|body: &[u8]| {
    if let Ok(envelope) = Envelope::decode(body, Format::Json, &Limits::default()) {
        assert_eq!(envelope.request_items().count(), envelope.len());
        assert_eq!(envelope.approval_items().count(), envelope.len());
    }
});
