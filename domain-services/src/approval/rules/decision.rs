//! The outcome of a batch of votes: what to answer and what to write.

use super::case::Case;
use super::fact::Fact;
use super::news::News;
use std::collections::{BTreeMap, HashMap, HashSet};
use sync_core::hlc::Stamp;
use sync_core::verdict::{Code, Verdict, WaitingFor};
use uuid::Uuid;

/// How an item named its operation: an id, or whatever a broken item had in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::approval) enum OpRef {
    Id(Uuid),
    Given(Option<String>),
}

/// The verdict on one item.
#[derive(Debug, Clone)]
pub(in crate::approval) struct ItemOutcome {
    pub(in crate::approval) op: OpRef,
    pub(in crate::approval) id: Option<Uuid>,
    pub(in crate::approval) verdict: Verdict,
    pub(in crate::approval) code: Option<Code>,
    pub(in crate::approval) detail: Option<String>,
    pub(in crate::approval) waiting_for: Option<WaitingFor>,
    /// Whether the record comes along, where its sender may see it.
    pub(in crate::approval) with_record: bool,
}

impl ItemOutcome {
    pub(super) fn of(op: Uuid, id: Uuid, verdict: Verdict) -> Self {
        Self {
            op: OpRef::Id(op),
            id: Some(id),
            verdict,
            code: None,
            detail: None,
            waiting_for: None,
            with_record: true,
        }
    }

    /// Whether the phone should send the same again.
    pub(in crate::approval) fn is_retryable(&self) -> bool {
        self.verdict == Verdict::Rejected && self.code.is_some_and(Code::is_retryable)
    }

    pub(super) fn is_refused_for_good(&self) -> bool {
        self.verdict == Verdict::Rejected && !self.is_retryable()
    }
}

/// An operation to remember, taken or refused for good.
#[derive(Debug, Clone)]
pub(in crate::approval) struct CommandRow {
    pub(in crate::approval) op_id: Uuid,
    pub(in crate::approval) approval_id: Uuid,
    pub(in crate::approval) kind: &'static str,
    pub(in crate::approval) digest: u64,
    pub(in crate::approval) refusal: Option<(Code, String)>,
}

/// A line of a case's log.
#[derive(Debug, Clone)]
pub(in crate::approval) struct LogRow {
    pub(in crate::approval) request_id: Uuid,
    /// Its place in the log, from 1.
    pub(in crate::approval) n: i64,
    pub(in crate::approval) at_us: i64,
    pub(in crate::approval) fact: Fact,
}

/// What became of cases and commands: what there is to write.
#[derive(Debug, Default)]
pub(in crate::approval) struct Decision {
    /// One a sent item, in order.
    pub(in crate::approval) items: Vec<ItemOutcome>,
    /// Every case touched or looked at, as it stands after all of it.
    pub(in crate::approval) cases: HashMap<Uuid, Case>,
    /// Of the cases that were there before: when each level's record had last changed. What is not
    /// here is new.
    pub(in crate::approval) before: HashMap<Uuid, Vec<i64>>,
    /// People who lost or regained their access to a case.
    pub(in crate::approval) access: HashSet<(Uuid, Uuid)>,
    pub(in crate::approval) log: Vec<LogRow>,
    pub(in crate::approval) commands: Vec<CommandRow>,
    pub(in crate::approval) news: Vec<News>,
    /// The greatest stamp seen.
    pub(in crate::approval) observed: Option<Stamp>,
    pub(in crate::approval) now_us: i64,
    /// The traces of the events that led to it, by request; none where a phone did.
    pub(in crate::approval) traces: BTreeMap<Uuid, String>,
}

impl Decision {
    /// Whether there is nothing to write.
    pub(in crate::approval) fn is_read_only(&self) -> bool {
        self.log.is_empty() && self.commands.is_empty() && self.news.is_empty()
    }

    /// When the next fact of a case is accepted, and by when it is judged. Facts of one case have times
    /// of their own: what changed is told by its time.
    pub(in crate::approval) fn moment_us(&self, request_id: Uuid) -> i64 {
        let last_us = self.cases.get(&request_id).map(|case| case.last_us);
        last_us.map_or(self.now_us, |last_us| {
            self.now_us.max(last_us.saturating_add(1))
        })
    }

    /// Adds a fact to a case, after the seal of what is overdue: a withdrawal that came later must not
    /// close what readers have seen sealed.
    pub(in crate::approval) fn add(&mut self, request_id: Uuid, fact: Fact) {
        self.seal_overdue(request_id);
        self.write(request_id, fact);
    }

    /// What follows from a fact, its line in the log, and the news.
    fn write(&mut self, request_id: Uuid, fact: Fact) {
        let at_us = self.moment_us(request_id);
        let Some(case) = self.cases.get_mut(&request_id) else {
            return;
        };
        self.before.entry(request_id).or_insert_with(|| {
            let levels = case.levels.iter();
            levels.map(|level| level.updated_us).collect()
        });
        if let Fact::Left { person_id } | Fact::Returned { person_id } = &fact {
            self.access.insert((request_id, *person_id));
        }
        let was = case.clone();
        case.apply_to(&was.levels, at_us, &fact);
        self.news
            .extend(super::news::news(Some(&was), case, at_us, &fact));
        self.log.push(LogRow {
            request_id,
            n: case.facts,
            at_us,
            fact,
        });
    }

    /// Seals what is overdue in a case, so that what follows is judged as if a sweeper had been there.
    pub(in crate::approval) fn seal_overdue(&mut self, request_id: Uuid) {
        while let Some(level) = self
            .cases
            .get(&request_id)
            .and_then(|case| case.overdue(self.moment_us(request_id)))
        {
            self.write(request_id, Fact::SealedByAge { level });
        }
    }

    /// Opens the case of a submitted request.
    pub(in crate::approval) fn open(&mut self, request_id: Uuid, submitted: super::Submitted) {
        let at_us = self.now_us;
        let case = Case::open(request_id, at_us, &submitted);
        let fact = Fact::Submitted(submitted);
        self.news
            .extend(super::news::news(None, &case, at_us, &fact));
        self.log.push(LogRow {
            request_id,
            n: 1,
            at_us,
            fact,
        });
        self.before.insert(request_id, Vec::new());
        self.cases.insert(request_id, case);
    }
}
