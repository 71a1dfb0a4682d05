//! Approvals, *the refusals*: each code by its name, for good, and none that harms its neighbours.

use domain_services::db::sql;
use serde_json::{Value, json};
use sync_core::hlc::Stamp;
use tests::{Phone, Server, both_engines, wall_ms};
use uuid::Uuid;

/// A result or body without what names the item itself.
fn bare(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(members) = value.as_object_mut() {
        for own in ["id", "opId", "instance"] {
            members.remove(own);
        }
    }
    value
}

fn hours_ago(phone: &Phone, hours: u64) -> Stamp {
    Stamp::new(wall_ms() - hours * 3_600_000, 0, phone.clock.node()).unwrap()
}

async fn refused(phone: &mut Phone, item: Value, code: &str) -> Value {
    let wanted = [format!("rejected/{code}")];
    let first = phone.sync_votes([item.clone()]).await;
    assert_eq!(first.verdicts(), wanted, "{}", first.body);
    let again = phone.sync_votes([item]).await;
    assert_eq!(again.verdicts(), wanted, "for good");
    first.result(0).clone()
}

async fn a_level_is_voted_on_from_its_opening(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let mut l2a = server.phone_of("l2a").await;
    let request = sales.submitted("Events").await;
    let [one, two] = [1, 2].map(|level| request.approval(level));
    let revision = json!(request.revision.to_string());
    l1a.wait_for(one).await;

    // l2a computed the id, but the level has not been opened.
    let stamp = l2a.stamp();
    let early = l2a.vote_at("approve", two, &revision, stamp);
    let result = refused(&mut l2a, early.clone(), "level_not_open").await;
    assert_eq!(
        result["record"],
        Value::Null,
        "a level that never opened has no readers"
    );

    let yes = l1a.approve(one);
    l1a.sync_votes([yes]).await;
    l2a.wait_for(two).await;
    assert_eq!(
        l2a.sync_votes([early]).await.verdicts(),
        ["rejected/level_not_open"],
        "the command was refused for good, whatever became of the level"
    );

    // l1a thinks again; the basis of l2a's level is gone.
    let back = l1a.rollback(one);
    assert_eq!(l1a.sync_votes([back]).await.verdicts(), ["applied"]);
    let vote = l2a.approve(two);
    let result = refused(&mut l2a, vote, "basis_changed").await;
    assert_eq!(result["record"]["status"], "closed");
    let by_hand = l2a.act("approve", two, &json!({})).await;
    assert_eq!((by_hand.status, by_hand.code()), (409, "basis_changed"));
    assert_eq!(l2a.wait_for(two).await["votes"], json!([]));
}

async fn a_vote_cites_the_revision_it_saw(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let request = sales.submitted("Travel").await;
    let id = request.approval(1);
    l1a.wait_for(id).await;
    let other = json!(format!("sha256:{}", "0".repeat(64)));
    let stamp = l1a.stamp();
    let stale = l1a.vote_at("approve", id, &other, stamp);
    let result = refused(&mut l1a, stale, "stale_revision").await;
    assert_eq!(
        result["record"]["revision"],
        json!(request.revision.to_string())
    );
    let by_hand = l1a.act("approve", id, &json!({"revision": other})).await;
    assert_eq!((by_hand.status, by_hand.code()), (409, "stale_revision"));
    let broken = l1a
        .act("approve", id, &json!({"revision": "sha256:no"}))
        .await;
    assert_eq!((broken.status, broken.code()), (400, "invalid_value"));
    assert_eq!(broken.body["errors"][0]["pointer"], "/revision");
    let right = json!({"revision": request.revision.to_string()});
    l1a.act("approve", id, &right).await.ok();
}

async fn nobody_decides_about_an_own_request(server: &Server) {
    // Both roles, and named in the chain of the category.
    let mut both = server.phone_with(&["sales", "approver"]).await;
    let mut l1a = server.phone_of("l1a").await;
    let category = server.category(&[(&[&both, &l1a], 1)]).await;
    let request = both.submitted(&category).await;
    let id = request.approval(1);
    let record = l1a.wait_for(id).await;
    assert_eq!(
        record["approverIds"],
        json!([l1a.actor.user_id]),
        "pinned without the owner"
    );
    let stamp = both.stamp();
    let revision = json!(request.revision.to_string());
    let own = both.vote_at("approve", id, &revision, stamp);
    refused(&mut both, own, "self_approval").await;
    let by_hand = both.act("approve", id, &json!({})).await;
    assert_eq!((by_hand.status, by_hand.code()), (409, "self_approval"));
    assert_eq!(both.all_approvals().await.find(id), None);

    // Another's request in the same category is hers to decide.
    let mut sales = server.sales_phone().await;
    let request = sales.submitted(&category).await;
    both.wait_for(request.approval(1)).await;
    let yes = both.approve(request.approval(1));
    assert_eq!(both.sync_votes([yes]).await.verdicts(), ["applied"]);
}

async fn one_person_fills_one_level(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let l1b = server.phone_of("l1b").await;
    let l2a = server.phone_of("l2a").await;
    let category = server
        .category(&[(&[&l1a, &l1b], 1), (&[&l1a, &l2a], 1)])
        .await;
    let (mut l1b, mut l2a) = (l1b, l2a);
    let request = sales.submitted(&category).await;
    let [one, two] = [1, 2].map(|level| request.approval(level));
    l1a.wait_for(one).await;
    let yes = l1a.approve(one);
    l1a.sync_votes([yes]).await;
    l1a.wait_for(two).await;
    let second = l1a.approve(two);
    refused(&mut l1a, second, "duplicate_approver").await;
    let by_hand = l1a.act("approve", two, &json!({})).await;
    assert_eq!(
        (by_hand.status, by_hand.code()),
        (409, "duplicate_approver")
    );
    let waits = l1a
        .actor
        .get("/api/v1/approvals/incoming?limit=1000")
        .await
        .ok();
    assert!(
        !waits.body.to_string().contains(&two.to_string()),
        "not asked of l1a"
    );

    // Who took the one vote back may fill the other level.
    l1b.wait_for(one).await;
    let yes = l1b.approve(one);
    l1b.sync_votes([yes]).await;
    let items = [l1a.rollback(one), l1a.approve(two)];
    assert_eq!(
        l1a.sync_votes(items).await.verdicts(),
        ["applied", "applied"]
    );
    let taken = l2a.wait_for(two).await;
    assert_eq!(taken["votes"][0]["approverId"], json!(l1a.actor.user_id));
}

async fn who_left_decides_nothing_any_more(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut leaver = server.phone_with(&["approver"]).await;
    let l1a = server.phone_of("l1a").await;
    let category = server.category(&[(&[&leaver, &l1a], 1)]).await;
    let request = sales.submitted(&category).await;
    let id = request.approval(1);
    leaver.wait_for(id).await;
    let vote = leaver.approve(id);
    server.change_roles(leaver.actor.user_id, &["sales"]).await;
    // The token lives for a while; the queue of the phone arrives with it.
    while leaver.approvals.contains_key(&id) {
        leaver.pull_approvals().await;
    }
    refused(&mut leaver, vote, "approver_inactive").await;
    let by_hand = leaver.act("approve", id, &json!({})).await;
    assert_eq!((by_hand.status, by_hand.code()), (409, "approver_inactive"));
    assert_eq!(sales.look(request.id).await.body["status"], "pending_l1");
}

/// What is told to the approval service of this person waits, as behind an event that cannot be handled.
async fn holds_news_of(server: &Server, person: Uuid, held: bool) {
    let statement = if held {
        "insert into dead_letter (event_id, topic, key, type, version, time_us, body, reason, at_us)
         values ($1, 'user', $1, 'user.changed', 0, 0, '{}', 'a test', 0)"
    } else {
        "delete from dead_letter where key = $1"
    };
    let db = &server.services().databases.approval;
    let written =
        db.write(move |tx| Box::pin(async move { sql(statement).bind(person).execute(tx).await }));
    assert!(written.await.unwrap() > 0);
}

async fn who_is_back_before_the_news_of_it_waits(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut leaver = server.phone_with(&["approver"]).await;
    let person = leaver.actor.user_id;
    let me = leaver.actor.get("/api/v1/users/me").await.ok().body;
    let email = me["email"].as_str().unwrap();
    let l1a = server.phone_of("l1a").await;
    let category = server.category(&[(&[&leaver, &l1a], 1)]).await;
    let request = sales.submitted(&category).await;
    let id = request.approval(1);
    leaver.wait_for(id).await;
    server.change_roles(person, &["sales"]).await;
    while leaver.approvals.contains_key(&id) {
        leaver.pull_approvals().await;
    }
    holds_news_of(server, person, true).await;
    server.change_roles(person, &["approver"]).await;
    let mut back = Phone::of(server.sign_in(email, "athena-demo").await);
    let revision = json!(request.revision.to_string());
    let stamp = back.stamp();
    let vote = back.vote_at("approve", id, &revision, stamp);
    let reply = back.sync_votes([vote.clone()]).await;
    assert_eq!(reply.verdicts(), ["deferred"]);
    let waits = json!({"kind": "approval", "id": id});
    assert_eq!(reply.result(0)["waitingFor"], waits);
    let by_hand = back.act("approve", id, &json!({})).await;
    assert_eq!((by_hand.status, by_hand.code()), (503, "unavailable"));

    holds_news_of(server, person, false).await;
    server.change_roles(person, &["approver", "sales"]).await;
    back.wait_for(id).await;
    assert_eq!(back.sync_votes([vote]).await.verdicts(), ["applied"]);
    sales.wait_status(request.id, "approved").await;
}

async fn anothers_approval_and_none_answer_alike_once_a_day_has_passed(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let mut stranger = server.phone_of("l3a").await;
    let request = sales.submitted("Travel").await;
    let theirs = request.approval(1);
    l1a.wait_for(theirs).await;
    let revision = json!(request.revision.to_string());
    let none = stranger.new_id();
    for kind in ["approve", "reject", "rollback"] {
        let old = hours_ago(&stranger, 25);
        let mut answers = Vec::new();
        for id in [theirs, none] {
            let item = stranger.vote_at(kind, id, &revision, old);
            let result = refused(&mut stranger, item, "not_found").await;
            assert_eq!(result["record"], Value::Null);
            answers.push(bare(&result));
        }
        assert_eq!(answers[0], answers[1], "{kind}");
        let path = |id: Uuid| format!("/api/v1/approvals/{id}/{kind}");
        let one = stranger.actor.post(&path(theirs), &json!({})).await;
        let other = stranger.actor.post(&path(none), &json!({})).await;
        assert_eq!((one.status, one.code()), (404, "not_found"));
        assert_eq!(bare(&one.body), bare(&other.body), "{kind}");
    }
    assert_eq!(l1a.wait_for(theirs).await["votes"], json!([]));
    assert_eq!(stranger.all_approvals().await.find(theirs), None);
}

async fn an_unknown_approval_is_waited_for_and_so_is_what_follows_it(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let request = sales.submitted("Travel").await;
    let known = request.approval(1);
    l1a.wait_for(known).await;
    let revision = json!(request.revision.to_string());
    let unknown = l1a.new_id();
    let [one, two] = [l1a.stamp(), l1a.stamp()];
    let items = [
        l1a.vote_at("approve", unknown, &revision, one),
        l1a.vote_at("rollback", unknown, &revision, two),
        l1a.approve(known),
    ];
    for _ in 0..2 {
        let reply = l1a.sync_votes(items[..2].to_vec()).await;
        assert_eq!(reply.verdicts(), ["deferred", "deferred"], "stored nothing");
        assert_eq!(
            [
                &reply.result(0)["waitingFor"],
                &reply.result(1)["waitingFor"]
            ],
            [
                &json!({"kind": "approval", "id": unknown}),
                &json!({"kind": "op", "id": items[0]["opId"]}),
            ]
        );
        assert_eq!(reply.result(0)["retryable"], false);
    }
    assert_eq!(
        l1a.sync_votes(items).await.verdicts(),
        ["deferred", "deferred", "applied"]
    );
}

async fn a_clock_that_is_ahead_spoils_its_own_items_only(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let requests = sales.submitted_many("Travel", 2).await;
    let [one, two] = [requests[0].approval(1), requests[1].approval(1)];
    l1a.wait_for(one).await;
    l1a.wait_for(two).await;
    let mut ahead = l1a.approve(one);
    let hour = Stamp::new(wall_ms() + 3_600_000, 0, l1a.clock.node()).unwrap();
    ahead["hlc"] = json!(hour.to_string());
    let items = [ahead.clone(), l1a.rollback(one), l1a.approve(two)];
    let reply = l1a.sync_votes(items).await;
    assert_eq!(
        reply.verdicts(),
        ["rejected/clock_ahead?", "deferred", "applied"]
    );
    assert_eq!(
        reply.result(1)["waitingFor"],
        json!({"kind": "op", "id": ahead["opId"]})
    );
    let server_stamp: Stamp = reply.body["hlc"].as_str().unwrap().parse().unwrap();
    assert!(
        server_stamp.millis() < wall_ms() + 60_000,
        "nobody's clock is poisoned"
    );
    // Stamped anew, under the same opId.
    ahead["hlc"] = json!(l1a.stamp().to_string());
    assert_eq!(l1a.sync_votes([ahead]).await.verdicts(), ["applied"]);
}

async fn a_broken_vote_harms_none_of_its_neighbours(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let requests = sales.submitted_many("Travel", 3).await;
    for request in &requests {
        l1a.wait_for(request.approval(1)).await;
    }
    let ids: Vec<Uuid> = requests.iter().map(|request| request.approval(1)).collect();
    let wrong: [(&str, Value, &str); 8] = [
        ("revision", Value::Null, "revision"),
        ("revision", json!("sha256:ABC"), "revision"),
        ("comment", json!("x".repeat(2_001)), "comment"),
        ("comment", json!("NUL \u{0}"), "comment"),
        ("comment", json!(5), "comment"),
        ("type", json!("submit"), "type"),
        ("hlc", json!("yesterday"), "hlc"),
        ("id", json!("no id"), "id"),
    ];
    let mut items = vec![l1a.approve(ids[0])];
    for (member, value, _) in &wrong {
        let mut item = l1a.approve(ids[1]);
        item[*member] = value.clone();
        items.push(item);
    }
    items.push(l1a.reject(ids[2]));
    let reply = l1a.sync_votes(items).await;
    let verdicts = reply.verdicts();
    assert_eq!((&*verdicts[0], &*verdicts[9]), ("applied", "applied"));
    for (number, (_, _, named)) in (1..).zip(&wrong) {
        let result = reply.result(number);
        assert_eq!(verdicts[number], "rejected/invalid_value", "{named}");
        assert!(
            result["detail"].as_str().unwrap().contains(named),
            "{result}"
        );
        assert_eq!(result["record"], Value::Null);
    }
    assert_eq!(l1a.wait_for(ids[1]).await["votes"], json!([]));
    // A comment of exactly 2,000 characters is none too long.
    let mut longest = l1a.approve(ids[1]);
    longest["comment"] = json!("\u{1f600}".repeat(2_000));
    assert_eq!(l1a.sync_votes([longest]).await.verdicts(), ["applied"]);
    let too_long = json!({"comment": "x".repeat(2_001)});
    let by_hand = l1a.act("approve", ids[1], &too_long).await;
    assert_eq!((by_hand.status, by_hand.code()), (400, "invalid_value"));
    assert_eq!(by_hand.body["errors"][0]["pointer"], "/comment");
}

both_engines!(
    a_level_is_voted_on_from_its_opening,
    a_vote_cites_the_revision_it_saw,
    nobody_decides_about_an_own_request,
    one_person_fills_one_level,
    who_left_decides_nothing_any_more,
    who_is_back_before_the_news_of_it_waits,
    anothers_approval_and_none_answer_alike_once_a_day_has_passed,
    an_unknown_approval_is_waited_for_and_so_is_what_follows_it,
    a_clock_that_is_ahead_spoils_its_own_items_only,
    a_broken_vote_harms_none_of_its_neighbours,
);
