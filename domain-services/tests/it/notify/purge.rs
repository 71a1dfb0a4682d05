//! Old notifications go: in small batches, and not those of which something may still become.

use super::desk::{Desk, OWNER, REQUEST};
use crate::world::both_engines;
use domain_services::db::sql;
use domain_services::events;
use domain_services::notification::Channel;
use domain_services::notification::channel::Refusal;
use serde_json::json;
use std::time::Duration;
use sync_core::canonical::Revision;

const DAY: Duration = Duration::from_hours(24);
const RETENTION: Duration = Duration::from_hours(90 * 24);

async fn count(desk: &Desk, query: &'static str) -> i64 {
    let (count,): (i64,) = sql(query).fetch_one(&desk.db).await.unwrap();
    count
}

/// One turn of the e-mails.
async fn send(desk: &Desk) -> usize {
    let now_us = desk.now_us().await;
    let dispatcher = desk.dispatcher();
    dispatcher.turn(Channel::Email, Some(now_us)).await.unwrap()
}

async fn finalized(desk: &Desk) {
    let data = json!({
        "id": REQUEST, "ownerId": OWNER, "revision": Revision([7; 32]).to_string(), "outcome": "approved",
        "finalAt": "2026-11-22T10:00:00.000000Z",
    });
    let event = desk.event(
        domain_services::bus::Topic::Request,
        REQUEST,
        events::REQUEST_FINALIZED,
        &data,
    );
    desk.take(&[event]).await;
}

both_engines!(
    what_is_over_goes_when_it_is_old_and_nothing_else,
    |world| async move {
        let desk = Desk::open(&world).await;
        // About a request: sent, and it may still be taken back.
        desk.take(&[desk.opened(2)]).await;
        send(&desk).await;
        // About nothing: sent, failed for good, waiting.
        let sent = desk.asked().await;
        send(&desk).await;
        desk.email.will(Refusal::Failed("no".to_owned()));
        let dead = desk.asked().await;
        send(&desk).await;
        let waiting = desk.asked().await;
        assert_eq!(
            desk.service.purge(RETENTION).await.unwrap(),
            0,
            "all is new"
        );

        world.clock.forward(DAY * 91);
        assert_eq!(desk.service.purge(RETENTION).await.unwrap(), 1);
        assert!(desk.service.status(sent).await.is_err(), "it is gone");
        assert_eq!(desk.status(dead).await, "failed: failed");
        desk.service.replay(dead).await.unwrap();
        assert_eq!(desk.status(waiting).await, "queued: ");
        assert!(send(&desk).await >= 1, "what waits is still sent");
        // The request is pending after three months: whoever was told hears that it was withdrawn.
        desk.take(&[desk.level(events::LEVEL_CLOSED, 2, json!({"reason": "withdrawn"}))])
            .await;
        send(&desk).await;
        let rows = desk.rows().await;
        assert!(
            rows.contains(&"21 email withdrawn sent".to_owned()),
            "{rows:?}"
        );

        // Once its fate is old news, all of it goes.
        finalized(&desk).await;
        send(&desk).await;
        world.clock.forward(DAY * 91);
        assert!(desk.service.purge(RETENTION).await.unwrap() >= 4);
        assert_eq!(count(&desk, "select count(*) from notification").await, 0);
        assert_eq!(count(&desk, "select count(*) from attempt").await, 0);
    }
);

both_engines!(a_backlog_goes_in_batches, |world| async move {
    let desk = Desk::open(&world).await;
    for _ in 0..3 {
        desk.asked().await;
    }
    while send(&desk).await > 0 {}
    // More than two batches, made of one that is there.
    for _ in 0..10 {
        let doubled: Result<u64, domain_services::db::DbError> = desk
            .db
            .write(|tx| {
                Box::pin(async move {
                    domain_services::db::sql_by_engine(
                        "insert into notification (id, channel, template, data, status, attempts, due_us, taken_by, version, created_us, updated_us)
                         select gen_random_uuid(), channel, template, data, status, attempts, due_us, taken_by, version, created_us, updated_us
                         from notification limit 500",
                        "insert into notification (id, channel, template, data, status, attempts, due_us, taken_by, version, created_us, updated_us)
                         select randomblob(16), channel, template, data, status, attempts, due_us, taken_by, version, created_us, updated_us
                         from notification limit 500",
                    )
                    .execute(tx)
                    .await
                })
            })
            .await;
        doubled.unwrap();
    }
    let all = count(&desk, "select count(*) from notification").await;
    assert!(all > 1_000, "{all}");
    world.clock.forward(DAY * 91);
    let removed = desk.service.purge(RETENTION).await.unwrap();
    assert_eq!(i64::try_from(removed), Ok(all));
    assert_eq!(count(&desk, "select count(*) from notification").await, 0);
});
