//! Joining two states of one text.

use super::history::History;
use super::{Shown, Text, TextError, start_digest};
use crate::hlc::Stamp;
use std::cmp::Ordering;

impl Text {
    /// Joins another state of the same text into this one: the writes of both.
    ///
    /// # Errors
    /// [`TextError`]; then nothing has changed.
    pub(crate) fn merge(&mut self, other: &Text) -> Result<(), TextError> {
        let Some(theirs) = &other.shown else {
            return Ok(());
        };
        let Some(mine) = &self.shown else {
            *self = other.clone();
            return Ok(());
        };
        if other.history.is_none() {
            return self.merge_start(theirs);
        }
        let history = |text: &Text| match &text.history {
            Some(history) => (**history).clone(),
            None => History::of_start(text.shown.as_ref()),
        };
        let (mine_history, theirs_history) = (history(self), history(other));
        check(&mine_history, &theirs_history)?;
        let (shown, joined) = match mine.root.cmp(&theirs.root) {
            Ordering::Greater => (mine.clone(), supersede(mine_history, &theirs_history)?),
            Ordering::Less => (theirs.clone(), supersede(theirs_history, &mine_history)?),
            Ordering::Equal => join(mine, mine_history, theirs, theirs_history)?,
        };
        self.shown = Some(shown);
        self.history = Some(Box::new(joined));
        Ok(())
    }
}

impl Text {
    /// Joins a text of one start: what nearly every join is, and cheap.
    fn merge_start(&mut self, theirs: &Shown) -> Result<(), TextError> {
        let value = theirs.value.as_deref();
        let known = match &self.history {
            Some(history) => history
                .find(theirs.root)
                .map(|known| known.digest == start_digest(value)),
            None => self
                .shown
                .as_ref()
                .filter(|mine| mine.root == theirs.root)
                .map(|mine| mine.value.as_deref() == value),
        };
        match known {
            Some(true) => {}
            Some(false) => return Err(TextError::StampReused(theirs.root)),
            None => {
                self.begin(theirs.root, value, None);
            }
        }
        Ok(())
    }
}

/// One stamp, one write.
fn check(a: &History, b: &History) -> Result<(), TextError> {
    for (stamp, known) in &a.known {
        let other = b.find(*stamp);
        if other.is_some_and(|other| other.digest != known.digest) {
            return Err(TextError::StampReused(*stamp));
        }
    }
    Ok(())
}

/// The history that is shown, with the stamps of one that lost.
fn supersede(mut shown: History, lost: &History) -> Result<History, TextError> {
    for (stamp, known) in &lost.known {
        if shown.find(*stamp).is_some_and(|known| known.live) {
            return Err(TextError::Corrupt("an edit is in two texts"));
        }
        let mut known = *known;
        known.live = false;
        shown.insert(*stamp, known);
    }
    Ok(shown)
}

/// Two histories of the text that both show.
fn join(
    mine: &Shown,
    mut ours: History,
    theirs: &Shown,
    mut other: History,
) -> Result<(Shown, History), TextError> {
    let heads = maximal(&ours, &ours.heads, &other, &other.heads);
    let changed_here = ours.document.is_some();
    ours.document = match (ours.document.take(), other.document.take()) {
        (Some(mut document), Some(mut more)) => {
            document.load()?;
            more.load()?;
            document.merge(&more)?;
            Some(document)
        }
        (one, another) => one.or(another),
    };
    let value = match &ours.document {
        Some(document) if document.is_loaded() => Some(document.text()?.into()),
        Some(_) if changed_here => mine.value.clone(),
        _ => theirs.value.clone(),
    };
    for (stamp, known) in other.known {
        match ours.known.binary_search_by_key(&stamp, |(stamp, _)| *stamp) {
            Ok(place) => {
                if let Some((_, mine)) = ours.known.get_mut(place) {
                    mine.live &= known.live;
                }
            }
            Err(place) => ours.known.insert(place, (stamp, known)),
        }
    }
    for (alias, stands_for) in other.aliases {
        ours.alias(alias, stands_for);
    }
    ours.heads = heads;
    let shown = Shown {
        root: mine.root,
        value,
    };
    Ok((shown, ours))
}

/// The heads of the union: a head stays one unless the other side knows it and has built on it.
fn maximal(a: &History, a_heads: &[Stamp], b: &History, b_heads: &[Stamp]) -> Vec<Stamp> {
    let stays = |head: &Stamp, history: &History, heads: &[Stamp]| {
        heads.contains(head) || history.find(*head).is_none()
    };
    let from_a = a_heads.iter().filter(|head| stays(head, b, b_heads));
    let from_b = b_heads.iter().filter(|head| stays(head, a, a_heads));
    let mut heads: Vec<Stamp> = from_a.chain(from_b).copied().collect();
    heads.sort_unstable();
    heads.dedup();
    heads
}
