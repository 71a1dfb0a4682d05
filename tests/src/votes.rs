//! An approver's phone: votes, and its own place in the feed of approvals.

use crate::office::Submitted;
use crate::phone::{Phone, Since};
use crate::reply::{Page, Reply};
use crate::{LOOK_AGAIN, PATIENCE};
use serde_json::{Value, json};
use sync_core::hlc::Stamp;
use tokio::time::Instant;
use uuid::Uuid;

impl Phone {
    /// Says yes to what this phone shows.
    pub fn approve(&mut self, approval: Uuid) -> Value {
        self.vote("approve", approval)
    }

    /// Says no to what this phone shows.
    pub fn reject(&mut self, approval: Uuid) -> Value {
        self.vote("reject", approval)
    }

    /// Takes the vote back.
    pub fn rollback(&mut self, approval: Uuid) -> Value {
        self.vote("rollback", approval)
    }

    /// A vote on an approval that this phone has pulled.
    #[track_caller]
    pub fn vote(&mut self, kind: &str, approval: Uuid) -> Value {
        let revision = self
            .approvals
            .get(&approval)
            .unwrap_or_else(|| panic!("this phone shows no approval {approval}"))["revision"]
            .clone();
        let stamp = self.stamp();
        self.vote_at(kind, approval, &revision, stamp)
    }

    /// A vote with a revision and a stamp of the test's choice.
    pub fn vote_at(&mut self, kind: &str, approval: Uuid, revision: &Value, stamp: Stamp) -> Value {
        json!({
            "opId": self.new_id(), "type": kind, "id": approval, "revision": revision,
            "hlc": stamp.to_string(),
        })
    }

    /// The envelope around these votes.
    #[must_use]
    pub fn votes_envelope(&self, votes: &[Value]) -> Value {
        let mut body = self.envelope(votes);
        if let Some(body) = body.as_object_mut() {
            body.remove("lastSync");
        }
        match &self.approvals_since {
            Since::Absent => {}
            Since::Beginning => body["lastSync"] = Value::Null,
            Since::After(last) => body["lastSync"] = json!(last),
        }
        body
    }

    /// Pushes votes, and takes in what the answer says; fails unless it is a 200 with a verdict an item.
    pub async fn sync_votes(&mut self, votes: impl IntoIterator<Item = Value> + Send) -> Reply {
        let votes: Vec<Value> = votes.into_iter().collect();
        let reply = self.try_sync_votes(&votes).await.expect("an answer").ok();
        assert_eq!(reply.results().len(), votes.len(), "one result an item");
        for (result, item) in reply.results().iter().zip(&votes) {
            assert_eq!(
                result["opId"], item["opId"],
                "results are in the order of the items"
            );
        }
        reply
    }

    /// Pushes votes to a server that may refuse the body or be gone; takes in a 200.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn try_sync_votes(&mut self, votes: &[Value]) -> reqwest::Result<Reply> {
        let body = self.votes_envelope(votes);
        let reply = self.actor.try_post("/api/v1/approvals/sync", &body).await?;
        if reply.status == 200 {
            self.hear_approvals(&reply);
        }
        Ok(reply)
    }

    /// One page of what changed in the approvals since this phone's place; takes it in.
    pub async fn approvals_page(&mut self, limit: usize) -> Reply {
        let mut path = format!("/api/v1/approvals/updates?limit={limit}");
        if let Since::After(last) = &self.approvals_since {
            path = format!("{path}&lastSync={last}");
        }
        let reply = self.actor.get(&path).await.ok();
        self.hear_approvals(&reply);
        reply
    }

    /// Pulls approvals to the end; takes them in.
    pub async fn pull_approvals(&mut self) -> Page {
        self.pull_approvals_by(500).await
    }

    /// Pulls approvals to the end in pages of at most `limit`.
    pub async fn pull_approvals_by(&mut self, limit: usize) -> Page {
        let mut all = Page::default();
        loop {
            let before = self.approvals_since.clone();
            let reply = self.approvals_page(limit).await;
            assert!(reply.changes().len() <= limit, "a page over its limit");
            all.changes.extend_from_slice(reply.changes());
            if reply.body["hasMore"] == false {
                return all;
            }
            assert_ne!(
                self.approvals_since, before,
                "hasMore, but lastSync stands still"
            );
        }
    }

    /// Every approval the server shows this user, by a phone that knows nothing.
    pub async fn all_approvals(&self) -> Page {
        self.sibling().pull_approvals().await
    }

    /// Pulls until the approval is there and fits; fails when it never does.
    pub async fn wait_approval(
        &mut self,
        approval: Uuid,
        fits: impl Fn(&Value) -> bool + Send,
    ) -> Value {
        let start = Instant::now();
        loop {
            self.pull_approvals().await;
            let record = self.approvals.get(&approval);
            if let Some(record) = record.filter(|record| fits(record)) {
                return record.clone();
            }
            assert!(start.elapsed() < PATIENCE, "in vain: {record:?}");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Pulls until the approval is on this phone.
    pub async fn wait_for(&mut self, approval: Uuid) -> Value {
        self.wait_approval(approval, |_| true).await
    }

    /// Pulls until this level of all these requests is on this phone.
    pub async fn wait_for_all(&mut self, requests: &[Submitted], level: u8) {
        for request in requests {
            if !self.approvals.contains_key(&request.approval(level)) {
                self.wait_for(request.approval(level)).await;
            }
        }
    }

    /// Looks at an own request until it fits; fails when it never does.
    pub async fn wait_request(&self, id: Uuid, fits: impl Fn(&Value) -> bool + Send) -> Value {
        let start = Instant::now();
        loop {
            let record = self.look(id).await.ok().body;
            if fits(&record) {
                return record;
            }
            assert!(start.elapsed() < PATIENCE, "in vain: {record}");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Looks at an own request until it has this status.
    pub async fn wait_status(&self, id: Uuid, status: &str) -> Value {
        self.wait_request(id, |record| record["status"] == status)
            .await
    }

    /// POST of `approve`, `reject` or `rollback` by hand.
    pub async fn act(&self, kind: &str, approval: Uuid, body: &Value) -> Reply {
        let path = format!("/api/v1/approvals/{approval}/{kind}");
        self.actor.post(&path, body).await
    }

    fn hear_approvals(&mut self, reply: &Reply) {
        self.hear_clock(reply);
        let id_of = |value: &Value| -> Uuid {
            let text = value.as_str().expect("an id");
            text.parse().expect("an id")
        };
        let empty = Vec::new();
        for result in reply.body["results"].as_array().unwrap_or(&empty) {
            let record = &result["record"];
            if record.is_object() {
                self.approvals.insert(id_of(&record["id"]), record.clone());
            }
        }
        for change in reply.changes() {
            if change["kind"] == "remove" {
                self.approvals.remove(&id_of(&change["id"]));
            } else {
                let record = &change["record"];
                self.approvals.insert(id_of(&record["id"]), record.clone());
            }
        }
        if let Some(last) = reply.body["lastSync"].as_str() {
            self.approvals_since = Since::After(last.to_owned());
        }
    }
}
