//! The facade of the user service, and what it reads. Accounts are made in `accounts`, sessions in
//! `login`.

use super::passwords::Passwords;
use super::refresh::RefreshTokens;
use super::{KeyError, NewDepartment, Tokens, UserError, UserFilter, rules, store};
use crate::collection::{self, CollectionVersion};
use crate::db::{Db, DbError};
use crate::events::{CommandRefused, DEPARTMENT_CHANGED, Department, USER_REFUSED, User};
use crate::identity::{Acting, Cause, Identity, Role};
use crate::key_files;
use crate::outbox::{self, NewEvent, Wake};
use crate::paging::{Page, PageQuery};
use crate::refusals;
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// The user service.
pub struct UserService {
    pub(super) db: Db,
    pub(super) tokens: Arc<Tokens>,
    pub(super) passwords: Passwords,
    pub(super) refresh_tokens: RefreshTokens,
    pub(super) wake: Wake,
}

impl std::fmt::Debug for UserService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserService").finish_non_exhaustive()
    }
}

impl UserService {
    /// The service on its database. `keys` is the folder of keys that `tokens` uses too; `wake`
    /// rings the relay of the database's outbox.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn new(db: Db, tokens: Arc<Tokens>, keys: &Path, wake: Wake) -> Result<Self, KeyError> {
        let secret = key_files::secret(keys, "refresh.key", db.ids())?;
        Ok(Self {
            passwords: Passwords::new(db.ids().clone()),
            refresh_tokens: RefreshTokens::new(secret),
            db,
            tokens,
            wake,
        })
    }

    /// The actor's own account.
    ///
    /// # Errors
    /// [`UserError::SessionRevoked`] when the account is gone or has been deactivated.
    pub async fn me(&self, who: &Identity) -> Result<User, UserError> {
        store::find_user(&self.db, who.user_id)
            .await?
            .filter(|user| user.active)
            .ok_or(UserError::SessionRevoked)
    }

    /// An account: one's own, or for an admin anybody's.
    ///
    /// # Errors
    /// [`UserError::Forbidden`] and [`UserError::NotFound`]; without the role, a person who exists
    /// and one who does not look the same.
    pub async fn find(&self, who: &Identity, id: Uuid) -> Result<User, UserError> {
        if id != who.user_id {
            who.require_any(&[Role::Admin])?;
        }
        store::find_user(&self.db, id)
            .await?
            .ok_or(UserError::NotFound)
    }

    /// Accounts, newest first; for admins.
    ///
    /// # Errors
    /// [`UserError::Forbidden`].
    pub async fn list(
        &self,
        who: &Identity,
        filter: UserFilter,
        page: PageQuery,
    ) -> Result<Page<User>, UserError> {
        who.require_any(&[Role::Admin])?;
        Ok(store::list_users(&self.db, filter, page).await?)
    }

    /// The version of the list of departments, for its `ETag`.
    ///
    /// # Errors
    /// The database's.
    pub async fn departments_version(&self) -> Result<CollectionVersion, UserError> {
        Ok(collection::version(&self.db, store::DEPARTMENTS).await?)
    }

    /// Departments, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn departments(&self, page: PageQuery) -> Result<Page<Department>, UserError> {
        Ok(store::list_departments(&self.db, page).await?)
    }

    /// Creates a department; for admins. The same id and content again is the same department.
    ///
    /// # Errors
    /// [`UserError::Forbidden`], [`UserError::Invalid`], [`UserError::IdTaken`].
    pub async fn create_department(
        &self,
        who: impl Into<Acting<'_>>,
        new: NewDepartment,
    ) -> Result<Department, UserError> {
        let acting = who.into();
        acting.who.require_any(&[Role::Admin])?;
        let cause = acting.cause();
        let mut created = self.create_departments(vec![new], cause).await?;
        created.pop().ok_or_else(nothing_made)
    }

    /// Tells the audit log of a command about people or departments that was refused.
    ///
    /// # Errors
    /// The database's.
    pub async fn tell_of_refusal(
        &self,
        acting: Acting<'_>,
        refused: CommandRefused,
    ) -> Result<(), UserError> {
        refusals::tell(&self.db, &self.wake, USER_REFUSED, acting, refused).await?;
        Ok(())
    }

    /// Creates departments in one transaction.
    pub(super) async fn create_departments(
        &self,
        new: Vec<NewDepartment>,
        cause: Cause,
    ) -> Result<Vec<Department>, UserError> {
        let mut departments = Vec::with_capacity(new.len());
        for new in new {
            rules::check_department(&new)?;
            departments.push(Department {
                id: new.id.unwrap_or_else(|| self.db.ids().uuid_v7()),
                name: new.name,
                version: 1,
            });
        }
        let made = self
            .db
            .write(move |tx| {
                let (departments, cause) = (departments.clone(), cause.clone());
                Box::pin(async move {
                    let now_us = collection::bump(tx, store::DEPARTMENTS).await?;
                    for department in &departments {
                        match store::find_department(&mut *tx, department.id).await? {
                            Some(there) if there.name == department.name => {}
                            Some(_) => return Err(UserError::IdTaken),
                            None => {
                                store::insert_department(tx, department, now_us).await?;
                                let event = NewEvent::new(
                                    DEPARTMENT_CHANGED,
                                    department.id,
                                    department.version,
                                    department,
                                )?
                                .caused(&cause);
                                outbox::append(tx, now_us, &[event]).await?;
                            }
                        }
                    }
                    Ok(departments)
                })
            })
            .await?;
        self.wake.ring();
        Ok(made)
    }
}

/// One was given and none came back: a mistake in the program.
pub(super) fn nothing_made() -> UserError {
    UserError::Db(DbError::Other("nothing was made".to_owned()))
}
