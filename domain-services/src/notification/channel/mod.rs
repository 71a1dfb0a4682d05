//! The ways to a person, behind one trait.

mod email;
mod fcm;
mod log;
mod sms;

pub use email::{Email, SmtpSettings, check_sender, check_smtp_url};
pub use fcm::{Fcm, FcmSettings};
pub use log::Log;
pub use sms::{CallbackError, Sms, StatusCallback, TwilioSettings};

use super::model::{Channel, Rendered};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// A message that is ready to go out.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The notification. It goes along, so that copies fall together.
    pub id: Uuid,
    /// The request it is about.
    pub request_id: Option<Uuid>,
    /// What it says.
    pub template: String,
    /// Its text.
    pub rendered: Rendered,
    /// The trace of the request that caused it.
    pub traceparent: Option<String>,
}

/// Where a message goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// A registration token, an e-mail address or a number. Never logged but by the log channel.
    pub address: String,
    device: Option<String>,
}

impl Target {
    /// An address.
    #[must_use]
    pub fn address(address: String) -> Self {
        Self {
            address,
            device: None,
        }
    }

    /// A phone of a person.
    #[must_use]
    pub fn device(device: String, token: String) -> Self {
        Self {
            address: token,
            device: Some(device),
        }
    }

    /// What tells this target from a person's others.
    pub(super) fn key(&self) -> &str {
        self.device.as_deref().unwrap_or_default()
    }

    /// What the log channel shows: a token means nothing to a reader, its device does.
    pub(super) fn shown(&self) -> &str {
        self.device.as_deref().unwrap_or(&self.address)
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

/// The provider took it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// The provider's name for it.
    pub provider_id: Option<String>,
    /// It went to the log instead.
    pub is_logged: bool,
}

/// Why a provider did not take a message. No text in it names an address or a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not now.
    #[error("{detail}")]
    Later {
        /// What it said.
        detail: String,
        /// How long it asks to be left alone.
        after: Option<Duration>,
        /// Whether others would fare no better: the provider, or the way to it, is at fault.
        provider_is_down: bool,
        /// Whether only its answer may be missing: then the person may have been told.
        may_have_arrived: bool,
    },
    /// A mail server refuses the address.
    #[error("{0}")]
    Bounced(String),
    /// The number cannot be reached, or does not want to be.
    #[error("{0}")]
    Undelivered(String),
    /// The token is no longer registered.
    #[error("{0}")]
    Gone(String),
    /// The message itself cannot be sent.
    #[error("{0}")]
    Failed(String),
}

impl Refusal {
    /// Not now, and others would fare no better.
    pub(super) fn down(detail: impl Into<String>) -> Self {
        Self::Later {
            detail: detail.into(),
            after: None,
            provider_is_down: true,
            may_have_arrived: false,
        }
    }

    /// The answer did not come, or not whole.
    pub(super) fn unanswered(detail: impl Into<String>) -> Self {
        Self::Later {
            detail: detail.into(),
            after: None,
            provider_is_down: true,
            may_have_arrived: true,
        }
    }
}

/// A way to people. It is asked at least once for a message, and in parallel.
#[async_trait]
pub trait Deliver: Send + Sync {
    /// Hands a message to the provider. Returns within half a minute, or is taken to have failed.
    async fn deliver(&self, message: &Outgoing, to: &Target) -> Result<Receipt, Refusal>;
}

/// The way of each channel.
#[derive(Clone)]
pub struct Channels {
    /// Push messages.
    pub push: Arc<dyn Deliver>,
    /// E-mail.
    pub email: Arc<dyn Deliver>,
    /// SMS.
    pub sms: Arc<dyn Deliver>,
}

impl Channels {
    pub(super) fn of(&self, channel: Channel) -> &dyn Deliver {
        match channel {
            Channel::Push => self.push.as_ref(),
            Channel::Email => self.email.as_ref(),
            Channel::Sms => self.sms.as_ref(),
        }
    }
}

impl Channels {
    /// All to the log.
    #[must_use]
    pub fn logged(log: fn(Channel) -> Log) -> Self {
        let of = |channel| Arc::new(log(channel));
        Self {
            push: of(Channel::Push),
            email: of(Channel::Email),
            sms: of(Channel::Sms),
        }
    }
}

impl Default for Channels {
    /// All to the log.
    fn default() -> Self {
        Self::logged(Log::new)
    }
}

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Channels")
    }
}

/// How long connecting to a provider may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// A client for the providers' HTTP interfaces.
fn http_client() -> Result<reqwest::Client, String> {
    // The provider of TLS may have been installed already, by main or by a test.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(CONNECT_MAX)
        .timeout(ANSWER_MAX)
        // A provider that redirects would be sent credentials somewhere else.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| format!("no HTTP client can be made: {error}"))
}

/// What it means that a request to a provider failed: unless there was no connection, it may have been heard.
fn failed(error: reqwest::Error) -> Refusal {
    if error.is_connect() || error.is_builder() {
        Refusal::down(said(error))
    } else {
        Refusal::unanswered(said(error))
    }
}

/// What reqwest says, without the address: that holds an account's name.
fn said(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// `Retry-After` in seconds; its other form, a date, is not used by these providers.
fn retry_after(headers: &reqwest::header::HeaderMap) -> Option<Duration> {
    let value = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}
