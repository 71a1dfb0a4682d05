//! Access tokens: JWT (RFC 9068), ES256, 15 minutes.
//!
//! Any node verifies by itself, with the public keys alone. A verified token is remembered until it
//! expires: checking a signature costs a hundred times a look into the cache.

use super::ended::EndedSessions;
use super::keys::SigningKeys;
use crate::identity::{Identity, Roles};
use crate::key_files::KeyError;
use crate::time::Ids;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// How long an access token is good, in seconds.
pub const ACCESS_TOKEN_SECONDS: i64 = 15 * 60;

const ISSUER: &str = "athena";
const AUDIENCE: &str = "athena";
const TYPE: &str = "at+jwt";
/// A token longer than this is none of ours.
const TOKEN_BYTES_MAX: usize = 4 * 1024;
/// Verified tokens remembered, about 200 bytes each.
const CACHED_MAX: usize = 16 * 1024;
/// How far the clock of the node that issued a token may be ahead of this one's, in seconds.
const CLOCK_LEEWAY_SECONDS: i64 = 60;
const US: i64 = 1_000_000;

/// Why a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no token of ours.
    #[error("the access token is not valid")]
    Unauthenticated,
    /// It was one, until a while ago: refresh it.
    #[error("the access token has expired")]
    Expired,
    /// Its session has ended: the person signed out, left, or got another password.
    #[error("the session has ended")]
    SessionEnded,
}

/// A token could not be made.
#[derive(Debug, thiserror::Error)]
#[error("an access token cannot be signed: {0}")]
pub struct IssueError(String);

/// Issues and verifies access tokens.
pub struct Tokens {
    keys: SigningKeys,
    validation: Validation,
    verified: Cache<[u8; 32], Arc<Identity>>,
    ended: EndedSessions,
    ids: Ids,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    sid: Uuid,
    jti: Uuid,
    roles: Roles,
    iat: i64,
    nbf: i64,
    exp: i64,
    /// Of the user's record. A service that knows an older one of it knows that news is on its way.
    #[serde(default)]
    ver: i64,
}

impl Tokens {
    /// Uses the keys in `folder`, and makes the first one if there is none.
    ///
    /// # Errors
    /// When the folder or a key cannot be read or written.
    pub fn open(folder: &Path, ids: Ids) -> Result<Self, KeyError> {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // The library reads the system's clock; ours comes in through `Ids`, so times are checked
        // here.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Self {
            keys: SigningKeys::open(folder, &ids)?,
            validation,
            verified: Cache::new(CACHED_MAX),
            ended: EndedSessions::default(),
            ids,
        })
    }

    /// A token for a session, good for [`ACCESS_TOKEN_SECONDS`], with what this version of the user's record says.
    ///
    /// # Errors
    /// When the key does not sign.
    pub fn issue(
        &self,
        user_id: Uuid,
        roles: Roles,
        version: i64,
        session_id: Uuid,
    ) -> Result<String, IssueError> {
        let now = self.ids.now_us() / US;
        let key = self.keys.newest();
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(key.id.clone());
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user_id,
            sid: session_id,
            jti: self.ids.uuid_v7(),
            roles,
            iat: now,
            nbf: now,
            exp: now + ACCESS_TOKEN_SECONDS,
            ver: version,
        };
        encode(&header, &claims, &key.encoding).map_err(|error| IssueError(error.to_string()))
    }

    /// Who bears this token.
    ///
    /// # Errors
    /// [`TokenError::Expired`] for a token of ours whose time is over,
    /// [`TokenError::SessionEnded`] for one whose session is, else
    /// [`TokenError::Unauthenticated`].
    pub fn verify(&self, token: &str) -> Result<Arc<Identity>, TokenError> {
        let identity = self.verify_alone(token)?;
        if self.ended.has(identity.session_id) {
            return Err(TokenError::SessionEnded);
        }
        Ok(identity)
    }

    /// Refuses the tokens of these sessions from now on.
    pub(super) fn end_sessions(&self, ended: &[Uuid]) {
        self.ended.add(ended, self.ids.now_us());
    }

    pub(super) fn ended(&self) -> &EndedSessions {
        &self.ended
    }

    /// By the keys and the clock alone.
    fn verify_alone(&self, token: &str) -> Result<Arc<Identity>, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Unauthenticated);
        }
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(identity) = self.verified.get(&digest) {
            if self.ids.now_us() < identity.expires_us {
                return Ok(identity);
            }
            self.verified.remove(&digest);
            return Err(TokenError::Expired);
        }
        let claims = self.claims(token).ok_or(TokenError::Unauthenticated)?;
        let now = self.ids.now_us() / US;
        if now >= claims.exp {
            return Err(TokenError::Expired);
        }
        if claims.nbf > now.saturating_add(CLOCK_LEEWAY_SECONDS) {
            return Err(TokenError::Unauthenticated);
        }
        let identity = Arc::new(Identity {
            user_id: claims.sub,
            roles: claims.roles,
            session_id: claims.sid,
            expires_us: claims.exp.saturating_mul(US),
            version: claims.ver,
        });
        self.verified.insert(digest, Arc::clone(&identity));
        Ok(identity)
    }

    /// The public keys (RFC 7517).
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        self.keys.jwks()
    }

    fn claims(&self, token: &str) -> Option<Claims> {
        let header = decode_header(token).ok()?;
        if !header.typ.is_some_and(|typ| typ.eq_ignore_ascii_case(TYPE)) {
            return None;
        }
        let key = self.keys.find(&header.kid?)?;
        decode::<Claims>(token, &key.decoding, &self.validation)
            .ok()
            .map(|token| token.claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Role;
    use crate::time::{Clock, SystemEntropy};
    use std::os::unix::fs::PermissionsExt;
    use std::sync::atomic::{AtomicI64, Ordering};

    #[derive(Default)]
    struct SetClock(AtomicI64);

    impl Clock for SetClock {
        fn now_us(&self) -> i64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    struct World {
        folder: tempfile::TempDir,
        clock: Arc<SetClock>,
    }

    impl World {
        fn new() -> Self {
            let clock = Arc::new(SetClock::default());
            clock.0.store(1_800_000_000 * US, Ordering::Relaxed);
            Self {
                folder: tempfile::tempdir().unwrap(),
                clock,
            }
        }

        fn tokens(&self) -> Tokens {
            let ids = Ids::new(self.clock.clone(), Arc::new(SystemEntropy));
            Tokens::open(self.folder.path(), ids).unwrap()
        }

        fn wait(&self, seconds: i64) {
            self.clock.0.fetch_add(seconds * US, Ordering::Relaxed);
        }
    }

    fn issue(tokens: &Tokens) -> String {
        tokens
            .issue(
                Uuid::from_u128(1),
                Role::Sales.into(),
                3,
                Uuid::from_u128(2),
            )
            .unwrap()
    }

    #[test]
    fn a_token_says_who_bears_it_until_it_expires() {
        let world = World::new();
        let tokens = world.tokens();
        let token = issue(&tokens);
        for _ in 0..2 {
            let identity = tokens.verify(&token).unwrap();
            assert_eq!(identity.user_id, Uuid::from_u128(1));
            assert_eq!(identity.session_id, Uuid::from_u128(2));
            assert!(identity.has(Role::Sales) && !identity.has(Role::Admin));
            assert_eq!(identity.version, 3);
        }
        world.wait(ACCESS_TOKEN_SECONDS);
        assert_eq!(tokens.verify(&token), Err(TokenError::Expired), "cached");
        let fresh = world.tokens();
        assert_eq!(fresh.verify(&token), Err(TokenError::Expired), "not cached");
    }

    #[test]
    fn a_token_ends_with_its_session_and_no_other_does() {
        let world = World::new();
        let tokens = world.tokens();
        let token = issue(&tokens);
        assert!(tokens.verify(&token).is_ok());
        tokens.end_sessions(&[Uuid::from_u128(3)]);
        assert!(tokens.verify(&token).is_ok());
        tokens.end_sessions(&[Uuid::from_u128(2)]);
        assert_eq!(tokens.verify(&token), Err(TokenError::SessionEnded));
        world.wait(ACCESS_TOKEN_SECONDS);
        assert_eq!(tokens.verify(&token), Err(TokenError::Expired));
    }

    #[test]
    fn any_change_of_a_token_makes_it_worthless() {
        let tokens = World::new().tokens();
        let token = issue(&tokens);
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(bytes).unwrap();
            // The last character of a base64 text has bits that mean nothing.
            if at + 1 < token.len() && forged != token {
                assert_eq!(
                    tokens.verify(&forged),
                    Err(TokenError::Unauthenticated),
                    "{at}"
                );
            }
        }
        for text in ["", ".", "..", "a.b.c", &"x".repeat(10_000)] {
            assert_eq!(tokens.verify(text), Err(TokenError::Unauthenticated));
        }
    }

    #[test]
    fn a_token_from_far_ahead_is_refused_and_one_a_little_ahead_is_not() {
        let world = World::new();
        let tokens = world.tokens();
        world.wait(CLOCK_LEEWAY_SECONDS);
        let ahead = issue(&tokens);
        world.wait(1);
        let far_ahead = issue(&tokens);
        world.wait(-CLOCK_LEEWAY_SECONDS - 1);
        assert!(tokens.verify(&ahead).is_ok());
        assert_eq!(tokens.verify(&far_ahead), Err(TokenError::Unauthenticated));
    }

    #[test]
    fn keys_are_made_once_and_are_private() {
        let world = World::new();
        let first = world.tokens();
        let second = world.tokens();
        assert!(second.verify(&issue(&first)).is_ok());
        let keys: Vec<_> = std::fs::read_dir(world.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .collect();
        assert_eq!(keys.len(), 1);
        let mode = keys[0].metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn an_older_key_verifies_and_the_newest_signs() {
        let world = World::new();
        let old = world.tokens();
        let old_token = issue(&old);
        let other = World::new();
        drop(other.tokens());
        std::fs::copy(
            other.folder.path().join("access-0001.pem"),
            world.folder.path().join("access-0002.pem"),
        )
        .unwrap();
        let both = world.tokens();
        assert_eq!(both.jwks().keys.len(), 2);
        assert!(both.verify(&old_token).is_ok());
        let new_token = issue(&both);
        assert!(both.verify(&new_token).is_ok());
        assert_eq!(old.verify(&new_token), Err(TokenError::Unauthenticated));
    }

    #[test]
    fn a_damaged_key_stops_the_start() {
        let world = World::new();
        std::fs::write(world.folder.path().join("access-0001.pem"), "not a key").unwrap();
        let opened = Tokens::open(world.folder.path(), Ids::default());
        assert!(matches!(opened, Err(KeyError::NoKey { .. })));
    }

    #[test]
    fn the_public_keys_hold_no_secret() {
        let jwks = serde_json::to_value(World::new().tokens().jwks()).unwrap();
        let key = jwks["keys"][0].as_object().unwrap();
        assert_eq!(key["alg"], "ES256");
        assert_eq!(key["use"], "sig");
        assert!(!key.contains_key("d"));
    }
}
