//! What a round measured, and what many rounds say.

use crate::Result;
use crate::process::{CpuUs, Meter};
use serde::Serialize;
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// One round of one side.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    /// Records or requests done.
    pub(crate) units: u64,
    pub(crate) wall: Duration,
    pub(crate) latencies_us: Vec<u32>,
    pub(crate) cpu: CpuUs,
}

impl Round {
    pub(crate) fn per_second(&self) -> f64 {
        float(self.units) / self.wall.as_secs_f64().max(1e-9)
    }
}

/// What one worker brings back: its state, and the latency of each of its exchanges.
pub(crate) struct Done<A> {
    pub(crate) actor: A,
    pub(crate) latencies_us: Vec<u32>,
    pub(crate) units: u64,
}

/// A stopwatch for single exchanges.
pub(crate) struct Lap(Instant);

impl Lap {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn us(&self) -> u32 {
        u32::try_from(self.0.elapsed().as_micros()).unwrap_or(u32::MAX)
    }
}

/// Runs `work` for every actor at once, timed from the first start to the last end; CPU is counted
/// until server and database are quiet again.
pub(crate) async fn timed<A, J, W, F>(
    meter: &Meter,
    actors: Vec<(A, J)>,
    work: W,
) -> Result<(Vec<A>, Round)>
where
    A: Send + 'static,
    J: Send + 'static,
    W: Fn(A, J) -> F,
    F: Future<Output = Result<Done<A>>> + Send + 'static,
{
    meter.settle().await?;
    let before = meter.read()?;
    let start = Instant::now();
    let tasks: Vec<_> = actors
        .into_iter()
        .map(|(actor, job)| tokio::spawn(work(actor, job)))
        .collect();
    let mut back = Vec::with_capacity(tasks.len());
    for task in tasks {
        back.push(task.await??);
    }
    let wall = start.elapsed();
    meter.settle().await?;
    let cpu = meter.read()? - before;
    let mut round = Round {
        units: 0,
        wall,
        latencies_us: Vec::new(),
        cpu,
    };
    let mut actors = Vec::with_capacity(back.len());
    for done in back {
        round.units += done.units;
        round.latencies_us.extend(done.latencies_us);
        actors.push(done.actor);
    }
    Ok((actors, round))
}

/// All rounds of one side.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Side {
    pub(crate) units: u64,
    /// Units a second: the median of the rounds.
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    /// CPU microseconds a unit.
    pub(crate) cpu_server_us: f64,
    pub(crate) cpu_database_us: f64,
    pub(crate) cpu_client_us: f64,
}

impl Side {
    pub(crate) fn of(rounds: &[Round]) -> Self {
        let units: u64 = rounds.iter().map(|round| round.units).sum();
        let mut latencies: Vec<u32> = rounds
            .iter()
            .flat_map(|round| round.latencies_us.iter().copied())
            .collect();
        latencies.sort_unstable();
        let mut cpu = CpuUs::default();
        for round in rounds {
            cpu += round.cpu;
        }
        let a_unit = |us: u64| float(us) / float(units.max(1));
        Self {
            units,
            per_second: median(rounds.iter().map(Round::per_second).collect()),
            p50_ms: quantile_ms(&latencies, 50),
            p95_ms: quantile_ms(&latencies, 95),
            p99_ms: quantile_ms(&latencies, 99),
            cpu_server_us: a_unit(cpu.server),
            cpu_database_us: a_unit(cpu.database),
            cpu_client_us: a_unit(cpu.client),
        }
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

pub(crate) fn quantile_ms(sorted_us: &[u32], percent: usize) -> f64 {
    let Some(last) = sorted_us.len().checked_sub(1) else {
        return 0.0;
    };
    f64::from(sorted_us[(sorted_us.len() * percent / 100).min(last)]) / 1_000.0
}

#[allow(
    clippy::cast_precision_loss,
    reason = "counts of a run are far below 2^52"
)]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}
