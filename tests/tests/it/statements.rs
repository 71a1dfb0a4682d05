//! Push and pull cost a number of statements that does not grow with the batch, and nothing in the services
//! that have nothing to do with it.

use domain_services::db::sql;
use serde_json::{Value, json};
use tests::{Phone, Server, Since, both_engines};

/// What a batch of `count` new drafts, their edits, the same again, a pull and their submits cost.
async fn costs(server: &Server, count: usize) -> Vec<(&'static str, u64)> {
    let complete = server.complete().await;
    let mut phone = server.sales_phone().await;
    phone.since = Since::Beginning;
    // The first write of a user makes its head.
    let id = phone.new_id();
    let first = phone.upsert(id, json!({"title": "First"}));
    phone.sync([first]).await;
    let ids: Vec<_> = (0..count).map(|_| phone.new_id()).collect();
    let new: Vec<Value> = ids
        .iter()
        .map(|id| phone.upsert(*id, complete.clone()))
        .collect();
    let edits: Vec<Value> = ids
        .iter()
        .map(|id| phone.upsert(*id, json!({"title": "Edited"})))
        .collect();
    let submits: Vec<Value> = ids.iter().map(|id| phone.submit(*id)).collect();
    let mut costs = Vec::new();
    costs.push((
        "new",
        push(server, &mut phone, new.clone(), "applied").await,
    ));
    costs.push((
        "edits",
        push(server, &mut phone, edits.clone(), "applied").await,
    ));
    costs.push(("again", push(server, &mut phone, edits, "duplicate").await));
    costs.push((
        "submits",
        push(server, &mut phone, submits.clone(), "applied").await,
    ));
    costs.push((
        "submits again",
        push(server, &mut phone, submits, "duplicate").await,
    ));
    let before = server.statements();
    phone
        .actor
        .get("/api/v1/requests/updates?limit=1000")
        .await
        .ok();
    costs.push(("pull", server.statements() - before));
    costs
}

async fn push(server: &Server, phone: &mut Phone, items: Vec<Value>, verdict: &str) -> u64 {
    let before = server.statements();
    let reply = phone.sync(items).await;
    let cost = server.statements() - before;
    assert!(
        reply.verdicts().iter().all(|given| given == verdict),
        "{:?}",
        reply.verdicts()
    );
    cost
}

async fn a_batch_costs_the_same_statements_for_one_and_for_five_hundred(server: &Server) {
    // The relay of the outbox works beside; the least of several tries has least of it.
    let mut least: [Vec<(&str, u64)>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..4 {
        for (slot, count) in least.iter_mut().zip([1, 500]) {
            let costs = costs(server, count).await;
            if slot.is_empty() {
                *slot = costs;
            } else {
                for (least, now) in slot.iter_mut().zip(costs) {
                    least.1 = least.1.min(now.1);
                }
            }
        }
    }
    let [one, many] = least;
    for ((what, one), (_, many)) in one.iter().zip(&many) {
        // The relays and consumers of the same database work beside: 500 items give them time for a round or two.
        assert!(
            *many <= one + 24,
            "{what}: {one} statements for 1 item, {many} for 500"
        );
        assert!(*one <= 12, "{what}: {one} statements for 1 item");
    }
}

/// Ids in the inboxes of all services but the audit log's, which keeps every event.
async fn heard(server: &Server) -> Vec<(&'static str, i64)> {
    let mut heard = Vec::new();
    for (service, db) in server.services().databases.named() {
        if !matches!(service, "user" | "audit") {
            let (count,): (i64,) = sql("select count(*) from inbox")
                .fetch_one(db)
                .await
                .expect("the inbox");
            heard.push((service, count));
        }
    }
    heard
}

async fn what_means_nothing_to_a_service_is_not_written_there(server: &Server) {
    let mut phone = server.sales_phone().await;
    server.leaves().await;
    let before = heard(server).await;
    let leaves = server.leaves().await.len();
    for _ in 0..3 {
        let id = phone.new_id();
        let draft = phone.upsert(id, json!({"title": "Nobody else's business"}));
        assert_eq!(phone.sync([draft]).await.verdicts(), ["applied"]);
        let delete = phone.delete(id);
        assert_eq!(phone.sync([delete]).await.verdicts(), ["applied"]);
    }
    assert_eq!(server.leaves().await.len(), leaves + 6);
    assert_eq!(heard(server).await, before);
    phone.submitted("Travel").await;
    server.leaves().await;
    let after = heard(server).await;
    for service in ["approval", "notification", "request"] {
        let count = |of: &[(&str, i64)]| of.iter().find(|(name, _)| *name == service).unwrap().1;
        assert!(count(&after) > count(&before), "{service}: {after:?}");
    }
}

both_engines!(
    a_batch_costs_the_same_statements_for_one_and_for_five_hundred,
    what_means_nothing_to_a_service_is_not_written_there,
);
