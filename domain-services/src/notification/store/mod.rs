//! The SQL of notifications.
//!
//! * `people`: what this service keeps of people, their phones and their wishes.
//! * `books`: what the rules need for a delivery of events, and what they make of it.
//! * `claim`: rows that are due, taken by this node for a while, with the facts about them.
//! * `change`: what becomes of a row, with its attempt and its event.
//! * `asked`: messages of other programs, and what their senders may read.
//! * `dead`: what an operator can have sent again.
//! * `purge`: what nothing more will become of.

mod asked;
mod books;
mod change;
mod claim;
mod dead;
mod people;
mod purge;

pub(super) use asked::{Asked, Insertion, find_report, insert_asked, logged};
pub(super) use books::{finalized, read_books, submitted, withdrawn, write_books};
pub(super) use change::{
    Change, Expected, Logged, PutBack, ToldLater, change, drop_tokens, keep_logged, put_back,
    told_later, trim_logged,
};
pub(super) use claim::{Facts, Row, claim, facts, is_due};
pub(super) use dead::{DeadRow, dead_letter, dead_letters, discard, replay};
pub(super) use people::{
    NewToken, end_sessions, forget_phones, outdate_people, preferences_of, put_person,
    put_preferences, put_token,
};
pub(super) use purge::purge;

/// Rows as one argument that both engines unpack.
fn json(rows: &impl serde::Serialize) -> Result<String, crate::db::DbError> {
    serde_json::to_string(rows)
        .map_err(|error| crate::db::DbError::Other(format!("rows do not encode: {error}")))
}

/// A column whose text must be one of a few.
fn word<T: std::str::FromStr<Err = String>>(text: &str) -> Result<T, crate::db::DbError> {
    text.parse().map_err(crate::db::DbError::Decode)
}
