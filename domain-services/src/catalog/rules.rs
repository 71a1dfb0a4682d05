//! What a category, a reason and an assignment must look like. Pure.

use super::NewAssignment;
use crate::invalid::{Invalid, check_text, none_of};
use std::collections::HashSet;

/// Levels of approval at most.
pub const LEVELS_MAX: i32 = 3;
/// Characters of a category's name at most.
pub const NAME_CHARACTERS_MAX: usize = 200;
/// Characters of a reason at most.
pub const REASON_CHARACTERS_MAX: usize = 500;
/// Approvers of a level at most.
pub const APPROVERS_MAX: usize = 100;

pub(super) fn check_category(name: &str, levels: i32) -> Result<(), Vec<Invalid>> {
    let mut problems = Vec::new();
    check_text(&mut problems, "/name", name, 1, NAME_CHARACTERS_MAX);
    check_level(&mut problems, "/levels", levels);
    none_of(problems)
}

pub(super) fn check_reason(text: &str) -> Result<(), Vec<Invalid>> {
    let mut problems = Vec::new();
    check_text(&mut problems, "/text", text, 1, REASON_CHARACTERS_MAX);
    none_of(problems)
}

pub(super) fn check_assignment(new: &NewAssignment) -> Result<(), Vec<Invalid>> {
    let mut problems = Vec::new();
    check_level(&mut problems, "/level", new.level);
    let mut seen = HashSet::new();
    for (n, id) in new.approver_ids.iter().enumerate() {
        if !seen.insert(id) {
            problems.push(Invalid::new(
                &format!("/approverIds/{n}"),
                "is named twice; one person has one vote",
            ));
        }
    }
    let approvers = new.approver_ids.len();
    if approvers > APPROVERS_MAX {
        let detail = format!("names {approvers} people; up to {APPROVERS_MAX} are allowed");
        problems.push(Invalid::new("/approverIds", detail));
    }
    let quorum = usize::try_from(new.quorum).unwrap_or(0);
    if quorum < 1 || quorum > approvers {
        let detail = format!(
            "is {}; 1 to {approvers}, the number of approvers, are allowed",
            new.quorum
        );
        problems.push(Invalid::new("/quorum", detail));
    }
    none_of(problems)
}

fn check_level(problems: &mut Vec<Invalid>, pointer: &str, level: i32) {
    if !(1..=LEVELS_MAX).contains(&level) {
        let detail = format!("is {level}; 1 to {LEVELS_MAX} are allowed");
        problems.push(Invalid::new(pointer, detail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn pointers(level: i32, approvers: &[u128], quorum: i32) -> Vec<String> {
        let new = NewAssignment {
            id: None,
            category_id: Uuid::nil(),
            level,
            approver_ids: approvers.iter().map(|id| Uuid::from_u128(*id)).collect(),
            quorum,
        };
        check_assignment(&new)
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|problem| problem.pointer)
            .collect()
    }

    #[test]
    fn a_quorum_can_be_reached_by_distinct_people() {
        let none: [&str; 0] = [];
        assert_eq!(pointers(1, &[1, 2], 2), none);
        assert_eq!(pointers(1, &[1, 2], 3), ["/quorum"]);
        assert_eq!(pointers(1, &[1, 2], 0), ["/quorum"]);
        assert_eq!(pointers(1, &[1, 2], -1), ["/quorum"]);
        assert_eq!(pointers(1, &[], 1), ["/quorum"]);
        assert_eq!(pointers(1, &[1, 2, 1], 2), ["/approverIds/2"]);
    }

    #[test]
    fn levels_are_one_to_three() {
        for (level, good) in [(0, false), (1, true), (3, true), (4, false)] {
            assert_eq!(pointers(level, &[1], 1).is_empty(), good);
            assert_eq!(check_category("Travel", level).is_ok(), good);
        }
    }
}
