//! Stories: what happens, in order, and what each person hears of it.

use super::super::model::{Channel, Template};
use super::super::preferences::Preferences;
use super::{Books, Cause, Happening, Original, Told, ToldState, Verdict, still_true};
use crate::events::{
    ApprovalCast, LevelChanged, LevelClosed, LevelOpened, LevelSealed, Outcome, RequestFinalized,
};
use crate::time::Time;
use sync_core::canonical::Revision;
use sync_core::hlc::Stamp;
use sync_core::votes::Vote;
use uuid::Uuid;

const OWNER: Uuid = Uuid::from_u128(1);
const REQUEST: Uuid = Uuid::from_u128(2);

/// An approver: 11 and 12 at level 1, 21 at level 2.
fn person(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn about(level: u8) -> LevelChanged {
    LevelChanged {
        approval_id: Uuid::from_u128(100 + u128::from(level)),
        request_id: REQUEST,
        owner_id: OWNER,
        revision: Revision([7; 32]),
        level,
        at: Time(0),
    }
}

/// A word of a story. What a person did names the person.
#[derive(Clone, Copy)]
enum Step {
    Open(u8),
    Vote(u128, u8, Vote),
    TakeBack(u128, u8),
    Decide(u8, Outcome),
    /// The level is undecided again, by this person.
    Undecide(u8, u128),
    Close(u8, &'static str),
    Seal(u8),
    Final(Outcome),
    /// What waits is sent, if it is still true.
    Send,
    /// What waits is being sent; then the node dies.
    Leave,
}

use Outcome::{Approved, Rejected};
use Step::{Close, Decide, Final, Leave, Open, Seal, Send, TakeBack, Undecide, Vote as Votes};
use Vote::{Approve, Reject};

fn happening(step: Step) -> (Option<Uuid>, Happening) {
    let cast = |who: u128, level, vote| {
        let cast = ApprovalCast {
            level: about(level),
            approver_id: person(who),
            vote,
            comment: None,
            hlc: Stamp::ZERO,
            op_id: Uuid::nil(),
            code: None,
        };
        (Some(person(who)), Happening::Cast(cast))
    };
    match step {
        Open(level) => {
            let approvers: &[u128] = if level == 1 { &[11, 12] } else { &[21] };
            let opened = LevelOpened {
                level: about(level),
                approver_ids: approvers.iter().map(|number| person(*number)).collect(),
                quorum: 1,
            };
            (None, Happening::Opened(opened))
        }
        Votes(who, level, vote) => cast(who, level, Some(vote)),
        TakeBack(who, level) => cast(who, level, None),
        Decide(level, outcome) => (None, Happening::Decided(about(level), outcome)),
        Undecide(level, who) => (Some(person(who)), Happening::Reopened(about(level))),
        Close(level, reason) => {
            let closed = LevelClosed {
                level: about(level),
                reason: reason.to_owned(),
            };
            (None, Happening::Closed(closed))
        }
        Seal(level) => {
            let sealed = LevelSealed {
                level: about(level),
                outcome: Approved,
                r#final: false,
            };
            (None, Happening::Sealed(sealed))
        }
        Final(outcome) => {
            let finalized = RequestFinalized {
                id: REQUEST,
                owner_id: OWNER,
                revision: Revision([7; 32]),
                outcome,
                final_at: Time(0),
            };
            (None, Happening::Finalized(finalized))
        }
        Send | Leave => unreachable!("not an event"),
    }
}

/// Tells a story by e-mail; returns who heard what, in order: `11 level_opened`.
fn heard(story: &[Step]) -> Vec<String> {
    let mut books = Books::default();
    let mut heard = Vec::new();
    for (number, step) in (1..).zip(story) {
        match step {
            Send => send(&mut books, &mut heard),
            Leave => each(&mut books, |told| {
                if told.state == ToldState::Waiting {
                    told.state = ToldState::Leaving;
                }
            }),
            step => {
                let (actor, happening) = happening(*step);
                let event_id = Uuid::from_u128(1_000 + number);
                let traceparent = None;
                let cause = Cause {
                    event_id,
                    actor,
                    traceparent,
                };
                books.take(&cause, &happening);
            }
        }
    }
    heard
}

fn each(books: &mut Books, mut change: impl FnMut(&mut Told)) {
    for told in books.told.values_mut().flatten() {
        change(told);
    }
}

fn send(books: &mut Books, heard: &mut Vec<String>) {
    let all: Vec<Told> = books.new.iter().map(|new| find(books, new.id)).collect();
    for told in all {
        // Leaving: the node has died, and another one takes its row.
        if !matches!(told.state, ToldState::Waiting | ToldState::Leaving) {
            continue;
        }
        let new = books.new.iter().find(|new| new.id == told.id).unwrap();
        let original = new.follows.map(|id| find(books, id)).map(|told| Original {
            template: told.template,
            state: told.state,
            in_flight: false,
        });
        let level = books.levels.get(&new.about_id);
        let state = match still_true(told.template, told.recipient_id, level, original) {
            Verdict::Send => {
                heard.push(format!(
                    "{} {}",
                    told.recipient_id.as_u128(),
                    told.template.name()
                ));
                ToldState::Gone
            }
            // What may have left counts as told, though its row is cancelled now.
            Verdict::Cancel(_) if told.state == ToldState::Leaving => ToldState::Gone,
            Verdict::Cancel(_) => ToldState::Never,
            Verdict::Wait(why) => panic!("{why}"),
        };
        each(books, |one| {
            if one.id == told.id {
                one.state = state;
            }
        });
    }
}

fn find(books: &Books, id: Uuid) -> Told {
    let mut all = books.told.values().flatten();
    all.find(|told| told.id == id).unwrap().clone()
}

/// A name, what happens, and who hears what.
type Story = (&'static str, &'static [Step], &'static [&'static str]);

const STORIES: &[Story] = &[
    (
        "a level opens, its approvers hear of it",
        &[Open(1), Send],
        &["11 level_opened", "12 level_opened"],
    ),
    (
        "sent once, however often the queue is looked at",
        &[Open(1), Send, Send],
        &["11 level_opened", "12 level_opened"],
    ),
    (
        "who has voted before the message left, and the others once it is decided, need not hear",
        &[Open(1), Votes(11, 1, Approve), Decide(1, Approved), Send],
        &["1 level_approved"],
    ),
    (
        "an open vote does not decide a quorum of two: the other still hears",
        &[Open(1), Votes(11, 1, Approve), Send],
        &["12 level_opened"],
    ),
    (
        "rolled back before anything left: of the decision and the next level nobody hears",
        &[
            Open(1),
            Send,
            Votes(11, 1, Approve),
            Decide(1, Approved),
            Open(2),
            TakeBack(11, 1),
            Undecide(1, 11),
            Close(2, "basis_changed"),
            Send,
        ],
        &["11 level_opened", "12 level_opened"],
    ),
    (
        "rolled back after it left: those who were told are told, nobody else",
        &[
            Open(1),
            Votes(11, 1, Approve),
            Decide(1, Approved),
            Open(2),
            Send,
            TakeBack(11, 1),
            Undecide(1, 11),
            Close(2, "basis_changed"),
            Send,
        ],
        &[
            "1 level_approved",
            "21 level_opened",
            "1 rolled_back",
            "12 level_opened",
            "21 level_closed",
        ],
    ),
    (
        "taken back, decided again: the owner hears all three, the next level too",
        &[
            Open(1),
            Votes(11, 1, Approve),
            Decide(1, Approved),
            Open(2),
            Send,
            TakeBack(11, 1),
            Undecide(1, 11),
            Close(2, "basis_changed"),
            Send,
            Votes(11, 1, Approve),
            Decide(1, Approved),
            Open(2),
            Send,
        ],
        &[
            "1 level_approved",
            "21 level_opened",
            "1 rolled_back",
            "12 level_opened",
            "21 level_closed",
            "1 level_approved",
            "21 level_opened",
        ],
    ),
    (
        "taken back and decided again before the morning: what was told holds, and is told anew",
        &[
            Open(1),
            Votes(11, 1, Approve),
            Decide(1, Approved),
            Open(2),
            Send,
            TakeBack(11, 1),
            Undecide(1, 11),
            Close(2, "basis_changed"),
            Votes(11, 1, Approve),
            Decide(1, Approved),
            Open(2),
            Send,
        ],
        &[
            "1 level_approved",
            "21 level_opened",
            "1 level_approved",
            "21 level_opened",
        ],
    ),
    (
        "back and forth, and back: the owner was told of the first and hears that it fell",
        &[
            Open(1),
            Votes(11, 1, Approve),
            Decide(1, Approved),
            Send,
            Undecide(1, 11),
            Decide(1, Approved),
            Undecide(1, 11),
            Send,
        ],
        &["1 level_approved", "1 rolled_back", "12 level_opened"],
    ),
    (
        "a yes that becomes a no is told as a no",
        &[
            Open(1),
            Votes(11, 1, Approve),
            Decide(1, Approved),
            Send,
            Votes(12, 1, Reject),
            Decide(1, Rejected),
            Send,
        ],
        &["1 level_approved", "1 level_rejected"],
    ),
    (
        "a no taken back is one message, not one for each change",
        &[
            Open(1),
            Votes(11, 1, Approve),
            Decide(1, Approved),
            Send,
            Votes(12, 1, Reject),
            Decide(1, Rejected),
            Send,
            TakeBack(12, 1),
            Undecide(1, 12),
            Send,
        ],
        &["1 level_approved", "1 level_rejected", "1 rolled_back"],
    ),
    (
        "withdrawn: who was told that it waits hears that it does not",
        &[Open(1), Send, Close(1, "withdrawn"), Send],
        &[
            "11 level_opened",
            "12 level_opened",
            "11 withdrawn",
            "12 withdrawn",
        ],
    ),
    (
        "withdrawn before anybody was told",
        &[Open(1), Close(1, "withdrawn"), Send],
        &[],
    ),
    (
        "sealed without a vote of this approver: nothing to do for them",
        &[Open(1), Seal(1), Send],
        &[],
    ),
    (
        "a node dies while it sends, and the level closes: who may have been told is told",
        &[Open(2), Leave, Close(2, "basis_changed"), Send],
        &["21 level_closed"],
    ),
    (
        "a node dies while it sends, and another sends",
        &[Open(2), Leave, Send],
        &["21 level_opened"],
    ),
    (
        "final is told, whatever was told before",
        &[
            Open(1),
            Votes(11, 1, Approve),
            Decide(1, Approved),
            Send,
            Seal(1),
            Final(Approved),
            Send,
        ],
        &["1 level_approved", "1 approved"],
    ),
    (
        "rejected for good",
        &[Final(Rejected), Send],
        &["1 rejected"],
    ),
];

#[test]
fn stories() {
    for (name, story, expected) in STORIES {
        assert_eq!(heard(story), *expected, "{name}");
    }
}

#[test]
fn an_event_twice_is_a_message_once() {
    let mut books = Books::default();
    let (_, opened) = happening(Open(1));
    let cause = Cause {
        event_id: person(9),
        ..Cause::default()
    };
    books.take(&cause, &opened);
    books.take(&cause, &opened);
    assert_eq!(books.new.len(), 2);
}

#[test]
fn one_row_a_channel_that_leads_somewhere_and_its_id_follows_from_the_event() {
    let mut books = Books::default();
    books.with_device.insert(person(21));
    let (_, opened) = happening(Open(2));
    let cause = Cause {
        event_id: person(9),
        ..Cause::default()
    };
    books.take(&cause, &opened);
    let rows: Vec<_> = books.new.iter().map(|new| (new.channel, new.id)).collect();
    let id = |channel| super::books::notification_id(person(9), person(21), channel);
    let expected = [Channel::Push, Channel::Email].map(|channel| (channel, id(channel)));
    assert_eq!(rows, expected);
}

#[test]
fn muted_is_muted_but_not_deaf_to_corrections() {
    let mut books = Books::default();
    let mut muted = Preferences::default();
    muted.channels.waiting.clear();
    books.preferences.insert(person(21), muted);
    let (_, opened) = happening(Open(2));
    books.take(&Cause::default(), &opened);
    assert!(books.new.is_empty());
}

#[test]
fn what_takes_back_waits_for_what_is_in_flight() {
    let original = |state, in_flight| {
        Some(Original {
            template: Template::LevelApproved,
            state,
            in_flight,
        })
    };
    let verdict = |original| still_true(Template::RolledBack, OWNER, None, original);
    assert_eq!(
        verdict(original(ToldState::Leaving, true)),
        Verdict::Wait("original_in_flight")
    );
    assert_eq!(verdict(original(ToldState::Leaving, false)), Verdict::Send);
    assert_eq!(verdict(original(ToldState::Gone, false)), Verdict::Send);
    for state in [ToldState::Waiting, ToldState::Never] {
        assert_eq!(
            verdict(original(state, false)),
            Verdict::Cancel("never_told")
        );
    }
}
