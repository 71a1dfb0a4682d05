//! The facade of the catalog service, and what its parts share.

use super::CatalogError;
use crate::db::{Db, DbError, Tx};
use crate::events::{CATALOG_REFUSED, CommandRefused};
use crate::identity::{Acting, Cause};
use crate::outbox::{self, NewEvent, Wake};
use crate::refusals;
use futures_util::future::BoxFuture;
use serde::Serialize;
use uuid::Uuid;

/// The catalog service.
#[derive(Clone)]
pub struct CatalogService {
    pub(super) db: Db,
    wake: Wake,
}

impl std::fmt::Debug for CatalogService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CatalogService").finish_non_exhaustive()
    }
}

impl CatalogService {
    /// The service on its database; `wake` rings the relay of the database's outbox.
    #[must_use]
    pub fn new(db: Db, wake: Wake) -> Self {
        Self { db, wake }
    }

    /// Tells the audit log of a command about the catalogue that was refused.
    ///
    /// # Errors
    /// The database's.
    pub async fn tell_of_refusal(
        &self,
        acting: Acting<'_>,
        refused: CommandRefused,
    ) -> Result<(), CatalogError> {
        refusals::tell(&self.db, &self.wake, CATALOG_REFUSED, acting, refused).await?;
        Ok(())
    }

    /// One transaction, after which the relay is woken.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, CatalogError>
    where
        F: for<'t> FnMut(&'t mut Tx) -> BoxFuture<'t, Result<T, CatalogError>> + Send + 'static,
        T: Send + 'static,
    {
        let written = self.db.write(work).await?;
        self.wake.ring();
        Ok(written)
    }
}

/// Writes the one event of a change.
pub(super) async fn announce(
    tx: &mut Tx,
    now_us: i64,
    cause: &Cause,
    kind: &'static str,
    (id, version): (Uuid, i64),
    record: &impl Serialize,
) -> Result<(), DbError> {
    let event = NewEvent::new(kind, id, version, record)?.caused(cause);
    outbox::append(tx, now_us, &[event]).await
}
