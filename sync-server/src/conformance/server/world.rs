//! What the scripted server has: records merged by the real core, approvals, and one feed of each.

use super::OWNER;
use super::call::{Call, From};
use super::reply::Reply;
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use sync_core::canonical::{Revision, approval_id};
use sync_core::field::Field;
use sync_core::hlc::{Clock, NodeId, Stamp};
use sync_core::record::{Edit, Record};
use sync_core::text::{TextWrite, Work};
use sync_core::time::{format_rfc3339, parse_rfc3339};
use sync_core::value;
use sync_core::wire::content_edit;
use uuid::Uuid;

/// When every case begins, in milliseconds since the Unix epoch: 2026-11-22T10:00:00Z.
pub(in crate::conformance) const START_MS: u64 = 1_795_341_600_000;

/// A request.
#[derive(Debug, Clone)]
pub(in crate::conformance) struct Held {
    pub(in crate::conformance) record: Record,
    pub(in crate::conformance) status: &'static str,
    pub(super) revision: Option<Revision>,
    pub(super) at_us: i64,
    pub(super) submitted_us: Option<i64>,
    created_us: i64,
}

/// A part of a feed.
pub(super) struct Page {
    /// Entries with the ids of what they are about.
    pub(super) entries: Vec<(Uuid, Value)>,
    /// The position of the last.
    pub(super) last: String,
    pub(super) has_more: bool,
}

/// The server's state.
pub(in crate::conformance) struct World {
    /// The true time, in milliseconds since the Unix epoch.
    pub(in crate::conformance) now_ms: u64,
    last_us: i64,
    pub(in crate::conformance) records: BTreeMap<Uuid, Held>,
    pub(in crate::conformance) approvals: BTreeMap<Uuid, Value>,
    removed: BTreeMap<Uuid, i64>,
    /// Commands that were taken or refused for good: their content and what was answered.
    pub(super) commands: HashMap<Uuid, (u64, Value)>,
    /// Categories it has not heard of.
    pub(in crate::conformance) unheard: HashSet<Uuid>,
    /// Items of a batch at most.
    pub(in crate::conformance) batch_max: usize,
    /// Entries of a page at most.
    pub(in crate::conformance) page_max: usize,
    /// Positions before this are of a history that was lost.
    lost_before_us: i64,
    clock: Clock,
    elsewhere: Clock,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            now_ms: START_MS,
            last_us: 0,
            records: BTreeMap::new(),
            approvals: BTreeMap::new(),
            removed: BTreeMap::new(),
            commands: HashMap::new(),
            unheard: HashSet::new(),
            batch_max: 500,
            page_max: 500,
            lost_before_us: 0,
            clock: Clock::new(NodeId::new(1)),
            elsewhere: Clock::new(NodeId::new(2)),
        }
    }

    /// A position of the feed, above all given.
    pub(super) fn next_us(&mut self) -> i64 {
        let now_us = i64::try_from(self.now_ms).unwrap_or(0) * 1_000;
        self.last_us = now_us.max(self.last_us + 1);
        self.last_us
    }

    /// Another phone of the same person writes these fields.
    pub(in crate::conformance) fn edit_elsewhere(&mut self, id: Uuid, fields: &Value) {
        let held = self.records.get(&id).map(|held| &held.record);
        let above = held.map_or(Stamp::ZERO, Record::max_stamp);
        let stamp = self.elsewhere.observe(above, self.now_ms);
        let none = Map::new();
        let mut edit = match content_edit(stamp, fields.as_object().unwrap_or(&none)) {
            Ok(edit) => edit,
            Err(faults) => unreachable!("a case writes what no request can have: {faults:?}"),
        };
        let heads = held.map(|record| record.text().heads()).unwrap_or_default();
        if let Some(TextWrite::Start(Some(text))) = &edit.text
            && !heads.is_empty()
        {
            let text = text.clone();
            edit.text = Some(TextWrite::Edit { base: heads, text });
        }
        let at_us = self.next_us();
        let held = self.hold(id, at_us);
        // A case's own edit has a base the record knows.
        let _ = held.record.apply(&edit, &mut Work::unlimited());
    }

    /// The record of that id, made if it is new, moved to the end of the feed.
    pub(super) fn hold(&mut self, id: Uuid, at_us: i64) -> &mut Held {
        self.removed.remove(&id);
        let held = self.records.entry(id).or_insert_with(|| Held {
            record: Record::default(),
            status: "draft",
            revision: None,
            at_us,
            submitted_us: None,
            created_us: at_us,
        });
        held.at_us = at_us;
        held
    }

    /// Another phone of the same person submits it.
    pub(in crate::conformance) fn submit_elsewhere(&mut self, id: Uuid) {
        let at_us = self.next_us();
        let held = self.hold(id, at_us);
        held.status = "pending_l1";
        held.revision = Some(Revision::of(&held.record));
        held.submitted_us = Some(at_us);
    }

    /// Somebody deletes it elsewhere.
    pub(in crate::conformance) fn delete_elsewhere(&mut self, id: Uuid) {
        let stamp = self.elsewhere.tick(self.now_ms);
        let at_us = self.next_us();
        if let Some(held) = self.records.get_mut(&id) {
            held.record.delete(stamp);
            held.at_us = at_us;
        }
    }

    /// An approval of the first level that waits for the phone's owner.
    pub(in crate::conformance) fn open_approval(&mut self, request: Uuid) -> Uuid {
        let mut record = Record::default();
        let title = Edit {
            stamp: self.elsewhere.tick(self.now_ms),
            writes: vec![(Field::Title, Some(value::Value::Text("Trade fair".into())))],
            text: None,
        };
        let _ = record.apply(&title, &mut Work::unlimited());
        let revision = Revision::of(&record);
        let id = approval_id(request, &revision, 1);
        let at = format_rfc3339(self.next_us());
        let approval = json!({
            "id": id, "requestId": request, "level": 1, "revision": revision, "status": "open",
            "sealed": false, "sealsAt": null, "basisAt": at, "quorum": 1, "approverIds": [OWNER.id],
            "votes": [], "dissent": [], "updatedAt": at,
            "request": {
                "id": request, "ownerId": super::OTHER.id, "ownerName": "Other", "submittedAt": at,
                "title": "Trade fair", "amount": {"minor": 125_000, "currency": "EUR"},
            },
        });
        self.approvals.insert(id, approval);
        id
    }

    /// Has these records and no others, as a restored backup; positions given so far are good no more.
    pub(super) fn restore(&mut self, records: BTreeMap<Uuid, Held>) {
        self.records = records;
        self.lost_before_us = self.next_us();
        for id in self.records.keys().copied().collect::<Vec<_>>() {
            let at_us = self.next_us();
            self.hold(id, at_us);
        }
    }

    /// The stamp of an answer, above everything the server has taken.
    pub(super) fn answer_stamp(&mut self, taken: Stamp) -> Stamp {
        self.clock.observe(taken, self.now_ms);
        self.clock.tick(self.now_ms)
    }

    /// A page of what changed, of requests or of approvals.
    pub(in crate::conformance) fn pull(&mut self, call: &Call, votes: bool) -> Reply {
        match self.page(&call.from, call.limit, votes) {
            Some(page) => Reply::ok(json!({
                "serverTime": self.server_time(), "lastSync": page.last, "hasMore": page.has_more,
                "changes": page.entries.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>(),
            })),
            None => Reply::problem(StatusCode::GONE, "resync_required"),
        }
    }

    /// What follows a position; nothing for a position of a lost history.
    pub(super) fn page(&self, from: &From, limit: usize, votes: bool) -> Option<Page> {
        let after_us = match from {
            From::Nowhere | From::Beginning => 0,
            From::After(text) => parse_rfc3339(text).unwrap_or(0),
        };
        if after_us > 0 && after_us < self.lost_before_us {
            return None;
        }
        let mut entries = if votes {
            self.vote_entries()
        } else {
            self.entries()
        };
        entries.retain(|(at_us, ..)| *at_us > after_us);
        entries.sort_by_key(|(at_us, ..)| *at_us);
        let size = limit.min(self.page_max);
        let more = entries.len() > size;
        entries.truncate(size);
        let last_us = entries.last().map_or(after_us, |(at_us, ..)| *at_us);
        let entries = entries.into_iter().map(|(_, id, entry)| (id, entry));
        Some(Page {
            entries: entries.collect(),
            last: format_rfc3339(last_us),
            has_more: more,
        })
    }

    fn entries(&self) -> Vec<(i64, Uuid, Value)> {
        let upserts = self.records.iter().map(|(id, held)| {
            let entry = if held.record.tombstone().is_some() {
                json!({"kind": "remove", "id": id})
            } else {
                json!({"kind": "upsert", "record": shown(*id, held)})
            };
            (held.at_us, *id, entry)
        });
        let removes = self.removed.iter();
        let removes = removes.map(|(id, at_us)| (*at_us, *id, json!({"kind": "remove", "id": id})));
        upserts.chain(removes).collect()
    }

    fn vote_entries(&self) -> Vec<(i64, Uuid, Value)> {
        let approvals = self.approvals.iter().map(|(id, record)| {
            let at = record["updatedAt"].as_str().unwrap_or_default();
            let entry = json!({"kind": "upsert", "record": record});
            (parse_rfc3339(at).unwrap_or(0), *id, entry)
        });
        approvals.collect()
    }

    /// The true time, as answers say it.
    pub(super) fn server_time(&self) -> String {
        format_rfc3339(i64::try_from(self.now_ms).unwrap_or(0) * 1_000)
    }

    /// The record as the wire has it; null for none.
    pub(in crate::conformance) fn shown(&self, id: Uuid) -> Value {
        let held = self.records.get(&id);
        held.map_or(Value::Null, |held| shown(id, held))
    }
}

fn shown(id: Uuid, held: &Held) -> Value {
    let mut stamps = Map::new();
    let mut record = json!({
        "id": id, "ownerId": OWNER.id, "status": held.status, "final": false, "finalAt": null,
        "revision": held.revision, "deleted": held.record.tombstone().is_some(),
        "createdAt": format_rfc3339(held.created_us), "updatedAt": format_rfc3339(held.at_us),
        "submittedAt": held.submitted_us.map(format_rfc3339),
        "justification": held.record.text().value(), "justificationHeads": held.record.text().heads(),
    });
    for field in Field::ALL {
        if let Some(stamp) = held.record.stamp(field) {
            stamps.insert(field.name().to_owned(), json!(stamp));
        }
        if let Some(register) = held.record.register(field) {
            record[field.name()] = register.value.as_ref().map_or(Value::Null, plain);
        }
    }
    record["stamps"] = Value::Object(stamps);
    record
}

fn plain(value: &value::Value) -> Value {
    match value {
        value::Value::Text(text) => json!(text),
        value::Value::Money(money) => {
            json!({"minor": money.minor(), "currency": money.currency().as_str()})
        }
        value::Value::Id(id) => json!(id),
        value::Value::Date(date) => json!(date.to_string()),
    }
}
