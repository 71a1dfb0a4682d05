//! Submitting: what must be there, what is sealed, who is to decide.

use super::super::model::{Status, Stored};
use super::chain::{Catalog, Lacking, Level};
use super::decide::{Batch, Context, Refusal, Ruling};
use super::decision::NewEvent;
use crate::events::{self, RequestSubmitted};
use crate::time::Time;
use serde_json::json;
use sync_core::canonical::{Revision, content_bytes};
use sync_core::field::Field;
use sync_core::hlc::Stamp;
use sync_core::record::Edit;
use sync_core::text::Work;
use sync_core::verdict::{Code, Verdict, WaitingFor, WaitingKind};
use sync_core::wire::{RequestItem, Seen};
use uuid::Uuid;

impl Batch {
    pub(super) fn submit(&mut self, item: &RequestItem, seen: Option<&Seen>) -> Ruling {
        let stored = self.existing(item.id)?;
        if stored.status != Status::Draft {
            return Err(Refusal::code(
                Code::AlreadySubmitted,
                "the request was submitted before",
            ));
        }
        if seen.is_some_and(|seen| !seen.matches(&stored.record)) {
            return Err(Refusal::code(
                Code::ContentChanged,
                "the content differs from what was seen",
            ));
        }
        let stored = self
            .slots
            .get(&item.id)
            .and_then(|slot| slot.stored.as_ref());
        let stored = stored.ok_or_else(super::decide::not_found)?;
        let chain = judge(stored, &self.catalog, &self.context, item.stamp)?;
        let at_us = self.touch(item.id);
        let stored = self.existing(item.id)?;
        let event = seal(stored, &chain, at_us);
        let revision = stored.revision;
        self.tell(
            item,
            "submitted",
            json!({ "revision": revision, "levels": chain }),
        );
        self.event(event);
        Ok(Verdict::Applied)
    }
}

/// Whether the draft may be submitted now, and by whom it would be decided.
fn judge(
    stored: &Stored,
    catalog: &Catalog,
    context: &Context,
    stamp: Stamp,
) -> Result<Vec<Level>, Refusal> {
    let missing: Vec<&str> = [
        Field::Title,
        Field::Amount,
        Field::CategoryId,
        Field::ReasonId,
    ]
    .into_iter()
    .filter(|field| stored.value(*field).is_none())
    .map(Field::name)
    .collect();
    let (Some(category_id), Some(reason_id), true) = (
        stored.reference(Field::CategoryId),
        stored.reference(Field::ReasonId),
        missing.is_empty(),
    ) else {
        return Err(Refusal::code(
            Code::Incomplete,
            format!("these fields are still empty: {}", missing.join(", ")),
        ));
    };
    let may_wait = stamp.millis().saturating_add(context.defer_max_ms) > context.now_ms();
    let unknown = |kind, id, code, what: &str| {
        if may_wait {
            Refusal::Waits(
                WaitingFor { kind, id },
                format!("the {what} is not known here yet"),
            )
        } else {
            Refusal::code(code, format!("there is no such {what}"))
        }
    };
    let category = catalog.categories.get(&category_id).ok_or_else(|| {
        unknown(
            WaitingKind::Category,
            category_id,
            Code::UnknownCategory,
            "category",
        )
    })?;
    if !category.active {
        return Err(Refusal::code(
            Code::UnknownCategory,
            "the category is retired",
        ));
    }
    let reason = catalog.reasons.get(&reason_id).ok_or_else(|| {
        unknown(
            WaitingKind::Reason,
            reason_id,
            Code::UnknownReason,
            "reason",
        )
    })?;
    if !reason.active {
        return Err(Refusal::code(Code::UnknownReason, "the reason is retired"));
    }
    if reason.category_id.is_some_and(|of| of != category_id) {
        return Err(Refusal::code(
            Code::UnknownReason,
            "the reason belongs to another category",
        ));
    }
    catalog
        .chain(category_id, category.levels, stored.owner_id)
        .map_err(|Lacking { level, may_come }| {
            if may_wait && may_come {
                let waits_for = WaitingFor {
                    kind: WaitingKind::Category,
                    id: category_id,
                };
                let detail = format!("approvers of its level {level} are not known here yet");
                return Refusal::Waits(waits_for, detail);
            }
            Refusal::code(
                Code::ChainIncomplete,
                format!("level {level} lacks enough active approvers other than the requester"),
            )
        })
}

/// Seals the content and pins the chain.
fn seal(stored: &mut Stored, chain: &[Level], at_us: i64) -> NewEvent {
    let sealed = Revision::of(&stored.record);
    stored.status = Status::PendingL1;
    stored.revision = Some(sealed);
    stored.submitted_us = Some(at_us);
    stored.chain = Some(json!(chain).to_string());
    NewEvent {
        id: None,
        key: stored.id,
        kind: events::REQUEST_SUBMITTED,
        version: at_us,
        data: json!(RequestSubmitted {
            id: stored.id,
            owner_id: stored.owner_id,
            revision: sealed,
            submitted_at: Time(at_us),
            content: serde_json::from_slice(&content_bytes(&stored.record)).unwrap_or_default(),
            levels: chain.to_vec(),
        }),
    }
}

/// A digest by which the same content sent twice to `POST /requests` is told from other content.
pub(in crate::request) fn digest_of_content(id: Uuid, edit: &Edit) -> u64 {
    let mut draft = Stored::draft(id, Uuid::nil());
    let mut work = Work::new(0);
    if draft.record.apply(edit, &mut work).is_err() {
        return 0;
    }
    let sealed = Revision::of(&draft.record);
    sealed
        .as_bytes()
        .iter()
        .take(8)
        .fold(0, |all, byte| all << 8 | u64::from(*byte))
}

/// A request that is created and submitted at once: nothing is stored unless all of it holds.
pub(in crate::request) fn create(
    context: &Context,
    catalog: &Catalog,
    id: Uuid,
    edit: &Edit,
    at_us: i64,
) -> Result<(Stored, NewEvent), (Code, String)> {
    let mut draft = Stored::draft(id, context.user);
    let mut work = Work::new(context.text_work_us);
    let outcome = draft
        .record
        .apply(edit, &mut work)
        .map_err(super::upsert::text_refusal)
        .and_then(|_| judge(&draft, catalog, context, Stamp::ZERO));
    let chain = match outcome {
        Ok(chain) => chain,
        Err(Refusal::Code(code, detail)) => return Err((code, detail)),
        Err(Refusal::Waits(_, detail)) => return Err((Code::Busy, detail)),
    };
    draft.created_us = at_us;
    draft.at_us = at_us;
    let event = seal(&mut draft, &chain, at_us);
    Ok((draft, event))
}
