//! The cases: what a server, a network and a telephone may do, one promise each.

mod answers;
mod batches;
mod clock;
mod crash;
mod limits;
mod pull;
mod resync;
mod session;
mod submit;
mod text;
mod unknown;
mod verdicts;
mod votes;
mod waiting;

use super::outcome::Outcome;
use super::stage::Stage;
use std::pin::Pin;

/// A case's story.
type Story = for<'a> fn(&'a mut Stage) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// One promise, and how it is put to the test.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) promise: &'static str,
    pub(super) play: Story,
}

macro_rules! cases {
    ($($name:literal $story:path: $promise:literal,)+) => {
        /// All cases, in the order in which they are played.
        pub(super) const CASES: &[Case] = &[$(
            Case { name: $name, promise: $promise, play: |stage| Box::pin($story(stage)) },
        )+];
    };
}

cases! {
    "first-sync" answers::first_sync: "a draft is pushed, and the phone shows what the server has",
    "idle" answers::idle: "a sync with nothing to do writes nothing",
    "lost-answer" answers::lost: "an answer that is lost: the same items again, in effect once",
    "cut-answer" answers::cut: "an answer cut at any byte: the same items again, in effect once",
    "typing-on" answers::typing_on: "edits made while a batch is in flight follow it",
    "one-in-flight" answers::one_in_flight: "connectivity events that come twice send one batch",
    "one-request" batches::one_request: "500 queued changes are one request",
    "many-requests" batches::many_requests: "1,100 queued changes go in batches of at most 500",
    "batch-too-large" limits::batch_too_large: "413: the same items in smaller batches",
    "rate-limited" limits::rate_limited: "429 with Retry-After: nothing is sent before",
    "unavailable" limits::unavailable: "503 with Retry-After: nothing is sent before, the queue stays",
    "server-error" limits::server_error: "500 or a page of HTML: the queue stays and goes later",
    "token-expired" session::token_expired: "401 token_expired: refresh once, repeat the same batch",
    "refresh-lost" session::refresh_lost: "a refresh whose answer is lost is repeated, without a sign-in",
    "session-revoked" session::revoked: "a session that ended keeps the queue until somebody signs in",
    "wrong-user" session::wrong_user: "another user's sign-in never sends this user's queue as theirs",
    "merged" verdicts::merged: "merged: the record is taken, and the user told what lost",
    "duplicate" verdicts::duplicate: "duplicate is done",
    "rejected" verdicts::rejected: "a refusal for good, by any code, is kept and shown with its reason",
    "never-blocks" verdicts::never_blocks: "a refused item blocks no other, not even of its own record",
    "locked" verdicts::locked: "an edit of what was submitted elsewhere is kept, and the sealed content shown",
    "retryable" verdicts::retryable: "a retryable refusal stays queued and goes again as it was",
    "deferred" waiting::deferred: "a deferred item stays, with all that follows it; the others go",
    "deferred-pace" waiting::pace: "a deferred item goes again after 2, 4 … 60 s, by itself",
    "clock-ahead" clock::ahead: "clock_ahead: stamped anew in order, bases and seen too, the same opIds",
    "clock-wrong" clock::set_back: "a clock set back a year keeps stamps unique and rising",
    "typed-on" text::typed_on: "text typed on before the answer is based on one's own latest edit",
    "text-meets" text::meets: "text edited on two phones is joined, and shown joined",
    "seen" submit::seen: "submit names the stamps of what its user saw",
    "content-changed" submit::content_changed: "a submit of what has changed elsewhere is shown as refused",
    "commands" submit::commands: "withdraw and delete are sent, and their results shown",
    "paging" pull::paging: "hasMore: the pull goes on from lastSync to its end",
    "remove" pull::remove: "a remove entry takes the record away",
    "same-twice" pull::same_twice: "a record that comes again in a later page: the later wins",
    "local-edits" pull::local_edits: "a pull does not hide what is still queued",
    "resync" resync::resync: "410: pull from the beginning, drop what is gone, never touch the queue",
    "resync-restores" resync::restores: "410 after a restore: own values that the server lost are queued again",
    "kill-after-edit" crash::after_edit: "kill -9 after an edit was confirmed loses nothing",
    "kill-in-flight" crash::in_flight: "kill -9 while a batch is in flight: the same items again",
    "kill-mid-answer" crash::mid_answer: "kill -9 in the middle of an answer: the same items again",
    "kill-after-answer" crash::after_answer: "kill -9 right after an answer: in effect once, nothing lost",
    "stamps-after-kill" crash::stamps: "stamps stay unique and rising after kill -9 and a clock set back a year",
    "notices-after-kill" crash::notices: "what the user was not told yet survives kill -9; what was dismissed is gone",
    "unknown-verdict" unknown::verdict: "a verdict that is not known loses nothing and blocks no other record",
    "unknown-code" unknown::code: "a code that is not known is shown as it is",
    "unknown-members" unknown::members: "members and kinds of entries that are not known are ignored",
    "vote" votes::vote: "a vote cites the revision, and is taken",
    "vote-again" votes::again: "a vote whose answer is lost is sent again as it was",
    "vote-refused" votes::refused: "a vote that came too late is shown as refused, with the record",
    "rollback" votes::rollback: "a vote can be taken back",
}
