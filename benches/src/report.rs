//! The figures, as a table for people and as JSON for comparing runs.

use crate::Result;
use crate::stage::Stage;
use crate::stats::{Round, Side, median};
use crate::workload::Name;
use serde::Serialize;
use std::fmt::Write;

/// What the product is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Against {
    /// The bare database.
    Raw,
    /// The product itself, earlier.
    Before,
}

/// How long one part of the way took.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

/// One workload's outcome.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) workload: &'static str,
    /// What is counted: records or requests.
    pub(crate) unit: &'static str,
    pub(crate) product: Side,
    /// What `raw` and the ratios are of.
    pub(crate) against: Against,
    pub(crate) raw: Option<Side>,
    /// Product to raw, units a second: the median of the rounds' own ratios.
    pub(crate) ratio_throughput: Option<f64>,
    /// Raw (database and its client) to product (database and server), CPU a unit.
    pub(crate) ratio_cpu: Option<f64>,
    /// The server's greatest resident memory so far.
    pub(crate) server_peak_mib: f64,
    pub(crate) rounds: usize,
    /// Of what the product's latency is made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<Part>,
}

impl Line {
    pub(crate) fn of(
        name: Name,
        product: &[Round],
        raw: &[Round],
        against: Against,
        stage: &Stage,
    ) -> Result<Self> {
        let product_side = Side::of(product);
        let raw_side = (!raw.is_empty()).then(|| Side::of(raw));
        let ratio_throughput = (!raw.is_empty()).then(|| {
            median(
                product
                    .iter()
                    .zip(raw)
                    .map(|(product, raw)| product.per_second() / raw.per_second().max(1e-9))
                    .collect(),
            )
        });
        let ratio_cpu = raw_side.as_ref().map(|raw| {
            let product = product_side.cpu_server_us + product_side.cpu_database_us;
            let raw = match against {
                Against::Raw => raw.cpu_client_us + raw.cpu_database_us,
                Against::Before => raw.cpu_server_us + raw.cpu_database_us,
            };
            raw / product.max(1e-9)
        });
        Ok(Self {
            workload: name.as_str(),
            unit: name.unit(),
            product: product_side,
            against,
            raw: raw_side,
            ratio_throughput,
            ratio_cpu,
            server_peak_mib: stage.meter.peak_mib()?,
            rounds: product.len(),
            parts: Vec::new(),
        })
    }

    /// The same figures under another name: a second comparison, say.
    pub(crate) fn named(self, workload: &'static str) -> Self {
        Self { workload, ..self }
    }

    /// One line while the run goes on.
    pub(crate) fn brief(&self) -> String {
        format!(
            "  {:.0} {} a second{}",
            self.product.per_second,
            self.unit,
            self.ratio_throughput
                .map_or_else(String::new, |ratio| format!(", {ratio:.2} of raw")),
        )
    }
}

/// All of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    seed: u64,
    cores: usize,
    phones: u32,
    pollers: u32,
    raw_pollers: u32,
    batch: u32,
    batches: u32,
    records: u32,
    compared_with: String,
    workloads: Vec<Line>,
}

impl Report {
    pub(crate) fn of(stage: &Stage, workloads: Vec<Line>) -> Self {
        let options = &stage.options;
        Self {
            seed: stage.seed,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            phones: options.phones,
            pollers: options.pollers,
            raw_pollers: options.raw_pollers,
            batch: options.batch,
            batches: options.batches,
            records: options.records,
            compared_with: stage.database.clone(),
            workloads,
        }
    }

    pub(crate) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// CPU is in microseconds a record or request; `ratio` is product to raw, by throughput and by CPU.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        let head = format!(
            "{} phones, batches of {}, {} cores, raw: {}, seed {}\n\
             changes and poll: {} phones, raw on {} connections\n\n\
             {:<10} {:<8} {:>10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>6} {:>6} {:>6}\n",
            self.phones,
            self.batch,
            self.cores,
            self.compared_with,
            self.seed,
            self.pollers,
            self.raw_pollers,
            "workload",
            "side",
            "a second",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "server",
            "db",
            "client",
            "ratio",
            "cpu",
            "MiB",
        );
        table.push_str(&head);
        for line in &self.workloads {
            let ratio = |ratio: Option<f64>| {
                ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
            };
            row(
                &mut table,
                line.workload,
                "product",
                &line.product,
                &format!(
                    " {:>6} {:>6} {:>6.0}",
                    ratio(line.ratio_throughput),
                    ratio(line.ratio_cpu),
                    line.server_peak_mib
                ),
            );
            if let Some(raw) = &line.raw {
                let side = match line.against {
                    Against::Raw => "raw",
                    Against::Before => "before",
                };
                row(&mut table, "", side, raw, "");
            }
            for part in &line.parts {
                let written = writeln!(
                    table,
                    "  {:<28} {:>9.2} {:>8.2} {:>8.2}  max {:.2}",
                    part.name, part.p50_ms, part.p95_ms, part.p99_ms, part.max_ms
                );
                debug_assert!(written.is_ok(), "writing to a string");
            }
        }
        table
    }
}

fn row(table: &mut String, workload: &str, side: &str, figures: &Side, end: &str) {
    let written = writeln!(
        table,
        "{workload:<10} {side:<8} {:>10.0} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>8.2}{end}",
        figures.per_second,
        figures.p50_ms,
        figures.p95_ms,
        figures.p99_ms,
        figures.cpu_server_us,
        figures.cpu_database_us,
        figures.cpu_client_us,
    );
    debug_assert!(written.is_ok(), "writing to a string");
}
