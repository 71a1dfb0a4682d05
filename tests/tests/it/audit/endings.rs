//! The end of a request leads back to the vote that decided it.

use domain_services::audit::leaf::Leaf;
use serde_json::json;
use std::time::Duration;
use tests::{Server, Setup, both_engines};

/// Windows so short that a test sees the end.
fn short() -> Setup {
    Setup::windows(Duration::from_millis(600), Duration::from_millis(200))
}

async fn the_end_bears_the_trace_of_the_deciding_vote(server: &Server) {
    let mut sales = server.sales_phone().await;
    let request = sales.submitted("Travel").await;
    let mut l1 = server.phone_of("l1a").await;
    l1.wait_for(request.approval(1)).await;
    let votes = [
        l1.reject(request.approval(1)),
        l1.rollback(request.approval(1)),
    ];
    assert_eq!(
        l1.sync_votes(votes).await.verdicts(),
        ["applied", "applied"]
    );
    let yes = l1.approve(request.approval(1));
    assert_eq!(l1.sync_votes([yes]).await.verdicts(), ["applied"]);
    sales
        .wait_request(request.id, |record| record["final"] == json!(true))
        .await;
    let leaves = server.leaves().await;
    let one = |action: &str, vote: Option<&str>| -> &Leaf {
        let mut found = leaves.iter().filter(|leaf| {
            leaf.action == action
                && leaf.request_id == Some(request.id)
                && vote.is_none_or(|vote| leaf.detail["vote"] == vote)
        });
        found.next().unwrap_or_else(|| panic!("no leaf {action}"))
    };
    let decided = one("approval.voted", Some("approve"));
    let taken_back = one("approval.voted", Some("reject"));
    let ended = one("request.finalized", None);
    assert!(decided.trace_id.is_some());
    assert_ne!(decided.trace_id, taken_back.trace_id);
    assert_eq!(ended.trace_id, decided.trace_id);
    assert_eq!(ended.actor_id, None, "time ended it");
    // What another service says of it goes on with the trace.
    let (submitted, opened) = (
        one("request.submitted", None),
        one("approval.level_opened", None),
    );
    assert!(submitted.trace_id.is_some());
    assert_eq!(opened.trace_id, submitted.trace_id);
}

both_engines!(short => the_end_bears_the_trace_of_the_deciding_vote);
