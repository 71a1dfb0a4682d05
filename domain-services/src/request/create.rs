//! `POST /requests`: a request created and submitted at once.

use super::model::Head;
use super::rules::{self, CommandRow, Decision, HistoryRow, Refused, Snapshot};
use super::service::{RequestError, RequestService};
use super::store::{self, Named, Written};
use crate::db::{DbError, On, Tx};
use crate::identity::Identity;
use crate::invalid::Invalid;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use sync_core::field::Field;
use sync_core::hlc::{Clock, Stamp};
use sync_core::record::Edit;
use sync_core::value::Value;
use sync_core::verdict::Code;
use uuid::Uuid;

/// The namespace of operations and ids that come from an `Idempotency-Key` or a request's id.
const CREATED: Uuid = Uuid::from_u128(0x8b0a_3a58_55d3_4f0e_a1a4_0b1f_9a7c_2f6d);

/// A request to create and submit.
#[derive(Debug, Clone)]
pub struct NewRequest {
    /// Its id; without one, it follows from the key.
    pub id: Option<Uuid>,
    /// The `Idempotency-Key` header: 1 to 255 characters.
    pub key: Option<String>,
    /// The content fields, by their wire names.
    pub fields: serde_json::Map<String, serde_json::Value>,
}

/// What creating came to.
#[derive(Debug)]
pub struct Created {
    /// Its id.
    pub id: Uuid,
    /// The record.
    pub record: super::reads::RequestRecord,
    /// False where it had been created before, by the same id or key with the same content.
    pub is_new: bool,
}

#[derive(Clone)]
struct Job {
    user: Uuid,
    id: Uuid,
    op_id: Uuid,
    fields: Arc<serde_json::Map<String, serde_json::Value>>,
    traceparent: Option<Arc<str>>,
}

enum Outcome {
    New(Uuid),
    Known(Uuid),
    Refused(Code, String),
}

impl RequestService {
    /// Creates and submits a request, or finds the one that the same call made before.
    ///
    /// # Errors
    /// [`RequestError::Invalid`] for bad fields, [`RequestError::Rule`] with the code of the rule that
    /// refused it (`op_id_reused` for other content under a known id or key),
    /// [`RequestError::NotFound`] for the id of another's request; the database's.
    pub async fn create(
        &self,
        who: &Identity,
        new: NewRequest,
        traceparent: Option<&str>,
    ) -> Result<Created, RequestError> {
        let job = identify(who.user_id, new, traceparent)?;
        content(&job, Stamp::ZERO)?;
        let service = self.clone();
        let mut tries = 0;
        let outcome = loop {
            tries += 1;
            let service = service.clone();
            let job = job.clone();
            let created = self
                .db
                .write(move |tx| {
                    let service = service.clone();
                    let job = job.clone();
                    Box::pin(async move { service.create_under_lock(&job, tx).await })
                })
                .await;
            match created {
                Err(RequestError::Db(DbError::Unique { .. } | DbError::NotNull(_)))
                    if tries < 3 => {}
                other => break other?,
            }
        };
        let (id, is_new) = match outcome {
            Outcome::New(id) => (id, true),
            Outcome::Known(id) => (id, false),
            Outcome::Refused(code, detail) => {
                self.wake.ring();
                return Err(match code {
                    Code::NotFound => RequestError::NotFound,
                    code => RequestError::Rule { code, detail },
                });
            }
        };
        if is_new {
            self.committed(who.user_id);
        }
        let record = self.find(who, id).await?;
        Ok(Created { id, record, is_new })
    }

    /// A refusal is told, so it commits.
    async fn create_under_lock(&self, job: &Job, tx: &mut Tx) -> Result<Outcome, RequestError> {
        store::lock_head(tx, job.user).await?;
        let named = named(job);
        let (snapshot, now_us) = store::read(On::Tx(tx), job.user, &named).await?;
        let head = snapshot.head.unwrap_or(Head { at_us: 0, clock: 0 });
        let mut clock = Clock::resume(self.node, head.clock);
        let hlc = clock.tick(u64::try_from(now_us / 1_000).unwrap_or(0));
        let edit = content(job, hlc)?;
        let mut decision = Decision {
            items: Vec::new(),
            history: Vec::new(),
            records: HashMap::new(),
            changed: Vec::new(),
            commands: Vec::new(),
            events: Vec::new(),
            head_before: snapshot.head,
            head_after: Head {
                at_us: head.at_us,
                clock: clock.last(),
            },
            hlc,
            actor: job.user,
            now_us,
        };
        let outcome = match self.judge_new(job, &snapshot, &edit, &mut decision) {
            Ok(known @ Outcome::Known(_)) => return Ok(known),
            Ok(outcome) => outcome,
            Err((code, detail)) => {
                let refusal = Refused {
                    id: Some(job.id),
                    op_id: Some(&job.op_id.to_string()),
                    command: Some("create"),
                    code,
                    detail: &detail,
                };
                let context = self.context(job.user, now_us);
                decision.events.push(rules::refused(&context, &refusal));
                Outcome::Refused(code, detail)
            }
        };
        let traceparent = job.traceparent.as_deref();
        match store::write(On::Tx(tx), job.user, &decision, traceparent).await? {
            Written::Won => Ok(outcome),
            Written::Lost => Err(DbError::Collision("a locked head moved".to_owned()).into()),
        }
    }

    /// Adds what a new request writes to the decision, unless it is known or a rule refuses it.
    fn judge_new(
        &self,
        job: &Job,
        snapshot: &Snapshot,
        edit: &Edit,
        decision: &mut Decision,
    ) -> Result<Outcome, (Code, String)> {
        let digest = rules::digest_of_content(job.id, edit);
        if let Some(logged) = snapshot.logged.get(&job.op_id) {
            return if logged.digest == digest {
                Ok(Outcome::Known(logged.request_id))
            } else {
                Err(reused())
            };
        }
        match snapshot.records.get(&job.id) {
            Some(taken) if taken.owner_id != job.user => {
                return Err((Code::NotFound, "there is no such request".to_owned()));
            }
            Some(_) => return Err(reused()),
            None => {}
        }
        let at_us = decision.now_us.max(decision.head_after.at_us + 1);
        let context = self.context(job.user, decision.now_us);
        let (stored, event) = rules::create(&context, &snapshot.catalog, job.id, edit, at_us)?;
        decision.history.push(HistoryRow {
            request_id: job.id,
            op_id: job.op_id,
            event: "submitted",
            code: "",
            position: 0,
            detail: json!({ "revision": stored.revision }),
        });
        decision.records.insert(job.id, stored);
        decision.changed.push((job.id, None));
        decision.commands.push(CommandRow {
            op_id: job.op_id,
            request_id: job.id,
            kind: "create",
            digest,
            refusal: None,
        });
        decision.events.push(event);
        decision.head_after.at_us = at_us;
        Ok(Outcome::New(job.id))
    }
}

fn reused() -> (Code, String) {
    (
        Code::OpIdReused,
        "this id or key was used before, with other content".to_owned(),
    )
}

fn identify(user: Uuid, new: NewRequest, traceparent: Option<&str>) -> Result<Job, RequestError> {
    let named =
        |what: &str, name: &str| Uuid::new_v5(&CREATED, format!("{what}/{user}/{name}").as_bytes());
    let (id, op_id) = match (new.id, new.key.as_deref()) {
        (_, Some(key)) if key.is_empty() || key.chars().count() > 255 => {
            return Err(RequestError::Invalid(vec![Invalid::new(
                "/header/idempotency-key",
                "has 1 to 255 characters",
            )]));
        }
        (Some(id), Some(key)) => (id, named("key", key)),
        (None, Some(key)) => (named("request", key), named("key", key)),
        (Some(id), None) => (id, named("id", &id.to_string())),
        (None, None) => {
            return Err(RequestError::Invalid(vec![Invalid::new(
                "/id",
                "an id or the header Idempotency-Key is required",
            )]));
        }
    };
    Ok(Job {
        user,
        id,
        op_id,
        fields: Arc::new(new.fields),
        traceparent: traceparent.map(Into::into),
    })
}

fn content(job: &Job, stamp: Stamp) -> Result<Edit, RequestError> {
    sync_core::wire::content_edit(stamp, &job.fields).map_err(|errors| {
        RequestError::Invalid(
            errors
                .into_iter()
                .map(|(pointer, detail)| Invalid::new(&pointer, detail))
                .collect(),
        )
    })
}

fn named(job: &Job) -> Named {
    let mut named = Named {
        records: vec![job.id],
        operations: vec![job.op_id],
        submits: true,
        ..Named::default()
    };
    if let Ok(edit) = content(job, Stamp::ZERO) {
        for (field, value) in edit.writes {
            match (field, value) {
                (Field::CategoryId, Some(Value::Id(id))) => named.categories.push(id),
                (Field::ReasonId, Some(Value::Id(id))) => named.reasons.push(id),
                _ => {}
            }
        }
    }
    named
}
