//! Approvals, batches of votes and their pulls.

use super::{L1A, L1B, OTHER, SALES1, TRAVEL, page};
use serde_json::{Value, json};

const REQUEST: &str = "0195d0c0-7d5c-7000-8000-0123456789ab";
const REVISION: &str = "sha256:d63c16b2c26564ae13518eeae3ed603d0daa031dcb303f80dd618f4e0bc7d467";
/// Level 1 of that revision.
const APPROVAL: &str = "5a4bb4a1-3ab1-5f4d-8cf0-1a40a3f0a1d7";
const OP: &str = "0195d0c0-7d5c-7010-8000-0123456789ab";
const VOTED: &str = "2026-11-22T11:00:00.000Z-0000-0817065f4e3d2c1b";
const AT: &str = "2026-11-22T11:00:01.000002Z";

pub(super) fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("Act", json!({"comment": "Agreed in the team."})),
        ("Approval", approval()),
        ("ApprovalPage", page(&listed())),
        ("VoteBatch", batch()),
        ("VoteAnswer", answer()),
        (
            "ApprovalUpdates",
            json!({
                "serverTime": "2026-11-22T11:00:02.000000Z", "lastSync": AT, "hasMore": false,
                "changes": [{"kind": "upsert", "record": approval()}],
            }),
        ),
    ]
}

fn approval() -> Value {
    json!({
        "id": APPROVAL, "requestId": REQUEST, "level": 1, "revision": REVISION, "status": "approved",
        "sealed": false, "sealsAt": "2026-11-23T23:00:01.000002Z", "basisAt": "2026-11-22T10:00:01.000005Z",
        "quorum": 1, "approverIds": [L1A, L1B],
        "votes": [{
            "approverId": L1A, "vote": "approve", "comment": "Agreed in the team.", "hlc": VOTED,
            "acceptedAt": AT,
        }],
        "dissent": [],
        "request": {
            "id": REQUEST, "ownerId": SALES1, "ownerName": "Sam Sales",
            "submittedAt": "2026-11-22T10:00:01.000002Z", "title": "Trade fair",
            "amount": {"minor": 125_000, "currency": "EUR"}, "categoryId": TRAVEL, "reasonId": OTHER,
            "departmentId": null, "region": "EMEA", "neededBy": "2026-12-01",
            "justification": "Two days in Lyon.",
        },
        "updatedAt": AT,
    })
}

fn listed() -> Value {
    let mut listed = approval();
    listed["myVote"] = json!("approve");
    listed["actedAt"] = json!(AT);
    listed
}

fn batch() -> Value {
    json!({
        "deviceId": "phone-7", "clientTime": "2026-11-22T11:00:00.500000Z", "lastSync": null,
        "changes": [{
            "opId": OP, "type": "approve", "id": APPROVAL, "revision": REVISION,
            "comment": "Agreed in the team.", "hlc": VOTED,
        }],
    })
}

fn answer() -> Value {
    json!({
        "serverTime": AT, "hlc": "2026-11-22T11:00:01.000Z-0000-5ca1ab1e0ddba11f", "clockOffsetMs": 500,
        "results": [{
            "opId": OP, "id": APPROVAL, "verdict": "applied", "code": null, "detail": null, "retryable": false,
            "superseded": [], "waitingFor": null, "updatedAt": AT, "record": approval(),
        }],
        "lastSync": AT, "changes": [], "hasMore": false,
    })
}
