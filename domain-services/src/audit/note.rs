//! Checkpoints: signed statements of a log's size and root, as C2SP `tlog-checkpoint` in a C2SP
//! `signed-note` with an Ed25519 signature.
//!
//! ```text
//! athena.local/audit
//! 1042
//! rS8fCjtHm9cSAbzFUHJB7ekHlWhfYJOtLdz3pQlJY8k=
//!
//! — athena.local/audit 7a8c…
//! ```

use super::tree::Hash;
use crate::key_files::{self, KeyError};
use crate::time::Ids;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::SigningKey;
use signed_note::{Note, NoteError, StandardSigner, StandardVerifier, VerifierList};
use std::path::{Path, PathBuf};

/// The name of the key's file in the folder of keys: 32 bytes, the seed of RFC 8032.
pub const KEY_FILE: &str = "audit.key";

/// The type of an Ed25519 key and signature in signed notes.
const ED25519: u8 = 1;

/// Whether a name may be a log's origin and the name of its key: not empty, without blanks and `+`.
#[must_use]
pub fn is_origin(name: &str) -> bool {
    signed_note::is_key_name_valid(name) && !name.chars().any(char::is_control)
}

/// What a checkpoint states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many leaves it has.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Why a note is no checkpoint to be trusted.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The key is not in the form `<name>+<id>+<base64>`, or of an unknown kind.
    #[error("the key cannot be read: {0}")]
    Key(String),
    /// It is no note at all.
    #[error("the checkpoint cannot be read: {0}")]
    Malformed(String),
    /// This key has not signed it.
    #[error("the checkpoint is not signed by this key: {0}")]
    Unsigned(String),
}

impl Checkpoint {
    /// The text that is signed.
    fn text(&self) -> String {
        let root = BASE64_STANDARD.encode(self.root);
        format!("{}\n{}\n{root}\n", self.origin, self.size)
    }

    /// Reads a checkpoint that this key has signed.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn open(note: &[u8], key: &VerifierKey) -> Result<Self, CheckpointError> {
        let malformed = |why: &str| CheckpointError::Malformed(why.to_owned());
        let parsed = Note::from_bytes(note).map_err(|error| malformed(&error.to_string()))?;
        let verifiers = VerifierList::new(vec![Box::new(key.verifier()?)]);
        parsed.verify(&verifiers).map_err(|error| match error {
            NoteError::MalformedNote => malformed("it is no signed note"),
            error => CheckpointError::Unsigned(error.to_string()),
        })?;
        let text = std::str::from_utf8(parsed.text()).map_err(|_| malformed("it is not UTF-8"))?;
        let checkpoint =
            Self::parse(text).ok_or_else(|| malformed("it states no size and root"))?;
        // A key is for one log: its name is the log's.
        if checkpoint.origin != key.name() {
            return Err(CheckpointError::Unsigned(format!(
                "it is of the log `{}`, the key is of `{}`",
                checkpoint.origin,
                key.name()
            )));
        }
        Ok(checkpoint)
    }

    /// Lines after the third are extensions, which mean nothing here.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty())?;
        let size = lines.next()?;
        let root = BASE64_STANDARD.decode(lines.next()?).ok()?;
        // Decimal without leading zeros, or signs, which `parse` would take.
        let decimal = size.bytes().all(|byte| byte.is_ascii_digit());
        if !decimal || (size.starts_with('0') && size != "0") {
            return None;
        }
        Some(Self {
            origin: origin.to_owned(),
            size: size.parse().ok()?,
            root: root.try_into().ok()?,
        })
    }
}

/// The public key of a log, as `<name>+<id>+<base64>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey(String);

impl VerifierKey {
    /// Reads a key's text.
    ///
    /// # Errors
    /// [`CheckpointError::Key`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let key = Self(text.trim().to_owned());
        key.verifier().map(|_| key)
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn name(&self) -> &str {
        self.0.split('+').next().unwrap_or_default()
    }

    fn verifier(&self) -> Result<StandardVerifier, CheckpointError> {
        StandardVerifier::new(&self.0).map_err(|error| CheckpointError::Key(error.to_string()))
    }
}

/// The private key of a log.
pub struct Signer {
    origin: String,
    private: StandardSigner,
    key: VerifierKey,
}

/// Never shows the key.
impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// Reads the key in this folder, and makes it at the first start. `origin` names the log.
    ///
    /// # Errors
    /// When the file cannot be read or made.
    pub fn open(folder: &Path, origin: &str, ids: &Ids) -> Result<Self, KeyError> {
        let seed = key_files::secret(folder, KEY_FILE, ids)?;
        Self::new(origin, &seed).map_err(|why| KeyError::NoKey {
            path: PathBuf::from(KEY_FILE),
            why,
        })
    }

    fn new(origin: &str, seed: &[u8; 32]) -> Result<Self, String> {
        let public = SigningKey::from_bytes(seed).verifying_key();
        let key = signed_note::new_ed25519_verifier_key(origin, &public);
        let id = key.split('+').nth(1).unwrap_or_default();
        let seed = BASE64_STANDARD.encode([&[ED25519], seed.as_slice()].concat());
        let private = StandardSigner::new(&format!("PRIVATE+KEY+{origin}+{id}+{seed}"))
            .map_err(|error| format!("`{origin}` cannot sign: {error}"))?;
        Ok(Self {
            origin: origin.to_owned(),
            private,
            key: VerifierKey(key),
        })
    }

    /// The public key.
    #[must_use]
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Signs that the log has this many leaves and this root.
    ///
    /// # Errors
    /// When the origin cannot stand in a note.
    pub fn sign(&self, size: u64, root: Hash) -> Result<String, CheckpointError> {
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size,
            root,
        };
        let malformed = |error: NoteError| CheckpointError::Malformed(error.to_string());
        let mut note = Note::new(checkpoint.text().as_bytes(), &[]).map_err(malformed)?;
        note.add_sigs(&[&self.private]).map_err(malformed)?;
        String::from_utf8(note.to_bytes())
            .map_err(|error| CheckpointError::Malformed(error.to_string()))
    }
}

#[cfg(test)]
#[path = "note_tests.rs"]
mod tests;
