//! The log as JSON lines, read in pieces as fast as they are taken.

use super::list::instant;
use super::service::{AuditError, AuditService};
use super::store::{self, LeafRow};
use crate::db::{Db, DbError};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::{Stream, stream};
use serde::Serialize;
use sync_core::time::parse_rfc3339;

/// Leaves read at once.
const PIECE: u64 = 500;

/// One end of an export: a place in the log, or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A sequence number; as the end, a checkpoint's size.
    Seq(u64),
    /// Microseconds since the Unix epoch.
    At(i64),
}

impl std::str::FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.bytes().all(|byte| byte.is_ascii_digit());
        match (number, text.parse(), parse_rfc3339(text)) {
            (true, Ok(seq), _) => Ok(Self::Seq(seq)),
            (_, _, Ok(at_us)) => Ok(Self::At(at_us)),
            _ => Err(
                "must be a sequence number, or a time such as `2026-11-22T10:00:00Z`".to_owned(),
            ),
        }
    }
}

/// A line of an export.
#[derive(Serialize)]
struct Line<'a> {
    seq: i64,
    leaf: &'a str,
    hash: &'a str,
}

struct Reader {
    db: Db,
    next: u64,
    end: u64,
    from_at: Option<String>,
    to_at: Option<String>,
}

impl AuditService {
    /// The leaves from one bound to (and without) the other, as the log is now, in order: each a line
    /// of JSON with its number, its canonical bytes and its stored hash, both in base64. A piece that cannot
    /// be read ends the stream with an error.
    ///
    /// # Errors
    /// [`AuditError::NotFound`] when the log does not reach so far.
    pub async fn export(
        &self,
        from: Option<Bound>,
        to: Option<Bound>,
    ) -> Result<impl Stream<Item = Result<Vec<u8>, DbError>> + Send + use<>, AuditError> {
        let place = |bound| match bound {
            Some(Bound::Seq(seq)) => Some(seq),
            _ => None,
        };
        let time = |bound| match bound {
            Some(Bound::At(at_us)) => Some(instant(at_us)),
            _ => None,
        };
        let reader = Reader {
            db: self.db.clone(),
            next: self.size_within(place(from).or(Some(0))).await?,
            end: self.size_within(place(to)).await?,
            from_at: time(from),
            to_at: time(to),
        };
        Ok(stream::try_unfold(reader, |mut reader| async move {
            if reader.next >= reader.end {
                return Ok(None);
            }
            let piece = reader.piece().await?;
            Ok(Some((piece, reader)))
        }))
    }
}

impl Reader {
    async fn piece(&mut self) -> Result<Vec<u8>, DbError> {
        let end = self.end.min(self.next.saturating_add(PIECE));
        let rows = store::range(&self.db, self.next, end).await?;
        self.next = end;
        let mut lines = Vec::with_capacity(rows.len().saturating_mul(768));
        for row in rows.iter().filter(|row| self.wants(row)) {
            let hash = row.hashes.get(..32).unwrap_or_default();
            let line = Line {
                seq: row.seq,
                leaf: &BASE64_STANDARD.encode(&row.body),
                hash: &BASE64_STANDARD.encode(hash),
            };
            serde_json::to_writer(&mut lines, &line)
                .map_err(|error| DbError::Other(format!("a leaf does not encode: {error}")))?;
            lines.push(b'\n');
        }
        Ok(lines)
    }

    fn wants(&self, row: &LeafRow) -> bool {
        if self.from_at.is_none() && self.to_at.is_none() {
            return true;
        }
        // Times of leaves sort as text.
        let Ok(leaf) = serde_json::from_str::<At<'_>>(&row.body) else {
            return true; // what is damaged must be seen
        };
        self.from_at.as_deref().is_none_or(|from| leaf.at >= from)
            && self.to_at.as_deref().is_none_or(|to| leaf.at < to)
    }
}

#[derive(serde::Deserialize)]
struct At<'a> {
    at: &'a str,
}
