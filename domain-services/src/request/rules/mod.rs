//! What becomes of a batch: pure, from what is stored and what was sent to verdicts and writes.

mod chain;
mod decide;
mod decision;
mod lifecycle;
mod progress;
mod refused;
mod submit;
#[cfg(test)]
mod tests;
mod upsert;

pub(super) use chain::{Catalog, Category, Level, Reason, Standing};
pub(super) use decide::{Batch, Carry, Context, Snapshot};
pub(super) use decision::{CommandRow, Decision, HistoryRow, ItemOutcome, NewEvent, OpRef};
pub(super) use progress::{LevelNews, Progress};
pub(super) use refused::{Refused, refused};
pub(super) use submit::{create, digest_of_content};
