//! Dead letters: what did not arrive, for the operator to look at, send again or give up.

use super::model::{Channel, NotificationError, Report, Status};
use super::service::NotificationService;
use super::store::{self, DeadRow};
use crate::db::DbError;
use crate::time::Time;
use uuid::Uuid;

/// A notification that did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id.
    pub id: Uuid,
    /// How it was to be sent.
    pub channel: Channel,
    /// `failed`, `bounced` or `undelivered`.
    pub status: Status,
    /// What it says.
    pub template: String,
    /// Why it did not arrive, in a word.
    pub reason: Option<String>,
    /// To whom; none: to an address that another program gave.
    pub recipient_id: Option<Uuid>,
    /// The request it is about.
    pub request_id: Option<Uuid>,
    /// How often it was tried.
    pub attempts: i32,
    /// The trace of the request that caused it.
    pub traceparent: Option<String>,
    /// When it was given up.
    pub since: Time,
}

impl TryFrom<DeadRow> for DeadLetter {
    type Error = DbError;

    fn try_from(row: DeadRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id,
            channel: row.channel.parse().map_err(DbError::Decode)?,
            status: row.status.parse().map_err(DbError::Decode)?,
            template: row.template,
            reason: row.reason,
            recipient_id: row.recipient_id,
            request_id: row.request_id,
            attempts: row.attempts,
            traceparent: row.traceparent,
            since: Time(row.updated_us),
        })
    }
}

impl NotificationService {
    /// Up to `limit` dead letters, of one channel or all, the oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn dead_letters(
        &self,
        channel: Option<Channel>,
        limit: i64,
    ) -> Result<Vec<DeadLetter>, NotificationError> {
        let rows = store::dead_letters(&self.db, channel, limit).await?;
        let letters: Result<Vec<_>, DbError> = rows.into_iter().map(DeadLetter::try_from).collect();
        Ok(letters?)
    }

    /// A dead letter and what was tried.
    ///
    /// # Errors
    /// [`NotificationError::NotFound`] when there is none of this id.
    pub async fn dead_letter(&self, id: Uuid) -> Result<(DeadLetter, Report), NotificationError> {
        let row = store::dead_letter(&self.db, id)
            .await?
            .ok_or(NotificationError::NotFound)?;
        Ok((DeadLetter::try_from(row)?, self.status(id).await?))
    }

    /// Queues a dead letter again, with all its tries. Whether it is still true is asked before it is
    /// sent, as always.
    ///
    /// # Errors
    /// [`NotificationError::NotFound`] when there is none of this id.
    pub async fn replay(&self, id: Uuid) -> Result<(), NotificationError> {
        let found = self
            .db
            .write(move |tx| Box::pin(async move { store::replay(tx, id).await }))
            .await?;
        self.queued();
        found.then_some(()).ok_or(NotificationError::NotFound)
    }

    /// Gives a dead letter up: it becomes `cancelled`.
    ///
    /// # Errors
    /// [`NotificationError::NotFound`] when there is none of this id.
    pub async fn discard(&self, id: Uuid) -> Result<(), NotificationError> {
        let found = self
            .db
            .write(move |tx| Box::pin(async move { store::discard(tx, id).await }))
            .await?;
        self.queued();
        found.then_some(()).ok_or(NotificationError::NotFound)
    }
}
