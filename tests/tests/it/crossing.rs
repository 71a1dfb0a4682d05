//! Approvals, *two levels at once*: a vote above and a rollback below, in every order.

use serde_json::{Value, json};
use tests::{Server, both_engines};

/// What is sent, by whom and how it ends, in the order of arrival.
type Order = [(&'static str, &'static str); 3];

/// l1a has approved. l1b rejects and takes it back, l2a approves; each was made before anything of the
/// others was heard. Behind it: what L1 and L2 come to.
const ORDERS: [(Order, &str, &str); 6] = [
    (
        [
            ("reject", "applied"),
            ("rollback", "applied"),
            ("approve", "applied"),
        ],
        "approved",
        "approved",
    ),
    (
        [
            ("reject", "applied"),
            ("approve", "rejected/basis_changed"),
            ("rollback", "applied"),
        ],
        "approved",
        "open",
    ),
    (
        [
            ("rollback", "rejected/nothing_to_roll_back"),
            ("reject", "applied"),
            ("approve", "rejected/basis_changed"),
        ],
        "rejected",
        "closed",
    ),
    (
        [
            ("rollback", "rejected/nothing_to_roll_back"),
            ("approve", "applied"),
            ("reject", "rejected/level_sealed"),
        ],
        "approved",
        "approved",
    ),
    (
        [
            ("approve", "applied"),
            ("reject", "rejected/level_sealed"),
            ("rollback", "rejected/nothing_to_roll_back"),
        ],
        "approved",
        "approved",
    ),
    (
        [
            ("approve", "applied"),
            ("rollback", "rejected/nothing_to_roll_back"),
            ("reject", "rejected/level_sealed"),
        ],
        "approved",
        "approved",
    ),
];

async fn an_offline_l1_and_a_quick_l2_in_every_order(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let mut l1b = server.phone_of("l1b").await;
    let mut l2a = server.phone_of("l2a").await;
    let requests = sales.submitted_many("Events", ORDERS.len()).await;
    for request in &requests {
        l1a.wait_for(request.approval(1)).await;
    }
    let votes: Vec<Value> = requests
        .iter()
        .map(|request| l1a.approve(request.approval(1)))
        .collect();
    l1a.sync_votes(votes).await;
    for (number, (request, (order, first, second))) in requests.iter().zip(&ORDERS).enumerate() {
        let [one, two] = [request.approval(1), request.approval(2)];
        l1b.wait_for(one).await;
        l2a.wait_for(two).await;
        let (no, back, yes) = (l1b.reject(one), l1b.rollback(one), l2a.approve(two));
        for (what, verdict) in order {
            let reply = match *what {
                "reject" => l1b.sync_votes([no.clone()]).await,
                "rollback" => l1b.sync_votes([back.clone()]).await,
                _ => l2a.sync_votes([yes.clone()]).await,
            };
            assert_eq!(reply.verdicts(), [*verdict], "order {number}: {what}");
        }
        l1b.pull_approvals().await;
        l2a.pull_approvals().await;
        assert_eq!(l1b.approvals[&one]["status"], *first, "order {number}");
        assert_eq!(l2a.approvals[&two]["status"], *second, "order {number}");
        let stands = l2a.approvals[&two]["votes"] != json!([]);
        assert_eq!(
            l1b.approvals[&one]["sealed"],
            json!(stands),
            "order {number}"
        );
    }
}

async fn a_rollback_below_and_a_vote_above_have_one_winner(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let mut l2a = server.phone_of("l2a").await;
    let requests = sales.submitted_many("Events", 2).await;
    for (request, rollback_first) in requests.iter().zip([true, false]) {
        let [one, two] = [request.approval(1), request.approval(2)];
        l1a.wait_for(one).await;
        let yes = l1a.approve(one);
        l1a.sync_votes([yes]).await;
        l2a.wait_for(two).await;
        let (back, yes) = (l1a.rollback(one), l2a.approve(two));
        if rollback_first {
            assert_eq!(l1a.sync_votes([back]).await.verdicts(), ["applied"]);
            let reply = l2a.sync_votes([yes]).await;
            assert_eq!(reply.verdicts(), ["rejected/basis_changed"]);
            assert_eq!(reply.result(0)["record"]["status"], "closed");
            sales.wait_status(request.id, "pending_l1").await;
            // The level opens again, and can be voted on again.
            let yes = l1a.approve(one);
            l1a.sync_votes([yes]).await;
            l2a.wait_approval(two, |record| record["status"] == "open")
                .await;
            let yes = l2a.approve(two);
            assert_eq!(l2a.sync_votes([yes]).await.verdicts(), ["applied"]);
        } else {
            assert_eq!(l2a.sync_votes([yes]).await.verdicts(), ["applied"]);
            let reply = l1a.sync_votes([back]).await;
            assert_eq!(reply.verdicts(), ["rejected/level_sealed"]);
            assert_eq!(reply.result(0)["record"]["sealed"], true);
        }
        sales.wait_status(request.id, "approved").await;
        // l2a may take back what l2a said; L1 stays sealed under it.
        let back = l2a.rollback(two);
        assert_eq!(l2a.sync_votes([back]).await.verdicts(), ["applied"]);
        let back = l1a.rollback(one);
        assert_eq!(
            l1a.sync_votes([back]).await.verdicts(),
            ["rejected/level_sealed"]
        );
        sales.wait_status(request.id, "pending_l2").await;
    }
}

both_engines!(
    an_offline_l1_and_a_quick_l2_in_every_order,
    a_rollback_below_and_a_vote_above_have_one_winner,
);
