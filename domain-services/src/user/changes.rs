//! How accounts change, and how people leave.

use super::{UserError, UserService, UserUpdate, rules, sessions, store};
use crate::collection;
use crate::db::{DbError, Tx};
use crate::events::{SessionEnd, USER_CHANGED, USER_DEACTIVATED, User};
use crate::identity::{Acting, Cause, Role};
use crate::invalid::Invalid;
use crate::outbox::{self, NewEvent};
use uuid::Uuid;

/// An account after a change, and the sessions that ended with it.
struct Changed {
    user: User,
    ended: Vec<Uuid>,
}

impl UserService {
    /// Makes an account what `update` says, if it is at version `expected` (any, when `None`); for
    /// admins. Who is no longer active is signed out everywhere; other roles are in the tokens of
    /// the next refresh. What changes nothing leaves the version as it is.
    ///
    /// # Errors
    /// [`UserError::Forbidden`], [`UserError::Invalid`], [`UserError::NotFound`],
    /// [`UserError::PreconditionFailed`], [`UserError::EmailTaken`], [`UserError::LastAdmin`].
    pub async fn update(
        &self,
        who: impl Into<Acting<'_>>,
        id: Uuid,
        update: UserUpdate,
        expected: Option<i64>,
    ) -> Result<User, UserError> {
        let acting = who.into();
        acting.who.require_any(&[Role::Admin])?;
        rules::check_update(&update)?;
        let cause = acting.cause();
        self.change(id, expected, cause, move |there| {
            rules::updated(there, &update)
        })
        .await
    }

    /// Deactivates an account, if it is at version `expected` (any, when `None`); for admins. The
    /// person is signed out everywhere, and stays in the history. Again, it changes nothing.
    ///
    /// # Errors
    /// [`UserError::Forbidden`], [`UserError::NotFound`], [`UserError::PreconditionFailed`],
    /// [`UserError::LastAdmin`].
    pub async fn deactivate(
        &self,
        who: impl Into<Acting<'_>>,
        id: Uuid,
        expected: Option<i64>,
    ) -> Result<User, UserError> {
        let acting = who.into();
        acting.who.require_any(&[Role::Admin])?;
        let leave = |there: &User| User {
            active: false,
            ..there.clone()
        };
        self.change(id, expected, acting.cause(), leave).await
    }

    async fn change(
        &self,
        id: Uuid,
        expected: Option<i64>,
        cause: Cause,
        change: impl Fn(&User) -> User + Clone + Send + 'static,
    ) -> Result<User, UserError> {
        let Changed { user, ended } = self
            .db
            .write(move |tx| {
                let (change, cause) = (change.clone(), cause.clone());
                Box::pin(async move { apply(tx, id, expected, &cause, change).await })
            })
            .await?;
        self.tokens.end_sessions(&ended);
        self.wake.ring();
        Ok(user)
    }
}

/// One change at a time: two admins who take the role from each other see what the other did.
async fn apply(
    tx: &mut Tx,
    id: Uuid,
    expected: Option<i64>,
    cause: &Cause,
    change: impl FnOnce(&User) -> User + Send,
) -> Result<Changed, UserError> {
    let now_us = collection::bump(tx, store::ACCOUNTS).await?;
    let account = store::lock_account(tx, id).await?;
    let there = account.ok_or(UserError::NotFound)?.user;
    let version = there.version;
    if expected.is_some_and(|expected| expected != version) {
        return Err(UserError::PreconditionFailed { version });
    }
    let mut user = change(&there);
    if user == there {
        let ended = Vec::new();
        return Ok(Changed { user, ended });
    }
    if rules::is_admin(&there)
        && !rules::is_admin(&user)
        && !store::has_active_admin(&mut *tx, Some(id)).await?
    {
        return Err(UserError::LastAdmin);
    }
    check_references(tx, &there, &user).await?;
    user.version = version + 1;
    store::update_user(tx, &user, now_us)
        .await
        .map_err(|error| match error {
            // Somebody took the address since we looked.
            DbError::Unique { .. } => UserError::EmailTaken,
            error => UserError::Db(error),
        })?;
    let leaves = there.active && !user.active;
    let kind = if leaves {
        USER_DEACTIVATED
    } else {
        USER_CHANGED
    };
    let event = NewEvent::new(kind, id, user.version, &user)?.caused(cause);
    outbox::append(tx, now_us, &[event]).await?;
    let ended = if leaves {
        sessions::end_of_user(tx, id, None, SessionEnd::PersonLeft, cause).await?
    } else {
        Vec::new()
    };
    Ok(Changed { user, ended })
}

async fn check_references(tx: &mut Tx, there: &User, user: &User) -> Result<(), UserError> {
    if user.email != there.email
        && store::find_account(&mut *tx, user.email.clone())
            .await?
            .is_some()
    {
        return Err(UserError::EmailTaken);
    }
    if user.department_id != there.department_id {
        check_department_exists(tx, user.department_id).await?;
    }
    Ok(())
}

pub(super) async fn check_department_exists(
    tx: &mut Tx,
    department_id: Option<Uuid>,
) -> Result<(), UserError> {
    if let Some(id) = department_id
        && store::find_department(tx, id).await?.is_none()
    {
        let problem = Invalid::new("/departmentId", "there is no such department");
        return Err(UserError::Invalid(vec![problem]));
    }
    Ok(())
}
