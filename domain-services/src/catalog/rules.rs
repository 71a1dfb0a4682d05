//! What a category, a reason and an assignment must look like. Pure.

use super::NewAssignment;
use crate::identity::{Role, Roles};
use crate::invalid::{Invalid, check_text, none_of};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

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

/// What is known of a person.
#[derive(Debug, Clone, Copy)]
pub(super) struct Person {
    /// False once the person has left.
    pub(super) active: bool,
    /// `None`: heard of before roles were kept.
    pub(super) roles: Option<Roles>,
}

impl Person {
    /// Whether the person could vote. Of whom too little is known is believed to: whoever submits
    /// is told better by the request service.
    fn may_approve(self) -> bool {
        self.active && self.roles.is_none_or(|roles| roles.has(Role::Approver))
    }
}

/// Refuses people nobody has told of, and a level without as many people who can vote as its quorum
/// asks for. One who cannot vote is welcome beside enough who can: people come and go.
pub(super) fn check_people(
    new: &NewAssignment,
    people: &HashMap<Uuid, Person>,
) -> Result<(), Vec<Invalid>> {
    let pointer = |n: usize| format!("/approverIds/{n}");
    let mut unknown = Vec::new();
    let mut unable = Vec::new();
    for (n, id) in new.approver_ids.iter().enumerate() {
        match people.get(id) {
            None => unknown.push(Invalid::new(&pointer(n), "there is no such person")),
            Some(person) if !person.may_approve() => unable.push((n, person)),
            Some(_) => {}
        }
    }
    none_of(unknown)?;
    let able = new.approver_ids.len().saturating_sub(unable.len());
    if usize::try_from(new.quorum).is_ok_and(|quorum| quorum <= able) {
        return Ok(());
    }
    let told = |(n, person): (usize, &Person)| {
        let why = if person.active {
            "is no approver"
        } else {
            "has left"
        };
        let quorum = new.quorum;
        let detail = format!("{why}: {able} of those named can vote, and {quorum} must approve");
        Invalid::new(&pointer(n), detail)
    };
    Err(unable.into_iter().map(told).collect())
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

    fn assignment(level: i32, approvers: &[u128], quorum: i32) -> NewAssignment {
        NewAssignment {
            id: None,
            category_id: Uuid::nil(),
            level,
            approver_ids: approvers.iter().map(|id| Uuid::from_u128(*id)).collect(),
            quorum,
        }
    }

    fn places(checked: Result<(), Vec<Invalid>>) -> Vec<String> {
        let problems = checked.err().unwrap_or_default();
        problems
            .into_iter()
            .map(|problem| problem.pointer)
            .collect()
    }

    fn pointers(level: i32, approvers: &[u128], quorum: i32) -> Vec<String> {
        places(check_assignment(&assignment(level, approvers, quorum)))
    }

    #[test]
    fn a_level_has_as_many_who_can_vote_as_must_approve() {
        let person = |active, roles| Person { active, roles };
        let people = HashMap::from([
            (
                Uuid::from_u128(1),
                person(true, Some(Role::Approver.into())),
            ),
            (
                Uuid::from_u128(2),
                person(false, Some(Role::Approver.into())),
            ),
            (Uuid::from_u128(3), person(true, Some(Role::Sales.into()))),
            (Uuid::from_u128(4), person(true, None)),
        ]);
        let refused = |approvers: &[u128], quorum| {
            places(check_people(&assignment(1, approvers, quorum), &people))
        };
        let none: [&str; 0] = [];
        assert_eq!(refused(&[1], 1), none);
        assert_eq!(refused(&[1, 4], 2), none);
        assert_eq!(refused(&[3, 2, 1], 1), none);
        assert_eq!(refused(&[2], 1), ["/approverIds/0"]);
        assert_eq!(refused(&[1, 3], 2), ["/approverIds/1"]);
        assert_eq!(refused(&[2, 1, 3], 2), ["/approverIds/0", "/approverIds/2"]);
        assert_eq!(refused(&[2, 9], 1), ["/approverIds/1"], "unknown");
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
