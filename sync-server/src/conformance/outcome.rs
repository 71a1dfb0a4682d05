//! What a case comes to.

use std::fmt::Display;

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Miss {
    pub(super) expected: String,
    pub(super) seen: String,
}

impl Miss {
    pub(super) fn new(expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self {
            expected: expected.into(),
            seen: seen.into(),
        }
    }
}

/// Nothing, or the first promise that was not kept.
pub(super) type Outcome = Result<(), Miss>;

/// Ends a case that does not see what it expects.
pub(super) fn expect(holds: bool, expected: &str, seen: impl Display) -> Outcome {
    if holds {
        Ok(())
    } else {
        Err(Miss::new(expected, seen.to_string()))
    }
}

/// Ends a case in which two values differ.
pub(super) fn expect_eq<T: PartialEq + std::fmt::Debug>(
    what: &str,
    seen: &T,
    expected: &T,
) -> Outcome {
    expect(
        seen == expected,
        &format!("{what}: {expected:?}"),
        format!("{seen:?}"),
    )
}
