//! `POST /requests` creates and submits; lists and single requests show what there is.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Reply, Server, both_engines};

async fn post_with_key(actor: &tests::Actor, key: &str, body: &Value) -> Reply {
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    actor
        .send(
            Method::POST,
            "/api/v1/requests",
            &headers,
            body.to_string().into_bytes(),
        )
        .await
        .unwrap()
}

async fn creating_submits_and_the_same_again_is_the_same_record(server: &Server) {
    let mut phone = server.sales_phone().await;
    let mut body = server.complete().await;
    body["id"] = json!(phone.new_id());
    let made = phone.actor.post("/api/v1/requests", &body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["status"], "pending_l1");
    assert_eq!(made.body["id"], body["id"]);
    assert!(
        made.headers["location"]
            .to_str()
            .unwrap()
            .ends_with(body["id"].as_str().unwrap())
    );
    let again = phone.actor.post("/api/v1/requests", &body).await;
    assert_eq!((again.status, &again.body), (200, &made.body));
    body["title"] = json!("Another title");
    let other = phone.actor.post("/api/v1/requests", &body).await;
    assert_eq!((other.status, other.code()), (409, "op_id_reused"));

    let mut body = server.complete().await;
    let key = phone.new_id().to_string();
    let made = post_with_key(&phone.actor, &key, &body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let again = post_with_key(&phone.actor, &key, &body).await;
    assert_eq!((again.status, &again.body["id"]), (200, &made.body["id"]));
    body["amount"]["minor"] = json!(1);
    let other = post_with_key(&phone.actor, &key, &body).await;
    assert_eq!((other.status, other.code()), (409, "op_id_reused"));
    assert_eq!(phone.pull().await.changes.len(), 2);
}

async fn what_cannot_be_created_says_why(server: &Server) {
    let mut phone = server.sales_phone().await;
    let complete = server.complete().await;
    let neither = phone.actor.post("/api/v1/requests", &complete).await;
    assert_eq!((neither.status, neither.code()), (400, "invalid_value"));
    let mut incomplete = complete.clone();
    incomplete["id"] = json!(phone.new_id());
    incomplete["title"] = Value::Null;
    let reply = phone.actor.post("/api/v1/requests", &incomplete).await;
    assert_eq!((reply.status, reply.code()), (409, "incomplete"));
    let mut wrong = complete.clone();
    wrong["id"] = json!(phone.new_id());
    wrong["amount"] = json!({"minor": 0, "currency": "EUR"});
    wrong["neededBy"] = json!("soon");
    let reply = phone.actor.post("/api/v1/requests", &wrong).await;
    assert_eq!((reply.status, reply.code()), (400, "invalid_value"));
    assert_eq!(
        reply.body["errors"].as_array().unwrap().len(),
        2,
        "{}",
        reply.body
    );
    // Another's id gives nothing away and takes nothing.
    let mut stranger = server.sales_phone().await;
    let theirs = stranger.new_id();
    let draft = stranger.upsert(theirs, json!({"title": "Theirs"}));
    stranger.sync([draft]).await;
    let mut taken = complete;
    taken["id"] = json!(theirs);
    let reply = phone.actor.post("/api/v1/requests", &taken).await;
    assert_eq!(
        (reply.status, reply.code()),
        (404, "not_found"),
        "{}",
        reply.body
    );
    assert_eq!(phone.pull().await.changes.len(), 0);
}

async fn lists_are_paged_newest_first(server: &Server) {
    let mut phone = server.sales_phone().await;
    let ids: Vec<_> = (0..7).map(|_| phone.new_id()).collect();
    for id in &ids {
        let item = phone.upsert(*id, server.complete().await);
        phone.sync([item]).await;
    }
    let submit = phone.submit(ids[2]);
    let delete = phone.delete(ids[4]);
    phone.sync([submit, delete]).await;
    let mut found = Vec::new();
    let mut path = "/api/v1/requests?limit=2".to_owned();
    loop {
        let page = phone.actor.get(&path).await.ok();
        for item in page.body["items"].as_array().unwrap() {
            found.push(item["id"].as_str().unwrap().to_owned());
        }
        let Some(next) = page.body["next"].as_str() else {
            break;
        };
        path = format!("/api/v1/requests?limit=2&cursor={next}");
    }
    let newest_first: Vec<String> = [6, 5, 3, 2, 1, 0]
        .iter()
        .map(|at| ids[*at].to_string())
        .collect();
    assert_eq!(found, newest_first, "drafts too, deleted not");
    let pending = phone
        .actor
        .get("/api/v1/requests?status=pending_l1&status=approved")
        .await
        .ok();
    assert_eq!(pending.body["items"].as_array().unwrap().len(), 1);
    let bad = phone.actor.get("/api/v1/requests?status=pending").await;
    assert_eq!((bad.status, bad.code()), (400, "invalid_value"));
    let admin = server.admin().await;
    assert_eq!(
        admin
            .get(&format!("/api/v1/requests/{}", ids[0]))
            .await
            .status,
        200
    );
}

async fn a_stream_says_pull_now(server: &Server) {
    let mut phone = server.sales_phone().await;
    let mut stream = phone.actor.open("/api/v1/requests/updates/stream").await;
    assert_eq!(stream.status(), 200);
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut heard = String::new();
    let mut pokes = 0;
    for wanted in 1..=3 {
        while pokes < wanted {
            let chunk =
                tokio::time::timeout(std::time::Duration::from_secs(10), stream.chunk()).await;
            heard.push_str(
                std::str::from_utf8(&chunk.expect("a poke in time").unwrap().unwrap()).unwrap(),
            );
            pokes = heard.matches("event: poke").count();
        }
        let id = phone.new_id();
        let item = phone.upsert(id, json!({"title": "Poke"}));
        phone.sync([item]).await;
    }
    assert!(heard.contains("data: {}"), "{heard}");
}

both_engines!(
    creating_submits_and_the_same_again_is_the_same_record,
    what_cannot_be_created_says_why,
    lists_are_paged_newest_first,
    a_stream_says_pull_now,
);
