//! The approval service's front: what it is made of and how it fails.

use super::rules::Decision;
use super::store::{self, Acting, Moved};
use crate::db::{Db, DbError, Tx};
use crate::feed::Pokes;
use crate::outbox::Wake;
use std::collections::BTreeSet;
use std::time::Duration;
use sync_core::hlc::NodeId;
use sync_core::verdict::Code;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// What the service can be set to.
#[derive(Debug, Clone, Copy)]
pub struct ApprovalSettings {
    /// How long a vote can be taken back.
    pub rollback_window: Duration,
    /// How much later a rollback made in time may arrive.
    pub rollback_grace: Duration,
    /// How far ahead of the database's clock a stamp may be.
    pub clock_ahead_max: Duration,
    /// How old an item's stamp may be while it waits for an approval unknown here.
    pub defer_max: Duration,
    /// Bytes of records, roughly, after which a page of a feed ends.
    pub page_bytes_max: usize,
}

impl Default for ApprovalSettings {
    fn default() -> Self {
        Self {
            rollback_window: Duration::from_hours(24),
            rollback_grace: Duration::from_hours(12),
            clock_ahead_max: Duration::from_mins(1),
            defer_max: Duration::from_hours(24),
            page_bytes_max: 1 << 20,
        }
    }
}

/// Why a use case did not come about.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// The queue belongs to somebody else.
    #[error("this queue was made by another user")]
    WrongUser,
    /// The phone knows a position that this feed never gave: it must pull from the beginning.
    #[error("lastSync is ahead of this user's feed")]
    ResyncRequired,
    /// There is no such approval, or it is not the caller's.
    #[error("there is no such approval")]
    NotFound,
    /// A rule refused it.
    #[error("{detail}")]
    Rule {
        /// Which.
        code: Code,
        /// Why.
        detail: String,
    },
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Approvals. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ApprovalService {
    pub(super) db: Db,
    pub(super) settings: ApprovalSettings,
    pub(super) wake: Wake,
    pub(super) pokes: Pokes,
    pub(super) node: NodeId,
}

impl ApprovalService {
    /// The service on its database. `wake` rings its outbox's relay.
    #[must_use]
    pub fn new(db: Db, settings: ApprovalSettings, wake: Wake) -> Self {
        Self {
            node: NodeId::new(u64::from_be_bytes(db.ids().bytes())),
            pokes: Pokes::default(),
            settings,
            wake,
            db,
        }
    }

    /// The service's database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Hears of changes to this user's feed.
    #[must_use]
    pub fn subscribe(&self, user: Uuid) -> tokio::sync::watch::Receiver<u64> {
        self.pokes.subscribe(user)
    }

    /// Pokes the streams open on this node when another node moved their readers' heads.
    pub async fn watch_other_nodes(self, stop: CancellationToken) {
        if self.db.is_sqlite() {
            return;
        }
        let db = &self.db;
        let heads = |users| async move { store::heads(db, users).await };
        self.pokes.watch(heads, stop).await;
    }

    /// After a commit: the relay may publish, the readers' streams may pull.
    pub(super) fn committed(&self, moved: &[Moved]) {
        self.wake.ring();
        let users: BTreeSet<Uuid> = moved.iter().map(|moved| moved.user).collect();
        for user in users {
            self.pokes.poke(user);
        }
    }

    /// The windows that a case opened now is pinned to, in microseconds.
    pub(super) fn windows_us(&self) -> (i64, i64) {
        let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        (
            micros(self.settings.rollback_window),
            micros(self.settings.rollback_grace),
        )
    }
}

/// Writes a decision in the caller's transaction, unless there is nothing to write.
pub(super) async fn write(
    tx: &mut Tx,
    decision: &Decision,
    acting: Option<Acting>,
    traceparent: Option<&str>,
) -> Result<Vec<Moved>, DbError> {
    if decision.is_read_only() {
        return Ok(Vec::new());
    }
    store::write(tx, decision, acting, traceparent).await
}
