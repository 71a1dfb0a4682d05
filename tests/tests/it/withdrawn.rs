//! Approvals, *withdrawal*: it closes what is not sealed, stands when it crosses a seal, and is the way
//! out of a chain that can no longer decide.

use domain_services::db::{Db, DbError, sql};
use domain_services::events::REQUEST_FINALIZED;
use serde_json::{Value, json};
use std::time::Duration;
use sync_core::time::parse_rfc3339;
use tests::{Phone, Server, Setup, Submitted, both_engines};
use uuid::Uuid;

fn soon_sealed() -> Setup {
    Setup::windows(Duration::from_millis(300), Duration::from_millis(200))
}

async fn finals(server: &Server, request: &Submitted) -> i64 {
    let databases = &server.services().databases;
    server
        .events(&databases.request, REQUEST_FINALIZED, request.id)
        .await
}

async fn a_withdrawal_before_the_seal_closes_the_approvals(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let mut l1b = server.phone_of("l1b").await;
    let mut l2a = server.phone_of("l2a").await;
    let request = sales.submitted("Events").await;
    let [one, two] = [request.approval(1), request.approval(2)];
    l1a.wait_for(one).await;
    l1b.wait_for(one).await;
    let yes = l1a.approve(one);
    l1a.sync_votes([yes]).await;
    l2a.wait_for(two).await;
    let withdraw = sales.withdraw(request.id);
    assert_eq!(sales.sync([withdraw]).await.verdicts(), ["applied"]);
    for (phone, id) in [(&mut l1a, one), (&mut l1b, one), (&mut l2a, two)] {
        let record = phone
            .wait_approval(id, |record| record["status"] == "closed")
            .await;
        assert_eq!(record["sealed"], false);
        let waits = phone
            .actor
            .get("/api/v1/approvals/incoming?limit=1000")
            .await
            .ok();
        assert!(
            !waits.body.to_string().contains(&id.to_string()),
            "asked of nobody"
        );
    }
    let votes = [
        (l2a.approve(two), &mut l2a),
        (l1b.reject(one), &mut l1b),
        (l1a.rollback(one), &mut l1a),
    ];
    for (vote, phone) in votes {
        let reply = phone.sync_votes([vote]).await;
        assert_eq!(reply.verdicts(), ["rejected/level_not_open"]);
        assert_eq!(reply.result(0)["record"]["status"], "closed");
    }
    let by_hand = l2a.act("approve", two, &json!({})).await;
    assert_eq!((by_hand.status, by_hand.code()), (409, "level_not_open"));
    assert_eq!(sales.look(request.id).await.body["status"], "withdrawn");
    assert_eq!(finals(server, &request).await, 0);
}

/// Runs statements about one request in one transaction.
async fn change(db: &Db, statements: &'static [&'static str], request: Uuid) {
    let changed: Result<(), DbError> = db
        .write(move |tx| {
            Box::pin(async move {
                for statement in statements {
                    sql(statement).bind(request).execute(&mut *tx).await?;
                }
                Ok(())
            })
        })
        .await;
    changed.expect("changing a table");
}

/// Holds back what the approval service tells about a request, as a queue does that is stuck.
async fn hold(server: &Server, request: Uuid) {
    const HELD: &[&str] = &[
        "insert into dead_letter (event_id, topic, key, type, version, time_us, body, reason, at_us)
         values ($1, 'held', $1, 'held', 1, 1, '{}', 'held by a test', 1)",
    ];
    change(&server.services().databases.request, HELD, request).await;
}

/// Lets it go: everything about the request is told again, in order.
async fn release(server: &Server, request: Uuid) {
    const UNHEARD: &[&str] = &[
        // Waits for a consumer that is parking behind what is there, so that the next ones see that too.
        "update dead_letter set reason = reason where key = $1",
        "delete from inbox where event_id in (select event_id from dead_letter where key = $1)",
        "delete from dead_letter where key = $1",
    ];
    const UNTOLD: &[&str] = &["update outbox set published_us = null where key = $1"];
    let databases = &server.services().databases;
    change(&databases.request, UNHEARD, request).await;
    change(&databases.approval, UNTOLD, request).await;
}

/// Until everything that the approval service said about a request has been heard.
async fn told(server: &Server, request: Uuid) {
    let databases = &server.services().databases;
    loop {
        let (waiting,): (i64,) =
            sql("select count(*) from outbox where key = $1 and published_us is null")
                .bind(request)
                .fetch_one(&databases.approval)
                .await
                .expect("the outbox");
        if waiting == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn a_withdrawal_that_crosses_a_seal_stands(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let mut l2a = server.phone_of("l2a").await;
    let requests = sales.submitted_many("Events", 2).await;
    for (request, by_l2) in requests.iter().zip(["approve", "reject"]) {
        let [one, two] = [request.approval(1), request.approval(2)];
        hold(server, request.id).await;
        l1a.wait_for(one).await;
        let yes = l1a.approve(one);
        l1a.sync_votes([yes]).await;
        l2a.wait_for(two).await;
        // The approval service seals L1; the request service does not hear of it.
        let vote = l2a.vote(by_l2, two);
        assert_eq!(l2a.sync_votes([vote]).await.verdicts(), ["applied"]);
        told(server, request.id).await;
        assert_eq!(sales.look(request.id).await.body["status"], "pending_l1");
        let withdraw = sales.withdraw(request.id);
        assert_eq!(sales.sync([withdraw]).await.verdicts(), ["applied"]);
        let record = sales.look(request.id).await.body;

        release(server, request.id).await;
        told(server, request.id).await;
        l2a.wait_approval(two, |record| record["status"] == "closed")
            .await;
        assert_eq!(
            sales.look(request.id).await.body,
            record,
            "later news of levels is moot"
        );
        assert_eq!(record["status"], "withdrawn");
        assert_eq!(finals(server, request).await, 0);
        let back = l2a.rollback(two);
        assert_eq!(
            l2a.sync_votes([back]).await.verdicts(),
            ["rejected/level_not_open"]
        );
    }
}

async fn fifty_withdrawals_race_the_last_seal(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let requests = sales.submitted_many("Travel", 50).await;
    l1a.wait_for_all(&requests, 1).await;
    let votes: Vec<Value> = requests
        .iter()
        .map(|request| l1a.approve(request.approval(1)))
        .collect();
    let reply = l1a.sync_votes(votes).await;
    // Some before the seal, some between the seal and its news, some after it.
    let seals_us = parse_rfc3339(reply.result(0)["record"]["sealsAt"].as_str().unwrap()).unwrap();
    let mut withdrawn = Vec::new();
    for (number, request) in requests.iter().enumerate() {
        let at_us = seals_us - 200_000 + i64::try_from(number).unwrap() * 20_000;
        loop {
            let now = sales.sync([]).await.body["serverTime"].clone();
            let left_us = at_us - parse_rfc3339(now.as_str().unwrap()).unwrap();
            let Ok(left_us @ 1..) = u64::try_from(left_us) else {
                break;
            };
            tokio::time::sleep(Duration::from_micros(left_us)).await;
        }
        let withdraw = sales.withdraw(request.id);
        let verdict = sales.sync([withdraw]).await.verdicts().remove(0);
        withdrawn.push(match verdict.as_str() {
            "applied" => true,
            "rejected/not_withdrawable" => false,
            other => panic!("{other}"),
        });
    }
    assert!(withdrawn[0], "long before the seal");
    for (request, withdrawn) in requests.iter().zip(withdrawn) {
        let over = if withdrawn { "withdrawn" } else { "approved" };
        let record = sales
            .wait_request(request.id, |record| {
                record["status"] == "withdrawn" || record["final"] == true
            })
            .await;
        assert_eq!(record["status"], over);
        assert_eq!(record["final"], !withdrawn);
    }
    // Whatever is still on its way changes nothing of that.
    for request in &requests {
        told(server, request.id).await;
        let record = sales.look(request.id).await.body;
        let ended = i64::from(record["final"] == true);
        assert_eq!(finals(server, request).await, ended, "{record}");
        assert_eq!(record["status"] == "withdrawn", record["final"] == false);
    }
}

/// A request whose chain has lost too many: L1 has decided and is sealed, nobody is left at L2.
async fn stalled(server: &Server, sales: &mut Phone) -> (Submitted, Phone) {
    let mut l1a = server.phone_of("l1a").await;
    let l2a = server.phone_with(&["approver"]).await;
    let l2b = server.phone_with(&["approver"]).await;
    let category = server.category(&[(&[&l1a], 1), (&[&l2a, &l2b], 2)]).await;
    let (mut l2a, mut l2b) = (l2a, l2b);
    let request = sales.submitted(&category).await;
    let [one, two] = [request.approval(1), request.approval(2)];
    l1a.wait_for(one).await;
    let yes = l1a.approve(one);
    l1a.sync_votes([yes]).await;
    l2a.wait_for(two).await;
    l2b.wait_for(two).await;
    let yes = l2a.approve(two);
    assert_eq!(l2a.sync_votes([yes]).await.verdicts(), ["applied"]);
    told(server, request.id).await;
    // Sealed, and l2b can still decide: not the owner, nor the admin.
    let admin = server.admin().await;
    let path = format!("/api/v1/requests/{}/withdraw", request.id);
    for who in [&sales.actor, &admin] {
        let refused = who.post(&path, &json!({})).await;
        assert_eq!((refused.status, refused.code()), (409, "not_withdrawable"));
    }
    server.deactivate(l2b.actor.user_id).await;
    (request, l2a)
}

/// Withdraws as soon as the request service has heard that too few are left.
async fn withdraw_by(who: &tests::Actor, request: Uuid) -> Value {
    let path = format!("/api/v1/requests/{request}/withdraw");
    loop {
        let reply = who.post(&path, &json!({})).await;
        if reply.status == 200 {
            return reply.body;
        }
        assert_eq!(reply.code(), "not_withdrawable", "{}", reply.body);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn a_chain_without_a_quorum_is_withdrawn_by_its_owner_or_an_admin(server: &Server) {
    let mut sales = server.sales_phone().await;
    let admin = server.admin().await;
    for owner in [true, false] {
        let (request, mut l2a) = stalled(server, &mut sales).await;
        let who = if owner { &sales.actor } else { &admin };
        let record = withdraw_by(who, request.id).await;
        assert_eq!(record["status"], "withdrawn");
        let again = who
            .post(
                &format!("/api/v1/requests/{}/withdraw", request.id),
                &json!({}),
            )
            .await;
        assert_eq!((again.status, &again.body), (200, &record), "as it is");
        l2a.wait_approval(request.approval(2), |record| record["status"] == "closed")
            .await;
        let line = sales.story(request.id).await.pop().unwrap();
        assert_eq!(line["event"], "withdrawn");
        assert_eq!(line["actorId"], json!(who.user_id), "who did it is told");
        assert_eq!(finals(server, &request).await, 0);
    }
}

async fn a_chain_whose_people_came_back_goes_on(server: &Server) {
    let mut sales = server.sales_phone().await;
    let l1 = server.phone_with(&["approver"]).await;
    let category = server.category(&[(&[&l1], 1)]).await;
    let mut l1 = l1;
    let request = sales.submitted(&category).await;
    let id = request.approval(1);
    let admin = server.admin().await;
    l1.wait_for(id).await;
    let path = format!("/api/v1/requests/{}/withdraw", request.id);
    let refused = admin.post(&path, &json!({})).await;
    assert_eq!((refused.status, refused.code()), (409, "not_withdrawable"));
    let person = l1.actor.user_id;
    server.change_roles(person, &["sales"]).await;
    while l1.approvals.contains_key(&id) {
        l1.pull_approvals().await;
    }
    server.change_roles(person, &["approver"]).await;
    l1.wait_for(id).await;
    told(server, request.id).await;
    let refused = admin.post(&path, &json!({})).await;
    assert_eq!((refused.status, refused.code()), (409, "not_withdrawable"));
    let yes = l1.approve(id);
    assert_eq!(l1.sync_votes([yes]).await.verdicts(), ["applied"]);
    sales.wait_status(request.id, "approved").await;
}

both_engines!(
    a_withdrawal_before_the_seal_closes_the_approvals,
    a_withdrawal_that_crosses_a_seal_stands,
    a_chain_without_a_quorum_is_withdrawn_by_its_owner_or_an_admin,
    a_chain_whose_people_came_back_goes_on,
);

both_engines!(soon_sealed => fifty_withdrawals_race_the_last_seal);
