//! A phone: a user's device with a clock, a place in the feed and a local store, as `wire.md` tells its
//! developer to build it.

use crate::actor::Actor;
use crate::reply::{Page, Reply};
use crate::wall_ms;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use sync_core::hlc::{Clock, NodeId, Stamp};
use uuid::Uuid;

/// What a push says as `lastSync`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// Nothing: no pull.
    Absent,
    /// Null: from the beginning.
    Beginning,
    /// What an answer said.
    After(String),
}

/// A phone.
#[derive(Debug)]
pub struct Phone {
    /// Its user.
    pub actor: Actor,
    /// Its clock of stamps.
    pub clock: Clock,
    /// How far its wall clock is wrong, in milliseconds.
    pub offset_ms: i64,
    /// Its place in the feed.
    pub since: Since,
    /// Its records by id, as the server last told.
    pub store: BTreeMap<Uuid, Value>,
    /// Its place in the feed of approvals.
    pub approvals_since: Since,
    /// Its approvals by id, as the server last told.
    pub approvals: BTreeMap<Uuid, Value>,
    /// The id of its installation.
    pub device_id: Uuid,
    random: StdRng,
}

static PHONES: AtomicU64 = AtomicU64::new(1);

impl Phone {
    /// A new phone of this user: empty, its clock right.
    #[must_use]
    pub fn of(actor: Actor) -> Self {
        // Ids must differ between test runs on one database too.
        let seed = wall_ms() ^ (PHONES.fetch_add(1, Ordering::Relaxed) << 48);
        Self::seeded(actor, seed)
    }

    /// A new phone whose ids follow from `seed`.
    #[must_use]
    pub fn seeded(actor: Actor, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let clock = Clock::new(NodeId::new(random.next_u64()));
        let device_id = random_id(&mut random);
        Self {
            actor,
            clock,
            offset_ms: 0,
            since: Since::Absent,
            store: BTreeMap::new(),
            approvals_since: Since::Absent,
            approvals: BTreeMap::new(),
            device_id,
            random,
        }
    }

    /// Another phone of the same user.
    #[must_use]
    pub fn sibling(&self) -> Self {
        Self::of(self.actor.clone())
    }

    /// A new `UUIDv7`.
    pub fn new_id(&mut self) -> Uuid {
        random_id(&mut self.random)
    }

    /// The next stamp.
    pub fn stamp(&mut self) -> Stamp {
        let wall = wall_ms().saturating_add_signed(self.offset_ms);
        self.clock.tick(wall)
    }

    /// An edit of these fields.
    pub fn upsert(&mut self, id: Uuid, fields: Value) -> Value {
        let stamp = self.stamp();
        self.upsert_at(id, stamp, fields)
    }

    /// An edit with a stamp of the test's choice.
    pub fn upsert_at(&mut self, id: Uuid, stamp: Stamp, fields: Value) -> Value {
        json!({"opId": self.new_id(), "type": "upsert", "id": id, "hlc": stamp.to_string(), "fields": fields})
    }

    /// A submit of what the server has.
    pub fn submit(&mut self, id: Uuid) -> Value {
        self.command("submit", id)
    }

    /// A submit of what this phone's user saw.
    pub fn submit_seen(&mut self, id: Uuid, seen: Value) -> Value {
        let mut item = self.command("submit", id);
        item["seen"] = seen;
        item
    }

    /// A withdrawal.
    pub fn withdraw(&mut self, id: Uuid) -> Value {
        self.command("withdraw", id)
    }

    /// A delete.
    pub fn delete(&mut self, id: Uuid) -> Value {
        self.command("delete", id)
    }

    fn command(&mut self, kind: &str, id: Uuid) -> Value {
        let stamp = self.stamp();
        json!({"opId": self.new_id(), "type": kind, "id": id, "hlc": stamp.to_string()})
    }

    /// The envelope around these changes.
    #[must_use]
    pub fn envelope(&self, changes: &[Value]) -> Value {
        let mut body = json!({
            "deviceId": self.device_id, "userId": self.actor.user_id, "changes": changes,
        });
        match &self.since {
            Since::Absent => {}
            Since::Beginning => body["lastSync"] = Value::Null,
            Since::After(last) => body["lastSync"] = json!(last),
        }
        body
    }

    /// Pushes, and takes in what the answer says; fails unless it is a 200 with a verdict an item.
    #[track_caller]
    pub fn sync(
        &mut self,
        changes: impl IntoIterator<Item = Value>,
    ) -> impl Future<Output = Reply> + Send + '_ {
        let changes: Vec<Value> = changes.into_iter().collect();
        async move {
            let reply = self.try_sync(&changes).await.expect("an answer").ok();
            assert_eq!(reply.results().len(), changes.len(), "one result an item");
            for (result, item) in reply.results().iter().zip(&changes) {
                assert_eq!(
                    result["opId"], item["opId"],
                    "results are in the order of the items"
                );
            }
            reply
        }
    }

    /// Pushes to a server that may refuse the body or be gone; takes in a 200.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn try_sync(&mut self, changes: &[Value]) -> reqwest::Result<Reply> {
        let body = self.envelope(changes);
        let reply = self.actor.try_post("/api/v1/requests/sync", &body).await?;
        if reply.status == 200 {
            self.keep_own(changes, &reply);
            self.hear(&reply);
        }
        Ok(reply)
    }

    /// One page of what changed since this phone's place (from the beginning if it has none); takes it in.
    pub async fn page(&mut self, limit: usize) -> Reply {
        let path = match &self.since {
            Since::After(last) => {
                format!("/api/v1/requests/updates?limit={limit}&lastSync={last}")
            }
            Since::Absent | Since::Beginning => format!("/api/v1/requests/updates?limit={limit}"),
        };
        let reply = self.actor.get(&path).await.ok();
        self.hear(&reply);
        reply
    }

    /// Pulls to the end; takes it in.
    pub async fn pull(&mut self) -> Page {
        self.pull_by(500).await
    }

    /// Pulls to the end in pages of at most `limit`.
    pub async fn pull_by(&mut self, limit: usize) -> Page {
        let mut all = Page::default();
        loop {
            let before = self.since.clone();
            let reply = self.page(limit).await;
            assert!(reply.changes().len() <= limit, "a page over its limit");
            all.changes.extend_from_slice(reply.changes());
            if reply.body["hasMore"] == false {
                return all;
            }
            assert_ne!(self.since, before, "hasMore, but lastSync stands still");
        }
    }

    /// Everything the server shows this user, by a phone that knows nothing.
    pub async fn everything(&self) -> Page {
        self.sibling().pull().await
    }

    /// This request as the server shows it.
    pub async fn look(&self, id: Uuid) -> Reply {
        self.actor.get(&format!("/api/v1/requests/{id}")).await
    }

    /// The story of this request: its events in order, each `event` or `event/code`.
    pub async fn story(&self, id: Uuid) -> Vec<Value> {
        let reply = self
            .actor
            .get(&format!("/api/v1/requests/{id}/status"))
            .await
            .ok();
        reply.body["items"].as_array().expect("items").clone()
    }

    /// Takes in an answer: stamps observed, changes stored, the place moved.
    fn hear(&mut self, reply: &Reply) {
        self.hear_clock(reply);
        let results = reply.body["results"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for result in results {
            if result["record"].is_object() {
                self.keep(&result["record"]);
            }
        }
        for change in reply.changes() {
            if change["kind"] == "remove" {
                let id: Uuid = change["id"]
                    .as_str()
                    .expect("an id")
                    .parse()
                    .expect("an id");
                self.store.remove(&id);
            } else {
                self.keep(&change["record"]);
            }
        }
        if let Some(last) = reply.body["lastSync"].as_str() {
            self.since = Since::After(last.to_owned());
        }
    }

    /// Observes the server's stamp.
    pub(crate) fn hear_clock(&mut self, reply: &Reply) {
        let wall = wall_ms().saturating_add_signed(self.offset_ms);
        if let Some(hlc) = reply.body["hlc"].as_str() {
            self.clock.observe(hlc.parse().expect("a stamp"), wall);
        }
    }

    /// What this phone wrote and the server took as sent it is not sent again, so it keeps that itself.
    fn keep_own(&mut self, changes: &[Value], reply: &Reply) {
        for (item, result) in changes.iter().zip(reply.results()) {
            if item["type"] != "upsert" || result["verdict"] != "applied" {
                continue;
            }
            let id: Uuid = item["id"].as_str().expect("an id").parse().expect("an id");
            let owner = self.actor.user_id;
            let record = self.store.entry(id).or_insert_with(|| unwritten(id, owner));
            for (field, value) in item["fields"].as_object().expect("fields") {
                let stamp = item["hlc"].as_str().expect("a stamp");
                // Stamps compare as bytes, and every one is above the empty string.
                if record["stamps"][field].as_str().unwrap_or("") > stamp {
                    continue;
                }
                record["stamps"][field] = json!(stamp);
                if field == "justification" {
                    let text = if value.is_object() {
                        &value["text"]
                    } else {
                        value
                    };
                    record[field] = text.clone();
                    record["justificationHeads"] = json!([stamp]);
                } else {
                    record[field] = value.clone();
                }
            }
            record["updatedAt"] = result["updatedAt"].clone();
        }
    }

    fn keep(&mut self, record: &Value) {
        let id: Uuid = record["id"]
            .as_str()
            .expect("an id")
            .parse()
            .expect("an id");
        if record["deleted"] == true {
            self.store.remove(&id);
        } else {
            self.store.insert(id, record.clone());
        }
    }
}

fn random_id(random: &mut StdRng) -> Uuid {
    let mut bytes = [0; 10];
    random.fill_bytes(&mut bytes);
    uuid::Builder::from_unix_timestamp_millis(wall_ms(), &bytes).into_uuid()
}

/// A draft before anything was written to it.
fn unwritten(id: Uuid, owner: Uuid) -> Value {
    json!({
        "id": id, "ownerId": owner, "title": null, "amount": null, "categoryId": null, "reasonId": null,
        "departmentId": null, "region": null, "neededBy": null, "justification": null,
        "justificationHeads": [], "status": "draft", "final": false, "finalAt": null, "revision": null,
        "stamps": {}, "deleted": false, "createdAt": null, "updatedAt": null, "submittedAt": null,
    })
}
