//! Logging in, staying logged in, logging out.

use super::accounts::one_time_hash;
use super::credentials::lock_unchanged;
use super::refresh::{RefreshToken, RefreshTokens};
use super::sessions::{self, NewSession};
use super::store::{self, Account};
use super::{LoggedIn, UserError, UserService, rules};
use crate::db::Tx;
use crate::events::{
    SESSION_OPENED, SESSION_REFUSED, SessionEnd, SessionOpened, SessionRefused, User,
};
use crate::identity::{Cause, Identity};
use crate::invalid::check_text;
use crate::outbox::{self, NewEvent};
use uuid::Uuid;

/// A session that has not been used for so many days has ended. A phone that was away for a year
/// goes on.
pub const SESSION_IDLE_DAYS_MAX: i64 = 400;

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;
const DEVICE_ID_CHARACTERS_MAX: usize = 128;

/// What a refresh token turned out to be.
enum Refreshed {
    Good(User, RefreshToken),
    Over(Vec<Uuid>),
}

impl UserService {
    /// Begins a session. `password` may be the one-time token of an account without a password.
    ///
    /// # Errors
    /// [`UserError::InvalidCredentials`], after the same time whether there is no such account, the
    /// password is wrong, or the person has left.
    pub async fn login(
        &self,
        email: &str,
        password: String,
        device_id: Option<String>,
        traceparent: Option<&str>,
    ) -> Result<LoggedIn, UserError> {
        if let Some(device_id) = &device_id {
            let mut problems = Vec::new();
            check_text(
                &mut problems,
                "/deviceId",
                device_id,
                1,
                DEVICE_ID_CHARACTERS_MAX,
            );
            crate::invalid::none_of(problems)?;
        }
        // PostgreSQL cannot even be asked for a text with a NUL; no account has one.
        let email = rules::normal_email(email).replace('\0', "\u{fffd}");
        let account = store::find_account(&self.db, email.clone()).await?;
        let tried = account.as_ref().map(|account| account.user.id);
        let hash = account
            .as_ref()
            .and_then(|account| account.password_hash.clone());
        let one_time = one_time_hash(&password);
        let knows_password = self.passwords.verify(password, hash).await?;
        let account = account.filter(|account| account.user.active);
        let now_us = self.db.ids().now_us();
        let begun = match account {
            Some(account) if knows_password => {
                self.begin_session(account, device_id, None, traceparent)
                    .await
            }
            Some(account) if has_one_time(&account, &one_time, now_us) => {
                self.begin_session(account, device_id, Some(one_time), traceparent)
                    .await
            }
            _ => Err(UserError::InvalidCredentials),
        };
        if matches!(begun, Err(UserError::InvalidCredentials)) {
            self.tell_refused(tried, &email, traceparent).await?;
        }
        begun
    }

    /// Exchanges a refresh token for its successor and a new access token.
    ///
    /// # Errors
    /// [`UserError::SessionRevoked`] when the session has ended, and when the token was used
    /// before and its successor has been used too: then somebody else has a copy, and the session
    /// ends.
    pub async fn refresh(
        &self,
        refresh_token: &str,
        traceparent: Option<&str>,
    ) -> Result<LoggedIn, UserError> {
        let token = self
            .refresh_tokens
            .read(refresh_token)
            .ok_or(UserError::SessionRevoked)?;
        let successor = self.refresh_tokens.successor(&token);
        let cause = nobody(traceparent);
        let refreshed = self
            .db
            .write(move |tx| {
                let (token, successor) = (token.clone(), successor.clone());
                let cause = cause.clone();
                Box::pin(async move { rotate(tx, &token, successor, &cause).await })
            })
            .await?;
        match refreshed {
            Refreshed::Good(user, successor) => self.logged_in(user, &successor),
            Refreshed::Over(ended) => {
                self.tokens.end_sessions(&ended);
                self.wake.ring();
                Err(UserError::SessionRevoked)
            }
        }
    }

    /// Ends the session of a refresh token, and that of the actor. What is no token of ours ends
    /// nothing, and is no error.
    ///
    /// # Errors
    /// The database's only.
    pub async fn logout(
        &self,
        who: Option<&Identity>,
        refresh_token: Option<&str>,
        traceparent: Option<&str>,
    ) -> Result<(), UserError> {
        let by_token = refresh_token
            .and_then(|text| self.refresh_tokens.read(text))
            .map(|token| token.session_id);
        let by_actor = who.map(|who| who.session_id);
        let ended: Vec<Uuid> = by_token.into_iter().chain(by_actor).collect();
        if ended.is_empty() {
            return Ok(());
        }
        let cause = Cause {
            actor: who.map(|who| who.user_id),
            ..nobody(traceparent)
        };
        let ended = self
            .db
            .write(move |tx| {
                let (ended, cause) = (ended.clone(), cause.clone());
                Box::pin(async move { sessions::end(tx, ended, SessionEnd::Logout, &cause).await })
            })
            .await?;
        self.wake.ring();
        self.tokens.end_sessions(&ended);
        self.wake.ring();
        Ok(())
    }

    /// Tells of a refused login, whether or not there is such an account: neither answer takes longer.
    async fn tell_refused(
        &self,
        user_id: Option<Uuid>,
        email: &str,
        traceparent: Option<&str>,
    ) -> Result<(), UserError> {
        let data = SessionRefused {
            user_id,
            domain: match user_id {
                Some(_) => None,
                None => rules::domain(email),
            },
        };
        let id = self.db.ids().uuid_v7();
        let event = NewEvent::new(SESSION_REFUSED, id, 1, &data)?.caused(&nobody(traceparent));
        self.db
            .write(move |tx| {
                let event = event.clone();
                Box::pin(async move {
                    let now_us = tx.now_us().await?;
                    outbox::append(tx, now_us, &[event]).await
                })
            })
            .await?;
        self.wake.ring();
        Ok(())
    }

    async fn begin_session(
        &self,
        account: Account,
        device_id: Option<String>,
        one_time: Option<Vec<u8>>,
        traceparent: Option<&str>,
    ) -> Result<LoggedIn, UserError> {
        let ids = self.db.ids();
        let token = RefreshTokens::first(ids.uuid_v7(), ids.bytes::<32>());
        let user_id = account.user.id;
        let opened = SessionOpened {
            session_id: token.session_id,
            user_id,
            device_id: device_id.clone(),
        };
        let event = NewEvent::new(SESSION_OPENED, token.session_id, 1, &opened)?
            .caused(&nobody(traceparent))
            .by(user_id);
        let session = NewSession {
            id: token.session_id,
            user_id,
            device_id,
            current_hash: token.hash(),
        };
        let user = self
            .db
            .write(move |tx| {
                let (session, one_time) = (session.clone(), one_time.clone());
                let (account, event) = (account.clone(), event.clone());
                Box::pin(async move {
                    let user = lock_unchanged(tx, user_id, &account).await?.user;
                    if let Some(hash) = one_time
                        && !store::use_one_time(tx, user_id, hash).await?
                    {
                        return Err(UserError::InvalidCredentials);
                    }
                    let now_us = tx.now_us().await?;
                    sessions::insert(tx, session, now_us).await?;
                    outbox::append(tx, now_us, &[event]).await?;
                    Ok(user)
                })
            })
            .await?;
        self.wake.ring();
        self.logged_in(user, &token)
    }

    fn logged_in(&self, user: User, token: &RefreshToken) -> Result<LoggedIn, UserError> {
        Ok(LoggedIn {
            access_token: self
                .tokens
                .issue(user.id, user.roles, user.version, token.session_id)?,
            refresh_token: self.refresh_tokens.text(token),
            user,
        })
    }
}

/// Nobody has shown who they are.
fn nobody(traceparent: Option<&str>) -> Cause {
    Cause {
        actor: None,
        traceparent: traceparent.map(str::to_owned),
    }
}

fn has_one_time(account: &Account, hash: &[u8], now_us: i64) -> bool {
    let in_time = account
        .one_time_until_us
        .is_some_and(|until_us| now_us < until_us);
    in_time && is_one_time(account, hash)
}

/// Whether `token` is the account's one-time token, used or not.
pub(super) fn knows_one_time(account: &Account, token: &str) -> bool {
    is_one_time(account, &one_time_hash(token))
}

fn is_one_time(account: &Account, hash: &[u8]) -> bool {
    account
        .one_time_hash
        .as_deref()
        .is_some_and(|stored| subtle::ConstantTimeEq::ct_eq(stored, hash).into())
}

async fn rotate(
    tx: &mut Tx,
    token: &RefreshToken,
    successor: RefreshToken,
    cause: &Cause,
) -> Result<Refreshed, UserError> {
    let id = token.session_id;
    let Some(session) = sessions::lock(tx, id).await? else {
        return Ok(Refreshed::Over(Vec::new()));
    };
    let now_us = tx.now_us().await?;
    let idle_us = now_us.saturating_sub(session.used_us);
    let user = store::find_user(&mut *tx, session.user_id)
        .await?
        .filter(|user| user.active);
    let hash = token.hash();
    let current = hash == session.current_hash;
    let previous = session.previous_hash == Some(hash);
    match user {
        Some(user) if (current || previous) && idle_us <= SESSION_IDLE_DAYS_MAX * DAY_US => {
            if current {
                sessions::rotate(tx, id, successor.hash(), now_us).await?;
            }
            Ok(Refreshed::Good(user, successor))
        }
        // An end that must be committed is no error of the transaction.
        _ => {
            let reason = SessionEnd::RefreshRefused;
            let ended = sessions::end(tx, vec![id], reason, cause).await?;
            Ok(Refreshed::Over(ended))
        }
    }
}
