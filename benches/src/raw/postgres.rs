//! Raw PostgreSQL: `UNNEST` upserts and plain selects on held connections.

use super::{Read, Rows};
use crate::Result;
use crate::stats::Lap;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use uuid::Uuid;

const UPSERT: &str = "\
insert into raw.request as r (id, owner_id, at_us, created_us, title, amount_minor, currency, category_id, \
  reason_id, department_id, region, needed_by, justification, stamps, status, last_op, last_digest) \
select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::text[], \
  $8::uuid[], $9::uuid[], $10::uuid[], $11::text[], $12::text[], $13::text[], $14::bytea[], $15::text[], \
  $16::uuid[], $17::bigint[]) \
on conflict (id) do update set at_us = excluded.at_us, title = excluded.title, \
  amount_minor = excluded.amount_minor, currency = excluded.currency, category_id = excluded.category_id, \
  reason_id = excluded.reason_id, department_id = excluded.department_id, region = excluded.region, \
  needed_by = excluded.needed_by, justification = excluded.justification, stamps = excluded.stamps, \
  status = excluded.status, last_op = excluded.last_op, last_digest = excluded.last_digest \
where r.owner_id = excluded.owner_id";

const SELECT: &str = "\
select id, owner_id, at_us, created_us, title, amount_minor, currency, category_id, reason_id, department_id, \
  region, needed_by, justification, stamps, text_state, tombstone, status, revision, chain, submitted_us, \
  final_us, last_op, last_digest \
from raw.request where owner_id = $1 and at_us > $2 order by at_us limit $3";

/// One batch, a vector a column.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    ids: Vec<Uuid>,
    owner_ids: Vec<Uuid>,
    at_us: Vec<i64>,
    titles: Vec<String>,
    amounts_minor: Vec<i64>,
    currencies: Vec<&'static str>,
    category_ids: Vec<Uuid>,
    reason_ids: Vec<Uuid>,
    department_ids: Vec<Uuid>,
    regions: Vec<&'static str>,
    needed_by: Vec<String>,
    justifications: Vec<String>,
    stamps: Vec<Vec<u8>>,
    statuses: Vec<&'static str>,
    last_ops: Vec<Uuid>,
    last_digests: Vec<i64>,
}

impl Columns {
    pub(crate) fn of(rows: &Rows) -> Self {
        let mut columns = Self::default();
        for (at_us, draft) in &rows.drafts {
            let content = &draft.content;
            columns.ids.push(draft.id);
            columns.owner_ids.push(rows.owner_id);
            columns.at_us.push(*at_us);
            columns.titles.push(content.title.clone());
            columns.amounts_minor.push(content.amount_minor);
            columns.currencies.push(content.currency);
            columns.category_ids.push(content.category_id);
            columns.reason_ids.push(content.reason_id);
            columns.department_ids.push(content.department_id);
            columns.regions.push(content.region);
            columns.needed_by.push(content.needed_by.clone());
            columns.justifications.push(content.justification.clone());
            columns.stamps.push(draft.stored_stamps());
            columns.statuses.push("draft");
            columns.last_ops.push(draft.op_id);
            columns
                .last_digests
                .push(draft.op_id.as_u64_pair().1.cast_signed());
        }
        columns
    }
}

/// Connections to a new schema `raw` whose tables are the request service's, indexes and all.
pub(super) async fn open(url: &str, count: u32) -> Result<Vec<PgConnection>> {
    let mut connections = Vec::new();
    for _ in 0..count {
        connections.push(PgConnection::connect(url).await?);
    }
    let Some(first) = connections.first_mut() else {
        return Ok(connections);
    };
    first
        .execute("drop schema if exists raw cascade; create schema raw")
        .await?;
    for table in ["request", "feed_head"] {
        let exists: Option<String> =
            sqlx::query_scalar("select to_regclass('request.' || $1)::text")
                .bind(table)
                .fetch_one(&mut *first)
                .await?;
        if exists.is_none() {
            return Err(
                format!("--pg has no table request.{table}: is it the server's database?").into(),
            );
        }
        let options: Option<String> = sqlx::query_scalar(
            "select array_to_string(reloptions, ', ') from pg_class where oid = ('request.' || $1)::regclass",
        )
        .bind(table)
        .fetch_one(&mut *first)
        .await?;
        let with = options.map_or_else(String::new, |options| format!(" with ({options})"));
        let create = format!("create table raw.{table} (like request.{table} including all){with}");
        first.execute(sqlx::raw_sql(AssertSqlSafe(create))).await?;
    }
    Ok(connections)
}

pub(super) async fn upsert(connection: &mut PgConnection, columns: &Columns) -> Result<u64> {
    let done = sqlx::query(UPSERT)
        .bind(&columns.ids)
        .bind(&columns.owner_ids)
        .bind(&columns.at_us)
        .bind(&columns.at_us)
        .bind(&columns.titles)
        .bind(&columns.amounts_minor)
        .bind(&columns.currencies)
        .bind(&columns.category_ids)
        .bind(&columns.reason_ids)
        .bind(&columns.department_ids)
        .bind(&columns.regions)
        .bind(&columns.needed_by)
        .bind(&columns.justifications)
        .bind(&columns.stamps)
        .bind(&columns.statuses)
        .bind(&columns.last_ops)
        .bind(&columns.last_digests)
        .execute(connection)
        .await?
        .rows_affected();
    if done == columns.ids.len() as u64 {
        Ok(done)
    } else {
        Err(format!("raw upserted {done} of {} rows", columns.ids.len()).into())
    }
}

/// One read; counts rows for everything, one request for the others. Pages are laps of their own.
pub(super) async fn read(
    connection: &mut PgConnection,
    owner_id: Uuid,
    read: Read,
    laps_us: &mut Vec<u32>,
) -> Result<u64> {
    match read {
        Read::Everything { rows } => {
            let (mut after, mut seen) = (i64::MIN, 0);
            loop {
                let lap = Lap::start();
                let (found, last) = page(connection, owner_id, after, 1_000).await?;
                laps_us.push(lap.us());
                seen += found;
                after = last;
                if found < 1_000 {
                    break;
                }
            }
            expect(seen, rows)?;
            Ok(seen)
        }
        Read::After { at_us, rows } => {
            let (found, _) = page(connection, owner_id, at_us, 501).await?;
            expect(found, rows)?;
            Ok(1)
        }
        Read::Head { at_us } => {
            let head: i64 =
                sqlx::query_scalar("select at_us from raw.feed_head where user_id = $1")
                    .bind(owner_id)
                    .fetch_one(connection)
                    .await?;
            if head == at_us {
                Ok(1)
            } else {
                Err(format!("raw head {head}, not {at_us}").into())
            }
        }
    }
}

fn expect(found: u64, expected: u64) -> Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("raw read {found} rows, not {expected}").into())
    }
}

/// Reads a page in full: every column decoded, nothing built of it. Returns its rows and last place.
async fn page(
    connection: &mut PgConnection,
    owner_id: Uuid,
    after: i64,
    limit: i64,
) -> Result<(u64, i64)> {
    let rows = sqlx::query(SELECT)
        .bind(owner_id)
        .bind(after)
        .bind(limit)
        .fetch_all(connection)
        .await?;
    let mut last = after;
    let mut bytes = 0_usize;
    for row in &rows {
        let (at_us, length) = decode(row)?;
        if at_us <= last {
            return Err("raw rows out of order".into());
        }
        last = at_us;
        bytes += length;
    }
    if !rows.is_empty() && bytes == 0 {
        return Err("raw rows are empty".into());
    }
    Ok((rows.len() as u64, last))
}

fn decode(row: &PgRow) -> Result<(i64, usize)> {
    let mut bytes = 0_usize;
    for uuid in [0, 1] {
        bytes += row.try_get::<Uuid, _>(uuid)?.as_bytes().len();
    }
    for uuid in [7, 8, 9, 21] {
        bytes += row.try_get::<Option<Uuid>, _>(uuid)?.map_or(0, |_| 16);
    }
    for text in [4, 6, 10, 11, 12, 18] {
        bytes += row.try_get::<Option<&str>, _>(text)?.map_or(0, str::len);
    }
    bytes += row.try_get::<&str, _>(16)?.len();
    for blob in [13, 14, 15, 17] {
        bytes += row
            .try_get::<Option<&[u8]>, _>(blob)?
            .map_or(0, <[u8]>::len);
    }
    for number in [3, 5, 19, 20, 22] {
        bytes += row.try_get::<Option<i64>, _>(number)?.map_or(0, |_| 8);
    }
    Ok((row.try_get(2)?, bytes))
}

pub(super) async fn set_heads(connection: &mut PgConnection, heads: &[(Uuid, i64)]) -> Result<()> {
    for (user_id, at_us) in heads {
        sqlx::query(
            "insert into raw.feed_head (user_id, at_us, clock) values ($1, $2, 0) \
             on conflict (user_id) do update set at_us = excluded.at_us",
        )
        .bind(user_id)
        .bind(at_us)
        .execute(&mut *connection)
        .await?;
    }
    connection.execute("vacuum analyze raw.request").await?;
    Ok(())
}

pub(super) async fn count(connection: &mut PgConnection) -> Result<u64> {
    let count: i64 = sqlx::query_scalar("select count(*) from raw.request")
        .fetch_one(connection)
        .await?;
    Ok(u64::try_from(count)?)
}
