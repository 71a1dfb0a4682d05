//! Wire contract, *Again*: a batch that arrives twice, late, shuffled or in parts has one effect, and the
//! answer says so.

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tests::{Phone, Server, Since, both_engines};
use uuid::Uuid;

/// What a phone would compare: everything of every record.
async fn state(phone: &Phone) -> Vec<Value> {
    let mut records: Vec<Value> = phone.everything().await.changes;
    records.sort_by_key(|change| change["record"]["id"].to_string());
    records
}

async fn the_same_batch_three_times_is_one_effect(server: &Server) {
    let mut phone = server.sales_phone().await;
    let fields = server.complete().await;
    let (draft, submitted, deleted) = (phone.new_id(), phone.new_id(), phone.new_id());
    let batch = vec![
        phone.upsert(draft, json!({"title": "One", "region": "EMEA"})),
        phone.upsert(submitted, fields.clone()),
        phone.upsert(
            deleted,
            json!({"title": "Three", "justification": "why not"}),
        ),
        phone.upsert(draft, json!({"title": "One, better"})),
        phone.submit(submitted),
        phone.delete(deleted),
    ];
    assert_eq!(phone.sync(batch.clone()).await.verdicts(), ["applied"; 6]);
    let once = state(&phone).await;

    // Same order: every item is already known.
    let again = phone.sync(batch.clone()).await;
    assert_eq!(
        again.verdicts(),
        [
            // The first title was overwritten meanwhile: the upsert changes nothing, and says what lost.
            "merged",
            "duplicate",
            // So does this one, of a record that is deleted by now.
            "duplicate",
            "duplicate",
            "duplicate",
            "duplicate",
        ]
    );
    assert_eq!(again.result(0)["superseded"], json!(["title"]));

    let mut random = StdRng::seed_from_u64(1);
    for _ in 0..3 {
        let mut shuffled = batch.clone();
        shuffled.shuffle(&mut random);
        while !shuffled.is_empty() {
            let count = random.random_range(1..=shuffled.len());
            let part: Vec<Value> = shuffled.drain(..count).collect();
            for verdict in phone.sync(part).await.verdicts() {
                assert!(
                    ["duplicate", "merged"].contains(&verdict.as_str()),
                    "{verdict}"
                );
            }
        }
    }
    assert_eq!(
        state(&phone).await,
        once,
        "records, stamps and times are untouched"
    );
    let submissions = phone
        .story(submitted)
        .await
        .into_iter()
        .filter(|told| told["event"] == "submitted")
        .count();
    assert_eq!(submissions, 1);
}

async fn any_order_and_any_parts_give_one_state(server: &Server) {
    let person = server.sales().await;
    let mut author = Phone::of(person.clone());
    let titles = ["a", "b", "c", "d", "e", "f"];
    let mut seen: Option<Vec<Value>> = None;
    let mut random = StdRng::seed_from_u64(2);
    // The same edits, each time under new record ids; stamps and values stay.
    let stamps: Vec<_> = (0..24).map(|_| author.stamp()).collect();
    for round in 0..6 {
        let ids: [Uuid; 3] = std::array::from_fn(|_| author.new_id());
        let mut items = Vec::new();
        for (number, stamp) in stamps.iter().enumerate() {
            let field = ["title", "region", "justification"][number % 3];
            let value = format!("{} {number}", titles[number % titles.len()]);
            items.push(author.upsert_at(ids[number % 2], *stamp, json!({ field: value })));
            if number % 5 == 0 {
                items.push(author.upsert_at(
                    ids[2],
                    *stamp,
                    json!({"title": value, "region": null}),
                ));
            }
        }
        let twice: Vec<Value> = items.choose_multiple(&mut random, 10).cloned().collect();
        items.extend(twice);
        if round > 0 {
            items.shuffle(&mut random);
        }
        while !items.is_empty() {
            let count = random.random_range(1..=items.len());
            let part: Vec<Value> = items.drain(..count).collect();
            for verdict in author.sync(part).await.verdicts() {
                assert!(
                    ["applied", "merged", "duplicate"].contains(&verdict.as_str()),
                    "{verdict}"
                );
            }
        }
        let everything = author.everything().await;
        let found: Vec<Value> = ids
            .iter()
            .map(|id| {
                let mut record = everything.record(*id).clone();
                for member in ["id", "createdAt", "updatedAt"] {
                    record[member] = Value::Null;
                }
                record
            })
            .collect();
        match &seen {
            None => seen = Some(found),
            Some(first) => assert_eq!(&found, first, "round {round}"),
        }
    }
}

async fn a_lost_answer_to_upsert_and_submit_is_asked_for_again(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let batch = [phone.upsert(id, server.complete().await), phone.submit(id)];
    let lost = phone.sync(batch.clone()).await;
    assert_eq!(lost.verdicts(), ["applied", "applied"]);

    let again = phone.sync(batch).await;
    // The record is locked by now, but this upsert would change nothing, and this submit was taken.
    assert_eq!(again.verdicts(), ["duplicate", "duplicate"]);
    assert_eq!(again.result(1)["record"]["status"], "pending_l1");
    assert_eq!(again.result(0)["record"]["status"], "pending_l1");
}

async fn a_late_copy_of_a_refused_submit_stays_refused(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let mut fields = server.complete().await;
    let title = fields["title"].take();
    fields.as_object_mut().unwrap().remove("title");
    let early = phone.submit(id);
    let upsert = phone.upsert(id, fields);
    assert_eq!(
        phone.sync([upsert, early.clone()]).await.verdicts(),
        ["applied", "rejected/incomplete"]
    );

    let complete = phone.upsert(id, json!({ "title": title }));
    assert_eq!(phone.sync([complete]).await.verdicts(), ["applied"]);
    assert_eq!(
        phone.sync([early]).await.verdicts(),
        ["rejected/incomplete"]
    );
    assert_eq!(phone.look(id).await.body["status"], "draft");

    let late = phone.submit(id);
    assert_eq!(phone.sync([late]).await.verdicts(), ["applied"]);
}

async fn an_op_id_belongs_to_its_content(server: &Server) {
    let mut phone = server.sales_phone().await;
    let (one, two) = (phone.new_id(), phone.new_id());
    let fields = server.complete().await;
    let upserts = [phone.upsert(one, fields.clone()), phone.upsert(two, fields)];
    phone.sync(upserts).await;
    let submit = phone.submit(one);
    assert_eq!(phone.sync([submit.clone()]).await.verdicts(), ["applied"]);

    let used = submit["opId"].clone();
    let mut other = submit.clone();
    other["id"] = json!(two);
    assert_eq!(
        phone.sync([other]).await.verdicts(),
        ["rejected/op_id_reused"]
    );
    let mut other_stamp = submit.clone();
    other_stamp["hlc"] = json!(phone.stamp().to_string());
    assert_eq!(
        phone.sync([other_stamp]).await.verdicts(),
        ["rejected/op_id_reused"]
    );
    let mut other_kind = submit.clone();
    other_kind["type"] = json!("withdraw");
    assert_eq!(
        phone.sync([other_kind]).await.verdicts(),
        ["rejected/op_id_reused"]
    );
    assert_eq!(phone.sync([submit]).await.verdicts(), ["duplicate"]);
    assert_eq!(phone.look(two).await.body["status"], "draft");

    // Another person's opId is another opId.
    let mut stranger = server.sales_phone().await;
    let theirs = stranger.new_id();
    let draft = stranger.upsert(theirs, server.complete().await);
    stranger.sync([draft]).await;
    let mut same_op = stranger.submit(theirs);
    same_op["opId"] = used;
    assert_eq!(stranger.sync([same_op]).await.verdicts(), ["applied"]);
}

async fn a_command_taken_before_is_duplicate_whatever_became_of_the_record(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let submit = phone.submit(id);
    let upsert = phone.upsert(id, server.complete().await);
    phone.sync([upsert, submit.clone()]).await;
    let withdraw = phone.withdraw(id);
    assert_eq!(phone.sync([withdraw.clone()]).await.verdicts(), ["applied"]);
    let again = phone.sync([submit, withdraw]).await;
    assert_eq!(again.verdicts(), ["duplicate", "duplicate"]);
    assert_eq!(again.result(0)["record"]["status"], "withdrawn");
}

async fn a_refusal_is_repeated_whatever_became_of_the_record(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let withdraw = phone.withdraw(id);
    let upsert = phone.upsert(id, server.complete().await);
    let first = phone.sync([upsert, withdraw.clone()]).await;
    assert_eq!(first.verdicts(), ["applied", "rejected/not_withdrawable"]);
    let submit = phone.submit(id);
    assert_eq!(phone.sync([submit]).await.verdicts(), ["applied"]);
    // Now it could be withdrawn, but that command was refused for good.
    assert_eq!(
        phone.sync([withdraw]).await.verdicts(),
        ["rejected/not_withdrawable"]
    );
    assert_eq!(phone.look(id).await.body["status"], "pending_l1");
}

async fn an_upsert_that_would_change_nothing_is_never_refused(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let stale = phone.stamp();
    let mut fields = server.complete().await;
    fields["region"] = json!("EMEA");
    let upsert = phone.upsert(id, fields.clone());
    phone.sync([upsert.clone()]).await;
    let submit = phone.submit(id);
    phone.sync([submit]).await;

    // Locked, and all values stand.
    let mut new_op = upsert.clone();
    new_op["opId"] = json!(phone.new_id());
    assert_eq!(phone.sync([new_op]).await.verdicts(), ["duplicate"]);
    // Locked, and older than what stands: done, and told what lost.
    let lesser = phone.upsert_at(id, stale, json!({"title": "Older", "region": "AMER"}));
    let reply = phone.sync([lesser]).await;
    assert_eq!(reply.verdicts(), ["merged"]);
    assert_eq!(reply.result(0)["superseded"], json!(["title", "region"]));
    // Only one that would win is locked.
    let greater = phone.upsert(id, json!({"title": "Newer"}));
    assert_eq!(phone.sync([greater]).await.verdicts(), ["rejected/locked"]);
    // An older stamp wins where nothing was ever written: that would change the sealed content.
    let elsewhere = phone.upsert_at(id, stale, json!({"neededBy": "2026-12-01"}));
    assert_eq!(
        phone.sync([elsewhere]).await.verdicts(),
        ["rejected/locked"]
    );
}

async fn retryable_and_deferred_items_are_not_remembered(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let upsert = phone.upsert(id, server.complete().await);
    phone.sync([upsert]).await;
    let mut submit = phone.submit(id);
    let hour = tests::wall_ms() + 3_600_000;
    let ahead = sync_core::hlc::Stamp::new(hour, 0, phone.clock.node()).unwrap();
    submit["hlc"] = json!(ahead.to_string());
    assert_eq!(
        phone.sync([submit.clone()]).await.verdicts(),
        ["rejected/clock_ahead?"]
    );
    // Stamped anew under the same opId, as a phone does.
    submit["hlc"] = json!(phone.stamp().to_string());
    assert_eq!(phone.sync([submit]).await.verdicts(), ["applied"]);
}

async fn a_second_push_of_known_items_moves_no_feed(server: &Server) {
    let mut phone = server.sales_phone().await;
    phone.since = Since::Beginning;
    let ids: Vec<Uuid> = (0..20).map(|_| phone.new_id()).collect();
    let batch: Vec<Value> = ids
        .iter()
        .map(|id| phone.upsert(*id, json!({"title": "Quiet"})))
        .collect();
    phone.sync(batch.clone()).await;
    let place = phone.since.clone();
    let again = phone.sync(batch).await;
    assert_eq!(again.verdicts(), ["duplicate"; 20]);
    assert_eq!(phone.since, place);
    assert_eq!(phone.pull().await.ids(), Vec::<String>::new());
}

both_engines!(
    the_same_batch_three_times_is_one_effect,
    any_order_and_any_parts_give_one_state,
    a_lost_answer_to_upsert_and_submit_is_asked_for_again,
    a_late_copy_of_a_refused_submit_stays_refused,
    an_op_id_belongs_to_its_content,
    a_command_taken_before_is_duplicate_whatever_became_of_the_record,
    a_refusal_is_repeated_whatever_became_of_the_record,
    an_upsert_that_would_change_nothing_is_never_refused,
    retryable_and_deferred_items_are_not_remembered,
    a_second_push_of_known_items_moves_no_feed,
);
