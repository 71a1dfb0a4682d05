//! The people and categories of a story, and requests on their way through the levels.

use crate::phone::Phone;
use crate::server::{PASSWORD, Server};
use crate::{LOOK_AGAIN, PATIENCE};
use domain_services::db::{DbError, sql};
use domain_services::events::{self, User};
use domain_services::outbox::{self, NewEvent};
use serde_json::{Value, json};
use sqlx::types::Json;
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

    /// Ends somebody's time as an approver or brings it back, as the user service would tell it.
    pub async fn change_person(&self, person: Uuid, roles: &[&str], active: bool) {
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        let written: Result<(), DbError> = self
            .services()
            .databases
            .user
            .write(move |tx| {
                let roles = roles.clone();
                Box::pin(async move {
                    let now_us = tx.now_us().await?;
                    let user: User = sql(
                        "update account set roles = $2, active = $3, version = version + 1, updated_us = $4
                         where id = $1
                         returning id, email, name, roles, department_id, region, locale, active, version",
                    )
                    .bind(person)
                    .bind(Json(roles))
                    .bind(active)
                    .bind(now_us)
                    .fetch_one(&mut *tx)
                    .await?;
                    let kind = if active {
                        events::USER_CHANGED
                    } else {
                        events::USER_DEACTIVATED
                    };
                    let event = NewEvent::new(kind, person, user.version, &user)?;
                    outbox::append(tx, now_us, &[event]).await
                })
            })
            .await;
        written.expect("changing a person");
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
