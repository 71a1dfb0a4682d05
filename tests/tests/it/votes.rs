//! Approvals, *the votes of one level*: any order, any phone, any number of times, one outcome.

use serde_json::{Value, json};
use sync_core::hlc::Stamp;
use tests::{Phone, Server, both_engines, wall_ms};
use uuid::Uuid;

/// Every order of some things.
fn orders<T: Clone>(things: &[T]) -> Vec<Vec<T>> {
    if things.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for index in 0..things.len() {
        let mut rest = things.to_vec();
        let first = rest.remove(index);
        for mut order in orders(&rest) {
            order.insert(0, first.clone());
            all.push(order);
        }
    }
    all
}

/// What an approval says of its votes, times and stamps aside.
fn said(record: &Value) -> Value {
    let votes = record["votes"].as_array().unwrap().iter();
    let votes: Vec<_> = votes
        .map(|vote| json!([vote["approverId"], vote["vote"], vote["comment"]]))
        .collect();
    json!({"status": record["status"], "votes": votes})
}

async fn votes_of_one_level_come_to_one_outcome_in_any_order(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let mut l1b = server.phone_of("l1b").await;
    // Made on two aeroplanes: a approves, thinks again and rejects; b approves.
    let script = ["a approve", "a reject", "b approve"];
    let requests = sales.submitted_many("Travel", orders(&script).len()).await;
    let mut outcomes = Vec::new();
    for (request, order) in requests.iter().zip(orders(&[0, 1, 2])) {
        let id = request.approval(1);
        l1a.wait_for(id).await;
        l1b.wait_for(id).await;
        let votes = [l1a.approve(id), l1a.reject(id), l1b.approve(id)];
        for index in order {
            let vote = votes[index].clone();
            let phone = if index < 2 { &mut l1a } else { &mut l1b };
            let verdict = phone.sync_votes([vote]).await.verdicts().remove(0);
            assert!(
                verdict == "applied" || verdict == "merged",
                "{}: {verdict}",
                script[index]
            );
        }
        outcomes.push(said(&l1a.wait_for(id).await));
        sales.wait_status(request.id, "rejected").await;
    }
    assert!(
        outcomes.iter().all(|outcome| *outcome == outcomes[0]),
        "{outcomes:?}"
    );
    assert_eq!(outcomes[0]["status"], "rejected");
}

async fn the_later_of_two_phones_of_one_person_counts(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut phone = server.phone_of("l1a").await;
    let mut tablet = phone.sibling();
    let request = sales.submitted("Travel").await;
    let id = request.approval(1);
    phone.wait_for(id).await;
    tablet.wait_for(id).await;
    let first = phone.approve(id);
    let mut second = tablet.approve(id);
    second["hlc"] = json!(
        Stamp::new(wall_ms() + 1_000, 0, tablet.clock.node())
            .unwrap()
            .to_string()
    );
    // The same vote, said twice: the later stamp, the first acceptance.
    let taken = phone.sync_votes([first.clone()]).await;
    assert_eq!(taken.verdicts(), ["applied"]);
    let accepted = taken.result(0)["record"]["votes"][0]["acceptedAt"].clone();
    let again = tablet.sync_votes([second.clone()]).await;
    assert_eq!(again.verdicts(), ["applied"]);
    let votes = &again.result(0)["record"]["votes"];
    assert_eq!(votes.as_array().unwrap().len(), 1, "one person, one vote");
    assert_eq!(votes[0]["acceptedAt"], accepted);
    assert_eq!(votes[0]["hlc"], second["hlc"]);

    // What the first phone said before that, and says only now, is older.
    let mut older = phone.reject(id);
    older["hlc"] = json!(
        Stamp::new(wall_ms() - 60_000, 0, phone.clock.node())
            .unwrap()
            .to_string()
    );
    let late = phone.sync_votes([older]).await;
    assert_eq!(late.verdicts(), ["merged"]);
    assert_eq!(late.result(0)["superseded"], json!(["vote"]));
    assert_eq!(late.result(0)["record"]["status"], "approved");
}

async fn a_vote_and_its_rollback_arrive_apart_in_either_order(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut phone = server.phone_of("l1a").await;
    let requests = sales.submitted_many("Travel", 2).await;
    let [in_order, turned] = [requests[0].approval(1), requests[1].approval(1)];
    phone.wait_for(in_order).await;
    phone.wait_for(turned).await;

    let (vote, back) = (phone.approve(in_order), phone.rollback(in_order));
    assert_eq!(phone.sync_votes([vote]).await.verdicts(), ["applied"]);
    let reply = phone.sync_votes([back]).await;
    assert_eq!(reply.verdicts(), ["applied"]);
    assert_eq!(reply.result(0)["record"]["status"], "open");
    assert_eq!(reply.result(0)["record"]["votes"], json!([]));

    // A rollback that overtakes its vote finds nothing; the vote comes after it, and counts.
    let (vote, back) = (phone.approve(turned), phone.rollback(turned));
    assert_eq!(
        phone.sync_votes([back.clone()]).await.verdicts(),
        ["rejected/nothing_to_roll_back"]
    );
    assert_eq!(phone.sync_votes([vote]).await.verdicts(), ["applied"]);
    assert_eq!(
        phone.sync_votes([back]).await.verdicts(),
        ["rejected/nothing_to_roll_back"],
        "refused for good"
    );
    let back = phone.rollback(turned);
    assert_eq!(phone.sync_votes([back]).await.verdicts(), ["applied"]);
}

async fn after_a_rollback_one_may_vote_again(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut phone = server.phone_of("l1a").await;
    let request = sales.submitted("Travel").await;
    let id = request.approval(1);
    phone.wait_for(id).await;
    let items = [phone.reject(id), phone.rollback(id), phone.approve(id)];
    let reply = phone.sync_votes(items).await;
    assert_eq!(reply.verdicts(), ["applied"; 3]);
    assert_eq!(
        reply.result(0)["record"],
        reply.result(2)["record"],
        "as it stands after the whole batch"
    );
    assert_eq!(reply.result(2)["record"]["status"], "approved");
    sales.wait_status(request.id, "approved").await;
    let events: Vec<Value> = sales
        .story(request.id)
        .await
        .iter()
        .map(|line| line["event"].clone())
        .collect();
    assert_eq!(
        events,
        [
            "created",
            "submitted",
            "voted",
            "level_rejected",
            "rolled_back",
            "voted",
            "level_approved"
        ]
    );
}

async fn a_rejection_rolled_back_lets_the_others_decide(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let mut l1b = server.phone_of("l1b").await;
    let mut l2a = server.phone_of("l2a").await;
    let request = sales.submitted("Events").await;
    let id = request.approval(1);
    l1a.wait_for(id).await;
    l1b.wait_for(id).await;
    let yes = l1a.approve(id);
    l1a.sync_votes([yes]).await;
    l2a.wait_for(request.approval(2)).await;
    let no = l1b.reject(id);
    let reply = l1b.sync_votes([no]).await;
    assert_eq!(
        reply.result(0)["record"]["status"],
        "rejected",
        "any reject"
    );
    sales.wait_status(request.id, "rejected").await;
    l2a.wait_approval(request.approval(2), |record| record["status"] == "closed")
        .await;
    let back = l1b.rollback(id);
    let reply = l1b.sync_votes([back]).await;
    assert_eq!(
        reply.result(0)["record"]["status"],
        "approved",
        "l1a's vote stands"
    );
    sales.wait_status(request.id, "pending_l2").await;
    l2a.wait_approval(request.approval(2), |record| record["status"] == "open")
        .await;
    let yes = l2a.approve(request.approval(2));
    assert_eq!(l2a.sync_votes([yes]).await.verdicts(), ["applied"]);
}

async fn quorum_two_needs_two_people(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut people = Vec::new();
    for name in ["l1a", "l1b", "l2a"] {
        people.push(server.phone_of(name).await);
    }
    let [a, b, c] = <[Phone; 3]>::try_from(people).ok().unwrap();
    let category = server.category(&[(&[&a, &b, &c], 2)]).await;
    let (mut a, mut b, mut c) = (a, b, c);
    let request = sales.submitted(&category).await;
    let id = request.approval(1);
    for phone in [&mut a, &mut b, &mut c] {
        assert_eq!(phone.wait_for(id).await["quorum"], 2);
    }
    let mut a_tablet = a.sibling();
    a_tablet.wait_for(id).await;
    for phone in [&mut a, &mut a_tablet] {
        let yes = phone.approve(id);
        let reply = phone.sync_votes([yes]).await;
        assert_eq!(
            reply.result(0)["record"]["status"],
            "open",
            "one person of two"
        );
    }
    let yes = b.approve(id);
    let reply = b.sync_votes([yes]).await;
    assert_eq!(reply.result(0)["record"]["status"], "approved");
    let back = a.rollback(id);
    let reply = a.sync_votes([back]).await;
    assert_eq!(
        reply.result(0)["record"]["status"],
        "open",
        "one is missing again"
    );
    sales.wait_status(request.id, "pending_l1").await;
    let yes = c.approve(id);
    let reply = c.sync_votes([yes]).await;
    assert_eq!(reply.result(0)["record"]["status"], "approved");
    sales.wait_status(request.id, "approved").await;
}

async fn a_vote_by_hand_is_above_all_stamps_of_the_level(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut phone = server.phone_of("l1a").await;
    let request = sales.submitted("Travel").await;
    let id = request.approval(1);
    phone.wait_for(id).await;
    let mut ahead = phone.approve(id);
    ahead["hlc"] = json!(
        Stamp::new(wall_ms() + 40_000, 9, phone.clock.node())
            .unwrap()
            .to_string()
    );
    assert_eq!(
        phone.sync_votes([ahead.clone()]).await.verdicts(),
        ["applied"]
    );
    let reply = phone
        .act("reject", id, &json!({"comment": "Too dear"}))
        .await
        .ok();
    let vote = &reply.body["votes"][0];
    assert_eq!(
        (&vote["vote"], &vote["comment"]),
        (&json!("reject"), &json!("Too dear"))
    );
    assert!(vote["hlc"].as_str() > ahead["hlc"].as_str());
    assert_eq!(reply.body["status"], "rejected");

    // Approving what I have approved, rejecting what I have rejected: nothing changes.
    let before = phone.wait_for(id).await;
    let again = phone.act("reject", id, &json!({})).await.ok();
    assert_eq!(again.body, before);
    assert_eq!(phone.pull_approvals().await.ids(), Vec::<String>::new());
    assert_eq!(
        phone.act("rollback", id, &json!({})).await.ok().body["status"],
        "open"
    );
    let nothing = phone.act("rollback", id, &json!({})).await;
    assert_eq!(
        (nothing.status, nothing.code()),
        (409, "nothing_to_roll_back")
    );
    let unknown = phone.act("approve", Uuid::nil(), &json!({})).await;
    assert_eq!((unknown.status, unknown.code()), (404, "not_found"));
}

both_engines!(
    votes_of_one_level_come_to_one_outcome_in_any_order,
    the_later_of_two_phones_of_one_person_counts,
    a_vote_and_its_rollback_arrive_apart_in_either_order,
    after_a_rollback_one_may_vote_again,
    a_rejection_rolled_back_lets_the_others_decide,
    quorum_two_needs_two_people,
    a_vote_by_hand_is_above_all_stamps_of_the_level,
);
