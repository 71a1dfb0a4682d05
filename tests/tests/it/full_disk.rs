//! A disk without space: what cannot be kept is not acknowledged and not refused, and goes through once there is
//! space again. On `PostgreSQL` the server's own class of errors says the same.

use serde_json::Value;
use std::time::Duration;
use tests::{Engine, Phone, Process, Submitted};

/// Requests whose events are on their way when the space runs out.
const ON_THEIR_WAY: usize = 300;

async fn try_votes(phone: &mut Phone, votes: &[Value]) -> u16 {
    phone.try_sync_votes(votes).await.unwrap().status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_refused_or_given_up_for_want_of_space() {
    let server = Process::start(Engine::Sqlite).await;
    let of = async |name: &str| {
        let email = format!("{name}@demo.athena");
        Phone::of(server.sign_in(&email, "athena-demo").await)
    };
    let (mut sales, mut l1a) = (of("sales1").await, of("l1a").await);
    let told = sales.submitted_many("Travel", 20).await;
    l1a.wait_for_all(&told, 1).await;
    let fields = sales.actor.complete().await;

    let late = sales.submitted_many("Travel", ON_THEIR_WAY).await;
    server.hold_files(true);
    let id = sales.new_id();
    let draft = [sales.upsert(id, fields), sales.submit(id)];
    let votes: Vec<Value> = told
        .iter()
        .map(|request| l1a.approve(request.approval(1)))
        .collect();
    for _ in 0..3 {
        let reply = sales.try_sync(&draft).await.unwrap();
        assert_eq!((reply.status, reply.code()), (503, "unavailable"));
        assert!(reply.headers.contains_key("retry-after"));
        assert_eq!(try_votes(&mut l1a, &votes).await, 503);
    }
    // What is there can be read meanwhile.
    assert_eq!(
        sales.look(told[0].id).await.ok().body["status"],
        "pending_l1"
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(sales.look(id).await.status, 404);
    server.hold_files(false);

    sales
        .sync(draft.clone())
        .await
        .verdicts()
        .iter()
        .for_each(|verdict| assert_eq!(verdict, "applied"));
    let again = sales.sync(draft).await.verdicts();
    assert_eq!(again, ["duplicate", "duplicate"]);
    l1a.wait_for_all(&late, 1).await;
    let verdicts = l1a.sync_votes(votes).await.verdicts();
    assert!(
        verdicts.iter().all(|verdict| verdict == "applied"),
        "{verdicts:?}"
    );
    for Submitted { id, .. } in &told {
        sales.wait_status(*id, "approved").await;
    }
    for service in ["catalog", "request", "approval", "audit", "notification"] {
        let given_up = server
            .count(service, "select count(*) from dead_letter")
            .await;
        assert_eq!(given_up, 0, "the {service} service gave up events");
    }
    server.check_ledger().await;
    server.stop().await;
}
