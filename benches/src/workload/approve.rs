//! How long news takes: submitted → L1 → L2 → L3 → approved, each hop from the answer that told its cause
//! to the pull that shows its effect.
//!
//! Phones pull every `--poll-ms` (as a phone would after a poke), so a figure holds the pull's own time
//! and half a pause on average. A group is one sales person (two phones: one submits, one pulls) and one
//! approver a level; submits come at a fixed pace, so that the figures are of lag and not of a queue.

use super::{Workload, expect};
use crate::Result;
use crate::chain::{self, Chain, PATIENCE, Prose};
use crate::phone::{Feed, Phone};
use crate::report::Part;
use crate::stage::Stage;
use crate::stats::{Done, Round, quantile_ms, timed};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

const LEVELS: u8 = 3;
/// Phones of a group.
const GROUP: u32 = 5;
const HOPS: [&str; 4] = [
    "submit answered -> L1 sees",
    "L1's vote answered -> L2 sees",
    "L2's vote answered -> L3 sees",
    "L3's vote answered -> owner",
];

/// When which request was seen first, or its command answered.
type Times = HashMap<Uuid, Instant>;

/// Groups that submit and approve.
pub(super) struct Approve<'s> {
    stage: &'s Stage,
    groups: Vec<Chain>,
    submitted: Vec<HashSet<Uuid>>,
    /// Of each hop, in microseconds; the warm-up's are left out.
    hops_us: [Vec<u32>; HOPS.len()],
    warm: bool,
}

/// What a phone does in a round.
enum Role {
    Submit { prose: Prose, every: Duration },
    Approve(u8),
    Own,
}

/// What it brings back.
struct Log {
    group: usize,
    role: Role,
    phone: Phone,
    seen: Times,
    answered: Times,
}

impl<'s> Approve<'s> {
    pub(super) async fn set(stage: &'s Stage) -> Result<Self> {
        let mut groups = Vec::new();
        for _ in 0..(stage.options.phones / GROUP).max(1) {
            groups.push(Chain::open(stage, u32::from(LEVELS)).await?);
        }
        Ok(Self {
            submitted: vec![HashSet::new(); groups.len()],
            stage,
            groups,
            hops_us: Default::default(),
            warm: false,
        })
    }

    /// The hops of all rounds but the warm-up.
    pub(super) fn parts(mut self) -> Vec<Part> {
        let parts = HOPS.into_iter().zip(&mut self.hops_us);
        parts
            .map(|(name, hop_us)| {
                hop_us.sort_unstable();
                Part {
                    name,
                    p50_ms: quantile_ms(hop_us, 50),
                    p95_ms: quantile_ms(hop_us, 95),
                    p99_ms: quantile_ms(hop_us, 99),
                    max_ms: quantile_ms(hop_us, 100),
                }
            })
            .collect()
    }

    fn jobs(&mut self) -> Vec<(Log, ())> {
        let groups = u32::try_from(self.groups.len()).unwrap_or(1);
        let every = Duration::from_secs(1) * groups / self.stage.options.rate;
        let mut jobs = Vec::new();
        for (group, chain) in std::mem::take(&mut self.groups).into_iter().enumerate() {
            let prose = chain.prose;
            let mut roles = vec![
                (Role::Submit { prose, every }, chain.sales),
                (Role::Own, chain.owner),
            ];
            roles.extend((1..).map(Role::Approve).zip(chain.approvers));
            jobs.extend(roles.into_iter().map(|(role, phone)| {
                let log = Log {
                    group,
                    role,
                    phone,
                    seen: Times::new(),
                    answered: Times::new(),
                };
                (log, ())
            }));
        }
        jobs
    }

    /// Puts one group's phones together again and takes the times of its hops: a request that was seen
    /// before the answer came back took no time. Returns each request's whole way.
    fn take(&mut self, group: usize, mut logs: Vec<Log>) -> Result<Vec<u32>> {
        logs.sort_by_key(|log| match log.role {
            Role::Submit { .. } => 0,
            Role::Approve(level) => level,
            Role::Own => LEVELS + 1,
        });
        let mut whole_us = Vec::new();
        for (hop, pair) in logs.windows(2).enumerate() {
            expect(HOPS[hop], pair[1].seen.len(), pair[0].answered.len())?;
            for (request_id, caused) in &pair[0].answered {
                let seen = pair[1].seen.get(request_id);
                let seen = seen.ok_or_else(|| format!("{request_id}: never: {}", HOPS[hop]))?;
                if self.warm {
                    self.hops_us[hop].push(micros(*caused, *seen));
                }
            }
        }
        let (Some(first), Some(last)) = (logs.first(), logs.last()) else {
            return Err("a group without phones".into());
        };
        for (request_id, caused) in &first.answered {
            whole_us.extend(last.seen.get(request_id).map(|seen| micros(*caused, *seen)));
            self.submitted[group].insert(*request_id);
        }
        let mut phones = logs.into_iter();
        let (Some(sales), Some(owner)) = (phones.next(), phones.next_back()) else {
            return Err("a group without phones".into());
        };
        let Role::Submit { prose, .. } = sales.role else {
            return Err("a group without a sales person".into());
        };
        self.groups.push(Chain {
            approvers: phones.map(|log| log.phone).collect(),
            sales: sales.phone,
            owner: owner.phone,
            prose,
        });
        Ok(whole_us)
    }
}

impl Workload for Approve<'_> {
    async fn product(&mut self) -> Result<Round> {
        let mut jobs = self.jobs();
        for (log, ()) in &mut jobs {
            log.phone.wake().await?;
        }
        let count = self.stage.options.batches as usize;
        let pause = Duration::from_millis(self.stage.options.poll_ms);
        let (logs, mut round) = timed(&self.stage.meter, jobs, move |log, ()| async move {
            let log = tokio::time::timeout(PATIENCE * 5, work(log, count, pause)).await;
            Ok(Done {
                units: 0,
                latencies_us: Vec::new(),
                actor: log.map_err(|_| "some request has not arrived")??,
            })
        })
        .await?;
        let mut groups: Vec<Vec<Log>> = Vec::new();
        groups.resize_with(self.submitted.len(), Vec::new);
        for log in logs {
            groups[log.group].push(log);
        }
        for (group, logs) in groups.into_iter().enumerate() {
            let whole_us = self.take(group, logs)?;
            round.units += whole_us.len() as u64;
            round.latencies_us.extend(whole_us);
        }
        self.warm = true;
        Ok(round)
    }

    async fn raw(&mut self) -> Result<Option<Round>> {
        Ok(None)
    }

    /// On every level's and the owner's phones: each request once, approved.
    async fn check(&mut self) -> Result<()> {
        for (chain, submitted) in self.groups.iter_mut().zip(&self.submitted) {
            let phones = chain
                .approvers
                .iter_mut()
                .map(|phone| (phone, Feed::Approvals));
            for (phone, feed) in phones.chain([(&mut chain.owner, Feed::Requests)]) {
                phone.wake().await?;
                phone.last_sync = None;
                let mut approved = HashSet::new();
                loop {
                    let page = phone.pull(feed).await?;
                    let more = crate::scan::has_more(&page).ok_or("a page without hasMore")?;
                    let page: Value = serde_json::from_slice(&page)?;
                    for change in page["changes"].as_array().ok_or("no changes")? {
                        let record = &change["record"];
                        if record["status"] == "approved" && !approved.insert(request_id(record)?) {
                            return Err(format!("twice in a feed: {record}").into());
                        }
                    }
                    if !more {
                        break;
                    }
                }
                if approved != *submitted {
                    return Err(format!(
                        "{} requests are approved in a feed, {} were submitted",
                        approved.len(),
                        submitted.len()
                    )
                    .into());
                }
            }
        }
        Ok(())
    }
}

fn request_id(record: &Value) -> Result<Uuid> {
    let id = record["requestId"].as_str().or(record["id"].as_str());
    Ok(id.ok_or("a record without an id")?.parse()?)
}

fn micros(from: Instant, to: Instant) -> u32 {
    u32::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u32::MAX)
}

/// One phone's part of a round of `count` requests.
async fn work(mut log: Log, count: usize, pause: Duration) -> Result<Log> {
    match log.role {
        Role::Submit { prose, every } => submit(&mut log, prose, count, every).await?,
        Role::Approve(_) => approve(&mut log, count, pause).await?,
        Role::Own => own(&mut log, count, pause).await?,
    }
    Ok(log)
}

async fn submit(log: &mut Log, prose: Prose, count: usize, every: Duration) -> Result<()> {
    let mut pace = tokio::time::interval(every);
    for _ in 0..count {
        let (changes, ids) = prose.submits(&mut log.phone.author, 1)?;
        pace.tick().await;
        let answer = log.phone.push(&changes).await?;
        let now = Instant::now();
        chain::expect_applied(&answer, 2)?;
        log.answered.extend(ids.into_iter().map(|id| (id, now)));
    }
    Ok(())
}

/// Approves whatever appears, until all has: what comes with the answer to a push counts as well.
async fn approve(log: &mut Log, count: usize, pause: Duration) -> Result<()> {
    let mut open = Vec::new();
    while log.answered.len() < count {
        let votes = open.len();
        let answer = if votes == 0 {
            tokio::time::sleep(pause).await;
            log.phone.pull(Feed::Approvals).await?
        } else {
            let changes = chain::approves(&mut log.phone.author, &open)?;
            log.phone.push_to(Feed::Approvals, &changes).await?
        };
        let now = Instant::now();
        chain::expect_applied(&answer, votes)?;
        log.answered.extend(
            open.drain(..)
                .map(|open: chain::Open| (open.request_id, now)),
        );
        open = chain::opened(&serde_json::from_slice(&answer)?)?;
        for approval in &open {
            if log.seen.insert(approval.request_id, now).is_some() {
                return Err(format!("{}: open a second time", approval.id).into());
            }
        }
    }
    Ok(())
}

async fn own(log: &mut Log, count: usize, pause: Duration) -> Result<()> {
    while log.seen.len() < count {
        tokio::time::sleep(pause).await;
        let page = log.phone.pull(Feed::Requests).await?;
        let now = Instant::now();
        let page: Value = serde_json::from_slice(&page)?;
        for change in page["changes"].as_array().ok_or("no changes")? {
            let record = &change["record"];
            if record["status"] == "approved" {
                log.seen.entry(request_id(record)?).or_insert(now);
            }
        }
    }
    Ok(())
}
