//! Wire contract, *Seen*: a phone seals only what its user saw.

use serde_json::json;
use tests::{Phone, Server, both_engines};

async fn a_submit_seals_only_what_its_user_saw(server: &Server) {
    let person = server.sales().await;
    let (mut one, mut two) = (Phone::of(person.clone()), Phone::of(person));
    let id = one.new_id();
    let draft = one.upsert(id, server.complete().await);
    one.sync([draft]).await;
    let shown = one.look(id).await.body;

    // The other phone changes one field behind the first one's back.
    let edit = two.upsert(id, json!({"amount": {"minor": 999_999, "currency": "EUR"}}));
    assert_eq!(two.sync([edit]).await.verdicts(), ["applied"]);
    let submit = one.submit_seen(id, shown["stamps"].clone());
    let reply = one.sync([submit]).await;
    assert_eq!(reply.verdicts(), ["rejected/content_changed"]);
    let record = &reply.result(0)["record"];
    assert_eq!(record["amount"]["minor"], 999_999, "the record comes along");
    assert_eq!(record["status"], "draft");

    let submit = one.submit_seen(id, record["stamps"].clone());
    assert_eq!(one.sync([submit]).await.verdicts(), ["applied"]);
}

async fn a_field_the_user_did_not_see_is_a_difference(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let mut fields = server.complete().await;
    fields["region"] = json!("EMEA");
    let draft = phone.upsert(id, fields);
    phone.sync([draft]).await;
    let stamps = phone.look(id).await.body["stamps"].clone();

    let mut without = stamps.clone();
    without.as_object_mut().unwrap().remove("region");
    let submit = phone.submit_seen(id, without);
    assert_eq!(
        phone.sync([submit]).await.verdicts(),
        ["rejected/content_changed"]
    );
    let mut with_more = stamps.clone();
    with_more["neededBy"] = json!(phone.stamp().to_string());
    let submit = phone.submit_seen(id, with_more);
    assert_eq!(
        phone.sync([submit]).await.verdicts(),
        ["rejected/content_changed"]
    );
    let submit = phone.submit_seen(id, stamps);
    assert_eq!(phone.sync([submit]).await.verdicts(), ["applied"]);
}

async fn the_heads_of_the_text_are_seen_too(server: &Server) {
    let person = server.sales().await;
    let (mut one, mut two) = (Phone::of(person.clone()), Phone::of(person));
    let id = one.new_id();
    let mut fields = server.complete().await;
    fields["justification"] = json!("We need it");
    let draft = one.upsert(id, fields);
    one.sync([draft]).await;
    let shown = one.look(id).await.body;
    let heads = shown["justificationHeads"].clone();
    assert_eq!(heads.as_array().map(Vec::len), Some(1));

    let edit = two.upsert(
        id,
        json!({"justification": {"text": "We need it now", "base": heads}}),
    );
    assert_eq!(two.sync([edit]).await.verdicts(), ["applied"]);
    let mut seen = shown["stamps"].clone();
    seen["justification"] = shown["justificationHeads"].clone();
    let submit = one.submit_seen(id, seen.clone());
    let reply = one.sync([submit]).await;
    assert_eq!(reply.verdicts(), ["rejected/content_changed"]);
    seen["justification"] = reply.result(0)["record"]["justificationHeads"].clone();
    let submit = one.submit_seen(id, seen);
    assert_eq!(one.sync([submit]).await.verdicts(), ["applied"]);
}

async fn without_seen_it_seals_what_the_server_has(server: &Server) {
    let person = server.sales().await;
    let (mut one, mut two) = (Phone::of(person.clone()), Phone::of(person));
    let id = one.new_id();
    let draft = one.upsert(id, server.complete().await);
    one.sync([draft]).await;
    let edit = two.upsert(id, json!({"title": "Changed by the other phone"}));
    two.sync([edit]).await;
    let submit = one.submit(id);
    let reply = one.sync([submit]).await;
    assert_eq!(reply.verdicts(), ["applied"]);
    assert_eq!(
        reply.result(0)["record"]["title"],
        "Changed by the other phone"
    );
}

both_engines!(
    a_submit_seals_only_what_its_user_saw,
    a_field_the_user_did_not_see_is_a_difference,
    the_heads_of_the_text_are_seen_too,
    without_seen_it_seals_what_the_server_has,
);
