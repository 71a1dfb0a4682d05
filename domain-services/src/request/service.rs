//! The request service's front: what it is made of and how it fails.

use super::pulls::Pulls;
use super::rules::Context;
use crate::db::{Db, DbError};
use crate::feed::Pokes;
use crate::identity::Forbidden;
use crate::invalid::Invalid;
use crate::outbox::Wake;
use std::sync::Arc;
use std::time::Duration;
use sync_core::hlc::NodeId;
use sync_core::verdict::Code;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// What the service can be set to.
#[derive(Debug, Clone, Copy)]
pub struct RequestSettings {
    /// How far ahead of the database's clock a stamp may be.
    pub clock_ahead_max: Duration,
    /// How old an item's stamp may be while it waits for something unknown here.
    pub defer_max: Duration,
    /// Text merges that one batch may cost, in nominal microseconds of CPU.
    pub text_work_max_us: u64,
    /// Bytes of records, roughly, after which a page of a feed ends.
    pub page_bytes_max: usize,
}

impl Default for RequestSettings {
    fn default() -> Self {
        Self {
            clock_ahead_max: Duration::from_mins(1),
            defer_max: Duration::from_hours(24),
            text_work_max_us: 150_000,
            page_bytes_max: 1 << 20,
        }
    }
}

/// Why a use case did not come about.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The queue belongs to somebody else.
    #[error("this queue was made by another user")]
    WrongUser,
    /// The phone knows a position that this feed never gave: it must pull from the beginning.
    #[error("lastSync is ahead of this user's feed")]
    ResyncRequired,
    /// There is no such request, or it is another's.
    #[error("there is no such request")]
    NotFound,
    /// The role does not allow it.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// Something given does not hold.
    #[error("the input is invalid")]
    Invalid(Vec<Invalid>),
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
    /// The same, shared by callers whose reads were coalesced.
    #[error("{0}")]
    Shared(Arc<DbError>),
}

/// Budget requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RequestService {
    pub(super) db: Db,
    pub(super) settings: RequestSettings,
    pub(super) wake: Wake,
    pub(super) pokes: Pokes,
    pub(super) pulls: Pulls,
    pub(super) node: NodeId,
}

impl RequestService {
    /// The service on its database. `wake` rings its outbox's relay.
    #[must_use]
    pub fn new(db: Db, settings: RequestSettings, wake: Wake) -> Self {
        let node = NodeId::new(u64::from_be_bytes(db.ids().bytes()));
        Self {
            pulls: Pulls::start(db.clone()),
            pokes: Pokes::default(),
            node,
            settings,
            wake,
            db,
        }
    }

    /// Hears of changes to this user's feed.
    #[must_use]
    pub fn subscribe(&self, user: Uuid) -> tokio::sync::watch::Receiver<u64> {
        self.pokes.subscribe(user)
    }

    /// The service's database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Pokes the streams open on this node when another node moved their users' heads: one indexed
    /// read every two seconds for all of them. On SQLite there is no other node.
    pub async fn watch_other_nodes(self, stop: CancellationToken) {
        if self.db.is_sqlite() {
            return;
        }
        let db = &self.db;
        let heads = |users| async move { super::store::heads(db, users).await };
        self.pokes.watch(heads, stop).await;
    }

    pub(super) fn context(&self, user: Uuid, now_us: i64) -> Context {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Context {
            user,
            actor: user,
            now_us,
            node: self.node,
            clock_ahead_max_ms: millis(self.settings.clock_ahead_max),
            defer_max_ms: millis(self.settings.defer_max),
            text_work_us: self.settings.text_work_max_us,
        }
    }

    /// After a commit: the relay may publish, the user's streams may pull.
    pub(super) fn committed(&self, user: Uuid) {
        self.wake.ring();
        self.pokes.poke(user);
    }
}
