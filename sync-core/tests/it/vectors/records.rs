use super::check;
use serde_json::{Value as Json, json};
use sync_core::canonical::{self, Revision, approval_id, event_id};
use sync_core::field::Field;
use sync_core::hlc::Stamp;
use sync_core::record::{Outcome, Record};
use sync_core::text::Work;
use sync_core::wire::content_edit;
use uuid::Uuid;

const A: &str = "2026-11-22T10:00:00.100Z-0000-000000000000000a";
const B: &str = "2026-11-22T10:00:00.100Z-0000-000000000000000b";
const C: &str = "2026-11-22T10:00:00.200Z-0000-000000000000000a";

fn content(record: &Record) -> Json {
    serde_json::from_slice(&canonical::content_bytes(record)).unwrap()
}

fn names(applied: &sync_core::record::Applied, outcome: Outcome) -> Vec<&'static str> {
    applied.with(outcome).iter().map(Field::name).collect()
}

/// Applies edits of `(stamp, fields)` in order.
fn merge(name: &str, edits: &[(&str, Json)]) -> Json {
    let mut record = Record::default();
    let steps: Vec<Json> = edits
        .iter()
        .map(|(hlc, fields)| {
            let stamp: Stamp = hlc.parse().unwrap();
            let edit = content_edit(stamp, fields.as_object().unwrap()).unwrap();
            let applied = record.apply(&edit, &mut Work::unlimited()).unwrap();
            json!({
                "hlc": hlc, "fields": fields,
                "won": names(&applied, Outcome::Won), "same": names(&applied, Outcome::Same),
                "superseded": names(&applied, Outcome::Lost),
            })
        })
        .collect();
    let stamps: serde_json::Map<String, Json> = Field::ALL
        .into_iter()
        .filter_map(|field| Some((field.name().to_owned(), json!(record.stamp(field)?))))
        .collect();
    json!({"name": name, "edits": steps, "content": content(&record), "stamps": stamps})
}

#[test]
fn merges() {
    let eur = |minor: i64| json!({"minor": minor, "currency": "EUR"});
    let merges = [
        merge(
            "the later stamp wins, whatever the order",
            &[
                (C, json!({"title": "late"})),
                (A, json!({"title": "early"})),
            ],
        ),
        merge(
            "fields merge one by one",
            &[
                (A, json!({"title": "a", "region": "EMEA"})),
                (C, json!({"title": "c"})),
            ],
        ),
        merge(
            "the node decides at equal times",
            &[(B, json!({"title": "b"})), (A, json!({"title": "a"}))],
        ),
        merge(
            "an equal stamp and value is a duplicate",
            &[
                (A, json!({"amount": eur(5)})),
                (A, json!({"amount": eur(5)})),
            ],
        ),
        merge(
            "equal stamps resolve by canonical bytes",
            &[(A, json!({"title": "a b"})), (A, json!({"title": "a"}))],
        ),
        merge(
            "a string ends after a blank and before a letter",
            &[(A, json!({"title": "ab"})), (A, json!({"title": "a"}))],
        ),
        merge(
            "null clears and absent leaves",
            &[
                (A, json!({"region": "EMEA", "neededBy": "2026-12-01"})),
                (C, json!({"region": null})),
            ],
        ),
        merge(
            "null is greater than a string and less than money",
            &[
                (A, json!({"amount": null, "region": null})),
                (A, json!({"amount": eur(5), "region": "x"})),
            ],
        ),
        merge(
            "amount and currency are one",
            &[
                (C, json!({"amount": eur(7)})),
                (A, json!({"amount": {"minor": 9, "currency": "JPY"}})),
            ],
        ),
        merge(
            "a plain justification is a register",
            &[
                (C, json!({"justification": "late"})),
                (A, json!({"justification": "early"})),
            ],
        ),
    ];
    let about =
        "Edits in the order they arrive, what became of each field, and what the record is then.";
    check("merges.json", &json!({"about": about, "merges": merges}));
}

#[test]
fn revisions() {
    let request = Uuid::from_u128(0x0189_0000_0000_7000_8000_0000_0000_00aa);
    let contents = [
        json!({}),
        json!({
            "title": "Trade fair, Lyon", "amount": {"minor": 125_000, "currency": "EUR"},
            "categoryId": "01890000-0000-7000-8000-000000000001", "reasonId": "01890000-0000-7000-8000-000000000002",
            "departmentId": null, "region": "EMEA", "neededBy": "2026-12-01", "justification": "Where customers decide.",
        }),
        json!({"title": "\"quotes\" \\ and \u{8}\t\n\u{c}\r\u{1f}\u{7f} controls", "region": "\u{e9} e\u{301} \u{1f600} /"}),
        json!({"amount": {"minor": 1_000_000_000_000_000_i64, "currency": "JPY"}, "justification": ""}),
    ];
    let revisions = contents.map(|fields| {
        let mut record = Record::default();
        let edit = content_edit(A.parse().unwrap(), fields.as_object().unwrap()).unwrap();
        record.apply(&edit, &mut Work::unlimited()).unwrap();
        let revision = Revision::of(&record);
        let levels: Vec<Json> = (1..=3).map(|level| json!(approval_id(request, &revision, level))).collect();
        json!({
            "fields": fields, "canonical": String::from_utf8(canonical::content_bytes(&record)).unwrap(),
            "revision": revision, "approvals": levels,
        })
    });
    let events = [("request.submitted", 1), ("request.submitted", 2), ("request.withdrawn", 2)]
        .map(|(kind, version)| json!({"type": kind, "version": version, "id": event_id(request, version, kind)}));
    let about = "Content, its RFC 8785 bytes, the revision over them, and the ids that follow from it for a request.";
    check(
        "revisions.json",
        &json!({"about": about, "requestId": request, "revisions": revisions, "events": events}),
    );
}
