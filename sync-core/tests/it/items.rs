//! Items that are nearly right: each is answered in its place, and its siblings are taken.

use sync_core::field::Field;
use sync_core::hlc::Stamp;
use sync_core::record::Record;
use sync_core::text::{Text, TextWrite};
use sync_core::verdict::Code;
use sync_core::wire::{Broken, Envelope, Format, Limits, RequestChange, RequestItem};
use uuid::Uuid;

const OP: &str = "01890000-0000-7000-8000-000000000001";
const HLC: &str = "2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f60718";

/// The items of a JSON body, given as the text of each.
fn decode(items: &[&str]) -> Vec<Result<RequestItem, Broken>> {
    let body = format!("{{\"changes\":[{}]}}", items.join(","));
    let envelope = Envelope::decode(body.as_bytes(), Format::Json, &Limits::default()).unwrap();
    envelope.request_items().collect()
}

fn upsert(fields: &str) -> String {
    format!(r#"{{"opId":"{OP}","type":"upsert","id":"{OP}","hlc":"{HLC}","fields":{fields}}}"#)
}

fn broken(item: &str) -> Broken {
    decode(&[item]).remove(0).unwrap_err()
}

#[test]
fn a_lone_surrogate_breaks_its_item_only() {
    let good = upsert(r#"{"title":"\ud83d\ude00"}"#);
    let results = decode(&[&good, &upsert(r#"{"title":"a\ud83d"}"#), &good]);
    assert!(results[0].is_ok() && results[2].is_ok());
    let broken = results[1].clone().unwrap_err();
    assert_eq!(broken.op_id.as_deref(), Some(OP));
    assert_eq!(broken.id, Some(OP.parse().unwrap()));
    assert_eq!(broken.code, Code::InvalidValue);
    assert!(
        broken.detail.starts_with("fields.title"),
        "{}",
        broken.detail
    );
}

#[test]
fn what_is_ignored_may_be_anything() {
    let item = upsert("{}").replacen('{', r#"{"x":"\ud800","y":1e999,"\udc00":[{}],"y":2,"#, 1);
    let item = decode(&[&item]).remove(0).unwrap();
    assert!(matches!(item.change, RequestChange::Upsert(edit) if edit.writes.is_empty()));
}

#[test]
fn a_member_may_be_there_once() {
    for (item, named) in [
        (upsert("{}").replacen('{', r#"{"opId":"x","#, 1), "opId"),
        (upsert(r#"{"title":"a","title":"a"}"#), "fields.title"),
        (
            upsert(r#"{"justification":"a","justification":null}"#),
            "fields.justification",
        ),
        (
            upsert(r#"{"amount":{"minor":1,"minor":1,"currency":"EUR"}}"#),
            "fields.amount.minor",
        ),
    ] {
        let broken = broken(&item);
        assert_eq!(broken.code, Code::InvalidValue);
        assert_eq!(broken.detail, format!("{named} is there twice"));
    }
}

#[test]
fn ids_have_one_form_in_any_case() {
    let nil = Uuid::nil().to_string();
    let item = decode(&[&upsert("{}")
        .to_uppercase()
        .replace("\"OPID\"", "\"opId\"")
        .replace("\"TYPE\"", "\"type\"")
        .replace("\"ID\"", "\"id\"")
        .replace("\"HLC\"", "\"hlc\"")
        .replace("\"FIELDS\"", "\"fields\"")
        .replace("UPSERT", "upsert")
        .replace("A1B2C3D4E5F60718", "a1b2c3d4e5f60718")])
    .remove(0)
    .unwrap();
    assert_eq!(item.op_id.to_string(), OP);
    assert!(decode(&[&upsert("{}").replace(OP, &nil)])[0].is_ok());
    for id in [
        OP.replace('-', ""),
        format!("{{{OP}}}"),
        format!("urn:uuid:{OP}"),
        format!(" {OP}"),
    ] {
        let broken = broken(&upsert("{}").replace(OP, &id));
        assert_eq!(broken.op_id, Some(id));
        assert_eq!(broken.id, None);
    }
    let long = "x".repeat(129);
    assert_eq!(broken(&upsert("{}").replace(OP, &long)).op_id, None);
}

#[test]
fn limits_are_counted_in_code_points() {
    for (field, most) in [("title", 200), ("region", 64), ("justification", 10_000)] {
        for (c, count, good) in [
            ("é", most, true),
            ("😀", most, true),
            ("x", most + 1, false),
        ] {
            let item = upsert(&format!("{{\"{field}\":\"{}\"}}", c.repeat(count)));
            assert_eq!(decode(&[&item])[0].is_ok(), good, "{field}");
        }
    }
}

#[test]
fn a_base_is_a_set_and_an_empty_one_starts() {
    let later = HLC.replace("0007", "0008");
    let item = upsert(&format!(
        r#"{{"justification":{{"text":"x","base":["{later}","{HLC}","{later}"]}}}}"#
    ));
    let RequestChange::Upsert(edit) = decode(&[&item]).remove(0).unwrap().change else {
        panic!();
    };
    let base: Vec<Stamp> = vec![HLC.parse().unwrap(), later.parse().unwrap()];
    assert_eq!(
        edit.text,
        Some(TextWrite::Edit {
            base,
            text: "x".to_owned()
        })
    );
    for (text, start) in [("null", None), ("\"x\"", Some("x".to_owned()))] {
        let item = upsert(&format!(
            r#"{{"justification":{{"text":{text},"base":[]}}}}"#
        ));
        let RequestChange::Upsert(edit) = decode(&[&item]).remove(0).unwrap().change else {
            panic!();
        };
        assert_eq!(edit.text, Some(TextWrite::Start(start)));
    }
}

#[test]
fn seen_is_compared_whole() {
    let seen = |seen: &str| {
        let item =
            format!(r#"{{"opId":"{OP}","type":"submit","id":"{OP}","hlc":"{HLC}","seen":{seen}}}"#);
        let RequestChange::Submit { seen } = decode(&[&item]).remove(0).unwrap().change else {
            panic!();
        };
        seen
    };
    assert_eq!(seen("null"), None);
    let mut registers = Record::default().registers().clone();
    registers[Field::Title.index()].stamp = HLC.parse().unwrap();
    let text = Text::start(HLC.parse().unwrap(), None);
    let record = Record::from_parts(registers, text, None);
    for (text, matches) in [
        (
            format!(r#"{{"title":"{HLC}","justification":["{HLC}"]}}"#),
            true,
        ),
        (
            format!(r#"{{"title":"{HLC}","region":null,"justification":["{HLC}"],"other":1}}"#),
            true,
        ),
        (format!(r#"{{"title":"{HLC}"}}"#), false),
        (
            format!(r#"{{"title":"{HLC}","region":"{HLC}","justification":["{HLC}"]}}"#),
            false,
        ),
        (
            format!(r#"{{"title":null,"justification":["{HLC}"]}}"#),
            false,
        ),
        ("{}".to_owned(), false),
    ] {
        assert_eq!(seen(&text).unwrap().matches(&record), matches, "{text}");
    }
    assert!(seen("{}").unwrap().matches(&Record::default()));
    assert!(
        seen(r#"{"justification":[]}"#)
            .unwrap()
            .matches(&Record::default())
    );
}
