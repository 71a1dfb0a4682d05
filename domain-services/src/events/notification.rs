//! What the notification service tells.

use crate::notification::{Channel, Status};
use crate::time::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A message to a person, and what became of it. It names no address and no text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationChanged {
    /// The notification.
    pub id: Uuid,
    /// How it is sent.
    pub channel: Channel,
    /// What it says.
    pub template: String,
    /// What has become of it.
    pub status: Status,
    /// Why, in a word.
    pub reason: Option<String>,
    /// To whom; none: to an address that another program gave.
    pub recipient_id: Option<Uuid>,
    /// The request it is about.
    pub request_id: Option<Uuid>,
    /// The event it tells of; none: another program asked for it.
    pub event_id: Option<Uuid>,
    /// When.
    #[schemars(with = "super::schemas::Instant")]
    pub at: Time,
}
