//! Wire contract, *Order*: items are taken in the order of the array, each gets one verdict, and none
//! harms another but its own successors.

use serde_json::{Value, json};
use sync_core::hlc::Stamp;
use tests::{Phone, Server, both_engines, wall_ms};

fn an_hour_ahead(phone: &Phone) -> Stamp {
    Stamp::new(wall_ms() + 3_600_000, 0, phone.clock.node()).unwrap()
}

async fn items_are_taken_in_the_order_of_the_array(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let fields = server.complete().await;
    // The submit has the lesser stamp but comes later in the array: order of the array decides.
    let submit = phone.submit(id);
    let upsert = phone.upsert(id, fields.clone());
    let after = phone.upsert(id, json!({"title": "Too late"}));
    let reply = phone.sync([upsert, submit, after]).await;
    assert_eq!(reply.verdicts(), ["applied", "applied", "rejected/locked"]);

    let other = phone.new_id();
    let submit = phone.submit(other);
    let upsert = phone.upsert(other, fields);
    assert_eq!(
        phone.sync([submit, upsert]).await.verdicts(),
        ["rejected/not_found", "applied"]
    );
}

/// What is broken, what the verdict is, whether the opId can be given back, what the detail names.
type Broken = (Value, &'static str, bool, &'static str);

/// A member of an item, what it says, and what the detail must name.
fn wrong_members() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("opId", Value::Null, "opId"),
        ("opId", json!(7), "opId"),
        ("id", json!("not an id"), "id"),
        ("id", Value::Null, "id"),
        (
            "hlc",
            json!("2026-13-22T10:00:00.123Z-0007-a1b2c3d4e5f60718"),
            "hlc",
        ),
        (
            "hlc",
            json!("2026-11-22T10:00:00.123Z-0007-A1B2C3D4E5F60718"),
            "hlc",
        ),
        ("hlc", json!(1_234_567), "hlc"),
        ("type", json!("upsurt"), "type"),
        ("type", Value::Null, "type"),
        ("fields", json!([]), "fields"),
        ("fields", Value::Null, "fields"),
        ("fields", json!({"title": 5}), "title"),
        ("fields", json!({"title": ""}), "title"),
        ("fields", json!({"title": "x".repeat(201)}), "title"),
        ("fields", json!({"title": "a\u{0}b"}), "title"),
        ("fields", json!({"amount": 12}), "amount"),
        (
            "fields",
            json!({"amount": {"minor": 1.5, "currency": "EUR"}}),
            "amount",
        ),
        (
            "fields",
            json!({"amount": {"minor": 0, "currency": "EUR"}}),
            "amount",
        ),
        (
            "fields",
            json!({"amount": {"minor": -5, "currency": "EUR"}}),
            "amount",
        ),
        (
            "fields",
            json!({"amount": {"minor": 1_000_000_000_000_001_i64, "currency": "EUR"}}),
            "amount",
        ),
        (
            "fields",
            json!({"amount": {"minor": 5, "currency": "EURO"}}),
            "amount",
        ),
        (
            "fields",
            json!({"amount": {"minor": 5, "currency": "XXQ"}}),
            "amount",
        ),
        ("fields", json!({"amount": {"minor": 5}}), "amount"),
        ("fields", json!({"categoryId": "travel"}), "categoryId"),
        ("fields", json!({"region": "r".repeat(65)}), "region"),
        ("fields", json!({"neededBy": "2026-02-30"}), "neededBy"),
        ("fields", json!({"neededBy": "tomorrow"}), "neededBy"),
        (
            "fields",
            json!({"justification": "j".repeat(10_001)}),
            "justification",
        ),
        (
            "fields",
            json!({"justification": {"text": 1, "base": []}}),
            "justification",
        ),
        (
            "fields",
            json!({"justification": {"text": "t", "base": "x"}}),
            "justification",
        ),
    ]
}

fn broken_items(phone: &mut Phone) -> Vec<Broken> {
    let mut broken = Vec::new();
    let mut good = || {
        let id = phone.new_id();
        phone.upsert(id, json!({"title": "Fine"}))
    };
    for (member, value, named) in wrong_members() {
        let mut item = good();
        item[member] = value;
        broken.push((item, "rejected/invalid_value", member != "opId", named));
    }
    let mut unknown = good();
    unknown["fields"]["colour"] = json!("red");
    broken.push((unknown, "rejected/unknown_field", true, "colour"));
    for no_item in [json!("no object"), json!([]), Value::Null] {
        broken.push((no_item, "rejected/invalid_value", false, ""));
    }
    broken
}

async fn a_broken_item_of_fifty_never_harms_its_siblings(server: &Server) {
    let mut phone = server.sales_phone().await;
    let broken = broken_items(&mut phone);
    // Good and broken in turn.
    let mut items = Vec::new();
    for (item, ..) in &broken {
        let id = phone.new_id();
        items.push(phone.upsert(id, json!({"title": "Good"})));
        items.push(item.clone());
    }
    let reply = phone.try_sync(&items).await.unwrap().ok();
    assert_eq!(reply.results().len(), items.len());
    for (number, (item, verdict, op_id, named)) in broken.iter().enumerate() {
        assert_eq!(reply.verdicts()[2 * number], "applied", "before {item}");
        let result = reply.result(2 * number + 1);
        assert_eq!(
            &reply.verdicts()[2 * number + 1],
            verdict,
            "{item}: {result}"
        );
        assert_eq!(result["record"], Value::Null);
        let expected = if *op_id {
            item["opId"].clone()
        } else {
            Value::Null
        };
        if *op_id || item["opId"].is_null() || !item.is_object() {
            assert_eq!(result["opId"], expected, "{item}");
        }
        let detail = result["detail"].as_str().unwrap_or("");
        assert!(
            detail.contains(named),
            "{item}: the detail {detail:?} names {named}"
        );
    }
    assert_eq!(phone.everything().await.changes.len(), broken.len());
}

async fn half_a_surrogate_pair_and_a_nul_spoil_their_items_alone(server: &Server) {
    let mut phone = server.sales_phone().await;
    let mut items: Vec<String> = Vec::new();
    for number in 0..50 {
        let id = phone.new_id();
        let item = phone
            .upsert(id, json!({"title": format!("TITLE {number}")}))
            .to_string();
        items.push(match number {
            17 => item.replace("TITLE", r"\ud83d half"),
            31 => item.replace("TITLE", r"nul \u0000"),
            _ => item,
        });
    }
    let body = format!("{{\"changes\":[{}]}}", items.join(","));
    let headers = [("content-type", "application/json")];
    let reply = phone
        .actor
        .send(
            reqwest::Method::POST,
            "/api/v1/requests/sync",
            &headers,
            body.into_bytes(),
        )
        .await
        .unwrap()
        .ok();
    for (number, verdict) in reply.verdicts().iter().enumerate() {
        let wanted = if [17, 31].contains(&number) {
            "rejected/invalid_value"
        } else {
            "applied"
        };
        assert_eq!(verdict, wanted, "item {number}");
        assert!(reply.result(number)["opId"].is_string(), "item {number}");
    }
}

async fn members_twice_are_refused(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let item = phone.upsert(id, json!({"title": "One"})).to_string();
    let in_fields = item.replace(r#""title":"One""#, r#""title":"One","title":"Two""#);
    let in_item = item.replacen('{', &format!(r#"{{"id":"{}","#, phone.new_id()), 1);
    for body in [in_fields, in_item] {
        let body = format!("{{\"changes\":[{body}]}}");
        let headers = [("content-type", "application/json")];
        let reply = phone
            .actor
            .send(
                reqwest::Method::POST,
                "/api/v1/requests/sync",
                &headers,
                body.into_bytes(),
            )
            .await
            .unwrap()
            .ok();
        assert_eq!(reply.verdicts(), ["rejected/invalid_value"]);
    }
    assert_eq!(phone.look(id).await.status, 404);
}

async fn what_follows_a_retryable_refusal_of_its_record_waits(server: &Server) {
    let mut phone = server.sales_phone().await;
    let (id, other) = (phone.new_id(), phone.new_id());
    let fields = server.complete().await;
    let draft = phone.upsert(id, fields.clone());
    phone.sync([draft]).await;

    let ahead = an_hour_ahead(&phone);
    let items = [
        phone.upsert_at(id, ahead, json!({"title": "From tomorrow"})),
        phone.upsert(id, json!({"region": "EMEA"})),
        phone.submit(id),
        phone.upsert(other, fields),
        phone.submit(other),
    ];
    let first_op = items[0]["opId"].clone();
    let reply = phone.sync(items).await;
    assert_eq!(
        reply.verdicts(),
        [
            "rejected/clock_ahead?",
            "deferred",
            "deferred",
            "applied",
            "applied"
        ]
    );
    assert_eq!(
        reply.result(1)["waitingFor"],
        json!({"kind": "op", "id": first_op})
    );
    assert_eq!(reply.result(2)["waitingFor"]["kind"], "op");
    let record = phone.look(id).await.body;
    assert_eq!(record["region"], Value::Null, "deferred stores nothing");
    assert_eq!(record["status"], "draft");
}

async fn a_delete_after_a_clock_ahead_upsert_waits(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let draft = phone.upsert(id, json!({"title": "Here"}));
    phone.sync([draft]).await;
    let ahead = an_hour_ahead(&phone);
    let items = [
        phone.upsert_at(id, ahead, json!({"title": "There"})),
        phone.delete(id),
    ];
    assert_eq!(
        phone.sync(items).await.verdicts(),
        ["rejected/clock_ahead?", "deferred"]
    );
    assert_eq!(
        phone.look(id).await.status,
        200,
        "the delete did not happen"
    );
}

async fn a_submit_after_a_refusal_for_good_is_content_changed(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let fields = server.complete().await;
    let items = [
        phone.upsert(id, fields),
        phone.upsert(id, json!({"neededBy": "2026-02-30"})),
        phone.submit(id),
    ];
    let reply = phone.sync(items).await;
    assert_eq!(
        reply.verdicts(),
        [
            "applied",
            "rejected/invalid_value",
            "rejected/content_changed"
        ]
    );
    assert_eq!(reply.result(2)["record"]["status"], "draft");
}

async fn a_queue_is_settled_before_more_of_its_record_goes(server: &Server) {
    // The clock_ahead story to its end: the phone corrects its clock and stamps its queue anew, in order.
    let mut phone = server.sales_phone().await;
    phone.offset_ms = 3_600_000;
    let id = phone.new_id();
    let mut queue = vec![
        phone.upsert(id, server.complete().await),
        phone.upsert(id, json!({"region": "EMEA"})),
        phone.submit(id),
    ];
    let mut body = phone.envelope(&queue);
    let client_time = (tests::wall_ms() + 3_600_000) * 1_000;
    body["clientTime"] = json!(sync_core::time::format_rfc3339(client_time.cast_signed()));
    let reply = phone.actor.post("/api/v1/requests/sync", &body).await.ok();
    assert_eq!(
        reply.verdicts(),
        ["rejected/clock_ahead?", "deferred", "deferred"]
    );
    let offset = reply.body["clockOffsetMs"].as_i64().unwrap();
    assert!((offset + 3_600_000).abs() < 60_000, "{offset}");

    phone.offset_ms += offset;
    phone.clock = sync_core::hlc::Clock::new(phone.clock.node());
    phone
        .clock
        .observe(reply.body["hlc"].as_str().unwrap().parse().unwrap(), 0);
    for item in &mut queue {
        item["hlc"] = json!(phone.stamp().to_string());
    }
    assert_eq!(phone.sync(queue).await.verdicts(), ["applied"; 3]);
}

both_engines!(
    items_are_taken_in_the_order_of_the_array,
    a_broken_item_of_fifty_never_harms_its_siblings,
    half_a_surrogate_pair_and_a_nul_spoil_their_items_alone,
    members_twice_are_refused,
    what_follows_a_retryable_refusal_of_its_record_waits,
    a_delete_after_a_clock_ahead_upsert_waits,
    a_submit_after_a_refusal_for_good_is_content_changed,
    a_queue_is_settled_before_more_of_its_record_goes,
);
