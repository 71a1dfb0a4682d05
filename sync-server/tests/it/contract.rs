//! The API document: as committed, of the same routes as the table of roles, and with examples that are true.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use sync_server::api::access;
use sync_server::docs;
use sync_server::problem::Code;

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

/// An operation of the document, with its name.
struct Operation {
    name: String,
    method: String,
    described: Value,
}

fn document() -> Value {
    serde_json::to_value(docs::openapi()).unwrap()
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, described) in item.as_object().unwrap() {
            operations.push(Operation {
                name: format!("{} {path}", method.to_uppercase()),
                method: method.to_uppercase(),
                described: described.clone(),
            });
        }
    }
    operations
}

#[test]
fn every_route_has_an_audience_and_every_audience_a_route() {
    let operations = operations(&document());
    let described: BTreeSet<_> = operations.into_iter().map(|one| one.name).collect();
    let known: BTreeSet<_> = access::TABLE
        .iter()
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    assert_eq!(described, known);
}

#[test]
fn no_two_operations_share_an_id() {
    // Generators of clients name a function after it.
    let mut owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for operation in operations(&document()) {
        let id = operation.described["operationId"].as_str();
        let id = id.unwrap_or_else(|| panic!("{} has no operationId", operation.name));
        owners
            .entry(id.to_owned())
            .or_default()
            .push(operation.name);
    }
    owners.retain(|_, operations| operations.len() > 1);
    assert_eq!(owners, BTreeMap::new());
}

/// Every schema of a body that is sent or answered with 200 or 201, with where it stands.
fn bodies(document: &Value) -> Vec<(String, Value)> {
    let mut bodies = Vec::new();
    for operation in operations(document) {
        let described = &operation.described;
        let answers = ["200", "201"].map(|status| &described["responses"][status]);
        for place in [&described["requestBody"], answers[0], answers[1]] {
            let schema = &place["content"]["application/json"]["schema"];
            // A body that may be absent is its schema or null.
            let schema = match schema["oneOf"].as_array() {
                Some(either) => &either[0],
                None => schema,
            };
            if schema["$ref"].is_string() {
                bodies.push((operation.name.clone(), schema.clone()));
            }
        }
    }
    bodies
}

#[test]
fn every_body_has_an_example_that_fits_its_schema() {
    let document = document();
    let bodies = bodies(&document);
    assert!(bodies.len() >= 40, "{} bodies", bodies.len());
    for (name, schema) in bodies {
        let pointer = schema["$ref"].as_str().unwrap();
        let pointer = pointer.strip_prefix('#').unwrap();
        let examples = document.pointer(pointer).unwrap()["examples"].clone();
        let examples = examples.as_array().cloned().unwrap_or_default();
        assert!(!examples.is_empty(), "{name}: {pointer} has no example");
        let whole = json!({"$ref": schema["$ref"], "components": document["components"]});
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&whole)
            .unwrap();
        for example in examples {
            let errors: Vec<_> = validator
                .iter_errors(&example)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{name}: {pointer}: {errors:?}");
        }
    }
}

/// The codes of an operation's problems.
fn codes(document: &Value, operation: &Operation) -> BTreeSet<String> {
    let responses = operation.described["responses"].as_object().unwrap();
    let mut codes = BTreeSet::new();
    for (status, response) in responses {
        let Some(pointer) = response["$ref"].as_str() else {
            continue;
        };
        let response = document.pointer(&pointer[1..]).unwrap();
        assert!(response["content"]["application/problem+json"].is_object());
        for code in response["x-codes"].as_array().into_iter().flatten() {
            let code = code.as_str().unwrap();
            let known = Code::ALL.iter().find(|known| known.as_str() == code);
            // What is no kind of problem is a rule's code.
            let expected = known.map_or(409, |known| known.status().as_u16());
            assert_eq!(*status, expected.to_string(), "{code}");
            codes.insert(code.to_owned());
        }
    }
    codes
}

#[test]
fn every_operation_says_how_it_can_fail() {
    let document = document();
    for operation in operations(&document) {
        let codes = codes(&document, &operation);
        let name = &operation.name;
        for always in ["rate_limited", "unavailable", "internal"] {
            assert!(codes.contains(always), "{name}: {always}");
        }
        let signed_in = operation.described["security"].is_array();
        assert_eq!(codes.contains("unauthenticated"), signed_in, "{name}");
        assert_eq!(codes.contains("token_expired"), signed_in, "{name}");
        // One's own wishes and phones have no version, and are for every role.
        let own = name.contains("/notify/preferences") || name.contains("/devices/");
        let changes = ["PUT", "DELETE"].contains(&&*operation.method) && !own;
        assert!(!changes || codes.contains("precondition_failed"), "{name}");
        assert!(!changes || codes.contains("forbidden"), "{name}");
        // Some name a record in other ways: by the body, or a place in the audit log.
        let otherwise = name == "POST /api/v1/requests" || name.starts_with("GET /api/v1/audit/");
        assert!(
            otherwise || name.contains("{id}") == codes.contains("not_found"),
            "{name}"
        );
    }
}

#[test]
fn what_particular_operations_refuse_is_told() {
    let document = document();
    let told = |name: &str, code: &str| {
        let operations = operations(&document);
        let operation = operations.iter().find(|one| one.name == name).unwrap();
        codes(&document, operation).contains(code)
    };
    for (name, code) in [
        ("POST /api/v1/auth/login", "invalid_credentials"),
        ("POST /api/v1/auth/refresh", "session_revoked"),
        ("POST /api/v1/users", "email_taken"),
        ("PUT /api/v1/users/{id}", "last_admin"),
        ("DELETE /api/v1/users/{id}", "last_admin"),
        ("POST /api/v1/users/me/password", "invalid_credentials"),
        ("POST /api/v1/requests", "chain_incomplete"),
        ("POST /api/v1/requests/sync", "wrong_user"),
        ("POST /api/v1/requests/sync", "batch_too_large"),
        ("GET /api/v1/requests/updates", "resync_required"),
    ] {
        assert!(told(name, code), "{name}: {code}");
    }
    assert!(!told("GET /api/v1/users/me", "forbidden"));
    assert!(!told("GET /api/v1/categories", "malformed_body"));
}

#[test]
fn every_answer_is_listed_with_its_headers() {
    let document = document();
    for operation in operations(&document) {
        let name = &operation.name;
        let responses = operation.described["responses"].as_object().unwrap();
        for (status, response) in responses {
            assert_ne!(status, "default", "{name}: hides what is not listed");
            let response = match response["$ref"].as_str() {
                Some(pointer) => document.pointer(&pointer[1..]).unwrap(),
                None => response,
            };
            let has = |header: &str| response["headers"][header].is_object();
            assert!(has("x-request-id"), "{name}: {status}");
            assert_eq!(has("WWW-Authenticate"), status == "401", "{name}: {status}");
            assert_eq!(has("Location"), status == "201", "{name}: {status}");
            let later = ["429", "503"].contains(&status.as_str());
            assert_eq!(has("Retry-After"), later, "{name}: {status}");
        }
        let cached = responses.contains_key("304");
        let tagged = operation.described["responses"]["200"]["headers"]["ETag"].is_object();
        assert!(!cached || tagged, "{name}: a list that is kept has a tag");
    }
}
