//! Wire contract, *Record*: what comes along with a result, and what a deleted or sealed record refuses.

use serde_json::{Value, json};
use tests::{Server, both_engines};

async fn a_plain_applied_upsert_comes_without_its_record(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let upsert = phone.upsert(id, json!({"title": "New"}));
    let reply = phone.sync([upsert.clone()]).await;
    assert_eq!(reply.verdicts(), ["applied"]);
    let result = reply.result(0);
    assert_eq!(result["record"], Value::Null);
    assert_eq!(result["id"], json!(id));
    assert_eq!(result["updatedAt"], phone.look(id).await.body["updatedAt"]);
    // Every other verdict has it.
    let reply = phone.sync([upsert]).await;
    assert_eq!(reply.verdicts(), ["duplicate"]);
    assert_eq!(reply.result(0)["record"], phone.look(id).await.body);
}

async fn the_record_is_as_it_stands_after_the_whole_batch(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let stale = phone.stamp();
    let draft = phone.upsert(id, server.complete().await);
    phone.sync([draft]).await;
    let items = [
        phone.upsert_at(id, stale, json!({"title": "Older"})),
        phone.upsert(id, json!({"region": "EMEA"})),
        phone.submit(id),
    ];
    let reply = phone.sync(items).await;
    assert_eq!(reply.verdicts(), ["merged", "applied", "applied"]);
    let stands = phone.look(id).await.body;
    assert_eq!(stands["status"], "pending_l1");
    assert_eq!(reply.result(0)["record"], stands);
    assert_eq!(reply.result(2)["record"], stands);
}

async fn a_record_has_the_shape_of_the_contract(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let fields = server.complete().await;
    let upsert = phone.upsert(id, fields.clone());
    phone.sync([upsert.clone()]).await;
    let draft = phone.look(id).await.ok().body;
    for (member, value) in fields.as_object().unwrap() {
        assert_eq!(&draft[member], value);
        assert_eq!(draft["stamps"][member], upsert["hlc"]);
    }
    assert_eq!(
        draft["stamps"].as_object().unwrap().len(),
        4,
        "only fields ever written"
    );
    for unset in [
        "departmentId",
        "region",
        "neededBy",
        "justification",
        "revision",
        "submittedAt",
        "finalAt",
    ] {
        assert_eq!(draft.get(unset), Some(&Value::Null), "{unset}");
    }
    assert_eq!(draft["justificationHeads"], json!([]));
    assert_eq!(draft["ownerId"], json!(phone.actor.user_id));
    assert_eq!(
        (&draft["status"], &draft["final"], &draft["deleted"]),
        (&json!("draft"), &json!(false), &json!(false))
    );
    for time in ["createdAt", "updatedAt"] {
        let text = draft[time].as_str().unwrap();
        assert_eq!(text.len(), 27, "{text} has microseconds and a Z");
        sync_core::time::parse_rfc3339(text).unwrap();
    }

    let submit = phone.submit(id);
    phone.sync([submit]).await;
    let sealed = phone.look(id).await.body;
    let mut content = json!({
        "title": null, "amount": null, "categoryId": null, "reasonId": null, "departmentId": null,
        "region": null, "neededBy": null, "justification": null,
    });
    for (member, value) in fields.as_object().unwrap() {
        content[member] = value.clone();
    }
    let canonical = sync_core::canonical::to_jcs(&content).unwrap();
    assert_eq!(
        sealed["revision"],
        json!(format!("sha256:{}", sha256_hex(&canonical)))
    );
    assert!(sealed["submittedAt"].is_string());
}

/// SHA-256, by coreutils: another implementation than the server's.
fn sha256_hex(bytes: &[u8]) -> String {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

async fn a_deleted_record_takes_only_delete_and_keeps_the_values(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let before = phone.stamp();
    let draft = phone.upsert(id, server.complete().await);
    let delete = phone.delete(id);
    phone.since = tests::Since::Beginning;
    phone.sync([draft]).await;
    assert_eq!(phone.sync([delete.clone()]).await.verdicts(), ["applied"]);
    assert_eq!(phone.look(id).await.body["deleted"], true);

    let edits = [
        phone.upsert(id, json!({"title": "Raised from the dead"})),
        phone.upsert_at(id, before, json!({"region": "From before the delete"})),
    ];
    let reply = phone.sync(edits).await;
    assert_eq!(
        reply.verdicts(),
        ["rejected/deleted"; 2],
        "no edit resurrects it, whatever its stamp"
    );
    let commands = [
        phone.submit(id),
        phone.withdraw(id),
        phone.delete(id),
        delete,
    ];
    let verdicts = phone.sync(commands).await.verdicts();
    assert_eq!(verdicts[..2], ["rejected/deleted"; 2]);
    assert!(
        ["applied", "duplicate"].contains(&verdicts[2].as_str()),
        "{verdicts:?}"
    );
    assert_eq!(verdicts[3], "duplicate");
    assert_eq!(reply.result(0)["record"]["deleted"], true);
    assert_eq!(phone.everything().await.find(id), None);

    let told = serde_json::to_string(&phone.story(id).await).unwrap();
    assert!(told.contains("Raised from the dead"), "{told}");
    assert!(told.contains("From before the delete"), "{told}");
}

async fn after_submit_delete_is_locked(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let items = [
        phone.upsert(id, server.complete().await),
        phone.submit(id),
        phone.delete(id),
    ];
    let reply = phone.sync(items).await;
    assert_eq!(reply.verdicts(), ["applied", "applied", "rejected/locked"]);
    assert_eq!(reply.result(2)["record"]["status"], "pending_l1");
    let withdraw = phone.withdraw(id);
    assert_eq!(phone.sync([withdraw]).await.verdicts(), ["applied"]);
    let items = [
        phone.submit(id),
        phone.withdraw(id),
        phone.upsert(id, json!({"title": "Again"})),
    ];
    let verdicts = phone.sync(items).await.verdicts();
    assert_eq!(
        verdicts[0], "rejected/already_submitted",
        "a withdrawn request is an end"
    );
    assert_eq!(verdicts[1], "rejected/not_withdrawable");
    assert_eq!(verdicts[2], "rejected/locked");
    // Copied to a new id it can start again.
    let copy = phone.new_id();
    let items = [
        phone.upsert(copy, server.complete().await),
        phone.submit(copy),
    ];
    assert_eq!(phone.sync(items).await.verdicts(), ["applied", "applied"]);
}

async fn a_submit_needs_what_a_request_needs(server: &Server) {
    let mut phone = server.sales_phone().await;
    let fields = server.complete().await;
    for missing in ["title", "amount", "categoryId", "reasonId"] {
        let id = phone.new_id();
        let mut without = fields.clone();
        without[missing] = Value::Null;
        let items = [phone.upsert(id, without), phone.submit(id)];
        let reply = phone.sync(items).await;
        assert_eq!(
            reply.verdicts(),
            ["applied", "rejected/incomplete"],
            "without {missing}"
        );
        assert_eq!(reply.result(1)["record"]["status"], "draft");
    }
    let id = phone.new_id();
    let items = [phone.upsert(id, fields), phone.submit(id), phone.submit(id)];
    assert_eq!(
        phone.sync(items).await.verdicts(),
        ["applied", "applied", "rejected/already_submitted"]
    );
}

async fn the_story_of_a_request_is_told_oldest_first(server: &Server) {
    let mut phone = server.sales_phone().await;
    let id = phone.new_id();
    let stale = phone.stamp();
    let items = [
        phone.upsert(id, server.complete().await),
        phone.upsert(id, json!({"title": "Better"})),
        phone.upsert_at(id, stale, json!({"title": "Stale"})),
        phone.submit(id),
        phone.upsert(id, json!({"title": "Too late"})),
        phone.withdraw(id),
    ];
    phone.sync(items).await;
    let story = phone.story(id).await;
    let events: Vec<&str> = story
        .iter()
        .map(|told| told["event"].as_str().unwrap())
        .collect();
    let told: Vec<&str> = events
        .iter()
        .copied()
        .filter(|event| *event != "edited")
        .collect();
    assert_eq!(
        told,
        ["created", "superseded", "submitted", "refused", "withdrawn"]
    );
    assert!(
        story
            .windows(2)
            .all(|pair| pair[0]["at"].as_str() <= pair[1]["at"].as_str())
    );
    let all = serde_json::to_string(&story).unwrap();
    for kept in ["Stale", "Too late"] {
        assert!(all.contains(kept), "{kept} can be read again in {all}");
    }
}

both_engines!(
    a_plain_applied_upsert_comes_without_its_record,
    the_record_is_as_it_stands_after_the_whole_batch,
    a_record_has_the_shape_of_the_contract,
    a_deleted_record_takes_only_delete_and_keeps_the_values,
    after_submit_delete_is_locked,
    a_submit_needs_what_a_request_needs,
    the_story_of_a_request_is_told_oldest_first,
);
