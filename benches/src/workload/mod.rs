//! The workloads, and the rounds that alternate product and raw.

mod approve;
mod conflict;
mod events;
mod history;
mod incoming;
mod pull;
mod push;
mod votes;

use crate::Result;
use crate::report::{Against, Line};
use crate::stage::Stage;
use crate::stats::Round;
use clap::ValueEnum;
use std::time::Duration;

/// A workload by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// Batches of new records.
    Push,
    /// The same batches a second time.
    Repush,
    /// Everything, from the beginning, on every phone.
    Bootstrap,
    /// Pulls that find ten changes.
    Changes,
    /// Pulls that find nothing.
    Poll,
    /// Two phones a user, 30 % of the fields edited on both.
    Conflict,
    /// Pushes at a million stored records, beside the same at ten thousand.
    History,
    /// How long a submit takes to each level, and a vote to the next.
    Approve,
    /// Batches of votes.
    Votes,
    /// What waits for an approver who has much to do.
    Incoming,
    /// Events from the outbox to a consumer.
    Events,
    /// How many of them the relay publishes.
    Relay,
}

impl Name {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Repush => "repush",
            Self::Bootstrap => "bootstrap",
            Self::Changes => "changes",
            Self::Poll => "poll",
            Self::Conflict => "conflict",
            Self::History => "history",
            Self::Approve => "approve",
            Self::Votes => "votes",
            Self::Incoming => "incoming",
            Self::Events => "events",
            Self::Relay => "relay",
        }
    }

    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Push | Self::Repush | Self::Bootstrap | Self::Conflict | Self::History => {
                "records"
            }
            Self::Changes | Self::Poll | Self::Approve => "requests",
            Self::Votes => "votes",
            Self::Incoming => "pages",
            Self::Events | Self::Relay => "events",
        }
    }
}

/// One kind of work, done by phones and by the bare database.
trait Workload {
    /// A round of the product; fails on any answer that is not what it must be.
    async fn product(&mut self) -> Result<Round>;
    /// The same rows, raw.
    async fn raw(&mut self) -> Result<Option<Round>>;
    /// After all rounds: is everything where it should be?
    async fn check(&mut self) -> Result<()>;
}

/// Runs the asked workloads in their order.
pub(crate) async fn run(stage: &Stage) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    let (mut few, mut many) = (None, None);
    for &name in &stage.options.workload {
        eprintln!("{} …", name.as_str());
        if let Some(more) = of_approvals(name, stage).await? {
            lines.extend(more);
            continue;
        }
        let line = match name {
            Name::Push => rounds(name, stage, &mut push::Push::set(stage, false).await?).await?,
            Name::Repush => rounds(name, stage, &mut push::Push::set(stage, true).await?).await?,
            Name::Conflict => {
                rounds(name, stage, &mut conflict::Conflict::set(stage).await?).await?
            }
            Name::History => history::run(stage)
                .await
                .map_err(|error| format!("history: {error}"))?,
            Name::Bootstrap | Name::Changes | Name::Poll => {
                let (kept, crowd) = match name {
                    Name::Bootstrap => (&mut few, pull::Crowd::few(stage)),
                    _ => (&mut many, pull::Crowd::many(stage)),
                };
                let filled = match kept {
                    Some(filled) => filled,
                    none => none.insert(pull::Filled::set(stage, crowd).await?),
                };
                rounds(name, stage, &mut pull::Pull::of(name, stage, filled)).await?
            }
            Name::Approve | Name::Votes | Name::Incoming | Name::Events | Name::Relay => continue,
        };
        eprintln!("{}", line.brief());
        lines.push(line);
    }
    Ok(lines)
}

/// The workloads of approvers, which tell more than one line each.
async fn of_approvals(name: Name, stage: &Stage) -> Result<Option<Vec<Line>>> {
    let told = |error| format!("{}: {error}", name.as_str());
    let lines = match name {
        Name::Approve => {
            let mut approve = approve::Approve::set(stage).await.map_err(told)?;
            let mut line = rounds(name, stage, &mut approve).await?;
            line.parts = approve.parts();
            vec![line]
        }
        Name::Votes => votes::run(stage).await.map_err(told)?,
        Name::Incoming => incoming::run(stage).await.map_err(told)?,
        Name::Events | Name::Relay => events::run(name, stage).await.map_err(told)?,
        _ => return Ok(None),
    };
    for line in &lines {
        eprintln!("{}", line.brief());
    }
    Ok(Some(lines))
}

/// A warm-up of both sides, then rounds in alternating order, then the check.
async fn rounds<W: Workload>(name: Name, stage: &Stage, work: &mut W) -> Result<Line> {
    let told = |error| format!("{}: {error}", name.as_str());
    let (mut product, mut raw) = (Vec::new(), Vec::new());
    work.product().await.map_err(told)?;
    work.raw().await.map_err(told)?;
    let least = Duration::from_secs(stage.options.seconds);
    let mut wall = Duration::ZERO;
    let mut number = 0;
    while number < stage.options.rounds.max(1) || wall < least {
        if number % 2 == 0 {
            product.push(work.product().await.map_err(told)?);
            raw.extend(work.raw().await.map_err(told)?);
        } else {
            raw.extend(work.raw().await.map_err(told)?);
            product.push(work.product().await.map_err(told)?);
        }
        wall += product.last().map_or(Duration::ZERO, |round| round.wall);
        number += 1;
    }
    work.check().await.map_err(told)?;
    Line::of(name, &product, &raw, Against::Raw, stage)
}

/// Fails with both numbers unless they are equal.
fn expect(what: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: {found}, not {expected}").into())
    }
}

/// Places of raw's feeds: as the product's, one a row, strictly rising.
#[derive(Debug, Default)]
struct Places(i64);

impl Places {
    fn next(&mut self) -> i64 {
        self.0 += 1;
        self.0
    }
}
