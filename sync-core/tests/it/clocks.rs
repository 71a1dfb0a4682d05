//! Clocks, stamps and times.

use crate::choices::{Choices, bytes};
use proptest::prelude::*;
use sync_core::hlc::{Clock, MAX_MILLIS, NodeId, Stamp};
use sync_core::time;

fn stamps() -> impl Strategy<Value = Stamp> {
    (0..=MAX_MILLIS, any::<u16>(), any::<u64>())
        .prop_map(|(millis, counter, node)| Stamp::new(millis, counter, NodeId::new(node)).unwrap())
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn a_stamp_comes_back_from_text_and_bytes(stamp in stamps()) {
        prop_assert_eq!(stamp.to_string().parse(), Ok(stamp));
        prop_assert_eq!(Stamp::from_bytes(stamp.to_bytes()), Ok(stamp));
    }

    #[test]
    fn text_and_bytes_sort_as_stamps_do(a in stamps(), b in stamps()) {
        prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
        prop_assert_eq!(a.to_bytes().cmp(&b.to_bytes()), a.cmp(&b));
    }

    #[test]
    fn whatever_parses_as_a_stamp_is_its_text(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\\.[0-9]{3}Z-[0-9a-g]{4}-[0-9a-f]{16}") {
        if let Ok(stamp) = text.parse::<Stamp>() {
            prop_assert_eq!(stamp.to_string(), text);
        }
    }

    #[test]
    fn a_clock_only_goes_forward(choices in bytes(0..120)) {
        let mut choices = Choices::new(&choices.0);
        let mut clock = Clock::new(NodeId::new(7));
        let mut greatest = Stamp::ZERO;
        for _ in 0..10 {
            let wall = if choices.once_in(4) { choices.u64() } else { u64::from(choices.byte()) };
            let given = if choices.once_in(3) {
                let millis = if choices.once_in(4) { choices.u64() % MAX_MILLIS } else { u64::from(choices.byte()) };
                let counter = if choices.once_in(2) { u16::MAX } else { 0 };
                let remote = Stamp::new(millis, counter, NodeId::new(choices.u64())).unwrap();
                greatest = greatest.max(Stamp::new(millis, counter, NodeId::new(7)).unwrap());
                clock.observe(remote, wall)
            } else {
                clock.tick(wall)
            };
            let at_the_end = given.millis() == MAX_MILLIS && given.counter() == u16::MAX;
            prop_assert!(given > greatest || at_the_end);
            prop_assert!(given.millis() >= wall.min(MAX_MILLIS));
            greatest = given;
            clock = Clock::resume(clock.node(), clock.last());
        }
    }

    #[test]
    fn a_time_comes_back_from_its_text(us in time::MIN_US..=time::MAX_US, other in time::MIN_US..=time::MAX_US) {
        let text = time::format_rfc3339(us);
        prop_assert_eq!(text.len(), 27);
        prop_assert_eq!(time::parse_rfc3339(&text), Ok(us));
        prop_assert_eq!(text.cmp(&time::format_rfc3339(other)), us.cmp(&other));
    }

    #[test]
    fn an_offset_names_the_same_time(seconds in -60_000_000_000_i64..250_000_000_000, minutes in -1_439_i64..=1_439) {
        let local = time::format_rfc3339((seconds + minutes * 60) * 1_000_000);
        let sign = if minutes < 0 { '-' } else { '+' };
        let (h, m) = (minutes.abs() / 60, minutes.abs() % 60);
        let text = format!("{}{sign}{h:02}:{m:02}", &local[..19]);
        prop_assert_eq!(time::parse_rfc3339(&text), Ok(seconds * 1_000_000));
    }
}
