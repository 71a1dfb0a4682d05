//! One pass over a batch of votes, in the order of its array. The order of the checks is the one of
//! requests: known already, waits behind another, the clock, whose it is, the rules.

use super::case::Case;
use super::decision::{CommandRow, Decision, ItemOutcome, OpRef};
use super::fact::Cast;
use super::news::{Data, News};
use super::ruling::{Ruling, Wish};
use crate::events::{APPROVAL_DISMISSED, APPROVAL_REFUSED, ApprovalDismissed};
use crate::outbox::refusal_id;
use std::collections::HashMap;
use sync_core::hlc::is_ahead;
use sync_core::verdict::{Code, Verdict, WaitingFor, WaitingKind};
use sync_core::votes::Vote;
use sync_core::wire::{ApprovalItem, Broken, VoteCommand};
use uuid::Uuid;

/// What a batch is judged by besides the stored state.
#[derive(Debug, Clone, Copy)]
pub(in crate::approval) struct Context {
    pub(in crate::approval) user: Uuid,
    /// The database's clock, read after the cases were locked.
    pub(in crate::approval) now_us: i64,
    pub(in crate::approval) clock_ahead_max_ms: u64,
    /// How old an item's stamp may be while it waits for an approval unknown here.
    pub(in crate::approval) defer_max_ms: u64,
    /// The user's token is of a later version of their record than what is known here.
    pub(in crate::approval) is_behind: bool,
}

/// Why the vote of somebody waits whose token is of a later record than the one known here.
pub(in crate::approval) const NOT_BACK_YET: &str =
    "it is not known here yet that this person is an active approver";

/// An operation as it is remembered.
#[derive(Debug, Clone)]
pub(in crate::approval) struct Logged {
    pub(in crate::approval) approval_id: Uuid,
    pub(in crate::approval) digest: u64,
    pub(in crate::approval) refusal: Option<(Code, String)>,
}

/// What was read under the locks.
#[derive(Debug, Default)]
pub(in crate::approval) struct Snapshot {
    pub(in crate::approval) cases: HashMap<Uuid, Case>,
    /// Approval to request and level.
    pub(in crate::approval) places: HashMap<Uuid, (Uuid, u8)>,
    pub(in crate::approval) logged: HashMap<Uuid, Logged>,
}

/// A batch being decided.
pub(in crate::approval) struct Batch {
    context: Context,
    places: HashMap<Uuid, (Uuid, u8)>,
    logged: HashMap<Uuid, Logged>,
    /// Operations of this batch so far: digest and outcome.
    seen: HashMap<Uuid, (u64, usize)>,
    /// Approvals whose later items wait, and behind which operation.
    blocked: HashMap<Uuid, Uuid>,
    decision: Decision,
}

/// An item that was not taken.
enum Refusal {
    Code(Code, String),
    Waits(WaitingFor, &'static str),
}

impl Batch {
    pub(in crate::approval) fn new(context: Context, snapshot: Snapshot) -> Self {
        Self {
            context,
            places: snapshot.places,
            logged: snapshot.logged,
            seen: HashMap::new(),
            blocked: HashMap::new(),
            decision: Decision {
                cases: snapshot.cases,
                now_us: context.now_us,
                ..Decision::default()
            },
        }
    }

    /// Takes one item and writes down its verdict.
    pub(in crate::approval) fn take(&mut self, item: &Result<ApprovalItem, Broken>) {
        let told = self.decision.news.len();
        let (outcome, is_news) = match item {
            Ok(item) => match self.known(item) {
                // A refusal that is remembered was told when it was made.
                Some(known) => (known, !self.logged.contains_key(&item.op_id)),
                None => (self.take_item(item), true),
            },
            Err(broken) => (broken_outcome(broken), true),
        };
        let in_case = self.decision.news[told..]
            .iter()
            .any(|news| news.kind == APPROVAL_REFUSED);
        let is_reused = outcome.code == Some(Code::OpIdReused);
        if (is_news || is_reused) && !in_case {
            let command = item.as_ref().ok().map(|item| item.vote.as_str());
            self.dismiss(command, &outcome);
        }
        self.decision.items.push(outcome);
    }

    /// Takes an item that says what stands already: remembered, and without effect.
    pub(in crate::approval) fn stands(&mut self, item: &ApprovalItem) {
        let outcome = ItemOutcome::of(item.op_id, item.id, Verdict::Duplicate);
        self.remember(item, &outcome);
        self.decision.items.push(outcome);
    }

    /// Ends the pass.
    pub(in crate::approval) fn finish(self) -> Decision {
        self.decision
    }

    /// Tells of a refusal that has no place in a case.
    fn dismiss(&mut self, command: Option<&'static str>, outcome: &ItemOutcome) {
        let Some(code) = outcome
            .code
            .filter(|_| outcome.verdict == Verdict::Rejected)
        else {
            return;
        };
        let op_id = match &outcome.op {
            OpRef::Id(id) => Some(id.to_string()),
            OpRef::Given(given) => given.clone(),
        };
        let person = self.context.user;
        let operation = op_id.as_deref().unwrap_or_default();
        let place = outcome.id.and_then(|id| self.places.get(&id));
        let request_id = place.map(|(request_id, _)| *request_id);
        let record = outcome.id.unwrap_or(person);
        self.decision.news.push(News {
            id: Some(refusal_id(
                APPROVAL_DISMISSED,
                person,
                operation,
                code.as_str(),
            )),
            kind: APPROVAL_DISMISSED,
            record,
            request_id: request_id.unwrap_or(record),
            version: self.context.now_us,
            data: Data::Dismissed(ApprovalDismissed {
                approval_id: outcome.id,
                request_id,
                op_id,
                command: command.map(str::to_owned),
                code,
                detail: outcome.detail.clone().unwrap_or_default(),
            }),
        });
    }

    fn take_item(&mut self, item: &ApprovalItem) -> ItemOutcome {
        let index = self.decision.items.len();
        self.seen.insert(item.op_id, (item.digest, index));
        let mut outcome = ItemOutcome::of(item.op_id, item.id, Verdict::Applied);
        match self.rule(item) {
            Ok(verdict) => outcome.verdict = verdict,
            Err(Refusal::Waits(waiting_for, detail)) => {
                outcome.verdict = Verdict::Deferred;
                outcome.waiting_for = Some(waiting_for);
                outcome.detail = Some(detail.to_owned());
            }
            Err(Refusal::Code(code, detail)) => {
                outcome.verdict = Verdict::Rejected;
                outcome.code = Some(code);
                outcome.detail = Some(detail);
            }
        }
        if outcome.verdict == Verdict::Deferred || outcome.is_retryable() {
            self.blocked.entry(item.id).or_insert(item.op_id);
        } else {
            self.remember(item, &outcome);
        }
        outcome
    }

    /// The answer to an operation that is known already, from the log or from this batch.
    fn known(&self, item: &ApprovalItem) -> Option<ItemOutcome> {
        let mut outcome = ItemOutcome::of(item.op_id, item.id, Verdict::Duplicate);
        if let Some(logged) = self.logged.get(&item.op_id) {
            if logged.digest != item.digest || logged.approval_id != item.id {
                return Some(reused(item));
            }
            if let Some((code, detail)) = &logged.refusal {
                outcome.verdict = Verdict::Rejected;
                outcome.code = Some(*code);
                outcome.detail = Some(detail.clone());
            }
            return Some(outcome);
        }
        let (digest, index) = *self.seen.get(&item.op_id)?;
        if digest != item.digest {
            return Some(reused(item));
        }
        let first = self.decision.items.get(index)?;
        Some(match first.verdict {
            Verdict::Applied | Verdict::Merged | Verdict::Duplicate => outcome,
            Verdict::Rejected | Verdict::Deferred => first.clone(),
        })
    }

    fn rule(&mut self, item: &ApprovalItem) -> Result<Verdict, Refusal> {
        if let Some(op) = self.blocked.get(&item.id) {
            let waiting_for = WaitingFor {
                kind: WaitingKind::Op,
                id: *op,
            };
            return Err(Refusal::Waits(
                waiting_for,
                "waits for an earlier item of this approval",
            ));
        }
        let now_ms = u64::try_from(self.context.now_us / 1_000).unwrap_or(0);
        if is_ahead(item.stamp, now_ms, self.context.clock_ahead_max_ms) {
            return Err(Refusal::Code(
                Code::ClockAhead,
                format!(
                    "the stamp is more than {} ms ahead of the server's time, {}",
                    self.context.clock_ahead_max_ms,
                    sync_core::time::format_rfc3339(self.context.now_us)
                ),
            ));
        }
        self.decision.observed = self.decision.observed.max(Some(item.stamp));
        let Some((request_id, level)) = self.places.get(&item.id).copied() else {
            return Err(self.unheard_of(item, now_ms));
        };
        self.decision.seal_overdue(request_id);
        let Some(case) = self.decision.cases.get(&request_id) else {
            return Err(self.unheard_of(item, now_ms));
        };
        let may_be_back = case.inactive.contains(&self.context.user) && self.context.is_behind;
        if may_be_back && self.may_wait(item, now_ms) {
            let waiting_for = WaitingFor {
                kind: WaitingKind::Approval,
                id: item.id,
            };
            return Err(Refusal::Waits(waiting_for, NOT_BACK_YET));
        }
        let wish = wish_of(item, self.context.user, level);
        let ruling = case.rule(&wish, self.decision.moment_us(request_id));
        let verdict = ruling.verdict();
        match ruling {
            Ruling::Counts(fact) | Ruling::Superseded(fact) => {
                self.decision.add(request_id, fact);
            }
            Ruling::Stands => {}
            Ruling::Refused { code, detail, fact } => {
                if let Some(fact) = fact {
                    self.decision.add(request_id, fact);
                }
                return Err(Refusal::Code(code, detail.to_owned()));
            }
        }
        Ok(verdict)
    }

    /// Its event may be on the way, unless the phone has waited for a day.
    fn unheard_of(&self, item: &ApprovalItem, now_ms: u64) -> Refusal {
        if self.may_wait(item, now_ms) {
            let waiting_for = WaitingFor {
                kind: WaitingKind::Approval,
                id: item.id,
            };
            Refusal::Waits(waiting_for, "the approval is not known here yet")
        } else {
            Refusal::Code(Code::NotFound, "there is no such approval".to_owned())
        }
    }

    fn may_wait(&self, item: &ApprovalItem, now_ms: u64) -> bool {
        let waits_until_ms = item
            .stamp
            .millis()
            .saturating_add(self.context.defer_max_ms);
        waits_until_ms > now_ms
    }

    fn remember(&mut self, item: &ApprovalItem, outcome: &ItemOutcome) {
        let refusal = outcome
            .code
            .filter(|_| outcome.is_refused_for_good())
            .map(|code| (code, outcome.detail.clone().unwrap_or_default()));
        self.decision.commands.push(CommandRow {
            op_id: item.op_id,
            approval_id: item.id,
            kind: item.vote.as_str(),
            digest: item.digest,
            refusal,
        });
    }
}

fn broken_outcome(broken: &Broken) -> ItemOutcome {
    ItemOutcome {
        op: OpRef::Given(broken.op_id.clone()),
        id: broken.id,
        verdict: Verdict::Rejected,
        code: Some(broken.code),
        detail: Some(broken.detail.clone()),
        waiting_for: None,
        with_record: false,
    }
}

fn reused(item: &ApprovalItem) -> ItemOutcome {
    ItemOutcome {
        code: Some(Code::OpIdReused),
        detail: Some("this opId was used before, with other content".to_owned()),
        ..ItemOutcome::of(item.op_id, item.id, Verdict::Rejected)
    }
}

fn wish_of(item: &ApprovalItem, user: Uuid, level: u8) -> Wish {
    Wish {
        cast: Cast {
            level,
            approver_id: user,
            vote: match item.vote {
                VoteCommand::Approve => Some(Vote::Approve),
                VoteCommand::Reject => Some(Vote::Reject),
                VoteCommand::Rollback => None,
            },
            comment: item.comment.clone(),
            hlc: item.stamp,
            op_id: item.op_id,
        },
        revision: item.revision,
    }
}
