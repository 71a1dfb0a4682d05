//! People come, change and leave: what they may do follows, and what they did stays.

use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tests::{Actor, Engine, Phone, Reply, Server, both_engines};
use uuid::Uuid;

const JSON: (&str, &str) = ("content-type", "application/json");

fn path(id: Uuid) -> String {
    format!("/api/v1/users/{id}")
}

async fn put(admin: &Actor, id: Uuid, body: &Value, headers: &[(&str, &str)]) -> Reply {
    let headers = [&[JSON], headers].concat();
    let bytes = body.to_string().into_bytes();
    let sent = admin.send(Method::PUT, &path(id), &headers, bytes).await;
    sent.unwrap()
}

async fn delete(admin: &Actor, id: Uuid) -> Reply {
    let sent = admin.send(Method::DELETE, &path(id), &[], Vec::new()).await;
    sent.unwrap()
}

/// A person as an admin finds it, to be sent back changed.
async fn found(admin: &Actor, id: Uuid) -> Value {
    admin.get(&path(id)).await.ok().body
}

async fn session(server: &Server, email: &Value, password: &str) -> Reply {
    let login = json!({"email": email, "password": password});
    server.anonymous().post("/api/v1/auth/login", &login).await
}

async fn refreshed(server: &Server, session: &Reply) -> Reply {
    let token = json!({"refreshToken": session.body["refreshToken"]});
    server
        .anonymous()
        .post("/api/v1/auth/refresh", &token)
        .await
}

#[track_caller]
fn is(reply: &Reply, status: u16, code: &str) {
    assert_eq!(
        (reply.status, reply.code()),
        (status, code),
        "{}",
        reply.body
    );
}

async fn who_is_deactivated_is_out_at_once_and_the_history_stays(server: &Server) {
    let admin = server.admin().await;
    let mut phone = server.sales_phone().await;
    let (who, id) = (phone.actor.user_id, phone.new_id());
    let before = found(&admin, who).await;
    let other_phone = session(server, &before["email"], "athena-demo").await.ok();
    let draft = phone.upsert(id, json!({"title": "Kept"}));
    phone.sync([draft]).await;
    for _ in 0..2 {
        assert_eq!(delete(&admin, who).await.status, 204);
    }
    let edit = phone.upsert(id, json!({"title": "Too late"}));
    let refused = phone.try_sync(std::slice::from_ref(&edit)).await.unwrap();
    is(&refused, 401, "session_revoked");
    assert!(refused.headers.contains_key("www-authenticate"));
    is(
        &phone.actor.get("/api/v1/users/me").await,
        401,
        "session_revoked",
    );
    is(
        &refreshed(server, &other_phone).await,
        401,
        "session_revoked",
    );
    let login = session(server, &before["email"], "athena-demo").await;
    is(&login, 401, "invalid_credentials");
    let mut left = before.clone();
    left["active"] = json!(false);
    left["version"] = json!(2);
    assert_eq!(found(&admin, who).await, left);
    let request = admin.get(&format!("/api/v1/requests/{id}")).await.ok();
    assert_eq!(
        (&request.body["title"], &request.body["ownerId"]),
        (&json!("Kept"), &json!(who))
    );

    // Who comes back finds the draft, and the queue that waited goes through.
    let mut back = before.clone();
    back["active"] = json!(true);
    put(&admin, who, &back, &[]).await.ok();
    phone.actor = server
        .sign_in(before["email"].as_str().unwrap(), "athena-demo")
        .await;
    assert_eq!(phone.sync([edit]).await.verdicts(), ["applied"]);
}

async fn a_person_is_changed_as_a_whole_and_by_version(server: &Server) {
    let admin = server.admin().await;
    let sales = server.sales().await;
    let other = server.sales().await;
    let taken = found(&admin, other.user_id).await["email"].clone();
    let whole = json!({"email": "Moved@Demo.athena", "name": "Moved", "roles": ["sales"], "region": "APAC"});
    let reply = put(&admin, sales.user_id, &whole, &[("if-match", "\"1\"")])
        .await
        .ok();
    assert_eq!(reply.body["email"], "moved@demo.athena");
    assert_eq!(
        (&reply.body["version"], &reply.body["active"]),
        (&json!(2), &json!(true))
    );
    let stale = put(&admin, sales.user_id, &whole, &[("if-match", "\"1\"")]).await;
    is(&stale, 412, "precondition_failed");
    let same = put(&admin, sales.user_id, &whole, &[("if-match", "\"2\"")])
        .await
        .ok();
    assert_eq!(same.body["version"], 2, "nothing has changed");

    for (member, value, pointer) in [
        ("email", json!(null), "/email"),
        ("email", json!("nobody"), "/email"),
        ("name", json!(""), "/name"),
        ("roles", json!([]), "/roles"),
        ("roles", json!(["root"]), "/roles/0"),
        ("departmentId", json!(Uuid::from_u128(4)), "/departmentId"),
        ("departmentId", json!("4"), "/departmentId"),
        ("region", json!("x".repeat(65)), "/region"),
        ("active", json!("yes"), "/active"),
    ] {
        let mut wrong = whole.clone();
        wrong[member] = value;
        let reply = put(&admin, sales.user_id, &wrong, &[]).await;
        is(&reply, 400, "invalid_value");
        assert_eq!(
            reply.body["errors"][0]["pointer"], pointer,
            "{}",
            reply.body
        );
    }
    for member in ["email", "name", "roles"] {
        let mut partial = whole.clone();
        partial.as_object_mut().unwrap().remove(member);
        let reply = put(&admin, sales.user_id, &partial, &[]).await;
        is(&reply, 400, "invalid_value");
        assert_eq!(reply.body["errors"][0]["pointer"], format!("/{member}"));
    }
    let mut theirs = whole.clone();
    theirs["email"] = taken;
    is(
        &put(&admin, sales.user_id, &theirs, &[]).await,
        409,
        "email_taken",
    );
    for wrong in ["region=%00", "role=boss", "active=yes", "departmentId=4"] {
        let refused = admin.get(&format!("/api/v1/users?{wrong}")).await;
        is(&refused, 400, "invalid_value");
        let name = wrong.split('=').next().unwrap();
        let pointer = format!("/query/{name}");
        assert_eq!(refused.body["errors"][0]["pointer"], pointer);
    }
    let listed = admin.get("/api/v1/users?region=APAC&role=sales").await.ok();
    let ids: Vec<_> = listed.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["id"])
        .collect();
    assert!(ids.contains(&&json!(sales.user_id)) && !ids.contains(&&json!(other.user_id)));
}

async fn the_last_admin_cannot_go(server: &Server) {
    let first = server.admin().await;
    is(&delete(&first, first.user_id).await, 409, "last_admin");
    let mut demoted = found(&first, first.user_id).await;
    demoted["roles"] = json!(["auditor"]);
    is(
        &put(&first, first.user_id, &demoted, &[]).await,
        409,
        "last_admin",
    );
    let second = server.person("admin").await;
    let both = tokio::join!(
        delete(&first, second.user_id),
        delete(&second, first.user_id)
    );
    let mut statuses = [both.0.status, both.1.status];
    statuses.sort_unstable();
    // Whoever is second is the last admin, or is signed out already.
    assert!([[204, 401], [204, 409]].contains(&statuses), "{statuses:?}");
}

async fn other_roles_come_with_the_next_refresh(server: &Server) {
    let admin = server.admin().await;
    let sales = server.sales().await;
    let mut person = found(&admin, sales.user_id).await;
    let old = session(server, &person["email"], "athena-demo").await.ok();
    person["roles"] = json!(["auditor"]);
    put(&admin, sales.user_id, &person, &[]).await.ok();
    let new = refreshed(server, &old).await.ok();
    assert_eq!(new.body["user"]["roles"], json!(["auditor"]));
    let mut auditor = sales;
    auditor.token = new.body["accessToken"].as_str().unwrap().to_owned();
    auditor.get("/api/v1/requests").await.ok();
    let sync = auditor
        .post("/api/v1/requests/sync", &json!({"changes": []}))
        .await;
    is(&sync, 403, "forbidden");
}

async fn a_password_is_changed_by_who_knows_it(server: &Server) {
    let sales = server.sales().await;
    let email = sales.get("/api/v1/users/me").await.ok().body["email"].clone();
    let lost = session(server, &email, "athena-demo").await.ok();
    let change = |current: &str, new: &str| json!({"current": current, "new": new});
    let own = "/api/v1/users/me/password";
    let wrong = sales
        .post(own, &change("not this one", "correct horse"))
        .await;
    is(&wrong, 401, "invalid_credentials");
    assert!(wrong.headers.contains_key("www-authenticate"));
    let short = sales.post(own, &change("athena-demo", "short")).await;
    is(&short, 400, "invalid_value");
    assert_eq!(short.body["errors"][0]["pointer"], "/new");
    assert_eq!(
        sales
            .post(own, &change("athena-demo", "correct horse"))
            .await
            .status,
        204
    );
    is(&refreshed(server, &lost).await, 401, "session_revoked");
    sales.get("/api/v1/users/me").await.ok();
    is(
        &session(server, &email, "athena-demo").await,
        401,
        "invalid_credentials",
    );
    session(server, &email, "correct horse").await.ok();
}

async fn a_lost_password_is_replaced_by_a_token_that_signs_in_once(server: &Server) {
    let admin = server.admin().await;
    let sales = server.sales().await;
    let reset = format!("{}/password-reset", path(sales.user_id));
    let reply = admin.post(&reset, &Value::Null).await.ok();
    let (email, token) = (
        &reply.body["email"],
        reply.body["oneTimeToken"].as_str().unwrap(),
    );
    is(&sales.get("/api/v1/users/me").await, 401, "session_revoked");
    is(
        &session(server, email, "athena-demo").await,
        401,
        "invalid_credentials",
    );
    let signed_in = session(server, email, token).await.ok();
    let mut sales = sales;
    sales.token = signed_in.body["accessToken"].as_str().unwrap().to_owned();
    let change = json!({"current": token, "new": "correct horse"});
    assert_eq!(
        sales
            .post("/api/v1/users/me/password", &change)
            .await
            .status,
        204
    );
    session(server, email, "correct horse").await.ok();
}

both_engines!(
    who_is_deactivated_is_out_at_once_and_the_history_stays,
    a_person_is_changed_as_a_whole_and_by_version,
    the_last_admin_cannot_go,
    other_roles_come_with_the_next_refresh,
    a_password_is_changed_by_who_knows_it,
    a_lost_password_is_replaced_by_a_token_that_signs_in_once,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_refuses_who_has_left_within_seconds() {
    let server = Server::start(Engine::Postgres).await;
    let other = server.beside().await;
    let phone = Phone::of(server.sales().await);
    let elsewhere = phone.actor.at(&other.url());
    elsewhere.get("/api/v1/users/me").await.ok();
    assert_eq!(
        delete(&server.admin().await, phone.actor.user_id)
            .await
            .status,
        204
    );
    // What reads no person answers by the token alone, until the node has heard.
    let heard = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            let reply = elsewhere.get("/api/v1/requests/updates").await;
            if reply.status == 401 {
                return reply;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    is(
        &heard.await.expect("the other node hears"),
        401,
        "session_revoked",
    );
    other.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_forgets_no_ended_session() {
    for engine in Engine::BOTH {
        let server = Server::start(engine).await;
        let sales = server.sales().await;
        let logout = sales.post("/api/v1/auth/logout", &json!({})).await;
        assert_eq!(logout.status, 204);
        let server = Box::pin(server.restart()).await;
        let sales = sales.at(&server.url());
        let refused = sales.get("/api/v1/requests/updates").await;
        is(&refused, 401, "session_revoked");
        server.stop().await;
    }
}
