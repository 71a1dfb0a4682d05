//! The rules at work on one request, with the oracle looking on: whatever is done is done to both, and
//! they are compared after every step.

use super::super::fact::Cast;
use super::super::ruling::Wish;
use super::super::{
    Batch, Case, Context, Decision, Fact, ItemOutcome, Logged, Pinned, Snapshot, Submitted, fold,
};
use super::oracle::{Answer, Chain, Command, Moment, Oracle, Person, Says};
use super::people::{
    APPROVALS, OTHER_REVISION, REQUEST, REVISION, hours, id_of, name, sentence, verdict,
};
use super::promises::{self, Step};
use super::seen::compare;
use super::told::Listener;
use std::collections::HashMap;
use sync_core::hlc::{NodeId, Stamp};
use sync_core::verdict::{Verdict, WaitingKind};
use sync_core::votes::Vote;
use sync_core::wire::{ApprovalItem, VoteCommand};
use uuid::Uuid;

/// What went otherwise than it must.
#[derive(Debug)]
pub(super) struct Unlike(pub(super) String);

/// What every step comes to.
pub(super) type Steps<T = ()> = Result<T, Unlike>;

pub(super) struct Desk {
    pub(super) case: Case,
    pub(super) log: Vec<(Moment, Fact)>,
    pub(super) oracle: Oracle,
    logged: HashMap<(Person, Uuid), Logged>,
    /// The fold of the log, kept beside the live state.
    folded: Case,
    /// What readers saw last.
    seen: Case,
    listener: Listener,
    story: Option<Vec<String>>,
}

impl Desk {
    /// A request was submitted.
    pub(super) fn open(now: Moment, chain: Chain, tells: bool) -> Self {
        let mut decision = Decision {
            now_us: now,
            ..Decision::default()
        };
        decision.open(REQUEST, submitted(now, &chain));
        let case = decision.cases.remove(&REQUEST).unwrap();
        let log = decision
            .log
            .drain(..)
            .map(|row| (row.at_us, row.fact))
            .collect();
        let mut desk = Self {
            oracle: Oracle::new(chain, now),
            folded: case.clone(),
            seen: case.clone(),
            case,
            log,
            logged: HashMap::new(),
            listener: Listener::default(),
            story: tells.then(Vec::new),
        };
        desk.listener.hear(&decision.news);
        desk.tell(now, |desk| {
            let levels = desk.oracle.chain().levels.iter();
            let levels = levels.map(|seats| {
                let names: Vec<_> = seats.approvers.iter().copied().map(name).collect();
                format!("{} of {}", seats.quorum, names.join(", "))
            });
            let levels: Vec<_> = levels.collect();
            format!("Olga submits; the levels are: {}", levels.join("; "))
        });
        desk
    }

    /// What happened so far, a line each.
    pub(super) fn story(&self) -> String {
        self.story.as_deref().unwrap_or_default().join("\n")
    }

    pub(super) fn tell(&mut self, now: Moment, line: impl FnOnce(&Self) -> String) {
        if self.story.is_some() {
            let line = format!("{:>9}  {}", hours(now), line(self));
            self.story
                .iter_mut()
                .for_each(|story| story.push(line.clone()));
        }
    }

    /// A batch of one person arrives.
    pub(super) fn deliver(&mut self, now: Moment, batch: &[Command]) -> Steps<Vec<Answer>> {
        let Some(sender) = batch.first().map(|command| command.person) else {
            return Ok(Vec::new());
        };
        let snapshot = Snapshot {
            cases: HashMap::from([(REQUEST, self.case.clone())]),
            places: (1..=3)
                .map(|level| (APPROVALS[usize::from(level)], (REQUEST, level)))
                .collect(),
            logged: batch
                .iter()
                .filter_map(|command| {
                    let logged = self.logged.get(&(sender, op_id(command.op)))?;
                    Some((op_id(command.op), logged.clone()))
                })
                .collect(),
        };
        let context = Context {
            user: id_of(sender),
            now_us: now,
            clock_ahead_max_ms: 60_000,
            defer_max_ms: 24 * 3_600_000,
            is_behind: false,
        };
        let mut at_work = Batch::new(context, snapshot);
        for command in batch {
            at_work.take(&Ok(item(command)));
        }
        let decision = at_work.finish();
        let expected = self.oracle.hear(now, batch);
        let got = answers(&decision);
        self.tell(now, |_| story_of_batch(batch, &expected, &got));
        if expected != got {
            return Err(Unlike("another verdict was expected".to_owned()));
        }
        for command in &decision.commands {
            let logged = Logged {
                approval_id: command.approval_id,
                digest: command.digest,
                refusal: command.refusal.clone(),
            };
            if self
                .logged
                .insert((sender, command.op_id), logged)
                .is_some()
            {
                return Err(Unlike("an operation was remembered twice".to_owned()));
            }
        }
        let applied = batch
            .iter()
            .zip(&got)
            .filter(|(_, answer)| **answer == Answer::Applied);
        if applied.into_iter().any(|(command, _)| command.stale) {
            return Err(Unlike(
                "a vote about another revision took effect".to_owned(),
            ));
        }
        self.settle(now, decision)?;
        Ok(got)
    }

    /// The sweeper comes by.
    pub(super) fn sweep(&mut self, now: Moment) -> Steps {
        self.tell(now, |_| "The sweeper comes by".to_owned());
        let mut decision = self.decision(now);
        decision.seal_overdue(REQUEST);
        self.oracle.look(now);
        self.settle(now, decision)
    }

    /// Somebody of the chain is deactivated, or comes back.
    pub(super) fn turn(&mut self, now: Moment, person: Person) -> Steps {
        let person_id = id_of(person);
        let mut decision = self.decision(now);
        if self.case.inactive.contains(&person_id) {
            self.tell(now, |_| format!("{} is active again", name(person)));
            decision.add(REQUEST, Fact::Returned { person_id });
            self.oracle.returns(now, person);
        } else {
            self.tell(now, |_| format!("{} is deactivated", name(person)));
            decision.add(REQUEST, Fact::Left { person_id });
            self.oracle.leaves(now, person);
        }
        self.settle(now, decision)
    }

    /// The news of a withdrawal arrives; a second one is no news.
    pub(super) fn withdraw(&mut self, now: Moment) -> Steps {
        self.tell(now, |_| "Olga's withdrawal arrives".to_owned());
        if self.case.withdrawn {
            return Ok(());
        }
        let mut decision = self.decision(now);
        decision.add(REQUEST, Fact::Withdrawn);
        self.oracle.is_withdrawn(now);
        self.settle(now, decision)
    }

    /// What is to be seen at a moment: the same as the oracle sees, and nothing sealed undone.
    pub(super) fn look(&mut self, now: Moment) -> Steps {
        let visible = self.case.clone().seen_at(now);
        let expected = self.oracle.picture(now.max(self.case.last_us));
        compare(&visible, &expected)?;
        promises::sealed_stays(&self.seen, &visible)?;
        promises::a_change_is_dated(&self.seen, &visible)?;
        self.seen = visible;
        Ok(())
    }

    /// The whole log from its beginning, as it is stored.
    pub(super) fn replay(&self) -> Steps {
        let stored = serde_json::to_string(&self.log).unwrap();
        let log: Vec<(Moment, Fact)> = serde_json::from_str(&stored).unwrap();
        let replayed = fold(REQUEST, log.iter().map(|(at, fact)| (*at, fact))).unwrap();
        if replayed == self.case {
            Ok(())
        } else {
            Err(Unlike(format!(
                "replayed: {replayed:#?}\nlive: {:#?}",
                self.case
            )))
        }
    }

    fn decision(&self, now: Moment) -> Decision {
        Decision {
            cases: HashMap::from([(REQUEST, self.case.clone())]),
            now_us: now,
            ..Decision::default()
        }
    }

    /// Writes a decision as the store would, and checks the promises of each of its facts.
    fn settle(&mut self, now: Moment, mut decision: Decision) -> Steps {
        self.case = decision.cases.remove(&REQUEST).unwrap();
        self.listener.hear(&decision.news);
        let wrote = !decision.log.is_empty();
        for row in decision.log {
            let before = self.folded.clone();
            self.folded.apply(row.at_us, &row.fact);
            promises::check(&Step {
                before: &before,
                after: &self.folded,
                at: row.at_us,
                fact: &row.fact,
            })?;
            if row.n != self.folded.facts || row.at_us < now {
                return Err(Unlike(
                    "the log has a gap, or a time before its moment".to_owned(),
                ));
            }
            self.log.push((row.at_us, row.fact));
        }
        if self.folded != self.case {
            return Err(Unlike(
                "the fold of the log is not the live state".to_owned(),
            ));
        }
        if wrote {
            self.listener.agrees_with(&self.case)?;
        }
        self.look(now)
    }
}

/// What the event of a submit tells.
pub(super) fn submitted(now: Moment, chain: &Chain) -> Submitted {
    let pinned = (1..).zip(&chain.levels).map(|(level, seats)| Pinned {
        level,
        approver_ids: seats.approvers.iter().copied().map(id_of).collect(),
        quorum: seats.quorum,
    });
    Submitted {
        owner_id: id_of(chain.owner),
        revision: REVISION,
        submitted_us: now,
        window_us: chain.window_us,
        grace_us: chain.grace_us,
        levels: pinned.collect(),
        content: serde_json::Value::Null,
    }
}

/// A command without its batch.
pub(super) fn wish(command: &Command) -> Wish {
    Wish {
        cast: Cast {
            level: command.level,
            approver_id: id_of(command.person),
            vote: match command.says {
                Says::Approve => Some(Vote::Approve),
                Says::Reject => Some(Vote::Reject),
                Says::Rollback => None,
            },
            comment: command.comment.map(str::to_owned),
            hlc: stamp(command),
            op_id: op_id(command.op),
        },
        revision: if command.stale {
            OTHER_REVISION
        } else {
            REVISION
        },
    }
}

fn op_id(op: u32) -> Uuid {
    Uuid::from_u128(0x1000 + u128::from(op))
}

fn stamp(command: &Command) -> Stamp {
    let said = command.stamp;
    Stamp::new(said.ms, said.counter, NodeId::new(said.node)).unwrap()
}

fn item(command: &Command) -> ApprovalItem {
    ApprovalItem::new(
        op_id(command.op),
        APPROVALS[usize::from(command.level)],
        stamp(command),
        if command.stale {
            OTHER_REVISION
        } else {
            REVISION
        },
        match command.says {
            Says::Approve => VoteCommand::Approve,
            Says::Reject => VoteCommand::Reject,
            Says::Rollback => VoteCommand::Rollback,
        },
        command.comment.map(str::to_owned),
    )
}

fn answers(decision: &Decision) -> Vec<Answer> {
    let answer = |item: &ItemOutcome| match (item.verdict, item.waiting_for) {
        (Verdict::Applied, _) => Answer::Applied,
        (Verdict::Merged, _) => Answer::Merged,
        (Verdict::Duplicate, _) => Answer::Duplicate,
        (Verdict::Rejected, _) => Answer::Refused(item.code.unwrap().as_str()),
        (Verdict::Deferred, Some(waits)) if waits.kind == WaitingKind::Op => {
            Answer::WaitsBehind(u32::try_from(waits.id.as_u128() - 0x1000).unwrap())
        }
        (Verdict::Deferred, _) => Answer::WaitsForApproval,
    };
    decision.items.iter().map(answer).collect()
}

fn story_of_batch(batch: &[Command], expected: &[Answer], got: &[Answer]) -> String {
    let mut lines = Vec::new();
    for (index, command) in batch.iter().enumerate() {
        let (expected, got) = (expected[index], got[index]);
        let line = format!("{}: {}", sentence(command), verdict(got));
        lines.push(if expected == got {
            line
        } else {
            format!("{line}   <-- expected: {}", verdict(expected))
        });
    }
    lines.join("\n           ")
}
