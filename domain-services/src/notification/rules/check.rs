//! Whether a message is still true, asked in the moment before it is sent.

use super::super::model::Template;
use super::facts::{Level, Phase, ToldState};
use crate::events::Outcome;
use uuid::Uuid;

/// What is to become of a message now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::notification) enum Verdict {
    /// It goes out.
    Send,
    /// It is not true any more; the word says why.
    Cancel(&'static str),
    /// Something it needs has not arrived yet.
    Wait(&'static str),
}

/// What waits for a message that a node is sending in this moment.
pub(in crate::notification) const IN_FLIGHT: &str = "original_in_flight";

/// The message that another one takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::notification) struct Original {
    pub(in crate::notification) template: Template,
    pub(in crate::notification) state: ToldState,
    /// Whether a node is sending it in this moment.
    pub(in crate::notification) in_flight: bool,
}

/// Judges a message about a request to a person who is there.
///
/// `level` is the approval that it is about (none: it was never heard of), `original` the message that
/// it takes back.
pub(in crate::notification) fn still_true(
    template: Template,
    recipient_id: Uuid,
    level: Option<&Level>,
    original: Option<Original>,
) -> Verdict {
    use Verdict::{Cancel, Send, Wait};
    if let Some(original) = original {
        match original.state {
            ToldState::Leaving if original.in_flight => return Wait(IN_FLIGHT),
            // The person may have been told, so is told the rest.
            ToldState::Leaving | ToldState::Gone => {}
            ToldState::Waiting | ToldState::Never => return Cancel("never_told"),
        }
    }
    let decided = level.and_then(|level| level.outcome);
    match template {
        Template::LevelOpened => match level {
            None => Wait("level_unknown"),
            Some(level) => waits(level, recipient_id),
        },
        Template::LevelApproved if decided != Some(Outcome::Approved) => Cancel("rolled_back"),
        Template::LevelRejected if decided != Some(Outcome::Rejected) => Cancel("rolled_back"),
        // Decided anew as it was: what the owner was told holds again.
        Template::RolledBack => match (original.map(|original| original.template), decided) {
            (Some(Template::LevelApproved), Some(Outcome::Approved))
            | (Some(Template::LevelRejected), Some(Outcome::Rejected)) => Cancel("holds_again"),
            _ => Send,
        },
        Template::LevelClosed if level.is_some_and(|level| level.phase == Phase::Open) => {
            Cancel("holds_again")
        }
        Template::LevelApproved
        | Template::LevelRejected
        | Template::LevelClosed
        | Template::Withdrawn
        | Template::Approved
        | Template::Rejected
        | Template::Message => Send,
    }
}

/// Whether a level waits for this person's vote.
fn waits(level: &Level, person: Uuid) -> Verdict {
    let reason = match level.phase {
        Phase::BasisChanged => "basis_changed",
        Phase::Withdrawn => "withdrawn",
        Phase::Open if level.votes.contains_key(&person) => "voted",
        Phase::Open if level.sealed => "sealed",
        Phase::Open if level.outcome.is_some() => "decided",
        Phase::Open => return Verdict::Send,
    };
    Verdict::Cancel(reason)
}
