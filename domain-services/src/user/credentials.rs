//! How a password is changed by its owner, and taken away by an admin.

use super::accounts::one_time;
use super::login::knows_one_time;
use super::store::{self, Account};
use super::{CreatedUser, PasswordChange, UserError, UserService, rules, sessions};
use crate::db::Tx;
use crate::events::{SessionEnd, USER_CHANGED, User};
use crate::identity::{Acting, Cause, Role};
use crate::outbox::{self, NewEvent};
use crate::paging::to_hex;
use uuid::Uuid;

impl UserService {
    /// Changes the actor's own password, and ends all sessions of the actor but the present one.
    /// `current` is what the actor signed in with: the password or, for an account without one, the
    /// one-time token.
    ///
    /// # Errors
    /// [`UserError::Invalid`] for a new password outside its limits,
    /// [`UserError::InvalidCredentials`] for a wrong `current`, [`UserError::SessionRevoked`].
    pub async fn change_password(
        &self,
        who: impl Into<Acting<'_>>,
        change: PasswordChange,
    ) -> Result<(), UserError> {
        let acting = who.into();
        let (who, cause) = (acting.who, acting.cause());
        rules::check_new_password(&change.new)?;
        let known = store::find_account_by_id(&self.db, who.user_id)
            .await?
            .filter(|account| account.user.active)
            .ok_or(UserError::SessionRevoked)?;
        let stored = known.password_hash.clone();
        let one_time = known.password_hash.is_none() && knows_one_time(&known, &change.current);
        if !self.passwords.verify(change.current, stored).await? && !one_time {
            return Err(UserError::InvalidCredentials);
        }
        let hash = self.passwords.hash(change.new).await?;
        let (user_id, session_id) = (who.user_id, who.session_id);
        let ended = self
            .db
            .write(move |tx| {
                let (hash, known, cause) = (hash.clone(), known.clone(), cause.clone());
                Box::pin(async move {
                    let account = lock_unchanged(tx, user_id, &known).await?;
                    if sessions::lock(tx, session_id).await?.is_none() {
                        return Err(UserError::SessionRevoked);
                    }
                    set(tx, account.user, Some(hash), None, &cause).await?;
                    Ok(sessions::end_of_user(
                        tx,
                        user_id,
                        Some(session_id),
                        SessionEnd::PasswordChanged,
                        &cause,
                    )
                    .await?)
                })
            })
            .await?;
        self.tokens.end_sessions(&ended);
        self.wake.ring();
        Ok(())
    }

    /// Takes a person's password away and gives a one-time token instead, which signs in once; ends
    /// all sessions of the person. For admins.
    ///
    /// # Errors
    /// [`UserError::Forbidden`], [`UserError::NotFound`].
    pub async fn reset_password(
        &self,
        who: impl Into<Acting<'_>>,
        id: Uuid,
    ) -> Result<CreatedUser, UserError> {
        let acting = who.into();
        acting.who.require_any(&[Role::Admin])?;
        let cause = acting.cause();
        let token = to_hex(&self.db.ids().bytes::<32>());
        let stored = one_time(&token, self.db.ids().now_us());
        let (user, ended) = self
            .db
            .write(move |tx| {
                let (stored, cause) = (stored.clone(), cause.clone());
                Box::pin(async move {
                    let account = store::lock_account(tx, id).await?;
                    let user = account.ok_or(UserError::NotFound)?.user;
                    let user = set(tx, user, None, Some(stored), &cause).await?;
                    let ended =
                        sessions::end_of_user(tx, id, None, SessionEnd::PasswordChanged, &cause)
                            .await?;
                    Ok::<_, UserError>((user, ended))
                })
            })
            .await?;
        self.tokens.end_sessions(&ended);
        self.wake.ring();
        Ok(CreatedUser {
            user,
            created: false,
            one_time_token: Some(token),
        })
    }
}

/// The account, held until commit, if what signs in is still what was verified: between the look at
/// it and now lies a hash, which takes long.
pub(super) async fn lock_unchanged(
    tx: &mut Tx,
    user_id: Uuid,
    verified: &Account,
) -> Result<Account, UserError> {
    store::lock_account(tx, user_id)
        .await?
        .filter(|account| account.user.active && account.has_secrets_of(verified))
        .ok_or(UserError::InvalidCredentials)
}

/// Writes what signs in from now on. The event is an ordinary change, because on a compacted topic
/// a record's latest event stands for the record.
async fn set(
    tx: &mut Tx,
    mut user: User,
    password_hash: Option<String>,
    one_time: Option<store::OneTime>,
    cause: &Cause,
) -> Result<User, UserError> {
    let now_us = tx.now_us().await?;
    user.version += 1;
    store::update_secrets(tx, &user, password_hash, one_time, now_us).await?;
    let event = NewEvent::new(USER_CHANGED, user.id, user.version, &user)?.caused(cause);
    outbox::append(tx, now_us, &[event]).await?;
    Ok(user)
}
