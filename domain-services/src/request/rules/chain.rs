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
    /// Of the people whom these levels name, those who are known here.
    pub(in crate::request) people: HashMap<Uuid, Standing>,
}

/// What is known here of a person whom an assignment names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::request) enum Standing {
    /// May approve.
    Approver,
    /// May not, or not yet: the news of it may be on its way.
    Other,
    /// Has left.
    Left,
}

/// Why there is no chain.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lacking {
    /// The first level that lacks people.
    pub(super) level: u8,
    /// Whether the levels name somebody of whom nothing has been heard yet.
    pub(super) may_come: bool,
}

impl Catalog {
    /// The chain to pin for a request of `requester` in a category of `levels` levels: each level needs as many
    /// active approvers as its quorum, none of them the requester, and one person fills one level.
    ///
    /// All whom the assignments name are pinned, but the requester and who has left. People and assignments come
    /// by ways of their own, so who is not known as an approver here may be one: left out now, they would be left
    /// out for good. The approval service, which hears of everybody in time, lets nobody vote who may not.
    pub(super) fn chain(
        &self,
        category: Uuid,
        levels: u8,
        requester: Uuid,
    ) -> Result<Vec<Level>, Lacking> {
        let assigned = self.levels.get(&category).map_or(&[][..], Vec::as_slice);
        let mut chain = Vec::with_capacity(usize::from(levels));
        for level in 1..=levels {
            let Some(found) = assigned.iter().find(|found| found.level == level) else {
                return Err(Lacking {
                    level,
                    may_come: false,
                });
            };
            let mut pinned = found.clone();
            pinned.approver_ids.retain(|person| {
                *person != requester && self.people.get(person) != Some(&Standing::Left)
            });
            chain.push(pinned);
        }
        match self.fill(&chain) {
            Ok(()) => Ok(chain),
            Err(level) => Err(Lacking {
                level,
                may_come: chain
                    .iter()
                    .flat_map(|level| &level.approver_ids)
                    .any(|person| !self.people.contains_key(person)),
            }),
        }
    }

    /// Gives each level its quorum of people who are known to approve, nobody twice.
    fn fill(&self, chain: &[Level]) -> Result<(), u8> {
        let approves = |person: &&Uuid| self.people.get(person) == Some(&Standing::Approver);
        let able: Vec<Vec<Uuid>> = chain
            .iter()
            .map(|level| {
                level
                    .approver_ids
                    .iter()
                    .filter(approves)
                    .copied()
                    .collect()
            })
            .collect();
        let seats: Vec<Seats<'_>> = able
            .iter()
            .zip(chain)
            .map(|(people, level)| Seats {
                people,
                count: usize::from(level.quorum.max(1)),
            })
            .collect();
        seats::fill(&seats).map_err(|index| chain.get(index).map_or(0, |level| level.level))
    }
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
            people: levels
                .iter()
                .flat_map(|level| level.approver_ids.clone())
                .map(|person| (person, Standing::Approver))
                .collect(),
            levels: HashMap::from([(person(100), levels)]),
            ..Catalog::default()
        }
    }

    fn lacking(level: u8) -> Result<Vec<Level>, Lacking> {
        Err(Lacking {
            level,
            may_come: false,
        })
    }

    #[test]
    fn one_person_fills_one_level() {
        let shared = catalog(vec![level(1, &[1], 1), level(2, &[1], 1)]);
        assert_eq!(shared.chain(person(100), 2, person(9)), lacking(2));
        let rearranged = catalog(vec![level(1, &[1, 2], 1), level(2, &[1], 1)]);
        assert!(rearranged.chain(person(100), 2, person(9)).is_ok());
    }

    #[test]
    fn the_requester_and_the_inactive_do_not_count() {
        let mut own = catalog(vec![level(1, &[1, 2], 1)]);
        let chain = own.chain(person(100), 1, person(1)).unwrap();
        assert_eq!(chain[0].approver_ids, [person(2)]);
        own.people.insert(person(2), Standing::Left);
        assert_eq!(own.chain(person(100), 1, person(1)), lacking(1));
    }

    #[test]
    fn who_may_become_an_approver_is_pinned_and_does_not_count() {
        let mut named = catalog(vec![level(1, &[1, 2, 3], 1), level(2, &[4], 1)]);
        named.people.insert(person(1), Standing::Other);
        named.people.remove(&person(2));
        let chain = named.chain(person(100), 2, person(9)).unwrap();
        assert_eq!(chain[0].approver_ids, [person(1), person(2), person(3)]);
        named.people.insert(person(3), Standing::Left);
        let lacking_two = Lacking {
            level: 1,
            may_come: true,
        };
        assert_eq!(named.chain(person(100), 2, person(9)), Err(lacking_two));
        named.people.insert(person(2), Standing::Other);
        assert_eq!(named.chain(person(100), 2, person(9)), lacking(1));
    }

    #[test]
    fn a_quorum_needs_as_many_people_and_a_missing_level_none() {
        let two = catalog(vec![level(1, &[1, 2], 2)]);
        assert!(two.chain(person(100), 1, person(9)).is_ok());
        assert_eq!(two.chain(person(100), 1, person(2)), lacking(1));
        assert_eq!(two.chain(person(100), 2, person(9)), lacking(2));
    }
}
