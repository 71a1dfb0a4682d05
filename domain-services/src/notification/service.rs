//! The notification service's front: what handlers call.

use super::model::{Channel, NotificationError, Report, Status};
use super::preferences::Preferences;
use super::store::{self, NewToken, ToldLater};
use crate::db::Db;
use crate::identity::Identity;
use crate::invalid::{Invalid, check_text, none_of};
use crate::outbox::Wake;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::watch;
use uuid::Uuid;

/// Characters of a device's name, as at login.
const DEVICE_ID_CHARACTERS_MAX: usize = 128;
/// Characters of a push token; FCM's have some 160, and may grow.
const TOKEN_CHARACTERS_MAX: usize = 4_096;

/// Notifications. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NotificationService {
    pub(super) db: Db,
    /// Rings the relay of its outbox.
    pub(super) wake: Wake,
    /// Goes up when something was queued.
    queued: Arc<watch::Sender<u64>>,
}

/// Where a phone takes push messages.
#[derive(Clone, Deserialize)]
pub struct NewPushToken {
    /// The registration token that FCM gave the app.
    pub token: String,
    /// `android`, `ios` or `web`.
    pub platform: String,
}

/// Never shows the token.
impl std::fmt::Debug for NewPushToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewPushToken")
            .field("platform", &self.platform)
            .finish_non_exhaustive()
    }
}

/// What a channel without settings would have sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoggedMessage {
    /// The notification.
    pub id: Uuid,
    /// When.
    pub at: Time,
    /// How it would have been sent.
    pub channel: Channel,
    /// Where to.
    pub address: String,
    /// Its title or subject.
    pub subject: Option<String>,
    /// Its text.
    pub body: String,
}

impl NotificationService {
    /// The service on its database. `wake` rings its outbox's relay.
    #[must_use]
    pub fn new(db: Db, wake: Wake) -> Self {
        Self {
            db,
            wake,
            queued: Arc::new(watch::Sender::new(0)),
        }
    }

    /// The service's database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// After a commit: dispatchers may look, and the relay too.
    pub(super) fn queued(&self) {
        self.queued
            .send_modify(|count| *count = count.wrapping_add(1));
        self.wake.ring();
    }

    /// Hears when something was queued on this node.
    pub(super) fn watch_queue(&self) -> watch::Receiver<u64> {
        self.queued.subscribe()
    }

    /// How the caller wants to be told.
    ///
    /// # Errors
    /// The database's.
    pub async fn preferences(&self, who: &Identity) -> Result<Preferences, NotificationError> {
        Ok(store::preferences_of(&self.db, who.user_id).await?)
    }

    /// Replaces how the caller wants to be told.
    ///
    /// # Errors
    /// [`NotificationError::Invalid`] with everything that is wrong.
    pub async fn set_preferences(
        &self,
        who: &Identity,
        preferences: Preferences,
    ) -> Result<Preferences, NotificationError> {
        preferences.check()?;
        let (person_id, new) = (who.user_id, preferences.clone());
        self.db
            .write(move |tx| {
                let new = new.clone();
                Box::pin(async move { store::put_preferences(tx, person_id, new).await })
            })
            .await?;
        Ok(preferences)
    }

    /// Notes where a phone of the caller takes push messages. It ends with the session.
    ///
    /// # Errors
    /// [`NotificationError::Invalid`], or [`NotificationError::SessionEnded`] when the session has ended
    /// meanwhile.
    pub async fn set_push_token(
        &self,
        who: &Identity,
        device_id: String,
        new: NewPushToken,
    ) -> Result<(), NotificationError> {
        let mut problems = Vec::new();
        check_text(
            &mut problems,
            "/path/deviceId",
            &device_id,
            1,
            DEVICE_ID_CHARACTERS_MAX,
        );
        check_text(&mut problems, "/token", &new.token, 1, TOKEN_CHARACTERS_MAX);
        if !["android", "ios", "web"].contains(&new.platform.as_str()) {
            problems.push(Invalid::new(
                "/platform",
                "must be `android`, `ios` or `web`",
            ));
        }
        none_of(problems)?;
        let token = NewToken {
            token: new.token,
            person_id: who.user_id,
            device_id,
            session_id: who.session_id,
            platform: new.platform,
        };
        let is_noted = self
            .db
            .write(move |tx| {
                let token = token.clone();
                Box::pin(async move { store::put_token(tx, token).await })
            })
            .await?;
        if is_noted {
            Ok(())
        } else {
            Err(NotificationError::SessionEnded)
        }
    }

    /// A notification and what was tried.
    ///
    /// # Errors
    /// [`NotificationError::NotFound`].
    pub async fn status(&self, id: Uuid) -> Result<Report, NotificationError> {
        store::find_report(&self.db, id)
            .await?
            .ok_or(NotificationError::NotFound)
    }

    /// What channels without settings would have sent, the latest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn logged(&self, limit: i64) -> Result<Vec<LoggedMessage>, NotificationError> {
        Ok(store::logged(&self.db, limit).await?)
    }

    /// Takes what Twilio tells of an SMS, whose signature has been checked. States on the way (`sending`, say)
    /// say that it was taken: news only where the answer that said so was lost.
    ///
    /// # Errors
    /// [`NotificationError::NotFound`] when there is no such SMS.
    pub async fn sms_told(
        &self,
        id: Uuid,
        message_sid: &str,
        message_status: &str,
        error_code: Option<&str>,
    ) -> Result<(), NotificationError> {
        let status = match message_status {
            "delivered" | "read" => Status::Delivered,
            "undelivered" | "failed" | "canceled" => Status::Undelivered,
            "accepted" | "scheduled" | "queued" | "sending" | "sent" => Status::Sent,
            _ => return Ok(()),
        };
        let told = ToldLater {
            id,
            status,
            reason: error_code.map(|code| format!("twilio_{code}")),
            provider_id: message_sid.to_owned(),
        };
        let found = self
            .db
            .write(move |tx| {
                let told = told.clone();
                Box::pin(async move {
                    let now_us = tx.now_us().await?;
                    store::told_later(tx, now_us, told).await
                })
            })
            .await?;
        self.wake.ring();
        metrics::counter!("athena_notifications_total", "channel" => "sms", "outcome" => status.name())
            .increment(1);
        if found {
            Ok(())
        } else {
            Err(NotificationError::NotFound)
        }
    }
}
