//! Approvals, *lists*: what waits, what was voted on, and who may read any of it.

use crate::approver_pull::{arrived, newcomer};
use serde_json::{Value, json};
use tests::{Phone, Server, both_engines};

/// All pages of a list, by their ids.
async fn listed(approver: &Phone, list: &str, limit: usize) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/approvals/{list}?limit={limit}{cursor}");
        let page = approver.actor.get(&path).await.ok().body;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        ids.extend(
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            None => return ids,
            Some(next) => cursor = format!("&cursor={next}"),
        }
    }
}

async fn incoming_and_history_page_newest_first(server: &Server) {
    let mut sales = server.sales_phone().await;
    let (mut approver, category) = newcomer(server).await;
    let mut ids = Vec::new();
    for _ in 0..6 {
        let request = sales.submitted(&category).await;
        arrived(&mut approver, &[request]).await;
        ids.push(request.approval(1));
    }
    let named = |order: &[usize]| -> Vec<String> {
        order.iter().map(|index| ids[*index].to_string()).collect()
    };
    for (index, kind) in [(3, "approve"), (0, "reject"), (5, "approve")] {
        let vote = approver.vote(kind, ids[index]);
        approver.sync_votes([vote]).await;
    }
    for limit in [1, 2, 1_000] {
        assert_eq!(
            listed(&approver, "incoming", limit).await,
            named(&[4, 2, 1]),
            "by {limit}"
        );
        assert_eq!(
            listed(&approver, "history", limit).await,
            named(&[5, 0, 3]),
            "by {limit}"
        );
    }
    let mine = approver
        .actor
        .get("/api/v1/approvals/history")
        .await
        .ok()
        .body;
    let said: Vec<&Value> = mine["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["myVote"])
        .collect();
    assert_eq!(json!(said), json!(["approve", "reject", "approve"]));
    assert_eq!(mine["items"][1]["status"], "rejected");
    assert_eq!(
        mine["items"][0]["actedAt"],
        mine["items"][0]["votes"][0]["acceptedAt"]
    );
    // What was taken back waits again.
    let back = approver.rollback(ids[3]);
    approver.sync_votes([back]).await;
    assert_eq!(listed(&approver, "incoming", 2).await, named(&[4, 3, 2, 1]));
    for list in ["incoming", "history"] {
        let path = format!("/api/v1/approvals/{list}?cursor=nonsense");
        let reply = approver.actor.get(&path).await;
        assert_eq!(
            (reply.status, reply.code()),
            (400, "invalid_value"),
            "{list}"
        );
    }
}

async fn approvals_are_for_approvers(server: &Server) {
    let sales = server.sales().await;
    let nobody = server.anonymous();
    for path in ["updates", "incoming", "history", "updates/stream"] {
        let path = format!("/api/v1/approvals/{path}");
        let reply = sales.get(&path).await;
        assert_eq!((reply.status, reply.code()), (403, "forbidden"), "{path}");
        let reply = nobody.get(&path).await;
        assert_eq!(
            (reply.status, reply.code()),
            (401, "unauthenticated"),
            "{path}"
        );
    }
    let reply = sales
        .post("/api/v1/approvals/sync", &json!({"changes": []}))
        .await;
    assert_eq!((reply.status, reply.code()), (403, "forbidden"));
    let mut l1a = server.phone_of("l1a").await;
    let l1b = server.phone_of("l1b").await;
    l1a.actor.token.clone_from(&l1b.actor.token);
    let reply = l1a.try_sync_votes(&[]).await.unwrap();
    assert_eq!((reply.status, reply.code()), (409, "wrong_user"));
}

both_engines!(
    incoming_and_history_page_newest_first,
    approvals_are_for_approvers,
);
