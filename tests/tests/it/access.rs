//! Who may call what: every operation of the API document, called by every role and by nobody, answers as is
//! written here, and with no status or code that the document does not tell.
//!
//! The table is written by hand from the contract, and shares nothing with the server's own. A new operation
//! needs a row here.

use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::{Actor, Server, both_engines};
use uuid::Uuid;

/// Operations that no row covers yet. This list may only shrink.
const NOT_COVERED: [&str; 0] = [];

const ROLES: [&str; 5] = ["sales", "approver", "admin", "auditor", "service"];

/// Whose or which `{id}`.
#[derive(Clone, Copy)]
enum Of {
    /// The path has none.
    None,
    /// An id that nothing has.
    Nothing,
    /// The caller's own.
    Own,
    /// Another person's.
    Another,
    /// Another person's request.
    AnothersRequest,
    /// A live category.
    Category,
    /// A live reason.
    Reason,
}

use Of::{Another, AnothersRequest, Category, Nothing, Own, Reason};

/// What is called, with which id, and what is answered to: nobody, sales, approver, admin, auditor, service.
/// The body is the document's example. 401, 403 and 404 mean `unauthenticated`, `forbidden` and `not_found`
/// where no other code is named; `-` is not called.
const EXPECTED: &[(&str, Of, &str)] = &[
    // Anyone.
    (
        "GET /.well-known/jwks.json",
        Of::None,
        "200 200 200 200 200 200",
    ),
    (
        "POST /api/v1/auth/login",
        Of::None,
        "200 200 200 200 200 200",
    ),
    (
        "POST /api/v1/auth/refresh",
        Of::None,
        "401/session_revoked 401/session_revoked 401/session_revoked 401/session_revoked 401/session_revoked 401/session_revoked",
    ),
    // Anyone signed in.
    ("GET /api/v1/users/me", Of::None, "401 200 200 200 200 200"),
    (
        "POST /api/v1/users/me/password",
        Of::None,
        "401 204 204 204 204 204",
    ),
    (
        "GET /api/v1/departments",
        Of::None,
        "401 200 200 200 200 200",
    ),
    (
        "GET /api/v1/categories",
        Of::None,
        "401 200 200 200 200 200",
    ),
    ("GET /api/v1/reasons", Of::None, "401 200 200 200 200 200"),
    (
        "GET /api/v1/assignments",
        Of::None,
        "401 200 200 200 200 200",
    ),
    // Sales, and who reads all requests.
    ("POST /api/v1/requests", Of::None, "401 201 403 403 403 403"),
    (
        "POST /api/v1/requests/sync",
        Of::None,
        "401 200 403 403 403 403",
    ),
    (
        "GET /api/v1/requests/updates",
        Of::None,
        "401 200 403 403 403 403",
    ),
    (
        "GET /api/v1/requests/updates/stream",
        Of::None,
        "401 200 403 403 403 403",
    ),
    ("GET /api/v1/requests", Of::None, "401 200 403 200 200 403"),
    (
        "GET /api/v1/requests/{id}",
        AnothersRequest,
        "401 404 403 200 200 403",
    ),
    (
        "GET /api/v1/requests/{id}",
        Nothing,
        "401 404 403 404 404 403",
    ),
    (
        "GET /api/v1/requests/{id}/status",
        AnothersRequest,
        "401 404 403 200 200 403",
    ),
    (
        "GET /api/v1/requests/{id}/status",
        Nothing,
        "401 404 403 404 404 403",
    ),
    // Admins. Without the role, a person who exists and one who does not look the same.
    ("GET /api/v1/users/{id}", Own, "- 200 200 200 200 200"),
    ("GET /api/v1/users/{id}", Another, "401 403 403 200 403 403"),
    ("GET /api/v1/users/{id}", Nothing, "401 403 403 404 403 403"),
    ("PUT /api/v1/users/{id}", Own, "- 403 403 - 403 403"),
    ("PUT /api/v1/users/{id}", Another, "401 403 403 200 403 403"),
    ("PUT /api/v1/users/{id}", Nothing, "401 403 403 404 403 403"),
    (
        "POST /api/v1/users/{id}/password-reset",
        Own,
        "- 403 403 - 403 403",
    ),
    (
        "POST /api/v1/users/{id}/password-reset",
        Another,
        "401 403 403 200 403 403",
    ),
    (
        "POST /api/v1/users/{id}/password-reset",
        Nothing,
        "401 403 403 404 403 403",
    ),
    ("DELETE /api/v1/users/{id}", Own, "- 403 403 - 403 403"),
    (
        "DELETE /api/v1/users/{id}",
        Another,
        "401 403 403 204 403 403",
    ),
    (
        "DELETE /api/v1/users/{id}",
        Nothing,
        "401 403 403 404 403 403",
    ),
    ("GET /api/v1/users", Of::None, "401 403 403 200 403 403"),
    ("POST /api/v1/users", Of::None, "401 403 403 201 403 403"),
    (
        "POST /api/v1/departments",
        Of::None,
        "401 403 403 201 403 403",
    ),
    (
        "POST /api/v1/categories",
        Of::None,
        "401 403 403 201 403 403",
    ),
    (
        "PUT /api/v1/categories/{id}",
        Category,
        "401 403 403 200 403 403",
    ),
    (
        "PUT /api/v1/categories/{id}",
        Nothing,
        "401 403 403 404 403 403",
    ),
    (
        "DELETE /api/v1/categories/{id}",
        Category,
        "401 403 403 204 403 403",
    ),
    (
        "DELETE /api/v1/categories/{id}",
        Nothing,
        "401 403 403 404 403 403",
    ),
    ("POST /api/v1/reasons", Of::None, "401 403 403 201 403 403"),
    (
        "PUT /api/v1/reasons/{id}",
        Reason,
        "401 403 403 200 403 403",
    ),
    (
        "PUT /api/v1/reasons/{id}",
        Nothing,
        "401 403 403 404 403 403",
    ),
    (
        "POST /api/v1/assignments",
        Of::None,
        "401 403 403 201 403 403",
    ),
    // The last one: it signs the callers out.
    (
        "POST /api/v1/auth/logout",
        Of::None,
        "204 204 204 204 204 204",
    ),
];

/// The API document, and what the walk needs of it.
struct Document(Value);

impl Document {
    fn read() -> Self {
        Self(serde_json::to_value(sync_server::docs::openapi()).unwrap())
    }

    fn names(&self) -> BTreeSet<String> {
        let paths = self.0["paths"].as_object().unwrap();
        paths
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys();
                methods.map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect()
    }

    fn operation(&self, name: &str) -> &Value {
        let (method, path) = name.split_once(' ').unwrap();
        &self.0["paths"][path][method.to_lowercase()]
    }

    /// Follows a reference within the document.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(pointer) => self.0.pointer(&pointer[1..]).unwrap(),
            None => value,
        }
    }

    /// The example of the body that an operation takes.
    fn body(&self, name: &str) -> Option<Value> {
        let body = &self.operation(name)["requestBody"];
        let schema = &body["content"]["application/json"]["schema"];
        let schema = match schema["oneOf"].as_array() {
            Some(either) => &either[0],
            None => schema,
        };
        schema
            .is_object()
            .then(|| self.resolve(schema)["examples"][0].clone())
    }

    /// Whether the document tells of this answer.
    fn tells(&self, name: &str, status: u16, code: &str) -> bool {
        let response = &self.operation(name)["responses"][status.to_string()];
        let codes = self.resolve(response)["x-codes"].as_array();
        match codes {
            Some(codes) => codes.iter().any(|told| told == code),
            None => response.is_object() && code.is_empty(),
        }
    }
}

/// Records that paths name.
struct Records {
    another: Uuid,
    anothers_request: Uuid,
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
            category: made("/api/v1/categories", json!({"name": "Walked", "levels": 1})).await,
            reason: made("/api/v1/reasons", json!({"text": "Walked"})).await,
        }
    }

    fn id(&self, of: Of, caller: &Actor) -> String {
        match of {
            Of::None => String::new(),
            Nothing => Uuid::from_u128(404).to_string(),
            Own => caller.user_id.to_string(),
            Another => self.another.to_string(),
            AnothersRequest => self.anothers_request.to_string(),
            Category => self.category.clone(),
            Reason => self.reason.clone(),
        }
    }
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
