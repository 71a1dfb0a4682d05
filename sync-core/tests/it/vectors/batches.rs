use super::{check, hex};
use serde_json::{Value as Json, json};
use sync_core::wire::{Broken, Envelope, Format, Limits};

const OP: &str = "01890000-0000-7000-8000-000000000001";
const ID: &str = "01890000-0000-7000-8000-0000000000AA";
const HLC: &str = "2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f60718";
const REVISION: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// What both formats say of the items of a body.
fn decoded(body: &Json, approvals: bool) -> Vec<Result<u64, Broken>> {
    let json = serde_json::to_vec(body).unwrap();
    let msgpack = rmp_serde::to_vec_named(body).unwrap();
    let [json, msgpack] =
        [(json, Format::Json), (msgpack, Format::MessagePack)].map(|(body, format)| {
            let envelope = Envelope::decode(&body, format, &Limits::default()).unwrap();
            if approvals {
                envelope
                    .approval_items()
                    .map(|item| item.map(|item| item.digest))
                    .collect::<Vec<_>>()
            } else {
                envelope
                    .request_items()
                    .map(|item| item.map(|item| item.digest))
                    .collect()
            }
        });
    assert_eq!(json, msgpack);
    json
}

fn valid(body: &Json, approvals: bool) -> Json {
    let digests: Vec<String> = decoded(body, approvals)
        .into_iter()
        .map(|item| format!("{:016x}", item.unwrap()))
        .collect();
    let msgpack = rmp_serde::to_vec_named(body).unwrap();
    json!({"json": body, "msgpack": hex(&msgpack), "digests": digests})
}

#[test]
fn batches() {
    let requests = json!({
        "deviceId": "phone", "userId": "01890000-0000-7000-8000-0000000000ee",
        "clientTime": "2026-11-22T10:00:01.5+01:00", "lastSync": null,
        "changes": [
            {"opId": OP, "type": "upsert", "id": ID, "hlc": HLC, "fields": {
                "title": "Trade fair, Lyon", "amount": {"minor": 125_000, "currency": "EUR"},
                "categoryId": OP, "reasonId": OP, "departmentId": null, "region": "EMEA", "neededBy": "2026-12-01",
                "justification": {"text": "Where customers decide.", "base": [HLC]}}},
            {"opId": OP, "type": "upsert", "id": ID, "hlc": HLC, "fields": {"justification": "plain"}},
            {"opId": OP, "type": "submit", "id": ID, "hlc": HLC, "seen": {"title": HLC, "amount": null, "justification": [HLC]}},
            {"opId": OP, "type": "submit", "id": ID, "hlc": HLC},
            {"opId": OP, "type": "withdraw", "id": ID, "hlc": HLC},
            {"opId": OP, "type": "delete", "id": ID, "hlc": HLC, "ignored": [1.5]},
        ],
    });
    let approvals = json!({"changes": [
        {"opId": OP, "type": "approve", "id": ID, "revision": REVISION, "hlc": HLC},
        {"opId": OP, "type": "reject", "id": ID, "revision": REVISION, "comment": "Too much.", "hlc": HLC},
        {"opId": OP, "type": "rollback", "id": ID, "revision": REVISION, "hlc": HLC},
    ]});
    let about =
        "Bodies in both formats (`msgpack` in hex). `digests` tell whether two items say the same.";
    check(
        "batches.json",
        &json!({"about": about, "requests": valid(&requests, false), "approvals": valid(&approvals, true)}),
    );
}

#[test]
fn broken_items() {
    let fields = |fields: Json| json!({"opId": OP, "type": "upsert", "id": ID, "hlc": HLC, "fields": fields});
    let items = [
        json!(null),
        json!({"type": "withdraw", "id": ID, "hlc": HLC}),
        json!({"opId": "mine", "type": "withdraw", "id": ID, "hlc": HLC}),
        json!({"opId": OP, "type": "withdraw", "id": "0189000000007000800000000000000a", "hlc": HLC}),
        json!({"opId": OP, "type": "withdraw", "id": ID, "hlc": "2026-11-22T10:00:00.123Z"}),
        json!({"opId": OP, "type": "withdraw", "id": ID, "hlc": "1970-01-01T00:00:00.000Z-0000-0000000000000000"}),
        json!({"opId": OP, "type": "approve", "id": ID, "hlc": HLC}),
        json!({"opId": OP, "type": "upsert", "id": ID, "hlc": HLC}),
        fields(json!({"colour": "red"})),
        fields(json!({"title": ""})),
        fields(json!({"title": "x".repeat(201)})),
        fields(json!({"title": "a\u{0}b"})),
        fields(json!({"region": "x".repeat(65)})),
        fields(json!({"amount": 125_000})),
        fields(json!({"amount": {"minor": 0, "currency": "EUR"}})),
        fields(json!({"amount": {"minor": 125_000.0, "currency": "EUR"}})),
        fields(json!({"amount": {"minor": "125000", "currency": "EUR"}})),
        fields(json!({"amount": {"minor": 1_000_000_000_000_001_i64, "currency": "EUR"}})),
        fields(json!({"amount": {"minor": 1, "currency": "eur"}})),
        fields(json!({"amount": {"minor": 1, "currency": "QQQ"}})),
        fields(json!({"amount": {"minor": 1}})),
        fields(json!({"categoryId": 5})),
        fields(json!({"neededBy": "2026-02-29"})),
        fields(json!({"justification": {"text": "x"}})),
        fields(json!({"justification": {"text": "x", "base": ["yesterday"]}})),
        fields(json!({"justification": {"text": null, "base": [HLC]}})),
        json!({"opId": OP, "type": "submit", "id": ID, "hlc": HLC, "seen": {"title": 5}}),
    ];
    let broken: Vec<Json> = decoded(&json!({"changes": items}), false)
        .into_iter()
        .zip(&items)
        .map(|(result, item)| {
            let broken = result.unwrap_err();
            json!({
                "item": item, "opId": broken.op_id, "id": broken.id, "code": broken.code, "detail": broken.detail,
            })
        })
        .collect();
    let about =
        "Items that are refused in their place. `code` is the contract; `detail` names the field.";
    check(
        "broken-items.json",
        &json!({"about": about, "items": broken}),
    );
}
