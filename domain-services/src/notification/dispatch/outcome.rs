//! What came of a message, from what its targets' providers said. Pure.

use super::super::backoff::TRIES_MAX;
use super::super::channel::{Receipt, Refusal, Target};
use super::super::model::{Channel, Status};
use super::prepare::Prepared;
use std::time::Duration;

/// What was said of each target.
pub(super) type Told = Vec<(Target, Result<Receipt, Refusal>)>;

/// What is to be noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) status: Status,
    /// What the attempt is called.
    pub(super) word: &'static str,
    pub(super) reason: Option<String>,
    pub(super) detail: Option<String>,
    /// It is tried again.
    pub(super) again: Option<Again>,
    pub(super) tries: i32,
    pub(super) provider_id: Option<String>,
    /// Devices that have it.
    pub(super) taken_by: Vec<String>,
    /// Whether somebody may have been told, whatever becomes of it.
    pub(super) may_have_left: bool,
    /// Tokens that the push service does not know any more.
    pub(super) gone: Vec<String>,
}

/// Another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Again {
    /// Not before this, as the provider asked.
    pub(super) after: Option<Duration>,
}

/// Folds what the targets' providers said. Those that took it are not asked again; as long as one may
/// take it later, the message is tried again.
pub(super) fn outcome(channel: Channel, prepared: Prepared, told: Told) -> Outcome {
    let mut out = Outcome {
        status: Status::Failed,
        word: "failed",
        reason: None,
        detail: None,
        again: None,
        tries: prepared.tries,
        provider_id: None,
        taken_by: prepared.taken_by,
        may_have_left: false,
        gone: Vec::new(),
    };
    let mut details = Vec::new();
    let mut worst = None;
    for (target, told) in told {
        match told {
            Ok(receipt) => {
                out.provider_id = out.provider_id.or(receipt.provider_id);
                out.taken_by.push(target.key().to_owned());
            }
            Err(refusal) => {
                details.push(refusal.to_string());
                match refusal {
                    Refusal::Later {
                        after,
                        may_have_arrived,
                        ..
                    } => {
                        out.may_have_left |= may_have_arrived;
                        let longest = out.again.and_then(|again| again.after).max(after);
                        out.again = Some(Again { after: longest });
                    }
                    Refusal::Gone(_) => out.gone.push(target.address.clone()),
                    Refusal::Bounced(_) => worst = Some((Status::Bounced, "bounced")),
                    Refusal::Undelivered(_) => worst = Some((Status::Undelivered, "undelivered")),
                    Refusal::Failed(_) => {}
                }
            }
        }
    }
    out.may_have_left |= !out.taken_by.is_empty();
    out.detail = (!details.is_empty()).then(|| details.join("; "));
    if out.again.is_some() && out.tries < TRIES_MAX {
        out.status = Status::Queued;
        out.word = "retry";
        return out;
    }
    let gave_up = out.again.take().is_some();
    if !out.taken_by.is_empty() {
        (out.status, out.word) = (Status::Sent, "sent");
    } else if gave_up {
        out.reason = Some("tried_too_often".to_owned());
    } else if let Some(worst) = worst {
        (out.status, out.word) = worst;
        out.reason = Some("refused".to_owned());
    } else if out.gone.is_empty() {
        out.reason = Some("refused".to_owned());
    } else {
        // The phones were there until this moment.
        out.reason = Some("no_address".to_owned());
    }
    if channel != Channel::Push {
        // An address is nobody's device.
        out.taken_by.clear();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::super::channel::Outgoing;
    use super::super::super::model::Rendered;
    use super::*;
    use uuid::Uuid;

    fn prepared(tries: i32, taken_by: &[&str]) -> Prepared {
        Prepared {
            message: Outgoing {
                id: Uuid::nil(),
                request_id: None,
                template: "message".to_owned(),
                rendered: Rendered {
                    subject: None,
                    body: String::new(),
                },
                traceparent: None,
            },
            targets: Vec::new(),
            lease_us: 0,
            tries,
            taken_by: taken_by.iter().map(|&device| device.to_owned()).collect(),
        }
    }

    fn device(name: &str) -> Target {
        Target::device(name.to_owned(), format!("token of {name}"))
    }

    fn taken() -> Receipt {
        Receipt {
            provider_id: Some("1".to_owned()),
            is_logged: false,
        }
    }

    fn later(seconds: Option<u64>) -> Refusal {
        Refusal::Later {
            detail: "busy".to_owned(),
            after: seconds.map(Duration::from_secs),
            provider_is_down: true,
            may_have_arrived: false,
        }
    }

    fn gone() -> Refusal {
        Refusal::Gone("unregistered".to_owned())
    }

    #[test]
    fn one_phone_that_has_it_is_enough_and_the_others_are_tried_again() {
        let told = vec![
            (device("a"), Ok(taken())),
            (device("b"), Err(later(Some(7)))),
            (device("c"), Err(later(None))),
        ];
        let out = outcome(Channel::Push, prepared(1, &[]), told);
        assert_eq!((out.status, out.word), (Status::Queued, "retry"));
        assert_eq!(out.taken_by, ["a"]);
        assert!(out.may_have_left, "one phone shows it");
        assert_eq!(out.again.unwrap().after, Some(Duration::from_secs(7)));

        let out = outcome(
            Channel::Push,
            prepared(2, &["a"]),
            vec![(device("b"), Err(gone()))],
        );
        assert_eq!((out.status, out.word), (Status::Sent, "sent"));
        assert_eq!(out.gone, ["token of b"]);
    }

    #[test]
    fn after_the_last_try_it_is_a_dead_letter_unless_a_phone_has_it() {
        let told = || vec![(device("b"), Err(later(None)))];
        let out = outcome(Channel::Push, prepared(TRIES_MAX, &[]), told());
        assert_eq!(out.status, Status::Failed);
        assert_eq!(out.reason.as_deref(), Some("tried_too_often"));
        let out = outcome(Channel::Push, prepared(TRIES_MAX, &["a"]), told());
        assert_eq!(out.status, Status::Sent);
    }

    #[test]
    fn who_did_not_hear_the_answer_does_not_know() {
        let of = |refusal| {
            outcome(
                Channel::Sms,
                prepared(TRIES_MAX, &[]),
                vec![(device(""), Err(refusal))],
            )
        };
        assert!(of(Refusal::unanswered("no answer")).may_have_left);
        assert!(!of(Refusal::down("no connection")).may_have_left);
    }

    #[test]
    fn phones_that_are_gone_leave_no_address() {
        let out = outcome(
            Channel::Push,
            prepared(1, &[]),
            vec![(device("a"), Err(gone()))],
        );
        assert_eq!(out.status, Status::Failed);
        assert_eq!(out.reason.as_deref(), Some("no_address"));
    }

    #[test]
    fn what_is_refused_for_good_is_not_tried_again() {
        let to = || Target::address("a@example.org".to_owned());
        let bounced = vec![(to(), Err(Refusal::Bounced("no such user".to_owned())))];
        let out = outcome(Channel::Email, prepared(1, &[]), bounced);
        assert_eq!((out.status, out.again), (Status::Bounced, None));
        let undelivered = vec![(to(), Err(Refusal::Undelivered("stopped".to_owned())))];
        let out = outcome(Channel::Sms, prepared(1, &[]), undelivered);
        assert_eq!(out.status, Status::Undelivered);
        let sent = outcome(Channel::Email, prepared(1, &[]), vec![(to(), Ok(taken()))]);
        assert_eq!(sent.status, Status::Sent);
        assert!(sent.taken_by.is_empty(), "no address is kept as a device");
    }
}
