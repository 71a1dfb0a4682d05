//! What a push and a pull answer, ready to be encoded once in either format.

use super::push::Settled;
use super::rules::{Case, ItemOutcome, OpRef};
use super::store::ApprovalRow;
use super::view::{Papers, View};
use crate::time::Time;
use serde::ser::{Error as _, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::HashSet;
use sync_core::hlc::Stamp;
use sync_core::verdict::Verdict;
use uuid::Uuid;

/// What an approval's record shows beside its case.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) content: Map<String, Value>,
    pub(super) submitted_us: i64,
    pub(super) owner_name: Option<String>,
}

impl Shown {
    pub(super) fn papers(&self) -> Papers<'_> {
        Papers {
            content: &self.content,
            submitted_us: self.submitted_us,
            owner_name: self.owner_name.as_deref(),
        }
    }
}

/// A page of an approver's feed.
#[derive(Debug)]
pub struct ApprovalPage {
    pub(super) server_us: i64,
    pub(super) last_sync_us: i64,
    pub(super) has_more: bool,
    pub(super) rows: Vec<ApprovalRow>,
    /// Approvals whose sender has just seen them in the answer to its own push.
    pub(super) left_out: HashSet<Uuid>,
}

impl ApprovalPage {
    /// The answer to a phone that has seen everything up to a position.
    pub(super) fn empty(server_us: i64, last_sync_us: i64) -> Self {
        Self {
            server_us,
            last_sync_us,
            has_more: false,
            rows: Vec::new(),
            left_out: HashSet::new(),
        }
    }
}

impl Serialize for ApprovalPage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut page = serializer.serialize_struct("Page", 4)?;
        page.serialize_field("serverTime", &Time(self.server_us))?;
        page.serialize_field("lastSync", &Time(self.last_sync_us))?;
        page.serialize_field("hasMore", &self.has_more)?;
        page.serialize_field("changes", &Changes(self))?;
        page.end()
    }
}

struct Changes<'a>(&'a ApprovalPage);

impl Serialize for Changes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let page = self.0;
        let shown = page
            .rows
            .iter()
            .filter(|row| !page.left_out.contains(&row.approval_id));
        let mut changes = serializer.serialize_seq(Some(shown.clone().count()))?;
        for row in shown {
            changes.serialize_element(&Change {
                row,
                now_us: page.server_us,
            })?;
        }
        changes.end()
    }
}

struct Change<'a> {
    row: &'a ApprovalRow,
    now_us: i64,
}

impl Serialize for Change<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut change = serializer.serialize_struct("Change", 2)?;
        if self.row.removed {
            change.serialize_field("kind", "remove")?;
            change.serialize_field("id", &self.row.approval_id)?;
        } else {
            let read = Read::of(self.row, self.now_us).map_err(S::Error::custom)?;
            change.serialize_field("kind", "upsert")?;
            change.serialize_field("record", &read.view().ok_or_else(Read::missing)?)?;
        }
        change.end()
    }
}

impl ApprovalRow {
    pub(super) fn papers<'a>(&'a self, content: &'a Map<String, Value>) -> Papers<'a> {
        Papers {
            content,
            submitted_us: self.submitted_us,
            owner_name: self.owner_name.as_deref(),
        }
    }
}

/// A row with its case decoded and seen as of a moment: what is overdue reads as sealed before any
/// sweeper has been there.
pub(super) struct Read<'a> {
    row: &'a ApprovalRow,
    case: Case,
    content: Map<String, Value>,
}

impl<'a> Read<'a> {
    /// `now_us` is the process's clock, for a database that has none of its own.
    pub(super) fn of(row: &'a ApprovalRow, now_us: i64) -> Result<Self, crate::db::DbError> {
        Ok(Self {
            row,
            case: row.case()?.seen_at(row.read_us.unwrap_or(now_us)),
            content: row.content()?,
        })
    }

    pub(super) fn view(&self) -> Option<View<'_>> {
        let number = u8::try_from(self.row.level).ok()?;
        Some(View {
            case: &self.case,
            level: self.case.level(number)?,
            papers: self.row.papers(&self.content),
        })
    }

    pub(super) fn missing<E: serde::ser::Error>() -> E {
        E::custom("a case lacks a level that its feed names")
    }
}

/// The answer to a batch of votes: one result an item, in order, and the pull that came with it.
#[derive(Debug)]
pub struct PushAnswer {
    pub(super) user: Uuid,
    pub(super) server_us: i64,
    pub(super) hlc: Stamp,
    pub(super) clock_offset_ms: Option<i64>,
    pub(super) settled: Settled,
    /// `None` where the phone asked for no pull.
    pub(super) pull: Option<ApprovalPage>,
}

impl Serialize for PushAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = serializer.serialize_struct("PushAnswer", 7)?;
        answer.serialize_field("serverTime", &Time(self.server_us))?;
        answer.serialize_field("hlc", &self.hlc)?;
        answer.serialize_field("clockOffsetMs", &self.clock_offset_ms)?;
        answer.serialize_field("results", &Results(self))?;
        let last_sync = self.pull.as_ref().map(|page| Time(page.last_sync_us));
        answer.serialize_field("lastSync", &last_sync)?;
        match &self.pull {
            Some(page) => answer.serialize_field("changes", &Changes(page))?,
            None => answer.serialize_field("changes", &[(); 0])?,
        }
        let has_more = self.pull.as_ref().is_some_and(|page| page.has_more);
        answer.serialize_field("hasMore", &has_more)?;
        answer.end()
    }
}

struct Results<'a>(&'a PushAnswer);

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let items = &self.0.settled.decision.items;
        let mut results = serializer.serialize_seq(Some(items.len()))?;
        for item in items {
            let view = item.id.and_then(|id| self.0.settled.view(id, self.0.user));
            results.serialize_element(&ItemResult { item, view })?;
        }
        results.end()
    }
}

impl Settled {
    /// An approval as it stands after the whole batch, for one of its readers.
    pub(super) fn view(&self, approval_id: Uuid, reader: Uuid) -> Option<View<'_>> {
        let (request_id, number) = self.places.get(&approval_id)?;
        let case = self.decision.cases.get(request_id)?;
        let level = case.level(*number)?;
        let papers = self.shown.get(request_id)?.papers();
        let may_read = level.is_visible() && level.approver_ids.contains(&reader);
        may_read.then_some(View {
            case,
            level,
            papers,
        })
    }
}

struct ItemResult<'a> {
    item: &'a ItemOutcome,
    view: Option<View<'a>>,
}

impl Serialize for ItemResult<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let item = self.item;
        let mut result = serializer.serialize_struct("Result", 10)?;
        match &item.op {
            OpRef::Id(id) => result.serialize_field("opId", id)?,
            OpRef::Given(given) => result.serialize_field("opId", given)?,
        }
        result.serialize_field("id", &item.id)?;
        result.serialize_field("verdict", &item.verdict)?;
        result.serialize_field("code", &item.code)?;
        result.serialize_field("detail", &item.detail)?;
        result.serialize_field("retryable", &item.is_retryable())?;
        let superseded: &[&str] = match item.verdict {
            Verdict::Merged => &["vote"],
            _ => &[],
        };
        result.serialize_field("superseded", superseded)?;
        result.serialize_field("waitingFor", &item.waiting_for)?;
        let updated_at = self.view.map(|view| Time(view.level.updated_us));
        result.serialize_field("updatedAt", &updated_at)?;
        let record = self.view.filter(|_| item.with_record);
        result.serialize_field("record", &record)?;
        result.end()
    }
}
