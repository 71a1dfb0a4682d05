//! The rules: which events are told to whom, and whether a message is still true when it is about to be
//! sent. Pure: what they need of the database comes in, what is to be written comes out.
//!
//! | event | who is told | template |
//! |---|---|---|
//! | a level opened | its approvers | `level_opened` |
//! | a level decided | the owner | `level_approved`, `level_rejected` |
//! | its decision was taken back | the owner, if told of it | `rolled_back` |
//! | ″ | its approvers who have not voted, if not told yet | `level_opened` |
//! | a level closed again | its approvers who were told that it opened | `level_closed`, `withdrawn` |
//! | the request is final | the owner | `approved`, `rejected` |
//!
//! What was told and no longer holds is taken back on the channel it went by; what was not yet told is
//! cancelled, and nobody hears of either.

mod books;
mod check;
mod facts;
#[cfg(test)]
mod tests;

pub(super) use books::{Books, Cause, New};
pub(super) use check::{IN_FLIGHT, Original, Verdict, still_true};
pub(super) use facts::{Happening, Level, Told, ToldState};
