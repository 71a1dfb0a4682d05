//! What must be true of a server's tables whatever a story told.

use crate::database::Engine;
use crate::server::Server;
use domain_services::db::{Db, sql};
use sqlx::PgConnection;
use uuid::Uuid;

/// How often the `PostgreSQL` of a test found transactions waiting for each other in a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlocks(pub i64);

impl Server {
    /// Approvals are the fold of their logs, no event was given up, and each has its leaf in the audit
    /// log.
    pub(crate) async fn check_books(&self) {
        let rebuilt = self.services().approvals.rebuild().await.expect("the logs");
        assert_eq!(rebuilt.differences, [], "a rebuild finds another state");
        for (service, db) in self.services().databases.named() {
            if service == "user" {
                continue; // it hears nobody
            }
            let given_up: Vec<(String, String)> = sql("select type, reason from dead_letter")
                .fetch_all(db)
                .await
                .expect("the dead letters");
            assert_eq!(given_up, [], "the {service} service gave up events");
        }
        self.data.check_ledger().await;
    }

    /// Events of this kind in a service's outbox that are about this key.
    pub async fn events(&self, db: &Db, kind: &'static str, key: Uuid) -> i64 {
        let (count,): (i64,) = sql("select count(*) from outbox where type = $1 and key = $2")
            .bind(kind.to_owned())
            .bind(key)
            .fetch_one(db)
            .await
            .expect("the outbox");
        count
    }

    /// The ids of all events in a service's outbox.
    pub async fn event_ids(&self, db: &Db) -> Vec<String> {
        let rows: Vec<(Uuid,)> = sql("select id from outbox")
            .fetch_all(db)
            .await
            .expect("the outbox");
        rows.into_iter().map(|(id,)| id.to_string()).collect()
    }

    /// Stops, and tells how often transactions waited for each other in a ring; its data is removed.
    pub async fn stop_and_count_deadlocks(self) -> Deadlocks {
        assert_eq!(self.engine, Engine::Postgres);
        self.check_books().await;
        let url = self.postgres_url();
        let data = self.stop_and_keep().await;
        let mut connection = <PgConnection as sqlx::Connection>::connect(&url)
            .await
            .expect("the database");
        // A connection reports what it saw when it ends at the latest.
        loop {
            let (others,): (i64,) = sqlx::query_as(
                "select count(*) from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid()",
            )
            .fetch_one(&mut connection)
            .await
            .expect("the activity");
            if others == 0 {
                break;
            }
            tokio::time::sleep(crate::LOOK_AGAIN).await;
        }
        let (deadlocks,): (i64,) = sqlx::query_as(
            "select deadlocks from pg_stat_database where datname = current_database()",
        )
        .fetch_one(&mut connection)
        .await
        .expect("the statistics");
        drop(connection);
        data.remove().await;
        Deadlocks(deadlocks)
    }
}
