//! Two phones that were offline meet: one record, whatever came first.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tests::{Phone, Server, Since, both_engines};

async fn different_fields_both_stand(server: &Server) {
    for swapped in [false, true] {
        let person = server.sales().await;
        let (mut one, mut two) = (Phone::of(person.clone()), Phone::of(person));
        let id = one.new_id();
        let draft = one.upsert(id, server.complete().await);
        one.since = Since::Beginning;
        one.sync([draft]).await;
        two.pull().await;
        let mine = one.upsert(id, json!({"title": "Trade fair Lyon"}));
        let yours = two.upsert(id, json!({"amount": {"minor": 99_000, "currency": "CHF"}}));
        if swapped {
            two.sync([yours]).await;
            one.sync([mine]).await;
        } else {
            one.sync([mine]).await;
            two.sync([yours]).await;
        }
        one.pull().await;
        two.pull().await;
        let stands = one.look(id).await.body;
        assert_eq!(stands["title"], "Trade fair Lyon");
        assert_eq!(
            stands["amount"],
            json!({"minor": 99_000, "currency": "CHF"})
        );
        assert_eq!(one.store[&id], stands);
        assert_eq!(two.store[&id], stands);
    }
}

async fn the_same_field_goes_to_the_greater_stamp(server: &Server) {
    for swapped in [false, true] {
        let person = server.sales().await;
        let (mut one, mut two) = (Phone::of(person.clone()), Phone::of(person));
        let id = one.new_id();
        let draft = one.upsert(id, json!({"title": "Draft", "region": "EMEA"}));
        one.sync([draft]).await;
        let earlier = one.upsert(id, json!({"title": "Earlier", "region": "AMER"}));
        two.clock
            .observe(earlier["hlc"].as_str().unwrap().parse().unwrap(), 0);
        let later = two.upsert(id, json!({"title": "Later"}));
        if swapped {
            assert_eq!(two.sync([later]).await.verdicts(), ["applied"]);
            let reply = one.sync([earlier]).await;
            assert_eq!(reply.verdicts(), ["merged"]);
            assert_eq!(reply.result(0)["superseded"], json!(["title"]));
            assert_eq!(reply.result(0)["record"]["title"], "Later");
        } else {
            assert_eq!(one.sync([earlier]).await.verdicts(), ["applied"]);
            assert_eq!(two.sync([later]).await.verdicts(), ["applied"]);
        }
        let stands = one.look(id).await.body;
        assert_eq!(
            (&stands["title"], &stands["region"]),
            (&json!("Later"), &json!("AMER"))
        );
        let told = serde_json::to_string(&one.story(id).await).unwrap();
        assert!(told.contains("Earlier"), "what lost is kept: {told}");
    }
}

async fn an_amount_never_gets_another_currency(server: &Server) {
    let person = server.sales().await;
    let (mut one, mut two) = (Phone::of(person.clone()), Phone::of(person));
    let id = one.new_id();
    let euros = one.upsert(id, json!({"amount": {"minor": 100, "currency": "EUR"}}));
    let yen = two.upsert(id, json!({"amount": {"minor": 20_000, "currency": "JPY"}}));
    one.sync([euros]).await;
    two.sync([yen]).await;
    let amount = one.look(id).await.body["amount"].clone();
    let wanted = [
        json!({"minor": 100, "currency": "EUR"}),
        json!({"minor": 20_000, "currency": "JPY"}),
    ];
    assert!(wanted.contains(&amount), "{amount}");
}

/// Any history of three offline phones: after everybody has pushed and pulled, all hold what the server
/// holds, and that is what the stamps say.
async fn any_history_of_three_phones_converges(server: &Server) {
    let seeds = if tests::long_run() { 60 } else { 6 };
    for seed in 0..seeds {
        let mut random = StdRng::seed_from_u64(seed);
        let person = server.sales().await;
        let mut phones: Vec<Phone> = (0..3).map(|_| Phone::of(person.clone())).collect();
        let ids: Vec<_> = (0..4).map(|_| phones[0].new_id()).collect();
        let mut queues: Vec<Vec<Value>> = vec![Vec::new(); 3];
        let mut wins: std::collections::BTreeMap<(usize, &str), (String, Value)> =
            std::collections::BTreeMap::new();
        for phone in &mut phones {
            phone.since = Since::Beginning;
            phone.offset_ms = random.random_range(-500_000..20_000);
        }
        for step in 0..60 {
            let who = random.random_range(0..3);
            if random.random_range(0..5) == 0 {
                // Online for a moment: a part of the queue goes, in order.
                let count = random.random_range(0..=queues[who].len());
                let part: Vec<Value> = queues[who].drain(..count).collect();
                let reply = phones[who].sync(part.clone()).await;
                for (item, verdict) in part.iter().zip(reply.verdicts()) {
                    assert!(
                        ["applied", "merged"].contains(&verdict.as_str()),
                        "seed {seed}: {item}: {verdict}"
                    );
                }
                continue;
            }
            let record = random.random_range(0..ids.len());
            let field = ["title", "region", "neededBy", "amount"][random.random_range(0..4)];
            let value = match field {
                _ if random.random_range(0..6) == 0 => Value::Null,
                "neededBy" => json!(format!("2026-01-{:02}", step % 28 + 1)),
                "amount" => json!({"minor": step + 1, "currency": "EUR"}),
                _ => json!(format!("{who} at {step}")),
            };
            let item = phones[who].upsert(ids[record], json!({ field: value }));
            let stamp = item["hlc"].as_str().unwrap().to_owned();
            let won = wins
                .entry((record, field))
                .or_insert_with(|| (String::new(), Value::Null));
            // Stamps compare as bytes.
            if stamp > won.0 {
                *won = (stamp, value);
            }
            queues[who].push(item);
        }
        for (phone, queue) in phones.iter_mut().zip(&mut queues) {
            phone.sync(std::mem::take(queue)).await;
        }
        let truth = phones[0].everything().await;
        for phone in &mut phones {
            phone.pull().await;
            assert_eq!(phone.store.len(), truth.changes.len(), "seed {seed}");
            for (id, kept) in &mut phone.store {
                let stands = truth.record(*id);
                // A phone is not told when the server first heard of its own draft.
                kept["createdAt"] = stands["createdAt"].clone();
                assert_eq!(kept, stands, "seed {seed}");
            }
        }
        for ((record, field), (stamp, value)) in wins {
            let shown = truth.record(ids[record]);
            assert_eq!(
                (&shown[field], &shown["stamps"][field]),
                (&value, &json!(stamp)),
                "seed {seed}, {field}"
            );
        }
    }
}

both_engines!(
    different_fields_both_stand,
    the_same_field_goes_to_the_greater_stamp,
    an_amount_never_gets_another_currency,
    any_history_of_three_phones_converges,
);
