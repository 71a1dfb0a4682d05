//! `athena audit verify`: an exported log held against signed checkpoints, offline.

use crate::cli::VerifyArgs;
use domain_services::audit::note::{Checkpoint, CheckpointError, VerifierKey};
use domain_services::audit::{Verdict, verify};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The exit codes, for the help.
pub(crate) const CODES: &str = "\
Exit codes:
   0  proved: every leaf is as it was signed
   1  a file cannot be read
   2  wrong arguments
  10  missing: leaves that were signed are not there
  11  altered: a leaf is not what was signed
  12  reordered: a leaf stands in another's place
  13  forked: the leaves fit each other and not the checkpoint: history was rewritten
  14  stale: what the checkpoint covers is fine, but the log has grown since; take a newer checkpoint
  15  untrusted: the checkpoint is not signed by this key

The first bad sequence number is printed. Everything is read once, in constant memory.

Example:
  curl -H \"$AUTH\" $URL/api/v1/audit/checkpoint > checkpoint.txt
  curl -H \"$AUTH\" \"$URL/api/v1/audit/export?to=$(sed -n 2p checkpoint.txt)\" > log.jsonl
  athena audit verify --checkpoint checkpoint.txt --key key.txt log.jsonl";

/// Bytes read at once.
const BUFFER: usize = 1 << 18;

/// Why nothing can be said of a log.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The key or a checkpoint is not to be trusted.
    #[error("untrusted: {}: {error}", path.display())]
    Untrusted {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: CheckpointError,
    },
}

impl VerifyError {
    /// The program's exit code.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::File { .. } => 1,
            Self::Untrusted { .. } => 15,
        }
    }
}

/// The program's exit code after a verdict.
#[must_use]
pub fn code(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Proved { .. } => 0,
        Verdict::Missing { .. } => 10,
        Verdict::Altered { .. } => 11,
        Verdict::Reordered { .. } => 12,
        Verdict::Forked { .. } => 13,
        Verdict::Stale { .. } => 14,
    }
}

/// Says what has become of an exported log.
///
/// # Errors
/// [`VerifyError`], when nothing can be said of it.
pub fn run(args: &VerifyArgs) -> Result<Verdict, VerifyError> {
    let key = VerifierKey::parse(&String::from_utf8_lossy(&read(&args.key)?))
        .map_err(|error| untrusted(&args.key, error))?;
    let mut checkpoints = Vec::with_capacity(args.checkpoints.len());
    for path in &args.checkpoints {
        let note = read(path)?;
        checkpoints.push(Checkpoint::open(&note, &key).map_err(|error| untrusted(path, error))?);
    }
    let mut export: Box<dyn BufRead> = if args.export == Path::new("-") {
        Box::new(BufReader::with_capacity(BUFFER, io::stdin()))
    } else {
        let file = File::open(&args.export).map_err(|error| unreadable(&args.export, error))?;
        Box::new(BufReader::with_capacity(BUFFER, file))
    };
    verify(&mut export, &checkpoints).map_err(|error| unreadable(&args.export, error))
}

fn read(path: &Path) -> Result<Vec<u8>, VerifyError> {
    fs::read(path).map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, error: io::Error) -> VerifyError {
    VerifyError::File {
        path: path.to_owned(),
        error,
    }
}

fn untrusted(path: &Path, error: CheckpointError) -> VerifyError {
    VerifyError::Untrusted {
        path: path.to_owned(),
        error,
    }
}
