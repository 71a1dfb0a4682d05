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

/// The approvers of the chain that was pinned when this request was submitted, level by level.
async fn pinned(phone: &Phone, id: uuid::Uuid) -> Vec<Value> {
    let story = phone.story(id).await;
    let submitted = story.iter().find(|item| item["event"] == "submitted");
    let levels = submitted.expect("it was submitted")["detail"]["levels"].clone();
    let levels = levels.as_array().expect("levels");
    levels
        .iter()
        .map(|level| level["approverIds"].clone())
        .collect()
}

async fn an_assignment_leaves_pinned_chains_alone(server: &Server) {
    let admin = server.admin().await;
    let (first, second) = (
        new_approver(&admin, "first").await,
        new_approver(&admin, "second").await,
    );
    let category = new_category(&admin, 1).await["id"].clone();
    let assign = async |approver: &Value| {
        let body = json!({"categoryId": category, "level": 1, "approverIds": [approver]});
        made(admin.post("/api/v1/assignments", &body).await)
    };
    let assigned = assign(&first).await;
    let mut phone = server.sales_phone().await;
    let mut fields = server.complete().await;
    fields["categoryId"] = category.clone();
    let early = phone.new_id();
    let draft = phone.upsert(early, fields.clone());
    phone.sync([draft]).await;
    let submit = phone.submit(early);
    assert_eq!(applied(&mut phone, &submit).await, "applied");
    assert_eq!(pinned(&phone, early).await, [json!([first])]);
    let before = phone.look(early).await.ok().body;

    let replaced = assign(&second).await;
    assert_eq!(replaced["id"], assigned["id"]);
    assert_eq!(replaced["version"], 2);
    // Once a new request is pinned to the new approver, the news has arrived.
    for _ in 0..400 {
        let late = phone.new_id();
        let draft = phone.upsert(late, fields.clone());
        phone.sync([draft]).await;
        let submit = phone.submit(late);
        assert_eq!(phone.sync([submit]).await.verdicts(), ["applied"]);
        if pinned(&phone, late).await == [json!([second])] {
            assert_eq!(pinned(&phone, early).await, [json!([first])]);
            assert_eq!(phone.look(early).await.ok().body, before);
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the new assignment never arrives");
}

/// Sends the same submit until category and chain are known; returns the verdict that settled it.
async fn applied(phone: &mut Phone, submit: &Value) -> String {
    for _ in 0..400 {
        let verdict = settled(phone, submit).await;
        if verdict != "rejected/chain_incomplete?" {
            return verdict;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the assignment never arrives");
}

async fn a_level_short_of_people_who_can_vote_is_refused_with_a_sentence(server: &Server) {
    let admin = server.admin().await;
    let category = new_category(&admin, 1).await["id"].clone();
    let approver = new_approver(&admin, "leaver").await;
    let sales = server.sales().await;
    let assign = async |approvers: Value, quorum: u8| {
        let body =
            json!({"categoryId": category, "level": 1, "approverIds": approvers, "quorum": quorum});
        admin.post("/api/v1/assignments", &body).await
    };
    let reply = assign(json!([approver, sales.user_id]), 2).await;
    assert_eq!((reply.status, reply.code()), (400, "invalid_value"));
    let error = &reply.body["errors"][0];
    assert_eq!(error["pointer"], "/approverIds/1");
    assert!(
        error["detail"].as_str().unwrap().contains("is no approver"),
        "{error}"
    );
    assert_eq!(
        assign(json!([approver, sales.user_id]), 1).await.status,
        201
    );

    let path = format!("/api/v1/users/{}", approver.as_str().unwrap());
    let left = admin
        .send(reqwest::Method::DELETE, &path, &[], Vec::new())
        .await;
    assert_eq!(left.unwrap().status, 204);
    for _ in 0..400 {
        let reply = assign(json!([approver]), 1).await;
        if reply.status == 400 {
            let error = &reply.body["errors"][0];
            assert_eq!(error["pointer"], "/approverIds/0");
            assert!(
                error["detail"].as_str().unwrap().contains("has left"),
                "{error}"
            );
            return;
        }
        assert_eq!(reply.status, 201, "{}", reply.body);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the catalogue never hears that somebody has left");
}

both_engines!(
    an_assignment_leaves_pinned_chains_alone,
    a_level_short_of_people_who_can_vote_is_refused_with_a_sentence,
    a_new_category_waits_for_its_event_and_then_for_its_chain,
    a_retired_category_is_refused_for_good,
    the_requester_fills_no_level_of_their_own_chain,
);
