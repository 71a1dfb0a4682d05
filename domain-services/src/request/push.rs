//! A phone's batch: read, judge, compare and set.
//!
//! Nothing is locked while a batch is judged: the write holds only if the user's head is still where
//! it was read. Who loses twice locks the head and judges under it, so that a phone with slow merges
//! gets its turn on a busy head.

use super::answer::{Page, PushAnswer};
use super::model::Head;
use super::rules::{Batch, Carry, Decision, ItemOutcome, Snapshot};
use super::service::{RequestError, RequestService};
use super::store::{self, Named, RequestRow, Written};
use crate::db::{DbError, On, Tx};
use crate::identity::Identity;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use sync_core::field::Field;
use sync_core::text::TextWrite;
use sync_core::value::Value;
use sync_core::verdict::{Code, Verdict};
use sync_core::wire::{Broken, Envelope, RequestChange, RequestItem, Since};
use uuid::Uuid;

type Items = Arc<[Result<RequestItem, Broken>]>;

/// Compare-and-sets that may be lost before the head is locked.
const OPTIMISTIC_TRIES: u32 = 2;
/// Tries in all: an id or an operation that two connections race for is settled by then.
const TRIES_MAX: u32 = 6;

/// What a try came to.
enum Tried {
    Done(Box<Decision>),
    Lost,
}

/// What one try needs, owned.
#[derive(Clone)]
struct Job {
    user: Uuid,
    items: Items,
    named: Arc<Named>,
    after_us: Option<i64>,
    carry: Carry,
    traceparent: Option<Arc<str>>,
}

impl RequestService {
    /// Takes a batch and answers every item of it, with what changed since the phone's `lastSync`.
    ///
    /// # Errors
    /// [`RequestError::WrongUser`] and [`RequestError::ResyncRequired`] before anything is taken; the
    /// database's.
    pub async fn push(
        &self,
        who: &Identity,
        envelope: &Envelope<'_>,
        traceparent: Option<&str>,
    ) -> Result<PushAnswer, RequestError> {
        let user = who.user_id;
        if envelope.user_id.is_some_and(|sender| sender != user) {
            return Err(RequestError::WrongUser);
        }
        let after_us = match envelope.since {
            Since::After(after_us) => Some(after_us),
            Since::Absent | Since::Beginning => None,
        };
        let items: Items = envelope.request_items().collect();
        let mut job = Job {
            user,
            named: Arc::new(named(&items)),
            items,
            after_us,
            carry: Carry::default(),
            traceparent: traceparent.map(Into::into),
        };
        let decision = match self.settle(&mut job).await {
            Err(RequestError::Db(refused)) if is_refusal(&refused) && job.items.len() > 1 => {
                tracing::warn!(error = %refused, "the database refused a batch; taking its items one by one");
                self.settle_one_by_one(job).await?
            }
            outcome => outcome?,
        };
        if !decision.changed.is_empty() {
            self.committed(user);
        } else if !decision.is_read_only() {
            self.wake.ring();
        }
        let pull = self.pull_with_push(user, envelope.since, &decision).await?;
        Ok(PushAnswer {
            server_us: decision.now_us,
            hlc: decision.hlc,
            clock_offset_ms: envelope
                .client_time_us
                .map(|client_us| decision.now_us.saturating_sub(client_us) / 1_000),
            items: decision.items,
            records: decision.records,
            pull,
        })
    }

    async fn settle(&self, job: &mut Job) -> Result<Decision, RequestError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let attempt = if tries <= OPTIMISTIC_TRIES {
                self.try_optimistic(job).await
            } else {
                self.try_locked(job).await
            };
            match attempt {
                Ok(Tried::Done(decision)) => return Ok(*decision),
                Ok(Tried::Lost) if tries < TRIES_MAX => {}
                Ok(Tried::Lost) => {
                    return Err(DbError::Collision("the feed head kept moving".to_owned()).into());
                }
                Err(RequestError::Db(error)) if is_race(&error) && tries < TRIES_MAX => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn try_optimistic(&self, job: &Job) -> Result<Tried, RequestError> {
        let (snapshot, now_us) = store::read(On::Db(&self.db), job.user, &job.named).await?;
        let decision = self.judge(job, snapshot, now_us).await?;
        if decision.is_read_only() {
            return Ok(Tried::Done(Box::new(decision)));
        }
        let traceparent = job.traceparent.as_deref();
        match store::write(On::Db(&self.db), job.user, &decision, traceparent).await? {
            Written::Won => Ok(Tried::Done(Box::new(decision))),
            Written::Lost => Ok(Tried::Lost),
        }
    }

    async fn try_locked(&self, job: &Job) -> Result<Tried, RequestError> {
        let service = self.clone();
        let job = job.clone();
        self.db
            .write(move |tx| {
                let service = service.clone();
                let job = job.clone();
                Box::pin(async move { service.under_lock(&job, tx).await })
            })
            .await
    }

    async fn under_lock(&self, job: &Job, tx: &mut Tx) -> Result<Tried, RequestError> {
        store::lock_head(tx, job.user).await?;
        let (snapshot, now_us) = store::read(On::Tx(tx), job.user, &job.named).await?;
        let decision = self.judge(job, snapshot, now_us).await?;
        if !decision.is_read_only() {
            let traceparent = job.traceparent.as_deref();
            let written = store::write(On::Tx(tx), job.user, &decision, traceparent).await?;
            if written == Written::Lost {
                return Ok(Tried::Lost);
            }
        }
        Ok(Tried::Done(Box::new(decision)))
    }

    /// Text merges cost milliseconds, so a batch with any is judged off the async threads.
    async fn judge(
        &self,
        job: &Job,
        snapshot: Snapshot,
        now_us: i64,
    ) -> Result<Decision, RequestError> {
        check_position(job.after_us, snapshot.head)?;
        let context = self.context(job.user, now_us);
        let items = Arc::clone(&job.items);
        let carry = job.carry.clone();
        let judge = move || {
            let mut batch = Batch::new(context, snapshot, items.len(), &carry);
            items.iter().for_each(|item| batch.take(item));
            batch.finish()
        };
        if job.items.iter().any(merges_text) {
            return tokio::task::spawn_blocking(judge)
                .await
                .map_err(|error| DbError::Other(error.to_string()).into());
        }
        Ok(judge())
    }

    /// A batch that the database itself refuses, item by item, so that one bad item harms no other.
    async fn settle_one_by_one(&self, job: Job) -> Result<Decision, RequestError> {
        let mut whole: Option<Decision> = None;
        let mut carry = job.carry.clone();
        for index in 0..job.items.len() {
            let items: Items = job.items.iter().skip(index).take(1).cloned().collect();
            let mut one = Job {
                named: Arc::new(named(&items)),
                items,
                after_us: None,
                carry: carry.clone(),
                ..job.clone()
            };
            let decision = match self.settle(&mut one).await {
                Err(RequestError::Db(refused)) if is_refusal(&refused) => {
                    self.refuse_unwritable(&one, &refused).await?
                }
                outcome => outcome?,
            };
            decision.carry_into(&mut carry);
            whole = Some(match whole {
                Some(before) => before.followed_by(decision),
                None => decision,
            });
        }
        whole.ok_or_else(|| DbError::Other("an empty batch was refused".to_owned()).into())
    }

    /// The verdict on an item whose row the database will not have.
    async fn refuse_unwritable(
        &self,
        job: &Job,
        refused: &DbError,
    ) -> Result<Decision, RequestError> {
        tracing::error!(error = %refused, "the database refused an item");
        let broken = job.items.iter().map(|item| match item {
            Ok(item) => Broken {
                op_id: Some(item.op_id.to_string()),
                id: Some(item.id),
                code: Code::InvalidValue,
                detail: "this value cannot be stored".to_owned(),
            },
            Err(broken) => broken.clone(),
        });
        let items: Items = broken.map(Err).collect();
        let mut job = Job {
            items,
            ..job.clone()
        };
        // The refusal itself is told, and so written.
        self.settle(&mut job).await
    }

    /// What changed since the phone's position. If it had seen all there was before this batch, that
    /// is this batch alone, and nothing is read.
    async fn pull_with_push(
        &self,
        user: Uuid,
        since: Since,
        decision: &Decision,
    ) -> Result<Option<Page>, RequestError> {
        let after_us = match since {
            Since::Absent => return Ok(None),
            Since::Beginning => 0,
            Since::After(after_us) => after_us,
        };
        let before_us = decision.head_before.map_or(0, |head| head.at_us);
        if after_us >= before_us {
            let last_us = decision.head_after.at_us.max(after_us);
            return Ok(Some(Page::empty(decision.now_us, last_us)));
        }
        let mut page = self
            .read_page(
                user,
                after_us,
                super::reads::PULL_LIMIT_DEFAULT,
                decision.now_us,
            )
            .await?;
        let own: HashMap<Uuid, Option<i64>> = decision.changed.iter().copied().collect();
        for row in page.rows.decode::<RequestRow<'_>>() {
            let row = row?;
            // This batch's own entry, of a record whose earlier entry the phone has seen.
            let is_present = decision
                .records
                .get(&row.id)
                .is_some_and(|stored| stored.at_us == row.at_us);
            let was_seen = own
                .get(&row.id)
                .is_some_and(|before| before.is_none_or(|before_us| before_us <= after_us));
            if is_present && was_seen {
                page.left_out.insert(row.id);
            }
        }
        Ok(Some(page))
    }
}

impl Decision {
    /// Which records of it wait or were refused.
    fn carry_into(&self, carry: &mut Carry) {
        for item in &self.items {
            if let Some(id) = item.id {
                carry.note(id, item);
            }
        }
    }

    /// Two decisions on one batch, the later one's view of the state.
    fn followed_by(mut self, later: Self) -> Self {
        self.items.extend(later.items);
        self.records.extend(later.records);
        self.changed.extend(later.changed);
        self.commands.extend(later.commands);
        self.history.extend(later.history);
        self.events.extend(later.events);
        Self {
            head_after: later.head_after,
            hlc: later.hlc,
            now_us: later.now_us,
            ..self
        }
    }
}

impl Carry {
    fn note(&mut self, id: Uuid, item: &ItemOutcome) {
        let waits = item.verdict == Verdict::Deferred || item.is_retryable();
        let refused = item.verdict == Verdict::Rejected && !item.is_retryable();
        self.add(id, waits.then(|| item.op.id()).flatten(), refused);
    }
}

/// A position that this feed never gave.
pub(super) fn check_position(
    after_us: Option<i64>,
    head: Option<Head>,
) -> Result<(), RequestError> {
    let head_us = head.map_or(0, |head| head.at_us);
    if after_us.is_some_and(|after_us| after_us > head_us) {
        return Err(RequestError::ResyncRequired);
    }
    Ok(())
}

/// Two connections raced for one id or one operation: the next try sees who won.
fn is_race(error: &DbError) -> bool {
    matches!(
        error,
        DbError::Unique { .. } | DbError::NotNull(_) | DbError::Collision(_)
    )
}

/// The database answered and will answer the same again.
fn is_refusal(error: &DbError) -> bool {
    matches!(error, DbError::Other(_))
}

fn merges_text(item: &Result<RequestItem, Broken>) -> bool {
    matches!(
        item,
        Ok(RequestItem {
            change: RequestChange::Upsert(edit),
            ..
        }) if matches!(edit.text, Some(TextWrite::Edit { .. }))
    )
}

fn named(items: &[Result<RequestItem, Broken>]) -> Named {
    let mut named = Named::default();
    let mut seen = HashSet::with_capacity(items.len());
    for item in items {
        let Ok(item) = item else { continue };
        if seen.insert(item.id) {
            named.records.push(item.id);
        }
        named.operations.push(item.op_id);
        match &item.change {
            RequestChange::Submit { .. } => named.submits = true,
            RequestChange::Upsert(edit) => {
                for (field, value) in &edit.writes {
                    match (field, value) {
                        (Field::CategoryId, Some(Value::Id(id))) => named.categories.push(*id),
                        (Field::ReasonId, Some(Value::Id(id))) => named.reasons.push(*id),
                        _ => {}
                    }
                }
            }
            RequestChange::Withdraw | RequestChange::Delete => {}
        }
    }
    named
}
