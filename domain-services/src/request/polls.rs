//! Pulls coalesced: while one read is under way, the pulls that arrive wait and share the next.
//!
//! Most pulls find nothing, and most others a handful of changes. One statement answers both kinds
//! for all who wait: each one's feed head, and on PostgreSQL with it the first entries behind its
//! position if there are any. Who is further behind reads a page of its own. Under load a pull costs
//! a fraction of a statement; alone it costs one.

use super::store::{self, Position};
use crate::db::{Db, DbError, Rows};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Pulls answered by one statement at most.
const POLLS_MAX: usize = 256;

/// What a pull found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// The greatest position given in this user's feed, or `None` where there is none.
    pub(super) head_us: Option<i64>,
    /// The entries behind the pull's position, oldest first, where they were read with the head and
    /// are few enough to be all of them.
    pub(super) entries: Option<(Arc<Rows>, Range<usize>)>,
}

type Answer = Result<Found, Arc<DbError>>;
type Poll = (Position, oneshot::Sender<Answer>);

/// Reads users' heads and their first news.
#[derive(Debug, Clone)]
pub(super) struct Polls(mpsc::Sender<Poll>);

impl Polls {
    pub(super) fn start(db: Db) -> Self {
        let (sender, receiver) = mpsc::channel(POLLS_MAX);
        tokio::spawn(answer_polls(db, receiver));
        Self(sender)
    }

    /// What lies behind `after_us` in this user's feed.
    pub(super) async fn look(&self, user: Uuid, after_us: i64) -> Answer {
        let gone = || Arc::new(DbError::Unavailable("the service is stopping".to_owned()));
        let (reply, answer) = oneshot::channel();
        let position = Position { user, after_us };
        self.0.send((position, reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

async fn answer_polls(db: Db, mut polls: mpsc::Receiver<Poll>) {
    let mut waiting = Vec::new();
    while polls.recv_many(&mut waiting, POLLS_MAX).await > 0 {
        // Requests that arrived together are read by tasks that are still to run: let them join.
        tokio::task::yield_now().await;
        while waiting.len() < POLLS_MAX
            && let Ok(poll) = polls.try_recv()
        {
            waiting.push(poll);
        }
        let positions: Vec<Position> = waiting.iter().map(|(position, _)| *position).collect();
        let found = look_for_all(&db, &positions).await.map_err(Arc::new);
        for (index, (_, reply)) in waiting.drain(..).enumerate() {
            let answer = match &found {
                Ok(found) => Ok(found[index].clone()),
                Err(error) => Err(Arc::clone(error)),
            };
            if reply.send(answer).is_err() {
                tracing::trace!("a pull left before it was answered");
            }
        }
    }
}

async fn look_for_all(db: &Db, positions: &[Position]) -> Result<Vec<Found>, DbError> {
    if db.is_sqlite() {
        let users = positions.iter().map(|position| position.user).collect();
        let heads: HashMap<Uuid, i64> = store::heads(db, users).await?;
        return Ok(positions
            .iter()
            .map(|position| Found {
                head_us: heads.get(&position.user).copied(),
                entries: None,
            })
            .collect());
    }
    let rows = Arc::new(store::first_entries(db, positions).await?);
    let mut found = vec![
        Found {
            head_us: None,
            entries: None,
        };
        positions.len()
    ];
    let mut starts = vec![None; positions.len()];
    for (row, marks) in store::marks(&rows).enumerate() {
        let marks = marks?;
        let Some(one) = found.get_mut(marks.poll) else {
            continue;
        };
        one.head_us = marks.head_us;
        if marks.has_entry {
            let start: usize = *starts[marks.poll].get_or_insert(row);
            one.entries = Some((Arc::clone(&rows), start..row + 1));
        }
    }
    for one in &mut found {
        let full = |(_, range): &(Arc<Rows>, Range<usize>)| range.len() > store::FIRST_ENTRIES_MAX;
        if one.entries.as_ref().is_some_and(full) {
            one.entries = None;
        }
    }
    Ok(found)
}
