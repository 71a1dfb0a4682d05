//! Whether the levels of a chain can all be filled when one person fills one level.

use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// A level that still needs people.
#[derive(Debug, Clone)]
pub struct Seats<'a> {
    /// Who could take one.
    pub people: &'a [Uuid],
    /// How many are needed.
    pub count: usize,
}

/// Gives every level its people, nobody twice, or names the index of the first level that lacks some: a
/// bipartite matching by augmenting paths (Kuhn 1955), over at most a few dozen people.
///
/// # Errors
/// The index of a level that cannot be filled.
pub fn fill(levels: &[Seats<'_>]) -> Result<(), usize> {
    let seats: Vec<(usize, &[Uuid])> = levels
        .iter()
        .enumerate()
        .flat_map(|(index, level)| std::iter::repeat_n((index, level.people), level.count))
        .collect();
    let mut seated = HashMap::new();
    for (seat, (level, _)) in seats.iter().enumerate() {
        if !take_seat(seat, &seats, &mut seated, &mut HashSet::new()) {
            return Err(*level);
        }
    }
    Ok(())
}

fn take_seat(
    seat: usize,
    seats: &[(usize, &[Uuid])],
    seated: &mut HashMap<Uuid, usize>,
    asked: &mut HashSet<Uuid>,
) -> bool {
    let Some((_, people)) = seats.get(seat) else {
        return false;
    };
    for person in *people {
        if !asked.insert(*person) {
            continue;
        }
        let free = match seated.get(person).copied() {
            None => true,
            Some(other) => take_seat(other, seats, seated, asked),
        };
        if free {
            seated.insert(*person, seat);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(levels: &[(&[u128], usize)]) -> Result<(), usize> {
        let people: Vec<Vec<Uuid>> = levels
            .iter()
            .map(|(people, _)| people.iter().copied().map(Uuid::from_u128).collect())
            .collect();
        let seats: Vec<Seats<'_>> = people
            .iter()
            .zip(levels)
            .map(|(people, (_, count))| Seats {
                people,
                count: *count,
            })
            .collect();
        fill(&seats)
    }

    #[test]
    fn one_person_fills_one_level() {
        assert_eq!(filled(&[(&[1], 1), (&[1], 1)]), Err(1));
        assert_eq!(filled(&[(&[1, 2], 1), (&[1], 1)]), Ok(()));
        assert_eq!(filled(&[(&[1, 2], 2), (&[1, 3], 1)]), Ok(()));
        assert_eq!(filled(&[(&[1, 2], 3)]), Err(0));
        assert_eq!(filled(&[(&[], 0)]), Ok(()));
    }
}
