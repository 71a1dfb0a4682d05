//! A budget request's content: seven registers, one text, perhaps a tombstone.
//!
//! A record is a state-based CRDT (Shapiro, Preguiça, Baquero and Zawirski, "Conflict-free Replicated Data
//! Types", 2011): registers are last-writer-wins by stamp, the tombstone is a maximum, the text is a set of
//! edits ([`crate::text`]). Edits and states may come in any order, any number of times.

use crate::canonical;
use crate::field::{FIELDS, Field, REGISTERS};
use crate::hlc::Stamp;
use crate::text::{Text, TextError, TextWrite, Work};
use crate::value::{self, Value};
use std::cmp::Ordering;

pub use crate::field::FieldSet;

/// A value and when it was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Register {
    /// The value; `None` when cleared or never written.
    pub value: Option<Value>,
    /// When it was written; [`Stamp::ZERO`] = never.
    pub stamp: Stamp,
}

impl Register {
    /// How a write compares with what stands: the greater stamp wins, equal stamps (a cloned phone)
    /// resolve by the value's canonical bytes. `Equal` only when both are the same.
    fn order(&self, value: Option<&Value>, stamp: Stamp) -> Ordering {
        stamp
            .cmp(&self.stamp)
            .then_with(|| value::canonical_cmp(value, self.value.as_ref()))
    }
}

/// One stamped change of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// When it was made: of every write and of the text.
    pub stamp: Stamp,
    /// Register writes; `None` clears. Never holds [`Field::Justification`] (such a write is ignored).
    pub writes: Vec<(Field, Option<Value>)>,
    /// A change of the justification.
    pub text: Option<TextWrite>,
}

/// What became of one field of an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Outcome {
    /// The edit does not write it.
    #[default]
    Absent,
    /// It stands now.
    Won,
    /// It stood already, by the same stamp.
    Same,
    /// Something later stands.
    Lost,
    /// A text edit was joined with others that its base did not know.
    Joined,
}

/// What became of an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// By [`Field::index`].
    pub outcomes: [Outcome; FIELDS],
    /// What this edit overwrote: registers whose different, previously written value it replaced, and for
    /// a text that gave way to a new start its last shown string with its starting stamp.
    pub replaced: Vec<(Field, Register)>,
}

impl Applied {
    /// What became of one field.
    #[must_use]
    pub fn outcome(&self, field: Field) -> Outcome {
        self.outcomes
            .get(field.index())
            .copied()
            .unwrap_or_default()
    }

    /// The fields with that outcome.
    #[must_use]
    pub fn with(&self, outcome: Outcome) -> FieldSet {
        Field::ALL
            .into_iter()
            .filter(|field| self.outcome(*field) == outcome)
            .collect()
    }
}

/// What an edit would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// A write would win, or a text edit would be joined or refused: [`Record::apply`] tells.
    WouldChange,
    /// Every write stands already, stamp and all.
    Stands,
    /// Nothing shown would change, and these writes lose. A text edit among them may still be news (its
    /// base lies in a text that lost): apply it all the same, so that edits based on it are understood.
    Superseded(FieldSet),
}

/// The content of one request. Its join is commutative, associative and idempotent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    registers: [Register; REGISTERS],
    text: Text,
    tombstone: Option<Stamp>,
}

impl Record {
    /// A record from what a store kept of it.
    #[must_use]
    pub fn from_parts(
        registers: [Register; REGISTERS],
        text: Text,
        tombstone: Option<Stamp>,
    ) -> Record {
        Record {
            registers,
            text,
            tombstone,
        }
    }

    /// The register of a field; `None` for [`Field::Justification`], which is no register.
    #[must_use]
    pub fn register(&self, field: Field) -> Option<&Register> {
        self.registers.get(field.index())
    }

    /// All registers, in the order of [`Field::REGISTERS`].
    #[must_use]
    pub fn registers(&self) -> &[Register; REGISTERS] {
        &self.registers
    }

    /// The justification.
    #[must_use]
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// When it was deleted, the latest time.
    #[must_use]
    pub fn tombstone(&self) -> Option<Stamp> {
        self.tombstone
    }

    /// When a field was last written, `None` = never. For the justification the greatest of its heads.
    #[must_use]
    pub fn stamp(&self, field: Field) -> Option<Stamp> {
        match self.register(field) {
            Some(register) => Some(register.stamp).filter(|stamp| *stamp != Stamp::ZERO),
            None => self.text.heads().last().copied(),
        }
    }

    /// The greatest stamp this record knows of, superseded texts included; [`Stamp::ZERO`] for none. A
    /// stamp above it is above everything written so far.
    #[must_use]
    pub fn max_stamp(&self) -> Stamp {
        let registers = self.registers.iter().map(|register| register.stamp);
        registers
            .chain(self.tombstone)
            .chain([self.text.max_stamp()])
            .max()
            .unwrap_or(Stamp::ZERO)
    }

    /// What [`Record::apply`] would do, without doing it and without loading any document: when this says
    /// [`Effect::Stands`] or [`Effect::Superseded`], applying succeeds and shows the same record as before.
    #[must_use]
    pub fn effect(&self, edit: &Edit) -> Effect {
        let mut lost = FieldSet::EMPTY;
        for (field, value) in &edit.writes {
            let Some(register) = self.register(*field) else {
                continue;
            };
            match register.order(value.as_ref(), edit.stamp) {
                Ordering::Greater => return Effect::WouldChange,
                Ordering::Less => lost.insert(*field),
                Ordering::Equal => {}
            }
        }
        if let Some(write) = &edit.text {
            match self.text.foresee(edit.stamp, write) {
                Some(Outcome::Lost) => lost.insert(Field::Justification),
                Some(Outcome::Same) => {}
                _ => return Effect::WouldChange,
            }
        }
        if lost.is_empty() {
            Effect::Stands
        } else {
            Effect::Superseded(lost)
        }
    }

    /// Takes an edit, in whatever order it comes. Deletion is not looked at: whether a deleted record takes
    /// edits is for the rules above.
    ///
    /// # Errors
    /// What [`Text::apply`] says of the edit's text; then nothing has changed.
    pub fn apply(&mut self, edit: &Edit, work: &mut Work) -> Result<Applied, TextError> {
        let mut applied = Applied {
            outcomes: [Outcome::Absent; FIELDS],
            replaced: Vec::new(),
        };
        // The text first: it alone can fail.
        if let Some(write) = &edit.text {
            self.apply_text(edit.stamp, write, work, &mut applied)?;
        }
        for (field, value) in &edit.writes {
            let places = (
                self.registers.get_mut(field.index()),
                applied.outcomes.get_mut(field.index()),
            );
            let (Some(register), Some(outcome)) = places else {
                continue;
            };
            *outcome = match register.order(value.as_ref(), edit.stamp) {
                Ordering::Less => Outcome::Lost,
                Ordering::Equal => Outcome::Same,
                Ordering::Greater => {
                    let new = Register {
                        value: value.clone(),
                        stamp: edit.stamp,
                    };
                    let old = std::mem::replace(register, new);
                    if old.stamp != Stamp::ZERO && old.value != register.value {
                        applied.replaced.push((*field, old));
                    }
                    Outcome::Won
                }
            };
        }
        Ok(applied)
    }

    fn apply_text(
        &mut self,
        stamp: Stamp,
        write: &TextWrite,
        work: &mut Work,
        applied: &mut Applied,
    ) -> Result<(), TextError> {
        let root = self.text.root();
        let shown = self.text.value().map(Box::<str>::from);
        let outcome = self.text.apply(stamp, write, work)?;
        if let Some(root) = root.filter(|root| self.text.root() != Some(*root))
            && self.text.value() != shown.as_deref()
        {
            let old = Register {
                value: shown.map(Value::Text),
                stamp: root,
            };
            applied.replaced.push((Field::Justification, old));
        }
        if let Some(place) = applied.outcomes.get_mut(Field::Justification.index()) {
            *place = outcome;
        }
        Ok(())
    }

    /// Deletes the record; the greatest stamp is kept, and nothing takes it away again.
    pub fn delete(&mut self, stamp: Stamp) {
        self.tombstone = self.tombstone.max(Some(stamp));
    }

    /// Joins another state of the same record into this one.
    ///
    /// # Errors
    /// [`TextError::StampReused`] when the texts hold different edits under one stamp,
    /// [`TextError::Corrupt`] when a kept document cannot be read; then nothing has changed.
    pub fn merge(&mut self, other: &Record) -> Result<(), TextError> {
        self.text.merge(&other.text)?;
        for (mine, theirs) in self.registers.iter_mut().zip(&other.registers) {
            if mine.order(theirs.value.as_ref(), theirs.stamp).is_gt() {
                mine.clone_from(theirs);
            }
        }
        self.tombstone = self.tombstone.max(other.tombstone);
        Ok(())
    }

    /// Bytes that are the same for the same state, whatever order and however often its changes came in.
    /// For comparing replicas, not for storing: nothing reads them back.
    #[must_use]
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        for register in &self.registers {
            out.extend_from_slice(&register.stamp.to_bytes());
            canonical::write_value(&mut out, register.value.as_ref());
        }
        out.extend_from_slice(&self.tombstone.unwrap_or(Stamp::ZERO).to_bytes());
        self.text.write_canonical(&mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hlc::NodeId;
    use crate::value::Money;

    fn at(millis: u64) -> Stamp {
        Stamp::new(millis, 0, NodeId::new(1)).unwrap()
    }

    fn title(stamp: Stamp, title: &str) -> Edit {
        Edit {
            stamp,
            writes: vec![(Field::Title, Some(Value::Text(title.into())))],
            text: None,
        }
    }

    fn apply(record: &mut Record, edit: &Edit) -> Applied {
        record.apply(edit, &mut Work::unlimited()).unwrap()
    }

    #[test]
    fn the_greater_stamp_wins_field_by_field() {
        let mut record = Record::default();
        let amount = Value::Money(Money::new(5, "EUR".parse().unwrap()).unwrap());
        let mut both = title(at(2), "two");
        both.writes.push((Field::Amount, Some(amount.clone())));
        let applied = apply(&mut record, &both);
        assert_eq!(applied.with(Outcome::Won).len(), 2);
        assert!(applied.replaced.is_empty());

        let earlier = title(at(1), "one");
        let lost = FieldSet::from_iter([Field::Title]);
        assert_eq!(record.effect(&earlier), Effect::Superseded(lost));
        assert_eq!(
            apply(&mut record, &earlier).outcome(Field::Title),
            Outcome::Lost
        );

        let later = title(at(3), "three");
        assert_eq!(record.effect(&later), Effect::WouldChange);
        let applied = apply(&mut record, &later);
        let old = Register {
            value: Some(Value::Text("two".into())),
            stamp: at(2),
        };
        assert_eq!(applied.replaced, [(Field::Title, old)]);
        assert_eq!(record.effect(&later), Effect::Stands);
        assert_eq!(
            apply(&mut record, &later).outcome(Field::Title),
            Outcome::Same
        );
        assert_eq!(record.stamp(Field::Title), Some(at(3)));
        assert_eq!(record.stamp(Field::Amount), Some(at(2)));
        assert_eq!(record.stamp(Field::Region), None);
        assert_eq!(record.max_stamp(), at(3));
    }

    #[test]
    fn a_cloned_phone_is_settled_by_the_canonical_bytes() {
        let (a, b) = (title(at(1), "a"), title(at(1), "b"));
        let (mut one, mut other) = (Record::default(), Record::default());
        apply(&mut one, &a);
        assert_eq!(apply(&mut one, &b).outcome(Field::Title), Outcome::Won);
        apply(&mut other, &b);
        assert_eq!(apply(&mut other, &a).outcome(Field::Title), Outcome::Lost);
        assert_eq!(one.canonical_bytes(), other.canonical_bytes());
        assert_eq!(one, other);
    }

    #[test]
    fn a_refused_text_takes_its_registers_with_it() {
        let mut record = Record::default();
        let mut edit = title(at(2), "two");
        edit.text = Some(TextWrite::Edit {
            base: vec![at(1)],
            text: "x".to_owned(),
        });
        assert_eq!(record.effect(&edit), Effect::WouldChange);
        let refused = record.apply(&edit, &mut Work::unlimited());
        assert_eq!(refused, Err(TextError::UnknownBase(at(1))));
        assert_eq!(record, Record::default());
    }

    #[test]
    fn a_text_that_gives_way_is_reported() {
        let mut record = Record::default();
        let start = |stamp, text: Option<&str>| Edit {
            stamp,
            writes: Vec::new(),
            text: Some(TextWrite::Start(text.map(str::to_owned))),
        };
        assert!(
            apply(&mut record, &start(at(1), Some("old")))
                .replaced
                .is_empty()
        );
        let old = Register {
            value: Some(Value::Text("old".into())),
            stamp: at(1),
        };
        let applied = apply(&mut record, &start(at(2), None));
        assert_eq!(applied.replaced, [(Field::Justification, old)]);
        assert_eq!(record.stamp(Field::Justification), Some(at(2)));
        assert!(apply(&mut record, &start(at(3), None)).replaced.is_empty());
    }

    #[test]
    fn the_latest_deletion_is_kept() {
        let mut record = Record::default();
        record.delete(at(2));
        record.delete(at(1));
        let mut other = Record::default();
        other.delete(at(3));
        record.merge(&other).unwrap();
        assert_eq!(record.tombstone(), Some(at(3)));
        assert_eq!(record.max_stamp(), at(3));
    }

    #[test]
    fn records_cross_threads() {
        fn crosses<T: Send + Sync + 'static>() {}
        crosses::<Record>();
    }
}
