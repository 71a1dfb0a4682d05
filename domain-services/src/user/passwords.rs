//! Passwords: Argon2id with 19 MiB, two passes, one lane (OWASP's recommendation).

use crate::time::Ids;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;
use tokio::sync::Semaphore;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hashes computed at a time: each takes 19 MiB and a core for some tens of milliseconds.
const AT_A_TIME: usize = 2;

/// A hash that no known password has, of the same cost as a real one. It is checked where there is
/// no real one, so that an answer takes as long whether or not an account exists.
const NOBODYS_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm8gYWNjb3VudCBoZXJl$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashing failed: not a wrong password, but a machine out of memory or the like.
#[derive(Debug, thiserror::Error)]
#[error("a password cannot be hashed: {0}")]
pub struct PasswordError(String);

/// Hashes and checks passwords, off the async threads and a few at a time.
#[derive(Clone)]
pub(super) struct Passwords {
    permits: Arc<Semaphore>,
    ids: Ids,
}

impl Passwords {
    pub(super) fn new(ids: Ids) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(AT_A_TIME)),
            ids,
        }
    }

    /// The hash of a password under a new salt, in PHC's text form.
    pub(super) async fn hash(&self, password: String) -> Result<String, PasswordError> {
        let salt = self.ids.bytes::<16>();
        self.work(move || {
            let salt = SaltString::encode_b64(&salt).map_err(failed)?;
            let hash = argon2id()?
                .hash_password(password.as_bytes(), &salt)
                .map_err(failed)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether `password` has this hash. Without a hash it never does, and takes as long.
    pub(super) async fn verify(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, PasswordError> {
        self.work(move || {
            let known = hash.is_some();
            let hash = hash.as_deref().unwrap_or(NOBODYS_HASH);
            let hash = PasswordHash::new(hash).map_err(failed)?;
            match argon2id()?.verify_password(password.as_bytes(), &hash) {
                Ok(()) => Ok(known),
                Err(argon2::password_hash::Error::Password) => Ok(false),
                Err(error) => Err(failed(error)),
            }
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(failed)?;
        // The permit goes with the work: a caller who leaves does not free the core it takes.
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        })
        .await
        .map_err(failed)?
    }
}

fn argon2id() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err asks for"
)]
fn failed(error: impl std::fmt::Display) -> PasswordError {
    PasswordError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_has_its_hash_and_no_other() {
        let passwords = Passwords::new(Ids::default());
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let verify = |password: &str, hash: Option<String>| {
            let passwords = passwords.clone();
            let password = password.to_owned();
            async move { passwords.verify(password, hash).await.unwrap() }
        };
        assert!(verify("correct horse", Some(hash.clone())).await);
        assert!(!verify("wrong horse", Some(hash.clone())).await);
        assert!(!verify("correct horse", None).await);
        let again = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert_ne!(hash, again, "each has its own salt");
    }

    #[test]
    fn nobodys_hash_costs_what_a_real_one_does() {
        let nobody = PasswordHash::new(NOBODYS_HASH).unwrap();
        let params = Params::try_from(&nobody).unwrap();
        assert_eq!(params.m_cost(), MEMORY_KIB);
        assert_eq!(params.t_cost(), PASSES);
        assert_eq!(params.p_cost(), LANES);
        assert_eq!(nobody.hash.unwrap().len(), 32);
    }
}
