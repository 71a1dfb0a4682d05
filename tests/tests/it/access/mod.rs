//! Who may call what: every operation of the API document, called by every role and by nobody, answers as is
//! written here, and with no status or code that the document does not tell.
//!
//! A new operation needs a row in [`expected`].

mod document;
mod expected;

use document::Document;
use expected::{EXPECTED, NOT_COVERED, Of};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::{Actor, Server, both_engines};
use uuid::Uuid;

const ROLES: [&str; 5] = ["sales", "approver", "admin", "auditor", "service"];

/// Records that paths name.
struct Records {
    another: Uuid,
    anothers_request: Uuid,
    anothers_approval: String,
    category: String,
    reason: String,
}

impl Records {
    async fn make(server: &Server) -> Self {
        let mut owner = server.sales_phone().await;
        let anothers_request = owner.new_id();
        let draft = owner.upsert(anothers_request, json!({"title": "Another's"}));
        owner.sync([draft]).await;
        let admin = server.admin().await;
        let made = async |path: &str, body: Value| {
            let made = admin.post(path, &body).await;
            made.body["id"].as_str().unwrap().to_owned()
        };
        Self {
            another: owner.actor.user_id,
            anothers_request,
            anothers_approval: anothers_approval(server).await,
            category: made("/api/v1/categories", json!({"name": "Walked", "levels": 1})).await,
            reason: made("/api/v1/reasons", json!({"text": "Walked"})).await,
        }
    }

    fn id(&self, of: Of, caller: &Actor) -> String {
        match of {
            Of::None => String::new(),
            Of::Nothing => Uuid::from_u128(404).to_string(),
            Of::Own => caller.user_id.to_string(),
            Of::Another => self.another.to_string(),
            Of::AnothersRequest => self.anothers_request.to_string(),
            Of::AnothersApproval => self.anothers_approval.clone(),
            Of::Category => self.category.clone(),
            Of::Reason => self.reason.clone(),
        }
    }
}

/// One that waits for the demo organisation's `l1a`.
async fn anothers_approval(server: &Server) -> String {
    let l1 = server.sign_in("l1a@demo.athena", "athena-demo").await;
    for _ in 0..200 {
        let waiting = l1.get("/api/v1/approvals/incoming").await.ok().body;
        if let Some(id) = waiting["items"][0]["id"].as_str() {
            return id.to_owned();
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("nothing waits for l1a");
}

/// The status and the code of what is answered; a stream is not waited for.
async fn answered(
    caller: &Actor,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (u16, String) {
    if path.ends_with("/stream") {
        let response = caller.open(path).await;
        let status = response.status().as_u16();
        let code = match status {
            200 => String::new(),
            _ => response.json::<Value>().await.unwrap()["code"]
                .as_str()
                .unwrap()
                .to_owned(),
        };
        return (status, code);
    }
    let json = [("content-type", "application/json")];
    let (headers, bytes) = match &body {
        Some(body) => (&json[..], body.to_string().into_bytes()),
        None => (&[][..], Vec::new()),
    };
    let reply = caller.send(method, path, headers, bytes).await.unwrap();
    (reply.status, reply.code().to_owned())
}

fn expected(cell: &str) -> (u16, &str) {
    let (status, code) = cell.split_once('/').unwrap_or((cell, ""));
    let status = status.parse().unwrap();
    match (status, code) {
        (401, "") => (401, "unauthenticated"),
        (403, "") => (403, "forbidden"),
        (404, "") => (404, "not_found"),
        other => other,
    }
}

async fn every_operation_answers_each_role_as_written(server: &Server) {
    let document = Document::read();
    let records = Records::make(server).await;
    let mut callers = vec![("nobody", server.anonymous())];
    for role in ROLES {
        callers.push((role, server.person(role).await));
    }
    for (name, of, cells) in EXPECTED {
        let (method, path) = name.split_once(' ').unwrap();
        let cells: Vec<_> = cells.split(' ').collect();
        assert_eq!(cells.len(), callers.len(), "{name}");
        for ((role, caller), cell) in callers.iter().zip(cells) {
            if cell == "-" {
                continue;
            }
            let path = path.replace("{id}", &records.id(*of, caller));
            let path = path.replace("{deviceId}", "phone%201");
            let method = method.parse().unwrap();
            let (status, code) = answered(caller, method, &path, document.body(name)).await;
            assert_eq!((status, &*code), expected(cell), "{name} by {role}");
            assert!(
                document.tells(name, status, &code),
                "{name}: {status} {code} is not in the document"
            );
        }
    }
}

#[test]
fn every_operation_has_a_row_or_is_listed_as_not_covered() {
    let rows: BTreeSet<_> = EXPECTED
        .iter()
        .map(|(name, ..)| (*name).to_owned())
        .collect();
    let open: BTreeSet<_> = NOT_COVERED
        .iter()
        .map(|name: &&str| (*name).to_owned())
        .collect();
    assert!(
        rows.is_disjoint(&open),
        "what is covered comes off the list"
    );
    let known: BTreeSet<_> = rows.union(&open).cloned().collect();
    assert_eq!(known, Document::read().names());
}

async fn the_id_of_anothers_request_is_no_id_to_create_with(server: &Server) {
    let records = Records::make(server).await;
    let sales = server.sales().await;
    let mut new = Document::read().body("POST /api/v1/requests").unwrap();
    new["id"] = json!(records.anothers_request);
    let reply = sales.post("/api/v1/requests", &new).await;
    assert_eq!((reply.status, reply.code()), (404, "not_found"));
}

async fn a_refusal_does_not_read_what_was_sent(server: &Server) {
    // Whether a body is well formed, or an id an id, is nobody's business who may not call at all.
    let sales = server.sales().await;
    let json = [("content-type", "application/json")];
    for (method, path) in [
        (Method::POST, "/api/v1/users"),
        (Method::PUT, "/api/v1/users/7"),
        (Method::PUT, "/api/v1/categories/7"),
    ] {
        let garbage = b"{".to_vec();
        let reply = sales.send(method, path, &json, garbage).await.unwrap();
        assert_eq!((reply.status, reply.code()), (403, "forbidden"), "{path}");
    }
    let wrong = sales
        .send(Method::PATCH, "/api/v1/users", &json, Vec::new())
        .await
        .unwrap();
    assert_eq!((wrong.status, wrong.code()), (405, "method_not_allowed"));
}

both_engines!(
    every_operation_answers_each_role_as_written,
    the_id_of_anothers_request_is_no_id_to_create_with,
    a_refusal_does_not_read_what_was_sent,
);
