//! Wire contract, *Pull*: the feed of one user, its pages, and what a push leaves out of its own pull.

use serde_json::{Value, json};
use tests::{Phone, Server, Since, both_engines, entry};
use uuid::Uuid;

async fn drafts(phone: &mut Phone, count: usize) -> Vec<Uuid> {
    let ids: Vec<Uuid> = (0..count).map(|_| phone.new_id()).collect();
    let items: Vec<Value> = ids
        .iter()
        .enumerate()
        .map(|(number, id)| phone.upsert(*id, json!({"title": format!("Draft {number}")})))
        .collect();
    for part in items.chunks(500) {
        phone.sync(part.to_vec()).await;
    }
    ids
}

fn upserts(ids: &[Uuid]) -> Vec<String> {
    ids.iter().map(|id| format!("+{id}")).collect()
}

async fn a_page_ends_in_the_middle_of_a_batch(server: &Server) {
    let mut phone = server.sales_phone().await;
    let ids = drafts(&mut phone, 100).await;
    for limit in [1, 7, 33, 99, 100, 1_000] {
        let mut reader = phone.sibling();
        let mut found = Vec::new();
        let mut last = String::new();
        loop {
            let page = reader.page(limit).await;
            assert!(page.changes().len() <= limit);
            found.extend(page.changes().iter().map(entry));
            let next = page.body["lastSync"].as_str().unwrap().to_owned();
            assert!(next > last, "lastSync rises");
            // It is the last entry's own place, never one read beside it.
            assert_eq!(
                page.changes().last().unwrap()["record"]["updatedAt"],
                next.as_str()
            );
            last = next;
            if page.body["hasMore"] == false {
                break;
            }
        }
        assert_eq!(
            found,
            upserts(&ids),
            "in commit order, each once, by pages of {limit}"
        );
    }
}

/// SQLite writes a batch with a statement for the next power of two: what is left over is no row, and nothing
/// of the batch before it.
async fn batches_of_every_size_are_written_whole(server: &Server) {
    let mut writer = server.sales_phone().await;
    let mut reader = writer.sibling();
    let mut written = Vec::new();
    for size in [500, 1, 2, 3, 4, 5, 64, 63, 65, 100, 129] {
        let ids = drafts(&mut writer, size).await;
        assert_eq!(
            reader.pull_by(1_000).await.ids(),
            upserts(&ids),
            "a batch of {size}"
        );
        for (number, id) in ids.iter().enumerate() {
            assert_eq!(reader.store[id]["title"], format!("Draft {number}"));
        }
        written.extend(ids);
    }
    assert_eq!(writer.everything().await.ids(), upserts(&written));
}

async fn what_changes_while_a_phone_pages_comes_again(server: &Server) {
    let mut writer = server.sales_phone().await;
    let ids = drafts(&mut writer, 30).await;
    let mut reader = writer.sibling();
    reader.page(10).await;
    let edit = writer.upsert(ids[3], json!({"title": "Changed behind the reader"}));
    writer.sync([edit]).await;
    let rest = reader.pull_by(10).await;
    assert_eq!(rest.ids().last(), Some(&format!("+{}", ids[3])));
    assert_eq!(reader.store[&ids[3]]["title"], "Changed behind the reader");
    assert_eq!(reader.store.len(), 30);
    // Each record once: the entry moved, it was not added.
    assert_eq!(writer.everything().await.changes.len(), 30);
}

async fn nothing_new_is_nothing_and_the_place_stands(server: &Server) {
    let mut phone = server.sales_phone().await;
    // A user with no head row yet.
    let empty = phone.page(500).await;
    assert_eq!(
        (empty.changes().len(), &empty.body["hasMore"]),
        (0, &json!(false))
    );
    drafts(&mut phone, 3).await;
    phone.pull().await;
    let place = phone.since.clone();
    for _ in 0..2 {
        let again = phone.page(500).await;
        assert_eq!(again.changes().len(), 0);
        assert_eq!(phone.since, place, "lastSync goes back as it came");
        assert_eq!(
            again.body["lastSync"],
            json!(match &place {
                Since::After(last) => last.clone(),
                _ => String::new(),
            })
        );
    }
}

async fn deleted_records_are_removed_and_withdrawn_ones_stay(server: &Server) {
    let mut phone = server.sales_phone().await;
    let mut reader = phone.sibling();
    let ids = drafts(&mut phone, 3).await;
    let items = [
        phone.upsert(ids[1], server.complete().await),
        phone.submit(ids[1]),
    ];
    phone.sync(items).await;
    reader.pull().await;
    let items = [phone.delete(ids[0]), phone.withdraw(ids[1])];
    assert_eq!(phone.sync(items).await.verdicts(), ["applied", "applied"]);
    assert_eq!(
        reader.pull().await.ids(),
        [format!("-{}", ids[0]), format!("+{}", ids[1])]
    );
    assert_eq!(reader.store[&ids[1]]["status"], "withdrawn");
    // A phone that knows nothing is not bothered with what is gone, or is told that it is gone.
    let everything = phone.everything().await;
    assert_eq!(everything.find(ids[0]), None);
    assert!(everything.find(ids[1]).is_some() && everything.find(ids[2]).is_some());
}

async fn an_older_time_only_over_sends(server: &Server) {
    let mut phone = server.sales_phone().await;
    phone.since = Since::Beginning;
    let ids = drafts(&mut phone, 5).await;
    let Since::After(last) = phone.since.clone() else {
        panic!("no lastSync")
    };
    let edit = phone.upsert(ids[0], json!({"title": "Latest"}));
    phone
        .actor
        .post("/api/v1/requests/sync", &json!({"changes": [edit]}))
        .await
        .ok();
    for older in [
        "2001-01-01T00:00:00Z",
        "1970-01-01T01:00:00.5+01:00",
        "0001-01-01T00:00:00Z",
    ] {
        let mut reader = phone.sibling();
        reader.since = Since::After(older.replace('+', "%2B"));
        assert_eq!(reader.pull().await.ids().len(), 5, "{older}");
    }
    let mut reader = phone.sibling();
    reader.since = Since::After(last);
    assert_eq!(reader.pull().await.ids(), [format!("+{}", ids[0])]);
}

async fn beyond_the_head_is_a_resync_decided_first(server: &Server) {
    let mut phone = server.sales_phone().await;
    phone.since = Since::Beginning;
    drafts(&mut phone, 2).await;
    for beyond in ["2999-01-01T00:00:00Z", "2999-01-01T00:00:00.000001Z"] {
        let reply = phone
            .actor
            .get(&format!("/api/v1/requests/updates?lastSync={beyond}"))
            .await;
        assert_eq!((reply.status, reply.code()), (410, "resync_required"));
        let id = phone.new_id();
        let item = phone.upsert(id, json!({"title": "Not taken"}));
        let mut body = phone.envelope(&[item]);
        body["lastSync"] = json!(beyond);
        let reply = phone.actor.post("/api/v1/requests/sync", &body).await;
        assert_eq!((reply.status, reply.code()), (410, "resync_required"));
        assert_eq!(phone.look(id).await.status, 404, "nothing is taken");
    }
    // The phone keeps its queue and pulls from the beginning.
    phone.since = Since::Absent;
    assert_eq!(phone.pull().await.ids().len(), 2);
}

async fn a_bad_time_is_a_bad_parameter(server: &Server) {
    let phone = server.sales_phone().await;
    for path in [
        "?lastSync=yesterday",
        "?lastSync=2026-02-30T00:00:00Z",
        "?lastSync=",
        "?limit=0",
        "?limit=1001",
        "?limit=x",
    ] {
        let reply = phone
            .actor
            .get(&format!("/api/v1/requests/updates{path}"))
            .await;
        assert_eq!(
            (reply.status, reply.code()),
            (400, "invalid_value"),
            "{path}"
        );
        assert!(reply.body["errors"].is_array(), "{path}: {}", reply.body);
    }
}

async fn a_push_pulls_as_its_last_sync_asks(server: &Server) {
    let mut one = server.sales_phone().await;
    let mut two = one.sibling();
    let theirs = drafts(&mut two, 3).await;
    // Absent: no pull.
    let id = one.new_id();
    let item = one.upsert(id, json!({"title": "Mine"}));
    let reply = one.sync([item]).await;
    assert_eq!(
        (reply.changes().len(), &reply.body["lastSync"]),
        (0, &Value::Null)
    );
    assert_eq!(reply.body["hasMore"], false);
    // Null: from the beginning; what this batch wrote is left out, what an earlier one wrote comes.
    one.since = Since::Beginning;
    let next = one.new_id();
    let item = one.upsert(next, json!({"title": "Mine too"}));
    let reply = one.sync([item]).await;
    let mut wanted = upserts(&theirs);
    wanted.push(format!("+{id}"));
    assert_eq!(
        reply.changes().iter().map(entry).collect::<Vec<_>>(),
        wanted
    );
    // Its place is behind what was left out.
    assert_eq!(one.pull().await.ids(), Vec::<String>::new());
}

async fn an_entry_the_phone_has_not_seen_all_before_is_not_left_out(server: &Server) {
    let mut one = server.sales_phone().await;
    one.since = Since::Beginning;
    let ids = drafts(&mut one, 2).await;
    let mut two = one.sibling();
    // The other phone writes a field the first has not heard of.
    let edit = two.upsert(ids[0], json!({"region": "EMEA"}));
    two.sync([edit]).await;
    // The first edits both: of ids[0] it has not seen all before, so that record comes.
    let items = [
        one.upsert(ids[0], json!({"title": "Mine"})),
        one.upsert(ids[1], json!({"title": "Mine"})),
    ];
    let reply = one.sync(items).await;
    assert_eq!(reply.verdicts(), ["applied", "applied"]);
    assert_eq!(
        reply.changes().iter().map(entry).collect::<Vec<_>>(),
        [format!("+{}", ids[0])]
    );
    assert_eq!(one.store[&ids[0]]["region"], "EMEA");
    assert_eq!(one.store[&ids[0]]["title"], "Mine");
    assert_eq!(one.pull().await.ids(), Vec::<String>::new());
}

async fn another_phones_write_between_commit_and_pull_is_not_lost(server: &Server) {
    // Many phones of one person write and pull at once; each must end with what the server has.
    let first = server.sales_phone().await;
    let shared: Vec<Uuid> = {
        let mut phone = first.sibling();
        drafts(&mut phone, 10).await
    };
    let mut tasks = Vec::new();
    for number in 0..4 {
        let mut phone = first.sibling();
        phone.since = Since::Beginning;
        let shared = shared.clone();
        tasks.push(tokio::spawn(async move {
            phone.pull().await;
            for round in 0..15 {
                let id = shared[(number * 3 + round) % shared.len()];
                let field = ["title", "region", "justification", "neededBy"][number];
                let value = if field == "neededBy" {
                    format!("2026-01-{:02}", round + 1)
                } else {
                    format!("{number}/{round}")
                };
                let item = phone.upsert(id, json!({ field: value }));
                let reply = phone.sync([item]).await;
                assert_eq!(reply.verdicts(), ["applied"]);
                // What the phone wrote itself and was not sent, it has.
                if phone.store[&id][field] != value.as_str() {
                    let mut record = phone.store[&id].clone();
                    record[field] = json!(value);
                    phone.store.insert(id, record);
                }
            }
            phone
        }));
    }
    let mut phones = Vec::new();
    for task in tasks {
        phones.push(task.await.unwrap());
    }
    let truth = first.everything().await;
    for mut phone in phones {
        phone.pull().await;
        for id in &shared {
            for field in ["title", "region", "justification", "neededBy"] {
                assert_eq!(phone.store[id][field], truth.record(*id)[field], "{field}");
            }
        }
    }
}

async fn a_big_pull_ends_its_pages_at_a_mebibyte(server: &Server) {
    let mut phone = server.sales_phone().await;
    let text = "long ".repeat(2_000);
    let ids: Vec<Uuid> = (0..150).map(|_| phone.new_id()).collect();
    for part in ids.chunks(75) {
        let items: Vec<Value> = part
            .iter()
            .map(|id| phone.upsert(*id, json!({"justification": text})))
            .collect();
        phone.sync(items).await;
    }
    let mut reader = phone.sibling();
    let page = reader.page(1_000).await;
    assert_eq!(page.body["hasMore"], true);
    assert!(page.bytes.len() < 1_200_000, "{} bytes", page.bytes.len());
    assert!(page.changes().len() > 50);
    reader.pull_by(1_000).await;
    assert_eq!(reader.store.len(), 150);
}

async fn pulls_at_the_same_time_find_each_its_own(server: &Server) {
    let mut readers = Vec::new();
    for count in [0, 1, 10, 31, 32, 33, 70] {
        let mut writer = server.sales_phone().await;
        let ids = drafts(&mut writer, count).await;
        for limit in [1, 31, 32, 33, 500] {
            readers.push((writer.sibling(), ids.clone(), limit));
        }
    }
    let pulls = readers.into_iter().map(|(mut reader, ids, limit)| {
        tokio::spawn(async move {
            let page = reader.page(limit).await;
            let found: Vec<String> = page.changes().iter().map(entry).collect();
            let expected = upserts(&ids[..limit.min(ids.len())]);
            assert_eq!(found, expected, "{limit} of {}", ids.len());
            assert_eq!(page.body["hasMore"], ids.len() > limit);
        })
    });
    for pull in pulls.collect::<Vec<_>>() {
        pull.await.unwrap();
    }
}

both_engines!(
    pulls_at_the_same_time_find_each_its_own,
    a_page_ends_in_the_middle_of_a_batch,
    batches_of_every_size_are_written_whole,
    what_changes_while_a_phone_pages_comes_again,
    nothing_new_is_nothing_and_the_place_stands,
    deleted_records_are_removed_and_withdrawn_ones_stay,
    an_older_time_only_over_sends,
    beyond_the_head_is_a_resync_decided_first,
    a_bad_time_is_a_bad_parameter,
    a_push_pulls_as_its_last_sync_asks,
    an_entry_the_phone_has_not_seen_all_before_is_not_left_out,
    another_phones_write_between_commit_and_pull_is_not_lost,
    a_big_pull_ends_its_pages_at_a_mebibyte,
);
