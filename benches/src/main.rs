//! `athena-load`: simulated phones against a running server, and the same rows against the bare database.
//!
//! Each workload alternates rounds of the product (HTTP, tokens, rules, feed, outbox) with rounds of
//! *raw*: the same rows through the same driver on as many connections, with nothing around them. The
//! ratio of the two in one run says what the product costs, whatever the machine does that day.
//! What is read is checked: a wrong count or verdict ends the run with a non-zero exit.

mod chain;
mod clock;
mod draft;
mod http;
mod phone;
mod process;
mod raw;
mod report;
mod scan;
mod stage;
mod stats;
mod workload;

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

/// Any failure: a load run has one way to fail, with a sentence.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;
/// A result of this program.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Simulated phones against a running Athena server, beside the bare database doing the same rows.
#[derive(Debug, Clone, Parser)]
#[command(name = "athena-load", version)]
pub(crate) struct Options {
    /// Where the server listens.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// The server's PostgreSQL, as a role that may create the schema `raw`. Without it the product
    /// runs alone.
    #[arg(long, conflicts_with = "raw_sqlite")]
    pub(crate) pg: Option<String>,
    /// Compare push and repush with bulk statements on a SQLite file of this process. The value is the
    /// server's data folder: the file is made there, with the tables of its `request.db`.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) raw_sqlite: Option<PathBuf>,
    /// What to run.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "push,repush,bootstrap,changes,poll,conflict"
    )]
    pub(crate) workload: Vec<workload::Name>,
    /// Phones, each with a connection of its own; raw gets as many.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) phones: u32,
    /// Phones in `changes` and `poll`, each with a connection of its own: what many idle phones cost is
    /// the question, and few requests meet when there are few.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) pollers: u32,
    /// Raw's connections in `changes` and `poll`, where it does as many requests as all pollers
    /// together. On two cores fewer than 8 are slower; from 8 to 64 its best number was not told from
    /// noise, so give several when the ratio matters.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) raw_pollers: u32,
    /// Batches a phone pushes in a round.
    #[arg(long, default_value_t = 40)]
    pub(crate) batches: u32,
    /// Records in a batch.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) batch: u32,
    /// Records every phone has before `bootstrap` is measured; before `changes` and `poll`, a tenth.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) records: u32,
    /// Requests a poller makes in a round of `changes`; polls are twice as many.
    #[arg(long, default_value_t = 500)]
    pub(crate) requests: u32,
    /// Requests that all sales people of `approve` and `events` submit in a second: few enough to measure how long news
    /// takes, and not how long a queue is.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) rate: u32,
    /// Milliseconds between two pulls of a phone of `approve`; the figures hold half of it on average.
    #[arg(long, default_value_t = 2)]
    pub(crate) poll_ms: u64,
    /// Rounds of product and raw at least.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: u32,
    /// Go on with rounds until the product alone has run for so many seconds in each workload.
    #[arg(long, default_value_t = 0)]
    pub(crate) seconds: u64,
    /// Seconds to wait at most, before and after a round, until server and database are quiet; what they
    /// do meanwhile is charged to the round. 0 does not wait.
    #[arg(long, default_value_t = 5)]
    pub(crate) settle: u32,
    /// Threads of this program.
    #[arg(long, default_value_t = 2)]
    pub(crate) threads: usize,
    /// The server's process; found by its port when left out.
    #[arg(long)]
    pub(crate) server_pid: Option<u32>,
    /// Who creates the phones' users.
    #[arg(long, default_value = "admin@demo.athena")]
    pub(crate) admin: String,
    /// The administrator's password.
    #[arg(long, env = "ATHENA_LOAD_PASSWORD", default_value = "athena-demo")]
    pub(crate) password: String,
    /// The seed of everything random; drawn from the clock when left out.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Where to write the figures as JSON.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads.max(1))
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(&options)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("athena-load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<()> {
    let stage = stage::Stage::set(options).await?;
    let lines = workload::run(&stage).await?;
    let report = report::Report::of(&stage, lines);
    print!("{}", report.table());
    if let Some(path) = &options.json {
        std::fs::write(path, report.json()?)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}
