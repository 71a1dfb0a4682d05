//! The Automerge document behind a text of two edits or more.
//!
//! Every write is one change: actor = the 16 bytes of its stamp, time = its seconds, operations = the
//! difference in words against the text at its base. So an edit is the same change (the same hash) on every
//! server. What does not work: `Automerge::transaction_at` numbers its operations after all that the
//! document holds, so its changes depend on what else has arrived; and `save` writes changes in the order
//! they arrived, so its bytes cannot be compared.

use super::words::Splice;
use super::{TextError, checksum};
use crate::hlc::Stamp;
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{
    ActorId, Automerge, ChangeHash, LoadOptions, ObjId, ObjType, ROOT, ReadDoc, TextEncoding, Value,
};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The member of the document's root that holds the text.
const MEMBER: &str = "text";

/// A document, kept as bytes until an edit needs more.
#[derive(Clone)]
pub(super) struct Document {
    /// The bytes and their checksum; `None` while they are not up to date.
    saved: Option<(Arc<[u8]>, [u8; 16])>,
    /// The decoded document; `None` until it is needed.
    loaded: Option<Box<Loaded>>,
    /// The changes that no other change builds on, sorted by stamp.
    tips: Vec<(Stamp, ChangeHash)>,
    /// Number of operations, deletions counted: what loading costs is in proportion to it.
    ops: u64,
}

#[derive(Clone)]
struct Loaded {
    doc: Automerge,
    text: ObjId,
    /// The change of each stamp.
    changes: BTreeMap<Stamp, ChangeHash>,
}

/// A document cut back to a base, ready for an edit.
pub(super) struct Fork {
    doc: Automerge,
    text: ObjId,
}

impl Document {
    /// The document of a text that starts with `value`.
    pub(super) fn create(root: Stamp, value: &str) -> Result<Document, TextError> {
        let mut doc = Automerge::new_with_encoding(TextEncoding::UnicodeCodePoint);
        doc.set_actor(ActorId::from(root.to_bytes()));
        let mut transaction = doc.transaction();
        let text = transaction
            .put_object(ROOT, MEMBER, ObjType::Text)
            .and_then(|text| transaction.splice_text(&text, 0, 0, value).map(|()| text))
            .map_err(|_| TextError::Corrupt("a new document was refused"))?;
        let (hash, _) = transaction.commit_with(options(root));
        let hash = hash.ok_or(TextError::Corrupt("a new document has no change"))?;
        let ops = operations(&doc, &hash);
        Ok(Document {
            saved: None,
            tips: vec![(root, hash)],
            ops,
            loaded: Some(Box::new(Loaded {
                doc,
                text,
                changes: BTreeMap::from([(root, hash)]),
            })),
        })
    }

    /// A document from what was kept of it. Nothing is decoded yet.
    pub(super) fn kept(
        bytes: &[u8],
        sum: [u8; 16],
        tips: Vec<(Stamp, ChangeHash)>,
        ops: u64,
    ) -> Document {
        Document {
            saved: Some((bytes.into(), sum)),
            loaded: None,
            tips,
            ops,
        }
    }

    pub(super) fn tips(&self) -> &[(Stamp, ChangeHash)] {
        &self.tips
    }

    pub(super) fn ops(&self) -> u64 {
        self.ops
    }

    pub(super) fn is_loaded(&self) -> bool {
        self.loaded.is_some()
    }

    /// The bytes to keep and their checksum.
    pub(super) fn bytes(&self) -> (Arc<[u8]>, [u8; 16]) {
        match (&self.saved, &self.loaded) {
            (Some(saved), _) => saved.clone(),
            (None, Some(loaded)) => {
                let bytes = loaded.doc.save();
                let sum = checksum(&bytes);
                (bytes.into(), sum)
            }
            (None, None) => (Arc::from([]), checksum(&[])),
        }
    }

    /// Decodes the kept bytes, once.
    pub(super) fn load(&mut self) -> Result<(), TextError> {
        if self.loaded.is_some() {
            return Ok(());
        }
        let Some((bytes, sum)) = &self.saved else {
            return Err(TextError::Corrupt("the document is missing"));
        };
        // Automerge trusts what it reads more than a server may: only bytes that this crate wrote get there.
        if checksum(bytes) != *sum {
            return Err(TextError::Corrupt(
                "the document does not match its checksum",
            ));
        }
        let options = LoadOptions::new().text_encoding(TextEncoding::UnicodeCodePoint);
        let doc = Automerge::load_with_options(bytes, options)
            .map_err(|_| TextError::Corrupt("the document cannot be read"))?;
        let text = text_object(&doc)?;
        let changes = changes(&doc)?;
        let mut heads = doc.get_heads();
        heads.sort_unstable();
        let mut tips: Vec<ChangeHash> = self.tips.iter().map(|(_, hash)| *hash).collect();
        tips.sort_unstable();
        if heads != tips {
            return Err(TextError::Corrupt(
                "the document is not the one that was described",
            ));
        }
        self.loaded = Some(Box::new(Loaded { doc, text, changes }));
        Ok(())
    }

    fn loaded(&self) -> Result<&Loaded, TextError> {
        let loaded = self.loaded.as_deref();
        loaded.ok_or(TextError::Corrupt("the document is not loaded"))
    }

    /// The shown text.
    pub(super) fn text(&self) -> Result<String, TextError> {
        let loaded = self.loaded()?;
        read_text(&loaded.doc, &loaded.text)
    }

    /// The document as it was at a base of changes.
    pub(super) fn fork(&self, base: &[Stamp]) -> Result<Fork, TextError> {
        let loaded = self.loaded()?;
        let mut hashes = Vec::with_capacity(base.len());
        for stamp in base {
            let hash = loaded.changes.get(stamp);
            hashes.push(*hash.ok_or(TextError::Corrupt("a known edit is not in the document"))?);
        }
        let doc = loaded
            .doc
            .fork_at(&hashes)
            .map_err(|_| TextError::Corrupt("the document has no such base"))?;
        let text = text_object(&doc)?;
        Ok(Fork { doc, text })
    }

    /// Makes an edit on top of everything.
    pub(super) fn edit(&mut self, stamp: Stamp, splices: &[Splice]) -> Result<(), TextError> {
        let Some(loaded) = self.loaded.as_deref_mut() else {
            return Err(TextError::Corrupt("the document is not loaded"));
        };
        let hash = commit(&mut loaded.doc, &loaded.text, stamp, splices)?;
        loaded.changes.insert(stamp, hash);
        self.ops = self.ops.saturating_add(operations(&loaded.doc, &hash));
        self.tips = vec![(stamp, hash)];
        self.saved = None;
        Ok(())
    }

    /// Makes an edit on a fork at `base` and joins it.
    pub(super) fn join(
        &mut self,
        mut fork: Fork,
        base: &[Stamp],
        stamp: Stamp,
        splices: &[Splice],
    ) -> Result<(), TextError> {
        let Some(loaded) = self.loaded.as_deref_mut() else {
            return Err(TextError::Corrupt("the document is not loaded"));
        };
        let hash = commit(&mut fork.doc, &fork.text, stamp, splices)?;
        let change = fork.doc.get_change_by_hash(&hash);
        loaded
            .doc
            .apply_changes(change)
            .map_err(|_| TextError::Corrupt("the document refused an edit"))?;
        loaded.changes.insert(stamp, hash);
        self.ops = self.ops.saturating_add(operations(&loaded.doc, &hash));
        self.tips.retain(|(tip, _)| !base.contains(tip));
        self.tips.push((stamp, hash));
        self.tips.sort_unstable_by_key(|(stamp, _)| *stamp);
        self.saved = None;
        Ok(())
    }

    /// Joins another document of the same root. Both must be loaded.
    pub(super) fn merge(&mut self, other: &Document) -> Result<(), TextError> {
        let mut theirs = other.loaded()?.doc.clone();
        let Some(loaded) = self.loaded.as_deref_mut() else {
            return Err(TextError::Corrupt("the document is not loaded"));
        };
        loaded
            .doc
            .merge(&mut theirs)
            .map_err(|_| TextError::Corrupt("the documents do not merge"))?;
        loaded.changes = changes(&loaded.doc)?;
        let heads = loaded.doc.get_heads();
        let tips = loaded
            .changes
            .iter()
            .filter(|(_, hash)| heads.contains(hash));
        self.tips = tips.map(|(stamp, hash)| (*stamp, *hash)).collect();
        let counts = loaded.changes.values();
        let counts = counts.map(|hash| operations(&loaded.doc, hash));
        self.ops = counts.fold(0, u64::saturating_add);
        self.saved = None;
        Ok(())
    }
}

impl Fork {
    /// The text at the base.
    pub(super) fn text(&self) -> Result<String, TextError> {
        read_text(&self.doc, &self.text)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("tips", &self.tips)
            .field("ops", &self.ops)
            .finish_non_exhaustive()
    }
}

fn options(stamp: Stamp) -> CommitOptions {
    let seconds = i64::try_from(stamp.millis() / 1_000).unwrap_or(0);
    CommitOptions::default().with_time(seconds)
}

fn commit(
    doc: &mut Automerge,
    text: &ObjId,
    stamp: Stamp,
    splices: &[Splice],
) -> Result<ChangeHash, TextError> {
    doc.set_actor(ActorId::from(stamp.to_bytes()));
    let mut transaction = doc.transaction();
    // From the back, so that the positions before stay those of the old text.
    for splice in splices.iter().rev() {
        let delete = isize::try_from(splice.delete).unwrap_or(isize::MAX);
        if transaction
            .splice_text(text, splice.at, delete, &splice.insert)
            .is_err()
        {
            transaction.rollback();
            return Err(TextError::Corrupt("the document refused a splice"));
        }
    }
    let (hash, _) = transaction.commit_with(options(stamp));
    hash.ok_or(TextError::Corrupt("an edit made no change"))
}

/// The operations of a change. `stats().num_ops` leaves deletions out, which cost as much to load.
fn operations(doc: &Automerge, hash: &ChangeHash) -> u64 {
    let change = doc.get_change_meta_by_hash(hash);
    change.map_or(0, |change| {
        change
            .max_op
            .saturating_sub(change.start_op)
            .saturating_add(1)
    })
}

fn text_object(doc: &Automerge) -> Result<ObjId, TextError> {
    match doc.get(ROOT, MEMBER) {
        Ok(Some((Value::Object(ObjType::Text), text))) => Ok(text),
        _ => Err(TextError::Corrupt("the document holds no text")),
    }
}

fn read_text(doc: &Automerge, text: &ObjId) -> Result<String, TextError> {
    doc.text(text)
        .map_err(|_| TextError::Corrupt("the document's text cannot be read"))
}

fn changes(doc: &Automerge) -> Result<BTreeMap<Stamp, ChangeHash>, TextError> {
    let mut changes = BTreeMap::new();
    for change in doc.get_changes_meta(&[]) {
        let actor = <[u8; 16]>::try_from(change.actor.to_bytes());
        let stamp = actor.ok().and_then(|bytes| Stamp::from_bytes(bytes).ok());
        let stamp = stamp.ok_or(TextError::Corrupt(
            "the document has a change without a stamp",
        ))?;
        changes.insert(stamp, change.hash);
    }
    Ok(changes)
}
