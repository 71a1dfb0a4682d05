//! A request of three levels from draft to `final`, as its owner sees it.

use serde_json::{Value, json};
use std::time::Duration;
use tests::{PATIENCE, Phone, Server, Setup, Since, both_engines};
use uuid::Uuid;

fn short_window() -> Setup {
    Setup::windows(Duration::from_secs(2), Duration::from_secs(1))
}

/// Pulls until the request reads so; what was pulled in between is remembered.
async fn watch(owner: &mut Phone, id: Uuid, seen: &mut Vec<String>, until: &str) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while seen.last().is_none_or(|last| last != until) {
        assert!(
            tokio::time::Instant::now() < deadline,
            "no {until} after {seen:?}"
        );
        for change in owner.pull().await.changes {
            let record = &change["record"];
            if record["id"] == json!(id) {
                let last = if record["final"] == true {
                    " final"
                } else {
                    ""
                };
                let status = format!("{}{last}", record["status"].as_str().unwrap());
                if seen.last() != Some(&status) {
                    seen.push(status);
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) async fn a_request_of_three_levels_from_draft_to_final(server: &Server) {
    let mut sales = server.sales_phone().await;
    sales.since = Since::Beginning;
    let mut people = Vec::new();
    for name in ["l1a", "l2a", "l3a"] {
        people.push(server.phone_of(name).await);
    }
    let request = sales.submitted("Campaigns").await;
    let mut reader = sales.sibling();
    let mut seen = Vec::new();
    watch(&mut reader, request.id, &mut seen, "pending_l1").await;
    let steps = ["pending_l2", "pending_l3", "approved"];
    for ((level, phone), step) in (1..).zip(&mut people).zip(steps) {
        let id = request.approval(level);
        let opened = phone.wait_for(id).await;
        assert_eq!(opened["level"], level);
        assert_eq!(opened["revision"], json!(request.revision.to_string()));
        assert_eq!(opened["request"]["title"], "Trade fair");
        assert_eq!(opened["request"]["ownerId"], json!(sales.actor.user_id));
        assert!(opened["request"]["ownerName"].is_string());
        assert!(opened["basisAt"].is_string());
        let mut yes = phone.approve(id);
        yes["comment"] = json!(format!("Fine with level {level}"));
        assert_eq!(phone.sync_votes([yes]).await.verdicts(), ["applied"]);
        watch(&mut reader, request.id, &mut seen, step).await;
    }
    watch(&mut reader, request.id, &mut seen, "approved final").await;
    assert_eq!(
        seen,
        [
            "pending_l1",
            "pending_l2",
            "pending_l3",
            "approved",
            "approved final"
        ]
    );

    let story = sales.story(request.id).await;
    let told: Vec<Value> = story
        .iter()
        .map(|line| json!([line["event"], line["level"]]))
        .collect();
    assert_eq!(
        json!(told),
        json!([
            ["created", null],
            ["submitted", null],
            ["voted", 1],
            ["level_approved", 1],
            ["voted", 2],
            ["level_sealed", 1],
            ["level_approved", 2],
            ["voted", 3],
            ["level_sealed", 2],
            ["level_approved", 3],
            ["level_sealed", 3],
            ["finalized", null],
        ])
    );
    assert_eq!(story[2]["actorId"], json!(people[0].actor.user_id));
    assert_eq!(story[2]["comment"], "Fine with level 1");
    let times: Vec<&str> = story
        .iter()
        .map(|line| line["at"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    let record = sales.look(request.id).await.ok().body;
    assert_eq!(record["finalAt"], story[11]["at"]);
    let databases = &server.services().databases;
    let ended = server
        .events(&databases.request, "request.finalized", request.id)
        .await;
    assert_eq!(ended, 1);
    // Sealed to the top: what comes now comes too late, on every level.
    let mut l2b = server.phone_of("l2b").await;
    l2b.wait_for(request.approval(2)).await;
    let no = l2b.reject(request.approval(2));
    assert_eq!(
        l2b.sync_votes([no]).await.verdicts(),
        ["rejected/level_sealed"]
    );
    assert_eq!(sales.look(request.id).await.body, record);
}

both_engines!(short_window => a_request_of_three_levels_from_draft_to_final);
