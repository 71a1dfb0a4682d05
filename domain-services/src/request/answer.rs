//! What a push and a pull answer, ready to be encoded once in either format.

use super::model::Stored;
use super::rules::{ItemOutcome, OpRef};
use super::store::RequestRow;
use super::view::View;
use crate::db::Rows;
use crate::time::Time;
use serde::ser::{Error as _, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};
use std::collections::{HashMap, HashSet};
use sync_core::field::Field;
use sync_core::hlc::Stamp;
use sync_core::verdict::Code;
use uuid::Uuid;

/// What a page takes beside its changes.
const PAGE_BYTES: usize = 256;

/// What a record with all of its fields takes beyond one with some.
const ALL_FIELDS_BYTES: usize = 400;

/// What the result of an item takes beside its record.
const RESULT_BYTES: usize = 320;

/// What a record with all of its fields and middling texts takes.
const RECORD_BYTES_MAX: usize = 1_400;

/// A page of a user's feed.
#[derive(Debug)]
pub struct Page {
    pub(super) server_us: i64,
    pub(super) last_sync_us: i64,
    pub(super) has_more: bool,
    pub(super) rows: Rows,
    /// Of the rows, roughly, on the wire.
    pub(super) size_bytes: usize,
    /// Records whose sender has just seen them in the answer to its own push.
    pub(super) left_out: HashSet<Uuid>,
}

impl Page {
    /// What it takes on the wire at most, roughly: how large a buffer to write it into.
    #[must_use]
    pub fn size_bytes_max(&self) -> usize {
        PAGE_BYTES + self.size_bytes + self.rows.len() * ALL_FIELDS_BYTES
    }

    /// A page without news.
    pub(super) fn empty(server_us: i64, last_sync_us: i64) -> Self {
        Self {
            server_us,
            last_sync_us,
            has_more: false,
            rows: Rows::default(),
            size_bytes: 0,
            left_out: HashSet::new(),
        }
    }
}

impl Serialize for Page {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut page = serializer.serialize_struct("Page", 4)?;
        page.serialize_field("serverTime", &Time(self.server_us))?;
        page.serialize_field("lastSync", &Time(self.last_sync_us))?;
        page.serialize_field("hasMore", &self.has_more)?;
        page.serialize_field("changes", &Changes(self))?;
        page.end()
    }
}

struct Changes<'a>(&'a Page);

impl Serialize for Changes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let page = self.0;
        let mut changes =
            serializer.serialize_seq(page.left_out.is_empty().then(|| page.rows.len()))?;
        for row in page.rows.decode::<RequestRow<'_>>() {
            let row = row.map_err(S::Error::custom)?;
            if page.left_out.is_empty() || !page.left_out.contains(&row.id) {
                changes.serialize_element(&Change(&row))?;
            }
        }
        changes.end()
    }
}

struct Change<'a>(&'a RequestRow<'a>);

impl Serialize for Change<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = self.0;
        let mut change = serializer.serialize_struct("Change", 2)?;
        if row.tombstone.is_some() {
            change.serialize_field("kind", "remove")?;
            change.serialize_field("id", &row.id)?;
        } else {
            change.serialize_field("kind", "upsert")?;
            change.serialize_field("record", &View::of_row(row).map_err(S::Error::custom)?)?;
        }
        change.end()
    }
}

/// The answer to a batch: one result an item, in order, and the pull that came with it.
#[derive(Debug)]
pub struct PushAnswer {
    pub(super) server_us: i64,
    pub(super) hlc: Stamp,
    pub(super) clock_offset_ms: Option<i64>,
    pub(super) items: Vec<ItemOutcome>,
    pub(super) records: HashMap<Uuid, Stored>,
    /// `None` where the phone asked for no pull.
    pub(super) pull: Option<Page>,
}

impl PushAnswer {
    /// What it takes on the wire at most, roughly: how large a buffer to write it into.
    #[must_use]
    pub fn size_bytes_max(&self) -> usize {
        let records = self.items.iter().filter(|item| item.with_record).count();
        PAGE_BYTES
            + self.items.len() * RESULT_BYTES
            + records * RECORD_BYTES_MAX
            + self.pull.as_ref().map_or(0, Page::size_bytes_max)
    }
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
        let mut results = serializer.serialize_seq(Some(self.0.items.len()))?;
        for item in &self.0.items {
            let stored = item.id.and_then(|id| self.0.records.get(&id));
            results.serialize_element(&ItemResult { item, stored })?;
        }
        results.end()
    }
}

struct ItemResult<'a> {
    item: &'a ItemOutcome,
    stored: Option<&'a Stored>,
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
        let superseded: Vec<&str> = item.superseded.iter().map(Field::name).collect();
        result.serialize_field("superseded", &superseded)?;
        result.serialize_field("waitingFor", &item.waiting_for)?;
        result.serialize_field("updatedAt", &self.stored.map(|stored| Time(stored.at_us)))?;
        let shown = item.with_record && item.code != Some(Code::NotFound);
        let record = self.stored.filter(|_| shown).map(View::of_stored);
        result.serialize_field("record", &record)?;
        result.end()
    }
}
