use super::*;
use crate::hlc::NodeId;

fn at(millis: u64) -> Stamp {
    Stamp::new(millis, 0, NodeId::new(1)).unwrap()
}

fn start(value: &str) -> TextWrite {
    TextWrite::Start(Some(value.to_owned()))
}

fn edit(base: &[Stamp], text: &str) -> TextWrite {
    TextWrite::Edit {
        base: base.to_vec(),
        text: text.to_owned(),
    }
}

fn apply(text: &mut Text, stamp: Stamp, write: &TextWrite) -> Result<Outcome, TextError> {
    text.apply(stamp, write, &mut Work::unlimited())
}

fn canonical(text: &Text) -> Vec<u8> {
    let mut out = Vec::new();
    text.write_canonical(&mut out);
    out
}

/// As a store would: kept and read again.
fn reread(text: &Text) -> Text {
    match text.state() {
        Some(state) => Text::from_state(&state).unwrap(),
        None => Text::start(
            text.root().unwrap_or(Stamp::ZERO),
            text.value().map(str::to_owned),
        ),
    }
}

#[test]
fn the_greatest_start_is_shown_and_the_others_stay_known() {
    let mut text = Text::default();
    assert_eq!(apply(&mut text, at(2), &start("two")), Ok(Outcome::Won));
    assert_eq!(apply(&mut text, at(1), &start("one")), Ok(Outcome::Lost));
    let clear = TextWrite::Start(None);
    assert_eq!(apply(&mut text, at(3), &clear), Ok(Outcome::Won));
    assert_eq!(apply(&mut text, at(2), &start("two")), Ok(Outcome::Lost));
    assert_eq!(apply(&mut text, at(3), &clear), Ok(Outcome::Same));
    assert_eq!(
        apply(&mut text, at(3), &start("")),
        Err(TextError::StampReused(at(3)))
    );
    assert_eq!((text.value(), text.heads()), (None, vec![at(3)]));
}

#[test]
fn two_phones_type_at_once_and_both_count() {
    let mut text = Text::start(at(1), Some("We need a booth in Lyon.".to_owned()));
    let one = edit(&[at(1)], "We need a big booth in Lyon.");
    let other = edit(&[at(1)], "We need a booth in Lyon, and flyers.");
    assert_eq!(apply(&mut text, at(2), &one), Ok(Outcome::Won));
    assert_eq!(apply(&mut text, at(3), &other), Ok(Outcome::Joined));
    assert_eq!(
        text.value(),
        Some("We need a big booth in Lyon, and flyers.")
    );
    assert_eq!(text.heads(), [at(2), at(3)]);

    let mut reversed = Text::start(at(1), Some("We need a booth in Lyon.".to_owned()));
    assert_eq!(apply(&mut reversed, at(3), &other), Ok(Outcome::Won));
    assert_eq!(apply(&mut reversed, at(2), &one), Ok(Outcome::Joined));
    assert_eq!(canonical(&reversed), canonical(&text));

    let both = edit(&[at(2), at(3)], "We need a big booth.");
    assert_eq!(apply(&mut text, at(4), &both), Ok(Outcome::Won));
    assert_eq!(
        (text.value(), text.heads()),
        (Some("We need a big booth."), vec![at(4)])
    );
}

#[test]
fn a_phone_types_on_before_it_is_answered() {
    let mut text = Text::start(at(1), Some("a".to_owned()));
    for (stamp, base, value) in [(2, 1, "a b"), (3, 2, "a b c"), (4, 3, "b c")] {
        assert_eq!(
            apply(&mut text, at(stamp), &edit(&[at(base)], value)),
            Ok(Outcome::Won)
        );
        assert_eq!(text.value(), Some(value));
        text = reread(&text);
    }
    assert_eq!(text.heads(), [at(4)]);
    assert_eq!(
        apply(&mut text, at(3), &edit(&[at(2)], "a b c")),
        Ok(Outcome::Same)
    );
    assert_eq!(
        apply(&mut text, at(3), &edit(&[at(2)], "a b d")),
        Err(TextError::StampReused(at(3)))
    );
    assert_eq!(
        apply(&mut text, at(9), &edit(&[at(8)], "x")),
        Err(TextError::UnknownBase(at(8)))
    );
}

#[test]
fn an_edit_that_changes_nothing_still_names_a_base() {
    let mut text = Text::start(at(1), Some("same".to_owned()));
    assert_eq!(
        apply(&mut text, at(2), &edit(&[at(1)], "same")),
        Ok(Outcome::Won)
    );
    assert_eq!(text.heads(), [at(2)]);
    text = reread(&text);
    assert_eq!(
        apply(&mut text, at(3), &edit(&[at(2)], "same again")),
        Ok(Outcome::Won)
    );
    assert_eq!(
        apply(&mut text, at(4), &edit(&[at(1), at(2)], "same")),
        Ok(Outcome::Joined)
    );
    assert_eq!(text.heads(), [at(3), at(4)]);
    assert_eq!(text.value(), Some("same again"));
    assert_eq!(
        apply(&mut text, at(5), &edit(&[at(3), at(4)], "once more")),
        Ok(Outcome::Won)
    );
    assert_eq!(
        (text.value(), text.heads()),
        (Some("once more"), vec![at(5)])
    );
}

#[test]
fn a_cleared_text_can_be_typed_into() {
    let mut text = Text::start(at(1), None);
    assert_eq!(
        apply(&mut text, at(2), &edit(&[at(1)], "")),
        Ok(Outcome::Won)
    );
    assert_eq!(text.value(), None);
    assert_eq!(
        apply(&mut text, at(3), &edit(&[at(2)], "x")),
        Ok(Outcome::Won)
    );
    assert_eq!(
        apply(&mut text, at(4), &edit(&[at(3)], "")),
        Ok(Outcome::Won)
    );
    assert_eq!(text.value(), Some(""));
}

#[test]
fn edits_of_a_text_that_lost_are_known_and_lose() {
    let mut text = Text::start(at(1), Some("old".to_owned()));
    assert_eq!(
        apply(&mut text, at(2), &edit(&[at(1)], "old and edited")),
        Ok(Outcome::Won)
    );
    assert_eq!(apply(&mut text, at(5), &start("new")), Ok(Outcome::Won));
    for write in [edit(&[at(2)], "older"), edit(&[at(2), at(5)], "mixed")] {
        let mut text = text.clone();
        assert_eq!(text.foresee(at(6), &write), Some(Outcome::Lost));
        assert_eq!(apply(&mut text, at(6), &write), Ok(Outcome::Lost));
        let next = edit(&[at(6)], "newer");
        assert_eq!(apply(&mut text, at(7), &next), Ok(Outcome::Lost));
        assert_eq!(apply(&mut text, at(6), &write), Ok(Outcome::Lost));
        assert_eq!((text.value(), text.heads()), (Some("new"), vec![at(5)]));
        assert_eq!(text.max_stamp(), at(7));
        assert_eq!(reread(&text), text);
    }
}

#[test]
fn states_join_like_edits() {
    let first = Text::start(at(1), Some("one two three".to_owned()));
    let (mut here, mut there) = (first.clone(), first.clone());
    let (one, other) = (edit(&[at(1)], "1 two three"), edit(&[at(1)], "one two 3"));
    apply(&mut here, at(2), &one).unwrap();
    apply(&mut there, at(3), &other).unwrap();
    apply(&mut there, at(4), &edit(&[at(3)], "one two 3")).unwrap();
    let mut all = here.clone();
    apply(&mut all, at(3), &other).unwrap();
    apply(&mut all, at(4), &edit(&[at(3)], "one two 3")).unwrap();
    assert_eq!(all.value(), Some("1 two 3"));
    for (mut a, b) in [
        (here.clone(), there.clone()),
        (reread(&there), reread(&here)),
    ] {
        a.merge(&b).unwrap();
        assert_eq!(canonical(&a), canonical(&all));
        a.merge(&first).unwrap();
        a.merge(&b).unwrap();
        assert_eq!(canonical(&a), canonical(&all));
    }
    let newer = Text::start(at(9), None);
    let mut a = all.clone();
    a.merge(&newer).unwrap();
    let mut b = newer.clone();
    b.merge(&all).unwrap();
    assert_eq!(canonical(&a), canonical(&b));
    assert_eq!(a.value(), None);
    assert_eq!(a.known(at(4)).map(|known| known.live), Some(false));
    let reused = Text::start(at(1), Some("other".to_owned()));
    assert_eq!(a.merge(&reused), Err(TextError::StampReused(at(1))));
}

#[test]
fn a_damaged_state_is_refused() {
    let mut text = Text::start(at(1), Some("one two three".to_owned()));
    apply(&mut text, at(2), &edit(&[at(1)], "one 2 three")).unwrap();
    apply(&mut text, at(3), &edit(&[at(2)], "one 2 three")).unwrap();
    let state = text.state().unwrap();
    assert_eq!(Text::from_state(&state).unwrap(), text);
    for length in 0..state.len() {
        if let Ok(mut text) = Text::from_state(&state[..length]) {
            assert!(matches!(
                apply(&mut text, at(4), &edit(&[at(1)], "x")),
                Err(TextError::Corrupt(_))
            ));
        }
    }
    for place in 0..state.len() {
        let mut damaged = state.clone();
        damaged[place] ^= 0x55;
        if let Ok(mut text) = Text::from_state(&damaged) {
            let before = canonical(&text);
            if apply(&mut text, at(4), &edit(&[at(1)], "x")).is_err() {
                assert_eq!(canonical(&text), before);
            }
        }
    }
}

#[test]
fn the_first_edit_is_admitted_and_the_budget_ends_the_rest() {
    let mut work = Work::new(1);
    let mut text = Text::start(at(1), Some("a".to_owned()));
    assert_eq!(
        text.apply(at(2), &edit(&[at(1)], "a b"), &mut work),
        Ok(Outcome::Won)
    );
    assert!(work.spent_us() > 1);
    let before = canonical(&text);
    assert_eq!(
        text.apply(at(3), &edit(&[at(2)], "a b c"), &mut work),
        Err(TextError::OverBudget)
    );
    assert_eq!(canonical(&text), before);
    assert_eq!(
        text.apply(at(2), &edit(&[at(1)], "a b"), &mut work),
        Ok(Outcome::Same)
    );
    assert_eq!(
        text.apply(at(5), &start("free"), &mut work),
        Ok(Outcome::Won)
    );
}

#[test]
fn an_edit_too_heavy_to_join_starts_a_new_text() {
    let long = |c: char| c.to_string().repeat(20_000);
    let mut text = Text::start(at(1), Some(long('漢')));
    let write = edit(&[at(1)], &long('字'));
    assert_eq!(apply(&mut text, at(2), &write), Ok(Outcome::Won));
    assert_eq!((text.root(), text.heads()), (Some(at(2)), vec![at(2)]));
    assert_eq!(apply(&mut text, at(2), &write), Ok(Outcome::Same));
    assert_eq!(
        apply(&mut text, at(3), &edit(&[at(2)], "short")),
        Ok(Outcome::Won)
    );
    assert_eq!(text.value(), Some("short"));
}
