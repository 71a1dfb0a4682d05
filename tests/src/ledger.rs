//! The audit log held against the outboxes of all services: an event has its leaf, and a leaf its event.

use crate::database::Data;
use crate::{LOOK_AGAIN, PATIENCE};
use domain_services::audit::leaf::Leaf;
use domain_services::audit::tree::{Frontier, leaf_hash};
use sqlx::postgres::PgRow;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, FromRow, PgConnection};
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;
use uuid::Uuid;

/// The services whose events there are.
const TELLERS: [&str; 5] = ["user", "catalog", "request", "approval", "notification"];

impl Data {
    /// Rows of a service's tables, read beside whatever server works on them.
    pub(crate) async fn rows<T>(&self, service: &str, sql: &'static str) -> Vec<T>
    where
        T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        if let Some(url) = self.url() {
            let mut connection = PgConnection::connect(&url).await.expect("the database");
            let path = format!("set search_path = \"{service}\"");
            sqlx::query(AssertSqlSafe(path))
                .execute(&mut connection)
                .await
                .expect("a schema");
            let rows = sqlx::query_as(sql).fetch_all(&mut connection).await;
            connection.close().await.expect("closing it");
            rows.expect(sql)
        } else {
            let file = self.folder.path().join(format!("{service}.db"));
            let mut connection = SqliteConnectOptions::new()
                .filename(file)
                .connect()
                .await
                .expect("the file");
            let rows = sqlx::query_as(sql).fetch_all(&mut connection).await;
            connection.close().await.expect("closing it");
            rows.expect(sql)
        }
    }

    /// Waits until every event has been published.
    async fn published(&self) {
        let start = Instant::now();
        for service in TELLERS {
            loop {
                let waiting: Vec<(i64,)> = self
                    .rows(
                        service,
                        "select count(*) from outbox where published_us is null",
                    )
                    .await;
                if waiting == [(0,)] {
                    break;
                }
                assert!(
                    start.elapsed() < PATIENCE,
                    "{service}: {waiting:?} events wait"
                );
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }

    /// The leaves, once every event has been published.
    pub(crate) async fn leaves(&self) -> Vec<Leaf> {
        self.published().await;
        let rows: Vec<(i64, String, Vec<u8>)> = self
            .rows("audit", "select seq, body, hashes from leaf order by seq")
            .await;
        let mut frontier = Frontier::default();
        let mut leaves = Vec::with_capacity(rows.len());
        for (seq, body, hashes) in rows {
            assert_eq!(
                u64::try_from(seq),
                Ok(frontier.size()),
                "no number is left out"
            );
            let completed = frontier.push(leaf_hash(body.as_bytes()));
            assert_eq!(hashes, completed.concat(), "the hashes of leaf {seq}");
            leaves.push(serde_json::from_str(&body).expect("a leaf"));
        }
        leaves
    }

    /// Events and leaves match one to one, whatever happened. Messages may go out meanwhile: an event that was
    /// published before the leaves are read has one, and a leaf is of an event that there is afterwards.
    pub(crate) async fn check_ledger(&self) {
        self.published().await;
        let published = self
            .told("select id, type, actor_id from outbox where published_us is not null order by seq desc")
            .await;
        let leaves = self.leaves_of(&published).await;
        let mut of_events: BTreeMap<Uuid, &Leaf> = BTreeMap::new();
        for leaf in &leaves {
            let twice = of_events.insert(leaf.event_id, leaf);
            assert!(
                twice.is_none(),
                "an event has two leaves: {twice:?} and {leaf:?}"
            );
        }
        for (id, (kind, _)) in &published {
            assert!(of_events.contains_key(id), "{kind} {id} has no leaf");
        }
        let all = self
            .told("select id, type, actor_id from outbox order by seq desc")
            .await;
        for (id, leaf) in of_events {
            let told = all.get(&id);
            let (kind, actor) = told.unwrap_or_else(|| panic!("a leaf of nothing: {leaf:?}"));
            assert_eq!((&leaf.action, leaf.actor_id), (kind, *actor), "{leaf:?}");
        }
    }

    /// The leaves, once there is one of each of these events: a broker may be on its way with them.
    async fn leaves_of<T>(&self, published: &BTreeMap<Uuid, T>) -> Vec<Leaf> {
        let start = Instant::now();
        loop {
            let leaves = self.leaves().await;
            let heard: BTreeSet<Uuid> = leaves.iter().map(|leaf| leaf.event_id).collect();
            if published.keys().all(|id| heard.contains(id)) || start.elapsed() > PATIENCE {
                return leaves;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Kind and actor of the events of all services, by id. A refusal that is sent again may be told again,
    /// under the same id: the first counts.
    async fn told(&self, events: &'static str) -> BTreeMap<Uuid, (String, Option<Uuid>)> {
        let mut told = BTreeMap::new();
        for service in TELLERS {
            let rows: Vec<(Uuid, String, Option<Uuid>)> = self.rows(service, events).await;
            told.extend(
                rows.into_iter()
                    .map(|(id, kind, actor)| (id, (kind, actor))),
            );
        }
        told
    }
}
