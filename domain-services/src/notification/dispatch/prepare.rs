//! What is to become of a row that was taken, from the facts about it. Pure.

use super::super::channel::{Outgoing, Target};
use super::super::model::{Channel, Status, Template};
use super::super::preferences::Preferences;
use super::super::rules::{IN_FLIGHT, Original, Verdict, still_true};
use super::super::store::{Change, Facts, PutBack, Row};
use super::super::templates::{self, Amount, TemplateError};

/// Between two looks at whether something has arrived that a message needs: a quarter of its age, within these.
/// Events are milliseconds behind, or the broker is away, or what is waited for does not exist.
const WAIT_US: (i64, i64) = (1_000_000, 60_000_000);
/// How long it is waited for.
const WAIT_MAX_US: i64 = 24 * 3_600 * 1_000_000;
/// Phones of one person that are told.
const DEVICES_MAX: usize = 20;

/// A message and where it goes.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) message: Outgoing,
    pub(super) targets: Vec<Target>,
    pub(super) lease_us: i64,
    pub(super) tries: i32,
    pub(super) taken_by: Vec<String>,
}

/// What is to be done with a row.
#[derive(Debug)]
pub(super) enum Step {
    Send(Box<Prepared>),
    PutBack(PutBack),
    Settle(Box<Change>),
}

pub(super) fn prepare(channel: Channel, row: Row, facts: &Facts, now_us: i64) -> Step {
    match judge(channel, &row, facts, now_us) {
        Ok((message, targets)) => Step::Send(Box::new(Prepared {
            message,
            targets,
            lease_us: row.lease_us,
            tries: row.attempts,
            taken_by: row.taken_by,
        })),
        Err(No::Wait(reason)) if now_us < row.created_us + WAIT_MAX_US => Step::PutBack(PutBack {
            id: row.id,
            due_us: now_us + wait_us(reason, now_us - row.created_us),
            reason,
        }),
        Err(No::Quiet(until_us)) => Step::PutBack(PutBack {
            id: row.id,
            due_us: until_us,
            reason: "quiet_hours",
        }),
        Err(No::Cancel(reason)) => settle(row, Status::Cancelled, "cancelled", reason, None),
        Err(No::Wait(reason)) => settle(row, Status::Failed, "failed", reason, None),
        Err(No::Fail(reason, detail)) => settle(row, Status::Failed, "failed", reason, detail),
        Err(No::HasIt) => settle(row, Status::Sent, "sent", "all_devices", None),
    }
}

/// Until the next look at a row of this age. What another node is sending is known within its lease.
fn wait_us(reason: &str, age_us: i64) -> i64 {
    match reason {
        IN_FLIGHT => WAIT_US.0,
        _ => (age_us / 4).clamp(WAIT_US.0, WAIT_US.1),
    }
}

/// Why a row is not sent now.
enum No {
    /// Something it needs has not arrived yet.
    Wait(&'static str),
    /// The person sleeps.
    Quiet(i64),
    /// It is not true any more.
    Cancel(&'static str),
    /// It cannot be sent, and somebody must look.
    Fail(&'static str, Option<String>),
    /// All the person's devices have it.
    HasIt,
}

fn judge(
    channel: Channel,
    row: &Row,
    facts: &Facts,
    now_us: i64,
) -> Result<(Outgoing, Vec<Target>), No> {
    let person = match row.recipient_id {
        Some(id) => Some(facts.people.get(&id).ok_or(No::Wait("recipient_unknown"))?),
        None => None,
    };
    if person.is_some_and(|person| !person.active) {
        return Err(No::Cancel("recipient_left"));
    }
    let usual = Preferences::default();
    let preferences = row
        .recipient_id
        .and_then(|id| facts.preferences.get(&id))
        .unwrap_or(&usual);
    let mut data = row.data.clone();
    let mut amount = None;
    if row.event_id.is_some() {
        let known = Template::find(&row.template)
            .ok_or_else(|| No::Fail("unknown_template", Some(row.template.clone())))?;
        check(known, row, facts, now_us)?;
        if known == Template::LevelOpened && person.is_some_and(|person| !person.approves) {
            return Err(No::Cancel("no_approver"));
        }
        let request = row.request_id.and_then(|id| facts.requests.get(&id));
        let request = request.ok_or(No::Wait("request_unknown"))?;
        if known == Template::LevelOpened && request.withdrawn {
            return Err(No::Cancel("withdrawn"));
        }
        let owner = facts.people.get(&request.owner_id);
        let owner = owner.ok_or(No::Wait("owner_unknown"))?;
        data.insert("title".to_owned(), request.title.clone().into());
        data.insert("owner".to_owned(), owner.name.clone().into());
        data.insert("levels".to_owned(), request.levels.into());
        amount = Some(Amount {
            minor: request.amount_minor,
            currency: &request.currency,
        });
    }
    if let Some(until_us) = preferences.quiet_until_us(channel, now_us)
        && row.recipient_id.is_some()
    {
        return Err(No::Quiet(until_us));
    }
    let name = person.map_or("", |person| &person.name);
    data.entry("name").or_insert_with(|| name.into());
    let language = person.and_then(|person| person.locale.as_deref());
    let rendered = templates::render(&row.template, channel, language, data, amount.as_ref())
        .map_err(|error| match error {
            TemplateError::Unknown(_) => No::Fail("unknown_template", Some(error.to_string())),
            TemplateError::Broken(_) => No::Fail("broken_template", Some(error.to_string())),
        })?;
    let targets = targets(channel, row, facts, preferences)?;
    let message = Outgoing {
        id: row.id,
        request_id: row.request_id,
        template: row.template.clone(),
        rendered,
        traceparent: row.traceparent.clone(),
    };
    Ok((message, targets))
}

/// Whether it is still true.
fn check(template: Template, row: &Row, facts: &Facts, now_us: i64) -> Result<(), No> {
    let original = match row.follows.map(|id| facts.originals.get(&id)) {
        None => None,
        Some(None) => return Err(No::Cancel("never_told")),
        Some(Some(original)) => Some(Original {
            template: Template::find(&original.template).unwrap_or(Template::Message),
            state: original.state,
            in_flight: original.lease_us.is_some_and(|lease_us| now_us < lease_us),
        }),
    };
    let level = row.about_id.and_then(|id| facts.levels.get(&id));
    let recipient = row.recipient_id.unwrap_or_default();
    match still_true(template, recipient, level, original) {
        Verdict::Send => Ok(()),
        Verdict::Cancel(reason) => Err(No::Cancel(reason)),
        Verdict::Wait(reason) => Err(No::Wait(reason)),
    }
}

fn targets(
    channel: Channel,
    row: &Row,
    facts: &Facts,
    preferences: &Preferences,
) -> Result<Vec<Target>, No> {
    if let Some(address) = &row.address {
        return Ok(vec![Target::address(address.clone())]);
    }
    let recipient = row.recipient_id.unwrap_or_default();
    match channel {
        Channel::Email => {
            let person = facts.people.get(&recipient);
            let person = person.ok_or(No::Wait("recipient_unknown"))?;
            Ok(vec![Target::address(person.email.clone())])
        }
        Channel::Sms => match &preferences.phone {
            Some(phone) => Ok(vec![Target::address(phone.clone())]),
            None => Err(No::Fail(
                "no_address",
                Some("the person has named no phone number".to_owned()),
            )),
        },
        Channel::Push => {
            let phones: Vec<_> = facts
                .tokens
                .iter()
                .filter(|token| token.person_id == recipient)
                .take(DEVICES_MAX)
                .collect();
            let targets: Vec<Target> = phones
                .iter()
                .filter(|token| !row.taken_by.contains(&token.device_id))
                .map(|token| Target::device(token.device_id.clone(), token.token.clone()))
                .collect();
            match (targets.is_empty(), row.taken_by.is_empty()) {
                (false, _) => Ok(targets),
                (true, false) => Err(No::HasIt),
                (true, true) => Err(No::Fail(
                    "no_address",
                    Some("no phone of the person takes push messages".to_owned()),
                )),
            }
        }
    }
}

fn settle(
    row: Row,
    status: Status,
    outcome: &'static str,
    reason: &'static str,
    detail: Option<String>,
) -> Step {
    Step::Settle(Box::new(Change {
        id: row.id,
        status,
        reason: Some(reason.to_owned()),
        outcome,
        detail: Some(detail.unwrap_or_else(|| reason.to_owned())),
        due_us: None,
        provider_id: None,
        may_have_left: !row.taken_by.is_empty(),
        taken_by: row.taken_by,
    }))
}
