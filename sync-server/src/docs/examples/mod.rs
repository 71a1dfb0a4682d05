//! An example of each body, by the name of its schema. They fit the demo organisation: what is sent by one is
//! accepted there, and a test sends them all.

mod approvals;
mod audit;
mod catalogue;
mod notify;
mod people;
mod requests;

use serde_json::{Value, json};
use utoipa::openapi::{Components, RefOr, Schema};

/// The category `Travel`, which has one level.
const TRAVEL: &str = "95584a4a-b4a1-555a-889f-01b2878a888b";
/// The reason `Other`, which fits all categories.
const OTHER: &str = "17d6d397-91fb-5819-8f5a-cad5c4d89952";
/// The department `Field sales`.
const FIELD_SALES: &str = "3d29fee4-8ed8-5c30-8f9b-4c9ce9cccc14";
/// `sales1@demo.athena`.
const SALES1: &str = "ed9a4c66-6399-5106-8ba6-8989adc786db";
/// `l1a@demo.athena`.
const L1A: &str = "f1aa533b-6d19-5d62-b468-324a91d571a0";
/// `l1b@demo.athena`.
const L1B: &str = "63c7723e-4ec6-54f8-944d-6b027b18dc25";

fn page(item: &Value) -> Value {
    json!({"items": [item], "next": null})
}

/// Gives each schema that has an example its example.
pub(super) fn add(components: &mut Components) {
    let all = people::all()
        .into_iter()
        .chain(catalogue::all())
        .chain(requests::all())
        .chain(approvals::all())
        .chain(audit::all())
        .chain(notify::all());
    for (name, example) in all {
        let Some(RefOr::T(schema)) = components.schemas.get_mut(name) else {
            continue; // a test finds bodies without an example
        };
        match schema {
            Schema::Object(schema) => schema.examples.push(example),
            Schema::AllOf(schema) => schema.examples.push(example),
            Schema::OneOf(schema) => schema.examples.push(example),
            _ => {}
        }
    }
}
