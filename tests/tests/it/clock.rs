//! Wire contract, *Clock*: a stamp from the future spoils its own item, and nobody's clock.

use serde_json::json;
use sync_core::hlc::Stamp;
use tests::{Server, both_engines, wall_ms};

async fn an_hour_ahead_spoils_only_its_own_item(server: &Server) {
    let mut phone = server.sales_phone().await;
    let ids = [phone.new_id(), phone.new_id(), phone.new_id()];
    let ahead = Stamp::new(wall_ms() + 3_600_000, 7, phone.clock.node()).unwrap();
    let items = [
        phone.upsert(ids[0], json!({"title": "Before"})),
        phone.upsert_at(ids[1], ahead, json!({"title": "Ahead"})),
        phone.upsert(ids[2], json!({"title": "After"})),
    ];
    let reply = phone.sync(items).await;
    assert_eq!(
        reply.verdicts(),
        ["applied", "rejected/clock_ahead?", "applied"]
    );
    let server_stamp: Stamp = reply.body["hlc"].as_str().unwrap().parse().unwrap();
    assert!(
        server_stamp.millis() < wall_ms() + 60_000,
        "the server's clock is not poisoned"
    );
    assert!(reply.body["serverTime"].is_string());
    assert_eq!(phone.look(ids[1]).await.status, 404);

    // Nor is it later, for anybody.
    let mut other = server.sales_phone().await;
    let id = other.new_id();
    let edit = other.upsert(id, json!({"title": "Somebody else"}));
    let reply = other.sync([edit]).await;
    assert_eq!(reply.verdicts(), ["applied"]);
    let server_stamp: Stamp = reply.body["hlc"].as_str().unwrap().parse().unwrap();
    assert!(server_stamp.millis() < wall_ms() + 60_000);
}

async fn within_the_bound_the_future_is_welcome(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let near = Stamp::new(wall_ms() + 40_000, 0, phone.clock.node()).unwrap();
    let item = phone.upsert_at(id, near, json!({"title": "Half a minute ahead"}));
    let reply = phone.sync([item]).await;
    assert_eq!(reply.verdicts(), ["applied"]);
    let server_stamp: Stamp = reply.body["hlc"].as_str().unwrap().parse().unwrap();
    assert!(
        server_stamp > near,
        "the answer's stamp is above what was taken"
    );
}

async fn the_past_is_always_welcome(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let past = Stamp::new(1_000_000_000_000, 0, phone.clock.node()).unwrap();
    let item = phone.upsert_at(id, past, json!({"title": "From 2001"}));
    assert_eq!(phone.sync([item]).await.verdicts(), ["applied"]);
}

async fn a_known_upsert_with_a_wrong_clock_is_still_known(server: &Server) {
    // A refused command ahead of the clock is not remembered, whatever the record became meanwhile.
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let upsert = phone.upsert(id, server.complete().await);
    phone.sync([upsert]).await;
    let mut submit = phone.submit(id);
    let honest = submit["hlc"].clone();
    let ahead = Stamp::new(wall_ms() + 3_600_000, 0, phone.clock.node()).unwrap();
    submit["hlc"] = json!(ahead.to_string());
    for _ in 0..2 {
        assert_eq!(
            phone.sync([submit.clone()]).await.verdicts(),
            ["rejected/clock_ahead?"]
        );
    }
    submit["hlc"] = honest;
    assert_eq!(phone.sync([submit]).await.verdicts(), ["applied"]);
}

async fn equal_stamps_of_a_cloned_phone_settle_alike_in_any_order(server: &Server) {
    let mut phone = server.sales_phone().await;
    let (one, two) = (phone.new_id(), phone.new_id());
    let stamp = phone.stamp();
    let mut shown = Vec::new();
    for (id, values) in [(one, ["alpha", "beta"]), (two, ["beta", "alpha"])] {
        for value in values {
            let item = phone.upsert_at(id, stamp, json!({"title": value}));
            phone.sync([item]).await;
        }
        shown.push(phone.look(id).await.body["title"].clone());
    }
    assert_eq!(shown[0], shown[1]);
}

both_engines!(
    an_hour_ahead_spoils_only_its_own_item,
    within_the_bound_the_future_is_welcome,
    the_past_is_always_welcome,
    a_known_upsert_with_a_wrong_clock_is_still_known,
    equal_stamps_of_a_cloned_phone_settle_alike_in_any_order,
);
