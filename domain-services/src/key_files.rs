//! Files of keys, readable by their owner only, made once at the first start.

use crate::time::Ids;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file or the folder cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A file holds no key of this kind.
    #[error("{} holds no usable key: {why}", path.display())]
    NoKey {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// Reads a secret of 32 bytes that is kept beside the keys, and makes it at the first start.
pub(crate) fn secret(folder: &Path, name: &str, ids: &Ids) -> Result<[u8; 32], KeyError> {
    make_folder(folder)?;
    let path = folder.join(name);
    if !path.exists() {
        make_once(&path, &ids.bytes::<32>())?;
    }
    let bytes = std::fs::read(&path).map_err(|error| file_error(&path, error))?;
    bytes.try_into().map_err(|_| KeyError::NoKey {
        path,
        why: "it is not 32 bytes long".to_owned(),
    })
}

pub(crate) fn make_folder(folder: &Path) -> Result<(), KeyError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| file_error(folder, error))
}

/// Writes a file that must appear whole and only once, though two processes may start together:
/// under another name first, then linked, which fails when somebody else was faster.
pub(crate) fn make_once(path: &Path, content: &[u8]) -> Result<(), KeyError> {
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    let written = write(&draft, content).and_then(|()| match std::fs::hard_link(&draft, path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    });
    let removed = std::fs::remove_file(&draft);
    written
        .and(removed)
        .map_err(|error| file_error(path, error))
}

/// Writes a file in the place of what it was: whole, or not at all.
pub(crate) fn replace(path: &Path, content: &[u8], ids: &Ids) -> Result<(), KeyError> {
    // Processes in containers that share the folder may all be number 1.
    let draft = path.with_extension(format!("draft-{}", u64::from_be_bytes(ids.bytes())));
    write(&draft, content)
        .and_then(|()| std::fs::rename(&draft, path))
        .inspect_err(|_| drop(std::fs::remove_file(&draft)))
        .map_err(|error| file_error(path, error))
}

fn write(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

pub(crate) fn file_error(path: &Path, error: std::io::Error) -> KeyError {
    KeyError::File {
        path: path.to_owned(),
        error,
    }
}
