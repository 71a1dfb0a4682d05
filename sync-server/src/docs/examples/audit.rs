//! The audit log and its proofs.

use super::{SALES1, page};
use serde_json::{Value, json};

const HASH: &str = "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=";

pub(super) fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("LogEntry", entry()),
        ("LogPage", page(&entry())),
        (
            "InclusionProof",
            json!({"seq": 1, "size": 3, "leaf": "e30=", "leafHash": HASH, "hashes": [HASH, HASH]}),
        ),
        (
            "ConsistencyProof",
            json!({"from": 1, "to": 3, "hashes": [HASH, HASH]}),
        ),
    ]
}

fn entry() -> Value {
    let request = "0195d0c0-7d5c-7000-8000-0123456789ab";
    json!({
        "seq": 1042, "at": "2026-11-22T10:00:01.000002Z", "actorId": SALES1, "action": "request.withdrawn",
        "requestId": request, "detail": {"id": request, "ownerId": SALES1, "actorId": SALES1},
        "traceId": "0af7651916cd43dd8448eb211c80319c", "eventId": "5a4bb4a1-3ab1-5f4d-8cf0-1a40a3f0a1d7",
        "key": request, "leafHash": HASH,
    })
}
