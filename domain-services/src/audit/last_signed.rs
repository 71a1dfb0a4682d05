//! What this node knows to have been signed last. It is kept beside the key, where who has only the database does
//! not reach: else whoever rewrote the log and took its checkpoints away would have the rewritten one signed.

use super::note::{Checkpoint, VerifierKey};
use crate::key_files::{self, KeyError};
use crate::time::Ids;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The name of the file in the folder of keys: a checkpoint.
pub const SIGNED_FILE: &str = "audit.signed";

/// The newest checkpoint that is known to be committed.
#[derive(Debug)]
pub struct LastSigned {
    path: PathBuf,
    last: Mutex<Option<Checkpoint>>,
    /// Whether it was told that the file cannot be written.
    is_told: AtomicBool,
    /// Whether it was told that another key signs the log.
    is_foreign: AtomicBool,
}

impl LastSigned {
    /// Reads the file, if there is one. What this key has not signed (the log was renamed, say) says nothing of
    /// its log.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(folder: &Path, key: &VerifierKey) -> Result<Self, KeyError> {
        let path = folder.join(SIGNED_FILE);
        let last = match std::fs::read(&path) {
            Ok(note) => Checkpoint::open(&note, key)
                .inspect_err(|error| {
                    tracing::warn!(%error, path = %path.display(), "nothing is known of what was signed last");
                })
                .ok(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(key_files::file_error(&path, error)),
        };
        Ok(Self {
            path,
            last: Mutex::new(last),
            is_told: AtomicBool::default(),
            is_foreign: AtomicBool::default(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn last(&self) -> Option<Checkpoint> {
        self.lock().clone()
    }

    /// Keeps a checkpoint that is committed, if it is a later one and this key has signed it. Where the folder
    /// cannot be written, as a mounted secret, it is known until this process ends.
    pub(super) fn keep(&self, note: &str, key: &VerifierKey, ids: &Ids) {
        let checkpoint = match Checkpoint::open(note.as_bytes(), key) {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                if !self.is_foreign.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "another key signs this log: nodes on one database must have the same \
                        keys and the same `audit_origin`");
                }
                return;
            }
        };
        let mut last = self.lock();
        if last
            .as_ref()
            .is_some_and(|last| last.size >= checkpoint.size)
        {
            return;
        }
        *last = Some(checkpoint);
        // Who signs need not wait for a file.
        drop(last);
        if let Err(error) = key_files::replace(&self.path, note.as_bytes(), ids)
            && !self.is_told.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(%error, "what was signed last is known until this process ends only");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Checkpoint>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
