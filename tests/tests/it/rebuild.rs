//! Replay: what is stored of an approval is the fold of its log, and a rebuild says where it is not.

use domain_services::db::{DbError, sql};
use serde_json::Value;
use tests::{Phone, Server, Submitted, both_engines};

async fn state(server: &Server, request: &Submitted) -> String {
    let (state,): (String,) = sql("select state from approval_case where request_id = $1")
        .bind(request.id)
        .fetch_one(&server.services().databases.approval)
        .await
        .unwrap();
    state
}

/// Writes a case's state by hand.
async fn tamper(server: &Server, request: &Submitted, state: String) {
    let id = request.id;
    let written: Result<u64, DbError> = server
        .services()
        .databases
        .approval
        .write(move |tx| {
            let state = state.clone();
            Box::pin(async move {
                sql("update approval_case set state = $2 where request_id = $1")
                    .bind(id)
                    .bind(state)
                    .execute(tx)
                    .await
            })
        })
        .await;
    assert_eq!(written.unwrap(), 1);
}

async fn vote(phone: &mut Phone, kind: &str, request: &Submitted, level: u8) {
    phone.wait_for(request.approval(level)).await;
    let vote = phone.vote(kind, request.approval(level));
    assert_eq!(phone.sync_votes([vote]).await.verdicts(), ["applied"]);
}

async fn a_rebuild_names_exactly_the_case_that_was_changed_by_hand(server: &Server) {
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    let mut l2a = server.phone_of("l2a").await;
    let requests = sales.submitted_many("Events", 5).await;
    for request in &requests {
        vote(&mut l1a, "approve", request, 1).await;
    }
    vote(&mut l2a, "approve", &requests[0], 2).await;
    vote(&mut l1a, "rollback", &requests[1], 1).await;
    vote(&mut l2a, "reject", &requests[2], 2).await;
    let withdraw = sales.withdraw(requests[3].id);
    sales.sync([withdraw]).await;
    l1a.wait_approval(requests[3].approval(1), |record| {
        record["status"] == "closed"
    })
    .await;

    let approvals = &server.services().approvals;
    let sound = approvals.rebuild().await.unwrap();
    assert_eq!(sound.differences, []);
    assert!(sound.cases >= 5, "{sound:?}");
    assert!(sound.facts > 5 + 5 + 3, "{sound:?}");

    let right = state(server, &requests[2]).await;
    let mut wrong: Value = serde_json::from_str(&right).unwrap();
    assert_eq!(wrong["levels"][1]["tally"], "rejected");
    wrong["levels"][1]["tally"] = "approved".into();
    tamper(server, &requests[2], wrong.to_string()).await;
    let found = approvals.rebuild().await.unwrap();
    assert_eq!((found.cases, found.facts), (sound.cases, sound.facts));
    let [difference] = found.differences.as_slice() else {
        panic!("one case was changed: {:?}", found.differences);
    };
    assert_eq!(difference.request_id, requests[2].id);
    assert!(
        difference.what.starts_with("level 2 "),
        "{}",
        difference.what
    );
    tamper(server, &requests[2], right).await;
}

both_engines!(a_rebuild_names_exactly_the_case_that_was_changed_by_hand);
