use super::{check, hex};
use serde_json::{Value as Json, json};
use sync_core::hlc::{NodeId, Stamp};
use sync_core::record::{Edit, Outcome, Record};
use sync_core::text::{TOKENIZER_VERSION, TextError, TextWrite, Work};

fn at(place: u64) -> Stamp {
    Stamp::new(1_795_341_600_000 + place, 0, NodeId::new(place % 3)).unwrap()
}

/// A write: its place in time, the places of its base, its string.
type Write<'a> = (u64, &'a [u64], Option<&'a str>);

fn case(name: &str, writes: &[Write<'_>]) -> Json {
    let mut record = Record::default();
    let steps: Vec<Json> = writes
        .iter()
        .map(|(place, base, text)| {
            let base: Vec<Stamp> = base.iter().map(|place| at(*place)).collect();
            let text = match text {
                Some(text) if !base.is_empty() => TextWrite::Edit {
                    base,
                    text: (*text).to_owned(),
                },
                text => TextWrite::Start(text.map(str::to_owned)),
            };
            let wire = json!(text);
            let edit = Edit {
                stamp: at(*place),
                writes: Vec::new(),
                text: Some(text),
            };
            let outcome = match record.apply(&edit, &mut Work::unlimited()) {
                Ok(applied) => match applied.outcomes[7] {
                    Outcome::Won => "applied",
                    Outcome::Joined => "merged",
                    Outcome::Same => "duplicate",
                    Outcome::Lost | Outcome::Absent => "superseded",
                },
                Err(TextError::UnknownBase(_)) => "unknown_base",
                Err(TextError::StampReused(_)) => "stamp_reused",
                Err(error) => panic!("{error}"),
            };
            json!({
                "hlc": at(*place), "justification": wire, "outcome": outcome,
                "shows": record.text().value(), "heads": record.text().heads(),
            })
        })
        .collect();
    // The hashes of the document's changes are in it: another cut into words would change it.
    let digest = hex(&sha256(&record.canonical_bytes()));
    json!({"name": name, "writes": steps, "state": digest})
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}

#[test]
fn texts() {
    let cases = [
        case(
            "typing on",
            &[
                (1, &[], Some("We go to Lyon.")),
                (2, &[1], Some("We go to Lyon in May.")),
                (3, &[2], Some("We go in May.")),
            ],
        ),
        case(
            "two phones at once",
            &[
                (1, &[], Some("We need a booth in Lyon.")),
                (2, &[1], Some("We need a big booth in Lyon.")),
                (3, &[1], Some("We need a booth in Lyon, and flyers.")),
                (4, &[2, 3], Some("We need a booth.")),
            ],
        ),
        case(
            "the same word changed twice",
            &[
                (1, &[], Some("costs 100 EUR")),
                (2, &[1], Some("costs 120 EUR")),
                (3, &[1], Some("costs 150 EUR")),
            ],
        ),
        case(
            "one deletes what the other edits",
            &[
                (1, &[], Some("first second third")),
                (2, &[1], Some("first third")),
                (3, &[1], Some("first 2nd third")),
            ],
        ),
        case(
            "an edit that changes nothing names a base",
            &[
                (1, &[], Some("same")),
                (2, &[1], Some("same")),
                (3, &[2], Some("same here")),
                (4, &[1], Some("the same")),
            ],
        ),
        case(
            "a later start supersedes",
            &[
                (1, &[], Some("old")),
                (2, &[1], Some("old, edited")),
                (4, &[], Some("new")),
                (3, &[2], Some("old, edited again")),
                (5, &[3, 4], Some("mixed")),
            ],
        ),
        case(
            "an earlier start loses",
            &[
                (4, &[], Some("new")),
                (1, &[], Some("old")),
                (2, &[1], Some("old, edited")),
                (4, &[], Some("new")),
            ],
        ),
        case(
            "cleared, then typed",
            &[
                (1, &[], None),
                (2, &[1], Some("")),
                (3, &[2], Some("x")),
                (4, &[3], Some("")),
            ],
        ),
        case(
            "what is refused",
            &[
                (1, &[], Some("a")),
                (2, &[9], Some("b")),
                (1, &[], Some("c")),
                (2, &[1], Some("b")),
                (2, &[1], Some("d")),
                (2, &[1], Some("b")),
            ],
        ),
        case(
            "scripts without blanks, marks and emoji",
            &[
                (1, &[], Some("漢字 cafe\u{301} 👍🏽")),
                (2, &[1], Some("漢語 cafe\u{301} 👍🏽")),
                (3, &[1], Some("漢字 café 👍🏿!")),
            ],
        ),
    ];
    let about = "Writes of the justification in the order they arrive. `outcome` is the verdict on the text alone.";
    check(
        "texts.json",
        &json!({"about": about, "tokenizerVersion": TOKENIZER_VERSION, "texts": cases}),
    );
}
