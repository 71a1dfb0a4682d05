//! Use cases of categories.

use super::model::check_version;
use super::service::announce;
use super::{CatalogError, CatalogService, CategoryUpdate, NewCategory, rules, store};
use crate::collection::{self, CollectionVersion};
use crate::events::{CATEGORY_CHANGED, Category};
use crate::identity::{Acting, Cause, Role};
use crate::paging::{Page, PageQuery};
use uuid::Uuid;

impl CatalogService {
    /// The version of the list of categories, for its `ETag`.
    ///
    /// # Errors
    /// The database's.
    pub async fn categories_version(&self) -> Result<CollectionVersion, CatalogError> {
        Ok(collection::version(&self.db, store::CATEGORIES).await?)
    }

    /// Categories, newest first, retired ones too.
    ///
    /// # Errors
    /// The database's.
    pub async fn categories(&self, page: PageQuery) -> Result<Page<Category>, CatalogError> {
        Ok(store::list_categories(&self.db, page).await?)
    }

    /// Creates a category; for admins. The same id and content again is the same category.
    ///
    /// # Errors
    /// [`CatalogError::Forbidden`], [`CatalogError::Invalid`], [`CatalogError::IdTaken`].
    pub async fn create_category(
        &self,
        who: impl Into<Acting<'_>>,
        new: NewCategory,
    ) -> Result<Category, CatalogError> {
        let acting = who.into();
        acting.who.require_any(&[Role::Admin])?;
        self.make_category(new, acting.cause()).await
    }

    pub(super) async fn make_category(
        &self,
        new: NewCategory,
        cause: Cause,
    ) -> Result<Category, CatalogError> {
        rules::check_category(&new.name, new.levels)?;
        let category = Category {
            id: new.id.unwrap_or_else(|| self.db.ids().uuid_v7()),
            name: new.name,
            levels: new.levels,
            active: new.active,
            version: 1,
        };
        self.write(move |tx| {
            let (category, cause) = (category.clone(), cause.clone());
            Box::pin(async move {
                let now_us = collection::bump(tx, store::CATEGORIES).await?;
                match store::find_category(&mut *tx, category.id).await? {
                    Some(there) if there == category => return Ok(category),
                    Some(_) => return Err(CatalogError::IdTaken),
                    None => store::insert_category(tx, &category, now_us).await?,
                }
                let key = (category.id, category.version);
                announce(tx, now_us, &cause, CATEGORY_CHANGED, key, &category).await?;
                Ok(category)
            })
        })
        .await
    }

    /// Changes a category, if it is at version `expected` (any, when `None`); for admins.
    ///
    /// # Errors
    /// [`CatalogError::Forbidden`], [`CatalogError::Invalid`], [`CatalogError::NotFound`],
    /// [`CatalogError::PreconditionFailed`].
    pub async fn update_category(
        &self,
        who: impl Into<Acting<'_>>,
        id: Uuid,
        update: CategoryUpdate,
        expected: Option<i64>,
    ) -> Result<Category, CatalogError> {
        let acting = who.into();
        acting.who.require_any(&[Role::Admin])?;
        rules::check_category(&update.name, update.levels)?;
        let cause = acting.cause();
        self.change_category(id, expected, cause, move |there| Category {
            name: update.name.clone(),
            levels: update.levels,
            active: update.active,
            ..there
        })
        .await
    }

    /// Retires a category, if it is at version `expected` (any, when `None`); for admins. What is
    /// retired stays listed; retiring it again changes nothing.
    ///
    /// # Errors
    /// [`CatalogError::Forbidden`], [`CatalogError::NotFound`],
    /// [`CatalogError::PreconditionFailed`].
    pub async fn retire_category(
        &self,
        who: impl Into<Acting<'_>>,
        id: Uuid,
        expected: Option<i64>,
    ) -> Result<Category, CatalogError> {
        let acting = who.into();
        acting.who.require_any(&[Role::Admin])?;
        let cause = acting.cause();
        self.change_category(id, expected, cause, |there| Category {
            active: false,
            ..there
        })
        .await
    }

    async fn change_category(
        &self,
        id: Uuid,
        expected: Option<i64>,
        cause: Cause,
        change: impl Fn(Category) -> Category + Clone + Send + 'static,
    ) -> Result<Category, CatalogError> {
        self.write(move |tx| {
            let (change, cause) = (change.clone(), cause.clone());
            Box::pin(async move {
                let now_us = collection::bump(tx, store::CATEGORIES).await?;
                let there = store::find_category(&mut *tx, id)
                    .await?
                    .ok_or(CatalogError::NotFound)?;
                check_version(expected, there.version)?;
                let mut category = change(there.clone());
                if category == there {
                    return Ok(there);
                }
                category.version = there.version + 1;
                store::update_category(tx, &category, now_us).await?;
                let key = (category.id, category.version);
                announce(tx, now_us, &cause, CATEGORY_CHANGED, key, &category).await?;
                Ok(category)
            })
        })
        .await
    }
}
