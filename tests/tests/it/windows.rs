//! Approvals, *rollback and seal by age*: the window, the grace, and what comes after both.

use serde_json::{Value, json};
use std::time::Duration;
use sync_core::hlc::Stamp;
use sync_core::time::parse_rfc3339;
use tests::{Engine, Phone, Server, Setup, ShiftedClock, both_engines, wall_ms};

/// Votes can be taken back for a second, and a rollback made in it may be an hour late.
fn short_window() -> Setup {
    Setup::windows(Duration::from_secs(1), Duration::from_hours(1))
}

/// Levels seal after 0.8 s.
fn soon_sealed() -> Setup {
    Setup::windows(Duration::from_millis(400), Duration::from_millis(400))
}

fn us(time: &Value) -> i64 {
    parse_rfc3339(time.as_str().unwrap()).unwrap()
}

/// Lets the database's clock pass this moment.
async fn wait_until(phone: &mut Phone, until_us: i64) {
    loop {
        let reply = phone.sync_votes([]).await;
        let left_us = until_us - us(&reply.body["serverTime"]);
        let Ok(left_us @ 0..) = u64::try_from(left_us) else {
            return;
        };
        tokio::time::sleep(Duration::from_micros(left_us + 1_000)).await;
    }
}

/// A vote stamped at this moment.
fn made_at(phone: &mut Phone, mut vote: Value, at_us: i64) -> Value {
    let millis = u64::try_from(at_us / 1_000).unwrap();
    let counter = u16::try_from(wall_ms() % 1_000).unwrap();
    let stamp = Stamp::new(millis, 50_000 + counter, phone.clock.node()).unwrap();
    vote["hlc"] = json!(stamp.to_string());
    vote
}

async fn a_rollback_made_after_the_window_is_over(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let request = sales.submitted("Travel").await;
    let id = request.approval(1);
    l1a.wait_for(id).await;
    let yes = l1a.approve(id);
    let reply = l1a.sync_votes([yes]).await;
    let accepted_us = us(&reply.result(0)["record"]["votes"][0]["acceptedAt"]);
    let seals_us = us(&reply.result(0)["record"]["sealsAt"]);
    assert_eq!(seals_us - accepted_us, 3_601_000_000, "window and grace");
    wait_until(&mut l1a, accepted_us + 1_001_000).await;

    let back = l1a.rollback(id);
    let reply = l1a.sync_votes([back]).await;
    assert_eq!(reply.verdicts(), ["rejected/rollback_window_over"]);
    assert_eq!(reply.result(0)["record"]["status"], "approved");
    let by_hand = l1a.act("rollback", id, &json!({})).await;
    assert_eq!(
        (by_hand.status, by_hand.code()),
        (409, "rollback_window_over")
    );
    // To think otherwise is to take back what one said; it is kept, and does not count.
    let mut no = l1a.reject(id);
    no["comment"] = json!("On second thought");
    let reply = l1a.sync_votes([no]).await;
    assert_eq!(reply.verdicts(), ["rejected/rollback_window_over"]);
    let record = &reply.result(0)["record"];
    assert_eq!(
        (&record["status"], &record["sealed"]),
        (&json!("approved"), &json!(false))
    );
    assert_eq!(record["dissent"][0]["comment"], "On second thought");
    // To say the same again takes nothing back.
    let yes = l1a.approve(id);
    let reply = l1a.sync_votes([yes]).await;
    assert_eq!(reply.verdicts(), ["applied"]);
    assert_eq!(
        us(&reply.result(0)["record"]["votes"][0]["acceptedAt"]),
        accepted_us
    );
    assert_eq!(us(&reply.result(0)["record"]["sealsAt"]), seals_us);
}

async fn a_rollback_made_inside_the_window_may_be_late_by_the_grace(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let requests = sales.submitted_many("Travel", 2).await;
    let [taken_back, changed] = [requests[0].approval(1), requests[1].approval(1)];
    l1a.wait_for(taken_back).await;
    l1a.wait_for(changed).await;
    let votes = [l1a.approve(taken_back), l1a.approve(changed)];
    let reply = l1a.sync_votes(votes).await;
    let accepted_us = us(&reply.result(0)["record"]["votes"][0]["acceptedAt"]);
    wait_until(&mut l1a, accepted_us + 1_001_000).await;
    let back = l1a.rollback(taken_back);
    let back = made_at(&mut l1a, back, accepted_us + 999_000);
    let no = l1a.reject(changed);
    let no = made_at(&mut l1a, no, accepted_us + 900_000);
    let reply = l1a.sync_votes([back, no]).await;
    assert_eq!(reply.verdicts(), ["applied", "applied"]);
    assert_eq!(reply.result(0)["record"]["status"], "open");
    assert_eq!(reply.result(1)["record"]["status"], "rejected");
    sales.wait_status(requests[1].id, "rejected").await;
}

async fn a_level_seals_by_age_and_the_last_one_ends_the_request(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let mut l1b = server.phone_of("l1b").await;
    let requests = sales.submitted_many("Travel", 2).await;
    let [yes, no] = [requests[0].approval(1), requests[1].approval(1)];
    for phone in [&mut l1a, &mut l1b] {
        phone.wait_for(yes).await;
        phone.wait_for(no).await;
    }
    let votes = [l1a.approve(yes), l1a.reject(no)];
    let reply = l1a.sync_votes(votes).await;
    let accepted_us = us(&reply.result(0)["record"]["votes"][0]["acceptedAt"]);
    let back = l1a.rollback(yes);
    let in_time = made_at(&mut l1a, back, accepted_us + 100_000);
    let dissent = l1b.reject(yes);
    let dissent = made_at(&mut l1b, dissent, accepted_us + 100_000);
    wait_until(&mut l1a, accepted_us + 801_000).await;

    // Overdue is sealed, whether or not a sweeper has been there: for readers, and for commands.
    let everything = l1a.all_approvals().await;
    let record = everything.record(yes);
    assert_eq!(
        (&record["sealed"], &record["sealsAt"]),
        (&json!(true), &Value::Null)
    );
    // Made inside the window, and after the grace all the same.
    let reply = l1a.sync_votes([in_time]).await;
    assert_eq!(reply.verdicts(), ["rejected/level_sealed"]);
    let reply = l1b.sync_votes([dissent]).await;
    assert_eq!(reply.verdicts(), ["rejected/level_sealed"]);
    assert_eq!(
        reply.result(0)["record"]["dissent"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    l1a.wait_approval(no, |record| record["sealed"] == true)
        .await;
    for (request, outcome) in requests.iter().zip(["approved", "rejected"]) {
        let record = sales
            .wait_request(request.id, |record| record["final"] == true)
            .await;
        assert_eq!(record["status"], outcome);
        assert_eq!(record["finalAt"], record["updatedAt"]);
        let databases = &server.services().databases;
        let ended = server
            .events(&databases.request, "request.finalized", request.id)
            .await;
        assert_eq!(ended, 1, "what money may follow is said once");
        let withdraw = sales.withdraw(request.id);
        assert_eq!(
            sales.sync([withdraw]).await.verdicts(),
            ["rejected/not_withdrawable"]
        );
    }
}

async fn an_undecided_level_never_seals_but_its_votes_do_age(server: &Server) {
    let mut sales = server.sales_phone().await;
    let l1a = server.phone_of("l1a").await;
    let l1b = server.phone_of("l1b").await;
    let category = server.category(&[(&[&l1a, &l1b], 2)]).await;
    let (mut l1a, mut l1b) = (l1a, l1b);
    let request = sales.submitted(&category).await;
    let id = request.approval(1);
    l1a.wait_for(id).await;
    l1b.wait_for(id).await;
    let yes = l1a.approve(id);
    let reply = l1a.sync_votes([yes]).await;
    assert_eq!(reply.result(0)["record"]["sealsAt"], Value::Null);
    let accepted_us = us(&reply.result(0)["record"]["votes"][0]["acceptedAt"]);
    let back = l1a.rollback(id);
    let in_time = made_at(&mut l1a, back, accepted_us + 100_000);
    wait_until(&mut l1a, accepted_us + 801_000).await;
    let reply = l1a.sync_votes([in_time]).await;
    assert_eq!(
        reply.verdicts(),
        ["rejected/rollback_window_over"],
        "made inside the window, and arrived after the grace"
    );
    let yes = l1b.approve(id);
    let reply = l1b.sync_votes([yes]).await;
    assert_eq!(reply.result(0)["record"]["status"], "approved");
    let seals_us = us(&reply.result(0)["record"]["sealsAt"]);
    let decided_us = us(&reply.result(0)["record"]["updatedAt"]);
    assert_eq!(seals_us - decided_us, 800_000, "since the outcome stands");
}

/// Hours pass at once, and everybody signs in again.
async fn pass(
    clock: &ShiftedClock,
    by: Duration,
    server: &Server,
    phones: &mut [(&str, &mut Phone)],
) {
    clock.advance(by);
    for (name, phone) in phones {
        phone.actor = server.phone_of(name).await.actor;
        phone.offset_ms = clock.shift_ms();
    }
}

fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_changed_in_the_last_minute_of_window_and_grace() {
    let clock = ShiftedClock::wrong_by(0);
    let server = Server::start_as(Engine::Sqlite, Setup::default().by(&clock)).await;
    let mut sales = server.phone_of("sales1").await;
    let mut l1a = server.phone_of("l1a").await;
    let requests = sales.submitted_many("Travel", 4).await;
    let ids: Vec<_> = requests.iter().map(|request| request.approval(1)).collect();
    for id in &ids {
        l1a.wait_for(*id).await;
    }
    let votes: Vec<Value> = ids.iter().map(|id| l1a.approve(*id)).collect();
    l1a.sync_votes(votes).await;

    pass(
        &clock,
        minutes(24 * 60 - 1),
        &server,
        &mut [("l1a", &mut l1a)],
    )
    .await;
    let inside = [l1a.reject(ids[0]), l1a.reject(ids[1]), l1a.approve(ids[2])];
    pass(&clock, minutes(2), &server, &mut [("l1a", &mut l1a)]).await;
    let outside = l1a.reject(ids[3]);
    assert_eq!(
        l1a.sync_votes([outside]).await.verdicts(),
        ["rejected/rollback_window_over"]
    );
    // Hour 35:59.
    pass(
        &clock,
        minutes(12 * 60 - 2),
        &server,
        &mut [("l1a", &mut l1a)],
    )
    .await;
    let [changed, too_late, repeated] = inside;
    let reply = l1a.sync_votes([changed, repeated]).await;
    assert_eq!(reply.verdicts(), ["applied", "applied"]);
    assert_eq!(reply.result(0)["record"]["status"], "rejected");
    // Hour 36:01.
    let mut both = [("l1a", &mut l1a), ("sales1", &mut sales)];
    pass(&clock, minutes(2), &server, &mut both).await;
    assert_eq!(
        l1a.sync_votes([too_late]).await.verdicts(),
        ["rejected/level_sealed"]
    );
    for (index, status, last) in [
        (1, "approved", true),
        (2, "approved", true), // an equal vote moved its stamp, and not the seal
        (3, "approved", true),
    ] {
        let record = sales
            .wait_request(requests[index].id, |record| record["final"] == last)
            .await;
        assert_eq!(record["status"], status);
    }
    // The changed vote's own time begins with its acceptance.
    let record = sales.look(requests[0].id).await.ok().body;
    assert_eq!(
        (&record["status"], &record["final"]),
        (&json!("rejected"), &json!(false))
    );
    pass(&clock, minutes(23 * 60), &server, &mut [("l1a", &mut l1a)]).await;
    let back = l1a.rollback(ids[0]);
    let reply = l1a.sync_votes([back]).await;
    assert_eq!(reply.verdicts(), ["applied"]);
    assert_eq!(reply.result(0)["record"]["status"], "open");
    let yes = l1a.approve(ids[0]);
    assert_eq!(l1a.sync_votes([yes]).await.verdicts(), ["applied"]);
    let mut both = [("l1a", &mut l1a), ("sales1", &mut sales)];
    pass(&clock, minutes(36 * 60), &server, &mut both).await;
    let record = sales
        .wait_request(requests[0].id, |record| record["final"] == true)
        .await;
    assert_eq!(record["status"], "approved");
    server.stop().await;
}

both_engines!(short_window =>
    a_rollback_made_after_the_window_is_over,
    a_rollback_made_inside_the_window_may_be_late_by_the_grace,
);

both_engines!(soon_sealed =>
    a_level_seals_by_age_and_the_last_one_ends_the_request,
    an_undecided_level_never_seals_but_its_votes_do_age,
);
