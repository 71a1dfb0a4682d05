//! Old events are removed, in small batches, and not those that can still come again.

use crate::world::{World, both_engines};
use domain_services::bus::{Delivery, Event, Topic};
use domain_services::db::{Db, DbError, Service, sql};
use domain_services::outbox::{self, NewEvent};
use domain_services::upkeep::{Retention, prune};
use std::time::Duration;
use uuid::Uuid;

const DAY: Duration = Duration::from_hours(24);
const RETENTION: Retention = Retention {
    outbox: DAY,
    inbox: Duration::from_hours(48),
};

async fn append(world: &World, count: i64) {
    let record = world.user_db.ids().uuid_v7();
    world
        .user_db
        .write(move |tx| {
            Box::pin(async move {
                let events = (1..=count)
                    .map(|version| NewEvent::new("test.counted", record, version, &version))
                    .collect::<Result<Vec<_>, _>>()?;
                outbox::append(tx, 0, &events).await
            })
        })
        .await
        .unwrap();
}

async fn mark(world: &World) {
    let marked: Result<u64, DbError> = world
        .user_db
        .write(|tx| {
            Box::pin(async move {
                let now_us = tx.ids().now_us();
                sql("update outbox set published_us = $1 where published_us is null")
                    .bind(now_us)
                    .execute(tx)
                    .await
            })
        })
        .await;
    marked.unwrap();
}

async fn count(db: &Db, query: &'static str) -> i64 {
    let (count,): (i64,) = sql(query).fetch_one(db).await.unwrap();
    count
}

both_engines!(published_events_go_when_they_are_old, |world| {
    async move {
        append(&world, 2_500).await;
        mark(&world).await;
        world.clock.forward(DAY * 2);
        append(&world, 10).await;
        mark(&world).await;
        append(&world, 5).await;
        let removed = prune(Service::User, &world.user_db, RETENTION)
            .await
            .unwrap();
        assert_eq!(removed, (2_500, 0), "more than two batches");
        let left = "select count(*) from outbox";
        assert_eq!(count(&world.user_db, left).await, 15);
        world.clock.forward(DAY * 300);
        prune(Service::User, &world.user_db, RETENTION)
            .await
            .unwrap();
        assert_eq!(
            count(&world.user_db, left).await,
            5,
            "what is not published stays, however old"
        );
    }
});

fn person(n: u128) -> Event {
    let key = Uuid::from_u128(n);
    let data = serde_json::json!({"id": key, "email": "p@example.org", "name": "P", "roles": ["sales"],
        "departmentId": null, "region": null, "locale": null, "active": true, "version": 1});
    let new = NewEvent::new("user.changed", key, 1, &data).unwrap();
    Event {
        id: new.id,
        topic: Topic::User,
        key,
        kind: new.kind.to_owned(),
        version: 1,
        time_us: 1,
        traceparent: None,
        actor: None,
        data: new.data,
    }
}

both_engines!(
    an_event_is_recognised_as_long_as_it_can_come_again,
    |world| {
        async move {
            use domain_services::bus::Consumer;
            let consumer = world.catalog.consumer();
            let take =
                async |events: Vec<Event>| consumer.handle(&Delivery::of(events)).await.unwrap();
            take((1..=1_200).map(person).collect()).await;
            let known = "select count(*) from inbox";
            // All the life of an outbox row later it is still known.
            world.clock.forward(DAY * 3 / 2);
            let removed = prune(Service::Catalog, &world.catalog_db, RETENTION)
                .await
                .unwrap();
            assert_eq!(removed, (0, 0));
            take(vec![person(1), person(5_000)]).await;
            assert_eq!(count(&world.catalog_db, known).await, 1_201);
            world.clock.forward(DAY);
            let removed = prune(Service::Catalog, &world.catalog_db, RETENTION)
                .await
                .unwrap();
            assert_eq!(removed, (0, 1_200));
            // The service that only listens has no outbox.
            assert!(!Service::Audit.has_outbox());
            assert_eq!(count(&world.catalog_db, known).await, 1);
        }
    }
);
