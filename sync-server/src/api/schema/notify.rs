//! Notifications.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// How a message reaches a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// To the person's phones.
    Push,
    /// E-mail.
    Email,
    /// SMS.
    Sms,
}

/// A text that the server makes, in the person's language.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageTemplate {
    /// A request waits for a decision. Data: `title`, `amount`, `owner`, `level`, `levels`.
    LevelOpened,
    /// It does not wait any more. Data: as before.
    LevelClosed,
    /// The request was withdrawn. Data: as before.
    Withdrawn,
    /// A level approves. Data: as before.
    LevelApproved,
    /// A level rejects. Data: as before.
    LevelRejected,
    /// A level's decision was taken back. Data: as before.
    RolledBack,
    /// Approved for good. Data: `title`, `amount`.
    Approved,
    /// Rejected for good. Data: `title`, `amount`.
    Rejected,
}

/// A push message. Either `recipientId` or `to`, either `template` or `text`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushMessage {
    /// A person: to all phones, in the person's language, outside of quiet hours.
    pub recipient_id: Option<Uuid>,
    /// A registration token.
    #[schema(min_length = 1, max_length = 1024, pattern = "^[!-~]+$")]
    pub to: Option<String>,
    /// A text that the server makes.
    pub template: Option<MessageTemplate>,
    /// A text as it is.
    #[schema(min_length = 1, max_length = 1000, pattern = "^[^\\u0000]*$")]
    pub text: Option<String>,
    /// What the template is filled with; `subject` is the title of a `text`.
    #[serde(default)]
    pub data: Map<String, Value>,
    /// The same key again is the same message.
    #[schema(min_length = 1, max_length = 255, pattern = "^[^\\u0000]*$")]
    pub idempotency_key: Option<String>,
}

/// An e-mail. Either `recipientId` or `to`, either `template` or `text`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmailMessage {
    /// A person.
    pub recipient_id: Option<Uuid>,
    /// An address.
    #[schema(max_length = 254, pattern = "^[^\\s\\u0000]+@[^\\s@\\u0000]+$")]
    pub to: Option<String>,
    /// A text that the server makes.
    pub template: Option<MessageTemplate>,
    /// A text as it is.
    #[schema(min_length = 1, max_length = 20000, pattern = "^[^\\u0000]*$")]
    pub text: Option<String>,
    /// What the template is filled with; `subject` is the subject of a `text`.
    #[serde(default)]
    pub data: Map<String, Value>,
    /// The same key again is the same message.
    #[schema(min_length = 1, max_length = 255, pattern = "^[^\\u0000]*$")]
    pub idempotency_key: Option<String>,
}

/// An SMS. Either `recipientId` or `to`, either `template` or `text`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SmsMessage {
    /// A person who has named a number.
    pub recipient_id: Option<Uuid>,
    /// A number (E.164).
    #[schema(pattern = "^\\+[1-9][0-9]{6,14}$")]
    pub to: Option<String>,
    /// A text that the server makes.
    pub template: Option<MessageTemplate>,
    /// A text as it is.
    #[schema(min_length = 1, max_length = 1600, pattern = "^[^\\u0000]*$")]
    pub text: Option<String>,
    /// What the template is filled with.
    #[serde(default)]
    pub data: Map<String, Value>,
    /// The same key again is the same message.
    #[schema(min_length = 1, max_length = 255, pattern = "^[^\\u0000]*$")]
    pub idempotency_key: Option<String>,
}

/// A message that was queued.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Queued {
    /// Its id, for its status.
    pub id: Uuid,
}

/// How a person wants to be told.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Preferences {
    /// By what of what; as usual where not given.
    #[serde(default)]
    pub channels: ChosenChannels,
    /// Where SMS go (E.164).
    #[schema(pattern = "^\\+[1-9][0-9]{6,14}$")]
    pub phone: Option<String>,
    /// An IANA time zone, as `Europe/Berlin`: where quiet hours are read off the wall. `UTC` where not given.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_+/-]+$")]
    pub time_zone: String,
    /// When push messages and SMS wait; e-mail does not.
    pub quiet_hours: Option<QuietHours>,
}

/// The channels that tell of each thing; none of them mutes it. Push and e-mail where not given.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChosenChannels {
    /// Requests that wait for my vote.
    #[serde(default)]
    pub waiting: Vec<Channel>,
    /// What a level decided about my requests.
    #[serde(default)]
    pub outcome: Vec<Channel>,
    /// That my requests are approved or rejected for good.
    #[serde(default)]
    pub r#final: Vec<Channel>,
}

/// From a time of the day to another one, across midnight where the second is earlier.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct QuietHours {
    /// `HH:MM`, inclusive.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub from: String,
    /// `HH:MM`, exclusive.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub to: String,
}

/// Where a phone takes push messages.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PushToken {
    /// The registration token that FCM gave the app.
    #[schema(min_length = 1, max_length = 4096, pattern = "^[^\\u0000]*$")]
    pub token: String,
    /// What the app runs on.
    pub platform: Platform,
}

/// What an app runs on.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// Android.
    Android,
    /// iOS.
    Ios,
    /// A browser.
    Web,
}

/// A message and what was tried.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotificationStatus {
    /// Its id.
    pub id: Uuid,
    /// How it is sent.
    pub channel: Channel,
    /// What has become of it.
    pub status: MessageStatus,
    /// What was tried, and what the provider told later; oldest first.
    pub attempts: Vec<MessageAttempt>,
}

/// What has become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MessageStatus {
    /// Waits to be sent, for the first time or again.
    Queued,
    /// The provider has it.
    Sent,
    /// It reached the person's device.
    Delivered,
    /// The address does not exist.
    Bounced,
    /// The provider could not deliver it.
    Undelivered,
    /// It was no longer true before it was sent.
    Cancelled,
    /// It cannot be sent; an operator can have it tried again.
    Failed,
}

/// Something that was tried.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageAttempt {
    /// When.
    pub at: DateTime<Utc>,
    /// `sent`, `retry`, `delivered`, `bounced`, `undelivered`, `failed`, `cancelled`, `replayed`.
    pub outcome: String,
    /// Why, for people.
    pub detail: Option<String>,
}

/// What Twilio tells, as far as it is read.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TwilioStatus {
    /// Twilio's name for the message.
    #[serde(rename = "MessageSid")]
    pub message_sid: String,
    /// `delivered`, `undelivered`, `failed`, and states on the way.
    #[serde(rename = "MessageStatus")]
    pub message_status: String,
    /// Why it could not be delivered.
    #[serde(rename = "ErrorCode")]
    pub error_code: Option<String>,
}
