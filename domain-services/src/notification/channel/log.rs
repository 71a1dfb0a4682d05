//! The way of a channel that is not set up: what would be sent is written to the log, and kept.

use super::{Deliver, Outgoing, Receipt, Refusal, Target};
use crate::notification::model::Channel;
use async_trait::async_trait;

/// Writes messages of a channel to the log.
#[derive(Debug, Clone, Copy)]
pub struct Log(pub Channel);

#[async_trait]
impl Deliver for Log {
    async fn deliver(&self, message: &Outgoing, to: &Target) -> Result<Receipt, Refusal> {
        tracing::info!(
            id = %message.id,
            channel = self.0.name(),
            to = to.shown(),
            subject = message.rendered.subject.as_deref().unwrap_or_default(),
            body = message.rendered.body,
            "would be sent: this channel is not set up"
        );
        Ok(Receipt {
            provider_id: None,
            is_logged: true,
        })
    }
}
