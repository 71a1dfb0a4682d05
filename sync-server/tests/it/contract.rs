//! The API document: as committed, and of the same routes as the table of roles.

use std::path::Path;
use sync_server::api::access;
use sync_server::docs;

#[test]
fn the_committed_document_is_the_one_the_handlers_make() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mobile-contract/openapi.json");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == docs::openapi_text(),
        "mobile-contract/openapi.json is stale; write it anew with\n  \
         cargo run -p sync-server -- openapi > mobile-contract/openapi.json"
    );
}

#[test]
fn every_route_has_an_audience_and_every_audience_a_route() {
    let document = serde_json::to_value(docs::openapi()).unwrap();
    let mut described = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            described.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    let mut known: Vec<_> = access::TABLE
        .iter()
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    described.sort();
    known.sort();
    assert_eq!(described, known);
}
