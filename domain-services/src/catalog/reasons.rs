//! Use cases of reasons.

use super::model::check_version;
use super::service::announce;
use super::{CatalogError, CatalogService, NewReason, ReasonUpdate, rules, store};
use crate::collection::{self, CollectionVersion};
use crate::db::Tx;
use crate::events::{REASON_CHANGED, Reason};
use crate::identity::{Acting, Cause, Role};
use crate::invalid::Invalid;
use crate::paging::{Page, PageQuery};
use uuid::Uuid;

impl CatalogService {
    /// The version of the list of reasons, for its `ETag`.
    ///
    /// # Errors
    /// The database's.
    pub async fn reasons_version(&self) -> Result<CollectionVersion, CatalogError> {
        Ok(collection::version(&self.db, store::REASONS).await?)
    }

    /// Reasons, newest first, retired ones too.
    ///
    /// # Errors
    /// The database's.
    pub async fn reasons(&self, page: PageQuery) -> Result<Page<Reason>, CatalogError> {
        Ok(store::list_reasons(&self.db, page).await?)
    }

    /// Creates a reason; for admins. The same id and content again is the same reason.
    ///
    /// # Errors
    /// [`CatalogError::Forbidden`], [`CatalogError::Invalid`], [`CatalogError::IdTaken`].
    pub async fn create_reason(
        &self,
        who: impl Into<Acting<'_>>,
        new: NewReason,
    ) -> Result<Reason, CatalogError> {
        let acting = who.into();
        acting.who.require_any(&[Role::Admin])?;
        self.make_reason(new, acting.cause()).await
    }

    pub(super) async fn make_reason(
        &self,
        new: NewReason,
        cause: Cause,
    ) -> Result<Reason, CatalogError> {
        rules::check_reason(&new.text)?;
        let reason = Reason {
            id: new.id.unwrap_or_else(|| self.db.ids().uuid_v7()),
            text: new.text,
            category_id: new.category_id,
            active: new.active,
            version: 1,
        };
        self.write(move |tx| {
            let (reason, cause) = (reason.clone(), cause.clone());
            Box::pin(async move {
                let now_us = collection::bump(tx, store::REASONS).await?;
                match store::find_reason(&mut *tx, reason.id).await? {
                    Some(there) if there == reason => return Ok(reason),
                    Some(_) => return Err(CatalogError::IdTaken),
                    None => {}
                }
                check_category_exists(tx, reason.category_id).await?;
                store::insert_reason(tx, &reason, now_us).await?;
                let key = (reason.id, reason.version);
                announce(tx, now_us, &cause, REASON_CHANGED, key, &reason).await?;
                Ok(reason)
            })
        })
        .await
    }

    /// Changes a reason, if it is at version `expected` (any, when `None`); for admins.
    ///
    /// # Errors
    /// [`CatalogError::Forbidden`], [`CatalogError::Invalid`], [`CatalogError::NotFound`],
    /// [`CatalogError::PreconditionFailed`].
    pub async fn update_reason(
        &self,
        who: impl Into<Acting<'_>>,
        id: Uuid,
        update: ReasonUpdate,
        expected: Option<i64>,
    ) -> Result<Reason, CatalogError> {
        let acting = who.into();
        acting.who.require_any(&[Role::Admin])?;
        rules::check_reason(&update.text)?;
        let cause = acting.cause();
        self.write(move |tx| {
            let (update, cause) = (update.clone(), cause.clone());
            Box::pin(async move {
                let now_us = collection::bump(tx, store::REASONS).await?;
                let there = store::find_reason(&mut *tx, id)
                    .await?
                    .ok_or(CatalogError::NotFound)?;
                check_version(expected, there.version)?;
                let mut reason = Reason {
                    text: update.text,
                    category_id: update.category_id,
                    active: update.active,
                    ..there.clone()
                };
                if reason == there {
                    return Ok(there);
                }
                check_category_exists(tx, reason.category_id).await?;
                reason.version = there.version + 1;
                store::update_reason(tx, &reason, now_us).await?;
                let key = (reason.id, reason.version);
                announce(tx, now_us, &cause, REASON_CHANGED, key, &reason).await?;
                Ok(reason)
            })
        })
        .await
    }
}

pub(super) async fn check_category_exists(
    tx: &mut Tx,
    category_id: Option<Uuid>,
) -> Result<(), CatalogError> {
    if let Some(id) = category_id
        && store::find_category(tx, id).await?.is_none()
    {
        let problem = Invalid::new("/categoryId", "there is no such category");
        return Err(CatalogError::Invalid(vec![problem]));
    }
    Ok(())
}
