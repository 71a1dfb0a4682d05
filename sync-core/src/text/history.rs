//! What a text remembers beside the string that is shown.

use super::document::Document;
use super::{Known, Shown, start_digest};
use crate::hlc::Stamp;

/// The writes of a text.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    /// Every write ever taken, sorted by stamp.
    pub(super) known: Vec<(Stamp, Known)>,
    /// The live writes that no other live write names as base, sorted.
    pub(super) heads: Vec<Stamp>,
    /// Live edits that changed nothing, sorted, each with the writes that its base stood for (sorted, none
    /// of them an alias).
    pub(super) aliases: Vec<(Stamp, Vec<Stamp>)>,
    /// `None` while no live edit has changed anything.
    pub(super) document: Option<Document>,
}

impl History {
    /// The history of a text of one start, or of none.
    pub(super) fn of_start(shown: Option<&Shown>) -> History {
        let mut history = History::default();
        if let Some(shown) = shown {
            let digest = start_digest(shown.value.as_deref());
            history
                .known
                .push((shown.root, Known { digest, live: true }));
            history.heads.push(shown.root);
        }
        history
    }

    pub(super) fn find(&self, stamp: Stamp) -> Option<Known> {
        let place = self.known.binary_search_by_key(&stamp, |(stamp, _)| *stamp);
        self.known.get(place.ok()?).map(|(_, known)| *known)
    }

    /// Remembers a write; one that is known already stays as it is.
    pub(super) fn insert(&mut self, stamp: Stamp, known: Known) {
        if let Err(place) = self.known.binary_search_by_key(&stamp, |(stamp, _)| *stamp) {
            self.known.insert(place, (stamp, known));
        }
    }

    /// Everything so far loses against a text that starts at `root`. Its stamps stay known, so that what
    /// is based on them is understood; its document goes.
    pub(super) fn begin_anew(&mut self, root: Stamp) {
        for (_, known) in &mut self.known {
            known.live = false;
        }
        self.heads = vec![root];
        self.aliases.clear();
        self.document = None;
    }

    /// The writes that a base stands for: itself without aliases, sorted.
    pub(super) fn resolve(&self, base: &[Stamp]) -> Vec<Stamp> {
        let mut real = Vec::with_capacity(base.len());
        for stamp in base {
            match self
                .aliases
                .binary_search_by_key(stamp, |(alias, _)| *alias)
            {
                Ok(place) => {
                    let alias = self.aliases.get(place);
                    real.extend(alias.iter().flat_map(|(_, stands_for)| stands_for));
                }
                Err(_) => real.push(*stamp),
            }
        }
        real.sort_unstable();
        real.dedup();
        real
    }

    /// Remembers an edit that changed nothing.
    pub(super) fn alias(&mut self, stamp: Stamp, stands_for: Vec<Stamp>) {
        if let Err(place) = self
            .aliases
            .binary_search_by_key(&stamp, |(alias, _)| *alias)
        {
            self.aliases.insert(place, (stamp, stands_for));
        }
    }

    /// A live edit is the new head of what it is based on.
    pub(super) fn advance(&mut self, stamp: Stamp, base: &[Stamp]) {
        self.heads.retain(|head| !base.contains(head));
        if let Err(place) = self.heads.binary_search(&stamp) {
            self.heads.insert(place, stamp);
        }
    }

    pub(super) fn write_canonical(&self, out: &mut Vec<u8>) {
        for head in &self.heads {
            out.extend_from_slice(&head.to_bytes());
        }
        for (stamp, known) in &self.known {
            out.extend_from_slice(&stamp.to_bytes());
            out.extend_from_slice(&known.digest.to_be_bytes());
            out.push(u8::from(known.live));
        }
        for (alias, stands_for) in &self.aliases {
            out.extend_from_slice(&alias.to_bytes());
            for stamp in stands_for {
                out.extend_from_slice(&stamp.to_bytes());
            }
        }
        // The hashes name every change of the document, and with them its text.
        for (stamp, hash) in self.document.iter().flat_map(Document::tips) {
            out.extend_from_slice(&stamp.to_bytes());
            out.extend_from_slice(&hash.0);
        }
    }
}
