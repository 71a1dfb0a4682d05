//! Text that merges: the whole new string and the stamps it was made from come in, a joined text comes out.
//!
//! A text begins with a *start* (a string, or nothing, under a stamp) and grows by *edits*, each based on
//! the stamps of others. Texts are ordered by their starting stamp and the greatest is shown; everything of
//! a lesser one has lost, but its stamps stay known. All of it is a function of the set of writes, so it does
//! not matter in which order they come, as long as a base comes before what is based on it.
//!
//! The join is that of Automerge ([`document`]). Actor and time of a change come from its stamp, so the same
//! edit is the same change on every server. A document does not exist before the second edit does.

mod state;

use crate::canonical;
use crate::hlc::Stamp;
use crate::record::Outcome;

/// Version of the way a difference is cut into words. Another cut gives other changes for the same edit,
/// so it is kept in the state and named in the golden vectors.
pub const TOKENIZER_VERSION: u8 = 1;

/// A change of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextWrite {
    /// Starts a new text; `None` clears.
    Start(Option<String>),
    /// Edits an old one.
    Edit {
        /// The stamps of what the phone's string was made from: sorted, not empty.
        base: Vec<Stamp>,
        /// The whole new string.
        text: String,
    },
}

impl TextWrite {
    /// Tells two writes under one stamp apart.
    fn digest(&self) -> u64 {
        let mut bytes = Vec::new();
        match self {
            TextWrite::Start(value) => return start_digest(value.as_deref()),
            TextWrite::Edit { base, text } => {
                bytes.push(2);
                for stamp in base {
                    bytes.extend_from_slice(&stamp.to_bytes());
                }
                bytes.push(0xff);
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        canonical::short_digest(&bytes)
    }
}

fn start_digest(value: Option<&str>) -> u64 {
    let mut bytes = vec![u8::from(value.is_some())];
    bytes.extend_from_slice(value.unwrap_or_default().as_bytes());
    canonical::short_digest(&bytes)
}

/// What is known of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Tells its content (base and text) from others; the first 8 bytes of a SHA-256.
    pub digest: u64,
    /// Whether it is part of the shown text; otherwise it has lost.
    pub live: bool,
}

/// Why a text write was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The base names a stamp that nobody here knows.
    #[error("the text's base {0} is not known here")]
    UnknownBase(Stamp),
    /// Another write has that stamp.
    #[error("the stamp {0} belongs to another text edit")]
    StampReused(Stamp),
    /// More work than is left of the batch's budget: send it again, in a batch of its own if need be.
    #[error("the text edits of this batch cost more than one batch may")]
    OverBudget,
    /// A kept state that cannot be read.
    #[error("the text's state is corrupt: {0}")]
    Corrupt(&'static str),
}

/// The cost that the text edits of one batch may have, in nominal microseconds. Nominal: it is computed
/// from sizes, so the same batch is cut at the same place on every machine.
#[derive(Debug, Clone)]
pub struct Work {
    budget_us: u64,
    spent_us: u64,
    begun: bool,
}

impl Work {
    /// A budget of nominal microseconds.
    #[must_use]
    pub const fn new(budget_us: u64) -> Work {
        Work {
            budget_us,
            spent_us: 0,
            begun: false,
        }
    }

    /// A budget that is never spent, for replays.
    #[must_use]
    pub const fn unlimited() -> Work {
        Work::new(u64::MAX)
    }

    /// Nominal microseconds spent so far.
    #[must_use]
    pub const fn spent_us(&self) -> u64 {
        self.spent_us
    }

    /// Takes `cost_us` from the budget. The first edit of a batch is admitted whatever it costs: a phone
    /// that sends one at a time always gets on.
    fn admit(&mut self, cost_us: u64) -> Result<(), TextError> {
        let spent = self.spent_us.saturating_add(cost_us);
        if self.begun && spent > self.budget_us {
            return Err(TextError::OverBudget);
        }
        self.begun = true;
        self.spent_us = spent;
        Ok(())
    }
}

/// A text: never written, one start, or a history of edits.
#[derive(Debug, Clone, Default)]
pub struct Text {
    shown: Option<Shown>,
    /// `None` while nothing but one start is known.
    history: Option<Box<History>>,
}

/// The text that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    root: Stamp,
    value: Option<Box<str>>,
}

#[derive(Debug, Clone, Default)]
struct History {
    /// Every write ever taken, sorted by stamp.
    known: Vec<(Stamp, Known)>,
    /// The live writes that no other live write names as base, sorted.
    heads: Vec<Stamp>,
}

impl Text {
    /// A text of one start. [`Stamp::ZERO`] gives the text that was never written.
    #[must_use]
    pub fn start(stamp: Stamp, value: Option<String>) -> Text {
        if stamp == Stamp::ZERO {
            return Text::default();
        }
        let shown = Shown {
            root: stamp,
            value: value.map(String::into_boxed_str),
        };
        Text {
            shown: Some(shown),
            history: None,
        }
    }

    /// The shown string; `None` when cleared or never written.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.shown.as_ref()?.value.as_deref()
    }

    /// The stamps of the edits that no other live edit names as base, sorted: what a phone gives back as
    /// the base of its next edit. Empty when never written.
    #[must_use]
    pub fn heads(&self) -> Vec<Stamp> {
        match &self.history {
            Some(history) => history.heads.clone(),
            None => self.root().into_iter().collect(),
        }
    }

    /// The stamp that the shown text started with; `None` when never written.
    #[must_use]
    pub fn root(&self) -> Option<Stamp> {
        self.shown.as_ref().map(|shown| shown.root)
    }

    /// The greatest stamp known, [`Stamp::ZERO`] for none.
    #[must_use]
    pub fn max_stamp(&self) -> Stamp {
        let known = self
            .history
            .as_ref()
            .and_then(|history| history.known.last());
        known
            .map(|(stamp, _)| *stamp)
            .or(self.root())
            .unwrap_or(Stamp::ZERO)
    }

    /// What is known of the write with that stamp. Never loads a document.
    #[must_use]
    pub fn known(&self, stamp: Stamp) -> Option<Known> {
        if let Some(history) = &self.history {
            return history.find(stamp).copied();
        }
        let shown = self.shown.as_ref().filter(|shown| shown.root == stamp)?;
        Some(Known {
            digest: start_digest(shown.value.as_deref()),
            live: true,
        })
    }

    /// The outcome of a write as far as it can be told without loading a document: `Same`, `Lost`, or
    /// `None` where it would change what is shown or be refused.
    pub(crate) fn foresee(&self, stamp: Stamp, write: &TextWrite) -> Option<Outcome> {
        if let Some(known) = self.known(stamp) {
            if known.digest != write.digest() {
                return None;
            }
            return Some(if known.live {
                Outcome::Same
            } else {
                Outcome::Lost
            });
        }
        let loses = match write {
            TextWrite::Start(_) => Some(stamp) < self.root(),
            TextWrite::Edit { base, .. } => {
                let mut lost = false;
                for stamp in base {
                    lost |= !self.known(*stamp)?.live;
                }
                lost
            }
        };
        loses.then_some(Outcome::Lost)
    }

    /// Takes a write.
    ///
    /// # Errors
    /// [`TextError`]; then nothing has changed.
    pub fn apply(
        &mut self,
        stamp: Stamp,
        write: &TextWrite,
        work: &mut Work,
    ) -> Result<Outcome, TextError> {
        if let Some(known) = self.known(stamp) {
            return match (known.digest == write.digest(), known.live) {
                (false, _) => Err(TextError::StampReused(stamp)),
                (true, true) => Ok(Outcome::Same),
                (true, false) => Ok(Outcome::Lost),
            };
        }
        match write {
            TextWrite::Start(value) => Ok(self.take_start(stamp, value.as_deref())),
            TextWrite::Edit { base, .. } => {
                for stamp in base {
                    self.known(*stamp).ok_or(TextError::UnknownBase(*stamp))?;
                }
                work.admit(0)?;
                Err(TextError::Corrupt("text edits are not there yet"))
            }
        }
    }

    fn take_start(&mut self, stamp: Stamp, value: Option<&str>) -> Outcome {
        let digest = start_digest(value);
        let Some(root) = self.root() else {
            *self = Text::start(stamp, value.map(str::to_owned));
            return Outcome::Won;
        };
        let wins = stamp > root;
        let history = self.history_mut();
        if wins {
            history.begin_anew(stamp);
        }
        history.insert(stamp, Known { digest, live: wins });
        if !wins {
            return Outcome::Lost;
        }
        self.shown = Some(Shown {
            root: stamp,
            value: value.map(Box::from),
        });
        Outcome::Won
    }

    fn history_mut(&mut self) -> &mut History {
        let shown = self.shown.as_ref();
        self.history.get_or_insert_with(|| {
            let mut history = History::default();
            if let Some(shown) = shown {
                let known = Known {
                    digest: start_digest(shown.value.as_deref()),
                    live: true,
                };
                history.insert(shown.root, known);
                history.heads.push(shown.root);
            }
            Box::new(history)
        })
    }

    /// Joins another state of the same text into this one.
    ///
    /// # Errors
    /// [`TextError`]; then nothing has changed.
    pub(crate) fn merge(&mut self, other: &Text) -> Result<(), TextError> {
        let (Some(theirs), None) = (&other.shown, &other.history) else {
            return match other.shown {
                None => Ok(()),
                Some(_) => Err(TextError::Corrupt("texts with a history do not merge yet")),
            };
        };
        let write = TextWrite::Start(theirs.value.as_deref().map(str::to_owned));
        self.apply(theirs.root, &write, &mut Work::unlimited())?;
        Ok(())
    }

    pub(crate) fn write_canonical(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.root().unwrap_or(Stamp::ZERO).to_bytes());
        match self.value() {
            Some(value) => canonical::write_string(out, value),
            None => out.extend_from_slice(b"null"),
        }
        for head in self.heads() {
            out.extend_from_slice(&head.to_bytes());
        }
        if let Some(history) = &self.history {
            for (stamp, known) in &history.known {
                out.extend_from_slice(&stamp.to_bytes());
                out.extend_from_slice(&known.digest.to_be_bytes());
                out.push(u8::from(known.live));
            }
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        let bytes = |text: &Text| {
            let mut out = Vec::new();
            text.write_canonical(&mut out);
            out
        };
        self.shown == other.shown && bytes(self) == bytes(other)
    }
}

impl History {
    fn find(&self, stamp: Stamp) -> Option<&Known> {
        let place = self.known.binary_search_by_key(&stamp, |(stamp, _)| *stamp);
        self.known.get(place.ok()?).map(|(_, known)| known)
    }

    fn insert(&mut self, stamp: Stamp, known: Known) {
        if let Err(place) = self.known.binary_search_by_key(&stamp, |(stamp, _)| *stamp) {
            self.known.insert(place, (stamp, known));
        }
    }

    /// Everything so far loses against a text that starts at `root`.
    fn begin_anew(&mut self, root: Stamp) {
        for (_, known) in &mut self.known {
            known.live = false;
        }
        self.heads = vec![root];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hlc::NodeId;

    fn at(millis: u64) -> Stamp {
        Stamp::new(millis, 0, NodeId::new(1)).unwrap()
    }

    #[test]
    fn the_greatest_start_is_shown_and_the_others_stay_known() {
        let mut text = Text::default();
        let work = &mut Work::new(1_000);
        let start = |value: &str| TextWrite::Start(Some(value.to_owned()));
        assert_eq!(text.apply(at(2), &start("two"), work), Ok(Outcome::Won));
        assert_eq!(text.apply(at(1), &start("one"), work), Ok(Outcome::Lost));
        assert_eq!(
            text.apply(at(3), &TextWrite::Start(None), work),
            Ok(Outcome::Won)
        );
        assert_eq!(text.apply(at(2), &start("two"), work), Ok(Outcome::Lost));
        assert_eq!(
            text.apply(at(3), &TextWrite::Start(None), work),
            Ok(Outcome::Same)
        );
        assert_eq!(
            text.apply(at(3), &start(""), work),
            Err(TextError::StampReused(at(3)))
        );
        assert_eq!((text.value(), text.heads()), (None, vec![at(3)]));
    }
}
