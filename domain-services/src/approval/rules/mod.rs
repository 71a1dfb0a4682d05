//! The rules of approval: pure, from a log to a case, and from a case and a wish to a ruling.
//!
//! * [`Fact`]: what was accepted. * [`fold`]: what follows from it. * [`Case::rule`]: what may be accepted.
//! * `news`: what others are told. * [`Batch`]: one pass over a phone's items.

mod batch;
mod case;
mod decision;
mod fact;
mod fold;
mod news;
mod ruling;
#[cfg(test)]
mod tests;

pub(super) use batch::{Batch, Context, Logged, NOT_BACK_YET, Snapshot};
pub(super) use case::{Case, Level, Phase};
pub(super) use decision::{Decision, ItemOutcome, LogRow, OpRef};
pub(super) use fact::{Fact, Pinned, Submitted};
pub(super) use fold::fold;
pub(super) use news::News;
