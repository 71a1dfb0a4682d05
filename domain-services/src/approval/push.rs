//! A phone's batch of votes: lock the cases, judge, lock the heads of all readers, write.

use super::answer::{ApprovalPage, PushAnswer, Shown};
use super::rules::{Batch, Context, Decision, Snapshot};
use super::service::{ApprovalError, ApprovalService, write};
use super::store::{self, Acting, Moved};
use crate::db::Tx;
use crate::identity::Identity;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use sync_core::hlc::{Clock, Stamp};
use sync_core::wire::{ApprovalItem, Broken, Envelope, Since};
use uuid::Uuid;

type Items = Arc<[Result<ApprovalItem, Broken>]>;

/// Entries of a pull's page when the caller does not say.
pub(super) const PULL_LIMIT_DEFAULT: u32 = 500;

/// A batch that has been settled.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) decision: Decision,
    pub(super) shown: HashMap<Uuid, Shown>,
    pub(super) places: HashMap<Uuid, (Uuid, u8)>,
    pub(super) moved: Vec<Moved>,
    /// The sender's head before it.
    pub(super) before_us: i64,
    pub(super) hlc: Stamp,
}

/// What one transaction needs, owned.
#[derive(Clone)]
struct Job {
    user: Uuid,
    /// Of the user's record, as their token says.
    version: i64,
    items: Items,
    after_us: Option<i64>,
    traceparent: Option<Arc<str>>,
}

impl ApprovalService {
    /// Takes a batch of votes and answers every item of it, with what changed since the phone's
    /// `lastSync`.
    ///
    /// # Errors
    /// [`ApprovalError::WrongUser`] and [`ApprovalError::ResyncRequired`] before anything is taken;
    /// the database's.
    pub async fn push(
        &self,
        who: &Identity,
        envelope: &Envelope<'_>,
        traceparent: Option<&str>,
    ) -> Result<PushAnswer, ApprovalError> {
        let user = who.user_id;
        if envelope.user_id.is_some_and(|sender| sender != user) {
            return Err(ApprovalError::WrongUser);
        }
        let job = Job {
            user,
            version: who.version,
            items: envelope.approval_items().collect(),
            after_us: match envelope.since {
                Since::After(after_us) => Some(after_us),
                Since::Absent | Since::Beginning => None,
            },
            traceparent: traceparent.map(Into::into),
        };
        let service = self.clone();
        let settled = self
            .db
            .write(move |tx| {
                let (service, job) = (service.clone(), job.clone());
                Box::pin(async move { service.settle(tx, &job).await })
            })
            .await?;
        if !settled.decision.is_read_only() {
            self.committed(&settled.moved);
        }
        let pull = self.pull_with_push(user, envelope.since, &settled).await?;
        let now_us = settled.decision.now_us;
        Ok(PushAnswer {
            user,
            server_us: now_us,
            hlc: settled.hlc,
            clock_offset_ms: envelope
                .client_time_us
                .map(|client_us| now_us.saturating_sub(client_us) / 1_000),
            settled,
            pull,
        })
    }

    async fn settle(&self, tx: &mut Tx, job: &Job) -> Result<Settled, ApprovalError> {
        let head = store::find_head(tx, job.user).await?;
        let (before_us, clock) = head.unwrap_or((0, 0));
        if job.after_us.is_some_and(|after_us| after_us > before_us) {
            return Err(ApprovalError::ResyncRequired);
        }
        let known = job.items.iter().flatten();
        let approvals: HashSet<Uuid> = known.clone().map(|item| item.id).collect();
        let operations = known.map(|item| item.op_id).collect();
        let located = store::lock_approvals(tx, approvals.into_iter().collect()).await?;
        let logged = store::logged(tx, job.user, operations).await?;
        let now_us = tx.now_us().await?;
        let mut cases = HashMap::with_capacity(located.cases.len());
        let mut shown = HashMap::with_capacity(located.cases.len());
        for (request_id, locked) in located.cases {
            shown.insert(
                request_id,
                Shown {
                    content: locked.content,
                    submitted_us: locked.submitted_us,
                    owner_name: locked.owner_name,
                },
            );
            cases.insert(request_id, locked.case);
        }
        // Nearly never: who votes is seldom one who has left.
        let left = cases.values().any(|case| case.inactive.contains(&job.user));
        let context = Context {
            is_behind: left && store::is_behind(tx, job.user, job.version).await?,
            ..self.context(job.user, now_us)
        };
        let snapshot = Snapshot {
            cases,
            places: located.places.clone(),
            logged,
        };
        let mut batch = Batch::new(context, snapshot);
        job.items.iter().for_each(|item| batch.take(item));
        let decision = batch.finish();
        let hlc = self.tick(clock, decision.observed, now_us);
        let acting = Acting {
            user: job.user,
            clock: hlc.time(),
        };
        let moved = write(tx, &decision, Some(acting), job.traceparent.as_deref()).await?;
        Ok(Settled {
            decision,
            shown,
            places: located.places,
            moved,
            before_us,
            hlc,
        })
    }

    pub(super) fn context(&self, user: Uuid, now_us: i64) -> Context {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Context {
            user,
            now_us,
            clock_ahead_max_ms: millis(self.settings.clock_ahead_max),
            defer_max_ms: millis(self.settings.defer_max),
            is_behind: false,
        }
    }

    /// The server's next stamp, above everything it has seen of this user.
    fn tick(&self, clock: i64, observed: Option<Stamp>, now_us: i64) -> Stamp {
        let wall_ms = u64::try_from(now_us / 1_000).unwrap_or(0);
        let mut clock = Clock::resume(self.node, clock.cast_unsigned());
        if let Some(stamp) = observed {
            clock.observe(stamp, wall_ms);
        }
        clock.tick(wall_ms)
    }

    /// What changed since the phone's position. If it had seen all there was when its head was locked,
    /// and every entry that moved is one that it is answered about, that is nothing, and nothing is read.
    async fn pull_with_push(
        &self,
        user: Uuid,
        since: Since,
        settled: &Settled,
    ) -> Result<Option<ApprovalPage>, ApprovalError> {
        let after_us = match since {
            Since::Absent => return Ok(None),
            Since::Beginning => 0,
            Since::After(after_us) => after_us,
        };
        let now_us = settled.decision.now_us;
        let answered: HashSet<Uuid> = settled
            .decision
            .items
            .iter()
            .filter_map(|item| item.id)
            .collect();
        let own: Vec<&Moved> = settled
            .moved
            .iter()
            .filter(|moved| moved.user == user)
            .collect();
        let alone =
            |moved: &&Moved| moved.head_us == after_us && answered.contains(&moved.approval_id);
        if let Some(last_sync_us) = own.iter().map(|moved| moved.at_us).max()
            && own.iter().all(alone)
        {
            return Ok(Some(ApprovalPage::empty(now_us, last_sync_us)));
        }
        let mut page = self
            .read_page(user, after_us, PULL_LIMIT_DEFAULT, now_us)
            .await?;
        if after_us < settled.before_us {
            return Ok(Some(page));
        }
        // The phone had seen everything before: its own entries came with the results, those of other
        // levels that moved with them did not.
        let own: HashMap<Uuid, i64> = own
            .iter()
            .map(|moved| (moved.approval_id, moved.at_us))
            .collect();
        page.left_out = page
            .rows
            .iter()
            .filter(|row| answered.contains(&row.approval_id))
            .filter(|row| own.get(&row.approval_id) == Some(&row.at_us))
            .map(|row| row.approval_id)
            .collect();
        Ok(Some(page))
    }
}
