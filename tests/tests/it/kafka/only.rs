//! A process that runs some of the services: the others hear by Kafka, in the process that runs them.

use domain_services::db::{Db, sql};
use sync_server::config::{Config, Service};
use tests::{Engine, PATIENCE, Server, Setup};
use tokio::time::{Duration, Instant};

/// Audit and notification are another process's.
fn without_those_who_only_listen(config: &mut Config) {
    let listen = [Service::Audit, Service::Notification];
    let services = Service::ALL.into_iter();
    config.only = services.filter(|one| !listen.contains(one)).collect();
}

async fn count(db: &Db, query: &'static str) -> i64 {
    let (count,): (i64,) = sql(query).fetch_one(db).await.unwrap();
    count
}

const HEARD: &str = "select cast(coalesce(sum(next_offset), 0) as bigint) from bus_position";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_run_here_is_heard_where_it_runs() {
    let setup = Setup::default().over_kafka();
    let over = setup.over.clone();
    let setup = Setup {
        adjust: Some(without_those_who_only_listen),
        ..setup
    };
    let server = Server::start_new(Engine::Postgres, setup).await;
    let databases = server.services().databases.clone();
    let mut sales = server.sales_phone().await;
    let mut l1a = server.phone_of("l1a").await;
    for _ in 0..3 {
        let request = sales.submitted("Travel").await;
        l1a.wait_for(request.approval(1)).await;
        let yes = l1a.approve(request.approval(1));
        l1a.sync_votes([yes]).await;
        sales.wait_status(request.id, "approved").await;
    }
    // Three times there and back, and nobody has listened for the others.
    for db in [&databases.audit, &databases.notification] {
        assert_eq!(count(db, HEARD).await, 0);
        assert_eq!(count(db, "select count(*) from inbox").await, 0);
    }
    let other = server
        .beside_as(Setup {
            over,
            ..Setup::default()
        })
        .await;
    let begun = Instant::now();
    loop {
        let told = "select count(*) from notification where template = 'level_opened'";
        let told = count(&databases.notification, told).await;
        let mut events = 0;
        for (service, db) in databases.named() {
            if service != "audit" {
                events += count(db, "select count(distinct id) from outbox").await;
            }
        }
        let leaves = count(&databases.audit, "select count(*) from leaf").await;
        if told >= 6 && leaves == events {
            break;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{told} messages, {leaves} leaves of {events} events"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    other.leave().await;
    server.stop().await;
}
