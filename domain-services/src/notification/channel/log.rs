//! The way of a channel that is not set up: what would be sent is written to the log, and kept.

use super::{Deliver, Outgoing, Receipt, Refusal, Target};
use crate::notification::model::Channel;
use async_trait::async_trait;

/// Writes messages of a channel to the log.
#[derive(Debug, Clone, Copy)]
pub struct Log {
    channel: Channel,
    tells_unasked: bool,
}

impl Log {
    /// Every message at the level `info`.
    #[must_use]
    pub const fn new(channel: Channel) -> Self {
        Self {
            channel,
            tells_unasked: true,
        }
    }

    /// What no request caused at the level `debug`: the stories of the demo organisation, which would bury
    /// what its first start says.
    #[must_use]
    pub const fn of_requests(channel: Channel) -> Self {
        Self {
            channel,
            tells_unasked: false,
        }
    }
}

/// Says what would be sent; the level of a line is known to the compiler.
macro_rules! tell {
    ($level:ident, $channel:expr, $message:expr, $to:expr) => {
        tracing::$level!(
            id = %$message.id,
            channel = $channel.name(),
            to = $to.shown(),
            subject = $message.rendered.subject.as_deref().unwrap_or_default(),
            body = $message.rendered.body,
            "would be sent: this channel is not set up"
        )
    };
}

#[async_trait]
impl Deliver for Log {
    async fn deliver(&self, message: &Outgoing, to: &Target) -> Result<Receipt, Refusal> {
        if self.tells_unasked || message.traceparent.is_some() {
            tell!(info, self.channel, message, to);
        } else {
            tell!(debug, self.channel, message, to);
        }
        Ok(Receipt {
            provider_id: None,
            is_logged: true,
        })
    }
}
