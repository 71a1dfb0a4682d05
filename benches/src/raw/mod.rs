//! *Raw*: the bare database doing the product's rows. No HTTP, no tokens, no rules, no feed, no outbox:
//! one bulk upsert a batch into a table of the same columns and indexes, and the plain selects, read fully.

mod postgres;
mod sqlite;
mod votes;

pub(crate) use postgres::Columns;
pub(crate) use votes::RawVotes;

use crate::Result;
use crate::draft::Draft;
use crate::process::Meter;
use crate::stats::{Done, Lap, Round, timed};
use sqlx::{PgConnection, SqliteConnection};
use std::path::Path;
use uuid::Uuid;

/// Rows of one upsert: an owner's drafts at these places of the feed.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    pub(crate) owner_id: Uuid,
    pub(crate) drafts: Vec<(i64, Draft)>,
}

/// The compared database.
pub(crate) enum Raw {
    /// Nothing to compare with.
    None,
    /// As many connections as there are phones, or as raw is fastest with.
    Postgres(Vec<PgConnection>),
    /// SQLite has one writer, so raw has one connection.
    Sqlite(Box<SqliteConnection>),
}

/// A select of raw, and how many rows it must give.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Read {
    /// Pages of 1,000 from the beginning.
    Everything { rows: u64 },
    /// What lies behind this place of the feed.
    After { at_us: i64, rows: u64 },
    /// The head alone.
    Head { at_us: i64 },
}

impl Raw {
    pub(crate) async fn postgres(url: &str, connections: u32) -> Result<Self> {
        Ok(Self::Postgres(postgres::open(url, connections).await?))
    }

    pub(crate) async fn sqlite(folder: &Path) -> Result<Self> {
        Ok(Self::Sqlite(Box::new(sqlite::open(folder).await?)))
    }

    /// Upserts a queue of batches a connection, timed. `None` where there is nothing to compare with.
    pub(crate) async fn upsert(
        &mut self,
        meter: &Meter,
        queues: Vec<Vec<Rows>>,
    ) -> Result<Option<Round>> {
        match self {
            Self::None => Ok(None),
            Self::Postgres(connections) => {
                let jobs = queues
                    .iter()
                    .map(|queue| queue.iter().map(Columns::of).collect::<Vec<_>>());
                let actors = std::mem::take(connections).into_iter().zip(jobs).collect();
                let (back, round) = timed(meter, actors, |mut actor, queue| async move {
                    let mut latencies_us = Vec::with_capacity(queue.len());
                    let mut units = 0;
                    for columns in &queue {
                        let lap = Lap::start();
                        units += postgres::upsert(&mut actor, columns).await?;
                        latencies_us.push(lap.us());
                    }
                    Ok(Done {
                        actor,
                        latencies_us,
                        units,
                    })
                })
                .await?;
                *connections = back;
                Ok(Some(round))
            }
            Self::Sqlite(_) => {
                let Self::Sqlite(actor) = std::mem::replace(self, Self::None) else {
                    return Ok(None);
                };
                let queue: Vec<Rows> = queues.into_iter().flatten().collect();
                let (back, round) =
                    timed(meter, vec![(actor, queue)], |mut actor, queue| async move {
                        let mut latencies_us = Vec::with_capacity(queue.len());
                        let mut units = 0;
                        for rows in &queue {
                            let lap = Lap::start();
                            units += sqlite::upsert(&mut actor, rows).await?;
                            latencies_us.push(lap.us());
                        }
                        Ok(Done {
                            actor,
                            latencies_us,
                            units,
                        })
                    })
                    .await?;
                *self = back.into_iter().next().map_or(Self::None, Self::Sqlite);
                Ok(Some(round))
            }
        }
    }

    /// Repeats one select a connection, timed; a wrong number of rows fails. PostgreSQL only.
    pub(crate) async fn read(
        &mut self,
        meter: &Meter,
        reads: Vec<(Uuid, Read)>,
        times: u32,
    ) -> Result<Option<Round>> {
        let Self::Postgres(connections) = self else {
            return Ok(None);
        };
        let actors = std::mem::take(connections).into_iter().zip(reads).collect();
        let (back, round) = timed(
            meter,
            actors,
            move |mut actor, (owner_id, read)| async move {
                let mut latencies_us = Vec::with_capacity(times as usize);
                let mut units = 0;
                for _ in 0..times {
                    let lap = Lap::start();
                    units += postgres::read(&mut actor, owner_id, read, &mut latencies_us).await?;
                    if !matches!(read, Read::Everything { .. }) {
                        latencies_us.push(lap.us());
                    }
                }
                Ok(Done {
                    actor,
                    latencies_us,
                    units,
                })
            },
        )
        .await?;
        *connections = back;
        Ok(Some(round))
    }

    /// Notes the head of each owner's feed, for [`Read::Head`].
    pub(crate) async fn set_heads(&mut self, heads: &[(Uuid, i64)]) -> Result<()> {
        if let Self::Postgres(connections) = self
            && let Some(connection) = connections.first_mut()
        {
            postgres::set_heads(connection, heads).await?;
        }
        Ok(())
    }

    /// Fails unless exactly so many rows are stored.
    pub(crate) async fn check_rows(&mut self, expected: u64) -> Result<()> {
        let found = match self {
            Self::None => return Ok(()),
            Self::Postgres(connections) => match connections.first_mut() {
                Some(connection) => postgres::count(connection).await?,
                None => 0,
            },
            Self::Sqlite(connection) => sqlite::count(connection).await?,
        };
        if found == expected {
            Ok(())
        } else {
            Err(format!("raw stores {found} rows, not {expected}").into())
        }
    }
}
