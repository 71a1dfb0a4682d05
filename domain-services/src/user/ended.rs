//! Sessions that have ended while access tokens of theirs may still be good.
//!
//! A node verifies tokens by itself, with the public keys alone, so a token outlives its session by
//! up to [`ACCESS_TOKEN_SECONDS`]. Therefore every node keeps the ids of the sessions that ended
//! lately, in memory, and refuses their tokens. The node that ends a session knows at once; the
//! others ask the database every second for those after the last one they heard of, by an index.
//! A request reads no database for it.
//!
//! The bus could tell too, but its consumers run on one node, and every node must know. What is
//! remembered are sessions and not people: a person who comes back signs in anew, and is not taken
//! for the one who left.

use super::{ACCESS_TOKEN_SECONDS, UserService, sessions};
use crate::db::DbError;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long other nodes take to hear of an end.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// How long an end is remembered: as long as a token lives, and a while for clocks that differ.
pub(super) const REMEMBERED_US: i64 = (ACCESS_TOKEN_SECONDS + 300) * 1_000_000;

/// The sessions that ended lately, as far as this node has heard.
#[derive(Default)]
pub(super) struct EndedSessions {
    /// Session → when it may be forgotten, by this node's clock.
    until: RwLock<HashMap<Uuid, i64>>,
    /// The last number heard of.
    heard: AtomicI64,
}

impl EndedSessions {
    pub(super) fn has(&self, session_id: Uuid) -> bool {
        let until = self.until.read().unwrap_or_else(PoisonError::into_inner);
        until.contains_key(&session_id)
    }

    /// Remembers these, and forgets those whose tokens have all expired.
    pub(super) fn add(&self, ended: &[Uuid], now_us: i64) {
        if ended.is_empty() {
            return;
        }
        let mut until = self.until.write().unwrap_or_else(PoisonError::into_inner);
        until.retain(|_, until_us| now_us < *until_us);
        until.extend(ended.iter().map(|id| (*id, now_us + REMEMBERED_US)));
    }
}

impl UserService {
    /// Hears of the sessions that have ended since the last call, on any node.
    ///
    /// # Errors
    /// The database's.
    pub async fn hear_of_ended_sessions(&self) -> Result<(), DbError> {
        let ended = self.tokens.ended();
        let after = ended.heard.load(Ordering::Acquire);
        let rows = sessions::ended_after(&self.db, after).await?;
        let ids: Vec<Uuid> = rows.iter().map(|(id, _)| *id).collect();
        ended.add(&ids, self.db.ids().now_us());
        if let Some(last) = rows.iter().map(|(_, number)| *number).max() {
            ended.heard.fetch_max(last, Ordering::AcqRel);
        }
        Ok(())
    }

    /// Goes on hearing of ended sessions until told to stop. While the database is away nothing new
    /// is heard; then no request is served either.
    pub async fn watch_ended_sessions(&self, stop: CancellationToken) {
        let wait = || tokio::time::sleep(ASK_EVERY);
        while stop.run_until_cancelled(wait()).await.is_some() {
            if let Err(error) = self.hear_of_ended_sessions().await {
                tracing::debug!(%error, "ended sessions cannot be read");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_remembered_as_long_as_a_token_could_live() {
        let ended = EndedSessions::default();
        let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
        ended.add(&[first], 0);
        assert!(ended.has(first) && !ended.has(second));
        ended.add(&[second], REMEMBERED_US - 1);
        assert!(ended.has(first) && ended.has(second));
        ended.add(&[second], REMEMBERED_US);
        assert!(!ended.has(first) && ended.has(second));
    }
}
