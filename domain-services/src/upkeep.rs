//! What every service's tables of events need: old rows removed, and numbers for the operator.

use crate::db::{Db, DbError, Service, Tx, sql};
use futures_util::future::BoxFuture;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Rows removed in one transaction: short enough to be in nobody's way.
const BATCH: i64 = 1_000;
/// How often there is looked for old rows.
const PRUNE_EVERY: Duration = Duration::from_mins(1);
/// Between two batches, where one was full.
const BREATH: Duration = Duration::from_millis(20);
/// How often the outbox is measured.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// How long rows are kept.
///
/// An event comes again when a relay ended between publishing and marking it, and when a service's database
/// was restored and its relay publishes again what it had; both within the life of its outbox row. And it
/// comes again as long as another consumer of the in-process bus refuses it, however long that takes. So the
/// inbox must outlive the outbox, and the longest time that anything may be away.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Of published events in the outbox. Unpublished ones stay for ever.
    pub outbox: Duration,
    /// Of ids in the inbox.
    pub inbox: Duration,
}

/// Removes old rows and measures, until `stop`.
pub async fn run(service: Service, db: Db, retention: Retention, stop: CancellationToken) {
    let work = async {
        let mut prune_in = Duration::ZERO;
        loop {
            if let Err(error) = measure(service, &db).await {
                let service = service.name();
                tracing::debug!(%error, service, "the outbox was not measured");
            }
            if prune_in.is_zero() {
                prune_in = PRUNE_EVERY;
                if let Err(error) = prune(service, &db, retention).await {
                    let service = service.name();
                    tracing::warn!(%error, service, "old events were not removed; trying again in a minute");
                }
            }
            prune_in = prune_in.saturating_sub(MEASURE_EVERY);
            tokio::time::sleep(MEASURE_EVERY).await;
        }
    };
    let _ = Box::pin(stop.run_until_cancelled(work)).await;
}

/// Removes what is older than it need be, in small batches; gives the numbers of rows of outbox and inbox.
///
/// # Errors
/// The database's.
pub async fn prune(service: Service, db: &Db, retention: Retention) -> Result<(u64, u64), DbError> {
    let before = |age: Duration| {
        let age_us = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        db.ids().now_us().saturating_sub(age_us)
    };
    let mut outbox = 0;
    if service.has_outbox() {
        outbox = by_batches(db, before(retention.outbox), prune_outbox).await?;
    }
    let inbox = by_batches(db, before(retention.inbox), prune_inbox).await?;
    Ok((outbox, inbox))
}

type Prune = for<'t> fn(&'t mut Tx, i64) -> BoxFuture<'t, Result<u64, DbError>>;

async fn by_batches(db: &Db, before_us: i64, prune: Prune) -> Result<u64, DbError> {
    let mut all = 0;
    loop {
        let removed = db.write(move |tx| prune(tx, before_us)).await?;
        all += removed;
        if removed < BATCH.unsigned_abs() {
            return Ok(all);
        }
        tokio::time::sleep(BREATH).await;
    }
}

/// Looks at the first rows only, whatever the table holds: the oldest come first, and one that is not
/// published keeps those behind it a little longer.
fn prune_outbox(tx: &mut Tx, before_us: i64) -> BoxFuture<'_, Result<u64, DbError>> {
    Box::pin(async move {
        sql("delete from outbox where seq in
               (select seq from (select seq, published_us from outbox order by seq limit $2) as head
                where published_us < $1)")
        .bind(before_us)
        .bind(BATCH)
        .execute(tx)
        .await
    })
}

fn prune_inbox(tx: &mut Tx, before_us: i64) -> BoxFuture<'_, Result<u64, DbError>> {
    Box::pin(async move {
        sql("delete from inbox where event_id in
               (select event_id from inbox where at_us < $1 order by at_us limit $2)")
        .bind(before_us)
        .bind(BATCH)
        .execute(tx)
        .await
    })
}

/// How many events wait in the outbox and since when, and how many are parked.
async fn measure(service: Service, db: &Db) -> Result<(), DbError> {
    let number = |count: i64| f64::from(i32::try_from(count).unwrap_or(i32::MAX));
    let name = service.name();
    let (parked,): (i64,) = sql("select count(*) from dead_letter")
        .fetch_one(db)
        .await?;
    metrics::gauge!("athena_dead_letters", "service" => name).set(number(parked));
    if !service.has_outbox() {
        return Ok(());
    }
    let (waiting, oldest_us): (i64, Option<i64>) =
        sql("select count(*), min(time_us) from outbox where published_us is null")
            .fetch_one(db)
            .await?;
    let age_us = oldest_us.map_or(0, |oldest| db.ids().now_us().saturating_sub(oldest).max(0));
    metrics::gauge!("athena_outbox_depth", "service" => name).set(number(waiting));
    metrics::gauge!("athena_outbox_oldest_age_seconds", "service" => name)
        .set(number(age_us / 1_000_000));
    Ok(())
}
