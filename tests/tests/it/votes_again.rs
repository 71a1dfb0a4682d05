//! Approvals, *again*: a vote delivered many times is one vote, and the answer says so.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tests::{Phone, Server, Since, Submitted, both_engines};
use uuid::Uuid;

/// Requests that l1a can vote on.
async fn asked(sales: &mut Phone, l1a: &mut Phone, count: usize) -> (Vec<Submitted>, Vec<Uuid>) {
    let requests = sales.submitted_many("Travel", count).await;
    let ids: Vec<Uuid> = requests.iter().map(|request| request.approval(1)).collect();
    l1a.wait_for_all(&requests, 1).await;
    (requests, ids)
}

/// How often the approval service told of this about a request.
async fn told(server: &Server, kind: &'static str, request: &Submitted) -> i64 {
    let db = &server.services().databases.approval;
    server.events(db, kind, request.id).await
}

async fn the_same_batch_three_times_is_one_effect(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let (requests, ids) = asked(&mut sales, &mut l1a, 4).await;
    let mut stale = l1a.approve(ids[3]);
    stale["revision"] = json!(format!("sha256:{}", "0".repeat(64)));
    let batch = [
        l1a.approve(ids[0]),
        l1a.reject(ids[1]),
        l1a.rollback(ids[2]),
        stale,
    ];
    let refused = ["rejected/nothing_to_roll_back", "rejected/stale_revision"];
    let first = l1a.sync_votes(batch.clone()).await;
    assert_eq!(first.verdicts()[..2], ["applied", "applied"]);
    assert_eq!(first.verdicts()[2..], refused);
    let place = l1a.approvals_since.clone();
    for _ in 0..2 {
        let again = l1a.sync_votes(batch.clone()).await;
        assert_eq!(again.verdicts()[..2], ["duplicate", "duplicate"]);
        assert_eq!(again.verdicts()[2..], refused);
        for index in 0..4 {
            assert_eq!(
                again.result(index)["record"],
                first.result(index)["record"],
                "as if it had just been sent"
            );
        }
        assert_eq!(l1a.approvals_since, place, "no feed moves");
    }
    // Twice in one batch is once, too.
    let vote = l1a.approve(ids[2]);
    let twice = l1a.sync_votes([vote.clone(), vote]).await;
    assert_eq!(twice.verdicts(), ["applied", "duplicate"]);
    for request in &requests[..3] {
        assert_eq!(told(server, "approval.voted", request).await, 1);
    }
    // A late copy, whatever has become of the level.
    let back = l1a.rollback(ids[0]);
    l1a.sync_votes([back]).await;
    let late = l1a.sync_votes([batch[0].clone()]).await;
    assert_eq!(late.verdicts(), ["duplicate"]);
    assert_eq!(late.result(0)["record"]["status"], "open");
}

async fn any_order_and_any_parts_give_one_state(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let (requests, ids) = asked(&mut sales, &mut l1a, 12).await;
    let mut votes = Vec::new();
    for kinds in [
        ["approve", "reject"],
        ["reject", "approve"],
        ["approve", "approve"],
    ] {
        for id in &ids[votes.len() / 2..][..4] {
            votes.extend(kinds.map(|kind| l1a.vote(kind, *id)));
        }
    }
    let mut random = StdRng::seed_from_u64(23);
    for round in 0..3 {
        let mut queue = votes.clone();
        queue.shuffle(&mut random);
        while !queue.is_empty() {
            let count = random.random_range(1..=queue.len());
            let part: Vec<Value> = queue.drain(..count).collect();
            for verdict in l1a.sync_votes(part).await.verdicts() {
                let done = ["applied", "merged", "duplicate"].contains(&verdict.as_str());
                assert!(done, "round {round}: {verdict}");
                assert!(
                    round == 0 || verdict == "duplicate",
                    "round {round}: {verdict}"
                );
            }
        }
        l1a.pull_approvals().await;
        for (index, id) in ids.iter().enumerate() {
            let last = &votes[index * 2 + 1];
            let cast = &l1a.approvals[id]["votes"];
            assert_eq!(cast.as_array().unwrap().len(), 1, "round {round}");
            assert_eq!(
                cast[0]["vote"], last["type"],
                "round {round}, request {index}"
            );
            assert_eq!(cast[0]["hlc"], last["hlc"]);
        }
    }
    for request in &requests {
        let effective = told(server, "approval.voted", request).await;
        let superseded = told(server, "approval.superseded", request).await;
        assert_eq!(effective + superseded, 2, "each vote is told once");
    }
}

async fn an_op_id_belongs_to_its_content(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let mut l1b = server.phone_of("l1b").await;
    let (_, ids) = asked(&mut sales, &mut l1a, 2).await;
    l1b.wait_for(ids[0]).await;
    let vote = l1a.approve(ids[0]);
    assert_eq!(l1a.sync_votes([vote.clone()]).await.verdicts(), ["applied"]);
    for (member, value) in [
        ("type", json!("reject")),
        ("id", json!(ids[1])),
        ("comment", json!("Another")),
        ("hlc", json!(l1a.stamp().to_string())),
        ("revision", json!(format!("sha256:{}", "2".repeat(64)))),
    ] {
        let mut other = vote.clone();
        other[member] = value;
        let reply = l1a.sync_votes([other]).await;
        assert_eq!(reply.verdicts(), ["rejected/op_id_reused"], "{member}");
    }
    assert_eq!(
        l1a.sync_votes([vote.clone()]).await.verdicts(),
        ["duplicate"]
    );
    // Another person's opId is another opId.
    let mut theirs = l1b.approve(ids[0]);
    theirs["opId"] = vote["opId"].clone();
    assert_eq!(l1b.sync_votes([theirs]).await.verdicts(), ["applied"]);
    // By hand as well.
    let reused = l1a
        .act("reject", ids[0], &json!({"opId": vote["opId"]}))
        .await;
    assert_eq!((reused.status, reused.code()), (409, "op_id_reused"));
}

async fn by_hand_with_the_same_op_id(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let (requests, ids) = asked(&mut sales, &mut l1a, 1).await;
    let id = ids[0];
    let early = json!({"opId": l1a.new_id()});
    let refused = l1a.act("rollback", id, &early).await;
    assert_eq!(
        (refused.status, refused.code()),
        (409, "nothing_to_roll_back")
    );

    let said = json!({"opId": l1a.new_id(), "comment": "Fine"});
    let first = l1a.act("approve", id, &said).await.ok().body;
    for _ in 0..2 {
        assert_eq!(l1a.act("approve", id, &said).await.ok().body, first);
    }
    assert_eq!(told(server, "approval.voted", &requests[0]).await, 1);
    let refused = l1a.act("rollback", id, &early).await;
    assert_eq!(
        (refused.status, refused.code()),
        (409, "nothing_to_roll_back"),
        "for good"
    );

    // Approving what is approved changes nothing, and a late copy of that changes nothing either.
    let idle = json!({"opId": l1a.new_id()});
    assert_eq!(l1a.act("approve", id, &idle).await.ok().body, first);
    assert_eq!(
        l1a.act("rollback", id, &json!({})).await.ok().body["status"],
        "open"
    );
    for late in [&said, &idle] {
        let reply = l1a.act("approve", id, late).await.ok();
        assert_eq!(reply.body["status"], "open", "{late}");
        assert_eq!(reply.body["votes"], json!([]));
    }
    assert_eq!(told(server, "approval.voted", &requests[0]).await, 1);
    let anew = l1a.act("approve", id, &json!({})).await.ok();
    assert_eq!(anew.body["status"], "approved");
}

async fn an_answer_that_was_lost_is_asked_for_again(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let (_, ids) = asked(&mut sales, &mut l1a, 3).await;
    let Since::After(place) = l1a.approvals_since.clone() else {
        panic!("no place");
    };
    let batch: Vec<Value> = ids.iter().map(|id| l1a.approve(*id)).collect();
    let lost = l1a.sync_votes(batch.clone()).await;
    // The phone knows nothing of that answer: its place is the one before.
    l1a.approvals_since = Since::After(place);
    let again = l1a.sync_votes(batch).await;
    assert_eq!(again.verdicts(), ["duplicate"; 3]);
    for index in 0..3 {
        assert_eq!(again.result(index)["record"], lost.result(index)["record"]);
    }
    assert_eq!(l1a.pull_approvals().await.ids(), Vec::<String>::new());
}

both_engines!(
    the_same_batch_three_times_is_one_effect,
    any_order_and_any_parts_give_one_state,
    an_op_id_belongs_to_its_content,
    by_hand_with_the_same_op_id,
    an_answer_that_was_lost_is_asked_for_again,
);
