//! What the catalogue and the organisation say reaches the request service by events: until then a submit
//! waits, and it is never refused for good because news is late.

use serde_json::{Value, json};
use std::time::Duration;
use tests::{Actor, Phone, Server, both_engines};

/// Sends the same submit until it no longer waits; returns the verdict that settled it.
async fn settled(phone: &mut Phone, submit: &Value) -> String {
    for _ in 0..400 {
        let verdict = phone.sync([submit.clone()]).await.verdicts().remove(0);
        if verdict != "deferred" {
            return verdict;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the news never arrives");
}

fn made(reply: tests::Reply) -> Value {
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.body
}

async fn new_category(admin: &Actor, levels: u8) -> Value {
    let body = json!({"name": "Brand new", "levels": levels});
    made(admin.post("/api/v1/categories", &body).await)
}

async fn new_approver(admin: &Actor, name: &str) -> Value {
    let body = json!({
        "email": format!("{name}@demo.athena"), "name": name, "roles": ["approver", "sales"],
        "password": "athena-demo",
    });
    made(admin.post("/api/v1/users", &body).await)["id"].clone()
}

async fn a_new_category_waits_for_its_event_and_then_for_its_chain(server: &Server) {
    let admin = server.admin().await;
    let mut phone = server.sales_phone().await;
    let (id, mut fields) = (phone.new_id(), server.complete().await);
    let category = new_category(&admin, 1).await["id"].clone();
    fields["categoryId"] = category.clone();
    let draft = phone.upsert(id, fields);
    phone.sync([draft]).await;
    let submit = phone.submit(id);
    // Nobody is assigned: refused for now, since somebody may be soon.
    assert_eq!(
        settled(&mut phone, &submit).await,
        "rejected/chain_incomplete?"
    );
    let approver = new_approver(&admin, "newcomer").await;
    let body = json!({"categoryId": category, "level": 1, "approverIds": [approver], "quorum": 1});
    let reply = admin.post("/api/v1/assignments", &body).await;
    assert!([200, 201].contains(&reply.status), "{}", reply.body);
    for _ in 0..400 {
        match phone.sync([submit.clone()]).await.verdicts()[0].as_str() {
            "applied" => return,
            "rejected/chain_incomplete?" | "deferred" => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            other => panic!("{other}"),
        }
    }
    panic!("the assignment never arrives");
}

async fn a_retired_category_is_refused_for_good(server: &Server) {
    let admin = server.admin().await;
    let mut phone = server.sales_phone().await;
    let category = new_category(&admin, 1).await["id"].clone();
    let path = format!("/api/v1/categories/{}", category.as_str().unwrap());
    let (id, mut fields) = (phone.new_id(), server.complete().await);
    fields["categoryId"] = category;
    let draft = phone.upsert(id, fields);
    phone.sync([draft]).await;
    let first = phone.submit(id);
    assert_eq!(
        settled(&mut phone, &first).await,
        "rejected/chain_incomplete?"
    );
    for _ in 0..2 {
        let gone = admin
            .send(reqwest::Method::DELETE, &path, &[], Vec::new())
            .await
            .unwrap();
        assert_eq!(gone.status, 204, "again 204");
    }
    for _ in 0..400 {
        let submit = phone.submit(id);
        let reply = phone.sync([submit.clone()]).await;
        if reply.verdicts() == ["rejected/unknown_category"] {
            // For good: the same command is refused whatever becomes of the draft.
            let live = phone.upsert(id, server.complete().await);
            let again = phone.sync([live, submit]).await;
            assert_eq!(again.verdicts(), ["applied", "rejected/unknown_category"]);
            return;
        }
        assert_eq!(reply.verdicts(), ["rejected/chain_incomplete?"]);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the retirement never arrives");
}

async fn the_requester_fills_no_level_of_their_own_chain(server: &Server) {
    let admin = server.admin().await;
    let requester = new_approver(&admin, "both").await;
    let mut phone = Phone::of(server.sign_in("both@demo.athena", "athena-demo").await);
    let category = new_category(&admin, 1).await["id"].clone();
    let body = json!({"categoryId": category, "level": 1, "approverIds": [requester], "quorum": 1});
    let reply = admin.post("/api/v1/assignments", &body).await;
    assert!([200, 201].contains(&reply.status), "{}", reply.body);
    let (id, mut fields) = (phone.new_id(), server.complete().await);
    fields["categoryId"] = category;
    let draft = phone.upsert(id, fields);
    phone.sync([draft]).await;
    for _ in 0..20 {
        let submit = phone.submit(id);
        let verdict = settled(&mut phone, &submit).await;
        assert_eq!(verdict, "rejected/chain_incomplete?");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

both_engines!(
    a_new_category_waits_for_its_event_and_then_for_its_chain,
    a_retired_category_is_refused_for_good,
    the_requester_fills_no_level_of_their_own_chain,
);
