//! An edit of a draft: which of its values win, and what keeps those that do not.

use super::super::model::{Status, Stored};
use super::decide::{Batch, Refusal, Ruling};
use super::decision::ItemOutcome;
use serde_json::{Map, Value as Json, json};
use sync_core::field::Field;
use sync_core::hlc::Stamp;
use sync_core::record::{Applied, Edit, Effect, FieldSet, Outcome, Register};
use sync_core::text::{TextError, TextWrite};
use sync_core::verdict::{Code, Verdict};
use sync_core::wire::RequestItem;

impl Batch {
    pub(super) fn upsert(
        &mut self,
        item: &RequestItem,
        edit: &Edit,
        outcome: &mut ItemOutcome,
    ) -> Ruling {
        let user = self.context.user;
        let Some(stored) = &self.slot(item.id).stored else {
            return self.create_draft(item, edit, outcome, Stored::draft(item.id, user));
        };
        if stored
            .last_op
            .is_some_and(|(op, digest)| op == item.op_id && digest != item.digest)
        {
            return Err(Refusal::code(
                Code::OpIdReused,
                "this opId was used before, with other content",
            ));
        }
        match stored.record.effect(edit) {
            Effect::Stands => return Ok(Verdict::Duplicate),
            Effect::Superseded(fields) => {
                outcome.superseded = fields;
                return self.supersede(item, edit, fields);
            }
            Effect::WouldChange => {}
        }
        if stored.is_deleted() {
            return Err(Refusal::code(Code::Deleted, "the request was deleted"));
        }
        if stored.status != Status::Draft {
            return Err(Refusal::code(
                Code::Locked,
                "the request was submitted; its content is sealed",
            ));
        }
        self.change_draft(item, edit, outcome)
    }

    /// Nothing of the edit shows. What it said is kept; and the stamp of a text edit must become
    /// known, or the edits its phone made after it would have an unknown base.
    fn supersede(&mut self, item: &RequestItem, edit: &Edit, fields: FieldSet) -> Ruling {
        if let Some(stored) = self
            .slots
            .get_mut(&item.id)
            .and_then(|slot| slot.stored.as_mut())
            && edit.text.is_some()
            && stored.record.text().known(item.stamp).is_none()
        {
            let applied = stored.record.apply(edit, &mut self.work);
            applied.map_err(text_refusal)?;
            self.touch(item.id);
        }
        let detail = json!({ "hlc": item.stamp, "fields": lost(edit, fields) });
        self.tell(item, "superseded", detail);
        Ok(Verdict::Merged)
    }

    fn create_draft(
        &mut self,
        item: &RequestItem,
        edit: &Edit,
        outcome: &mut ItemOutcome,
        mut draft: Stored,
    ) -> Ruling {
        draft
            .record
            .apply(edit, &mut self.work)
            .map_err(text_refusal)?;
        draft.last_op = Some((item.op_id, item.digest));
        self.slot(item.id).stored = Some(draft);
        self.draft_changed(item.id);
        if let Some(stored) = self.slot(item.id).stored.as_mut() {
            stored.created_us = stored.at_us;
        }
        outcome.with_record = false;
        Ok(Verdict::Applied)
    }

    fn change_draft(
        &mut self,
        item: &RequestItem,
        edit: &Edit,
        outcome: &mut ItemOutcome,
    ) -> Ruling {
        let Some(mut stored) = self.slot(item.id).stored.take() else {
            return Err(super::decide::not_found());
        };
        let applied = stored.record.apply(edit, &mut self.work);
        if applied.is_ok() {
            stored.last_op = Some((item.op_id, item.digest));
        }
        self.slot(item.id).stored = Some(stored);
        let applied = applied.map_err(text_refusal)?;
        self.draft_changed(item.id);
        let (lost_fields, joined) = summary(&applied);
        let replaced = replaced_by_another(&applied, item.stamp);
        outcome.superseded = lost_fields;
        if !lost_fields.is_empty() || !replaced.is_empty() {
            let mut detail = json!({ "hlc": item.stamp });
            if !lost_fields.is_empty() {
                detail["fields"] = lost(edit, lost_fields);
            }
            if !replaced.is_empty() {
                detail["replaced"] = Json::Object(replaced);
            }
            self.tell(item, "superseded", detail);
        }
        if lost_fields.is_empty() && !joined {
            outcome.with_record = false;
            return Ok(Verdict::Applied);
        }
        Ok(Verdict::Merged)
    }
}

fn summary(applied: &Applied) -> (FieldSet, bool) {
    let mut lost = FieldSet::default();
    let mut joined = false;
    for (field, outcome) in Field::ALL.into_iter().zip(applied.outcomes) {
        match outcome {
            Outcome::Lost => lost.insert(field),
            Outcome::Joined => joined = true,
            Outcome::Absent | Outcome::Won | Outcome::Same => {}
        }
    }
    (lost, joined)
}

/// The values this edit overwrote that another phone (another node) had written: they may have
/// been written without sight of each other, so the loser is kept. A phone overwriting itself is
/// ordinary typing.
fn replaced_by_another(applied: &Applied, stamp: Stamp) -> Map<String, Json> {
    applied
        .replaced
        .iter()
        .filter(|(_, register)| register.stamp.node() != stamp.node())
        .map(|(field, Register { value, stamp })| {
            (
                field.name().to_owned(),
                json!({ "value": value, "hlc": stamp }),
            )
        })
        .collect()
}

fn lost(edit: &Edit, fields: FieldSet) -> Json {
    let Json::Object(mut all) = values(edit) else {
        return Json::Null;
    };
    all.retain(|name, _| fields.iter().any(|field| field.name() == name));
    Json::Object(all)
}

/// What an edit said, field by field, as it came.
pub(super) fn values(edit: &Edit) -> Json {
    let mut all = Map::new();
    for (field, value) in &edit.writes {
        all.insert(field.name().to_owned(), json!(value));
    }
    match &edit.text {
        Some(TextWrite::Start(text)) => {
            all.insert(Field::Justification.name().to_owned(), json!(text));
        }
        Some(TextWrite::Edit { base, text }) => {
            all.insert(
                Field::Justification.name().to_owned(),
                json!({ "text": text, "base": base }),
            );
        }
        None => {}
    }
    Json::Object(all)
}

pub(super) fn text_refusal(error: TextError) -> Refusal {
    match error {
        TextError::UnknownBase(stamp) => Refusal::code(
            Code::UnknownBase,
            format!("no text edit with the stamp {stamp} is known here"),
        ),
        TextError::StampReused(stamp) => Refusal::code(
            Code::StampReused,
            format!("another text was sent under the stamp {stamp}"),
        ),
        TextError::OverBudget => Refusal::code(
            Code::Busy,
            "merging this text is more work than one batch may cost; send it again",
        ),
        corrupt @ TextError::Corrupt(_) => {
            tracing::error!(error = %corrupt, "a stored text does not decode");
            Refusal::code(Code::Busy, "the stored text cannot be merged now")
        }
    }
}
