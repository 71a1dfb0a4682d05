//! The schemas in `mobile-contract/events` are those of the code, one file a kind.

use domain_services::events::schemas;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../mobile-contract/events")
}

/// The files as they should be: a schema a kind, and a list of all.
fn files() -> Vec<(String, String)> {
    let mut list = String::from(
        "# Events\n\nGenerated: do not edit. CloudEvents 1.0; the schema is of `data`.\n\n| type | topic | ordered by | told when |\n|---|---|---|---|\n",
    );
    let mut files = Vec::new();
    for event in schemas::all() {
        let name = format!("{}.json", event.kind);
        let _ = writeln!(
            list,
            "| [`{}`]({name}) | `{}` | {} | {} |",
            event.kind,
            event.topic.name(),
            event.key,
            event.meaning
        );
        let schema = serde_json::to_string_pretty(&event.schema).unwrap() + "\n";
        files.push((name, schema));
    }
    files.push(("README.md".to_owned(), list));
    files
}

#[test]
fn the_schemas_are_those_of_the_code() {
    let folder = folder();
    let write = std::env::var_os("ATHENA_WRITE_EVENTS").is_some_and(|write| write == "1");
    if write {
        std::fs::create_dir_all(&folder).unwrap();
    }
    for (name, text) in files() {
        let path = folder.join(&name);
        if write {
            std::fs::write(&path, &text).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            there, text,
            "{name} is stale; ATHENA_WRITE_EVENTS=1 writes it anew"
        );
    }
    let expected: BTreeSet<String> = files().into_iter().map(|(name, _)| name).collect();
    let there: BTreeSet<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(there, expected, "a file for each kind and no other");
}

#[test]
fn a_kind_is_named_once() {
    let mut kinds: Vec<&str> = schemas::all().iter().map(|event| event.kind).collect();
    kinds.sort_unstable();
    let count = kinds.len();
    kinds.dedup();
    assert_eq!(kinds.len(), count);
}
