//! A batch of votes costs a number of statements that does not grow with the batch.

use serde_json::Value;
use tests::{Phone, Server, both_engines};
use uuid::Uuid;

async fn push(server: &Server, phone: &mut Phone, votes: Vec<Value>, verdict: &str) -> u64 {
    let before = server.approval_statements();
    let reply = phone.sync_votes(votes).await;
    let cost = server.approval_statements() - before;
    let verdicts = reply.verdicts();
    assert!(
        verdicts.iter().all(|given| given == verdict),
        "{verdicts:?}"
    );
    cost
}

/// What a batch of `count` votes costs, the same again, taken back, cast anew, and a pull.
async fn costs(server: &Server, count: usize) -> Vec<(&'static str, u64)> {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let requests = sales.submitted_many("Events", count).await;
    let ids: Vec<Uuid> = requests.iter().map(|request| request.approval(1)).collect();
    l1a.wait_for_all(&requests, 1).await;
    let votes = |phone: &mut Phone, kind: &str| -> Vec<Value> {
        ids.iter().map(|id| phone.vote(kind, *id)).collect()
    };
    let yes = votes(&mut l1a, "approve");
    let back = votes(&mut l1a, "rollback");
    let no = votes(&mut l1a, "reject");
    let mut costs = Vec::new();
    costs.push((
        "votes",
        push(server, &mut l1a, yes.clone(), "applied").await,
    ));
    costs.push(("again", push(server, &mut l1a, yes, "duplicate").await));
    costs.push(("rollbacks", push(server, &mut l1a, back, "applied").await));
    costs.push(("other votes", push(server, &mut l1a, no, "applied").await));
    let before = server.approval_statements();
    l1a.sibling().approvals_page(1_000).await;
    costs.push(("pull", server.approval_statements() - before));
    costs
}

async fn a_batch_costs_the_same_statements_for_one_vote_and_for_a_hundred(server: &Server) {
    // The relay and the sweeper work beside; the least of several tries has least of them.
    let mut least: [Vec<(&str, u64)>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..4 {
        for (slot, count) in least.iter_mut().zip([1, 100]) {
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
        // The relays and consumers of the same database work beside: a hundred votes give them time for a round or two.
        assert!(
            *many <= one + 24,
            "{what}: {one} statements for 1 vote, {many} for 100"
        );
        assert!(*one <= 16, "{what}: {one} statements for 1 vote");
    }
}

both_engines!(a_batch_costs_the_same_statements_for_one_vote_and_for_a_hundred);
