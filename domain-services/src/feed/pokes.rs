//! "Pull now": who listens for changes of whose feed, within this process.

use crate::db::DbError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How often a node looks for changes that another node made, for the streams open here.
const WATCH: Duration = Duration::from_secs(2);

/// The listeners of this process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Pokes(Arc<Mutex<HashMap<Uuid, watch::Sender<u64>>>>);

impl Pokes {
    /// Hears of every later change of this user's feed; several changes may be heard as one.
    #[must_use]
    pub fn subscribe(&self, user: Uuid) -> watch::Receiver<u64> {
        let mut listeners = self.lock();
        listeners.retain(|_, sender| sender.receiver_count() > 0);
        listeners
            .entry(user)
            .or_insert_with(|| watch::channel(0).0)
            .subscribe()
    }

    /// Tells this user's listeners.
    pub fn poke(&self, user: Uuid) {
        if let Some(sender) = self.lock().get(&user) {
            sender.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Pokes listeners whose heads were moved by another node, until `stop`: one indexed read every two
    /// seconds for all of them.
    pub(crate) async fn watch<H, F>(&self, heads: H, stop: CancellationToken)
    where
        H: Fn(Vec<Uuid>) -> F,
        F: Future<Output = Result<HashMap<Uuid, i64>, DbError>>,
    {
        let mut known = HashMap::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(WATCH) => {}
            }
            let listening = self.listening();
            if listening.is_empty() {
                known.clear();
                continue;
            }
            match heads(listening).await {
                Ok(heads) => {
                    for (user, at_us) in &heads {
                        if known.get(user).is_some_and(|before| before != at_us) {
                            self.poke(*user);
                        }
                    }
                    known = heads;
                }
                Err(error) => tracing::debug!(%error, "heads could not be watched"),
            }
        }
    }

    /// Who listens now.
    fn listening(&self) -> Vec<Uuid> {
        self.lock()
            .iter()
            .filter(|(_, sender)| sender.receiver_count() > 0)
            .map(|(user, _)| *user)
            .collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, watch::Sender<u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
