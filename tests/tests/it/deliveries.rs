//! Events of one change may come in several deliveries: what they lead to is the same.

use domain_services::bus::{Consumer, Delivery, Event, Topic};
use domain_services::db::{DbError, sql};
use domain_services::request::RequestConsumer;
use serde_json::value::RawValue;
use sqlx::types::Json;
use std::time::Duration;
use tests::{Phone, Server, Submitted, both_engines};
use uuid::Uuid;

type Row = (Uuid, String, i64, i64, Json<Box<RawValue>>);

/// What the approval service has told about a request.
async fn told(server: &Server, request: Uuid) -> Vec<Event> {
    let rows: Vec<Row> =
        sql("select id, type, version, time_us, body from outbox where key = $1 order by seq")
            .bind(request)
            .fetch_all(&server.services().databases.approval)
            .await
            .expect("the outbox");
    rows.into_iter()
        .map(|(id, kind, version, time_us, body)| Event {
            id,
            topic: Topic::Approval,
            key: request,
            kind,
            version,
            time_us,
            traceparent: None,
            actor: None,
            data: body.0,
        })
        .collect()
}

/// The request service as if it had heard nothing of a request's approvals.
async fn forget(server: &Server, request: Uuid) {
    const FORGOTTEN: [&str; 3] = [
        "update request set status = 'pending_l1', approval_n = 0, sealed_level = 0 where id = $1",
        "delete from history where request_id = $1 and event not in ('created', 'submitted')",
        "delete from inbox where $1 = $1",
    ];
    let forgotten: Result<(), DbError> = server
        .services()
        .databases
        .request
        .write(move |tx| {
            Box::pin(async move {
                for statement in FORGOTTEN {
                    sql(statement).bind(request).execute(&mut *tx).await?;
                }
                Ok(())
            })
        })
        .await;
    forgotten.expect("changing its tables");
}

async fn a_story_is_the_same_event_by_event(server: &Server) {
    let mut sales = server.sales_phone().await;
    // Ids decide what comes first where nothing else does: several, so that it cannot be luck.
    for request in sales.submitted_many("Campaigns", 3).await {
        is_told_again(server, &mut sales, &request).await;
    }
}

async fn is_told_again(server: &Server, sales: &mut Phone, request: &Submitted) {
    let steps = [(1, "l1a", "pending_l2"), (2, "l2a", "pending_l3")];
    for (level, person, status) in steps {
        let mut phone = server.phone_of(person).await;
        phone.wait_for(request.approval(level)).await;
        let yes = phone.approve(request.approval(level));
        assert_eq!(phone.sync_votes([yes]).await.verdicts(), ["applied"]);
        while sales.look(request.id).await.body["status"] != status {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let story = sales.story(request.id).await;
    let lines: Vec<_> = story.iter().map(|line| line["event"].clone()).collect();
    let expected = "created submitted voted level_approved voted level_sealed level_approved";
    assert_eq!(lines, expected.split(' ').collect::<Vec<_>>());

    let events = told(server, request.id).await;
    assert!(events.len() >= 5, "{}", events.len());
    forget(server, request.id).await;
    assert_eq!(sales.story(request.id).await.len(), 2);
    let consumer = RequestConsumer::new(server.services().requests.clone());
    for event in events {
        let alone = Delivery::of(vec![event]);
        consumer.handle(&alone).await.expect("an event taken");
    }
    assert_eq!(sales.story(request.id).await, story);
}

both_engines!(a_story_is_the_same_event_by_event);
