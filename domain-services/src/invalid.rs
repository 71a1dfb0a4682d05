//! What is wrong with a member of a body or with a parameter.

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Invalid {
    /// A JSON pointer (RFC 6901) into the body, or the name of a parameter.
    pub pointer: String,
    /// A sentence for people.
    pub detail: String,
}

impl Invalid {
    /// `detail` is wrong at `pointer`.
    #[must_use]
    pub fn new(pointer: &str, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.to_owned(),
            detail: detail.into(),
        }
    }
}

/// Refuses a text outside `characters_min..=characters_max` code points, or with a NUL, which
/// PostgreSQL cannot store.
pub(crate) fn check_text(
    problems: &mut Vec<Invalid>,
    pointer: &str,
    text: &str,
    characters_min: usize,
    characters_max: usize,
) {
    let characters = text.chars().count();
    if characters < characters_min || characters > characters_max {
        problems.push(Invalid::new(
            pointer,
            format!(
                "has {characters} characters; {characters_min} to {characters_max} are allowed"
            ),
        ));
    } else if text.contains('\0') {
        problems.push(Invalid::new(pointer, "contains a NUL character"));
    }
}

/// `Ok` when there is nothing wrong.
pub(crate) fn none_of(problems: Vec<Invalid>) -> Result<(), Vec<Invalid>> {
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}
