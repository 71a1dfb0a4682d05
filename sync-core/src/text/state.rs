//! How a text is kept: a versioned binary form, read without loading its document.
//!
//! ```text
//! 1 version (1) · 1 tokenizer version · 16 root · string value
//! u32 known × (16 stamp · 8 digest · 1 live)
//! u32 heads × 16 stamp
//! u32 aliases × (16 stamp · u32 × 16 stamp)
//! 1 document? · u32 tips × (16 stamp · 32 hash) · u64 operations · 16 checksum · bytes to the end
//! ```
//! Numbers are big-endian; a string is a byte (0 = none) and, if there is one, a u32 length and UTF-8.

use super::document::Document;
use super::history::History;
use super::{Known, Shown, TOKENIZER_VERSION, Text, TextError};
use crate::hlc::Stamp;
use automerge::ChangeHash;

const VERSION: u8 = 1;

impl Text {
    /// The kept form; `None` when never written or one start only: then [`Text::root`] and
    /// [`Text::value`] say everything ([`Text::start`] makes it again).
    #[must_use]
    pub fn state(&self) -> Option<Vec<u8>> {
        let shown = self.shown.as_ref()?;
        let history = self.history.as_deref()?;
        let mut out = vec![VERSION, TOKENIZER_VERSION];
        out.extend_from_slice(&shown.root.to_bytes());
        out.push(u8::from(shown.value.is_some()));
        if let Some(value) = &shown.value {
            put_count(&mut out, value.len());
            out.extend_from_slice(value.as_bytes());
        }
        put_count(&mut out, history.known.len());
        for (stamp, known) in &history.known {
            out.extend_from_slice(&stamp.to_bytes());
            out.extend_from_slice(&known.digest.to_be_bytes());
            out.push(u8::from(known.live));
        }
        put_stamps(&mut out, &history.heads);
        put_count(&mut out, history.aliases.len());
        for (alias, stands_for) in &history.aliases {
            out.extend_from_slice(&alias.to_bytes());
            put_stamps(&mut out, stands_for);
        }
        out.push(u8::from(history.document.is_some()));
        if let Some(document) = &history.document {
            put_count(&mut out, document.tips().len());
            for (stamp, hash) in document.tips() {
                out.extend_from_slice(&stamp.to_bytes());
                out.extend_from_slice(&hash.0);
            }
            out.extend_from_slice(&document.ops().to_be_bytes());
            let (bytes, checksum) = document.bytes();
            out.extend_from_slice(&checksum);
            out.extend_from_slice(&bytes);
        }
        Some(out)
    }

    /// Reads the kept form. Its document stays bytes until an edit needs it; whether they are right is
    /// found out then.
    ///
    /// # Errors
    /// [`TextError::Corrupt`], whatever the bytes are; it never panics.
    pub fn from_state(state: &[u8]) -> Result<Text, TextError> {
        let mut reader = Reader { rest: state };
        if reader.byte()? != VERSION {
            return Err(TextError::Corrupt("a version from the future"));
        }
        // Changes made under another cut stay what they are; the version only dates them.
        reader.byte()?;
        let root = reader.stamp()?;
        let value = if reader.flag()? {
            Some(reader.string()?)
        } else {
            None
        };
        let history = reader.history()?;
        if history.find(root).is_none_or(|known| !known.live) {
            return Err(TextError::Corrupt("the root is not among the known stamps"));
        }
        Ok(Text {
            shown: Some(Shown { root, value }),
            history: Some(Box::new(history)),
        })
    }
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
}

fn put_stamps(out: &mut Vec<u8>, stamps: &[Stamp]) {
    put_count(out, stamps.len());
    for stamp in stamps {
        out.extend_from_slice(&stamp.to_bytes());
    }
}

/// A cursor over a state. Counts are claims: nothing is allocated for them.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], TextError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(TextError::Corrupt("it ends too early"))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn take(&mut self, length: u32) -> Result<&'a [u8], TextError> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(TextError::Corrupt("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, TextError> {
        self.array().map(|[byte]: [u8; 1]| byte)
    }

    fn flag(&mut self) -> Result<bool, TextError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(TextError::Corrupt("a flag is neither 0 nor 1")),
        }
    }

    fn count(&mut self) -> Result<u32, TextError> {
        self.array().map(u32::from_be_bytes)
    }

    fn stamp(&mut self) -> Result<Stamp, TextError> {
        Stamp::from_bytes(self.array()?).map_err(|_| TextError::Corrupt("a stamp is out of range"))
    }

    fn string(&mut self) -> Result<Box<str>, TextError> {
        let length = self.count()?;
        let text = std::str::from_utf8(self.take(length)?);
        text.map(Box::from)
            .map_err(|_| TextError::Corrupt("the value is not UTF-8"))
    }

    /// So many entries, in strictly ascending order of stamp, each stamp known and live where `among` is
    /// given.
    fn entries<T>(
        &mut self,
        among: Option<&History>,
        mut rest: impl FnMut(&mut Reader<'a>) -> Result<T, TextError>,
    ) -> Result<Vec<(Stamp, T)>, TextError> {
        let mut entries: Vec<(Stamp, T)> = Vec::new();
        for _ in 0..self.count()? {
            let stamp = self.stamp()?;
            if entries.last().is_some_and(|(last, _)| *last >= stamp) {
                return Err(TextError::Corrupt("stamps are not in order"));
            }
            if among.is_some_and(|known| known.find(stamp).is_none_or(|known| !known.live)) {
                return Err(TextError::Corrupt("a live stamp is not known"));
            }
            entries.push((stamp, rest(self)?));
        }
        Ok(entries)
    }

    fn stamps(&mut self, among: &History) -> Result<Vec<Stamp>, TextError> {
        let entries = self.entries(Some(among), |_| Ok(()))?;
        Ok(entries.into_iter().map(|(stamp, ())| stamp).collect())
    }

    fn history(&mut self) -> Result<History, TextError> {
        let mut history = History::default();
        history.known = self.entries(None, |reader| {
            Ok(Known {
                digest: reader.array().map(u64::from_be_bytes)?,
                live: reader.flag()?,
            })
        })?;
        history.heads = self.stamps(&history)?;
        let known = &history;
        let aliases = self.entries(Some(known), |reader| reader.stamps(known))?;
        let document = if self.flag()? {
            Some(self.document(known)?)
        } else {
            None
        };
        if !self.rest.is_empty() {
            return Err(TextError::Corrupt("bytes follow its end"));
        }
        history.aliases = aliases;
        history.document = document;
        Ok(history)
    }

    fn document(&mut self, known: &History) -> Result<Document, TextError> {
        let tips = self.entries(Some(known), |reader| reader.array().map(ChangeHash))?;
        let ops = self.array().map(u64::from_be_bytes)?;
        let checksum = self.array()?;
        let bytes = std::mem::take(&mut self.rest);
        Ok(Document::kept(bytes, checksum, tips, ops))
    }
}
