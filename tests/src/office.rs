//! The people and categories of a story, and requests on their way through the levels.

use crate::phone::Phone;
use crate::server::{PASSWORD, Server};
use crate::{LOOK_AGAIN, PATIENCE};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use sync_core::canonical::{Revision, approval_id};
use tokio::time::Instant;
use uuid::Uuid;

/// A request that was submitted.
#[derive(Debug, Clone, Copy)]
pub struct Submitted {
    /// Its id.
    pub id: Uuid,
    /// The digest of what was sealed.
    pub revision: Revision,
}

impl Submitted {
    /// The approval of one of its levels, as a phone computes it.
    #[must_use]
    pub fn approval(&self, level: u8) -> Uuid {
        approval_id(self.id, &self.revision, level)
    }
}

impl Server {
    /// A phone of somebody of the demo organisation: `l1a`, `sales1`, ….
    pub async fn phone_of(&self, name: &str) -> Phone {
        let email = format!("{name}@demo.athena");
        Phone::of(self.sign_in(&email, PASSWORD).await)
    }

    /// A new person with these roles, and a phone.
    pub async fn phone_with(&self, roles: &[&str]) -> Phone {
        let number = self.users.fetch_add(1, Ordering::Relaxed);
        let email = format!("phone{number}@demo.athena");
        let body = json!({"email": email, "name": format!("Person {number}"), "roles": roles, "password": PASSWORD});
        let made = self.admin().await.post("/api/v1/users", &body).await;
        assert_eq!(made.status, 201, "creating a user: {}", made.body);
        Phone::of(self.sign_in(&email, PASSWORD).await)
    }

    /// A new category with these approvers and quorums, level by level.
    pub async fn category(&self, levels: &[(&[&Phone], u8)]) -> String {
        let admin = self.admin().await;
        let number = self.users.fetch_add(1, Ordering::Relaxed);
        let name = format!("Category {number}");
        let body = json!({"name": name, "levels": levels.len()});
        let made = admin.post("/api/v1/categories", &body).await;
        assert_eq!(made.status, 201, "creating a category: {}", made.body);
        for (number, (people, quorum)) in (1..).zip(levels) {
            let people: Vec<Uuid> = people.iter().map(|phone| phone.actor.user_id).collect();
            let body = json!({
                "categoryId": made.body["id"], "level": number, "approverIds": people, "quorum": quorum,
            });
            let made = admin.post("/api/v1/assignments", &body).await;
            assert!([200, 201].contains(&made.status), "{}", made.body);
        }
        name
    }

    /// Gives somebody other roles; the access token lives for a while.
    pub async fn change_roles(&self, person: Uuid, roles: &[&str]) {
        let admin = self.admin().await;
        let path = format!("/api/v1/users/{person}");
        let mut body = admin.get(&path).await.ok().body;
        body["roles"] = json!(roles);
        let json = [("content-type", "application/json")];
        let bytes = body.to_string().into_bytes();
        let put = admin.send(Method::PUT, &path, &json, bytes).await;
        put.expect("an answer").ok();
    }

    /// Somebody leaves: no token of theirs is good any more.
    pub async fn deactivate(&self, person: Uuid) {
        let admin = self.admin().await;
        let path = format!("/api/v1/users/{person}");
        let sent = admin.send(Method::DELETE, &path, &[], Vec::new()).await;
        assert_eq!(sent.expect("an answer").status, 204);
    }
}

impl Phone {
    /// Submits a new request in this category.
    pub async fn submitted(&mut self, category: &str) -> Submitted {
        self.submitted_many(category, 1).await[0]
    }

    /// Submits new requests in this category, all at once.
    pub async fn submitted_many(&mut self, category: &str, count: usize) -> Vec<Submitted> {
        let fields = self.actor.complete_in(category).await;
        let ids: Vec<Uuid> = (0..count).map(|_| self.new_id()).collect();
        let mut submitted = Vec::new();
        for part in ids.chunks(200) {
            let mut drafts: Vec<Value> = Vec::new();
            let mut submits: Vec<Value> = Vec::new();
            for id in part {
                drafts.push(self.upsert(*id, fields.clone()));
                submits.push(self.submit(*id));
            }
            self.sync(drafts).await;
            let start = Instant::now();
            // The catalogue's events may be on the way.
            let reply = loop {
                let reply = self.sync(submits.clone()).await;
                let taken = |verdict: &String| verdict == "applied" || verdict == "duplicate";
                if reply.verdicts().iter().all(taken) {
                    break reply;
                }
                assert!(start.elapsed() < PATIENCE, "{:?}", reply.verdicts());
                tokio::time::sleep(LOOK_AGAIN).await;
            };
            submitted.extend(reply.results().iter().map(|result| {
                let text = |value: &Value| value.as_str().expect("a string").to_owned();
                Submitted {
                    id: text(&result["id"]).parse().expect("an id"),
                    revision: text(&result["record"]["revision"])
                        .parse()
                        .expect("a revision"),
                }
            }));
        }
        submitted
    }
}
