//! Batches of votes, beside raw upserts: of one row a vote, and of all the rows that a vote writes.

use super::{Name, Places, Workload, expect};
use crate::Result;
use crate::chain::{self, Chain, Open};
use crate::draft::Author;
use crate::phone::{Feed, Phone};
use crate::raw::{Raw, RawVotes, Rows};
use crate::report::{Against, Line};
use crate::stage::Stage;
use crate::stats::{Done, Lap, Round, timed};
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

/// Approvers, each of a category of one level of their own, and as many raw connections.
struct Votes<'s> {
    stage: &'s Stage,
    groups: Vec<Chain>,
    /// Of each group: the last batch that was sent, and its votes.
    last: Vec<(String, usize)>,
    voted: usize,
    raw: Raw,
    raw_people: Vec<(Uuid, Author)>,
    places: Places,
}

/// Three kinds of rounds, in an order that turns: the product, one raw row a vote, and as many raw rows
/// as the votes wrote.
pub(super) async fn run(stage: &Stage) -> Result<Vec<Line>> {
    let mut votes = Votes::set(stage).await?;
    votes.product().await?;
    votes.raw().await?;
    let mut counter = match &stage.options.pg {
        Some(url) => Some(RawVotes::open(url, stage.options.phones, stage.author()).await?),
        None => None,
    };
    let (mut product, mut rows, mut all_rows) = (Vec::new(), Vec::new(), Vec::new());
    let mut wall = Duration::ZERO;
    let mut number = 0;
    while number < stage.options.rounds.max(1) as usize
        || wall < Duration::from_secs(stage.options.seconds)
    {
        for turn in 0..3 {
            match (turn + number) % 3 {
                0 => {
                    let round = votes.timed(counter.as_mut()).await?;
                    wall += round.wall;
                    product.push(round);
                }
                1 => rows.extend(votes.raw().await?),
                _ => {
                    if let Some(counter) = &mut counter {
                        let batches = stage.options.batches;
                        let batch = stage.options.batch;
                        all_rows.push(counter.upsert(&stage.meter, batches, batch).await?);
                    }
                }
            }
        }
        number += 1;
    }
    votes.check().await?;
    let mut lines = vec![Line::of(Name::Votes, &product, &rows, Against::Raw, stage)?];
    if let Some(written) = counter.and_then(|counter| counter.written()) {
        eprintln!("  a vote writes {written}");
        let line = Line::of(Name::Votes, &product, &all_rows, Against::Raw, stage)?;
        lines.push(line.named("its rows"));
    }
    Ok(lines)
}

impl<'s> Votes<'s> {
    async fn set(stage: &'s Stage) -> Result<Self> {
        let mut groups = Vec::new();
        for _ in 0..stage.options.phones {
            groups.push(Chain::open(stage, 1).await?);
        }
        Ok(Self {
            stage,
            groups,
            last: Vec::new(),
            voted: 0,
            raw: stage.raw(stage.options.phones).await?,
            raw_people: (0..stage.options.phones)
                .map(|_| {
                    let mut author = stage.author();
                    (author.id(), author)
                })
                .collect(),
            places: Places::default(),
        })
    }

    /// Submits what will be voted on, in all groups at once.
    async fn prepare(&mut self) -> Result<Vec<Vec<Open>>> {
        let count = (self.stage.options.batches * self.stage.options.batch) as usize;
        let mut tasks = Vec::new();
        for mut chain in std::mem::take(&mut self.groups) {
            tasks.push(tokio::spawn(async move {
                chain.sales.wake().await?;
                for approver in &mut chain.approvers {
                    approver.wake().await?;
                }
                let open = chain.fill(count).await?;
                Ok::<_, crate::Error>((chain, open))
            }));
        }
        let mut all = Vec::new();
        for task in tasks {
            let (chain, open) = task.await??;
            self.groups.push(chain);
            all.push(open);
        }
        Ok(all)
    }

    async fn timed(&mut self, counter: Option<&mut RawVotes>) -> Result<Round> {
        let open = self.prepare().await?;
        let batch = self.stage.options.batch as usize;
        let mut jobs = Vec::new();
        self.last.clear();
        for (mut chain, open) in std::mem::take(&mut self.groups).into_iter().zip(open) {
            let mut batches = Vec::new();
            for some in open.chunks(batch) {
                let phone = chain.approvers.first_mut().ok_or("a chain of no levels")?;
                batches.push((chain::approves(&mut phone.author, some)?, some.len()));
                phone.wake().await?;
            }
            self.voted += open.len();
            self.last.extend(batches.last().cloned());
            jobs.push((chain, batches));
        }
        let mut tables_before = None;
        if let Some(counter) = counter {
            tables_before = Some((counter.tables(None).await?, counter));
        }
        let (groups, round) = timed(&self.stage.meter, jobs, |mut chain, batches| async move {
            let phone = chain.approvers.first_mut().ok_or("a chain of no levels")?;
            let (latencies_us, units) = vote(phone, batches).await?;
            Ok(Done {
                actor: chain,
                latencies_us,
                units,
            })
        })
        .await?;
        self.groups = groups;
        if let Some((before, counter)) = tables_before {
            counter.note(before, round.units).await?;
        }
        Ok(round)
    }
}

async fn vote(phone: &mut Phone, batches: Vec<(String, usize)>) -> Result<(Vec<u32>, u64)> {
    let mut latencies_us = Vec::with_capacity(batches.len());
    let mut units = 0;
    for (changes, count) in batches {
        let lap = Lap::start();
        let answer = phone.push_to(Feed::Approvals, &changes).await?;
        latencies_us.push(lap.us());
        chain::expect_applied(&answer, count)?;
        units += count as u64;
    }
    Ok((latencies_us, units))
}

impl Workload for Votes<'_> {
    async fn product(&mut self) -> Result<Round> {
        self.timed(None).await
    }

    async fn raw(&mut self) -> Result<Option<Round>> {
        let mut queues = Vec::new();
        for (owner_id, author) in &mut self.raw_people {
            let mut queue = Vec::new();
            for _ in 0..self.stage.options.batches {
                let drafts = (0..self.stage.options.batch)
                    .map(|_| (self.places.next(), author.draft()))
                    .collect();
                queue.push(Rows {
                    owner_id: *owner_id,
                    drafts,
                });
            }
            queues.push(queue);
        }
        self.raw.upsert(&self.stage.meter, queues).await
    }

    /// Every approver has voted on all of its approvals, each once, and they are approved; the last batch
    /// once more changes nothing.
    async fn check(&mut self) -> Result<()> {
        let mut approved = HashSet::new();
        for (chain, (again, count)) in self.groups.iter_mut().zip(&self.last) {
            let phone = chain.approvers.first_mut().ok_or("a chain of no levels")?;
            phone.wake().await?;
            let answer = phone.push_to(Feed::Approvals, again).await?;
            let duplicates = crate::scan::count(&answer, "\"verdict\":\"duplicate\"");
            expect("duplicates of the last batch", duplicates, *count)?;
            let mut cursor = None;
            loop {
                let page =
                    super::incoming::page(phone, "history", 1_000, cursor.as_deref()).await?;
                for record in page["items"].as_array().ok_or("no items")? {
                    let good = record["status"] == "approved" && record["myVote"] == "approve";
                    if !good || !approved.insert(record["id"].to_string()) {
                        return Err(format!("not approved, or twice: {record}").into());
                    }
                }
                match page["next"].as_str() {
                    Some(next) => cursor = Some(next.to_owned()),
                    None => break,
                }
            }
        }
        expect("approvals in the histories", approved.len(), self.voted)
    }
}
