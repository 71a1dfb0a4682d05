//! A kept text is read or refused, and then takes edits or refuses them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sync_core::hlc::{NodeId, Stamp};
use sync_core::text::{Text, TextWrite, Work};

fuzz_target!(|state: &[u8]| {
    let Ok(mut text) = Text::from_state(state) else {
        return;
    };
    // A document whose bytes were tampered with is written back as it came.
    let kept = text.state().expect("what was kept has a state");
    assert!(Text::from_state(&kept).is_ok_and(|again| again == text));
    let heads = text.heads();
    let bases = heads.first().map(|head| vec![*head]).into_iter().chain([heads]);
    for (counter, base) in bases.enumerate() {
        let counter = u16::try_from(counter).unwrap_or(0);
        let stamp = Stamp::new(sync_core::hlc::MAX_MILLIS, counter, NodeId::new(1)).expect("in range");
        let write = TextWrite::Edit { base, text: "an edit".to_owned() };
        let _ = text.apply(stamp, &write, &mut Work::new(200_000));
    }
});
