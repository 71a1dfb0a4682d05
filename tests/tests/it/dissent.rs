//! Approvals, *late votes*: what arrives after the seal does not count, and is not lost.

use serde_json::{Value, json};
use tests::{Phone, Server, both_engines};
use uuid::Uuid;

async fn history(phone: &Phone, request: Uuid) -> Vec<Value> {
    phone.story(request).await
}

async fn a_vote_after_the_seal_is_kept_as_dissent(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let mut l1b = server.phone_of("l1b").await;
    let mut l2a = server.phone_of("l2a").await;
    let mut l3a = server.phone_of("l3a").await;
    let request = sales.submitted("Campaigns").await;
    let [one, two, three] = [1, 2, 3].map(|level| request.approval(level));
    // l1b decides on an aeroplane.
    l1b.wait_for(one).await;
    let mut late = l1b.reject(one);
    late["comment"] = json!("We have no budget for this");
    l1a.wait_for(one).await;
    let yes = l1a.approve(one);
    l1a.sync_votes([yes]).await;
    l2a.wait_for(two).await;
    let yes = l2a.approve(two);
    let reply = l2a.sync_votes([yes]).await;
    assert_eq!(reply.result(0)["record"]["dissent"], json!([]));
    l3a.wait_for(three).await;
    assert_eq!(
        l1a.wait_approval(one, |record| record["sealed"] == true)
            .await["sealsAt"],
        Value::Null
    );
    sales.wait_status(request.id, "pending_l3").await;
    let before = sales.look(request.id).await.body;

    let reply = l1b.sync_votes([late.clone()]).await;
    assert_eq!(reply.verdicts(), ["rejected/level_sealed"]);
    let record = &reply.result(0)["record"];
    assert_eq!(record["status"], "approved", "the outcome stands");
    let kept = json!({
        "approverId": l1b.actor.user_id, "vote": "reject", "comment": "We have no budget for this",
        "hlc": late["hlc"], "acceptedAt": record["dissent"][0]["acceptedAt"], "level": 1,
        "code": "level_sealed",
    });
    assert_eq!(record["dissent"], json!([kept]));
    // Those above are told, each by their own feed.
    for (phone, id) in [(&mut l2a, two), (&mut l3a, three), (&mut l1a, one)] {
        let record = phone
            .wait_approval(id, |record| record["dissent"] != json!([]))
            .await;
        assert_eq!(record["dissent"], json!([kept]));
    }
    // The approver finds what was said, and what came of it.
    let mine = l1b.actor.get("/api/v1/approvals/history").await.ok().body;
    assert_eq!(mine["items"][0]["id"], json!(one));
    assert_eq!(mine["items"][0]["myVote"], Value::Null, "it does not count");

    // An auditor reads it, and its reason; the owner learns what was decided.
    let auditor = server.phone_of("auditor").await;
    let refusal = loop {
        let lines = history(&auditor, request.id).await;
        if let Some(line) = lines.iter().find(|line| line["event"] == "refused") {
            break line.clone();
        }
    };
    assert_eq!(refusal["comment"], "We have no budget for this");
    assert_eq!(refusal["level"], 1);
    assert_eq!(refusal["actorId"], json!(l1b.actor.user_id));
    assert_eq!(refusal["detail"]["code"], "level_sealed");
    assert_eq!(refusal["detail"]["vote"], "reject");
    let owners = history(&sales, request.id).await;
    assert!(
        owners.iter().all(|line| line["event"] != "refused"),
        "{owners:?}"
    );
    assert!(!json!(owners).to_string().contains("no budget"));
    assert_eq!(
        sales.look(request.id).await.body,
        before,
        "nothing changes for the owner"
    );

    // Not every refusal is dissent: what names another revision was no vote at all.
    let mut stale = l1b.reject(one);
    stale["revision"] = json!(format!("sha256:{}", "1".repeat(64)));
    let reply = l1b.sync_votes([stale]).await;
    assert_eq!(reply.verdicts(), ["rejected/stale_revision"]);
    assert_eq!(
        reply.result(0)["record"]["dissent"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

async fn dissent_above_is_not_shown_below(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let mut l2a = server.phone_of("l2a").await;
    let mut l2b = server.phone_of("l2b").await;
    let mut l3a = server.phone_of("l3a").await;
    let request = sales.submitted("Campaigns").await;
    let [one, two, three] = [1, 2, 3].map(|level| request.approval(level));
    for (phone, id) in [(&mut l1a, one), (&mut l2a, two), (&mut l3a, three)] {
        phone.wait_for(id).await;
        let yes = phone.approve(id);
        assert_eq!(phone.sync_votes([yes]).await.verdicts(), ["applied"]);
    }
    l1a.pull_approvals().await;
    l2b.wait_for(two).await;
    let no = l2b.reject(two);
    assert_eq!(
        l2b.sync_votes([no]).await.verdicts(),
        ["rejected/level_sealed"]
    );
    let above = l3a
        .wait_approval(three, |record| record["dissent"] != json!([]))
        .await;
    assert_eq!(above["dissent"][0]["level"], 2);
    assert_eq!(l1a.pull_approvals().await.ids(), Vec::<String>::new());
    assert_eq!(l1a.all_approvals().await.record(one)["dissent"], json!([]));
    // What does not change what was said is no dissent.
    let same = l2a.approve(two);
    assert_eq!(l2a.sync_votes([same]).await.verdicts(), ["duplicate"]);
    let yes_too = l2b.approve(two);
    assert_eq!(
        l2b.sync_votes([yes_too]).await.verdicts(),
        ["rejected/level_sealed"]
    );
}

both_engines!(
    a_vote_after_the_seal_is_kept_as_dissent,
    dissent_above_is_not_shown_below,
);
