//! Lists that are read page by page, newest first, by the key of the last item seen.

use crate::invalid::Invalid;
use uuid::Uuid;

/// Items of a page when the caller does not say.
pub const LIMIT_DEFAULT: u32 = 100;
/// Items of a page at most.
pub const LIMIT_MAX: u32 = 1_000;

/// Where a page begins and how long it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageQuery {
    /// The last item of the page before.
    pub after: Option<Cursor>,
    /// Items at most, 1 to [`LIMIT_MAX`].
    pub limit: u32,
}

impl Default for PageQuery {
    fn default() -> Self {
        Self {
            after: None,
            limit: LIMIT_DEFAULT,
        }
    }
}

impl PageQuery {
    /// Reads the two parameters as they came.
    ///
    /// # Errors
    /// A limit out of range, or a cursor that this server did not make.
    pub fn parse(limit: Option<u32>, cursor: Option<&str>) -> Result<Self, Vec<Invalid>> {
        let limit = limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            let detail = format!("is {limit}; 1 to {LIMIT_MAX} are allowed");
            return Err(vec![Invalid::new("limit", detail)]);
        }
        let after = match cursor {
            None => None,
            Some(text) => Some(Cursor::parse(text).ok_or_else(|| {
                vec![Invalid::new(
                    "cursor",
                    "is not a cursor that this server gave",
                )]
            })?),
        };
        Ok(Self { after, limit })
    }

    /// The key to go on from: newest first, so at the beginning the greatest there is.
    #[must_use]
    pub fn before(&self) -> (i64, Uuid) {
        self.after
            .map_or((i64::MAX, Uuid::max()), |cursor| (cursor.at_us, cursor.id))
    }

    /// How many rows to read: one more than asked for, which tells whether another page follows.
    #[must_use]
    pub fn rows(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Makes a page of the rows read.
    #[must_use]
    pub fn page<T>(&self, mut rows: Vec<T>, cursor: impl Fn(&T) -> Cursor) -> Page<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(&cursor) } else { None };
        Page {
            items: rows,
            next: next.map(|cursor| cursor.to_string()),
        }
    }
}

/// The key of a list's item: when it was made, and its id among those of the same microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Microseconds since the Unix epoch.
    pub at_us: i64,
    /// The item's id.
    pub id: Uuid,
}

impl Cursor {
    fn parse(text: &str) -> Option<Self> {
        let (at, id) = text.split_at_checked(16)?;
        let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if id.len() != 32 || !hex(at) || !hex(id) {
            return None;
        }
        Some(Self {
            at_us: i64::from_str_radix(at, 16).ok()?,
            id: Uuid::try_parse(id).ok()?,
        })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.at_us.max(0))?;
        for byte in self.id.as_bytes() {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// A row of a list and when it was made, by which lists are ordered.
#[derive(sqlx::FromRow)]
pub(crate) struct Dated<T> {
    #[sqlx(flatten)]
    pub(crate) record: T,
    pub(crate) created_us: i64,
}

impl PageQuery {
    /// Makes a page of dated rows.
    pub(crate) fn page_of<T>(&self, rows: Vec<Dated<T>>, id: impl Fn(&T) -> Uuid) -> Page<T> {
        let page = self.page(rows, |row| Cursor {
            at_us: row.created_us,
            id: id(&row.record),
        });
        Page {
            items: page.items.into_iter().map(|row| row.record).collect(),
            next: page.next,
        }
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Page<T> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// The cursor of the next page, or `None` at the end.
    pub next: Option<String>,
}

/// Lower-case hexadecimal digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text() {
        let cursor = Cursor {
            at_us: 1_700_000_000_000_001,
            id: Uuid::from_u128(7),
        };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
    }

    #[test]
    fn what_no_server_made_is_refused() {
        for text in ["", "1", &"é".repeat(24), &"+".repeat(48), &"f".repeat(48)] {
            assert!(PageQuery::parse(None, Some(text)).is_err(), "{text}");
        }
        assert!(PageQuery::parse(Some(0), None).is_err());
        assert!(PageQuery::parse(Some(1_001), None).is_err());
    }

    #[test]
    fn only_a_page_with_more_behind_it_has_a_next() {
        let query = PageQuery {
            after: None,
            limit: 2,
        };
        let cursor = |at: &i64| Cursor {
            at_us: *at,
            id: Uuid::nil(),
        };
        assert_eq!(query.page(vec![9, 8], cursor).next, None);
        let page = query.page(vec![9, 8, 7], cursor);
        assert_eq!(page.items, [9, 8]);
        assert_eq!(page.next, Some(cursor(&8).to_string()));
    }
}
