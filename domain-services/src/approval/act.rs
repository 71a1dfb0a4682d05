//! `POST /approvals/{id}/approve|reject|rollback`: one vote, by hand.

use super::answer::Shown;
use super::rules::{Batch, Case, NOT_BACK_YET, Snapshot};
use super::service::{ApprovalError, ApprovalService, write};
use super::store::{self, Acting, Locked, Moved};
use super::view::View;
use crate::db::{DbError, Tx};
use crate::identity::Identity;
use crate::invalid::{Invalid, check_text, none_of};
use serde::{Serialize, Serializer};
use std::collections::HashMap;
use std::sync::Arc;
use sync_core::canonical::Revision;
use sync_core::hlc::{Clock, Stamp};
use sync_core::verdict::Verdict;
use sync_core::votes::Vote;
use sync_core::wire::{ApprovalItem, COMMENT_CHARS, VoteCommand};
use uuid::Uuid;

/// What an approver wants to do.
#[derive(Debug, Clone)]
pub struct Act {
    /// The approval.
    pub approval_id: Uuid,
    /// Approve, reject or take back.
    pub vote: VoteCommand,
    /// Why, at most 2,000 characters.
    pub comment: Option<String>,
    /// The revision that the approver saw; none: whatever is sealed.
    pub revision: Option<Revision>,
    /// The operation's id; the same again is answered as the first time.
    pub op_id: Option<Uuid>,
}

/// Refuses a comment that is too long or cannot be stored.
///
/// # Errors
/// What is wrong with it.
pub fn check_comment(comment: Option<&str>) -> Result<(), Vec<Invalid>> {
    let mut problems = Vec::new();
    if let Some(comment) = comment {
        check_text(&mut problems, "/comment", comment, 0, COMMENT_CHARS);
    }
    none_of(problems)
}

/// The approval after it.
#[derive(Debug)]
pub struct Done {
    case: Case,
    level: u8,
    shown: Shown,
}

impl Serialize for Done {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let level = self
            .case
            .level(self.level)
            .ok_or_else(super::answer::Read::missing)?;
        let view = View {
            case: &self.case,
            level,
            papers: self.shown.papers(),
        };
        view.serialize(serializer)
    }
}

impl ApprovalService {
    /// Votes, or takes a vote back. Its stamp exceeds all stamps of the level. Approving what one has
    /// approved changes nothing.
    ///
    /// # Errors
    /// [`ApprovalError::NotFound`] for an approval that is not the caller's; [`ApprovalError::Rule`]
    /// with the code of the rule that refused it; the database's.
    pub async fn act(
        &self,
        who: &Identity,
        act: Act,
        traceparent: Option<&str>,
    ) -> Result<Done, ApprovalError> {
        let service = self.clone();
        let who = (who.user_id, who.version);
        let op_id = act.op_id.unwrap_or_else(|| self.db.ids().uuid_v7());
        let traceparent: Option<Arc<str>> = traceparent.map(Into::into);
        let (done, moved) = self
            .db
            .write(move |tx| {
                let (service, act) = (service.clone(), act.clone());
                let traceparent = traceparent.clone();
                Box::pin(async move {
                    let traceparent = traceparent.as_deref();
                    service.act_in(tx, who, op_id, &act, traceparent).await
                })
            })
            .await?;
        self.committed(&moved);
        done
    }

    /// The inner result is the rule's, kept apart from the transaction's: a refusal is remembered, so
    /// it commits.
    async fn act_in(
        &self,
        tx: &mut Tx,
        (user, version): (Uuid, i64),
        op_id: Uuid,
        act: &Act,
        traceparent: Option<&str>,
    ) -> Result<(Result<Done, ApprovalError>, Vec<Moved>), ApprovalError> {
        let mut located = store::lock_approvals(tx, vec![act.approval_id]).await?;
        let place = located.places.get(&act.approval_id).copied();
        let Some((request_id, number)) = place else {
            return Err(ApprovalError::NotFound);
        };
        let Some(locked) = located.cases.remove(&request_id) else {
            return Err(ApprovalError::NotFound);
        };
        // Nothing is remembered of who has no part in the chain.
        if !concerns(&locked.case, number, user) {
            return Err(ApprovalError::NotFound);
        }
        if locked.case.inactive.contains(&user) && store::is_behind(tx, user, version).await? {
            return Err(DbError::Unavailable(NOT_BACK_YET.to_owned()).into());
        }
        let logged = store::logged(tx, user, vec![op_id]).await?;
        let now_us = tx.now_us().await?;
        let (_, clock) = store::find_head(tx, user).await?.unwrap_or((0, 0));
        let Locked {
            case,
            content,
            submitted_us,
            owner_name,
        } = locked;
        let shown = Shown {
            content,
            submitted_us,
            owner_name,
        };
        let stands = logged.is_empty() && is_noop(&case, number, user, act);
        if stands && act.op_id.is_none() {
            let done = Done {
                case: case.seen_at(now_us),
                level: number,
                shown,
            };
            return Ok((Ok(done), Vec::new()));
        }
        let item = item(&case, number, op_id, act, self.node, clock, now_us);
        let snapshot = Snapshot {
            cases: HashMap::from([(request_id, case)]),
            places: located.places,
            logged,
        };
        let mut batch = Batch::new(self.context(user, now_us), snapshot);
        let hlc = item.stamp;
        if stands {
            // Remembered, so that a late copy changes nothing either.
            batch.stands(&item);
        } else {
            batch.take(&Ok(item));
        }
        let mut decision = batch.finish();
        let acting = Acting {
            user,
            clock: hlc.time(),
        };
        let moved = write(tx, &decision, Some(acting), traceparent).await?;
        let refused = decision.items.first().and_then(|item| {
            let code = item.code.filter(|_| item.verdict == Verdict::Rejected)?;
            Some((code, item.detail.clone().unwrap_or_default()))
        });
        let done = match (refused, decision.cases.remove(&request_id)) {
            (Some((sync_core::verdict::Code::NotFound, _)), _) | (_, None) => {
                Err(ApprovalError::NotFound)
            }
            (Some((code, detail)), _) => Err(ApprovalError::Rule { code, detail }),
            (None, Some(case)) => Ok(Done {
                case: case.seen_at(now_us),
                level: number,
                shown,
            }),
        };
        Ok((done, moved))
    }
}

/// Whether the level is this person's to vote on, or about this person's own request.
fn concerns(case: &Case, number: u8, user: Uuid) -> bool {
    case.owner_id == user
        || case
            .level(number)
            .is_some_and(|level| level.approver_ids.contains(&user))
}

/// Whether the same stands already, said by the same person.
fn is_noop(case: &Case, number: u8, user: Uuid, act: &Act) -> bool {
    let vote = match act.vote {
        VoteCommand::Approve => Vote::Approve,
        VoteCommand::Reject => Vote::Reject,
        VoteCommand::Rollback => return false,
    };
    let seen = act
        .revision
        .is_none_or(|revision| revision == case.revision);
    let Some(level) = case
        .level(number)
        .filter(|level| level.is_visible() && seen)
    else {
        return false;
    };
    level.ballots.get(&user).is_some_and(|ballot| {
        let same_comment = act.comment.is_none() || act.comment == ballot.comment;
        ballot.vote == Some(vote) && same_comment
    })
}

/// The item that a phone would have sent, with a stamp above all stamps of the level. Its digest is
/// over what the caller said, and the stamp is the server's.
fn item(
    case: &Case,
    number: u8,
    op_id: Uuid,
    act: &Act,
    node: sync_core::hlc::NodeId,
    clock: i64,
    now_us: i64,
) -> ApprovalItem {
    let greatest = case
        .level(number)
        .into_iter()
        .flat_map(|level| level.ballots.values())
        .map(|ballot| ballot.hlc.time())
        .max()
        .unwrap_or(0);
    let mut clock = Clock::resume(node, greatest.max(clock.cast_unsigned()));
    let mut item = ApprovalItem::new(
        op_id,
        act.approval_id,
        Stamp::ZERO,
        act.revision.unwrap_or(case.revision),
        act.vote,
        act.comment.clone(),
    );
    item.stamp = clock.tick(u64::try_from(now_us / 1_000).unwrap_or(0));
    item
}
