//! Access tokens of a Google service account (RFC 7523): a signed assertion is exchanged for a token that is
//! good for an hour, which is kept until shortly before.

use super::super::{retry_after, said};
use crate::time::Ids;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::Mutex;

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long an assertion may be used: what Google permits at most.
const ASSERTION_SECONDS: i64 = 3_600;
/// A token is fetched anew so long before it ends.
const EARLY_US: i64 = 60 * 1_000_000;

/// What Google hands out.
#[derive(Deserialize)]
struct ServiceAccount {
    project_id: String,
    client_email: String,
    private_key: String,
    private_key_id: Option<String>,
    token_uri: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: i64,
}

struct Held {
    token: String,
    until_us: i64,
}

/// Why there is no access token.
pub(super) enum OauthError {
    /// The token service is away.
    Away {
        detail: String,
        after: Option<Duration>,
    },
    /// It refuses: a key that was withdrawn, a clock that is wrong.
    Refused(String),
}

/// Fetches and keeps access tokens.
pub(super) struct Tokens {
    account: ServiceAccount,
    key: EncodingKey,
    client: reqwest::Client,
    ids: Ids,
    /// Held while one is fetched, so that it is fetched once.
    held: Mutex<Option<Held>>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("client_email", &self.account.client_email)
            .finish_non_exhaustive()
    }
}

impl Tokens {
    pub(super) fn new(file: &[u8], client: reqwest::Client, ids: Ids) -> Result<Self, String> {
        // What serde says of a value that is wrong may repeat it.
        let account: ServiceAccount = serde_json::from_slice(file).map_err(|_| {
            "is no service account's key file: JSON with `project_id`, `client_email`, `private_key` and `token_uri`"
                .to_owned()
        })?;
        let key = EncodingKey::from_rsa_pem(account.private_key.as_bytes())
            .map_err(|_| "has a `private_key` that is no RSA key in PEM".to_owned())?;
        Ok(Self {
            account,
            key,
            client,
            ids,
            held: Mutex::new(None),
        })
    }

    pub(super) fn project_id(&self) -> &str {
        &self.account.project_id
    }

    /// A token that is good for a while.
    pub(super) async fn get(&self) -> Result<String, OauthError> {
        let mut held = self.held.lock().await;
        let now_us = self.ids.now_us();
        if let Some(held) = held.as_ref().filter(|held| now_us < held.until_us) {
            return Ok(held.token.clone());
        }
        let granted = self.fetch(now_us).await?;
        let lives_us = granted.expires_in.saturating_mul(1_000_000);
        *held = Some(Held {
            token: granted.access_token.clone(),
            until_us: now_us.saturating_add(lives_us).saturating_sub(EARLY_US),
        });
        Ok(granted.access_token)
    }

    /// Google does not take this token any more.
    pub(super) async fn forget(&self, token: &str) {
        let mut held = self.held.lock().await;
        // Another message may have fetched a new one meanwhile.
        if held.as_ref().is_some_and(|held| held.token == token) {
            *held = None;
        }
    }

    async fn fetch(&self, now_us: i64) -> Result<Granted, OauthError> {
        let iat = now_us / 1_000_000;
        let claims = Claims {
            iss: &self.account.client_email,
            scope: SCOPE,
            aud: &self.account.token_uri,
            iat,
            exp: iat + ASSERTION_SECONDS,
        };
        let mut header = Header::new(Algorithm::RS256);
        header.kid.clone_from(&self.account.private_key_id);
        let assertion = encode(&header, &claims, &self.key)
            .map_err(|_| OauthError::Refused("the assertion cannot be signed".to_owned()))?;
        let answer = self
            .client
            .post(&self.account.token_uri)
            .form(&[("grant_type", GRANT), ("assertion", &assertion)])
            .send()
            .await
            .map_err(|error| OauthError::Away {
                detail: said(error),
                after: None,
            })?;
        let (status, after) = (answer.status(), retry_after(answer.headers()));
        if status.is_success() {
            return answer.json().await.map_err(|error| OauthError::Away {
                detail: said(error),
                after: None,
            });
        }
        let detail = format!("Google's token service answers HTTP {}", status.as_u16());
        Err(if status.is_server_error() || status.as_u16() == 429 {
            OauthError::Away { detail, after }
        } else {
            OauthError::Refused(detail)
        })
    }
}
