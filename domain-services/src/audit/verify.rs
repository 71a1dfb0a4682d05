//! An exported log held against signed checkpoints: offline, in one pass, in constant memory.
//!
//! A root says that something is wrong and not where. So a line of an export carries the leaf's stored
//! hash too: it proves nothing by itself, but hashes that lead to the signed root are those that were
//! signed, and a leaf that does not fit its own is the one that was changed.

use super::note::Checkpoint;
use super::tree::{Frontier, Hash, leaf_hash};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use std::borrow::Cow;
use std::io::{self, BufRead, Read};

/// Bytes of a line at most. What is longer is no line of an export.
const LINE_MAX: u64 = 16 << 20;

/// What an export turned out to be. Of several faults the first in the order of the log is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every leaf is the one that was signed.
    Proved {
        /// How many.
        leaves: u64,
    },
    /// Leaves that were signed are not there.
    Missing {
        /// The first of them.
        seq: u64,
    },
    /// A leaf is not what it was.
    Altered {
        /// The first of them.
        seq: u64,
    },
    /// A leaf stands where another was signed.
    Reordered {
        /// The first place where the wrong one stands.
        seq: u64,
    },
    /// The leaves fit each other and not the checkpoint: this is another history than the signed one.
    Forked {
        /// What the last checkpoint covers that fits: the histories part at or after this leaf,
        fits: u64,
        /// and before this one.
        parted: u64,
    },
    /// All that the checkpoint covers is as it was signed, but the log has grown since.
    Stale {
        /// The first leaf that no checkpoint covers.
        seq: u64,
        /// How many leaves there are.
        leaves: u64,
    },
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Proved { leaves } => {
                write!(f, "proved: all {leaves} leaves are as they were signed")
            }
            Self::Missing { seq } => write!(f, "missing: leaf {seq} was signed and is not there"),
            Self::Altered { seq } => write!(f, "altered: leaf {seq} is not what was signed"),
            Self::Reordered { seq } => {
                write!(
                    f,
                    "reordered: another leaf stands in the place of leaf {seq}"
                )
            }
            Self::Forked { fits, parted } => write!(
                f,
                "forked: the leaves fit each other and not the checkpoint of {parted} leaves; \
                 the first bad one is leaf {fits} or a later one before {parted}"
            ),
            Self::Stale { seq, leaves } => write!(
                f,
                "stale: what the checkpoint covers is as it was signed, but of {leaves} leaves it covers {seq}: \
                 leaf {seq} and those after it are not proved"
            ),
        }
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    seq: u64,
    #[serde(borrow)]
    leaf: Cow<'a, str>,
    #[serde(borrow, default)]
    hash: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Numbered {
    seq: u64,
}

/// Where the order was first broken.
#[derive(Clone, Copy)]
enum Disorder {
    /// At a place stands a line of a later or an earlier leaf.
    Line { seq: u64, found: u64 },
    /// At a place stands a line of its number, with a leaf of another.
    Leaf { seq: u64 },
}

impl Disorder {
    fn seq(self) -> u64 {
        match self {
            Self::Line { seq, .. } | Self::Leaf { seq } => seq,
        }
    }
}

/// Holds an export against checkpoints of one log. The largest of them says how far the log goes; the
/// smaller ones narrow down where a rewritten history begins.
///
/// A rewritten history shows only at the first checkpoint that it does not fit. A bad line before that one is
/// told in its stead: it may be all that is wrong, and whether the history was rewritten too cannot be known.
/// More checkpoints leave less room for that, and so does a second look with the line put right.
///
/// An export that ends within a line was cut short: the leaf of that line is not there.
///
/// # Errors
/// When the export cannot be read.
pub fn verify(export: &mut impl BufRead, checkpoints: &[Checkpoint]) -> io::Result<Verdict> {
    let mut check = Check::new(checkpoints);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut rest = export.by_ref().take(LINE_MAX);
        if rest.read_until(b'\n', &mut line)? == 0 {
            return Ok(check.end());
        }
        // A line that is too long has no end here either, but the export goes on.
        let unended = rest.limit() > 0 && !line.ends_with(b"\n");
        if !line.trim_ascii().is_empty() {
            check.take(&line, unended);
        }
    }
}

struct Check {
    /// By size.
    checkpoints: Vec<Checkpoint>,
    /// Of the stored hashes, as far as the order holds.
    frontier: Frontier,
    compared: usize,
    fits: u64,
    parted: Option<u64>,
    altered: Option<u64>,
    disorder: Option<Disorder>,
    /// The leaf that is missed was found further on.
    found_later: bool,
    scratch: Vec<u8>,
}

impl Check {
    fn new(checkpoints: &[Checkpoint]) -> Self {
        let mut checkpoints = checkpoints.to_vec();
        checkpoints.sort_by_key(|checkpoint| checkpoint.size);
        let mut check = Self {
            checkpoints,
            frontier: Frontier::default(),
            compared: 0,
            fits: 0,
            parted: None,
            altered: None,
            disorder: None,
            found_later: false,
            scratch: Vec::new(),
        };
        check.compare();
        check
    }

    /// Only the last line of an export can be `unended`.
    fn take(&mut self, line: &[u8], unended: bool) {
        let place = self.frontier.size();
        let Ok(line) = serde_json::from_slice::<Line<'_>>(line) else {
            match self.disorder {
                Some(_) => {}
                None if unended => self.cut_short(place),
                None => self.unreadable(place),
            }
            return;
        };
        self.scratch.clear();
        let decoded = BASE64_STANDARD.decode_vec(line.leaf.as_bytes(), &mut self.scratch);
        let number = decoded
            .ok()
            .and_then(|()| serde_json::from_slice::<Numbered>(&self.scratch).ok())
            .map(|leaf| leaf.seq);
        if let Some(disorder) = self.disorder {
            self.found_later |= match disorder {
                Disorder::Line { seq, .. } => line.seq == seq,
                Disorder::Leaf { seq } => number == Some(seq),
            };
            return;
        }
        if line.seq != place {
            self.disorder = Some(Disorder::Line {
                seq: place,
                found: line.seq,
            });
            return;
        }
        match number {
            None => self.unreadable(place),
            Some(number) if number != place => {
                self.disorder = Some(Disorder::Leaf { seq: place });
            }
            Some(_) => {
                let hash = leaf_hash(&self.scratch);
                let stored = line.hash.as_deref().map(stored_hash);
                if stored.is_some_and(|stored| stored != Some(hash)) {
                    self.altered.get_or_insert(place);
                }
                self.push(stored.flatten().unwrap_or(hash));
            }
        }
    }

    fn unreadable(&mut self, place: u64) {
        self.altered.get_or_insert(place);
        self.push(Hash::default());
    }

    /// The leaf is not there. If no checkpoint covers it, it shows that the log has grown.
    fn cut_short(&mut self, place: u64) {
        if place >= self.covered() {
            self.push(Hash::default());
        }
    }

    fn push(&mut self, hash: Hash) {
        self.frontier.add(hash);
        self.compare();
    }

    /// How far the log goes, by the checkpoints.
    fn covered(&self) -> u64 {
        self.checkpoints.last().map_or(0, |last| last.size)
    }

    /// Holds the tree against the checkpoints of its size. After one that does not fit, none says more.
    fn compare(&mut self) {
        let size = self.frontier.size();
        let before = self.fits;
        while self.parted.is_none()
            && let Some(checkpoint) = self.checkpoints.get(self.compared)
            && checkpoint.size == size
        {
            self.compared += 1;
            if checkpoint.root == self.frontier.root() {
                self.fits = size;
            } else {
                // Another of this size may have fitted.
                self.fits = before;
                self.parted = Some(size);
            }
        }
    }

    fn end(self) -> Verdict {
        let leaves = self.frontier.size();
        let covered = self.covered();
        let disorder = self.disorder.map(Disorder::seq);
        if let Some(seq) = self.altered
            && disorder.is_none_or(|disorder| seq < disorder)
            && self.parted.is_none_or(|parted| seq < parted)
        {
            return Verdict::Altered { seq };
        }
        if let Some(parted) = self.parted {
            return Verdict::Forked {
                fits: self.fits,
                parted,
            };
        }
        match self.disorder {
            Some(Disorder::Line { seq, found }) if self.found_later || found < seq => {
                Verdict::Reordered { seq }
            }
            Some(Disorder::Line { seq, .. }) => Verdict::Missing { seq },
            Some(Disorder::Leaf { seq }) if self.found_later => Verdict::Reordered { seq },
            Some(Disorder::Leaf { seq }) => Verdict::Altered { seq },
            None if leaves < covered => Verdict::Missing { seq: leaves },
            None if leaves > covered => Verdict::Stale {
                seq: covered,
                leaves,
            },
            None => Verdict::Proved { leaves },
        }
    }
}

fn stored_hash(text: &str) -> Option<Hash> {
    BASE64_STANDARD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
