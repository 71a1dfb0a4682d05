//! Another user's ids give nothing away.

use serde_json::{Value, json};
use tests::{Server, both_engines};

/// A result or body without what names the item itself.
fn bare(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(members) = value.as_object_mut() {
        for own in ["id", "opId", "instance"] {
            members.remove(own);
        }
    }
    value
}

async fn another_users_request_and_none_answer_alike(server: &Server) {
    let mut owner = server.sales_phone().await;
    let mut stranger = server.sales_phone().await;
    let (theirs, none) = (owner.new_id(), owner.new_id());
    let items = [
        owner.upsert(theirs, server.complete().await),
        owner.submit(theirs),
    ];
    owner.sync(items).await;
    let before = owner.look(theirs).await.body;

    for kind in ["submit", "withdraw", "delete"] {
        let mut answers = Vec::new();
        for id in [theirs, none] {
            let mut item = stranger.submit(id);
            item["type"] = json!(kind);
            let reply = stranger.sync([item]).await;
            assert_eq!(reply.verdicts(), ["rejected/not_found"], "{kind}");
            assert_eq!(reply.result(0)["record"], Value::Null);
            answers.push(bare(reply.result(0)));
        }
        assert_eq!(answers[0], answers[1], "{kind}");
    }
    for path in ["", "/status"] {
        let (one, other) = (
            stranger
                .actor
                .get(&format!("/api/v1/requests/{theirs}{path}"))
                .await,
            stranger
                .actor
                .get(&format!("/api/v1/requests/{none}{path}"))
                .await,
        );
        assert_eq!((one.status, one.code()), (404, "not_found"), "{path}");
        assert_eq!(bare(&one.body), bare(&other.body), "{path}");
    }
    assert_eq!(stranger.everything().await.changes.len(), 0);
    assert_eq!(
        stranger.actor.get("/api/v1/requests").await.ok().body["items"],
        json!([])
    );
    assert_eq!(owner.look(theirs).await.body, before);
}

async fn an_upsert_of_anothers_id_takes_nothing(server: &Server) {
    let mut owner = server.sales_phone().await;
    let mut stranger = server.sales_phone().await;
    let id = owner.new_id();
    let draft = owner.upsert(id, json!({"title": "Mine"}));
    owner.sync([draft]).await;
    let before = owner.look(id).await.body;
    let sneak = stranger.upsert(id, json!({"title": "Stolen"}));
    let reply = stranger.sync([sneak.clone()]).await;
    assert_eq!(reply.verdicts(), ["rejected/not_found"]);
    assert_eq!(reply.result(0)["record"], Value::Null);
    assert!(!reply.body.to_string().contains("Mine"));
    // Who owns a record comes from the token, never from the body.
    let mut claimed = sneak;
    claimed["ownerId"] = json!(owner.actor.user_id);
    claimed["fields"]["title"] = json!("Claimed");
    assert_eq!(
        stranger.sync([claimed]).await.verdicts(),
        ["rejected/not_found"]
    );
    assert_eq!(owner.look(id).await.body, before);
    assert_eq!(stranger.everything().await.changes.len(), 0);
}

async fn two_users_racing_for_one_id_have_one_winner(server: &Server) {
    let mut one = server.sales_phone().await;
    let mut two = server.sales_phone().await;
    for round in 0..20 {
        let ids: Vec<_> = (0..5).map(|_| one.new_id()).collect();
        let batch = |phone: &mut tests::Phone, title: &str| -> Vec<Value> {
            ids.iter()
                .map(|id| phone.upsert(*id, json!({"title": title})))
                .collect()
        };
        let (first, second) = (batch(&mut one, "one"), batch(&mut two, "two"));
        let (first, second) = tokio::join!(one.sync(first), two.sync(second));
        for (number, id) in ids.iter().enumerate() {
            let verdicts = [&first.verdicts()[number], &second.verdicts()[number]];
            let winner = match verdicts.map(String::as_str) {
                ["applied", "rejected/not_found"] => "one",
                ["rejected/not_found", "applied"] => "two",
                other => panic!("round {round}: {other:?}"),
            };
            let (owner, other) = if winner == "one" {
                (&one, &two)
            } else {
                (&two, &one)
            };
            assert_eq!(owner.look(*id).await.body["title"], winner);
            assert_eq!(other.look(*id).await.status, 404);
        }
    }
}

async fn a_queue_belongs_to_who_made_it(server: &Server) {
    let mut owner = server.sales_phone().await;
    let stranger = server.sales().await;
    let id = owner.new_id();
    let item = owner.upsert(id, json!({"title": "Made by the owner"}));
    let body = owner.envelope(&[item]);
    let reply = stranger.post("/api/v1/requests/sync", &body).await;
    assert_eq!((reply.status, reply.code()), (409, "wrong_user"));
    assert_eq!(
        stranger.get(&format!("/api/v1/requests/{id}")).await.status,
        404
    );
}

async fn roles_are_checked(server: &Server) {
    let nobody = server.anonymous();
    for path in [
        "/api/v1/requests",
        "/api/v1/requests/updates",
        "/api/v1/users/me",
    ] {
        let reply = nobody.get(path).await;
        assert_eq!(
            (reply.status, reply.code()),
            (401, "unauthenticated"),
            "{path}"
        );
        assert!(reply.headers.contains_key("www-authenticate"), "{path}");
    }
    let approver = server.sign_in("l1a@demo.athena", "athena-demo").await;
    let reply = approver
        .post("/api/v1/requests/sync", &json!({"changes": []}))
        .await;
    assert_eq!((reply.status, reply.code()), (403, "forbidden"));
    let mut forged = server.sales().await;
    forged
        .token
        .replace_range(forged.token.len() - 6.., "AAAAAA");
    let reply = forged.get("/api/v1/requests/updates").await;
    assert_eq!((reply.status, reply.code()), (401, "unauthenticated"));
}

both_engines!(
    another_users_request_and_none_answer_alike,
    an_upsert_of_anothers_id_takes_nothing,
    two_users_racing_for_one_id_have_one_winner,
    a_queue_belongs_to_who_made_it,
    roles_are_checked,
);
