//! Approvals on several nodes of one `PostgreSQL` database: two levels in the same instant, batches in
//! opposite orders, and clocks that differ.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::{Deadlocks, Engine, Phone, Server, Setup, ShiftedClock, Submitted, long_run};

async fn two_nodes() -> (Server, Server) {
    let one = Server::start(Engine::Postgres).await;
    let two = one.beside().await;
    (one, two)
}

/// Nobody waited for another in a ring, and every case is the fold of its log.
async fn stop(one: Server, two: Server) {
    two.leave().await;
    assert_eq!(one.stop_and_count_deadlocks().await, Deadlocks(0));
}

/// Requests of two levels whose L1 l1a has approved.
async fn approved_by_l1(sales: &mut Phone, l1a: &mut Phone, count: usize) -> Vec<Submitted> {
    let requests = sales.submitted_many("Events", count).await;
    l1a.wait_for_all(&requests, 1).await;
    for part in requests.chunks(200) {
        let votes: Vec<Value> = part
            .iter()
            .map(|request| l1a.approve(request.approval(1)))
            .collect();
        let verdicts = l1a.sync_votes(votes).await.verdicts();
        assert!(verdicts.iter().all(|verdict| verdict == "applied"));
    }
    requests
}

/// Who was first: the rollback or the vote above it. Anything else is a vote without a basis.
fn winner(rollback: &str, vote: &str) -> &'static str {
    match (rollback, vote) {
        ("applied", "rejected/basis_changed") => "rollback",
        ("rejected/level_sealed", "applied") => "vote",
        other => panic!("neither of the two orders: {other:?}"),
    }
}

/// The two levels as they read after it.
fn check(winner: &str, first: &Value, second: &Value) {
    let (wanted, votes) = match winner {
        "rollback" => (json!(["open", false, "closed"]), [0, 0]),
        _ => (json!(["approved", true, "approved"]), [1, 1]),
    };
    assert_eq!(
        json!([first["status"], first["sealed"], second["status"]]),
        wanted
    );
    let count = |record: &Value| record["votes"].as_array().unwrap().len();
    assert_eq!([count(first), count(second)], votes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l1_takes_back_while_l2_votes() {
    let (one, two) = two_nodes().await;
    let mut sales = one.sales_phone().await;
    let mut l1a = one.phone_of("l1a").await;
    let mut l2a = two.phone_of("l2a").await;
    let rounds = if long_run() { 1_000 } else { 100 };
    let requests = approved_by_l1(&mut sales, &mut l1a, rounds).await;
    let mut random = StdRng::seed_from_u64(7);
    let mut wins: BTreeMap<&str, u32> = BTreeMap::new();
    // Who was second starts a little earlier the next time.
    let mut head_start_us: i64 = 0;
    for request in &requests {
        let [first, second] = [request.approval(1), request.approval(2)];
        l2a.wait_for(second).await;
        let (back, vote) = (l1a.rollback(first), l2a.approve(second));
        let late = |us: i64| tokio::time::sleep(Duration::from_micros(us.max(0).unsigned_abs()));
        let by_hand = random.random_bool(0.3);
        let (rollback, vote) = tokio::join!(
            async {
                late(-head_start_us).await;
                l1a.sync_votes([back]).await.verdicts().remove(0)
            },
            async {
                late(head_start_us).await;
                if !by_hand {
                    return l2a.sync_votes([vote]).await.verdicts().remove(0);
                }
                let reply = l2a.act("approve", second, &json!({})).await;
                match (reply.status, reply.code()) {
                    (200, "") => "applied".to_owned(),
                    (409, code) => format!("rejected/{code}"),
                    (status, _) => panic!("{status}: {}", reply.body),
                }
            }
        );
        let winner = winner(&rollback, &vote);
        *wins.entry(winner).or_default() += 1;
        head_start_us += if winner == "rollback" { -200 } else { 200 };
        l1a.pull_approvals().await;
        l2a.pull_approvals().await;
        check(winner, &l1a.approvals[&first], &l2a.approvals[&second]);
    }
    assert_eq!(wins.len(), 2, "both orders come about: {wins:?}");
    for request in &requests {
        let open = l1a.approvals[&request.approval(1)]["status"] == "open";
        let status = if open { "pending_l1" } else { "approved" };
        sales.wait_status(request.id, status).await;
    }
    stop(one, two).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_name_the_same_requests_in_opposite_orders() {
    let (one, two) = two_nodes().await;
    let mut sales = one.sales_phone().await;
    let mut l1a = one.phone_of("l1a").await;
    let mut l1b = two.phone_of("l1b").await;
    let mut l2a = two.phone_of("l2a").await;
    let mut l2b = one.phone_of("l2b").await;
    let rounds = if long_run() { 50 } else { 5 };
    let mut random = StdRng::seed_from_u64(11);
    for _ in 0..rounds {
        let requests = approved_by_l1(&mut sales, &mut l1a, 20).await;
        l1b.wait_for_all(&requests, 1).await;
        l2a.wait_for_all(&requests, 2).await;
        l2b.wait_for_all(&requests, 2).await;
        let mut batch = |phone: &mut Phone, kind: &str, level: u8| {
            let votes = requests.iter();
            let mut votes: Vec<Value> = votes
                .map(|request| phone.vote(kind, request.approval(level)))
                .collect();
            votes.shuffle(&mut random);
            votes
        };
        let back = batch(&mut l1a, "rollback", 1);
        let also = batch(&mut l1b, "approve", 1);
        let vote = batch(&mut l2a, "approve", 2);
        let no = batch(&mut l2b, "reject", 2);
        let replies = tokio::join!(
            l1a.sync_votes(back),
            l1b.sync_votes(also),
            l2a.sync_votes(vote),
            l2b.sync_votes(no),
        );
        drop(replies); // each was a 200 with a verdict an item
        for phone in [&mut l1a, &mut l2a] {
            phone.pull_approvals().await;
        }
        for request in &requests {
            let first = &l1a.approvals[&request.approval(1)];
            let second = &l2a.approvals[&request.approval(2)];
            let above = second["votes"] != json!([]);
            // A vote above stands on what can no longer be taken away.
            assert_eq!(first["sealed"], json!(above), "{first}\n{second}");
            assert!(!above || first["status"] == "approved", "{first}\n{second}");
        }
    }
    stop(one, two).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_whose_clocks_differ_by_minutes_agree() {
    let windows = || Setup::windows(Duration::from_mins(2), Duration::from_mins(1));
    let right = Server::start_as(Engine::Postgres, windows()).await;
    let fast = right
        .beside_as(windows().by(&ShiftedClock::wrong_by(300_000)))
        .await;
    let slow = right
        .beside_as(windows().by(&ShiftedClock::wrong_by(-300_000)))
        .await;
    let mut sales = right.sales_phone().await;
    let mut l1a = right.phone_of("l1a").await;
    let requests = sales.submitted_many("Events", 3).await;
    for request in &requests {
        l1a.wait_for(request.approval(1)).await;
    }
    let votes: Vec<Value> = requests
        .iter()
        .map(|request| l1a.approve(request.approval(1)))
        .collect();
    let reply = l1a.sync_votes(votes).await;
    let record = reply.result(0)["record"].clone();

    // By the fast node's own clock the level has sealed, by the slow one's it has not been opened.
    for node in [&fast, &slow] {
        let elsewhere = node.phone_of("l1a").await;
        let everything = elsewhere.all_approvals().await;
        assert_eq!(everything.record(requests[0].approval(1)), &record);
        let history = elsewhere
            .actor
            .get("/api/v1/approvals/history")
            .await
            .ok()
            .body;
        let mine = |item: &&Value| requests.iter().any(|r| item["requestId"] == json!(r.id));
        let items: Vec<&Value> = history["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(mine)
            .collect();
        assert_eq!(items.len(), 3);
        assert!(
            items.iter().all(|item| item["sealed"] == false),
            "{items:?}"
        );
        let mut l2a = node.phone_of("l2a").await;
        l2a.wait_for(requests[0].approval(2)).await;
        let waits = l2a
            .actor
            .get("/api/v1/approvals/incoming?limit=1000")
            .await
            .ok();
        let two = requests[0].approval(2).to_string();
        assert!(waits.body.to_string().contains(&two));
    }
    // A stamp of now is no stamp of the future for the slow node, nor late for the fast one.
    for (node, request) in [(&fast, &requests[0]), (&slow, &requests[1])] {
        let id = request.approval(1);
        let mut phone = node.phone_of("l1a").await;
        phone.wait_for(id).await;
        let items = [phone.rollback(id), phone.approve(id)];
        let reply = phone.sync_votes(items).await;
        assert_eq!(reply.verdicts(), ["applied", "applied"]);
        // It opened anew, now, whatever a node's clock says.
        let seals = reply.result(0)["record"]["sealsAt"].as_str().unwrap();
        let first = record["sealsAt"].as_str().unwrap();
        assert!(
            first < seals && seals[..13] == first[..13],
            "{first} {seals}"
        );
        let reply = phone.act("rollback", id, &json!({})).await.ok();
        assert_eq!(reply.body["status"], "open");
    }
    // A stamp two minutes ahead is ahead on every node, and one of forty seconds on none.
    for node in [&right, &fast, &slow] {
        let mut phone = node.phone_of("l1b").await;
        phone.wait_for(requests[2].approval(1)).await;
        for (ahead_ms, verdict) in [(120_000, "rejected/clock_ahead?"), (40_000, "applied")] {
            let mut vote = phone.approve(requests[2].approval(1));
            let millis = tests::wall_ms() + ahead_ms;
            let stamp = sync_core::hlc::Stamp::new(millis, 0, phone.clock.node()).unwrap();
            vote["hlc"] = json!(stamp.to_string());
            assert_eq!(phone.sync_votes([vote]).await.verdicts(), [verdict]);
        }
    }
    slow.leave().await;
    fast.leave().await;
    assert_eq!(right.stop_and_count_deadlocks().await, Deadlocks(0));
}
