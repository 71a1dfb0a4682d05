//! How a person wants to be told.

use super::model::{Channel, Template};
use super::quiet_hours::QuietHours;
use crate::invalid::{Invalid, none_of};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// A person's own choice. Absent members are the program's defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Preferences {
    /// Which channels tell of what.
    pub channels: Choice,
    /// Where SMS go: E.164, `+4915112345678`.
    pub phone: Option<String>,
    /// An IANA name, `Europe/Berlin`: where quiet hours are read off the wall.
    pub time_zone: String,
    /// When push messages and SMS wait; e-mail does not.
    pub quiet_hours: Option<QuietHours>,
}

/// Channels by what there is to tell; none at all mutes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Choice {
    /// Requests that wait for my vote.
    pub waiting: Vec<Channel>,
    /// What a level decided about my requests.
    pub outcome: Vec<Channel>,
    /// That my requests are approved or rejected for good.
    pub r#final: Vec<Channel>,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            channels: Choice::default(),
            phone: None,
            time_zone: "UTC".to_owned(),
            quiet_hours: None,
        }
    }
}

impl Default for Choice {
    fn default() -> Self {
        let usual = || vec![Channel::Push, Channel::Email];
        Self {
            waiting: usual(),
            outcome: usual(),
            r#final: usual(),
        }
    }
}

impl Preferences {
    /// What is wrong with them, place by place.
    pub(super) fn check(&self) -> Result<(), Vec<Invalid>> {
        let mut problems = Vec::new();
        if self.phone.as_deref().is_some_and(|phone| !is_phone(phone)) {
            let detail = "must be a number such as `+4915112345678` (E.164)";
            problems.push(Invalid::new("/phone", detail));
        }
        if self.time_zone.parse::<Tz>().is_err() {
            let detail = "must be a time zone such as `Europe/Berlin` (IANA)";
            problems.push(Invalid::new("/timeZone", detail));
        }
        let wrong = |quiet: &QuietHours| quiet.times().is_none();
        if self.quiet_hours.as_ref().is_some_and(wrong) {
            let detail = "must be two different times such as `22:00` and `07:00`";
            problems.push(Invalid::new("/quietHours", detail));
        }
        let chosen = &self.channels;
        for (pointer, channels) in [
            ("/channels/waiting", &chosen.waiting),
            ("/channels/outcome", &chosen.outcome),
            ("/channels/final", &chosen.r#final),
        ] {
            if (1..channels.len()).any(|n| channels[n..].contains(&channels[n - 1])) {
                problems.push(Invalid::new(pointer, "names a channel twice"));
            }
        }
        none_of(problems)
    }

    /// The channels by which this person hears of it. What takes back another message goes the way
    /// that one went, and asks nobody.
    fn chosen(&self, template: Template) -> &[Channel] {
        match template {
            Template::LevelOpened => &self.channels.waiting,
            Template::LevelApproved | Template::LevelRejected => &self.channels.outcome,
            Template::Approved | Template::Rejected => &self.channels.r#final,
            Template::LevelClosed
            | Template::Withdrawn
            | Template::RolledBack
            | Template::Message => &[],
        }
    }

    /// The channels of one message: those chosen that lead somewhere. If none does, the first of them
    /// all the same: a message that reaches nobody must not vanish, its row says why.
    pub(super) fn ways(&self, template: Template, has_device: bool) -> Vec<Channel> {
        let chosen = self.chosen(template);
        let leads = |channel: &Channel| match channel {
            Channel::Push => has_device,
            Channel::Email => true,
            Channel::Sms => self.phone.is_some(),
        };
        let ways: Vec<Channel> = chosen.iter().copied().filter(leads).collect();
        if ways.is_empty() {
            return chosen.first().copied().into_iter().collect();
        }
        ways
    }

    /// Until when a message on this channel waits, if it is quiet.
    pub(super) fn quiet_until_us(&self, channel: Channel, now_us: i64) -> Option<i64> {
        if !channel.disturbs() {
            return None;
        }
        let zone = self.time_zone.parse().unwrap_or(Tz::UTC);
        self.quiet_hours.as_ref()?.until_us(zone, now_us)
    }
}

/// E.164: a plus, then 7 to 15 digits of which the first is not 0.
pub(super) fn is_phone(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: serde_json::Value) -> Preferences {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_absent_is_as_usual() {
        assert_eq!(read(json!({})), Preferences::default());
        let some = read(json!({"channels": {"waiting": []}}));
        assert!(some.channels.waiting.is_empty());
        assert_eq!(some.channels.outcome, [Channel::Push, Channel::Email]);
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let wrong = read(json!({
            "phone": "0151", "timeZone": "Berlin", "quietHours": {"from": "22", "to": "7"},
            "channels": {"final": ["email", "push", "email"]},
        }));
        let pointers: Vec<_> = wrong.check().unwrap_err();
        let pointers: Vec<_> = pointers.iter().map(|wrong| &*wrong.pointer).collect();
        assert_eq!(
            pointers,
            ["/phone", "/timeZone", "/quietHours", "/channels/final"]
        );
        assert!(Preferences::default().check().is_ok());
    }

    #[test]
    fn a_message_takes_the_ways_that_lead_somewhere() {
        let usual = Preferences::default();
        assert_eq!(usual.ways(Template::LevelOpened, false), [Channel::Email]);
        assert_eq!(
            usual.ways(Template::LevelOpened, true),
            [Channel::Push, Channel::Email]
        );
        let muted = read(json!({"channels": {"waiting": []}}));
        assert!(muted.ways(Template::LevelOpened, true).is_empty());
        let nowhere = read(json!({"channels": {"waiting": ["sms", "push"]}}));
        assert_eq!(nowhere.ways(Template::LevelOpened, false), [Channel::Sms]);
        let phone =
            read(json!({"channels": {"waiting": ["sms", "push"]}, "phone": "+4915112345678"}));
        assert_eq!(phone.ways(Template::LevelOpened, false), [Channel::Sms]);
    }

    #[test]
    fn mail_wakes_nobody() {
        let quiet = read(json!({"quietHours": {"from": "00:00", "to": "12:00"}}));
        let now_us = 3_600_000_000;
        assert!(quiet.quiet_until_us(Channel::Push, now_us).is_some());
        assert!(quiet.quiet_until_us(Channel::Sms, now_us).is_some());
        assert_eq!(quiet.quiet_until_us(Channel::Email, now_us), None);
    }
}
