//! The interface as a phone and a desktop meet it: a whole server with the demo organisation, over TCP. What
//! it answers is decoded into the types of the API document.

use crate::actors::Answer;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::net::SocketAddr;
use sync_core::hlc::{NodeId, Stamp};
use sync_server::api::schema;
use sync_server::config::Config;
use sync_server::{Running, start};
use tokio::sync::OnceCell;
use uuid::Uuid;

struct Server {
    running: Running,
    client: Client<HttpConnector, Full<Bytes>>,
    _folder: tempfile::TempDir,
}

impl Server {
    async fn demo() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: folder.path().to_owned(),
            demo: true,
            ..Config::default()
        };
        Self {
            running: start(config).await.unwrap(),
            // A kept connection would belong to the runtime of the test that made it.
            client: Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build_http(),
            _folder: folder,
        }
    }

    async fn send(&self, request: http::request::Builder, body: Vec<u8>) -> Answer {
        let request: Request<_> = request.body(Full::from(body)).unwrap();
        let (parts, body) = self.client.request(request).await.unwrap().into_parts();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.running.addr()))
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self
            .request("POST", path)
            .header("content-type", "application/json");
        self.send(request, serde_json::to_vec(body).unwrap()).await
    }

    async fn signs_in(&self, name: &str) -> Person<'_> {
        let login = json!({"email": format!("{name}@demo.athena"), "password": "athena-demo"});
        let answer = self.post("/api/v1/auth/login", &login).await;
        let session: schema::Session = decoded(&answer, 200);
        Person {
            server: self,
            session,
        }
    }
}

struct Person<'a> {
    server: &'a Server,
    session: schema::Session,
}

impl Person<'_> {
    fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let bearer = format!("Bearer {}", self.session.access_token);
        self.server
            .request(method, path)
            .header("authorization", bearer)
    }

    async fn get(&self, path: &str) -> Answer {
        self.server
            .send(self.request("GET", path), Vec::new())
            .await
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = self
            .request(method, path)
            .header("content-type", "application/json");
        self.server
            .send(request, serde_json::to_vec(body).unwrap())
            .await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, body).await
    }
}

#[track_caller]
fn decoded<T: DeserializeOwned>(answer: &Answer, status: u16) -> T {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, status, "{text}");
    match serde_json::from_slice(&answer.body) {
        Ok(value) => value,
        Err(error) => panic!("{error}: {text}"),
    }
}

fn draft(title: &str) -> Value {
    static COUNT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(1);
    let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let millis = 1_700_000_000_000;
    let stamp = Stamp::new(millis, n, NodeId::new(7)).unwrap();
    let id = |kind: u64| Uuid::from_u64_pair(kind, u64::from(n));
    json!({"opId": id(1), "type": "upsert", "id": id(2), "hlc": stamp.to_string(), "fields": {"title": title}})
}

/// One server for the tests that only look, or keep to records of their own.
async fn shared() -> &'static Server {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    SERVER
        .get_or_init(|| async {
            // The server must outlive the test that starts it, and that test's runtime.
            let (sender, receiver) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Runtime::new().unwrap();
                runtime.block_on(async move {
                    assert!(sender.send(Server::demo().await).is_ok());
                    std::future::pending::<()>().await;
                });
            });
            receiver.await.unwrap()
        })
        .await
}

#[tokio::test]
async fn a_session_begins_goes_on_and_ends() {
    let server = shared().await;
    let sales = server.signs_in("sales1").await;
    assert_eq!(
        (sales.session.expires_in, &*sales.session.token_type),
        (900, "Bearer")
    );
    let me: schema::User = decoded(&sales.get("/api/v1/users/me").await, 200);
    assert_eq!(me, sales.session.user);

    let old = json!({"refreshToken": sales.session.refresh_token});
    let next: schema::Session = decoded(&server.post("/api/v1/auth/refresh", &old).await, 200);
    let again: schema::Session = decoded(&server.post("/api/v1/auth/refresh", &old).await, 200);
    assert_eq!(next.refresh_token, again.refresh_token);

    let token = json!({"refreshToken": next.refresh_token});
    for body in [token.clone(), token.clone(), json!({}), json!([])] {
        assert_eq!(server.post("/api/v1/auth/logout", &body).await.status, 204);
    }
    let nothing = server.request("POST", "/api/v1/auth/logout");
    assert_eq!(server.send(nothing, Vec::new()).await.status, 204);
    let refused = server.post("/api/v1/auth/refresh", &token).await;
    refused.is_problem(401, "session_revoked");
}

#[tokio::test]
async fn who_is_not_signed_in_or_has_another_role_is_told_so() {
    let server = shared().await;
    let wrong = json!({"email": "sales1@demo.athena", "password": "athena-demo2"});
    let refused = server.post("/api/v1/auth/login", &wrong).await;
    refused.is_problem(401, "invalid_credentials");
    assert!(refused.header("www-authenticate").starts_with("Bearer"));

    let anonymous = server.request("GET", "/api/v1/users/me");
    server
        .send(anonymous, Vec::new())
        .await
        .is_problem(401, "unauthenticated");
    let garbage = server
        .request("GET", "/api/v1/users/me")
        .header("authorization", "Bearer x.y.z");
    server
        .send(garbage, Vec::new())
        .await
        .is_problem(401, "unauthenticated");

    let approver = server.signs_in("l1a").await;
    approver
        .get("/api/v1/requests")
        .await
        .is_problem(403, "forbidden");
    approver
        .post("/api/v1/categories", &json!({}))
        .await
        .is_problem(403, "forbidden");
    let sales = server.signs_in("sales1").await;
    sales
        .get("/api/v1/users")
        .await
        .is_problem(403, "forbidden");
}

#[tokio::test]
async fn an_admin_keeps_people_and_the_catalogue() {
    let server = shared().await;
    let admin = server.signs_in("admin").await;
    let managers: schema::UserPage = decoded(&admin.get("/api/v1/users?role=manager").await, 200);
    assert!(
        managers
            .items
            .iter()
            .all(|user| user.roles == [schema::Role::Approver])
    );
    admin
        .get("/api/v1/users?role=root")
        .await
        .is_problem(400, "invalid_value");

    let new = json!({"email": "New@demo.athena", "name": "New", "roles": ["sales"]});
    let answer = admin.post("/api/v1/users", &new).await;
    let created: schema::CreatedUser = decoded(&answer, 201);
    let path = format!("/api/v1/users/{}", created.id);
    assert_eq!(answer.header("location"), path);
    assert_eq!(created.email, "new@demo.athena");
    let found: schema::User = decoded(&admin.get(&path).await, 200);
    assert_eq!((found.id, found.version), (created.id, 1));
    admin
        .post("/api/v1/users", &new)
        .await
        .is_problem(409, "email_taken");
    let one_time = json!({"email": "new@demo.athena", "password": created.one_time_token});
    decoded::<schema::Session>(&server.post("/api/v1/auth/login", &one_time).await, 200);

    let bad =
        json!({"email": "x@demo.athena", "name": "", "roles": ["sales"], "password": "short"});
    admin
        .post("/api/v1/users", &bad)
        .await
        .is_problem(400, "invalid_value");

    let answer = admin
        .post(
            "/api/v1/categories",
            &json!({"name": "Training", "levels": 1}),
        )
        .await;
    let category: schema::Category = decoded(&answer, 201);
    let path = format!("/api/v1/categories/{}", category.id);
    let stale = admin
        .request("PUT", &path)
        .header("content-type", "application/json")
        .header("if-match", "\"99\"");
    let change = json!({"name": "Trainings", "levels": 2});
    let refused = server
        .send(stale, serde_json::to_vec(&change).unwrap())
        .await;
    refused.is_problem(412, "precondition_failed");
    let changed: schema::Category = decoded(&admin.send("PUT", &path, &change).await, 200);
    assert_eq!((&*changed.name, changed.levels), ("Trainings", 2));
    for _ in 0..2 {
        assert_eq!(admin.send("DELETE", &path, &json!(null)).await.status, 204);
    }
    decoded::<schema::Department>(
        &admin
            .post("/api/v1/departments", &json!({"name": "Legal"}))
            .await,
        201,
    );
    let reason = json!({"text": "Because", "categoryId": null});
    decoded::<schema::Reason>(&admin.post("/api/v1/reasons", &reason).await, 201);
    let assignment =
        json!({"categoryId": category.id, "level": 1, "approverIds": [created.id], "quorum": 2});
    admin
        .post("/api/v1/assignments", &assignment)
        .await
        .is_problem(400, "invalid_value");
}

#[tokio::test]
async fn what_phones_keep_is_not_sent_twice() {
    let server = shared().await;
    let sales = server.signs_in("sales2").await;
    let answer = sales.get("/api/v1/assignments?limit=2").await;
    let page: schema::AssignmentPage = decoded(&answer, 200);
    assert_eq!(page.items.len(), 2);
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    let again = sales
        .request("GET", "/api/v1/assignments")
        .header("if-none-match", answer.header("etag"));
    let unchanged = server.send(again, Vec::new()).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    let next = format!("/api/v1/assignments?limit=2&cursor={}", page.next.unwrap());
    let second: schema::AssignmentPage = decoded(&sales.get(&next).await, 200);
    assert_ne!(second.items, page.items);
    sales
        .get("/api/v1/assignments?cursor=x")
        .await
        .is_problem(400, "invalid_value");
    decoded::<schema::CategoryPage>(&sales.get("/api/v1/categories").await, 200);
    decoded::<schema::ReasonPage>(&sales.get("/api/v1/reasons").await, 200);
    decoded::<schema::DepartmentPage>(&sales.get("/api/v1/departments").await, 200);
}

#[tokio::test]
async fn a_batch_is_answered_item_by_item_in_both_formats() {
    let server = shared().await;
    let sales = server.signs_in("sales3").await;
    let batch = json!({"lastSync": null, "changes": [draft("One"), {"opId": "x"}]});
    let answer: schema::SyncAnswer =
        decoded(&sales.post("/api/v1/requests/sync", &batch).await, 200);
    assert_eq!(answer.results[0].verdict, schema::Verdict::Applied);
    assert_eq!(answer.results[1].code.as_deref(), Some("invalid_value"));
    assert!(answer.last_sync.is_some());

    let packed = rmp_serde::to_vec_named(&batch).unwrap();
    let request = sales
        .request("POST", "/api/v1/requests/sync")
        .header("content-type", "application/msgpack")
        .header("content-encoding", "zstd");
    let answer = server
        .send(request, zstd::encode_all(&packed[..], 1).unwrap())
        .await;
    assert_eq!(answer.header("content-type"), "application/msgpack");
    let again: Value = rmp_serde::from_slice(&answer.body).unwrap();
    let again: schema::SyncAnswer = serde_json::from_value(again).unwrap();
    assert_eq!(again.results[0].verdict, schema::Verdict::Duplicate);
    assert!(again.results[0].record.is_some());
}

#[tokio::test]
async fn a_batch_that_cannot_be_is_refused_whole() {
    let server = shared().await;
    let sales = server.signs_in("sales3").await;
    let sync = "/api/v1/requests/sync";
    let other = json!({"userId": Uuid::nil(), "changes": [draft("Mine")]});
    sales.post(sync, &other).await.is_problem(409, "wrong_user");
    let many: Vec<_> = (0..501).map(|_| draft("Many")).collect();
    let refused = sales.post(sync, &json!({"changes": many})).await;
    refused.is_problem(413, "batch_too_large");
    assert!(refused.json()["detail"].as_str().unwrap().contains("500"));
    for shape in [
        json!([]),
        json!({}),
        json!({"changes": {}}),
        json!({"changes": [], "lastSync": "x"}),
    ] {
        sales
            .post(sync, &shape)
            .await
            .is_problem(400, "malformed_body");
    }
    let ahead = json!({"changes": [draft("Ahead")], "lastSync": "2100-01-01T00:00:00Z"});
    sales
        .post(sync, &ahead)
        .await
        .is_problem(410, "resync_required");
    sales
        .get("/api/v1/requests/updates?lastSync=2100-01-01T00:00:00%2B01:00")
        .await
        .is_problem(410, "resync_required");
    sales
        .get("/api/v1/requests/updates?lastSync=now")
        .await
        .is_problem(400, "invalid_value");
}

#[tokio::test]
async fn requests_are_created_listed_found_and_told() {
    let server = shared().await;
    let sales = server.signs_in("sales4").await;
    let categories: schema::CategoryPage = decoded(&sales.get("/api/v1/categories").await, 200);
    let reasons: schema::ReasonPage = decoded(&sales.get("/api/v1/reasons").await, 200);
    let travel = categories
        .items
        .iter()
        .find(|category| category.name == "Travel")
        .unwrap();
    let other = reasons
        .items
        .iter()
        .find(|reason| reason.text == "Other")
        .unwrap();
    let new = json!({
        "id": Uuid::from_u128(99), "title": "Taxi", "amount": {"minor": 2_500, "currency": "EUR"},
        "categoryId": travel.id, "reasonId": other.id,
    });
    let answer = sales.post("/api/v1/requests", &new).await;
    let created: schema::RequestRecord = decoded(&answer, 201);
    assert_eq!(created.status, schema::RequestStatus::PendingL1);
    let path = format!("/api/v1/requests/{}", created.id);
    assert_eq!(answer.header("location"), path);
    let same: schema::RequestRecord = decoded(&sales.post("/api/v1/requests", &new).await, 200);
    assert_eq!(same, created);
    let mut changed = new.clone();
    changed["title"] = json!("Two taxis");
    sales
        .post("/api/v1/requests", &changed)
        .await
        .is_problem(409, "op_id_reused");
    sales
        .post("/api/v1/requests", &json!({"title": "Nameless"}))
        .await
        .is_problem(400, "invalid_value");
    changed["id"] = json!("99");
    let refused = sales.post("/api/v1/requests", &changed).await;
    refused.is_problem(400, "invalid_value");
    assert_eq!(refused.json()["errors"][0]["pointer"], "/id");

    let found: schema::RequestRecord = decoded(&sales.get(&path).await, 200);
    assert_eq!(found, created);
    decoded::<schema::RequestHistory>(&sales.get(&format!("{path}/status")).await, 200);
    let page: schema::RequestPage = decoded(
        &sales
            .get("/api/v1/requests?status=pending_l1&status=draft&from=2020-01-01T00:00:00Z")
            .await,
        200,
    );
    assert!(page.items.contains(&created));
    let updates: schema::Updates =
        decoded(&sales.get("/api/v1/requests/updates?limit=1000").await, 200);
    assert!(!updates.changes.is_empty() && !updates.has_more);

    let stranger = server.signs_in("sales5").await;
    stranger.get(&path).await.is_problem(404, "not_found");
    stranger
        .get(&format!("{path}/status"))
        .await
        .is_problem(404, "not_found");
    stranger
        .get("/api/v1/requests/7")
        .await
        .is_problem(400, "invalid_value");
}

#[tokio::test]
async fn a_stream_pokes_and_ends_when_the_server_stops() {
    let server = Server::demo().await;
    let sales = server.signs_in("sales1").await;
    let request = sales.request("GET", "/api/v1/requests/updates/stream");
    let request = request.body(Full::default()).unwrap();
    let stream = server.client.request(request).await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut events = stream.into_body();
    let poke = "event: poke\ndata: {}\n\n";
    assert_eq!(
        events.frame().await.unwrap().unwrap().into_data().unwrap(),
        poke
    );
    sales
        .post(
            "/api/v1/requests/sync",
            &json!({"changes": [draft("Poke")]}),
        )
        .await;
    assert_eq!(
        events.frame().await.unwrap().unwrap().into_data().unwrap(),
        poke
    );

    let started = tokio::time::Instant::now();
    server.running.shutdown().await;
    assert!(started.elapsed() < std::time::Duration::from_secs(5));
    while let Some(Ok(_)) = events.frame().await {}
}
