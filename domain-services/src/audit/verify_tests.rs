//! Exports changed in every way, and what is said of each.

use super::*;
use proptest::prelude::*;

const LEAVES: u64 = 40;

fn leaf(seq: u64) -> String {
    format!("{{\"action\":\"test\",\"seq\":{seq}}}")
}

fn line_of(seq: u64, leaf: &str, hash: &Hash) -> String {
    let [leaf, hash] = [leaf.as_bytes(), hash].map(|bytes| BASE64_STANDARD.encode(bytes));
    format!("{{\"seq\":{seq},\"leaf\":\"{leaf}\",\"hash\":\"{hash}\"}}")
}

fn line(seq: u64) -> String {
    let leaf = leaf(seq);
    line_of(seq, &leaf, &leaf_hash(leaf.as_bytes()))
}

/// Another leaf, with the hash of the one that was signed.
fn altered(seq: u64) -> String {
    let other = leaf(seq).replace("test", "other");
    line_of(seq, &other, &leaf_hash(leaf(seq).as_bytes()))
}

fn export() -> Vec<String> {
    (0..LEAVES).map(line).collect()
}

/// From this leaf on others, each with the hash that fits it.
fn forked_at(first: u64) -> Vec<String> {
    let rewritten = |seq| {
        let other = leaf(seq).replace("test", "other");
        line_of(seq, &other, &leaf_hash(other.as_bytes()))
    };
    let signed = (0..first).map(line);
    signed.chain((first..LEAVES).map(rewritten)).collect()
}

fn checkpoint(size: u64) -> Checkpoint {
    let mut frontier = Frontier::default();
    (0..size).for_each(|seq| frontier.add(leaf_hash(leaf(seq).as_bytes())));
    Checkpoint {
        origin: "log".to_owned(),
        size,
        root: frontier.root(),
    }
}

fn verdict_by(lines: &[String], checkpoints: &[Checkpoint]) -> Verdict {
    let mut text = lines.join("\n");
    text.push('\n');
    verify(&mut text.as_bytes(), checkpoints).unwrap()
}

fn verdict(lines: &[String]) -> Verdict {
    verdict_by(lines, &[checkpoint(LEAVES)])
}

#[test]
fn an_untouched_export_is_proved() {
    assert_eq!(verdict(&export()), Verdict::Proved { leaves: LEAVES });
    assert_eq!(
        verdict_by(&[], &[checkpoint(0)]),
        Verdict::Proved { leaves: 0 }
    );
}

#[test]
fn lines_without_hashes_are_proved_too() {
    let bare: Vec<String> = (0..LEAVES)
        .map(|seq| {
            let leaf = BASE64_STANDARD.encode(leaf(seq));
            format!("{{\"seq\":{seq},\"leaf\":\"{leaf}\"}}")
        })
        .collect();
    assert_eq!(verdict(&bare), Verdict::Proved { leaves: LEAVES });
}

#[test]
fn a_leaf_taken_out_is_missing() {
    for seq in [0, 7, LEAVES - 1] {
        let mut lines = export();
        lines.remove(usize::try_from(seq).unwrap());
        assert_eq!(verdict(&lines), Verdict::Missing { seq });
    }
    assert_eq!(verdict(&export()[..30]), Verdict::Missing { seq: 30 });
}

#[test]
fn changed_content_is_altered_and_named() {
    let mut lines = export();
    lines[7] = line_of(
        7,
        r#"{"action":"other","seq":7}"#,
        &leaf_hash(leaf(7).as_bytes()),
    );
    lines[9] = lines[7].replace(":7", ":9");
    assert_eq!(verdict(&lines), Verdict::Altered { seq: 7 });
}

#[test]
fn a_line_that_cannot_be_read_is_altered() {
    for junk in [
        "{",
        "nonsense",
        r#"{"seq":5,"leaf":"§"}"#,
        r#"{"seq":5,"leaf":"e30="}"#,
    ] {
        let mut lines = export();
        lines[5] = junk.to_owned();
        assert_eq!(verdict(&lines), Verdict::Altered { seq: 5 }, "{junk}");
    }
}

#[test]
fn swapped_leaves_are_reordered() {
    let mut lines = export();
    lines.swap(5, 20);
    assert_eq!(verdict(&lines), Verdict::Reordered { seq: 5 });
    // The same in the database: the numbers of two rows are exchanged.
    let mut lines = export();
    lines[5] = line_of(5, &leaf(20), &leaf_hash(leaf(20).as_bytes()));
    lines[20] = line_of(20, &leaf(5), &leaf_hash(leaf(5).as_bytes()));
    assert_eq!(verdict(&lines), Verdict::Reordered { seq: 5 });
    let mut lines = export();
    lines.insert(9, line(4));
    assert_eq!(verdict(&lines), Verdict::Reordered { seq: 9 });
}

#[test]
fn a_rewritten_history_is_forked_and_bounded_by_checkpoints() {
    let mut lines = export();
    let other = r#"{"action":"other","seq":17}"#;
    lines[17] = line_of(17, other, &leaf_hash(other.as_bytes()));
    let forked = |fits, parted| Verdict::Forked { fits, parted };
    assert_eq!(verdict(&lines), forked(0, LEAVES));
    let several = [checkpoint(LEAVES), checkpoint(10), checkpoint(20)];
    assert_eq!(verdict_by(&lines, &several), forked(10, 20));
}

#[test]
fn a_fork_is_told_before_what_is_altered_after_it() {
    let history = forked_at(5);
    let several = [checkpoint(10), checkpoint(LEAVES)];
    for seq in [10, 20, LEAVES - 1] {
        for bad in [altered(seq), "?".to_owned()] {
            let mut lines = history.clone();
            lines[usize::try_from(seq).unwrap()] = bad;
            let forked = Verdict::Forked {
                fits: 0,
                parted: 10,
            };
            assert_eq!(verdict_by(&lines, &several), forked, "{seq}");
            // No checkpoint lies between: that the history is another one cannot be known.
            assert_eq!(verdict(&lines), Verdict::Altered { seq });
        }
    }
}

#[test]
fn what_is_altered_is_told_before_a_fork_after_it() {
    for seq in [3, 9, 12] {
        let mut lines = forked_at(15);
        lines[usize::try_from(seq).unwrap()] = altered(seq);
        let several = [checkpoint(10), checkpoint(20), checkpoint(LEAVES)];
        assert_eq!(verdict_by(&lines, &several), Verdict::Altered { seq });
    }
}

#[test]
fn checkpoints_that_contradict_each_other_leave_a_place_for_the_fork() {
    let foreign = |size| Checkpoint {
        root: Hash::default(),
        ..checkpoint(size)
    };
    let forked = |fits, parted| Verdict::Forked { fits, parted };
    let later = [foreign(10), checkpoint(20), checkpoint(LEAVES)];
    assert_eq!(verdict_by(&export(), &later), forked(0, 10));
    let mut same = [checkpoint(10), checkpoint(20), foreign(20)];
    assert_eq!(verdict_by(&export(), &same), forked(10, 20));
    same.reverse();
    assert_eq!(verdict_by(&export(), &same), forked(10, 20));
}

#[test]
fn an_export_cut_within_its_last_line_misses_that_leaf() {
    let last = LEAVES - 1;
    let by = |text: &str, size| verify(&mut text.as_bytes(), &[checkpoint(size)]).unwrap();
    let whole = export().join("\n");
    assert_eq!(by(&whole, LEAVES), Verdict::Proved { leaves: LEAVES });
    let start = whole.len() - line(last).len();
    for end in start..whole.len() {
        let missing = Verdict::Missing { seq: last };
        assert_eq!(by(&whole[..end], LEAVES), missing, "{end}");
    }
    // What was cut off was not signed yet.
    let stale = Verdict::Stale {
        seq: last,
        leaves: LEAVES,
    };
    assert_eq!(by(&whole[..=start], last), stale);
    // A fault before it is told first.
    let cut = whole[..=start].replace(&line(7), &altered(7));
    assert_eq!(by(&cut, LEAVES), Verdict::Altered { seq: 7 });
    // A line that has an end was not cut, and one that is too long was not either.
    let bad = Verdict::Altered { seq: last };
    assert_eq!(by(&format!("{}\n", &whole[..=start]), LEAVES), bad);
    let long = "A".repeat(usize::try_from(LINE_MAX).unwrap());
    assert_eq!(by(&format!("{}{long}", &whole[..=start]), LEAVES), bad);
}

#[test]
fn a_checkpoint_of_yesterday_is_stale() {
    let stale = Verdict::Stale {
        seq: 30,
        leaves: LEAVES,
    };
    assert_eq!(verdict_by(&export(), &[checkpoint(30)]), stale);
}

#[test]
fn the_first_of_two_faults_is_told() {
    let mut lines = export();
    lines.remove(30);
    lines[3] = line_of(
        3,
        r#"{"action":"x","seq":3}"#,
        &leaf_hash(leaf(3).as_bytes()),
    );
    assert_eq!(verdict(&lines), Verdict::Altered { seq: 3 });
    let mut lines = export();
    lines[30] = "?".to_owned();
    lines.remove(3);
    assert_eq!(verdict(&lines), Verdict::Missing { seq: 3 });
}

proptest! {
    /// No bit of an export's leaves can be flipped unnoticed.
    #[test]
    fn no_flipped_bit_goes_unnoticed(at in 0usize..2_000, bit in 0u8..8) {
        let mut text = export().join("\n").into_bytes();
        text.push(b'\n');
        let at = at % text.len();
        text[at] ^= 1 << bit;
        let said = verify(&mut text.as_slice(), &[checkpoint(LEAVES)]).unwrap();
        // What is proved of a changed line must be unchanged: a hash is optional, and so is its name.
        let still: Vec<Option<String>> = text
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice::<Line<'_>>(line).ok())
            .map(|line| BASE64_STANDARD.decode(line.leaf.as_bytes()).ok().and_then(|leaf| String::from_utf8(leaf).ok()))
            .collect();
        let whole: Vec<Option<String>> = (0..LEAVES).map(|seq| Some(leaf(seq))).collect();
        prop_assert!(still == whole || said != Verdict::Proved { leaves: LEAVES }, "{:?}", said);
    }

    /// Whatever the bytes, something is said of them.
    #[test]
    fn any_bytes_get_a_verdict(bytes: Vec<u8>) {
        let said = verify(&mut bytes.as_slice(), &[checkpoint(3)]).unwrap();
        prop_assert_ne!(said, Verdict::Proved { leaves: 3 });
    }
}
