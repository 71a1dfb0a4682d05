//! "Pull now": who listens for changes of whose feed, within this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use uuid::Uuid;

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

    /// Who listens now.
    #[must_use]
    pub fn listening(&self) -> Vec<Uuid> {
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
