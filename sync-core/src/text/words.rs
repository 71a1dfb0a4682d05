//! Cutting a text into words, and the difference of two texts in words.
//!
//! The cut decides which changes an edit makes, so it must be the same in every build for ever: it uses
//! fixed ranges of code points and no Unicode tables, which change between compilers. Its version is
//! [`super::TOKENIZER_VERSION`].

use imara_diff::{Algorithm, Diff, Interner, Token};

/// One replacement in a text: at `at`, `delete` characters go and `insert` comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Splice {
    /// Position in the old text, in code points.
    pub(super) at: usize,
    /// How many code points go.
    pub(super) delete: usize,
    /// What comes in their place.
    pub(super) insert: String,
}

/// Whether a code point is part of a word. Scripts that write without blanks between words (from U+2E80
/// on, Thai, Lao, Myanmar, Khmer …) are cut into single code points, as is punctuation.
fn is_word(c: char) -> bool {
    match c {
        '\u{e00}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2000}'..='\u{206f}' => false,
        '0'..='9' | 'A'..='Z' | 'a'..='z' | '_' | '\u{80}'..='\u{2e7f}' => true,
        _ => false,
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Signs that belong to the word after them: `$100`, `(see`, `-5`.
fn opens(c: char) -> bool {
    matches!(
        c,
        '$' | '#' | '+' | '-' | '(' | '[' | '{' | '<' | '"' | '\'' | '@' | '~' | '&' | '*'
    )
}

/// Signs that belong to the number around them: `125,000`, `12.50`, `2026-12-01`, `10:30`.
fn joins_digits(c: char) -> bool {
    matches!(c, '.' | ',' | '\'' | ':' | '/' | '-')
}

/// The length in bytes of the word that a text begins with, 0 when it begins with none.
fn word_length(text: &str) -> usize {
    let mut after_digit = false;
    let chars = text.char_indices();
    for (at, c) in chars {
        let next_is_digit = || text.get(at..).and_then(|rest| rest.chars().nth(1));
        let part = is_word(c)
            || (after_digit
                && joins_digits(c)
                && next_is_digit().is_some_and(|c| c.is_ascii_digit()));
        if !part {
            return at;
        }
        after_digit = c.is_ascii_digit();
    }
    text.len()
}

/// The first unit of a text: a word, or a single character that is part of none.
fn unit_length(text: &str) -> usize {
    match word_length(text) {
        0 => text.chars().next().map_or(0, char::len_utf8),
        length => length,
    }
}

/// The first word of a text with the blanks and up to two signs before it. Two phones that replace one
/// word thus leave two words, `120 150` and not `120150`, which would be another number.
fn token_length(text: &str) -> usize {
    let blanks = text.find(|c| !is_blank(c)).unwrap_or(text.len());
    let mut signs = 0_usize;
    for _ in 0..=2 {
        let before = blanks.saturating_add(signs);
        let rest = text.get(before..).unwrap_or_default();
        let word = word_length(rest);
        if word > 0 {
            return before.saturating_add(word);
        }
        match rest.chars().next() {
            Some(c) if opens(c) => signs = signs.saturating_add(c.len_utf8()),
            _ => break,
        }
    }
    let rest = text.get(blanks..).unwrap_or_default();
    blanks.saturating_add(rest.chars().next().map_or(0, char::len_utf8))
}

fn cut(text: &str, length: fn(&str) -> usize) -> Vec<&str> {
    let mut parts = Vec::with_capacity(text.len() / 4);
    let mut rest = text;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(length(rest));
        parts.push(part);
        rest = after;
    }
    parts
}

/// The words of a text, each with what belongs before it; joined they are the text.
pub(super) fn words(text: &str) -> Vec<&str> {
    cut(text, token_length)
}

/// The words that two texts do not begin and end with in common.
pub(super) struct Middle<'w, 't> {
    /// Where it begins in both texts, in code points.
    at: usize,
    pub(super) before: &'w [&'t str],
    pub(super) after: &'w [&'t str],
}

impl<'w, 't> Middle<'w, 't> {
    pub(super) fn of(before: &'w [&'t str], after: &'w [&'t str]) -> Middle<'w, 't> {
        let common = before.iter().zip(after).take_while(|(a, b)| a == b).count();
        let (prefix, before) = before.split_at(common);
        let after = after.get(common..).unwrap_or_default();
        let ends = before.iter().rev().zip(after.iter().rev());
        let common = ends.take_while(|(a, b)| a == b).count();
        Middle {
            at: chars(prefix),
            before: strip_end(before, common),
            after: strip_end(after, common),
        }
    }

    /// The difference, in order of position. Myers' algorithm with the heuristics of GNU diff bounds the
    /// cost: what it gives is a difference, not always the shortest.
    pub(super) fn difference(&self) -> Vec<Splice> {
        let Middle { before, after, .. } = *self;
        let mut interner = Interner::new(before.len().saturating_add(after.len()));
        let old: Vec<Token> = before.iter().map(|word| interner.intern(*word)).collect();
        let new: Vec<Token> = after.iter().map(|word| interner.intern(*word)).collect();
        let mut diff = Diff::default();
        diff.compute_with(Algorithm::Myers, &old, &new, interner.num_tokens());

        let mut splices = Vec::new();
        let mut at = self.at;
        let mut unchanged = 0..0;
        for hunk in diff.hunks() {
            let (Some(removed), Some(added)) = (range(&hunk.before), range(&hunk.after)) else {
                break;
            };
            unchanged.end = removed.start;
            at = at.saturating_add(chars(before.get(unchanged).unwrap_or_default()));
            let old = before.get(removed.clone()).unwrap_or_default().concat();
            let new = after.get(added).unwrap_or_default().concat();
            splices.push(replace(at, &old, &new));
            at = at.saturating_add(old.chars().count());
            unchanged = removed.end..removed.end;
        }
        splices
    }
}

/// The replacement of a piece of text by another. What both end with stays: a word before the first word
/// of a text takes nothing away from it, though that word now has a blank before it.
fn replace(at: usize, old: &str, new: &str) -> Splice {
    let (old_units, new_units) = (cut(old, unit_length), cut(new, unit_length));
    let ends = old_units.iter().rev().zip(new_units.iter().rev());
    let common = ends.take_while(|(a, b)| a == b).count();
    Splice {
        at,
        delete: chars(strip_end(&old_units, common)),
        insert: strip_end(&new_units, common).concat(),
    }
}

fn strip_end<T>(words: &[T], count: usize) -> &[T] {
    words
        .get(..words.len().saturating_sub(count))
        .unwrap_or_default()
}

fn range(tokens: &std::ops::Range<u32>) -> Option<std::ops::Range<usize>> {
    Some(usize::try_from(tokens.start).ok()?..usize::try_from(tokens.end).ok()?)
}

fn chars(words: &[&str]) -> usize {
    words
        .iter()
        .fold(0, |sum, word| sum.saturating_add(word.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(before: &str, after: &str) -> Vec<(usize, usize, String)> {
        let splices = Middle::of(&words(before), &words(after)).difference();
        let splices = splices.into_iter();
        splices.map(|s| (s.at, s.delete, s.insert)).collect()
    }

    #[test]
    fn a_word_has_the_blanks_and_signs_before_it() {
        assert_eq!(
            words("Größe_1,  naïve\u{2019}s\n"),
            ["Größe_1", ",", "  naïve", "\u{2019}", "s", "\n"]
        );
        assert_eq!(
            words("pays -$1,250.50, (or 3'000) by 2026-12-01."),
            [
                "pays",
                " -$1,250.50",
                ",",
                " (or",
                " 3'000",
                ")",
                " by",
                " 2026-12-01",
                "."
            ]
        );
        assert_eq!(
            words("and/or 1. a-b +++c ((("),
            [
                "and", "/", "or", " 1", ".", " a", "-b", " +", "++c", " (", "(", "("
            ]
        );
        assert_eq!(words("ไทย 漢字"), ["ไ", "ท", "ย", " 漢", "字"]);
        assert_eq!(words("Привет мир"), ["Привет", " мир"]);
        assert_eq!(words("👍🏽!"), ["👍", "🏽", "!"]);
        assert!(words("").is_empty());
        for text in [
            "a b",
            "  x  ",
            "\u{7f}\u{80}\u{2e7f}\u{2e80}",
            "e\u{301}",
            "1.",
            "1.2.",
            "--",
        ] {
            assert_eq!(words(text).concat(), text);
        }
    }

    #[test]
    fn differences_are_in_words_and_code_points() {
        assert_eq!(
            diff("one two three", "one 2 three"),
            [(3, 4, " 2".to_owned())]
        );
        assert_eq!(diff("", "x"), [(0, 0, "x".to_owned())]);
        assert_eq!(diff("x y", ""), [(0, 3, String::new())]);
        assert_eq!(diff("é è à", "é à"), [(1, 2, String::new())]);
        assert_eq!(diff("same", "same"), []);
        assert_eq!(diff("end", "the end"), [(0, 0, "the ".to_owned())]);
        assert_eq!(
            diff("漢 one two three", "漢 1 two 3!"),
            [(1, 4, " 1".to_owned()), (9, 6, " 3!".to_owned())]
        );
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { cases: 2_000, failure_persistence: None, ..Default::default() })]

        #[test]
        fn the_difference_makes_the_new_text(
            before in "[ab1 .,(\\-\n漢é]{0,24}",
            after in "[ab1 .,(\\-\n漢é]{0,24}",
        ) {
            proptest::prop_assert_eq!(words(&before).concat(), before.as_str());
            let mut text: Vec<char> = before.chars().collect();
            for splice in Middle::of(&words(&before), &words(&after)).difference().iter().rev() {
                let end = splice.at.saturating_add(splice.delete);
                text.splice(splice.at..end, splice.insert.chars());
            }
            proptest::prop_assert_eq!(text.into_iter().collect::<String>(), after);
        }
    }
}
