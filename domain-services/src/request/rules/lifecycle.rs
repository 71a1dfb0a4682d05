//! Commands that end a request's life without approval: withdraw and delete.

use super::super::model::Status;
use super::decide::{Batch, Refusal, Ruling, not_found};
use super::decision::NewEvent;
use serde_json::json;
use sync_core::verdict::{Code, Verdict};
use sync_core::wire::RequestItem;

impl Batch {
    pub(super) fn withdraw(&mut self, item: &RequestItem) -> Ruling {
        let stored = self.existing(item.id)?;
        if stored.status != Status::PendingL1 {
            return Err(Refusal::code(
                Code::NotWithdrawable,
                "only a submitted request that no level has sealed can be withdrawn",
            ));
        }
        stored.status = Status::Withdrawn;
        let at_us = self.touch(item.id);
        self.tell(item, "withdrawn", json!({}));
        self.event(NewEvent {
            key: item.id,
            kind: "request.withdrawn",
            version: at_us,
            data: json!({ "id": item.id, "ownerId": self.context.user }),
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
            key: item.id,
            kind: "request.deleted",
            version: at_us,
            data: json!({ "id": item.id, "ownerId": self.context.user }),
        });
        Ok(Verdict::Applied)
    }
}
