//! `POST /requests/{id}/withdraw`: by its owner, or by an admin where too few people are left to decide.

use super::reads::RequestRecord;
use super::rules::{Batch, Carry, ItemOutcome};
use super::service::{RequestError, RequestService};
use super::store::{self, Named, RequestRow, Written};
use crate::db::{DbError, On, Tx};
use crate::identity::{Identity, Role};
use std::sync::Arc;
use sync_core::hlc::Clock;
use sync_core::verdict::{Code, Verdict};
use sync_core::wire::{RequestChange, RequestItem};
use uuid::Uuid;

#[derive(Clone, Copy)]
struct Job {
    owner: Uuid,
    actor: Uuid,
    id: Uuid,
}

impl RequestService {
    /// Withdraws a request. One that is withdrawn already stays as it is.
    ///
    /// # Errors
    /// [`RequestError::NotFound`], for another's request too unless the caller is an admin;
    /// [`RequestError::Rule`] with `not_withdrawable`; the database's.
    pub async fn withdraw(
        &self,
        who: &Identity,
        id: Uuid,
        traceparent: Option<&str>,
    ) -> Result<RequestRecord, RequestError> {
        let rows = store::find(&self.db, id).await?;
        let owner = match rows.get::<RequestRow<'_>>(0)? {
            Some(row) if row.owner_id == who.user_id && who.has(Role::Sales) => row.owner_id,
            Some(row) if who.has(Role::Admin) && row.tombstone.is_none() => row.owner_id,
            _ => return Err(RequestError::NotFound),
        };
        let job = Job {
            owner,
            actor: who.user_id,
            id,
        };
        let service = self.clone();
        let traceparent: Option<Arc<str>> = traceparent.map(Into::into);
        let refusal = self
            .db
            .write(move |tx| {
                let (service, traceparent) = (service.clone(), traceparent.clone());
                Box::pin(async move {
                    service
                        .withdraw_under_lock(job, tx, traceparent.as_deref())
                        .await
                })
            })
            .await?;
        self.committed(owner);
        match refusal {
            Some((Code::NotFound, _)) => Err(RequestError::NotFound),
            Some((code, detail)) => Err(RequestError::Rule { code, detail }),
            None => Ok(RequestRecord::single(store::find(&self.db, id).await?)),
        }
    }

    /// Returns the rule's refusal, which is told in the request's story and so commits.
    async fn withdraw_under_lock(
        &self,
        job: Job,
        tx: &mut Tx,
        traceparent: Option<&str>,
    ) -> Result<Option<(Code, String)>, RequestError> {
        store::lock_head(tx, job.owner).await?;
        let named = Named {
            records: vec![job.id],
            ..Named::default()
        };
        let (snapshot, now_us) = store::read(On::Tx(tx), job.owner, &named).await?;
        let withdrawn = snapshot
            .records
            .get(&job.id)
            .is_some_and(|stored| stored.status == super::Status::Withdrawn);
        if withdrawn {
            return Ok(None);
        }
        let mut clock = Clock::resume(self.node, snapshot.head.map_or(0, |head| head.clock));
        let item = RequestItem {
            op_id: self.db.ids().uuid_v7(),
            id: job.id,
            stamp: clock.tick(u64::try_from(now_us / 1_000).unwrap_or(0)),
            change: RequestChange::Withdraw,
            digest: 0,
        };
        let mut context = self.context(job.owner, now_us);
        context.actor = job.actor;
        let mut batch = Batch::new(context, snapshot, 1, &Carry::default());
        batch.take(&Ok(item));
        let decision = batch.finish();
        if decision.is_read_only() {
            return Ok(decision.items.first().and_then(refused));
        }
        match store::write(On::Tx(tx), job.owner, &decision, traceparent).await? {
            Written::Won => Ok(decision.items.first().and_then(refused)),
            Written::Lost => Err(DbError::Collision("a locked head moved".to_owned()).into()),
        }
    }
}

fn refused(item: &ItemOutcome) -> Option<(Code, String)> {
    let code = item.code.filter(|_| item.verdict == Verdict::Rejected)?;
    Some((code, item.detail.clone().unwrap_or_default()))
}
