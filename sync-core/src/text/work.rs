//! What text edits may cost: a budget a batch, in nominal microseconds.
//!
//! Nominal: computed from sizes, never measured, so the same batch is cut at the same place on every
//! machine and at every replay. The rates are upper ends of what an optimised build takes on one core of
//! a server (`cargo bench -p benches --bench text`); most edits take a third of what they are charged.

use super::TextError;

/// The cost that the text edits of one batch may have, in nominal microseconds.
#[derive(Debug, Clone)]
pub struct Work {
    budget_us: u64,
    spent_us: u64,
    begun: bool,
}

impl Work {
    /// A budget of nominal microseconds.
    #[must_use]
    pub const fn new(budget_us: u64) -> Work {
        Work {
            budget_us,
            spent_us: 0,
            begun: false,
        }
    }

    /// A budget that is never spent, for replays.
    #[must_use]
    pub const fn unlimited() -> Work {
        Work::new(u64::MAX)
    }

    /// Nominal microseconds spent so far.
    #[must_use]
    pub const fn spent_us(&self) -> u64 {
        self.spent_us
    }

    /// Begins an edit. The first of a batch is admitted whatever it costs (never more than
    /// [`EDIT_MAX_US`]): a phone that sends one at a time always gets on.
    pub(super) fn begin(&mut self) -> Task<'_> {
        let first = !std::mem::replace(&mut self.begun, true);
        Task {
            work: self,
            first,
            cost_us: 0,
        }
    }
}

/// The cost of one edit.
pub(super) struct Task<'a> {
    work: &'a mut Work,
    first: bool,
    cost_us: u64,
}

/// Whether an edit goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    /// Do the step.
    Yes,
    /// The edit as a whole would cost more than [`EDIT_MAX_US`].
    TooHeavy,
}

impl Task<'_> {
    /// Asks for the next step of the edit, before doing it. What was spent on an edit that is then not
    /// admitted stays spent: it was.
    pub(super) fn admit(&mut self, cost_us: u64) -> Result<Admitted, TextError> {
        let cost = self.cost_us.saturating_add(cost_us);
        if cost > EDIT_MAX_US {
            return Ok(Admitted::TooHeavy);
        }
        let spent = self.work.spent_us.saturating_add(cost_us);
        if !self.first && spent > self.work.budget_us {
            return Err(TextError::OverBudget);
        }
        self.cost_us = cost;
        self.work.spent_us = spent;
        Ok(Admitted::Yes)
    }
}

/// The most that one edit may cost, in nominal microseconds.
pub(super) const EDIT_MAX_US: u64 = 150_000;

/// Decoding a document of so many operations, reading its text and saving it again.
pub(super) fn load_us(ops: u64) -> u64 {
    (ops.saturating_mul(4) / 5).saturating_add(80)
}

/// Cutting a document of so many operations back to a base, and joining it again.
pub(super) fn fork_us(ops: u64) -> u64 {
    ops.saturating_mul(2).saturating_add(200)
}

/// Making a document of so many characters.
pub(super) fn create_us(chars: usize) -> u64 {
    size(chars).saturating_add(50)
}

/// Cutting two texts of so many bytes together into words.
pub(super) fn words_us(bytes: usize) -> u64 {
    (size(bytes) / 50).saturating_add(20)
}

/// The difference between so many words and so many others, what both begin and end with left out. Myers'
/// algorithm is linear for texts that are alike; for texts of few different words it comes close to the
/// product.
pub(super) fn difference_us(before: usize, after: usize) -> u64 {
    let (before, after) = (size(before), size(after));
    let linear = before.saturating_add(after).saturating_mul(6) / 5;
    linear.saturating_add(before.saturating_mul(after) / 1_400)
}

/// Splicing into a document.
pub(super) fn splice_us(splices: usize, deleted: usize, inserted: usize) -> u64 {
    let splices = size(splices).saturating_mul(10);
    let deleted = size(deleted).saturating_mul(7);
    splices
        .saturating_add(deleted)
        .saturating_add(size(inserted))
}

fn size(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_edit_goes_over_the_budget_and_no_other_does() {
        let mut work = Work::new(100);
        assert_eq!(work.begin().admit(90), Ok(Admitted::Yes));
        assert_eq!(work.begin().admit(20), Err(TextError::OverBudget));
        assert_eq!(work.begin().admit(10), Ok(Admitted::Yes));
        assert_eq!(work.spent_us(), 100);
        let mut work = Work::new(100);
        let mut first = work.begin();
        assert_eq!(first.admit(1_000), Ok(Admitted::Yes));
        assert_eq!(first.admit(EDIT_MAX_US - 999), Ok(Admitted::TooHeavy));
        assert_eq!(first.admit(EDIT_MAX_US - 1_000), Ok(Admitted::Yes));
        assert_eq!(work.begin().admit(1), Err(TextError::OverBudget));
    }
}
