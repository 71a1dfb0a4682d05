//! SQLite: one writer with group commit, readers beside it.
//!
//! Writers queue; the writer takes what is waiting, runs it in one transaction and commits once, so
//! that a single `fsync` answers many callers. What arrives meanwhile is the next group: while one is
//! written, those answered before it prepare their next. When one of a group fails, the group is
//! rolled back and each runs again alone: failures are rare, savepoints would cost everyone.
//!
//! The writer has a thread of its own. It waits for SQLite several times a transaction, and as a task
//! it would wait each time behind whatever batch a worker of the runtime is decoding.

use super::pool::{self, LitePool};
use super::tx::{Held, sqlx_execute};
use super::{DbError, DbOptions, Service, Tx, migrate};
use crate::time::Ids;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Called by the writer before each commit.
pub type BeforeCommit = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Writes in one commit at most, so that the first caller of a group is not kept waiting.
const GROUP_MAX: usize = 64;
/// Pages that one reader keeps, in KiB (negative: SQLite's way of saying KiB). Every service has several
/// readers, and the default of 2 MiB each would fill the process with copies of the system's page cache.
const READER_CACHE: &str = "-512";
/// Readers of one service at most. A read is a few pages of a file that the system holds in memory, and each
/// reader is a thread with a heap and a cache of its own; who has cores for more has PostgreSQL.
const READERS_MAX: usize = 4;
/// Writes that may wait before callers are held back.
const QUEUE_MAX: usize = 1024;

/// What the writer keeps in memory (negative: KiB), for most services about SQLite's default. A delivery to the
/// audit log touches four pages a leaf, at random: in the default it would read and write them several times a
/// transaction.
fn writer_cache(service: Service) -> &'static str {
    match service {
        Service::Audit => "-8192",
        _ => "-2048",
    }
}

/// Pages of the write-ahead log until they are taken into the file: 16 MiB, and 64 MiB of the audit log, whose
/// pages are written over and over until then.
fn log_pages(service: Service) -> &'static str {
    match service {
        Service::Audit => "16000",
        _ => "4000",
    }
}

pub(super) struct Lite {
    readers: LitePool,
    writer: mpsc::Sender<Box<dyn Job>>,
}

impl Lite {
    pub(super) async fn open(
        folder: &Path,
        service: Service,
        options: &DbOptions,
        statements: Arc<AtomicU64>,
    ) -> Result<Self, DbError> {
        std::fs::create_dir_all(folder).map_err(|error| {
            DbError::Unavailable(format!("cannot make {}: {error}", folder.display()))
        })?;
        let connect = SqliteConnectOptions::new()
            .filename(folder.join(format!("{}.db", service.name())))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .pragma("wal_autocheckpoint", log_pages(service))
            .statement_cache_capacity(256)
            .log_statements(tracing::log::LevelFilter::Off);
        let connect_writer = connect.clone().pragma("cache_size", writer_cache(service));
        let mut connection = SqliteConnection::connect_with(&connect_writer).await?;
        migrate::sqlite(&mut connection, service).await?;
        let (writer, jobs) = mpsc::channel(QUEUE_MAX);
        let writing = write_loop(Writer {
            connection: Some(connection),
            connect: connect_writer,
            ids: options.ids.clone(),
            statements,
            before_commit: options.before_commit.clone(),
            jobs,
        });
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new()
            .name(format!("{}-writer", service.name()))
            .spawn(move || runtime.block_on(writing))
            .map_err(|error| DbError::Unavailable(format!("no thread to write with: {error}")))?;
        let reader = connect
            .pragma("query_only", "on")
            .pragma("cache_size", READER_CACHE);
        let readers = pool::sqlite(reader, options.connections_max.min(READERS_MAX))?;
        Ok(Self { readers, writer })
    }

    pub(super) async fn reader(
        &self,
    ) -> Result<deadpool::managed::Object<pool::LiteManager>, DbError> {
        Ok(self.readers.get().await?)
    }

    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(JobOf {
            work,
            outcome: None,
            reply,
        });
        let gone = || DbError::Unavailable("the writer has stopped".to_owned());
        self.writer.send(job).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// A queued write.
trait Job: Send {
    /// Runs the work and keeps its outcome; false when it failed.
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, bool>;
    /// Answers the caller, once its fate is certain.
    fn answer(self: Box<Self>, committed: Result<(), DbError>);
}

struct JobOf<T, E, F> {
    work: F,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Job for JobOf<T, E, F>
where
    F: for<'t> FnMut(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send,
    T: Send,
    E: From<DbError> + Send,
{
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, bool> {
        Box::pin(async move {
            let outcome = match AssertUnwindSafe((self.work)(tx)).catch_unwind().await {
                Ok(outcome) => outcome,
                Err(_) => Err(DbError::Other("a write panicked".to_owned()).into()),
            };
            let went_well = outcome.is_ok();
            self.outcome = Some(outcome);
            went_well
        })
    }

    fn answer(self: Box<Self>, committed: Result<(), DbError>) {
        let outcome = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Err(error), Some(Ok(_)) | None) => Err(error.into()),
            (Err(_), Some(Err(error))) => Err(error),
            (Ok(()), None) => Err(DbError::Other("a write did not run".to_owned()).into()),
        };
        if self.reply.send(outcome).is_err() {
            tracing::debug!("a caller left before its write was answered");
        }
    }
}

struct Writer {
    connection: Option<SqliteConnection>,
    connect: SqliteConnectOptions,
    ids: Ids,
    statements: Arc<AtomicU64>,
    before_commit: Option<BeforeCommit>,
    jobs: mpsc::Receiver<Box<dyn Job>>,
}

async fn write_loop(mut writer: Writer) {
    let mut group = Vec::new();
    while !group.is_empty() || writer.jobs.recv_many(&mut group, GROUP_MAX).await > 0 {
        match writer.run_group(&mut group).await {
            Ok(None) => group.drain(..).for_each(|job| job.answer(Ok(()))),
            Ok(Some(_)) if group.len() == 1 => {
                answer_failed(&mut group, "the write was rolled back");
            }
            // Those behind it have not run: they are the next group.
            Ok(Some(failed)) => {
                for job in group.drain(..=failed) {
                    writer.run_alone(job).await;
                }
            }
            Err(error) => answer_failed(&mut group, &reason(error)),
        }
    }
    if let Some(connection) = writer.connection.take()
        && let Err(error) = connection.close().await
    {
        tracing::warn!(%error, "the database file was not closed cleanly");
    }
}

/// Why a transaction did not begin or end: no fault of the work's, since no constraint waits for the commit.
fn reason(error: DbError) -> String {
    match error {
        DbError::Unavailable(why) => why,
        other => other.to_string(),
    }
}

fn answer_failed(group: &mut Vec<Box<dyn Job>>, why: &str) {
    for job in group.drain(..) {
        job.answer(Err(DbError::Unavailable(why.to_owned())));
    }
}

impl Writer {
    /// Runs the group in one transaction. Where one of it fails, nothing is written, and its place is told.
    async fn run_group(&mut self, group: &mut [Box<dyn Job>]) -> Result<Option<usize>, DbError> {
        let mut tx = self.begin().await?;
        let mut failed = None;
        for (place, job) in group.iter_mut().enumerate() {
            if !job.run(&mut tx).await {
                failed = Some(place);
                break;
            }
        }
        self.end(tx, failed.is_none()).await?;
        Ok(failed)
    }

    async fn run_alone(&mut self, mut job: Box<dyn Job>) {
        let outcome = async {
            let mut tx = self.begin().await?;
            let well = job.run(&mut tx).await;
            self.end(tx, well).await?;
            Ok(well)
        }
        .await;
        job.answer(match outcome {
            Ok(true) => Ok(()),
            Ok(false) => Err(DbError::Other("the write was rolled back".to_owned())),
            Err(error) => Err(DbError::Unavailable(reason(error))),
        });
    }

    async fn begin(&mut self) -> Result<Tx, DbError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => SqliteConnection::connect_with(&self.connect).await?,
        };
        let mut tx = Tx::new(
            Held::Lite(connection),
            self.ids.clone(),
            Arc::clone(&self.statements),
        );
        sqlx_execute(&mut tx, "begin immediate").await?;
        Ok(tx)
    }

    /// Commits or rolls back. On failure the connection is dropped, which rolls back, and the next
    /// write opens a new one.
    async fn end(&mut self, mut tx: Tx, well: bool) -> Result<(), DbError> {
        if well && let Some(before_commit) = &self.before_commit {
            before_commit().await;
        }
        sqlx_execute(&mut tx, if well { "commit" } else { "rollback" }).await?;
        self.connection = tx.into_lite();
        Ok(())
    }
}
