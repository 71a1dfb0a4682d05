//! Wire contract, *Text*: justifications merge; the phone needs no CRDT library.

use serde_json::{Value, json};
use tests::{Phone, Server, both_engines};
use uuid::Uuid;

fn typed(phone: &mut Phone, id: Uuid, text: &str, base: &Value) -> Value {
    phone.upsert(id, json!({"justification": {"text": text, "base": base}}))
}

/// Two phones of one person and a draft with this text, known to both; its heads.
async fn two_phones(server: &Server, text: &str) -> (Phone, Phone, Uuid, Value) {
    let person = server.sales().await;
    let (mut one, two) = (Phone::of(person.clone()), Phone::of(person));
    let id = one.new_id();
    let draft = one.upsert(id, json!({"title": "Text", "justification": text}));
    assert_eq!(one.sync([draft]).await.verdicts(), ["applied"]);
    let heads = one.look(id).await.body["justificationHeads"].clone();
    (one, two, id, heads)
}

async fn edits_of_both_phones_are_kept(server: &Server) {
    let (mut one, mut two, id, heads) = two_phones(server, "The fair in Lyon is in March").await;
    let first = typed(&mut one, id, "The big fair in Lyon is in March", &heads);
    let second = typed(&mut two, id, "The fair in Lyon is in early March", &heads);
    assert_eq!(one.sync([first]).await.verdicts(), ["applied"]);
    let reply = two.sync([second]).await;
    assert_eq!(
        reply.verdicts(),
        ["merged"],
        "joined with what it was not made from"
    );
    let record = &reply.result(0)["record"];
    assert_eq!(
        record["justification"],
        "The big fair in Lyon is in early March"
    );
    assert_eq!(record["justificationHeads"].as_array().unwrap().len(), 2);
    // The next edit names both heads and joins them.
    let third = typed(
        &mut one,
        id,
        "The big fair in Lyon is in early April",
        &record["justificationHeads"],
    );
    let reply = one.sync([third.clone()]).await;
    assert_eq!(reply.verdicts(), ["applied"]);
    let record = one.look(id).await.body;
    assert_eq!(
        record["justification"],
        "The big fair in Lyon is in early April"
    );
    assert_eq!(record["justificationHeads"], json!([third["hlc"]]));
}

async fn both_orders_of_arrival_give_one_text(server: &Server) {
    let mut texts = Vec::new();
    let mut heads_seen = Vec::new();
    let person = server.sales().await;
    let (mut one, mut two) = (Phone::of(person.clone()), Phone::of(person));
    let (start, left, right) = (one.stamp(), one.stamp(), two.stamp());
    for swapped in [false, true] {
        let id = one.new_id();
        let draft = one.upsert_at(id, start, json!({"justification": "red green blue"}));
        one.sync([draft]).await;
        let base = json!([start.to_string()]);
        let mut edits = vec![
            one.upsert_at(
                id,
                left,
                json!({"justification": {"text": "red yellow green blue", "base": base}}),
            ),
            two.upsert_at(
                id,
                right,
                json!({"justification": {"text": "red orange green violet", "base": base}}),
            ),
        ];
        if swapped {
            edits.reverse();
        }
        for edit in edits {
            two.sync([edit]).await;
        }
        let record = two.look(id).await.body;
        texts.push(record["justification"].clone());
        heads_seen.push(record["justificationHeads"].clone());
    }
    assert_eq!(texts[0], texts[1]);
    assert_eq!(heads_seen[0], heads_seen[1]);
    for word in ["yellow", "orange", "violet"] {
        assert!(
            texts[0].as_str().unwrap().contains(word),
            "{texts:?} keeps {word}"
        );
    }
    assert!(!texts[0].as_str().unwrap().contains("blue"), "{texts:?}");
}

async fn typing_on_before_the_answer_is_right(server: &Server) {
    let (mut one, _, id, heads) = two_phones(server, "one").await;
    let second = typed(&mut one, id, "one two", &heads);
    let third = typed(&mut one, id, "one two three", &json!([second["hlc"]]));
    let fourth = typed(&mut one, id, "one two three four", &json!([third["hlc"]]));
    assert_eq!(
        one.sync([second, third]).await.verdicts(),
        ["applied", "applied"]
    );
    assert_eq!(one.sync([fourth.clone()]).await.verdicts(), ["applied"]);
    let record = one.look(id).await.body;
    assert_eq!(record["justification"], "one two three four");
    assert_eq!(record["justificationHeads"], json!([fourth["hlc"]]));
}

async fn a_draft_made_and_typed_on_offline(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let first = phone.upsert(id, json!({"justification": "a"}));
    let second = typed(&mut phone, id, "a b", &json!([first["hlc"]]));
    let third = typed(&mut phone, id, "a b c", &json!([second["hlc"]]));
    assert_eq!(
        phone.sync([first, second, third]).await.verdicts(),
        ["applied"; 3]
    );
    assert_eq!(phone.look(id).await.body["justification"], "a b c");
}

async fn an_unknown_base_and_a_reused_stamp_are_refused(server: &Server) {
    let (mut one, _, id, heads) = two_phones(server, "one").await;
    let nowhere = json!([one.stamp().to_string()]);
    let lost = typed(&mut one, id, "one two", &nowhere);
    let reply = one.sync([lost]).await;
    assert_eq!(reply.verdicts(), ["rejected/unknown_base"]);
    assert_eq!(reply.result(0)["record"]["justification"], "one");

    let edit = typed(&mut one, id, "one two", &heads);
    assert_eq!(one.sync([edit.clone()]).await.verdicts(), ["applied"]);
    let mut other = edit.clone();
    other["opId"] = json!(one.new_id());
    other["fields"]["justification"]["text"] = json!("one three");
    assert_eq!(
        one.sync([other]).await.verdicts(),
        ["rejected/stamp_reused"]
    );
    assert_eq!(one.sync([edit]).await.verdicts(), ["duplicate"]);
    assert_eq!(one.look(id).await.body["justification"], "one two");
}

async fn a_write_without_a_base_starts_a_new_text(server: &Server) {
    let (mut one, mut two, id, heads) = two_phones(server, "the old text").await;
    let late = typed(&mut two, id, "the old text, edited", &heads);
    let plain = one.upsert(id, json!({"justification": "a new text"}));
    assert_eq!(one.sync([plain.clone()]).await.verdicts(), ["applied"]);
    let reply = two.sync([late]).await;
    assert_eq!(
        reply.verdicts(),
        ["merged"],
        "its base lies in a text that lost"
    );
    assert_eq!(reply.result(0)["superseded"], json!(["justification"]));
    let record = &reply.result(0)["record"];
    assert_eq!(record["justification"], "a new text");
    assert_eq!(record["justificationHeads"], json!([plain["hlc"]]));
    // Kept: the story has what lost.
    let story = one.story(id).await;
    let superseded: Vec<&Value> = story
        .iter()
        .filter(|told| told["event"] == "superseded")
        .collect();
    let told = serde_json::to_string(&superseded).unwrap();
    assert!(told.contains("the old text, edited"), "{told}");

    // An empty base is the same as a plain string; the greater stamp wins.
    let empty = typed(&mut two, id, "a third text", &json!([]));
    assert_eq!(two.sync([empty]).await.verdicts(), ["applied"]);
    assert_eq!(one.look(id).await.body["justification"], "a third text");
}

async fn the_greatest_start_wins_in_any_order(server: &Server) {
    let person = server.sales().await;
    let (mut one, mut two) = (Phone::of(person.clone()), Phone::of(person));
    let id = one.new_id();
    let lesser = one.upsert(id, json!({"justification": "lesser"}));
    let after_lesser = typed(&mut one, id, "lesser and more", &json!([lesser["hlc"]]));
    two.clock
        .observe(after_lesser["hlc"].as_str().unwrap().parse().unwrap(), 0);
    let greater = two.upsert(id, json!({"justification": "greater"}));
    assert_eq!(two.sync([greater]).await.verdicts(), ["applied"]);
    let reply = one.sync([lesser, after_lesser]).await;
    assert_eq!(reply.verdicts(), ["merged", "merged"]);
    assert_eq!(one.look(id).await.body["justification"], "greater");
}

async fn clearing_is_a_write_and_an_edit_that_changes_nothing_names_a_base(server: &Server) {
    let (mut one, mut two, id, heads) = two_phones(server, "one two").await;
    let nothing = typed(&mut one, id, "one two", &heads);
    let more = typed(&mut one, id, "one two three", &json!([nothing["hlc"]]));
    let reply = one.sync([nothing, more]).await;
    assert!(
        reply
            .verdicts()
            .iter()
            .all(|verdict| verdict == "applied" || verdict == "duplicate"),
        "{:?}",
        reply.verdicts()
    );
    assert_eq!(one.look(id).await.body["justification"], "one two three");
    let clear = two.upsert(id, json!({"justification": null}));
    assert_eq!(two.sync([clear]).await.verdicts(), ["applied"]);
    assert_eq!(one.look(id).await.body["justification"], Value::Null);
}

async fn text_counts_code_points(server: &Server) {
    let mut phone = server.sales_phone().await;
    let (id, long) = (phone.new_id(), phone.new_id());
    let faces = "😀".repeat(10_000);
    let items = [
        phone.upsert(id, json!({"justification": faces})),
        phone.upsert(long, json!({"justification": format!("{faces}!")})),
    ];
    let first = items[0]["hlc"].clone();
    assert_eq!(
        phone.sync(items).await.verdicts(),
        ["applied", "rejected/invalid_value"]
    );
    let edit = typed(&mut phone, id, "a👩‍👩‍👧‍👦b", &json!([first]));
    assert_eq!(phone.sync([edit]).await.verdicts(), ["applied"]);
    assert_eq!(phone.look(id).await.body["justification"], "a👩‍👩‍👧‍👦b");
}

both_engines!(
    edits_of_both_phones_are_kept,
    both_orders_of_arrival_give_one_text,
    typing_on_before_the_answer_is_right,
    a_draft_made_and_typed_on_offline,
    an_unknown_base_and_a_reused_stamp_are_refused,
    a_write_without_a_base_starts_a_new_text,
    the_greatest_start_wins_in_any_order,
    clearing_is_a_write_and_an_edit_that_changes_nothing_names_a_base,
    text_counts_code_points,
);
