//! What a notification is made of.

use crate::invalid::Invalid;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use uuid::Uuid;

/// How a message reaches a person.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// To the person's phones, by FCM.
    Push,
    /// By SMTP.
    Email,
    /// By Twilio.
    Sms,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 3] = [Self::Push, Self::Email, Self::Sms];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }

    /// Whether it makes a sound at night.
    #[must_use]
    pub(super) const fn disturbs(self) -> bool {
        matches!(self, Self::Push | Self::Sms)
    }

    pub(super) const fn index(self) -> usize {
        match self {
            Self::Push => 0,
            Self::Email => 1,
            Self::Sms => 2,
        }
    }
}

impl FromStr for Channel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|channel| channel.name() == text)
            .ok_or_else(|| format!("`{text}` is no channel: push, email, sms"))
    }
}

/// What has become of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Waits to be sent, for the first time or again.
    Queued,
    /// The provider has taken it.
    Sent,
    /// It has reached the person's device.
    Delivered,
    /// The address does not exist, or its server refuses it.
    Bounced,
    /// The provider could not deliver it.
    Undelivered,
    /// It was no longer true when it was to be sent, or an operator gave it up.
    Cancelled,
    /// It cannot be sent. It can be replayed.
    Failed,
}

impl Status {
    const ALL: [Self; 7] = [
        Self::Queued,
        Self::Sent,
        Self::Delivered,
        Self::Bounced,
        Self::Undelivered,
        Self::Cancelled,
        Self::Failed,
    ];

    /// Its name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Bounced => "bounced",
            Self::Undelivered => "undelivered",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Whether an operator may have it sent again.
    #[must_use]
    pub const fn is_dead(self) -> bool {
        matches!(self, Self::Bounced | Self::Undelivered | Self::Failed)
    }
}

impl FromStr for Status {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|status| status.name() == text)
            .ok_or_else(|| format!("`{text}` is no status of a notification"))
    }
}

/// What a message says; each has a text a language and channel in `templates`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Template {
    /// To approvers: a request waits for your vote.
    LevelOpened,
    /// To approvers who were told: it does not wait any more, the level below was taken back.
    LevelClosed,
    /// To approvers who were told: the request was withdrawn.
    Withdrawn,
    /// To the owner: a level approves.
    LevelApproved,
    /// To the owner: a level rejects.
    LevelRejected,
    /// To the owner who was told: what a level decided was taken back.
    RolledBack,
    /// To the owner: approved, for good.
    Approved,
    /// To the owner: rejected, for good.
    Rejected,
    /// A text of another program.
    Message,
}

impl Template {
    /// Every template.
    pub const ALL: [Self; 9] = [
        Self::LevelOpened,
        Self::LevelClosed,
        Self::Withdrawn,
        Self::LevelApproved,
        Self::LevelRejected,
        Self::RolledBack,
        Self::Approved,
        Self::Rejected,
        Self::Message,
    ];

    /// Its name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LevelOpened => "level_opened",
            Self::LevelClosed => "level_closed",
            Self::Withdrawn => "withdrawn",
            Self::LevelApproved => "level_approved",
            Self::LevelRejected => "level_rejected",
            Self::RolledBack => "rolled_back",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Message => "message",
        }
    }

    /// The template of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|template| template.name() == name)
    }
}

/// A message for other people's ears only as long as it stands: what was rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The title of a push message, the subject of an e-mail; none in an SMS.
    pub subject: Option<String>,
    /// The text.
    pub body: String,
}

/// A notification and its attempts, as its sender may read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Its id.
    pub id: Uuid,
    /// How it is sent.
    pub channel: Channel,
    /// What has become of it.
    pub status: Status,
    /// What was tried, oldest first.
    pub attempts: Vec<Attempt>,
}

/// Something that was tried, or that the provider told later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// When.
    pub at: Time,
    /// `sent`, `retry`, `delivered`, `bounced`, `undelivered`, `failed`, `cancelled`, `replayed`.
    pub outcome: String,
    /// Why, for people. It names no address.
    pub detail: Option<String>,
}

/// Why a use case did not come about.
#[derive(Debug, thiserror::Error)]
pub enum NotificationError {
    /// There is no such notification.
    #[error("there is no such notification")]
    NotFound,
    /// The idempotency key was used for another message.
    #[error("the idempotency key was used for another message")]
    KeyReused,
    /// The session of the phone has ended.
    #[error("the session has ended")]
    SessionEnded,
    /// Members of the input are wrong.
    #[error("the input is not valid")]
    Invalid(Vec<Invalid>),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] crate::db::DbError),
}

impl From<Vec<Invalid>> for NotificationError {
    fn from(problems: Vec<Invalid>) -> Self {
        Self::Invalid(problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_serde_and_can_be_read_again() {
        for channel in Channel::ALL {
            assert_eq!(serde_json::to_value(channel).unwrap(), channel.name());
            assert_eq!(channel.name().parse(), Ok(channel));
        }
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
            assert_eq!(status.name().parse(), Ok(status));
        }
        for template in Template::ALL {
            assert_eq!(Template::find(template.name()), Some(template));
        }
        assert_eq!(Template::find("nothing"), None);
    }
}
