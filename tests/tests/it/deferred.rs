//! Wire contract, *Deferred*: what names something unheard of waits, and nothing of it is stored.

use domain_services::db::sql;
use domain_services::user::demo_user_id;
use serde_json::{Value, json};
use sync_core::canonical::approval_id;
use sync_core::hlc::Stamp;
use tests::{Server, both_engines, wall_ms};

async fn a_submit_waits_for_a_category_or_reason_nobody_has_heard_of(server: &Server) {
    let mut phone = server.sales_phone().await;
    for (field, kind) in [("categoryId", "category"), ("reasonId", "reason")] {
        let (id, unheard) = (phone.new_id(), phone.new_id());
        let mut fields = server.complete().await;
        fields[field] = json!(unheard);
        let submit;
        let items = [phone.upsert(id, fields.clone()), {
            submit = phone.submit(id);
            submit.clone()
        }];
        // A draft may name what the service has not heard of.
        let reply = phone.sync(items).await;
        assert_eq!(reply.verdicts(), ["applied", "deferred"]);
        assert_eq!(
            reply.result(1)["waitingFor"],
            json!({"kind": kind, "id": unheard})
        );
        assert_eq!(phone.look(id).await.body["status"], "draft");
        // Again and again, until it is there or the draft names another.
        assert_eq!(phone.sync([submit.clone()]).await.verdicts(), ["deferred"]);
        let known = server.complete().await[field].clone();
        let edit = phone.upsert(id, json!({ field: known }));
        assert_eq!(
            phone.sync([edit, submit]).await.verdicts(),
            ["applied", "applied"]
        );
    }
}

/// People and assignments come by ways of their own: by Kafka an assignment may be here before those it names.
async fn approvers_nobody_has_heard_of_are_pinned_and_do_not_count(server: &Server) {
    let mut phone = server.sales_phone().await;
    let db = &server.services().databases.request;
    let is_heard_of_as = async |person: &'static str, name: &'static str| {
        let moved = db.write(move |tx| {
            Box::pin(async move {
                sql("update person set id = $1 where id = $2")
                    .bind(demo_user_id(name))
                    .bind(demo_user_id(person))
                    .execute(tx)
                    .await
            })
        });
        assert_eq!(moved.await.unwrap(), 1);
    };
    let fields = server.complete().await;
    is_heard_of_as("l1a", "nobody").await;
    let pinned = phone.new_id();
    let items = [phone.upsert(pinned, fields.clone()), phone.submit(pinned)];
    assert_eq!(phone.sync(items).await.verdicts(), ["applied", "applied"]);

    is_heard_of_as("l1b", "nobody else").await;
    let waits = phone.new_id();
    let draft = phone.upsert(waits, fields.clone());
    let submit = phone.submit(waits);
    let reply = phone.sync([draft, submit.clone()]).await;
    assert_eq!(reply.verdicts(), ["applied", "deferred"]);
    let category = json!({"kind": "category", "id": fields["categoryId"]});
    assert_eq!(reply.result(1)["waitingFor"], category);
    is_heard_of_as("nobody", "l1a").await;
    is_heard_of_as("nobody else", "l1b").await;
    assert_eq!(phone.sync([submit]).await.verdicts(), ["applied"]);

    let mut l1a = server.phone_of("l1a").await;
    for id in [pinned, waits] {
        let record = phone.look(id).await.ok().body;
        let revision = serde_json::from_value(record["revision"].clone()).unwrap();
        l1a.wait_for(approval_id(id, &revision, 1)).await;
    }
}

async fn a_submit_of_yesterday_is_refused_for_good(server: &Server) {
    let mut phone = server.sales_phone().await;
    for (field, code) in [
        ("categoryId", "unknown_category"),
        ("reasonId", "unknown_reason"),
    ] {
        let (id, unheard) = (phone.new_id(), phone.new_id());
        let mut fields = server.complete().await;
        fields[field] = json!(unheard);
        let old = Stamp::new(wall_ms() - 25 * 3_600_000, 0, phone.clock.node()).unwrap();
        let draft = phone.upsert_at(id, old, fields);
        let mut submit = phone.submit(id);
        let older = Stamp::new(old.millis(), 1, old.node()).unwrap();
        submit["hlc"] = json!(older.to_string());
        let reply = phone.sync([draft, submit.clone()]).await;
        assert_eq!(
            reply.verdicts(),
            ["applied".to_owned(), format!("rejected/{code}")]
        );
        assert_eq!(reply.result(1)["waitingFor"], Value::Null);
        // For good: also when the draft names a live one meanwhile.
        let known = server.complete().await[field].clone();
        let edit = phone.upsert(id, json!({ field: known }));
        let reply = phone.sync([edit, submit]).await;
        assert_eq!(
            reply.verdicts(),
            ["applied".to_owned(), format!("rejected/{code}")]
        );
    }
}

async fn what_follows_a_deferred_item_of_its_record_waits_too(server: &Server) {
    let mut phone = server.sales_phone().await;
    let (id, other, unheard) = (phone.new_id(), phone.new_id(), phone.new_id());
    let mut fields = server.complete().await;
    fields["categoryId"] = json!(unheard);
    let items = [
        phone.upsert(id, fields),
        phone.submit(id),
        phone.upsert(id, json!({"title": "Typed after the submit"})),
        phone.withdraw(id),
        phone.upsert(other, json!({"title": "Not concerned"})),
    ];
    let submit_op = items[1]["opId"].clone();
    let reply = phone.sync(items).await;
    assert_eq!(
        reply.verdicts(),
        ["applied", "deferred", "deferred", "deferred", "applied"]
    );
    assert_eq!(
        reply.result(2)["waitingFor"],
        json!({"kind": "op", "id": submit_op})
    );
    assert_eq!(
        phone.look(id).await.body["title"],
        "Trade fair",
        "deferred stores nothing"
    );
}

both_engines!(
    a_submit_waits_for_a_category_or_reason_nobody_has_heard_of,
    approvers_nobody_has_heard_of_are_pinned_and_do_not_count,
    a_submit_of_yesterday_is_refused_for_good,
    what_follows_a_deferred_item_of_its_record_waits_too,
);
