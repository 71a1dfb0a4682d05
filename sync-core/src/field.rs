//! The content fields of a request.

use std::fmt;

/// A content field. The order of the variants is the canonical order of fields everywhere in this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// What it is for, 1 to 200 characters.
    Title,
    /// How much, see [`crate::value::Money`].
    Amount,
    /// The category, which decides how many levels approve.
    CategoryId,
    /// The reason.
    ReasonId,
    /// The department that pays.
    DepartmentId,
    /// The sales region, at most 64 characters.
    Region,
    /// The day the money is needed.
    NeededBy,
    /// Why, at most 10,000 characters: the one field that merges as text.
    Justification,
}

/// Number of fields.
pub const FIELDS: usize = 8;
/// Number of fields that are registers.
pub const REGISTERS: usize = 7;

impl Field {
    /// Every field, in canonical order.
    pub const ALL: [Field; FIELDS] = [
        Field::Title,
        Field::Amount,
        Field::CategoryId,
        Field::ReasonId,
        Field::DepartmentId,
        Field::Region,
        Field::NeededBy,
        Field::Justification,
    ];

    /// The fields that are registers: all but the justification.
    pub const REGISTERS: [Field; REGISTERS] = [
        Field::Title,
        Field::Amount,
        Field::CategoryId,
        Field::ReasonId,
        Field::DepartmentId,
        Field::Region,
        Field::NeededBy,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Field::Title => "title",
            Field::Amount => "amount",
            Field::CategoryId => "categoryId",
            Field::ReasonId => "reasonId",
            Field::DepartmentId => "departmentId",
            Field::Region => "region",
            Field::NeededBy => "neededBy",
            Field::Justification => "justification",
        }
    }

    /// The field of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Field> {
        Some(match name {
            "title" => Field::Title,
            "amount" => Field::Amount,
            "categoryId" => Field::CategoryId,
            "reasonId" => Field::ReasonId,
            "departmentId" => Field::DepartmentId,
            "region" => Field::Region,
            "neededBy" => Field::NeededBy,
            "justification" => Field::Justification,
            _ => return None,
        })
    }

    /// Its place in [`Field::ALL`], 0..=7.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Field::Title => 0,
            Field::Amount => 1,
            Field::CategoryId => 2,
            Field::ReasonId => 3,
            Field::DepartmentId => 4,
            Field::Region => 5,
            Field::NeededBy => 6,
            Field::Justification => 7,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of fields.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FieldSet(u8);

impl FieldSet {
    /// No field.
    pub const EMPTY: FieldSet = FieldSet(0);

    /// Adds a field.
    pub const fn insert(&mut self, field: Field) {
        self.0 |= 1_u8.rotate_left(field.bit());
    }

    /// Whether the field is in it.
    #[must_use]
    pub const fn contains(self, field: Field) -> bool {
        self.0 & 1_u8.rotate_left(field.bit()) != 0
    }

    /// Whether it is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many fields it has.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Its fields, in canonical order.
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL
            .into_iter()
            .filter(move |field| self.contains(*field))
    }
}

impl Field {
    const fn bit(self) -> u32 {
        match self {
            Field::Title => 0,
            Field::Amount => 1,
            Field::CategoryId => 2,
            Field::ReasonId => 3,
            Field::DepartmentId => 4,
            Field::Region => 5,
            Field::NeededBy => 6,
            Field::Justification => 7,
        }
    }
}

impl FromIterator<Field> for FieldSet {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> FieldSet {
        let mut set = FieldSet::EMPTY;
        for field in fields {
            set.insert(field);
        }
        set
    }
}

impl fmt::Debug for FieldSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_places_agree() {
        for (place, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(field.index(), place);
            assert_eq!(usize::try_from(field.bit()).unwrap(), place);
            assert_eq!(Field::from_name(field.name()), Some(field));
        }
        assert_eq!(Field::from_name("Title"), None);
        assert_eq!(Field::ALL[..REGISTERS], Field::REGISTERS);
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set: FieldSet = [Field::Justification, Field::Title, Field::Title]
            .into_iter()
            .collect();
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [Field::Title, Field::Justification]
        );
        assert_eq!(set.len(), 2);
        assert!(!set.contains(Field::Amount) && !set.is_empty() && FieldSet::EMPTY.is_empty());
    }
}
