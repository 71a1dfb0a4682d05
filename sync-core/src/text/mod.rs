//! Text that merges: the whole new string and the stamps it was made from come in, a joined text comes out.
//!
//! A text begins with a *start* (a string, or nothing, under a stamp) and grows by *edits*, each based on
//! the stamps of others. Texts are ordered by their starting stamp and the greatest is shown; everything of
//! a lesser one has lost, but its stamps stay known. All of it is a function of the set of writes, so it does
//! not matter in which order they come, as long as a base comes before what is based on it.
//!
//! The join is that of Automerge. Actor and time of a change come from its stamp, so the same edit is the
//! same change on every server. A document does not exist before the second edit does, and an edit that
//! changes nothing makes no change: its stamp is an alias of its base.
//!
//! **The one exception to order.** An edit that would cost more than one request may (a document of some
//! 50,000 characters ever typed cut back to a base, some 10,000 characters replaced) starts a new text from its whole string
//! instead of joining. Which edit meets that bound can depend on what came before it, so below the bound all
//! orders agree, and above it the order of the server's commits decides.

mod document;
mod edit;
mod history;
mod merge;
mod state;
mod words;
mod work;

pub use work::Work;

use crate::canonical;
use crate::hlc::Stamp;
use crate::record::Outcome;
use history::History;

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
        /// The stamps of what the phone's string was made from, sorted. An empty base is a start.
        base: Vec<Stamp>,
        /// The whole new string.
        text: String,
    },
}

impl TextWrite {
    /// Whether it starts a text with that value.
    fn is_start_of(&self, value: Option<&str>) -> bool {
        match self {
            TextWrite::Start(start) => start.as_deref() == value,
            TextWrite::Edit { base, text } => base.is_empty() && Some(text.as_str()) == value,
        }
    }

    /// Tells two writes under one stamp apart.
    fn digest(&self) -> u64 {
        match self {
            TextWrite::Start(value) => start_digest(value.as_deref()),
            TextWrite::Edit { base, text } if base.is_empty() => start_digest(Some(text)),
            TextWrite::Edit { base, text } => {
                let mut bytes = vec![2];
                for stamp in base {
                    bytes.extend_from_slice(&stamp.to_bytes());
                }
                bytes.push(0xff);
                bytes.extend_from_slice(text.as_bytes());
                canonical::short_digest(&bytes)
            }
        }
    }
}

fn start_digest(value: Option<&str>) -> u64 {
    let mut bytes = vec![u8::from(value.is_some())];
    bytes.extend_from_slice(value.unwrap_or_default().as_bytes());
    canonical::short_digest(&bytes)
}

/// What a document's bytes are checked by: the first 16 bytes of their SHA-256.
fn checksum(bytes: &[u8]) -> [u8; 16] {
    let digest = canonical::sha256(bytes);
    digest.first_chunk().copied().unwrap_or_default()
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
            return history.find(stamp);
        }
        let shown = self.shown.as_ref().filter(|shown| shown.root == stamp)?;
        Some(Known {
            digest: start_digest(shown.value.as_deref()),
            live: true,
        })
    }

    /// The answer to a write whose stamp is known, without loading a document.
    fn settled(&self, stamp: Stamp, write: &TextWrite) -> Option<Result<Outcome, TextError>> {
        let (same, live) = if let Some(history) = &self.history {
            let known = history.find(stamp)?;
            (known.digest == write.digest(), known.live)
        } else {
            let shown = self.shown.as_ref().filter(|shown| shown.root == stamp)?;
            (write.is_start_of(shown.value.as_deref()), true)
        };
        Some(match (same, live) {
            (false, _) => Err(TextError::StampReused(stamp)),
            (true, true) => Ok(Outcome::Same),
            (true, false) => Ok(Outcome::Lost),
        })
    }

    /// The outcome of a write as far as it can be told without loading a document: `Same`, `Lost`, or
    /// `None` where it would change what is shown or be refused.
    pub(crate) fn foresee(&self, stamp: Stamp, write: &TextWrite) -> Option<Outcome> {
        if let Some(settled) = self.settled(stamp, write) {
            return settled.ok();
        }
        let loses = match write {
            TextWrite::Edit { base, .. } if !base.is_empty() => {
                let mut lost = false;
                for stamp in base {
                    lost |= !self.known(*stamp)?.live;
                }
                lost
            }
            _ => Some(stamp) < self.root(),
        };
        loses.then_some(Outcome::Lost)
    }

    /// Takes a write: `Won` when the text is now as it says, `Joined` when it was merged with edits that
    /// its base did not know, `Lost` when its text is not the shown one, `Same` when it was known.
    ///
    /// # Errors
    /// [`TextError`]; then nothing has changed but `work`.
    pub fn apply(
        &mut self,
        stamp: Stamp,
        write: &TextWrite,
        work: &mut Work,
    ) -> Result<Outcome, TextError> {
        if let Some(settled) = self.settled(stamp, write) {
            return settled;
        }
        match write {
            TextWrite::Edit { base, text } if !base.is_empty() => {
                self.edit(stamp, base, text, write.digest(), work)
            }
            TextWrite::Edit { text, .. } => Ok(self.begin(stamp, Some(text), None)),
            TextWrite::Start(value) => Ok(self.begin(stamp, value.as_deref(), None)),
        }
    }

    /// Takes a write that starts a text; `digest` where it is not that of a plain start.
    fn begin(&mut self, stamp: Stamp, value: Option<&str>, digest: Option<u64>) -> Outcome {
        let Some(root) = self.root() else {
            *self = Text::start(stamp, value.map(str::to_owned));
            return Outcome::Won;
        };
        let wins = stamp > root;
        let digest = digest.unwrap_or_else(|| start_digest(value));
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

    /// The history, made from the one start when there is none yet.
    fn history_mut(&mut self) -> &mut History {
        let shown = self.shown.as_ref();
        self.history
            .get_or_insert_with(|| Box::new(History::of_start(shown)))
    }

    pub(crate) fn write_canonical(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.root().unwrap_or(Stamp::ZERO).to_bytes());
        match self.value() {
            Some(value) => canonical::write_string(out, value),
            None => out.extend_from_slice(b"null"),
        }
        match &self.history {
            Some(history) => history.write_canonical(out),
            None => History::of_start(self.shown.as_ref()).write_canonical(out),
        }
    }
}

/// Equal when every further write would do the same to both.
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

#[cfg(test)]
mod tests;
