//! Which language is spoken to whom: the lookup of RFC 4647, section 3.4.

/// The first of `locales` that fits the tag (BCP 47) or, from the right, less and less of it; else the
/// first of all. Underscores do for hyphens, as phones send them.
pub(super) fn lookup<'a>(tag: Option<&str>, locales: &[&'a str]) -> &'a str {
    let default = locales.first().copied().unwrap_or_default();
    let Some(tag) = tag else {
        return default;
    };
    let tag = tag.replace('_', "-");
    let mut subtags: Vec<&str> = tag.split('-').collect();
    while !subtags.is_empty() {
        let range = subtags.join("-");
        let found = locales
            .iter()
            .find(|locale| locale.eq_ignore_ascii_case(&range));
        if let Some(found) = found {
            return found;
        }
        subtags.pop();
        // `-x` or `-u` alone begins what has just been cut off.
        if subtags.last().is_some_and(|subtag| subtag.len() == 1) {
            subtags.pop();
        }
    }
    default
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_best_language_is_spoken() {
        let locales = ["en", "de", "fr", "pt-BR"];
        for (tag, expected) in [
            ("de", "de"),
            ("de-AT", "de"),
            ("DE_ch", "de"),
            ("de-Latn-DE-x-formal", "de"),
            ("pt-br", "pt-BR"),
            ("pt", "en"),
            ("it", "en"),
            ("", "en"),
            ("-", "en"),
            ("deutsch", "en"),
        ] {
            assert_eq!(lookup(Some(tag), &locales), expected, "{tag}");
        }
        assert_eq!(lookup(None, &locales), "en");
    }
}
