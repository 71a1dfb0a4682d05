//! What the request and user services tell: a request submitted opens a case, a withdrawal closes it,
//! a person who leaves or returns is written into the log of every case whose chain names them.

use super::rules::{Case, Decision, Fact, Pinned, Submitted};
use super::service::ApprovalService;
use super::store::{self, Moved};
use crate::bus::{ConsumeError, Consumer, Delivery, Event, Topic};
use crate::db::{Db, Tx};
use crate::events;
use crate::inbox::{self, ApplyError, Projection};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// Takes events into the approval service's tables.
#[derive(Debug)]
pub struct ApprovalConsumer {
    service: ApprovalService,
    projection: Arc<Cases>,
}

#[derive(Debug)]
struct Cases {
    service: ApprovalService,
    /// Entries moved by transactions that may not have been committed yet: pokes for nothing are
    /// harmless, pokes before the commit are not, so they go out after it.
    moved: Mutex<Vec<Moved>>,
}

impl ApprovalConsumer {
    /// A consumer that writes through this service.
    #[must_use]
    pub fn new(service: ApprovalService) -> Self {
        Self {
            projection: Arc::new(Cases {
                service: service.clone(),
                moved: Mutex::default(),
            }),
            service,
        }
    }
}

#[async_trait]
impl Consumer for ApprovalConsumer {
    fn name(&self) -> &'static str {
        "approval"
    }

    fn topics(&self) -> &[Topic] {
        &[Topic::User, Topic::Request]
    }

    fn wants(&self, event: &Event) -> bool {
        matches!(
            event.kind.as_str(),
            events::USER_CHANGED
                | events::USER_DEACTIVATED
                | events::REQUEST_SUBMITTED
                | events::REQUEST_WITHDRAWN
        )
    }

    fn can_be_rebuilt(&self) -> bool {
        true
    }

    fn db(&self) -> &Db {
        self.service.db()
    }

    async fn handle(&self, delivery: &Delivery) -> Result<(), ConsumeError> {
        inbox::consume(self.service.db(), &self.projection, delivery).await?;
        let moved = std::mem::take(&mut *self.projection.lock());
        self.service.committed(&moved);
        Ok(())
    }
}

/// The events of one delivery, sorted by what they ask for.
#[derive(Default)]
struct Told {
    /// The latest of each person, in order of id.
    people: BTreeMap<Uuid, events::User>,
    /// What happened to requests, in order.
    requests: Vec<Story>,
    /// The traces of what happened to them.
    traces: BTreeMap<Uuid, String>,
}

enum Story {
    Submitted(Box<events::RequestSubmitted>),
    Withdrawn(Uuid),
}

impl Told {
    fn of(events: &[&Event]) -> Result<Self, ApplyError> {
        let mut told = Self::default();
        for event in events {
            if let (Topic::Request, Some(trace)) = (event.topic, &event.traceparent) {
                told.traces.insert(event.key, trace.clone());
            }
            match event.kind.as_str() {
                events::USER_CHANGED | events::USER_DEACTIVATED => {
                    let person: events::User = event.decode()?;
                    let known = told.people.get(&person.id).map_or(0, |known| known.version);
                    if person.version > known {
                        told.people.insert(person.id, person);
                    }
                }
                events::REQUEST_SUBMITTED => {
                    told.requests.push(Story::Submitted(event.decode()?));
                }
                events::REQUEST_WITHDRAWN => {
                    let withdrawn: events::RequestWithdrawn = event.decode()?;
                    told.requests.push(Story::Withdrawn(withdrawn.id));
                }
                _ => {}
            }
        }
        Ok(told)
    }

    /// The people in the chains of submitted requests.
    fn seated(&self) -> BTreeSet<Uuid> {
        let submitted = self.requests.iter().filter_map(|story| match story {
            Story::Submitted(submitted) => Some(submitted),
            Story::Withdrawn(_) => None,
        });
        submitted
            .flat_map(|submitted| &submitted.levels)
            .flat_map(|level| level.approver_ids.iter().copied())
            .collect()
    }

    fn request_ids(&self) -> impl Iterator<Item = Uuid> {
        self.requests.iter().map(|story| match story {
            Story::Submitted(submitted) => submitted.id,
            Story::Withdrawn(id) => *id,
        })
    }
}

impl Cases {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Moved>> {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// People first, then cases, then heads: the same order as everywhere.
    async fn take(&self, tx: &mut Tx, told: Told) -> Result<Vec<Moved>, ApplyError> {
        let seated = told.seated();
        let request_ids: BTreeSet<Uuid> = told.request_ids().collect();
        let mut changed = HashMap::new();
        for (id, person) in told.people {
            if store::put_person(tx, person.clone()).await? {
                let approves = person.active && person.roles.has(crate::identity::Role::Approver);
                changed.insert(id, approves);
            }
        }
        if changed.is_empty() && request_ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut approvers = HashMap::new();
        if !seated.is_empty() {
            approvers = store::approvers(tx, seated.into_iter().collect()).await?;
        }
        let mut cases = request_ids;
        if !changed.is_empty() {
            let people = changed.keys().copied().collect();
            cases.extend(store::cases_of_people(tx, people).await?);
        }
        let mut decision = Decision {
            cases: store::lock_cases(tx, cases.iter().copied().collect()).await?,
            now_us: tx.now_us().await?,
            traces: told.traces,
            ..Decision::default()
        };
        for request_id in cases {
            mark(&mut decision, request_id, &changed);
        }
        for story in told.requests {
            match story {
                Story::Submitted(submitted) => self.open(&mut decision, *submitted, &approvers),
                Story::Withdrawn(id) => withdraw(&mut decision, id),
            }
        }
        Ok(super::service::write(tx, &decision, None, None).await?)
    }

    fn open(
        &self,
        decision: &mut Decision,
        submitted: events::RequestSubmitted,
        approvers: &store::Approvers,
    ) {
        let request_id = submitted.id;
        if decision.cases.contains_key(&request_id) {
            return;
        }
        let (window_us, grace_us) = self.service.windows_us();
        let levels: Vec<Pinned> = submitted
            .levels
            .into_iter()
            .map(|level| Pinned {
                level: level.level,
                approver_ids: level.approver_ids,
                quorum: level.quorum,
            })
            .collect();
        let people: BTreeSet<Uuid> = levels
            .iter()
            .flat_map(|level| level.approver_ids.iter().copied())
            .collect();
        decision.open(
            request_id,
            Submitted {
                owner_id: submitted.owner_id,
                revision: submitted.revision,
                submitted_us: submitted.submitted_at.0,
                window_us,
                grace_us,
                levels,
                content: submitted.content,
            },
        );
        // Who left between the submit and this moment is in no event that is still to come.
        for person_id in people {
            if approvers.get(&person_id) == Some(&false) {
                decision.add(request_id, Fact::Left { person_id });
            }
        }
    }
}

/// Writes into a case who of its chain has left or returned.
fn mark(decision: &mut Decision, request_id: Uuid, changed: &HashMap<Uuid, bool>) {
    let Some(case) = decision.cases.get(&request_id) else {
        return;
    };
    let facts: Vec<Fact> = changed
        .iter()
        .filter(|(person_id, _)| seats(case, **person_id))
        .filter_map(|(person_id, approves)| {
            let person_id = *person_id;
            match (*approves, case.inactive.contains(&person_id)) {
                (false, false) => Some(Fact::Left { person_id }),
                (true, true) => Some(Fact::Returned { person_id }),
                _ => None,
            }
        })
        .collect();
    for fact in facts {
        decision.add(request_id, fact);
    }
}

fn seats(case: &Case, person: Uuid) -> bool {
    let mut people = case.levels.iter().flat_map(|level| &level.approver_ids);
    people.any(|seated| *seated == person)
}

fn withdraw(decision: &mut Decision, request_id: Uuid) {
    if decision
        .cases
        .get(&request_id)
        .is_some_and(|case| !case.withdrawn)
    {
        decision.add(request_id, Fact::Withdrawn);
    }
}

#[async_trait]
impl Projection for Cases {
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<(), ApplyError> {
        self.apply_all(tx, &[event]).await
    }

    async fn apply_all(&self, tx: &mut Tx, events: &[&Event]) -> Result<(), ApplyError> {
        let moved = self.take(tx, Told::of(events)?).await?;
        self.lock().extend(moved);
        Ok(())
    }

    async fn reset(&self, tx: &mut Tx, topics: &[Topic]) -> Result<(), ApplyError> {
        if topics.contains(&Topic::User) {
            store::outdate_people(tx).await?;
        }
        Ok(())
    }
}
