//! The approval service's SQL.

mod lists;
mod log;
mod people;
mod read;
mod rows;
mod write;
mod write_lite;
mod write_pg;

pub(super) use lists::{acted, heads, page, waiting};
pub(super) use log::{log_page, states};
pub(super) use people::{Approvers, approvers, is_behind, outdate_people, put_person};
pub(super) use read::{
    Locked, cases_of_people, due, find_head, lock_approvals, lock_cases, lock_due, logged,
};
pub(super) use rows::ApprovalRow;
pub(super) use write::{Acting, Moved, write};
