//! The people of the stories, and how times and commands read in them.

use super::oracle::{Answer, Command, Moment, Person, Says};
use std::sync::LazyLock;
use sync_core::canonical::{Revision, approval_id};
use uuid::Uuid;

pub(super) const OLGA: Person = 0;
pub(super) const ANN: Person = 1;
pub(super) const BOB: Person = 2;
pub(super) const CEM: Person = 3;
pub(super) const DIA: Person = 4;
pub(super) const EVA: Person = 5;

const NAMES: [&str; 17] = [
    "Olga", "Ann", "Bob", "Cem", "Dia", "Eva", "Finn", "Gül", "Hana", "Ivo", "Jana", "Kofi", "Lea",
    "Mia", "Noor", "Otto", "Pia",
];

pub(super) const SECOND_US: i64 = 1_000_000;
pub(super) const HOUR_US: i64 = 3_600 * SECOND_US;

/// When the stories begin: hour 0.
pub(super) const START_US: Moment = 1_793_000_000_000_000;

/// Somebody's name.
pub(super) fn name(person: Person) -> &'static str {
    NAMES[usize::from(person)]
}

pub(super) fn id_of(person: Person) -> Uuid {
    Uuid::from_u128(0x100 + u128::from(person))
}

pub(super) fn person_of(id: Uuid) -> Person {
    u8::try_from(id.as_u128() - 0x100).unwrap()
}

pub(super) const REQUEST: Uuid = Uuid::from_u128(1);
pub(super) const REVISION: Revision = Revision([7; 32]);
pub(super) const OTHER_REVISION: Revision = Revision([8; 32]);

/// The approvals of levels 1 to 3; 0 is one that nobody has heard of.
pub(super) static APPROVALS: LazyLock<[Uuid; 4]> =
    LazyLock::new(|| [0, 1, 2, 3].map(|level| approval_id(REQUEST, &REVISION, level)));

/// `23:59:59.999999` since the beginning.
pub(super) fn hours(at: Moment) -> String {
    let since = at - START_US;
    let sign = if since < 0 { "-" } else { "" };
    let since = since.abs();
    let (hour, rest) = (since / HOUR_US, since % HOUR_US);
    let (second, micro) = (rest / SECOND_US, rest % SECOND_US);
    let (minute, second) = (second / 60, second % 60);
    match (second, micro) {
        (0, 0) => format!("{sign}{hour}:{minute:02}"),
        (_, 0) => format!("{sign}{hour}:{minute:02}:{second:02}"),
        _ => format!("{sign}{hour}:{minute:02}:{second:02}.{micro:06}"),
    }
}

/// What a command says, as a sentence.
pub(super) fn sentence(command: &Command) -> String {
    let says = match command.says {
        Says::Approve => "approves",
        Says::Reject => "rejects",
        Says::Rollback => "rolls back",
    };
    let made = Moment::try_from(command.stamp.ms).unwrap() * 1_000;
    let level = match command.level {
        0 => "an unknown approval".to_owned(),
        level => format!("L{level}"),
    };
    let comment = command.comment.map(|comment| format!(" \"{comment}\""));
    let stale = if command.stale {
        " of another revision"
    } else {
        ""
    };
    format!(
        "{} {says} {level}{stale}{} (op {}, made {} #{} on phone {})",
        name(command.person),
        comment.unwrap_or_default(),
        command.op,
        hours(made),
        command.stamp.counter,
        command.stamp.node,
    )
}

/// What an answer says.
pub(super) fn verdict(answer: Answer) -> String {
    match answer {
        Answer::Applied => "applied".to_owned(),
        Answer::Merged => "merged".to_owned(),
        Answer::Duplicate => "duplicate".to_owned(),
        Answer::Refused(code) => format!("rejected / {code}"),
        Answer::WaitsBehind(op) => format!("deferred behind op {op}"),
        Answer::WaitsForApproval => "deferred, waits for the approval".to_owned(),
    }
}

/// What people write.
pub(super) const COMMENTS: [&str; 3] = ["too much", "fine", "not without a quote"];
