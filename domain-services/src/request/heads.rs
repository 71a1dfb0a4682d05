//! Idle polls coalesced: while one read of heads is under way, the polls that arrive wait and share
//! the next. Under load a poll costs a fraction of a statement; alone it costs one.

use super::store;
use crate::db::{Db, DbError};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Polls answered by one statement at most.
const POLLS_MAX: usize = 1024;

type Answer = Result<Option<i64>, Arc<DbError>>;

/// Reads users' heads.
#[derive(Debug, Clone)]
pub(super) struct Heads(mpsc::Sender<(Uuid, oneshot::Sender<Answer>)>);

impl Heads {
    pub(super) fn start(db: Db) -> Self {
        let (sender, receiver) = mpsc::channel(POLLS_MAX);
        tokio::spawn(answer_polls(db, receiver));
        Self(sender)
    }

    /// The greatest position given in this user's feed, or `None` where there is none.
    pub(super) async fn of(&self, user: Uuid) -> Answer {
        let gone = || Arc::new(DbError::Unavailable("the service is stopping".to_owned()));
        let (reply, answer) = oneshot::channel();
        self.0.send((user, reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

async fn answer_polls(db: Db, mut polls: mpsc::Receiver<(Uuid, oneshot::Sender<Answer>)>) {
    let mut waiting = Vec::new();
    while polls.recv_many(&mut waiting, POLLS_MAX).await > 0 {
        // Requests that arrived together are read by tasks that are still to run: let them join.
        tokio::task::yield_now().await;
        while waiting.len() < POLLS_MAX
            && let Ok(poll) = polls.try_recv()
        {
            waiting.push(poll);
        }
        let users = waiting.iter().map(|(user, _)| *user).collect();
        let heads = store::heads(&db, users).await.map_err(Arc::new);
        for (user, reply) in waiting.drain(..) {
            let answer = match &heads {
                Ok(heads) => Ok(heads.get(&user).copied()),
                Err(error) => Err(Arc::clone(error)),
            };
            if reply.send(answer).is_err() {
                tracing::trace!("a poll left before it was answered");
            }
        }
    }
}
