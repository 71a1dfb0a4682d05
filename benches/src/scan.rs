//! Cheap looks at an answer, so that reading it does not cost more than serving it.
//!
//! Quotes inside JSON strings are escaped, so `"verdict":"applied"` can only be what it looks like.

use memchr::memmem;

/// How often `needle` occurs.
pub(crate) fn count(body: &[u8], needle: &str) -> usize {
    memmem::find_iter(body, needle.as_bytes()).count()
}

/// The string member after the first occurrence of `key`, which includes its quotes and colon:
/// `"lastSync":`. `None` where it is missing or no string.
pub(crate) fn string<'a>(body: &'a [u8], key: &str) -> Option<&'a str> {
    let at = memmem::find(body, key.as_bytes())? + key.len();
    let rest = body.get(at..)?.strip_prefix(b"\"")?;
    let end = memchr::memchr(b'"', rest)?;
    std::str::from_utf8(&rest[..end]).ok()
}

/// Whether the first `"hasMore"` is true.
pub(crate) fn has_more(body: &[u8]) -> Option<bool> {
    let key = b"\"hasMore\":";
    let rest = body.get(memmem::find(body, key)? + key.len()..)?;
    if rest.starts_with(b"true") {
        Some(true)
    } else if rest.starts_with(b"false") {
        Some(false)
    } else {
        None
    }
}
