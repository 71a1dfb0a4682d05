//! Writing a decision: the heads of all readers are locked in order of user, positions are given, and
//! everything is written with them.

use super::super::rules::{Case, Decision, News};
use super::{write_lite, write_pg};
use crate::db::{DbError, IdList, Tx, sql_by_engine};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The approver whose phone made a decision necessary.
#[derive(Debug, Clone, Copy)]
pub(in crate::approval) struct Acting {
    pub(in crate::approval) user: Uuid,
    /// The hybrid logical time to resume from.
    pub(in crate::approval) clock: u64,
}

/// Where a write has put an entry.
#[derive(Debug, Clone, Copy)]
pub(in crate::approval) struct Moved {
    pub(in crate::approval) user: Uuid,
    pub(in crate::approval) approval_id: Uuid,
    pub(in crate::approval) at_us: i64,
    /// The user's head before the write, as it was locked.
    pub(in crate::approval) head_us: i64,
}

/// A feed entry about to be written.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) user: Uuid,
    pub(super) approval_id: Uuid,
    pub(super) request_id: Uuid,
    pub(super) level: u8,
    pub(super) at_us: i64,
    pub(super) removed: bool,
    pub(super) waits: bool,
    pub(super) opened_us: i64,
    pub(super) acted_us: Option<i64>,
}

/// All rows of a decision.
pub(super) struct Rows<'d> {
    pub(super) decision: &'d Decision,
    /// Cases that were there before.
    pub(super) changed: Vec<&'d Case>,
    /// Cases opened by this decision, with their content.
    pub(super) opened: Vec<Opened<'d>>,
    pub(super) entries: Vec<Entry>,
    /// User, position, clock.
    pub(super) heads: Vec<(Uuid, i64, i64)>,
    pub(super) acting: Option<Acting>,
    pub(super) traceparent: Option<&'d str>,
}

/// A case opened by a decision.
pub(super) struct Opened<'d> {
    pub(super) case: &'d Case,
    pub(super) content: String,
    pub(super) submitted_us: i64,
}

/// Writes cases, log, operations, feeds and outbox in the caller's transaction, and tells where the
/// readers' entries are now: a number of statements that does not depend on the decision's size.
pub(in crate::approval) async fn write(
    tx: &mut Tx,
    decision: &Decision,
    acting: Option<Acting>,
    traceparent: Option<&str>,
) -> Result<Vec<Moved>, DbError> {
    let mut entries = entries(decision);
    let mut users: BTreeSet<Uuid> = entries.iter().map(|entry| entry.user).collect();
    users.extend(acting.map(|acting| acting.user));
    let mut heads = lock_heads(tx, users).await?;
    let before = heads.clone();
    for entry in &mut entries {
        if let Some(head_us) = heads.get_mut(&entry.user) {
            *head_us = decision.now_us.max(head_us.saturating_add(1));
            entry.at_us = *head_us;
        }
    }
    let moved = entries
        .iter()
        .map(|entry| Moved {
            user: entry.user,
            approval_id: entry.approval_id,
            at_us: entry.at_us,
            head_us: before.get(&entry.user).copied().unwrap_or(0),
        })
        .collect();
    let clock_of = |user: Uuid| {
        acting
            .filter(|acting| acting.user == user)
            .map_or(0, |acting| acting.clock.cast_signed())
    };
    let (opened, changed) = cases(decision);
    let rows = Rows {
        decision,
        changed,
        opened,
        entries,
        heads: heads
            .into_iter()
            .map(|(user, at_us)| (user, at_us, clock_of(user)))
            .collect(),
        acting,
        traceparent,
    };
    if tx.is_sqlite() {
        write_lite::run(tx, &rows).await?;
    } else {
        write_pg::run(tx, &rows).await?;
    }
    Ok(moved)
}

/// Locks the heads of these readers in order, making those that are missing.
async fn lock_heads(tx: &mut Tx, users: BTreeSet<Uuid>) -> Result<BTreeMap<Uuid, i64>, DbError> {
    let mut heads = read_heads(tx, &users).await?;
    if heads.len() < users.len() {
        sql_by_engine(
            "insert into feed_head (user_id, at_us, clock)
             select id, 0, 0 from unnest($1) as id order by id on conflict (user_id) do nothing",
            "insert into feed_head (user_id, at_us, clock)
             select unhex(value), 0, 0 from json_each($1) where true on conflict (user_id) do nothing",
        )
        .bind(IdList(users.iter().copied().collect()))
        .execute(&mut *tx)
        .await?;
        heads = read_heads(tx, &users).await?;
    }
    Ok(heads)
}

async fn read_heads(tx: &mut Tx, users: &BTreeSet<Uuid>) -> Result<BTreeMap<Uuid, i64>, DbError> {
    let rows: Vec<(Uuid, i64)> = sql_by_engine(
        "select user_id, at_us from feed_head where user_id = any($1) order by user_id for update",
        "select user_id, at_us from feed_head where user_id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(users.iter().copied().collect()))
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().collect())
}

fn cases(decision: &Decision) -> (Vec<Opened<'_>>, Vec<&Case>) {
    let mut changed: BTreeMap<Uuid, &Case> = decision
        .before
        .keys()
        .filter_map(|id| Some((*id, decision.cases.get(id)?)))
        .collect();
    let mut opened = Vec::new();
    for row in &decision.log {
        if let super::super::rules::Fact::Submitted(submitted) = &row.fact
            && let Some(case) = changed.remove(&row.request_id)
        {
            opened.push(Opened {
                case,
                content: submitted.content.to_string(),
                submitted_us: submitted.submitted_us,
            });
        }
    }
    (opened, changed.into_values().collect())
}

/// The entries that move: of every reader of a level whose record changed, and of people whose access
/// did. Each reader's are in the order in which the records changed.
fn entries(decision: &Decision) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (request_id, before) in &decision.before {
        let Some(case) = decision.cases.get(request_id) else {
            continue;
        };
        for (index, level) in case.levels.iter().enumerate() {
            if !level.is_visible() {
                continue;
            }
            let changed = before.get(index) != Some(&level.updated_us);
            for person in &level.approver_ids {
                if changed || decision.access.contains(&(*request_id, *person)) {
                    entries.push(entry(case, level, *person));
                }
            }
        }
    }
    entries.sort_by_key(|entry: &Entry| (entry.user, entry.at_us, entry.approval_id));
    entries
}

fn entry(case: &Case, level: &super::super::rules::Level, person: Uuid) -> Entry {
    let dissented = level
        .dissent
        .iter()
        .filter(|dissent| dissent.approver_id == person)
        .map(|dissent| dissent.accepted_us);
    let voted = level.ballots.get(&person).map(|ballot| ballot.accepted_us);
    Entry {
        user: person,
        approval_id: case.approval_id(level.number),
        request_id: case.request_id,
        level: level.number,
        at_us: level.updated_us,
        removed: case.inactive.contains(&person),
        waits: case.awaits(level, person),
        opened_us: level.basis_us.unwrap_or_default(),
        acted_us: dissented.chain(voted).max(),
    }
}

impl Rows<'_> {
    /// The trace of the event that led to this news.
    pub(super) fn trace_of(&self, news: &News) -> Option<&str> {
        self.decision
            .traces
            .get(&news.request_id)
            .map(String::as_str)
    }

    /// The levels of the opened cases: approval, request, level.
    pub(super) fn levels(&self) -> Vec<(Uuid, Uuid, u8)> {
        let levels = |case: &Case| {
            let request_id = case.request_id;
            let numbers = case.levels.iter().map(|level| level.number);
            let ids = numbers.map(|number| (case.approval_id(number), request_id, number));
            ids.collect::<Vec<_>>()
        };
        self.opened
            .iter()
            .flat_map(|row| levels(row.case))
            .collect()
    }

    /// The people in the chains of the opened cases.
    pub(super) fn seats(&self) -> Vec<(Uuid, Uuid)> {
        let opened = self.opened.iter().map(|row| row.case);
        opened.flat_map(seats_of).collect()
    }

    /// Those in the chains of cases that are over now.
    pub(super) fn empty_seats(&self) -> Vec<(Uuid, Uuid)> {
        let over = self.changed.iter().filter(|case| case.is_over());
        over.flat_map(|case| seats_of(case)).collect()
    }
}

fn seats_of(case: &Case) -> BTreeSet<(Uuid, Uuid)> {
    let people = case.levels.iter().flat_map(|level| &level.approver_ids);
    people.map(|person| (*person, case.request_id)).collect()
}
