//! Events from the outbox to a consumer: how long each takes at a fixed pace, and how many the relay publishes
//! when there are enough. Measured from the tables (`--pg`), by whatever bus the server has.

use super::{Name, expect};
use crate::chain::{Chain, PATIENCE, Prose, expect_applied};
use crate::phone::Phone;
use crate::report::{Against, Line};
use crate::stage::Stage;
use crate::stats::{Done, Round, timed};
use crate::{Error, Result};
use sqlx::{Connection, PgConnection};
use std::time::Duration;
use tokio::time::Instant;

/// Submits of one push.
const BATCH: usize = 10;
/// Rows written for the relay, of a kind that nobody listens to.
const ROWS: i64 = 200_000;
/// Looking costs the database as well, so it is not done often: what is measured is read from the rows.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

pub(super) async fn run(name: Name, stage: &Stage) -> Result<Vec<Line>> {
    let url = stage.options.pg.as_deref();
    let url = url.ok_or("what becomes of events is read from the tables: give --pg")?;
    let mut database = PgConnection::connect(url).await?;
    let round = match name {
        Name::Relay => relay(stage, &mut database).await?,
        _ => lag(stage, &mut database).await?,
    };
    Ok(vec![Line::of(name, &[round], &[], Against::Raw, stage)?])
}

/// Requests submitted at `--rate`; the latencies are from the event's row in the outbox to its id in the
/// approval service's inbox, which is written with its effect.
async fn lag(stage: &Stage, database: &mut PgConnection) -> Result<Round> {
    let groups = (stage.options.phones / 2).max(1);
    let mut actors = Vec::new();
    for _ in 0..groups {
        let chain = Chain::open(stage, 1).await?;
        actors.push(((chain.sales, chain.prose), ()));
    }
    let begin_us: i64 =
        sqlx::query_scalar("select (extract(epoch from clock_timestamp()) * 1000000)::bigint")
            .fetch_one(&mut *database)
            .await?;
    let batches = stage.options.batches;
    let every = Duration::from_secs(1) * groups * u32::try_from(BATCH)? / stage.options.rate;
    let work = move |actor: Actor, ()| submit(actor, batches, every);
    let (_, mut round) = timed(&stage.meter, actors, work).await?;
    let begun = Instant::now();
    loop {
        let lags_us: Vec<i64> = sqlx::query_scalar(
            "select inbox.at_us - outbox.time_us
             from request.outbox join approval.inbox on inbox.event_id = outbox.id
             where outbox.type = 'request.submitted' and outbox.time_us >= $1",
        )
        .bind(begin_us)
        .fetch_all(&mut *database)
        .await?;
        if lags_us.len() as u64 == round.units {
            let lags_us = lags_us.into_iter();
            round.latencies_us = lags_us
                .map(|lag_us| u32::try_from(lag_us.max(0)).unwrap_or(u32::MAX))
                .collect();
            return Ok(round);
        }
        if begun.elapsed() > PATIENCE {
            let units = usize::try_from(round.units)?;
            expect("events taken by the approval service", lags_us.len(), units)?;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

type Actor = (Phone, Prose);

async fn submit((mut phone, prose): Actor, batches: u32, every: Duration) -> Result<Done<Actor>> {
    let mut pace = tokio::time::interval(every);
    let mut units = 0;
    for _ in 0..batches {
        let (changes, ids) = prose.submits(&mut phone.author, BATCH)?;
        pace.tick().await;
        expect_applied(&phone.push(&changes).await?, 2 * BATCH)?;
        units += ids.len() as u64;
    }
    Ok(Done {
        actor: (phone, prose),
        units,
        latencies_us: Vec::new(),
    })
}

/// From the first mark to the last of many rows that are there at once.
async fn relay(stage: &Stage, database: &mut PgConnection) -> Result<Round> {
    let before = stage.meter.read()?;
    sqlx::query(
        "insert into request.outbox (id, key, type, version, time_us, body)
         select gen_random_uuid(), md5((n % 5000)::text)::uuid, 'load.counted', n, 0,
                jsonb_build_object('n', n, 'text', repeat('a budget ', 20))
         from generate_series(1, $1) as n",
    )
    .bind(ROWS)
    .execute(&mut *database)
    .await?;
    let begun = Instant::now();
    let left = "select exists (select 1 from request.outbox where published_us is null)";
    loop {
        let left: bool = sqlx::query_scalar(left).fetch_one(&mut *database).await?;
        if !left {
            break;
        }
        if begun.elapsed() > PATIENCE {
            return Err(Error::from("not all events are published"));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let (first_us, last_us): (i64, i64) = sqlx::query_as(
        "select min(published_us), max(published_us) from request.outbox where type = 'load.counted'",
    )
    .fetch_one(&mut *database)
    .await?;
    sqlx::query("delete from request.outbox where type = 'load.counted'")
        .execute(&mut *database)
        .await?;
    Ok(Round {
        units: u64::try_from(ROWS)?,
        wall: Duration::from_micros(u64::try_from(last_us - first_us)?),
        latencies_us: Vec::new(),
        cpu: stage.meter.read()? - before,
    })
}
