//! Commands that end a request's life without approval: withdraw and delete.

use super::super::model::{Status, Stored};
use super::decide::{Batch, Refusal, Ruling, not_found};
use super::decision::NewEvent;
use crate::events::{self, RequestDeleted, RequestWithdrawn};
use serde_json::json;
use sync_core::verdict::{Code, Verdict};
use sync_core::wire::RequestItem;

/// Whether a submitted request can be taken back: by its owner until a level has sealed, and, when too
/// few people are left to decide, by owner or admin until it is final. What the approval service has
/// sealed and not told yet does not count: the two facts cross, and the withdrawal stands.
fn may_withdraw(stored: &Stored, by_owner: bool) -> Result<(), &'static str> {
    match stored.status {
        Status::Draft => return Err("a draft was never submitted; delete it instead"),
        Status::Withdrawn => return Err("the request was withdrawn before"),
        Status::PendingL1
        | Status::PendingL2
        | Status::PendingL3
        | Status::Approved
        | Status::Rejected => {}
    }
    if stored.final_us.is_some() {
        return Err("the request is final");
    }
    if stored.is_stalled || (by_owner && !stored.is_sealed) {
        return Ok(());
    }
    Err(if by_owner {
        "a level is sealed, and the people who are left can still decide"
    } else {
        "the people who are left can still decide"
    })
}

impl Batch {
    pub(super) fn withdraw(&mut self, item: &RequestItem) -> Ruling {
        let (user, actor) = (self.context.user, self.context.actor);
        let stored = self.existing(item.id)?;
        may_withdraw(stored, actor == user)
            .map_err(|detail| Refusal::code(Code::NotWithdrawable, detail))?;
        stored.status = Status::Withdrawn;
        let at_us = self.touch(item.id);
        self.tell(item, "withdrawn", json!({}));
        self.event(NewEvent {
            id: None,
            key: item.id,
            kind: events::REQUEST_WITHDRAWN,
            version: at_us,
            data: json!(RequestWithdrawn {
                id: item.id,
                owner_id: user,
                actor_id: Some(actor),
            }),
        });
        Ok(Verdict::Applied)
    }

    pub(super) fn delete(&mut self, item: &RequestItem) -> Ruling {
        let stored = self.slot(item.id).stored.as_mut().ok_or_else(not_found)?;
        if stored.is_deleted() {
            return Ok(Verdict::Duplicate);
        }
        if stored.status != Status::Draft {
            return Err(Refusal::code(
                Code::Locked,
                "a submitted request cannot be deleted",
            ));
        }
        stored.record.delete(item.stamp);
        let at_us = self.touch(item.id);
        self.tell(item, "deleted", json!({}));
        self.event(NewEvent {
            id: None,
            key: item.id,
            kind: events::REQUEST_DELETED,
            version: at_us,
            data: json!(RequestDeleted {
                id: item.id,
                owner_id: self.context.user,
            }),
        });
        Ok(Verdict::Applied)
    }
}
