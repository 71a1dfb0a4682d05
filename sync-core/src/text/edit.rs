//! Taking an edit: forking at its base, applying the difference, joining.

use super::document::Document;
use super::history::History;
use super::words::{self, Middle, Splice};
use super::work::{self, Admitted, Task};
use super::{Known, Shown, Text, TextError, Work};
use crate::hlc::Stamp;
use crate::record::Outcome;

/// What became of an edit whose base is live.
enum Taken {
    /// It says what its base said.
    NoChange,
    /// It is in the document, and the shown text is now this.
    Changed(Box<str>),
    /// It would cost too much: it starts a new text.
    TooHeavy,
}

impl Text {
    /// Takes an edit that is not known yet.
    pub(super) fn edit(
        &mut self,
        stamp: Stamp,
        base: &[Stamp],
        text: &str,
        digest: u64,
        work: &mut Work,
    ) -> Result<Outcome, TextError> {
        let mut live = true;
        for stamp in base {
            let known = self.known(*stamp).ok_or(TextError::UnknownBase(*stamp))?;
            live &= known.live;
        }
        let Some(shown) = &mut self.shown else {
            // Where nothing is shown nothing is known: the base was empty.
            return Ok(self.begin(stamp, Some(text), Some(digest)));
        };
        let history = self
            .history
            .get_or_insert_with(|| Box::new(History::of_start(Some(shown))));
        if !live {
            history.insert(stamp, Known { digest, live });
            return Ok(Outcome::Lost);
        }
        let real = history.resolve(base);
        match take(history, shown, &real, stamp, text, &mut work.begin())? {
            Taken::NoChange => history.alias(stamp, real),
            Taken::Changed(value) => shown.value = Some(value),
            Taken::TooHeavy => return Ok(self.begin(stamp, Some(text), Some(digest))),
        }
        history.insert(stamp, Known { digest, live });
        history.advance(stamp, base);
        Ok(if history.heads == [stamp] {
            Outcome::Won
        } else {
            Outcome::Joined
        })
    }
}

/// Makes the edit in the document, which is created or loaded as needed. On an error, and when nothing
/// changed or the edit is too heavy, the document says what it said before.
fn take(
    history: &mut History,
    shown: &Shown,
    base: &[Stamp],
    stamp: Stamp,
    text: &str,
    task: &mut Task<'_>,
) -> Result<Taken, TextError> {
    let value = shown.value.as_deref().unwrap_or_default();
    let Some(document) = &mut history.document else {
        if value == text {
            return Ok(Taken::NoChange);
        }
        let create_us = work::create_us(value.chars().count());
        let Some(splices) = plan(value, text, create_us, task)? else {
            return Ok(Taken::TooHeavy);
        };
        let mut document = Document::create(shown.root, value)?;
        document.edit(stamp, &splices)?;
        history.document = Some(document);
        return Ok(Taken::Changed(text.into()));
    };
    let ops = document.ops();
    let load_us = if document.is_loaded() {
        0
    } else {
        work::load_us(ops)
    };
    if document.tips().iter().all(|(tip, _)| base.contains(tip)) {
        // On top of everything: what is shown is what was edited.
        if value == text {
            return Ok(Taken::NoChange);
        }
        let Some(splices) = plan(value, text, load_us, task)? else {
            return Ok(Taken::TooHeavy);
        };
        document.load()?;
        document.edit(stamp, &splices)?;
        return Ok(Taken::Changed(text.into()));
    }
    if task.admit(load_us.saturating_add(work::fork_us(ops)))? == Admitted::TooHeavy {
        return Ok(Taken::TooHeavy);
    }
    document.load()?;
    let fork = document.fork(base)?;
    let value = fork.text()?;
    if value == text {
        return Ok(Taken::NoChange);
    }
    let Some(splices) = plan(&value, text, 0, task)? else {
        return Ok(Taken::TooHeavy);
    };
    document.join(fork, base, stamp, &splices)?;
    Ok(Taken::Changed(document.text()?.into()))
}

/// The difference of two texts, when finding it, making it, and `more_us` can be afforded; `None` when
/// that is too heavy.
fn plan(
    before: &str,
    after: &str,
    more_us: u64,
    task: &mut Task<'_>,
) -> Result<Option<Vec<Splice>>, TextError> {
    let words_us = work::words_us(before.len().saturating_add(after.len()));
    if task.admit(words_us.saturating_add(more_us))? == Admitted::TooHeavy {
        return Ok(None);
    }
    let (before, after) = (words::words(before), words::words(after));
    let middle = Middle::of(&before, &after);
    let cost_us = work::difference_us(middle.before.len(), middle.after.len());
    if task.admit(cost_us)? == Admitted::TooHeavy {
        return Ok(None);
    }
    let splices = middle.difference();
    let mut deleted = 0_usize;
    let mut inserted = 0_usize;
    for splice in &splices {
        deleted = deleted.saturating_add(splice.delete);
        inserted = inserted.saturating_add(splice.insert.chars().count());
    }
    let cost_us = work::splice_us(splices.len(), deleted, inserted);
    let admitted = task.admit(cost_us)? == Admitted::Yes;
    Ok(admitted.then_some(splices))
}
