//! Inbox: an event has its effect once, and one that cannot have it holds up nobody else.

use crate::world::{World, both_engines};
use async_trait::async_trait;
use domain_services::bus::{
    Bus, BusError, ConsumeError, Consumer, Delivery, Event, InProcess, Position, Purpose, Topic,
    UNREADABLE,
};
use domain_services::db::{Db, DbError, Tx, sql};
use domain_services::inbox::{self, ApplyError, Projection, consume, dead_letters};
use domain_services::outbox::NewEvent;
use serde_json::value::RawValue;
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// Counts how often each person was mentioned, in the column of its version. A name that is no
/// number is poison.
struct Counting;

#[async_trait]
impl Projection for Counting {
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<(), ApplyError> {
        let by: i64 = event.decode()?;
        if by < 0 {
            return Err(DbError::Unavailable("cut off".to_owned()).into());
        }
        sql(
            "insert into person (id, active, version) values ($1, $2, $3)
             on conflict (id) do update set version = person.version + excluded.version",
        )
        .bind(event.key)
        .bind(true)
        .bind(by)
        .execute(tx)
        .await?;
        Ok(())
    }
}

fn event(key: u128, version: i64, data: &serde_json::Value) -> Event {
    let key = Uuid::from_u128(key);
    let new = NewEvent::new("test.counted", key, version, data).unwrap();
    Event {
        id: new.id,
        topic: Topic::User,
        key,
        kind: new.kind.to_owned(),
        version,
        time_us: 1,
        traceparent: None,
        actor: None,
        data: new.data,
    }
}

async fn take(world: &World, events: &[Event]) -> Result<(), ConsumeError> {
    let delivery = Delivery::of(events.to_vec());
    consume(&world.catalog_db, &Arc::new(Counting), &delivery).await
}

async fn count(world: &World, key: u128) -> i64 {
    let row: Option<(i64,)> = sql("select version from person where id = $1")
        .bind(Uuid::from_u128(key))
        .fetch_optional(&world.catalog_db)
        .await
        .unwrap();
    row.map_or(0, |(count,)| count)
}

/// Key, version and reason of what is parked.
async fn parked(world: &World) -> Vec<(u128, i64, String)> {
    let rows: Vec<(Uuid, i64, String)> =
        sql("select key, version, reason from dead_letter order by version")
            .fetch_all(&world.catalog_db)
            .await
            .unwrap();
    let rows = rows.into_iter();
    rows.map(|(key, version, reason)| (key.as_u128(), version, reason))
        .collect()
}

both_engines!(a_second_delivery_has_no_second_effect, |world| {
    async move {
        let events = [event(1, 1, &1.into()), event(1, 2, &10.into())];
        for _ in 0..3 {
            take(&world, &events).await.unwrap();
        }
        let twice = [
            events[1].clone(),
            events[1].clone(),
            event(1, 3, &100.into()),
        ];
        take(&world, &twice).await.unwrap();
        assert_eq!(count(&world, 1).await, 111);
        assert!(parked(&world).await.is_empty());
    }
});

both_engines!(a_poisoned_event_parks_its_key_and_no_other, |world| {
    async move {
        let events = [
            event(1, 1, &1.into()),
            event(2, 1, &1.into()),
            event(1, 2, &"poison".into()),
            event(2, 2, &1.into()),
            event(1, 3, &1.into()),
        ];
        for _ in 0..2 {
            take(&world, &events).await.unwrap();
        }
        assert_eq!(count(&world, 1).await, 1, "what came before the poison");
        assert_eq!(count(&world, 2).await, 2);
        take(&world, &[event(1, 4, &1.into()), event(2, 3, &1.into())])
            .await
            .unwrap();
        assert_eq!((count(&world, 1).await, count(&world, 2).await), (1, 3));
        let parked = parked(&world).await;
        let places: Vec<(u128, i64)> = parked.iter().map(|at| (at.0, at.1)).collect();
        assert_eq!(places, [(1, 2), (1, 3), (1, 4)]);
        assert!(parked[0].2.contains("does not decode"), "{}", parked[0].2);
    }
});

both_engines!(when_the_database_fails_nothing_is_taken, |world| {
    async move {
        let events = [event(1, 1, &1.into()), event(1, 2, &(-1).into())];
        assert!(take(&world, &events).await.is_err());
        assert_eq!(count(&world, 1).await, 0);
        assert!(parked(&world).await.is_empty());
        take(&world, &events[..1]).await.unwrap();
        assert_eq!(count(&world, 1).await, 1);
    }
});

/// Takes everything, or nothing.
struct Ear {
    name: &'static str,
    db: Db,
    heard: Mutex<Vec<i64>>,
    works: bool,
}

#[async_trait]
impl Consumer for Ear {
    fn name(&self) -> &'static str {
        self.name
    }

    fn topics(&self) -> &[Topic] {
        &[Topic::User]
    }

    fn db(&self) -> &Db {
        &self.db
    }

    async fn handle(&self, delivery: &Delivery) -> Result<(), ConsumeError> {
        if !self.works {
            return Err(DbError::Unavailable("cut off".to_owned()).into());
        }
        let mut heard = self.heard.lock().unwrap();
        heard.extend(delivery.events.iter().map(|event| event.version));
        Ok(())
    }
}

both_engines!(
    a_consumer_that_fails_keeps_nothing_from_the_others,
    |world| {
        async move {
            let ear = |name, works| {
                Arc::new(Ear {
                    name,
                    db: world.catalog_db.clone(),
                    heard: Mutex::default(),
                    works,
                })
            };
            let (deaf, good) = (ear("deaf", false), ear("good", true));
            let bus = InProcess::new(vec![deaf, good.clone()]);
            let elsewhere = Event {
                topic: Topic::Request,
                ..event(1, 9, &1.into())
            };
            let published = bus.publish(&[event(1, 1, &1.into()), elsewhere]).await;
            assert!(matches!(
                published,
                Err(BusError::Consumer {
                    consumer: "deaf",
                    ..
                })
            ));
            assert_eq!(*good.heard.lock().unwrap(), [1]);
        }
    }
);

/// Two nodes that both believe to lead give the same events at the same time.
async fn two_at_once(world: &World, events: &[Event], positions: bool) {
    let delivery = Delivery {
        events: events.to_vec(),
        positions: if positions {
            at(events.len())
        } else {
            Vec::new()
        },
        ..Delivery::default()
    };
    let projection = Arc::new(Counting);
    let (one, two) = tokio::join!(
        consume(&world.catalog_db, &projection, &delivery),
        consume(&world.catalog_db, &projection, &delivery)
    );
    one.unwrap();
    two.unwrap();
}

fn at(next_offset: usize) -> Vec<Position> {
    vec![Position {
        topic: "athena.user.v1".to_owned(),
        partition: 3,
        next_offset: next_offset.try_into().unwrap(),
    }]
}

both_engines!(of_two_that_deliver_at_once_one_has_an_effect, |world| {
    async move {
        for round in 0..20 {
            let key = 100 + round;
            let events: Vec<Event> = (1..=10)
                .map(|version| event(key, version, &1.into()))
                .collect();
            Box::pin(two_at_once(&world, &events, round % 2 == 0)).await;
            assert_eq!(count(&world, key).await, 10);
        }
    }
});

both_engines!(a_position_moves_with_the_effect_and_never_back, |world| {
    async move {
        let delivery = |n: i64, data: i64, next_offset| Delivery {
            events: vec![event(1, n, &data.into())],
            positions: at(next_offset),
            ..Delivery::default()
        };
        let projection = Arc::new(Counting);
        let take =
            async |delivery: Delivery| consume(&world.catalog_db, &projection, &delivery).await;
        take(delivery(1, 1, 7)).await.unwrap();
        assert!(take(delivery(2, -1, 8)).await.is_err());
        let stands = async || inbox::positions(&world.catalog_db).await.unwrap();
        assert_eq!(stands().await, at(7), "no effect, no move");
        take(delivery(1, 1, 5)).await.unwrap();
        assert_eq!(
            stands().await,
            at(7),
            "one that has lost its partition moves nothing back"
        );
        let poison = Delivery {
            events: vec![event(2, 1, &"poison".into()), event(3, 1, &1.into())],
            positions: at(9),
            ..Delivery::default()
        };
        take(poison).await.unwrap();
        assert_eq!(
            stands().await,
            at(9),
            "the poisoned one is parked, not waited for"
        );
        assert_eq!(count(&world, 3).await, 1);
    }
});

both_engines!(what_was_parked_is_taken_once_it_can_be, |world| {
    async move {
        let poison = event(1, 1, &"poison".into());
        take(
            &world,
            &[
                poison.clone(),
                event(1, 2, &10.into()),
                event(2, 1, &1.into()),
            ],
        )
        .await
        .unwrap();
        let unpark = || Delivery {
            purpose: Purpose::Unpark(poison.key),
            ..Delivery::default()
        };
        let projection = Arc::new(Counting);
        let refused = consume(&world.catalog_db, &projection, &unpark()).await;
        assert!(
            matches!(refused, Err(ConsumeError::Poisoned { event_id, .. }) if event_id == poison.id),
            "{refused:?}"
        );
        assert_eq!(parked(&world).await.len(), 2, "nothing was changed");
        let found = dead_letters::find(&world.catalog_db, poison.id)
            .await
            .unwrap();
        assert_eq!(found.unwrap().event.data.get(), "\"poison\"");
        assert!(
            dead_letters::discard(&world.catalog_db, poison.id)
                .await
                .unwrap()
        );
        consume(&world.catalog_db, &projection, &unpark())
            .await
            .unwrap();
        assert_eq!(
            (count(&world, 1).await, parked(&world).await.len()),
            (10, 0)
        );
        // Free again, and what was discarded does not come back.
        take(&world, &[poison, event(1, 3, &100.into())])
            .await
            .unwrap();
        assert_eq!(
            (count(&world, 1).await, parked(&world).await.len()),
            (110, 0)
        );
    }
});

both_engines!(what_has_no_value_in_json_is_parked_all_the_same, |world| {
    async move {
        // Half of a surrogate pair, and a number beyond all numbers: PostgreSQL's JSON holds neither.
        let odd = [r#"{"a":"\ud800"}"#, "1e999999"];
        for (n, data) in (0..).zip(odd) {
            let data = RawValue::from_string(data.to_owned()).unwrap();
            let poison = Event {
                data,
                ..event(10 + n, 1, &0.into())
            };
            take(
                &world,
                &[poison, event(1, 1 + i64::try_from(n).unwrap(), &1.into())],
            )
            .await
            .unwrap();
        }
        assert_eq!(count(&world, 1).await, 2, "others go on");
        let letters = dead_letters::list(&world.catalog_db, None, 10)
            .await
            .unwrap();
        let kept: Vec<serde_json::Value> = letters
            .iter()
            .map(|letter| serde_json::from_str(letter.event.data.get()).unwrap())
            .collect();
        assert_eq!(kept, odd.map(|data| serde_json::json!({"value": data})));
    }
});

both_engines!(a_message_that_is_no_event_can_only_be_discarded, |world| {
    async move {
        let unreadable = Event {
            kind: UNREADABLE.to_owned(),
            ..event(1, 1, &1.into())
        };
        let delivery = Delivery {
            unreadable: vec![(unreadable.clone(), "it has no header ce_id".to_owned())],
            ..Delivery::default()
        };
        let projection = Arc::new(Counting);
        consume(&world.catalog_db, &projection, &delivery)
            .await
            .unwrap();
        take(&world, &[event(1, 2, &10.into())]).await.unwrap();
        let unpark = Delivery {
            purpose: Purpose::Unpark(unreadable.key),
            ..Delivery::default()
        };
        let refused = consume(&world.catalog_db, &projection, &unpark).await;
        assert!(
            matches!(refused, Err(ConsumeError::Poisoned { event_id, .. }) if event_id == unreadable.id),
            "{refused:?}"
        );
        assert_eq!(parked(&world).await.len(), 2, "nothing was changed");
        dead_letters::discard(&world.catalog_db, unreadable.id)
            .await
            .unwrap();
        consume(&world.catalog_db, &projection, &unpark)
            .await
            .unwrap();
        assert_eq!(
            (count(&world, 1).await, parked(&world).await.len()),
            (10, 0)
        );
    }
});
