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

/// The words of a text, in order; joined they are the text.
pub(super) fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::with_capacity(text.len() / 3);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (word, after) = rest.split_at(length);
        words.push(word);
        rest = after;
    }
    words
}

/// The difference of two texts, in order of position. Myers' algorithm with the heuristics of GNU diff
/// bounds the cost: what it gives is a difference, not always the shortest.
pub(super) fn difference(before: &[&str], after: &[&str]) -> Vec<Splice> {
    let common = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let (prefix, before) = before.split_at(common);
    let after = after.get(common..).unwrap_or_default();
    let ends = before.iter().rev().zip(after.iter().rev());
    let common = ends.take_while(|(a, b)| a == b).count();
    let before = strip_end(before, common);
    let after = strip_end(after, common);

    let mut interner = Interner::new(before.len().saturating_add(after.len()));
    let old: Vec<Token> = before.iter().map(|word| interner.intern(*word)).collect();
    let new: Vec<Token> = after.iter().map(|word| interner.intern(*word)).collect();
    let mut diff = Diff::default();
    diff.compute_with(Algorithm::Myers, &old, &new, interner.num_tokens());

    let mut splices = Vec::new();
    let mut at = chars(prefix);
    let mut unchanged = 0..0;
    for hunk in diff.hunks() {
        let (Some(removed), Some(added)) = (range(&hunk.before), range(&hunk.after)) else {
            break;
        };
        unchanged.end = removed.start;
        at = at.saturating_add(chars(before.get(unchanged).unwrap_or_default()));
        let delete = chars(before.get(removed.clone()).unwrap_or_default());
        let insert = after.get(added).unwrap_or_default().concat();
        splices.push(Splice { at, delete, insert });
        at = at.saturating_add(delete);
        unchanged = removed.end..removed.end;
    }
    splices
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
        let splices = difference(&words(before), &words(after));
        let splices = splices.into_iter();
        splices.map(|s| (s.at, s.delete, s.insert)).collect()
    }

    #[test]
    fn words_are_runs_of_letters_and_single_other_characters() {
        assert_eq!(
            words("Größe_1, naïve\u{2019}s"),
            ["Größe_1", ",", " ", "naïve", "\u{2019}", "s"]
        );
        assert_eq!(words("ไทย漢字"), ["ไ", "ท", "ย", "漢", "字"]);
        assert_eq!(words("Привет мир"), ["Привет", " ", "мир"]);
        assert_eq!(words("👍🏽!"), ["👍", "🏽", "!"]);
        assert!(words("").is_empty());
        for text in ["a b", "  x  ", "\u{7f}\u{80}\u{2e7f}\u{2e80}", "e\u{301}"] {
            assert_eq!(words(text).concat(), text);
        }
    }

    #[test]
    fn differences_are_in_words_and_code_points() {
        assert_eq!(
            diff("one two three", "one 2 three"),
            [(4, 3, "2".to_owned())]
        );
        assert_eq!(diff("", "x"), [(0, 0, "x".to_owned())]);
        assert_eq!(diff("x y", ""), [(0, 3, String::new())]);
        assert_eq!(diff("é è à", "é à"), [(2, 2, String::new())]);
        assert_eq!(diff("same", "same"), []);
        assert_eq!(
            diff("漢 one two three", "漢 1 two 3!"),
            [(2, 3, "1".to_owned()), (10, 5, "3!".to_owned())]
        );
    }
}
