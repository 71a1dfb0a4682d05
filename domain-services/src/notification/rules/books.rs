//! From events to messages: the books of what is known, to which events are applied in order.

use super::super::model::{Channel, Template};
use super::super::preferences::Preferences;
use super::facts::{Happening, Level, Phase, Told, ToldState};
use crate::events::{LevelChanged, LevelClosed, Outcome};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// The event that a message is about.
#[derive(Debug, Clone, Default)]
pub(in crate::notification) struct Cause {
    pub(in crate::notification) event_id: Uuid,
    /// Who caused it; they need not be told of what they did.
    pub(in crate::notification) actor: Option<Uuid>,
    pub(in crate::notification) traceparent: Option<String>,
}

/// A notification about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::notification) struct New {
    pub(in crate::notification) id: Uuid,
    pub(in crate::notification) event_id: Uuid,
    pub(in crate::notification) about_id: Uuid,
    pub(in crate::notification) request_id: Uuid,
    pub(in crate::notification) recipient_id: Uuid,
    pub(in crate::notification) channel: Channel,
    pub(in crate::notification) template: Template,
    /// The level, where it is about one.
    pub(in crate::notification) level: Option<u8>,
    pub(in crate::notification) follows: Option<Uuid>,
    /// Why it is cancelled before it was ever sent: a later event of the same delivery.
    pub(in crate::notification) cancelled: Option<&'static str>,
    pub(in crate::notification) traceparent: Option<String>,
}

/// What is known of the approvals that events are about, and what the events make of it.
#[derive(Debug, Default)]
pub(in crate::notification) struct Books {
    /// By approval.
    pub(in crate::notification) levels: HashMap<Uuid, Level>,
    /// By approval or request, in the order they were written.
    pub(in crate::notification) told: HashMap<Uuid, Vec<Told>>,
    /// By person; who is not in it has the defaults.
    pub(in crate::notification) preferences: HashMap<Uuid, Preferences>,
    /// People with at least one phone that takes push messages.
    pub(in crate::notification) with_device: BTreeSet<Uuid>,
    /// Levels that changed.
    pub(in crate::notification) changed: BTreeSet<Uuid>,
    /// Notifications to be written, in order.
    pub(in crate::notification) new: Vec<New>,
    /// Notifications in the database that are no longer true, and why.
    pub(in crate::notification) cancelled: BTreeMap<Uuid, &'static str>,
}

/// What a message is about.
#[derive(Clone, Copy)]
struct About {
    id: Uuid,
    request_id: Uuid,
    level: Option<u8>,
}

impl From<&LevelChanged> for About {
    fn from(level: &LevelChanged) -> Self {
        Self {
            id: level.approval_id,
            request_id: level.request_id,
            level: Some(level.level),
        }
    }
}

/// The id of what an event tells somebody on a channel: the same however often the event comes.
pub(super) fn notification_id(event_id: Uuid, recipient_id: Uuid, channel: Channel) -> Uuid {
    let name = format!("{recipient_id}/{}", channel.name());
    Uuid::new_v5(&event_id, name.as_bytes())
}

impl Books {
    /// Applies an event.
    pub(in crate::notification) fn take(&mut self, cause: &Cause, happening: &Happening) {
        match happening {
            Happening::Opened(opened) => {
                let level = Level {
                    approver_ids: opened.approver_ids.clone(),
                    ..Level::of(&opened.level)
                };
                self.changed.insert(level.approval_id);
                self.levels.insert(level.approval_id, level);
                for approver in &opened.approver_ids {
                    let about = About::from(&opened.level);
                    self.tell(cause, *approver, Template::LevelOpened, about);
                }
            }
            Happening::Decided(about, outcome) => {
                self.level(about).outcome = Some(*outcome);
                let template = match outcome {
                    Outcome::Approved => Template::LevelApproved,
                    Outcome::Rejected => Template::LevelRejected,
                };
                self.tell(cause, about.owner_id, template, about.into());
            }
            Happening::Reopened(about) => self.reopened(cause, about),
            Happening::Closed(closed) => self.closed(cause, closed),
            Happening::Cast(cast) => {
                let level = self.level(&cast.level);
                match cast.vote {
                    Some(vote) => level.votes.insert(cast.approver_id, vote.into()),
                    None => level.votes.remove(&cast.approver_id),
                };
            }
            Happening::Sealed(sealed) => self.level(&sealed.level).sealed = true,
            Happening::Finalized(finalized) => {
                let template = match finalized.outcome {
                    Outcome::Approved => Template::Approved,
                    Outcome::Rejected => Template::Rejected,
                };
                let about = About {
                    id: finalized.id,
                    request_id: finalized.id,
                    level: None,
                };
                self.tell(cause, finalized.owner_id, template, about);
            }
        }
    }

    /// The level, which has changed.
    fn level(&mut self, about: &LevelChanged) -> &mut Level {
        self.changed.insert(about.approval_id);
        self.levels
            .entry(about.approval_id)
            .or_insert_with(|| Level::of(about))
    }

    fn reopened(&mut self, cause: &Cause, about: &LevelChanged) {
        let level = self.level(about);
        level.outcome = None;
        let undecided: Vec<Uuid> = level
            .approver_ids
            .iter()
            .filter(|approver| !level.votes.contains_key(*approver))
            .filter(|approver| cause.actor != Some(**approver))
            .copied()
            .collect();
        let decisions = [Template::LevelApproved, Template::LevelRejected];
        self.take_back(
            cause,
            about.into(),
            &decisions,
            Template::RolledBack,
            "rolled_back",
        );
        // Those whose message was cancelled because others had decided have heard of nothing yet.
        for approver in undecided {
            if !self.knows_it_is_open(about.approval_id, approver) {
                self.tell(cause, approver, Template::LevelOpened, about.into());
            }
        }
    }

    fn closed(&mut self, cause: &Cause, closed: &LevelClosed) {
        let (phase, template, reason) = match closed.reason.as_str() {
            "withdrawn" => (Phase::Withdrawn, Template::Withdrawn, "withdrawn"),
            _ => (Phase::BasisChanged, Template::LevelClosed, "basis_changed"),
        };
        self.level(&closed.level).phase = phase;
        let about = About::from(&closed.level);
        self.take_back(cause, about, &[Template::LevelOpened], template, reason);
    }

    /// Tells a person, on each channel chosen.
    fn tell(&mut self, cause: &Cause, recipient: Uuid, template: Template, about: About) {
        let has_device = self.with_device.contains(&recipient);
        let ways = match self.preferences.get(&recipient) {
            Some(preferences) => preferences.ways(template, has_device),
            None => Preferences::default().ways(template, has_device),
        };
        for channel in ways {
            self.write(cause, recipient, channel, template, about, None);
        }
    }

    /// Cancels what waits of these templates, and takes back the last that has gone out to each person,
    /// on the channel it went by.
    fn take_back(
        &mut self,
        cause: &Cause,
        about: About,
        templates: &[Template],
        by: Template,
        reason: &'static str,
    ) {
        let mut last_gone = BTreeMap::new();
        for told in self.of(about.id, templates) {
            match told.state {
                ToldState::Waiting => self.cancel(about.id, told.id, reason),
                ToldState::Leaving | ToldState::Gone => {
                    last_gone.insert((told.recipient_id, told.channel), told.id);
                }
                ToldState::Never => {}
            }
        }
        for ((recipient, channel), id) in last_gone {
            if !self.is_taken_back(about.id, id) {
                self.write(cause, recipient, channel, by, about, Some(id));
            }
        }
    }

    /// The messages of these templates, in order.
    fn of(&self, about_id: Uuid, templates: &[Template]) -> Vec<Told> {
        let told = self.told.get(&about_id).into_iter().flatten();
        told.filter(|told| templates.contains(&told.template))
            .cloned()
            .collect()
    }

    /// Whether the last that this approver heard, or is about to hear, is that the level is open.
    fn knows_it_is_open(&self, about_id: Uuid, approver: Uuid) -> bool {
        let opened = self.of(about_id, &[Template::LevelOpened]);
        let mut to_approver = opened.iter().filter(|told| told.recipient_id == approver);
        to_approver.any(|told| {
            told.state == ToldState::Waiting
                || (told.state != ToldState::Never && !self.is_taken_back(about_id, told.id))
        })
    }

    fn is_taken_back(&self, about_id: Uuid, id: Uuid) -> bool {
        let mut told = self.told.get(&about_id).into_iter().flatten();
        told.any(|told| told.follows == Some(id) && told.state != ToldState::Never)
    }

    fn cancel(&mut self, about_id: Uuid, id: Uuid, reason: &'static str) {
        for told in self.told.entry(about_id).or_default() {
            if told.id == id {
                told.state = ToldState::Never;
            }
        }
        match self.new.iter_mut().find(|new| new.id == id) {
            Some(new) => new.cancelled = Some(reason),
            None => {
                self.cancelled.insert(id, reason);
            }
        }
    }

    fn write(
        &mut self,
        cause: &Cause,
        recipient_id: Uuid,
        channel: Channel,
        template: Template,
        about: About,
        follows: Option<Uuid>,
    ) {
        let id = notification_id(cause.event_id, recipient_id, channel);
        let told = self.told.entry(about.id).or_default();
        if told.iter().any(|told| told.id == id) {
            return;
        }
        told.push(Told {
            id,
            recipient_id,
            channel,
            template,
            follows,
            state: ToldState::Waiting,
        });
        self.new.push(New {
            id,
            event_id: cause.event_id,
            about_id: about.id,
            request_id: about.request_id,
            recipient_id,
            channel,
            template,
            level: about.level,
            follows,
            cancelled: None,
            traceparent: cause.traceparent.clone(),
        });
    }
}
