//! What the request service knows of the catalogue, and whether it makes a chain of approvers.

pub(in crate::request) use crate::events::ChainLevel as Level;
use std::collections::HashMap;
use sync_core::seats::{self, Seats};
use uuid::Uuid;

/// A category, as its events told.
#[derive(Debug, Clone, Copy)]
pub(in crate::request) struct Category {
    pub(in crate::request) levels: u8,
    pub(in crate::request) active: bool,
}

/// A reason, as its events told.
#[derive(Debug, Clone, Copy)]
pub(in crate::request) struct Reason {
    pub(in crate::request) category_id: Option<Uuid>,
    pub(in crate::request) active: bool,
}

/// The part of the projections that a batch asks for.
#[derive(Debug, Clone, Default)]
pub(in crate::request) struct Catalog {
    pub(in crate::request) categories: HashMap<Uuid, Category>,
    pub(in crate::request) reasons: HashMap<Uuid, Reason>,
    pub(in crate::request) levels: HashMap<Uuid, Vec<Level>>,
    /// Of the people whom these levels name and who are known here, whether they may approve.
    pub(in crate::request) approvers: HashMap<Uuid, bool>,
}

impl Catalog {
    /// The first level that names a person nobody has told of here: people and assignments come by ways of their
    /// own, and a chain made before the person comes would lack them for good.
    pub(super) fn unheard_of(&self, category: Uuid, levels: u8) -> Option<u8> {
        let assigned = self.levels.get(&category)?;
        let unheard = assigned.iter().find(|level| {
            let known = |person| self.approvers.contains_key(person);
            level.level <= levels && !level.approver_ids.iter().all(known)
        });
        unheard.map(|level| level.level)
    }

    /// The chain to pin for a request of `requester` in a category of `levels` levels, or the first
    /// level that lacks people: each level needs as many active approvers as its quorum, none of
    /// them the requester, and one person fills one level.
    pub(super) fn chain(
        &self,
        category: Uuid,
        levels: u8,
        requester: Uuid,
    ) -> Result<Vec<Level>, u8> {
        let assigned = self.levels.get(&category).map_or(&[][..], Vec::as_slice);
        let mut chain = Vec::with_capacity(usize::from(levels));
        for level in 1..=levels {
            let Some(found) = assigned.iter().find(|found| found.level == level) else {
                return Err(level);
            };
            let mut pinned = found.clone();
            pinned
                .approver_ids
                .retain(|person| *person != requester && self.approvers.get(person) == Some(&true));
            chain.push(pinned);
        }
        fill(&chain).map(|()| chain)
    }
}

/// Gives each level its quorum of people, nobody twice.
fn fill(chain: &[Level]) -> Result<(), u8> {
    let seats: Vec<Seats<'_>> = chain
        .iter()
        .map(|level| Seats {
            people: &level.approver_ids,
            count: usize::from(level.quorum.max(1)),
        })
        .collect();
    seats::fill(&seats).map_err(|index| chain.get(index).map_or(0, |level| level.level))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn level(level: u8, people: &[u128], quorum: u8) -> Level {
        Level {
            level,
            approver_ids: people.iter().copied().map(person).collect(),
            quorum,
        }
    }

    fn catalog(levels: Vec<Level>) -> Catalog {
        Catalog {
            approvers: levels
                .iter()
                .flat_map(|level| level.approver_ids.clone())
                .map(|person| (person, true))
                .collect(),
            levels: HashMap::from([(person(100), levels)]),
            ..Catalog::default()
        }
    }

    #[test]
    fn one_person_fills_one_level() {
        let shared = catalog(vec![level(1, &[1], 1), level(2, &[1], 1)]);
        assert_eq!(shared.chain(person(100), 2, person(9)), Err(2));
        let rearranged = catalog(vec![level(1, &[1, 2], 1), level(2, &[1], 1)]);
        assert!(rearranged.chain(person(100), 2, person(9)).is_ok());
    }

    #[test]
    fn the_requester_and_the_inactive_do_not_count() {
        let mut own = catalog(vec![level(1, &[1, 2], 1)]);
        let chain = own.chain(person(100), 1, person(1)).unwrap();
        assert_eq!(chain[0].approver_ids, [person(2)]);
        own.approvers.insert(person(2), false);
        assert_eq!(own.chain(person(100), 1, person(1)), Err(1));
        assert_eq!(own.unheard_of(person(100), 1), None);
    }

    #[test]
    fn only_the_levels_of_a_chain_wait_for_people() {
        let mut named = catalog(vec![level(1, &[1], 1), level(2, &[1, 2], 1)]);
        assert_eq!(named.unheard_of(person(100), 2), None);
        named.approvers.remove(&person(2));
        assert_eq!(named.unheard_of(person(100), 1), None);
        assert_eq!(named.unheard_of(person(100), 2), Some(2));
    }

    #[test]
    fn a_quorum_needs_as_many_people_and_a_missing_level_none() {
        let two = catalog(vec![level(1, &[1, 2], 2)]);
        assert!(two.chain(person(100), 1, person(9)).is_ok());
        assert_eq!(two.chain(person(100), 1, person(2)), Err(1));
        assert_eq!(two.chain(person(100), 2, person(9)), Err(2));
    }
}
