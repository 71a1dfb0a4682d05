use super::{check, hex};
use serde_json::json;
use sync_core::hlc::{Clock, MAX_MILLIS, NodeId, Stamp};
use sync_core::time;

#[test]
fn stamps() {
    let texts = [
        "1970-01-01T00:00:00.000Z-0000-0000000000000000",
        "1970-01-01T00:00:00.001Z-0000-0000000000000001",
        "2024-02-29T23:59:59.999Z-ffff-0123456789abcdef",
        "2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f60718",
        "2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f60719",
        "2026-11-22T10:00:00.123Z-0008-0000000000000000",
        "2026-11-22T10:00:00.124Z-0000-0000000000000000",
        "9999-12-31T23:59:59.999Z-ffff-ffffffffffffffff",
    ];
    let valid = texts.map(|text| {
        let stamp: Stamp = text.parse().unwrap();
        assert_eq!(stamp.to_string(), text);
        json!({
            "text": text, "millis": stamp.millis(), "counter": stamp.counter(),
            "node": stamp.node().to_string(), "bytes": hex(&stamp.to_bytes()),
        })
    });
    assert!(texts.is_sorted());
    let invalid = [
        "",
        "2026-11-22T10:00:00.123Z-0007-A1B2C3D4E5F60718",
        "2026-11-22T10:00:00.123456Z-0007-a1b2c3d4e5f60718",
        "2026-11-22T10:00:00.123+00:00-0007-a1b2c3d4e5f60718",
        "2026-11-22T10:00:00.123Z-7-a1b2c3d4e5f60718",
        "2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f6071",
        "2026-02-29T10:00:00.123Z-0007-a1b2c3d4e5f60718",
        "2026-11-22T24:00:00.000Z-0007-a1b2c3d4e5f60718",
        "2026-11-22T10:00:60.000Z-0007-a1b2c3d4e5f60718",
        "1969-12-31T23:59:59.999Z-0007-a1b2c3d4e5f60718",
    ];
    for text in invalid {
        assert!(text.parse::<Stamp>().is_err(), "{text}");
    }
    let about = "Stamps in their order, and texts that are none. `bytes` is what MessagePack may carry as bin 16.";
    check(
        "stamps.json",
        &json!({"about": about, "sorted": valid, "invalid": invalid}),
    );
}

#[test]
fn clocks() {
    let node = NodeId::new(0xa1b2_c3d4_e5f6_0718);
    let mut clock = Clock::new(node);
    let remote = |millis, counter| Stamp::new(millis, counter, NodeId::new(9)).unwrap();
    let steps = [
        (1_000, None),
        (1_000, None),
        (900, None),
        (1_001, None),
        (1_001, Some(remote(5_000, 3))),
        (1_002, None),
        (6_000, Some(remote(5_000, 9))),
        (6_000, Some(remote(7_000, u16::MAX))),
        (0, None),
        (8_000, Some(remote(1, 0))),
        (u64::MAX >> 11, None),
        (0, Some(remote(MAX_MILLIS, u16::MAX))),
        (0, None),
    ];
    let steps = steps.map(|(wall, remote)| {
        let given = match remote {
            None => clock.tick(wall),
            Some(remote) => clock.observe(remote, wall),
        };
        json!({"wallMs": wall, "observe": remote, "gives": given})
    });
    let about = "A clock that starts at zero, step by step: a tick, or the observation of a stamp.";
    check(
        "clock.json",
        &json!({"about": about, "node": node.to_string(), "steps": steps}),
    );
}

#[test]
fn times() {
    let valid = [
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00Z",
        "2024-02-29T12:00:00.5Z",
        "2026-11-22T10:00:00.123456Z",
        "2026-11-22T10:00:00.1234567890Z",
        "2026-11-22t10:00:00z",
        "2026-11-22T11:30:00+01:30",
        "2026-11-21T23:00:00.000001-11:00",
        "9999-12-31T23:59:59.9999999Z",
    ];
    let valid = valid.map(|text| {
        let us = time::parse_rfc3339(text).unwrap();
        // As a string: microseconds of the year 9999 do not fit a double.
        json!({"text": text, "microseconds": us.to_string(), "canonical": time::format_rfc3339(us)})
    });
    let invalid = [
        "2026-11-22",
        "2026-11-22T10:00:00",
        "2026-11-22 10:00:00Z",
        "2026-11-22T10:00:00.Z",
        "2026-02-29T10:00:00Z",
        "2016-12-31T23:59:60Z",
        "2026-11-22T10:00:00+24:00",
        "0000-12-31T10:00:00Z",
        "9999-12-31T23:59:59-00:01",
    ];
    for text in invalid {
        assert!(time::parse_rfc3339(text).is_err(), "{text}");
    }
    let about = "RFC 3339 times as microseconds since the Unix epoch, and texts that are none.";
    check(
        "times.json",
        &json!({"about": about, "valid": valid, "invalid": invalid}),
    );
}
