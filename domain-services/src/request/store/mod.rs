//! The request service's SQL.

mod history;
mod lists;
mod pages;
mod progress;
mod projections;
mod read;
mod rows;
mod write;
mod write_lite;
mod write_pg;

pub(super) use history::{StoryRow, story};
pub(super) use lists::{Filter, find, list};
pub(super) use pages::{FIRST_ENTRIES_MAX, Position, first_entries, heads, page};
pub(super) use progress::{Advanced, StoryLine, advance, lock_heads, progress};
pub(super) use projections::{
    assignment, category, outdate_catalogue, outdate_people, person, reason,
};
pub(super) use read::{Named, lock_head, read};
pub(super) use rows::{Extent, RequestRow};
pub(super) use write::{Written, id_of, write};
