//! Approvals, *pull*: the feed of one approver, its pages, its pokes and its privacy.

use serde_json::{Value, json};
use std::time::Duration;
use tests::{PATIENCE, Phone, Server, Since, Submitted, both_engines, entry};
use tokio::time::timeout;
use uuid::Uuid;

/// An approver of a category of its own, who has no feed yet.
pub(crate) async fn newcomer(server: &Server) -> (Phone, String) {
    let approver = server.phone_with(&["approver"]).await;
    let l2a = server.phone_of("l2a").await;
    let category = server.category(&[(&[&approver], 1), (&[&l2a], 1)]).await;
    (approver, category)
}

fn upserts(requests: &[Submitted]) -> Vec<String> {
    let ids = requests.iter().map(|request| request.approval(1));
    ids.map(|id| format!("+{id}")).collect()
}

/// Pulls until the approver's phone has the first level of these.
pub(crate) async fn arrived(approver: &mut Phone, requests: &[Submitted]) {
    approver.wait_for_all(requests, 1).await;
}

async fn a_new_phone_gets_everything_visible_and_nothing_else(server: &Server) {
    let mut sales = server.sales_phone().await;
    let (mut approver, category) = newcomer(server).await;
    // Nobody has asked this approver anything: no head row yet.
    let empty = approver.approvals_page(500).await;
    assert_eq!(
        (empty.changes().len(), &empty.body["hasMore"]),
        (0, &json!(false))
    );
    let requests = sales.submitted_many(&category, 5).await;
    arrived(&mut approver, &requests).await;
    let yes = approver.approve(requests[0].approval(1));
    approver.sync_votes([yes]).await;
    let no = approver.reject(requests[1].approval(1));
    approver.sync_votes([no]).await;
    let others = sales.submitted_many("Travel", 3).await;
    let mut l1a = server.phone_of("l1a").await;
    arrived(&mut l1a, &others).await;

    let everything = approver.all_approvals().await;
    assert_eq!(
        everything.changes.len(),
        5,
        "each once, and no other approver's"
    );
    for request in &requests {
        assert_eq!(
            everything.record(request.approval(1)),
            &approver.approvals[&request.approval(1)]
        );
    }
    assert_eq!(
        everything.record(requests[1].approval(1))["status"],
        "rejected"
    );
    let mut l2a = server.phone_of("l2a").await;
    l2a.wait_for(requests[0].approval(2)).await;
    for other in &requests[1..] {
        assert_eq!(
            l2a.all_approvals().await.find(other.approval(2)),
            None,
            "not opened"
        );
    }
    for other in &others {
        assert_eq!(everything.find(other.approval(1)), None);
    }
    let theirs = l1a.all_approvals().await;
    for request in &requests {
        assert_eq!(theirs.find(request.approval(1)), None);
        let reply = l1a.act("reject", request.approval(1), &json!({})).await;
        assert_eq!((reply.status, reply.code()), (404, "not_found"));
    }
}

async fn pages_of_one_bring_each_entry_once_in_commit_order(server: &Server) {
    let mut sales = server.sales_phone().await;
    let (mut approver, category) = newcomer(server).await;
    let mut requests = Vec::new();
    for _ in 0..7 {
        let request = sales.submitted(&category).await;
        arrived(&mut approver, &[request]).await;
        requests.push(request);
    }
    for limit in [1, 3, 7, 1_000] {
        let mut reader = approver.sibling();
        let mut found = Vec::new();
        let mut last = String::new();
        loop {
            let page = reader.approvals_page(limit).await;
            assert!(page.changes().len() <= limit);
            found.extend(page.changes().iter().map(entry));
            let next = page.body["lastSync"].as_str().unwrap().to_owned();
            assert!(next > last, "lastSync rises");
            last = next;
            if page.body["hasMore"] == false {
                break;
            }
        }
        assert_eq!(found, upserts(&requests), "by pages of {limit}");
        // Exact: from here on there is nothing, and the place stands.
        let again = reader.approvals_page(limit).await;
        assert_eq!(
            (again.changes().len(), &again.body["lastSync"]),
            (0, &json!(last))
        );
    }
    // An entry that moves while a phone pages comes again.
    let mut reader = approver.sibling();
    reader.approvals_page(3).await;
    let yes = approver.approve(requests[1].approval(1));
    approver.sync_votes([yes]).await;
    let rest = reader.pull_approvals_by(1).await.ids();
    let mut wanted = upserts(&requests[3..]);
    wanted.push(format!("+{}", requests[1].approval(1)));
    assert_eq!(rest, wanted);
    assert_eq!(
        reader.approvals[&requests[1].approval(1)]["status"],
        "approved"
    );
}

async fn beyond_the_head_is_a_resync_decided_first(server: &Server) {
    let mut sales = server.sales_phone().await;
    let (mut approver, category) = newcomer(server).await;
    let request = sales.submitted(&category).await;
    arrived(&mut approver, &[request]).await;
    let id = request.approval(1);
    let beyond = "2999-01-01T00:00:00.000001Z";
    let path = format!("/api/v1/approvals/updates?lastSync={beyond}");
    let reply = approver.actor.get(&path).await;
    assert_eq!((reply.status, reply.code()), (410, "resync_required"));
    let yes = approver.approve(id);
    let place = std::mem::replace(
        &mut approver.approvals_since,
        Since::After(beyond.to_owned()),
    );
    let reply = approver.try_sync_votes(&[yes]).await.unwrap();
    assert_eq!((reply.status, reply.code()), (410, "resync_required"));
    approver.approvals_since = Since::Absent;
    approver.pull_approvals().await;
    assert_eq!(
        approver.approvals[&id]["votes"],
        json!([]),
        "nothing was taken"
    );
    assert_eq!(approver.approvals_since, place);
    for wrong in ["lastSync=yesterday", "limit=0", "limit=1001", "limit=x"] {
        let reply = approver
            .actor
            .get(&format!("/api/v1/approvals/updates?{wrong}"))
            .await;
        assert_eq!(
            (reply.status, reply.code()),
            (400, "invalid_value"),
            "{wrong}"
        );
    }
    let old = approver.sibling();
    let reply = old
        .actor
        .get("/api/v1/approvals/updates?lastSync=2001-01-01T00:00:00Z")
        .await
        .ok();
    assert_eq!(reply.changes().len(), 1, "an older time only over-sends");
}

/// The next poke of a stream, or none within this time.
async fn poked(stream: &mut reqwest::Response, within: Duration) -> bool {
    let chunk = timeout(within, async {
        loop {
            let chunk = stream.chunk().await.unwrap().expect("a stream that lives");
            if chunk.starts_with(b"event: poke") {
                return;
            }
        }
    });
    chunk.await.is_ok()
}

async fn a_stream_says_pull_now_when_a_level_opens(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let mut l2a = server.phone_of("l2a").await;
    let stranger = server.phone_of("l3a").await;
    let path = "/api/v1/approvals/updates/stream";
    let (mut first, mut second) = (l1a.actor.open(path).await, l2a.actor.open(path).await);
    let mut other = stranger.actor.open(path).await;
    for stream in [&mut first, &mut second, &mut other] {
        assert!(poked(stream, PATIENCE).await, "one at connect");
    }
    l1a.pull_approvals().await;
    l2a.pull_approvals().await;
    let request = sales.submitted("Events").await;
    assert!(poked(&mut first, PATIENCE).await, "L1 opens");
    assert_eq!(
        l1a.pull_approvals().await.ids(),
        [format!("+{}", request.approval(1))],
        "a poke comes after the commit"
    );
    let yes = l1a.approve(request.approval(1));
    l1a.sync_votes([yes]).await;
    assert!(poked(&mut second, PATIENCE).await, "L2 opens");
    assert_eq!(
        l2a.pull_approvals().await.ids(),
        [format!("+{}", request.approval(2))]
    );
    assert!(
        !poked(&mut other, Duration::from_millis(50)).await,
        "not L3's business"
    );
}

async fn who_loses_the_role_loses_the_approvals_until_it_comes_back(server: &Server) {
    let mut sales = server.sales_phone().await;
    let (mut approver, category) = newcomer(server).await;
    let requests = sales.submitted_many(&category, 3).await;
    arrived(&mut approver, &requests).await;
    let person = approver.actor.user_id;
    let yes = approver.approve(requests[2].approval(1));
    approver.sync_votes([yes]).await;
    // The token lives, the role is gone.
    server.change_roles(person, &["sales"]).await;
    let mut removed = Vec::new();
    while removed.len() < 3 {
        removed.extend(approver.pull_approvals().await.ids());
    }
    removed.sort();
    let mut wanted: Vec<String> = requests
        .iter()
        .map(|request| format!("-{}", request.approval(1)))
        .collect();
    wanted.sort();
    assert_eq!(removed, wanted);
    assert!(approver.approvals.is_empty());
    let waits = approver.actor.get("/api/v1/approvals/incoming").await.ok();
    assert_eq!(waits.body["items"], json!([]));
    let fresh = approver.all_approvals().await;
    assert!(
        fresh
            .changes
            .iter()
            .all(|change| change["kind"] == "remove"),
        "{fresh:?}"
    );

    server.change_roles(person, &["approver"]).await;
    arrived(&mut approver, &requests).await;
    assert_eq!(approver.approvals.len(), 3);
    assert_eq!(
        approver.approvals[&requests[2].approval(1)]["votes"][0]["approverId"],
        json!(person),
        "the vote stood all the time"
    );
    let yes = approver.approve(requests[0].approval(1));
    assert_eq!(approver.sync_votes([yes]).await.verdicts(), ["applied"]);
}

async fn a_push_leaves_out_of_its_pull_what_it_answered(server: &Server) {
    let mut sales = server.sales_phone().await;
    let approver = server.phone_with(&["approver"]).await;
    let colleague = server.phone_with(&["approver"]).await;
    let category = server.category(&[(&[&approver, &colleague], 2)]).await;
    let (mut approver, mut colleague) = (approver, colleague);
    let requests = sales.submitted_many(&category, 4).await;
    arrived(&mut approver, &requests).await;
    arrived(&mut colleague, &requests).await;
    let ids: Vec<Uuid> = requests.iter().map(|request| request.approval(1)).collect();
    // It has seen everything: nothing comes but the answer.
    let votes = [approver.approve(ids[0]), approver.approve(ids[1])];
    let reply = approver.sync_votes(votes).await;
    assert_eq!(
        (reply.changes().len(), &reply.body["hasMore"]),
        (0, &json!(false))
    );
    assert_eq!(
        approver.pull_approvals().await.ids(),
        Vec::<String>::new(),
        "lastSync is behind them"
    );

    // A colleague's vote that the phone has not seen comes along, and so may its own.
    let yes = colleague.approve(ids[2]);
    colleague.sync_votes([yes]).await;
    let yes = approver.approve(ids[3]);
    let reply = approver.sync_votes([yes]).await;
    let brought: Vec<String> = reply.changes().iter().map(entry).collect();
    assert!(brought.contains(&format!("+{}", ids[2])), "{brought:?}");
    assert_eq!(
        approver.approvals[&ids[2]]["votes"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(approver.pull_approvals().await.ids(), Vec::<String>::new());
    // The one it votes on and has not seen all of is among them.
    let yes = colleague.approve(ids[0]);
    colleague.sync_votes([yes]).await;
    let mut yes = approver.approve(ids[0]);
    yes["comment"] = json!("Still");
    let reply = approver.sync_votes([yes]).await;
    let brought: Vec<String> = reply.changes().iter().map(entry).collect();
    assert_eq!(brought, [format!("+{}", ids[0])]);
    assert_eq!(reply.result(0)["record"], reply.changes()[0]["record"]);

    // Absent: no pull. Null: from the beginning.
    approver.approvals_since = Since::Absent;
    let yes = approver.approve(ids[3]);
    let reply = approver.sync_votes([yes]).await;
    assert_eq!(
        (reply.changes().len(), &reply.body["lastSync"]),
        (0, &Value::Null)
    );
    approver.approvals_since = Since::Beginning;
    let reply = approver.sync_votes([]).await;
    assert_eq!(reply.changes().len(), 4);
    assert_eq!(approver.pull_approvals().await.ids(), Vec::<String>::new());
}

both_engines!(
    a_new_phone_gets_everything_visible_and_nothing_else,
    pages_of_one_bring_each_entry_once_in_commit_order,
    beyond_the_head_is_a_resync_decided_first,
    a_stream_says_pull_now_when_a_level_opens,
    who_loses_the_role_loses_the_approvals_until_it_comes_back,
    a_push_leaves_out_of_its_pull_what_it_answered,
);
