//! Text that is expensive to merge: bounded a batch, answered `busy` past it, and never in the way of others.

use serde_json::{Value, json};
use std::fmt::Write;
use tests::{Phone, Server, both_engines};
use uuid::Uuid;

/// Words that are nowhere else: a merge of two such texts has nothing in common to find.
fn unlike(seed: usize, chars: usize) -> String {
    let mut text = String::with_capacity(chars + 16);
    let mut word = seed;
    while text.len() < chars {
        word = word
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        write!(text, "{:x} ", word >> 20).unwrap();
    }
    text.truncate(chars);
    text
}

async fn pushed_packed(phone: &mut Phone, items: &[Value]) -> tests::Reply {
    let body = phone.envelope(items).to_string();
    let packed = zstd::encode_all(body.as_bytes(), 1).unwrap();
    let headers = [
        ("content-type", "application/json"),
        ("content-encoding", "zstd"),
    ];
    phone
        .actor
        .send(
            reqwest::Method::POST,
            "/api/v1/requests/sync",
            &headers,
            packed,
        )
        .await
        .unwrap()
        .ok()
}

async fn a_body_of_expensive_texts_is_answered_busy_and_goes_through_in_the_end(server: &Server) {
    let mut phone = server.sales_phone().await;
    let ids: Vec<Uuid> = (0..100).map(|_| phone.new_id()).collect();
    let starts: Vec<Value> = ids
        .iter()
        .enumerate()
        .map(|(number, id)| phone.upsert(*id, json!({"justification": unlike(number, 5_000)})))
        .collect();
    let reply = pushed_packed(&mut phone, &starts).await;
    assert_eq!(
        reply.verdicts(),
        ["applied"; 100],
        "a first text costs no merge"
    );

    let mut queue: Vec<Value> = starts
        .iter()
        .enumerate()
        .map(|(number, start)| {
            let id = start["id"].as_str().unwrap().parse().unwrap();
            let text = unlike(1_000 + number, 5_000);
            phone.upsert(
                id,
                json!({"justification": {"text": text, "base": [start["hlc"]]}}),
            )
        })
        .collect();
    let mut was_busy = false;
    let mut rounds = 0;
    while !queue.is_empty() {
        rounds += 1;
        assert!(rounds <= 100, "every batch settles one item at least");
        let verdicts = pushed_packed(&mut phone, &queue).await.verdicts();
        let mut left = Vec::new();
        for (item, verdict) in queue.into_iter().zip(&verdicts) {
            match verdict.as_str() {
                "applied" => {}
                "rejected/busy?" => {
                    was_busy = true;
                    left.push(item);
                }
                other => panic!("{other}"),
            }
        }
        assert!(
            left.len() < verdicts.len(),
            "a batch in which everything is busy makes no progress"
        );
        queue = left;
    }
    assert!(
        was_busy,
        "100 texts of 5,000 characters, wholly different, are more than one body may cost"
    );
    let everything = phone.everything().await;
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(
            everything.record(*id)["justification"],
            unlike(1_000 + number, 5_000)
        );
    }
}

async fn merges_on_a_busy_head_lose_nothing(server: &Server) {
    // Three phones of one person type into long texts while a fourth pushes small drafts: the slow
    // batches lose their race for the head again and again, and must come through all the same.
    let mut first = server.sales_phone().await;
    let ids: Vec<Uuid> = (0..3).map(|_| first.new_id()).collect();
    let mut base = Vec::new();
    for (number, id) in ids.iter().enumerate() {
        let start = first.upsert(*id, json!({"justification": unlike(number, 4_000)}));
        base.push(start["hlc"].clone());
        first.sync([start]).await;
    }
    let mut tasks = Vec::new();
    for (number, id) in ids.iter().copied().enumerate() {
        let mut phone = first.sibling();
        let mut base = base[number].clone();
        let mut text = unlike(number, 4_000);
        tasks.push(tokio::spawn(async move {
            for round in 0..6 {
                text = format!("round {round} {text}");
                let edit =
                    phone.upsert(id, json!({"justification": {"text": text, "base": [base]}}));
                base = edit["hlc"].clone();
                assert_eq!(phone.sync([edit]).await.verdicts(), ["applied"]);
            }
            (id, text)
        }));
    }
    let mut quick = first.sibling();
    let mut small = 0;
    while tasks.iter().any(|task| !task.is_finished()) {
        let id = quick.new_id();
        let item = quick.upsert(id, json!({"title": "Quick"}));
        assert_eq!(quick.sync([item]).await.verdicts(), ["applied"]);
        small += 1;
    }
    let everything = first.everything().await;
    assert_eq!(everything.changes.len(), ids.len() + small);
    for task in tasks {
        let (id, text) = task.await.unwrap();
        assert_eq!(everything.record(id)["justification"], text);
    }
}

both_engines!(
    a_body_of_expensive_texts_is_answered_busy_and_goes_through_in_the_end,
    merges_on_a_busy_head_lose_nothing,
);
