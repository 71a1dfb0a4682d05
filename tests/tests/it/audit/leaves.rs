//! Whatever is done has one leaf, which says what was done.

use domain_services::audit::leaf::Leaf;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Actor, Server, both_engines};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Does something by HTTP, in a trace.
async fn traced(actor: &Actor, method: Method, path: &str, body: &Value) -> u16 {
    let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let headers = [
        ("content-type", "application/json"),
        ("traceparent", parent.as_str()),
    ];
    let body = body.to_string().into_bytes();
    let reply = actor.send(method, path, &headers, body).await.unwrap();
    reply.status
}

/// The one leaf that fits.
#[track_caller]
fn one<'a>(leaves: &'a [Leaf], action: &str, fits: impl Fn(&Leaf) -> bool) -> &'a Leaf {
    let found: Vec<&Leaf> = leaves
        .iter()
        .filter(|leaf| leaf.action == action && fits(leaf))
        .collect();
    assert_eq!(found.len(), 1, "{action}: {found:?}");
    found[0]
}

async fn a_journey_has_a_leaf_for_each_of_its_steps(server: &Server) {
    let mut phone = server.sales_phone().await;
    let sales = phone.actor.user_id;
    let drafts: Vec<_> = (0..3).map(|_| phone.new_id()).collect();
    let batch: Vec<Value> = drafts
        .iter()
        .map(|id| phone.upsert(*id, json!({"title": "A draft"})))
        .collect();
    phone.sync(batch).await;
    let request = phone.submitted("Travel").await;
    let mut l1 = server.phone_of("l1a").await;
    let approval = request.approval(1);
    l1.wait_for(approval).await;
    let votes = [
        l1.reject(approval),
        l1.rollback(approval),
        l1.approve(approval),
    ];
    assert_eq!(
        l1.sync_votes(votes.clone()).await.verdicts(),
        ["applied", "applied", "applied"]
    );
    // Again: nothing happens, and nothing is told.
    l1.sync_votes(votes).await;
    let delete = phone.delete(drafts[0]);
    phone.sync([delete]).await;

    let leaves = server.leaves().await;
    let opened = one(&leaves, "session.opened", |leaf| {
        leaf.actor_id == Some(sales)
    });
    assert_eq!(opened.detail["userId"], json!(sales));
    assert_eq!(opened.detail["sessionId"], json!(opened.key));
    let drafted = one(&leaves, "request.drafted", |leaf| {
        leaf.detail["ids"] == json!(drafts)
    });
    assert_eq!(drafted.actor_id, Some(sales));
    let submitted = one(&leaves, "request.submitted", |leaf| {
        leaf.request_id == Some(request.id)
    });
    assert_eq!(submitted.actor_id, Some(sales));
    assert_eq!(submitted.detail["revision"], json!(request.revision));
    assert_eq!(submitted.detail["content"]["title"], "Trade fair");
    let approver = Some(l1.actor.user_id);
    let cast = |action, vote: Value| {
        let leaf = one(&leaves, action, |leaf| {
            leaf.request_id == Some(request.id) && leaf.detail["vote"] == vote
        });
        assert_eq!(leaf.actor_id, approver);
        assert_eq!(leaf.detail["approvalId"], json!(approval));
    };
    cast("approval.voted", json!("reject"));
    cast("approval.rolled_back", Value::Null);
    cast("approval.voted", json!("approve"));
    one(&leaves, "request.deleted", |leaf| {
        leaf.request_id == Some(drafts[0]) && leaf.actor_id == Some(sales)
    });
}

async fn a_refused_change_has_one_leaf_however_often_it_comes(server: &Server) {
    let mut phone = server.sales_phone().await;
    let request = phone.submitted("Travel").await;
    let locked = phone.upsert(request.id, json!({"title": "Too late"}));
    let unknown = phone.new_id();
    let nothing = phone.withdraw(unknown);
    phone.offset_ms = 3_600_000;
    let mut fast = phone.sibling();
    fast.offset_ms = 3_600_000;
    let ahead_id = fast.new_id();
    let ahead = fast.upsert(ahead_id, json!({"title": "Tomorrow"}));
    phone.offset_ms = 0;
    let broken =
        json!({"opId": "no uuid", "type": "upsert", "id": request.id, "hlc": "?", "fields": {}});
    let items = [
        locked.clone(),
        nothing.clone(),
        ahead.clone(),
        broken.clone(),
    ];
    for _ in 0..2 {
        let verdicts = phone.sync(items.clone()).await.verdicts();
        let expected = [
            "rejected/locked",
            "rejected/not_found",
            "rejected/clock_ahead?",
            "rejected/invalid_value",
        ];
        assert_eq!(verdicts, expected);
    }
    let create = json!({"id": phone.new_id(), "title": "Incomplete"});
    for _ in 0..2 {
        let refused = phone.actor.post("/api/v1/requests", &create).await;
        assert_eq!((refused.status, refused.code()), (409, "incomplete"));
    }

    let leaves = server.leaves().await;
    let refused = |item: &Value, code: &str, command: Value| {
        let leaf = one(&leaves, "request.refused", |leaf| {
            leaf.detail["opId"] == item["opId"]
        });
        assert_eq!(leaf.actor_id, Some(phone.actor.user_id));
        assert_eq!(leaf.detail["code"], code);
        assert_eq!(leaf.detail["command"], command);
        assert_eq!(json!(leaf.request_id), item["id"]);
        assert!(leaf.detail["detail"].is_string());
    };
    refused(&locked, "locked", json!("upsert"));
    refused(&nothing, "not_found", json!("withdraw"));
    refused(&ahead, "clock_ahead", json!("upsert"));
    refused(&broken, "invalid_value", Value::Null);
    let created = one(&leaves, "request.refused", |leaf| {
        leaf.detail["id"] == create["id"]
    });
    assert_eq!(created.detail["code"], "incomplete");
    assert_eq!(created.detail["command"], "create");
}

async fn a_refused_vote_has_one_leaf_whether_or_not_it_has_a_case(server: &Server) {
    let mut phone = server.sales_phone().await;
    let request = phone.submitted("Events").await;
    let mut l1 = server.phone_of("l1a").await;
    l1.wait_for(request.approval(1)).await;
    let revision = json!(request.revision);
    let stamp = l1.stamp();
    // Its level is another's, so it has no place in the case; its stamp is ahead; it is of another revision.
    let foreign = l1.vote_at("approve", request.approval(2), &revision, stamp);
    l1.offset_ms = 3_600_000;
    let mut fast = l1.sibling();
    fast.offset_ms = 3_600_000;
    let stamp = fast.stamp();
    let ahead = fast.vote_at("approve", request.approval(1), &revision, stamp);
    let stamp = l1.sibling().stamp();
    let other = json!(format!("sha256:{}", "0".repeat(64)));
    let stale = l1.vote_at("approve", request.approval(1), &other, stamp);
    for _ in 0..2 {
        let verdicts = l1
            .sync_votes([foreign.clone(), stale.clone(), ahead.clone()])
            .await
            .verdicts();
        let expected = [
            "rejected/not_found",
            "rejected/stale_revision",
            "rejected/clock_ahead?",
        ];
        assert_eq!(verdicts, expected);
    }
    let leaves = server.leaves().await;
    for (vote, action, code) in [
        (&foreign, "approval.dismissed", "not_found"),
        (&stale, "approval.refused", "stale_revision"),
        (&ahead, "approval.dismissed", "clock_ahead"),
    ] {
        let leaf = one(&leaves, action, |leaf| leaf.detail["opId"] == vote["opId"]);
        assert_eq!(leaf.detail["code"], code);
        assert_eq!(leaf.actor_id, Some(l1.actor.user_id));
        assert_eq!(leaf.request_id, Some(request.id));
    }
}

async fn what_admins_do_bears_their_name_and_trace(server: &Server) {
    let admin = server.admin().await;
    let id = "0195d0c0-7d5c-7000-8000-00000000c0de";
    let made = json!({"id": id, "name": "Traced", "levels": 1});
    let path = format!("/api/v1/categories/{id}");
    assert_eq!(
        traced(&admin, Method::POST, "/api/v1/categories", &made).await,
        201
    );
    let renamed = json!({"name": "Renamed", "levels": 1, "active": true});
    assert_eq!(traced(&admin, Method::PUT, &path, &renamed).await, 200);
    // The same again changes nothing.
    assert_eq!(traced(&admin, Method::PUT, &path, &renamed).await, 200);
    let person = json!({
        "id": "0195d0c0-7d5c-7000-8000-00000000face", "email": "traced@demo.athena", "name": "Traced",
        "roles": ["sales"], "password": "a long password",
    });
    assert_eq!(
        traced(&admin, Method::POST, "/api/v1/users", &person).await,
        201
    );
    let path = format!("/api/v1/users/{}", person["id"].as_str().unwrap());
    assert_eq!(
        traced(&admin, Method::DELETE, &path, &Value::Null).await,
        204
    );

    let leaves = server.leaves().await;
    for (action, key, name) in [
        ("category.changed", &made["id"], "Traced"),
        ("category.changed", &made["id"], "Renamed"),
        ("user.changed", &person["id"], "Traced"),
        ("user.deactivated", &person["id"], "Traced"),
    ] {
        let leaf = one(&leaves, action, |leaf| {
            json!(leaf.key) == *key && leaf.detail["name"] == name
        });
        assert_eq!(leaf.actor_id, Some(admin.user_id));
        assert_eq!(leaf.trace_id.as_deref(), Some(TRACE));
    }
    let text = serde_json::to_string(&leaves).unwrap();
    assert!(!text.contains("a long password") && !text.contains("argon2"));
}

async fn sessions_and_refused_logins_are_told_without_secrets(server: &Server) {
    let nobody = server.anonymous();
    let sign_in = async |email: &str, password: &str| {
        let body = json!({"email": email, "password": password});
        nobody.post("/api/v1/auth/login", &body).await
    };
    assert_eq!(
        sign_in("sales3@demo.athena", "not this one").await.status,
        401
    );
    assert_eq!(sign_in("ghost@elsewhere.example", "x").await.status, 401);
    assert_eq!(sign_in("my secret @ typed here", "x").await.status, 401);
    let session = sign_in("sales3@demo.athena", "athena-demo").await.ok().body;
    let body = json!({"refreshToken": session["refreshToken"]});
    let out = nobody.post("/api/v1/auth/logout", &body).await;
    assert_eq!(out.status, 204);
    // A refresh token used again after its successor has been: the session ends.
    let lost = sign_in("sales3@demo.athena", "athena-demo").await.ok().body;
    let refresh = async |token: &Value| {
        let body = json!({"refreshToken": token});
        nobody.post("/api/v1/auth/refresh", &body).await
    };
    let second = refresh(&lost["refreshToken"]).await.ok().body;
    refresh(&second["refreshToken"]).await.ok();
    assert_eq!(
        refresh(&lost["refreshToken"]).await.code(),
        "session_revoked"
    );

    let leaves = server.leaves().await;
    let sales = &session["user"]["id"];
    let known = one(&leaves, "session.refused", |leaf| {
        leaf.detail["userId"] == *sales
    });
    assert_eq!(
        (known.actor_id, &known.detail["domain"]),
        (None, &Value::Null)
    );
    one(&leaves, "session.refused", |leaf| {
        leaf.detail == json!({"userId": null, "domain": "elsewhere.example"})
    });
    one(&leaves, "session.refused", |leaf| {
        leaf.detail == json!({"userId": null, "domain": null})
    });
    let ended = |reason: &str| {
        let leaf = one(&leaves, "session.ended", |leaf| {
            leaf.detail["reason"] == reason && leaf.detail["userId"] == *sales
        });
        one(&leaves, "session.opened", |opened| opened.key == leaf.key);
    };
    ended("logout");
    ended("refresh_refused");
    let text = serde_json::to_string(&leaves).unwrap();
    for secret in ["secret", "not this one", "athena-demo", "ghost"] {
        assert!(!text.contains(secret), "{secret}");
    }
    for token in ["refreshToken", "accessToken"] {
        assert!(!text.contains(session[token].as_str().unwrap()));
    }
}

both_engines!(
    a_journey_has_a_leaf_for_each_of_its_steps,
    a_refused_change_has_one_leaf_however_often_it_comes,
    a_refused_vote_has_one_leaf_whether_or_not_it_has_a_case,
    what_admins_do_bears_their_name_and_trace,
    sessions_and_refused_logins_are_told_without_secrets,
);
