//! Budget requests, batches and pulls.

use super::{FIELD_SALES, OTHER, SALES1, TRAVEL, page};
use serde_json::{Value, json};

const REQUEST: &str = "0195d0c0-7d5c-7000-8000-0123456789ab";
const DRAFT: &str = "0195d0c0-7d5c-7001-8000-0123456789ab";
const DRAFTED: &str = "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718";
const SUBMITTED: &str = "2026-11-22T10:00:00.000Z-0001-a1b2c3d4e5f60718";
const AT: &str = "2026-11-22T10:00:01.000002Z";

pub(super) fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("NewRequest", new_request()),
        ("Request", request()),
        ("RequestPage", page(&request())),
        ("RequestHistory", history()),
        ("SyncBatch", batch()),
        ("SyncAnswer", answer()),
        (
            "Updates",
            json!({
                "serverTime": "2026-11-22T10:00:02.000000Z", "lastSync": AT, "hasMore": false,
                "changes": [{"kind": "upsert", "record": request()}, {"kind": "remove", "id": DRAFT}],
            }),
        ),
    ]
}

fn new_request() -> Value {
    json!({
        "id": REQUEST, "title": "Trade fair", "amount": {"minor": 125_000, "currency": "EUR"},
        "categoryId": TRAVEL, "reasonId": OTHER, "departmentId": FIELD_SALES, "region": "EMEA",
        "neededBy": "2026-12-01", "justification": "Two days in Lyon.",
    })
}

fn request() -> Value {
    json!({
        "id": REQUEST, "ownerId": SALES1, "title": "Trade fair", "amount": {"minor": 125_000, "currency": "EUR"},
        "categoryId": TRAVEL, "reasonId": OTHER, "departmentId": FIELD_SALES, "region": "EMEA",
        "neededBy": "2026-12-01", "justification": "Two days in Lyon.", "justificationHeads": [DRAFTED],
        "status": "pending_l1", "final": false, "finalAt": null,
        "revision": "sha256:d63c16b2c26564ae13518eeae3ed603d0daa031dcb303f80dd618f4e0bc7d467",
        "stamps": {
            "title": DRAFTED, "amount": DRAFTED, "categoryId": DRAFTED, "reasonId": DRAFTED,
            "departmentId": DRAFTED, "region": DRAFTED, "neededBy": DRAFTED, "justification": DRAFTED,
        },
        "deleted": false, "createdAt": AT, "updatedAt": AT, "submittedAt": AT,
    })
}

fn history() -> Value {
    json!({"items": [
        {"at": AT, "actorId": SALES1, "event": "created", "detail": {"fields": ["title", "amount"]}},
        {"at": AT, "actorId": SALES1, "event": "submitted", "detail": {"revision": request()["revision"]}},
    ]})
}

/// A draft written and submitted in one go, another one begun, and everything pulled.
fn batch() -> Value {
    let mut fields = new_request();
    if let Some(fields) = fields.as_object_mut() {
        fields.remove("id");
    }
    fields["justification"] = json!({"text": "Two days in Lyon.", "base": []});
    let draft = json!({"title": "Booth", "region": null});
    json!({
        "deviceId": "phone-1", "clientTime": "2026-11-22T10:00:00.800Z", "lastSync": null,
        "changes": [
            {"opId": "0195d0c0-7d5c-7002-8000-000000000001", "type": "upsert", "id": DRAFT, "hlc": DRAFTED, "fields": fields},
            {"opId": "0195d0c0-7d5c-7002-8000-000000000002", "type": "submit", "id": DRAFT, "hlc": SUBMITTED},
            {
                "opId": "0195d0c0-7d5c-7002-8000-000000000003", "type": "upsert",
                "id": "0195d0c0-7d5c-7003-8000-0123456789ab",
                "hlc": "2026-11-22T10:00:00.000Z-0002-a1b2c3d4e5f60718", "fields": draft,
            },
        ],
    })
}

fn answer() -> Value {
    let result = |op: &str, id: &str, verdict: &str, record: Value| {
        json!({
            "opId": op, "id": id, "verdict": verdict, "code": null, "detail": null, "retryable": false,
            "superseded": [], "waitingFor": null, "updatedAt": AT, "record": record,
        })
    };
    let (one, two) = (
        "0195d0c0-7d5c-7002-8000-000000000001",
        "0195d0c0-7d5c-7002-8000-000000000002",
    );
    json!({
        "serverTime": "2026-11-22T10:00:02.000000Z",
        "hlc": "2026-11-22T10:00:02.000Z-0000-0817065f4e3d2c1b", "clockOffsetMs": 1_200,
        "results": [
            result(one, REQUEST, "applied", Value::Null),
            result(two, REQUEST, "applied", request()),
        ],
        "lastSync": AT, "changes": [], "hasMore": false,
    })
}
