//! Outbox and relay: every change is told, in order, whatever happens on the way.

use crate::changes::as_is;
use crate::world::{World, admin, both_engines, eventually};
use async_trait::async_trait;
use domain_services::bus::{Bus, BusError, Event};
use domain_services::catalog::{CategoryUpdate, NewCategory};
use domain_services::db::{Db, DbError, sql};
use domain_services::identity::Role;
use domain_services::outbox::{self, NewEvent};
use domain_services::user::{NewDepartment, UserUpdate};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use uuid::Uuid;

/// A bus that keeps what it was given, and fails the first few times.
#[derive(Default)]
struct Heard {
    events: Mutex<Vec<Event>>,
    failures: AtomicUsize,
}

impl Heard {
    fn failing(times: usize) -> Arc<Self> {
        Arc::new(Self {
            failures: AtomicUsize::new(times),
            ..Self::default()
        })
    }

    fn versions(&self) -> Vec<i64> {
        let events = self.events.lock().unwrap();
        events.iter().map(|event| event.version).collect()
    }
}

#[async_trait]
impl Bus for Heard {
    async fn publish(&self, events: &[Event]) -> Result<(), BusError> {
        let failing = |left: usize| left.checked_sub(1);
        let (set, get) = (Ordering::SeqCst, Ordering::SeqCst);
        if self.failures.fetch_update(set, get, failing).is_ok() {
            return Err(BusError::Unavailable("cut off".to_owned()));
        }
        self.events.lock().unwrap().extend_from_slice(events);
        Ok(())
    }
}

/// A bus that takes two events at a time, each time only when it is told to.
struct Stepwise {
    heard: Arc<Heard>,
    asked: Semaphore,
    steps: Semaphore,
}

#[async_trait]
impl Bus for Stepwise {
    async fn publish(&self, events: &[Event]) -> Result<(), BusError> {
        self.asked.add_permits(1);
        self.steps.acquire().await.unwrap().forget();
        self.heard.publish(events).await
    }

    fn batch_max(&self) -> i64 {
        2
    }
}

/// What a service has written into its outbox: kind, version and data.
async fn written(db: &Db) -> Vec<(String, i64, serde_json::Value)> {
    let rows: Vec<(String, i64, sqlx::types::Json<serde_json::Value>)> =
        sql("select type, version, body from outbox order by seq")
            .fetch_all(db)
            .await
            .unwrap();
    let rows = rows.into_iter();
    rows.map(|(kind, version, body)| (kind, version, body.0))
        .collect()
}

async fn unpublished(db: &Db) -> i64 {
    let (count,): (i64,) = sql("select count(*) from outbox where published_us is null")
        .fetch_one(db)
        .await
        .unwrap();
    count
}

/// Appends events of the versions given, in one transaction.
async fn append(world: &World, record: Uuid, versions: std::ops::RangeInclusive<i64>) {
    world
        .user_db
        .write(move |tx| {
            let versions = versions.clone();
            Box::pin(async move {
                let now_us = tx.now_us().await?;
                let events = versions
                    .map(|version| NewEvent::new("test.counted", record, version, &version))
                    .collect::<Result<Vec<_>, _>>()?;
                outbox::append(tx, now_us, &events).await?;
                Ok::<_, DbError>(())
            })
        })
        .await
        .unwrap();
}

both_engines!(every_change_is_one_event_with_the_record, |world| {
    async move {
        let sam = world.person("sam", Role::Sales).await;
        let department = NewDepartment {
            id: None,
            name: "Field".to_owned(),
        };
        let department = world
            .users
            .create_department(&admin(), department)
            .await
            .unwrap();
        let told = written(&world.user_db).await;
        assert_eq!(told.len(), 2);
        assert_eq!((told[0].0.as_str(), told[0].1), ("user.changed", 1));
        assert_eq!(told[0].2, serde_json::to_value(&sam).unwrap());
        assert!(!told[0].2.to_string().contains("argon2"));
        assert_eq!(told[1].0, "department.changed");
        assert_eq!(told[1].2["id"], department.id.to_string());

        let new = NewCategory {
            id: None,
            name: "Travel".to_owned(),
            levels: 1,
            active: true,
        };
        let made = world.catalog.create_category(&admin(), new).await.unwrap();
        let update = CategoryUpdate {
            name: "Trips".to_owned(),
            levels: 1,
            active: true,
        };
        for _ in 0..2 {
            let update = update.clone();
            let updated = world
                .catalog
                .update_category(&admin(), made.id, update, None)
                .await;
            assert_eq!(updated.unwrap().version, 2);
        }
        let told = written(&world.catalog_db).await;
        assert_eq!(told.len(), 2, "what changes nothing tells nothing");
        assert_eq!((told[1].0.as_str(), told[1].1), ("category.changed", 2));
        assert_eq!(told[1].2["name"], "Trips");
    }
});

both_engines!(a_refused_change_tells_nothing, |world| async move {
    world.person("sam", Role::Sales).await;
    let again = crate::world::new_user("sam", Role::Sales);
    assert!(world.users.create(&admin(), again).await.is_err());
    assert_eq!(written(&world.user_db).await.len(), 1);
});

both_engines!(any_number_of_events_is_one_statement, |world| async move {
    for count in [1, 500] {
        let before = world.user_db.statements();
        append(
            &world,
            Uuid::from_u128(count.try_into().unwrap()),
            1..=count,
        )
        .await;
        let clock = u64::from(!world.user_db.is_sqlite());
        assert_eq!(world.user_db.statements() - before, 1 + clock);
    }
    let versions: Vec<i64> = written(&world.user_db).await.iter().map(|e| e.1).collect();
    let expected: Vec<i64> = std::iter::once(1).chain(1..=500).collect();
    assert_eq!(versions, expected);
});

both_engines!(events_arrive_in_order_though_the_bus_fails, |world| {
    async move {
        let record = Uuid::from_u128(1);
        let bus = Heard::failing(3);
        append(&world, record, 1..=700).await;
        world.relay_to(bus.clone());
        append(&world, record, 701..=1_200).await;
        eventually("published", || async {
            unpublished(&world.user_db).await == 0
        })
        .await;
        let expected: Vec<i64> = (1..=1_200).collect();
        assert_eq!(bus.versions(), expected);
        let events = bus.events.lock().unwrap();
        assert!(events.iter().all(|event| event.key == record));
        assert_eq!(events[0].topic.name(), "athena.user.v1");
        assert_eq!(events[41].decode::<i64>().unwrap(), 42);
        assert!(events[0].time_us > 1_700_000_000_000_000);
    }
});

both_engines!(
    what_waits_at_the_end_is_published_at_the_next_start,
    |world| {
        async move {
            let record = Uuid::from_u128(1);
            let away = Heard::failing(usize::MAX);
            let first_run = world.relay_to(away.clone());
            append(&world, record, 1..=3).await;
            eventually("tried", || async {
                away.failures.load(Ordering::SeqCst) < usize::MAX
            })
            .await;
            first_run.end().await;
            let back = Heard::failing(0);
            world.relay_to(back.clone());
            eventually("published", || async {
                unpublished(&world.user_db).await == 0
            })
            .await;
            assert_eq!(back.versions(), [1, 2, 3]);
        }
    }
);

both_engines!(
    a_commit_that_comes_late_is_not_skipped,
    |world| async move {
        let bus = Heard::failing(0);
        world.relay_to(bus.clone());
        if world.user_db.is_sqlite() {
            // One writer: what commits late has a later number too.
            append(&world, Uuid::from_u128(1), 1..=1).await;
            append(&world, Uuid::from_u128(1), 2..=2).await;
        } else {
            let (early, later) = tokio::sync::oneshot::channel::<()>();
            let later = Arc::new(Mutex::new(Some(later)));
            let late = world.user_db.write(move |tx| {
                let later = later.lock().unwrap().take();
                Box::pin(async move {
                    let event = NewEvent::new("test.counted", Uuid::from_u128(1), 1, &1)?;
                    outbox::append(tx, 0, &[event]).await?;
                    if let Some(later) = later {
                        later.await.ok();
                    }
                    Ok::<_, DbError>(())
                })
            });
            let meanwhile = async {
                append(&world, Uuid::from_u128(2), 2..=2).await;
                eventually("the early one", || async { bus.versions() == [2] }).await;
                early.send(()).unwrap();
            };
            let (late, ()) = tokio::join!(late, meanwhile);
            late.unwrap();
        }
        eventually("both", || async { bus.versions().len() == 2 }).await;
        eventually("marked", || async {
            unpublished(&world.user_db).await == 0
        })
        .await;
    }
);

both_engines!(
    what_commits_behind_a_batch_comes_before_what_follows_it,
    |world| async move {
        if world.user_db.is_sqlite() {
            return; // one writer: nothing commits behind a later number
        }
        let bus = Arc::new(Stepwise {
            heard: Heard::failing(0),
            asked: Semaphore::new(0),
            steps: Semaphore::new(0),
        });
        let (slow, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (open, opened) = tokio::sync::oneshot::channel::<()>();
        let (commit, committing) = tokio::sync::oneshot::channel::<()>();
        let once = Arc::new(Mutex::new(Some((open, committing))));
        let first_of_slow = world.user_db.write(move |tx| {
            let once = once.lock().unwrap().take();
            Box::pin(async move {
                let event = NewEvent::new("test.counted", slow, 11, &11)?;
                outbox::append(tx, 0, &[event]).await?;
                if let Some((open, committing)) = once {
                    open.send(()).unwrap();
                    committing.await.unwrap();
                }
                Ok::<_, DbError>(())
            })
        });
        let meanwhile = async {
            opened.await.unwrap();
            append(&world, other, 1..=2).await;
            world.relay_to(bus.clone());
            bus.asked.acquire().await.unwrap().forget();
            commit.send(()).unwrap();
        };
        let (late, ()) = tokio::join!(first_of_slow, meanwhile);
        late.unwrap();
        // A batch is on its way; a lesser number has been committed, and the next event of its key stands.
        append(&world, slow, 12..=12).await;
        bus.steps.add_permits(10);
        eventually("marked", || async {
            unpublished(&world.user_db).await == 0
        })
        .await;
        assert_eq!(bus.heard.versions(), [1, 2, 11, 12]);
    }
);

both_engines!(a_failure_amid_a_backlog_keeps_its_order, |world| {
    async move {
        let record = Uuid::from_u128(1);
        append(&world, record, 1..=9).await;
        let bus = Arc::new(Stepwise {
            heard: Heard::failing(0),
            asked: Semaphore::new(0),
            steps: Semaphore::new(2),
        });
        world.relay_to(bus.clone());
        bus.asked.acquire_many(3).await.unwrap().forget();
        bus.heard.failures.store(1, Ordering::SeqCst);
        bus.steps.add_permits(10);
        eventually("marked", || async {
            unpublished(&world.user_db).await == 0
        })
        .await;
        let mut versions = bus.heard.versions();
        assert!(versions.windows(2).all(|pair| pair[1] <= pair[0] + 1));
        assert_eq!(versions.last(), Some(&9));
        versions.sort_unstable();
        versions.dedup();
        assert_eq!(versions, (1..=9).collect::<Vec<_>>());
    }
});

both_engines!(of_two_nodes_one_publishes, |world| async move {
    if world.user_db.is_sqlite() {
        return; // one process owns the file
    }
    let (first, second) = (Heard::failing(0), Heard::failing(0));
    let leader = world.relay_to(first.clone());
    append(&world, Uuid::from_u128(1), 1..=1).await;
    eventually("the first", || async { first.versions() == [1] }).await;
    world.relay_to(second.clone());
    append(&world, Uuid::from_u128(1), 2..=2).await;
    eventually("the leader's second", || async {
        first.versions() == [1, 2]
    })
    .await;
    assert!(second.versions().is_empty());
    eventually("marked", || async {
        unpublished(&world.user_db).await == 0
    })
    .await;
    leader.end().await;
    append(&world, Uuid::from_u128(1), 3..=3).await;
    eventually("the successor's", || async { second.versions() == [3] }).await;
    assert_eq!(first.versions(), [1, 2]);
});

both_engines!(a_projection_follows_within_milliseconds, |world| {
    async move {
        world.relay();
        let sam = world.person("sam", Role::Sales).await;
        let mut lags = Vec::new();
        for n in 0_u32..40 {
            let renamed = UserUpdate {
                name: format!("Sam {n}"),
                ..as_is(&sam)
            };
            world
                .users
                .update(&admin(), sam.id, renamed, None)
                .await
                .unwrap();
            let committed = tokio::time::Instant::now();
            let seen = || async {
                let (version,): (i64,) =
                    sql("select coalesce(max(version), 0) from person where id = $1")
                        .bind(sam.id)
                        .fetch_one(&world.catalog_db)
                        .await
                        .unwrap();
                version == i64::from(n) + 2
            };
            while !seen().await {
                tokio::task::yield_now().await;
            }
            lags.push(committed.elapsed());
        }
        lags.sort();
        // The quickest quarter: a busy machine is no defect, being polled would be.
        assert!(lags[10] < Duration::from_millis(20), "{lags:?}");
    }
});
