//! How accounts come into being.

use super::changes::check_department_exists;
use super::service::nothing_made;
use super::store::{NewAccount, OneTime};
use super::{CreatedUser, NewUser, ONE_TIME_TOKEN_DAYS, UserError, UserService, rules, store};
use crate::db::{DbError, Tx};
use crate::events::{USER_CHANGED, User};
use crate::identity::{Acting, Cause, Role};
use crate::outbox::{self, NewEvent};
use crate::paging::to_hex;
use futures_util::future::try_join_all;
use sha2::{Digest, Sha256};

/// The address of the first admin, where nobody has created another.
pub const FIRST_ADMIN_EMAIL: &str = "admin@athena.local";

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// The admin made at the first start.
pub struct FirstAdmin {
    /// Whom to log in as.
    pub email: &'static str,
    /// The password that was drawn; `None` when one was given.
    pub password: Option<String>,
}

/// Never shows the password.
impl std::fmt::Debug for FirstAdmin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FirstAdmin")
            .field("email", &self.email)
            .finish_non_exhaustive()
    }
}

/// An account ready to be written.
#[derive(Clone)]
struct Prepared {
    account: NewAccount,
    one_time_token: Option<String>,
}

impl UserService {
    /// Creates an account; for admins. The same id and content again is the same account.
    ///
    /// # Errors
    /// [`UserError::Forbidden`], [`UserError::Invalid`], [`UserError::EmailTaken`],
    /// [`UserError::IdTaken`].
    pub async fn create(
        &self,
        who: impl Into<Acting<'_>>,
        new: NewUser,
    ) -> Result<CreatedUser, UserError> {
        let acting = who.into();
        acting.who.require_any(&[Role::Admin])?;
        let mut created = self.create_all(vec![new], acting.cause()).await?;
        created.pop().ok_or_else(nothing_made)
    }

    /// Creates `admin@athena.local` unless there is an active admin: with this password, or with
    /// one that is drawn and told once.
    ///
    /// # Errors
    /// [`UserError::Invalid`] for a password outside its limits.
    pub async fn ensure_admin(
        &self,
        password: Option<String>,
    ) -> Result<Option<FirstAdmin>, UserError> {
        if store::has_active_admin(&self.db, None).await? {
            return Ok(None);
        }
        let drawn = match password {
            Some(_) => None,
            None => Some(to_hex(&self.db.ids().bytes::<12>())),
        };
        let new = NewUser {
            email: FIRST_ADMIN_EMAIL.to_owned(),
            name: "Administrator".to_owned(),
            roles: Role::Admin.into(),
            password: password.or_else(|| drawn.clone()),
            ..NewUser::default()
        };
        match self.create_all(vec![new], Cause::default()).await {
            Ok(_) => Ok(Some(FirstAdmin {
                email: FIRST_ADMIN_EMAIL,
                password: drawn,
            })),
            // Another node that started at the same time was faster.
            Err(UserError::EmailTaken) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates accounts in one transaction, their passwords hashed side by side.
    pub(super) async fn create_all(
        &self,
        new: Vec<NewUser>,
        cause: Cause,
    ) -> Result<Vec<CreatedUser>, UserError> {
        let prepared = try_join_all(new.into_iter().map(|new| self.prepare(new))).await?;
        let created = self
            .db
            .write(move |tx| {
                let (prepared, cause) = (prepared.clone(), cause.clone());
                Box::pin(async move {
                    let now_us = tx.now_us().await?;
                    let mut created = Vec::with_capacity(prepared.len());
                    for prepared in prepared {
                        created.push(insert(tx, prepared, &cause, now_us).await?);
                    }
                    Ok::<_, UserError>(created)
                })
            })
            .await?;
        self.wake.ring();
        Ok(created)
    }

    async fn prepare(&self, new: NewUser) -> Result<Prepared, UserError> {
        rules::check_new_user(&new)?;
        let ids = self.db.ids();
        let (password_hash, one_time_token) = match new.password {
            Some(password) => (Some(self.passwords.hash(password).await?), None),
            None => (None, Some(to_hex(&ids.bytes::<32>()))),
        };
        let one_time = one_time_token
            .as_deref()
            .map(|token| one_time(token, ids.now_us()));
        let user = User {
            id: new.id.unwrap_or_else(|| ids.uuid_v7()),
            email: rules::normal_email(&new.email),
            name: new.name,
            roles: new.roles,
            department_id: new.department_id,
            region: new.region,
            locale: new.locale,
            active: true,
            version: 1,
        };
        Ok(Prepared {
            account: NewAccount {
                user,
                password_hash,
                one_time,
            },
            one_time_token,
        })
    }
}

/// What is stored of a one-time token that is made now.
pub(super) fn one_time(token: &str, now_us: i64) -> OneTime {
    OneTime {
        hash: one_time_hash(token),
        until_us: now_us + ONE_TIME_TOKEN_DAYS * DAY_US,
    }
}

/// The hash of a one-time token. It is 32 random bytes, so a plain hash will do.
pub(super) fn one_time_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

async fn insert(
    tx: &mut Tx,
    prepared: Prepared,
    cause: &Cause,
    now_us: i64,
) -> Result<CreatedUser, UserError> {
    let Prepared {
        account,
        one_time_token,
    } = prepared;
    let user = account.user.clone();
    if let Some(there) = store::find_user(&mut *tx, user.id).await? {
        return if there == user {
            Ok(CreatedUser {
                user,
                created: false,
                one_time_token: None,
            })
        } else {
            Err(UserError::IdTaken)
        };
    }
    if store::find_account(&mut *tx, user.email.clone())
        .await?
        .is_some()
    {
        return Err(UserError::EmailTaken);
    }
    check_department_exists(tx, user.department_id).await?;
    store::insert_account(tx, account, now_us)
        .await
        .map_err(|error| match error {
            // Somebody else was faster since we looked: possible on PostgreSQL only, which names
            // the constraint.
            DbError::Unique {
                constraint: Some(name),
            } if name == "account_email" => UserError::EmailTaken,
            DbError::Unique { .. } => UserError::IdTaken,
            error => UserError::Db(error),
        })?;
    let event = NewEvent::new(USER_CHANGED, user.id, user.version, &user)?.caused(cause);
    outbox::append(tx, now_us, &[event]).await?;
    Ok(CreatedUser {
        user,
        created: true,
        one_time_token,
    })
}
