//! Pulls coalesced: while one read of heads is under way, the pulls that arrive wait and share the
//! next. Under load a poll with nothing new costs a fraction of a statement; alone it costs one.
//!
//! Those whose head has moved then share a second statement, which reads the first entries of each.
//! It runs beside the next read of heads, so that polls do not wait for pages. Heads and entries are
//! two statements rather than one because most pulls find nothing, and to them every column and join
//! of the entries would be a cost.
//!
//! A pull shares only what is read after it arrived, else it could miss a commit that its phone
//! already knows of.

use super::store::{self, Position};
use crate::db::{Db, DbError, Rows};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Pulls answered by one read of heads at most.
const HEADS_MAX: usize = 1024;

/// Pulls whose entries one statement reads at most: with [`store::FIRST_ENTRIES_MAX`] for each, it
/// bounds the memory of one.
const PAGES_MAX: usize = 64;

/// What a pull found.
#[derive(Debug)]
pub(super) struct Found {
    /// The greatest position given in this user's feed, or `None` where there is none.
    pub(super) head_us: Option<i64>,
    /// The entries behind the pull's position, oldest first, [`store::FIRST_ENTRIES_MAX`] at most.
    /// `None` where they were not read: nothing is new, or the engine is SQLite, which has no
    /// lateral joins and answers each reader by itself.
    pub(super) entries: Option<Rows>,
}

type Answer = Result<Found, Arc<DbError>>;

struct Pull {
    position: Position,
    reply: oneshot::Sender<Answer>,
}

impl Pull {
    fn answer(self, answer: Answer) {
        if self.reply.send(answer).is_err() {
            tracing::trace!("a pull left before it was answered");
        }
    }
}

/// Reads users' heads, and what is new to them.
#[derive(Debug, Clone)]
pub(super) struct Pulls(mpsc::Sender<Pull>);

impl Pulls {
    pub(super) fn start(db: Db) -> Self {
        let (sender, receiver) = mpsc::channel(HEADS_MAX);
        tokio::spawn(answer_pulls(db, receiver));
        Self(sender)
    }

    /// What lies behind `after_us` in this user's feed.
    pub(super) async fn look(&self, user: Uuid, after_us: i64) -> Answer {
        let gone = || Arc::new(DbError::Unavailable("the service is stopping".to_owned()));
        let (reply, answer) = oneshot::channel();
        let position = Position { user, after_us };
        let pull = Pull { position, reply };
        self.0.send(pull).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

async fn answer_pulls(db: Db, mut pulls: mpsc::Receiver<Pull>) {
    let mut waiting = Vec::new();
    while pulls.recv_many(&mut waiting, HEADS_MAX).await > 0 {
        // Requests that arrived together are read by tasks that are still to run: let them join.
        tokio::task::yield_now().await;
        while waiting.len() < HEADS_MAX
            && let Ok(pull) = pulls.try_recv()
        {
            waiting.push(pull);
        }
        let users = waiting.iter().map(|pull| pull.position.user).collect();
        match store::heads(&db, users).await {
            Ok(heads) => answer_idle(&db, &heads, &mut waiting),
            Err(error) => fail(waiting.drain(..), error),
        }
    }
}

/// Answers the pulls to which nothing is new, and has the others' entries read.
fn answer_idle(db: &Db, heads: &HashMap<Uuid, i64>, waiting: &mut Vec<Pull>) {
    let mut moved = Vec::new();
    for pull in waiting.drain(..) {
        let head_us = heads.get(&pull.position.user).copied();
        match head_us {
            Some(head_us) if head_us > pull.position.after_us && !db.is_sqlite() => {
                moved.push((pull, head_us));
            }
            _ => pull.answer(Ok(Found {
                head_us,
                entries: None,
            })),
        }
    }
    while !moved.is_empty() {
        let rest = moved.split_off(moved.len().min(PAGES_MAX));
        tokio::spawn(answer_moved(db.clone(), moved));
        moved = rest;
    }
}

async fn answer_moved(db: Db, moved: Vec<(Pull, i64)>) {
    let positions: Vec<_> = moved.iter().map(|(pull, _)| pull.position).collect();
    match store::first_entries(&db, &positions).await {
        Ok(pages) => {
            for ((pull, head_us), rows) in moved.into_iter().zip(pages) {
                pull.answer(Ok(Found {
                    head_us: Some(head_us),
                    entries: Some(rows),
                }));
            }
        }
        Err(error) => fail(moved.into_iter().map(|(pull, _)| pull), error),
    }
}

fn fail(pulls: impl Iterator<Item = Pull>, error: DbError) {
    let error = Arc::new(error);
    for pull in pulls {
        pull.answer(Err(Arc::clone(&error)));
    }
}
