//! One pass over a batch, in the order of its array.
//!
//! The order of the checks is part of the contract. First what is already known (a command in the
//! log, an operation id used twice), then whether the item must wait behind another of its record,
//! then the clock, then whose record it is, and only then the rules of each kind of change.

use super::super::model::{Head, Logged, Stored};
use super::chain::Catalog;
use super::decision::{CommandRow, Decision, HistoryRow, ItemOutcome, NewEvent, OpRef};
use super::refused;
use crate::events::{self, RequestDrafted};
use serde_json::json;
use std::collections::HashMap;
use sync_core::hlc::{Clock, NodeId, Stamp, is_ahead};
use sync_core::record::FieldSet;
use sync_core::text::Work;
use sync_core::verdict::{Code, Verdict, WaitingFor, WaitingKind};
use sync_core::wire::{Broken, RequestChange, RequestItem};
use uuid::Uuid;

/// What a batch is judged by besides the stored state.
#[derive(Debug, Clone, Copy)]
pub(in crate::request) struct Context {
    /// Whose requests they are.
    pub(in crate::request) user: Uuid,
    /// Who acts: the owner, or an admin.
    pub(in crate::request) actor: Uuid,
    /// The database's clock, read with the head.
    pub(in crate::request) now_us: i64,
    /// This server's node in hybrid logical stamps.
    pub(in crate::request) node: NodeId,
    pub(in crate::request) clock_ahead_max_ms: u64,
    /// How old an item's stamp may be while it waits for something unknown here.
    pub(in crate::request) defer_max_ms: u64,
    /// Text merges that one batch may cost, in nominal microseconds.
    pub(in crate::request) text_work_us: u64,
}

impl Context {
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.now_us / 1_000).unwrap_or(0)
    }
}

/// What was read: one consistent view, or a view that the compare-and-set will refuse.
#[derive(Debug, Default)]
pub(in crate::request) struct Snapshot {
    pub(in crate::request) head: Option<Head>,
    /// The records named, whoever owns them.
    pub(in crate::request) records: HashMap<Uuid, Stored>,
    /// The operations named that the log knows.
    pub(in crate::request) logged: HashMap<Uuid, Logged>,
    pub(in crate::request) catalog: Catalog,
}

/// A record while the batch is walked.
#[allow(
    clippy::struct_excessive_bools,
    reason = "four independent facts, none a state of another"
)]
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) stored: Option<Stored>,
    /// Its place in the feed before this batch.
    before_us: Option<i64>,
    /// It belongs to somebody else.
    foreign: bool,
    pub(super) changed: bool,
    /// It is named in the batch's event of drafts.
    drafted: bool,
    /// The operation behind which later items of this record wait.
    blocked_by: Option<Uuid>,
    /// An item of this record was refused for good.
    refused: bool,
}

/// Which records wait or were refused, carried from one part of a batch to the next where it had
/// to be taken item by item.
#[derive(Debug, Default, Clone)]
pub(in crate::request) struct Carry(HashMap<Uuid, (Option<Uuid>, bool)>);

impl Carry {
    /// Adds what an item's verdict means for the later items of its record.
    pub(in crate::request) fn add(&mut self, id: Uuid, blocked_by: Option<Uuid>, refused: bool) {
        let entry = self.0.entry(id).or_default();
        entry.0 = entry.0.or(blocked_by);
        entry.1 |= refused;
    }
}

/// A batch being decided.
pub(in crate::request) struct Batch {
    pub(super) context: Context,
    pub(super) catalog: Catalog,
    pub(super) work: Work,
    head: Option<Head>,
    pub(super) slots: HashMap<Uuid, Slot>,
    logged: HashMap<Uuid, Logged>,
    /// Operations of this batch so far: digest and outcome.
    seen: HashMap<Uuid, (u64, usize)>,
    items: Vec<ItemOutcome>,
    changed: Vec<(Uuid, Option<i64>)>,
    commands: Vec<CommandRow>,
    history: Vec<HistoryRow>,
    events: Vec<NewEvent>,
    drafted: Vec<Uuid>,
    next_us: i64,
    observed: Stamp,
}

/// A verdict in the making.
pub(super) type Ruling = Result<Verdict, Refusal>;

/// Why an item was not taken.
#[derive(Debug)]
pub(super) enum Refusal {
    Code(Code, String),
    Waits(WaitingFor, String),
}

impl Refusal {
    pub(super) fn code(code: Code, detail: impl Into<String>) -> Self {
        Self::Code(code, detail.into())
    }
}

impl Batch {
    pub(in crate::request) fn new(
        context: Context,
        snapshot: Snapshot,
        expected: usize,
        carry: &Carry,
    ) -> Self {
        let mut slots: HashMap<Uuid, Slot> = snapshot
            .records
            .into_iter()
            .map(|(id, stored)| {
                let foreign = stored.owner_id != context.user;
                let slot = Slot {
                    before_us: (!foreign).then_some(stored.at_us),
                    foreign,
                    stored: (!foreign).then_some(stored),
                    ..Slot::default()
                };
                (id, slot)
            })
            .collect();
        for (id, (blocked_by, refused)) in &carry.0 {
            let slot = slots.entry(*id).or_default();
            slot.blocked_by = *blocked_by;
            slot.refused = *refused;
        }
        Self {
            next_us: context
                .now_us
                .max(snapshot.head.map_or(0, |head| head.at_us) + 1),
            work: Work::new(context.text_work_us),
            context,
            catalog: snapshot.catalog,
            head: snapshot.head,
            slots,
            logged: snapshot.logged,
            seen: HashMap::with_capacity(expected),
            items: Vec::with_capacity(expected),
            changed: Vec::with_capacity(expected),
            commands: Vec::new(),
            history: Vec::new(),
            events: Vec::new(),
            drafted: Vec::with_capacity(expected),
            observed: Stamp::ZERO,
        }
    }

    /// Takes one item and writes down its verdict.
    pub(in crate::request) fn take(&mut self, item: &Result<RequestItem, Broken>) {
        let (outcome, is_news) = match item {
            Ok(item) => match self.known(item) {
                // A refusal that is remembered was told when it was made.
                Some(known) => (known, !self.logged.contains_key(&item.op_id)),
                None => (self.take_item(item), true),
            },
            Err(broken) => (self.take_broken(broken), true),
        };
        let is_reused = outcome.code == Some(Code::OpIdReused);
        if is_news || is_reused {
            let command = item.as_ref().ok().map(|item| name_of(&item.change));
            let told = refused::of_item(&self.context, command, &outcome);
            self.events.extend(told);
        }
        self.items.push(outcome);
    }

    /// Ends the pass.
    pub(in crate::request) fn finish(mut self) -> Decision {
        let last_us = self.next_us - 1;
        if !self.drafted.is_empty() {
            self.events.push(NewEvent {
                id: None,
                key: self.context.user,
                kind: events::REQUEST_DRAFTED,
                version: last_us,
                data: json!(RequestDrafted {
                    owner_id: self.context.user,
                    ids: self.drafted,
                }),
            });
        }
        let mut clock = Clock::resume(self.context.node, self.head.map_or(0, |head| head.clock));
        let now_ms = self.context.now_ms();
        clock.observe(self.observed, now_ms);
        let hlc = clock.tick(now_ms);
        let head_before = self.head;
        let at_us = if self.changed.is_empty() {
            head_before.map_or(0, |head| head.at_us)
        } else {
            last_us
        };
        Decision {
            items: self.items,
            records: self
                .slots
                .into_iter()
                .filter_map(|(id, slot)| slot.stored.map(|stored| (id, stored)))
                .collect(),
            changed: self.changed,
            commands: self.commands,
            history: self.history,
            events: self.events,
            head_before,
            head_after: Head {
                at_us,
                clock: clock.last(),
            },
            hlc,
            actor: self.context.actor,
            now_us: self.context.now_us,
        }
    }

    fn take_broken(&mut self, broken: &Broken) -> ItemOutcome {
        if let Some(id) = broken.id {
            self.slots.entry(id).or_default().refused = true;
        }
        ItemOutcome {
            op: OpRef::Given(broken.op_id.clone()),
            id: broken.id,
            verdict: Verdict::Rejected,
            code: Some(broken.code),
            detail: Some(broken.detail.clone()),
            superseded: FieldSet::default(),
            waiting_for: None,
            with_record: false,
        }
    }

    fn take_item(&mut self, item: &RequestItem) -> ItemOutcome {
        self.seen
            .insert(item.op_id, (item.digest, self.items.len()));
        let mut outcome = ItemOutcome::of(item.op_id, item.id, Verdict::Applied);
        match self.rule(item, &mut outcome) {
            Ok(verdict) => {
                outcome.verdict = verdict;
                self.remember_taken(item);
            }
            Err(Refusal::Waits(waiting_for, detail)) => {
                outcome.verdict = Verdict::Deferred;
                outcome.waiting_for = Some(waiting_for);
                outcome.detail = Some(detail);
            }
            Err(Refusal::Code(code, detail)) => {
                outcome.verdict = Verdict::Rejected;
                outcome.code = Some(code);
                outcome.detail = Some(detail);
            }
        }
        let slot = self.slots.entry(item.id).or_default();
        if outcome.is_refused_for_good() {
            slot.refused = true;
            self.remember_refused(item, &outcome);
        } else if outcome.verdict == Verdict::Deferred || outcome.is_retryable() {
            slot.blocked_by.get_or_insert(item.op_id);
        }
        outcome
    }

    /// The answer to an operation that is known already, from the log or from this batch.
    fn known(&mut self, item: &RequestItem) -> Option<ItemOutcome> {
        let is_command = kind_of(&item.change).is_some();
        if let Some(logged) = self.logged.get(&item.op_id) {
            let mut outcome = ItemOutcome::of(item.op_id, item.id, Verdict::Duplicate);
            if logged.digest != item.digest || logged.request_id != item.id {
                return Some(self.reused(item));
            }
            if let Some((code, detail)) = &logged.refusal {
                outcome.verdict = Verdict::Rejected;
                outcome.code = Some(*code);
                outcome.detail = Some(detail.clone());
                self.slots.entry(item.id).or_default().refused = true;
            }
            return Some(outcome);
        }
        let (digest, index) = *self.seen.get(&item.op_id)?;
        if digest != item.digest {
            return Some(self.reused(item));
        }
        let mut outcome = self.items.get(index)?.clone();
        if outcome.verdict == Verdict::Applied && is_command {
            outcome.verdict = Verdict::Duplicate;
            return Some(outcome);
        }
        // A repeated edit is idempotent by its stamps; a refused or waiting item is so again.
        (is_command || outcome.verdict == Verdict::Rejected).then_some(outcome)
    }

    fn reused(&mut self, item: &RequestItem) -> ItemOutcome {
        self.slots.entry(item.id).or_default().refused = true;
        ItemOutcome {
            code: Some(Code::OpIdReused),
            detail: Some("this opId was used before, with other content".to_owned()),
            ..ItemOutcome::of(item.op_id, item.id, Verdict::Rejected)
        }
    }

    fn rule(&mut self, item: &RequestItem, outcome: &mut ItemOutcome) -> Ruling {
        let slot = self.slots.entry(item.id).or_default();
        if let Some(op) = slot.blocked_by {
            let waiting_for = WaitingFor {
                kind: WaitingKind::Op,
                id: op,
            };
            return Err(Refusal::Waits(
                waiting_for,
                "waits for an earlier item of this request".to_owned(),
            ));
        }
        let now_ms = self.context.now_ms();
        if is_ahead(item.stamp, now_ms, self.context.clock_ahead_max_ms) {
            return Err(Refusal::code(
                Code::ClockAhead,
                format!(
                    "the stamp is more than {} ms ahead of the server's time, {}",
                    self.context.clock_ahead_max_ms,
                    sync_core::time::format_rfc3339(self.context.now_us)
                ),
            ));
        }
        self.observed = self.observed.max(item.stamp);
        if matches!(item.change, RequestChange::Submit { .. }) && slot.refused {
            return Err(Refusal::code(
                Code::ContentChanged,
                "an earlier item of this request was refused, so its user has not seen what would be sealed",
            ));
        }
        if slot.foreign {
            return Err(not_found());
        }
        match &item.change {
            RequestChange::Upsert(edit) => self.upsert(item, edit, outcome),
            RequestChange::Submit { seen } => self.submit(item, seen.as_ref()),
            RequestChange::Withdraw => self.withdraw(item),
            RequestChange::Delete => self.delete(item),
        }
    }

    /// The sender's own live record.
    pub(super) fn existing(&mut self, id: Uuid) -> Result<&mut Stored, Refusal> {
        let stored = self
            .slots
            .get_mut(&id)
            .and_then(|slot| slot.stored.as_mut())
            .ok_or_else(not_found)?;
        if stored.is_deleted() {
            return Err(Refusal::code(Code::Deleted, "the request was deleted"));
        }
        Ok(stored)
    }

    pub(super) fn slot(&mut self, id: Uuid) -> &mut Slot {
        self.slots.entry(id).or_default()
    }

    /// Moves a record to the end of its owner's feed, once a batch, and returns its place.
    pub(super) fn touch(&mut self, id: Uuid) -> i64 {
        let slot = self.slots.entry(id).or_default();
        let Some(stored) = slot.stored.as_mut() else {
            return self.next_us;
        };
        if !slot.changed {
            slot.changed = true;
            stored.at_us = self.next_us;
            self.changed.push((id, slot.before_us));
            self.next_us += 1;
        }
        stored.at_us
    }

    pub(super) fn draft_changed(&mut self, id: Uuid) {
        self.touch(id);
        let slot = self.slots.entry(id).or_default();
        if !slot.drafted {
            slot.drafted = true;
            self.drafted.push(id);
        }
    }

    pub(super) fn event(&mut self, event: NewEvent) {
        self.events.push(event);
    }

    /// Adds a line to the request's story.
    pub(super) fn tell(
        &mut self,
        item: &RequestItem,
        event: &'static str,
        detail: serde_json::Value,
    ) {
        self.history.push(HistoryRow {
            request_id: item.id,
            op_id: item.op_id,
            event,
            code: "",
            position: self.position(),
            detail,
        });
    }

    /// Of the item being taken.
    fn position(&self) -> i32 {
        i32::try_from(self.items.len()).unwrap_or(i32::MAX)
    }

    fn remember_taken(&mut self, item: &RequestItem) {
        if let Some(kind) = kind_of(&item.change) {
            self.commands.push(CommandRow {
                op_id: item.op_id,
                request_id: item.id,
                kind,
                digest: item.digest,
                refusal: None,
            });
        }
    }

    /// Refusals of commands are kept for good: a late copy must not succeed. What an edit said is
    /// kept in the story of the request it was meant for, where its sender may read that.
    fn remember_refused(&mut self, item: &RequestItem, outcome: &ItemOutcome) {
        let Some(code) = outcome.code else { return };
        let detail = outcome.detail.clone().unwrap_or_default();
        if self
            .slots
            .get(&item.id)
            .is_some_and(|slot| slot.stored.is_some())
        {
            let story = match &item.change {
                RequestChange::Upsert(edit) => json!({
                    "command": "upsert", "hlc": item.stamp, "fields": super::upsert::values(edit),
                }),
                other => json!({ "command": kind_of(other), "hlc": item.stamp }),
            };
            self.history.push(HistoryRow {
                request_id: item.id,
                op_id: item.op_id,
                event: "refused",
                code: code.as_str(),
                position: self.position(),
                detail: story,
            });
        }
        if let Some(kind) = kind_of(&item.change) {
            self.commands.push(CommandRow {
                op_id: item.op_id,
                request_id: item.id,
                kind,
                digest: item.digest,
                refusal: Some((code, detail)),
            });
        }
    }
}

/// The name of a command in the log; edits are idempotent by their stamps and have none.
fn kind_of(change: &RequestChange) -> Option<&'static str> {
    match change {
        RequestChange::Upsert(_) => None,
        RequestChange::Submit { .. } => Some("submit"),
        RequestChange::Withdraw => Some("withdraw"),
        RequestChange::Delete => Some("delete"),
    }
}

/// The name of a change on the wire.
fn name_of(change: &RequestChange) -> &'static str {
    kind_of(change).unwrap_or("upsert")
}

/// The same answer for another's request and for one that does not exist.
pub(super) fn not_found() -> Refusal {
    Refusal::code(Code::NotFound, "there is no such request")
}
