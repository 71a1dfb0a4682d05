//! Raw PostgreSQL writing what votes write: as many rows into tables like the approval service's, with
//! contents that the service wrote, one statement a batch.

use crate::Result;
use crate::draft::Author;
use crate::process::Meter;
use crate::stats::{Done, Lap, Round, timed};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::fmt;
use uuid::Uuid;

const TABLES: [&str; 5] = ["approval_case", "case_log", "command_log", "feed", "outbox"];

const UPSERT: &str = "\
with c as (\
  insert into raw.approval_case (request_id, owner_id, state, content, submitted_us, seals_us) \
  select id, $1, state, $2, at_us, at_us from unnest($3::uuid[], $4::bigint[], $5::text[]) as u (id, at_us, state) \
  on conflict (request_id) do update set state = excluded.state, seals_us = excluded.seals_us\
), l as (\
  insert into raw.case_log (request_id, n, at_us, kind, fact) \
  select id, n, at_us, 'voted', fact from unnest($6::uuid[], $7::bigint[], $8::bigint[], $9::text[]) as u (id, n, at_us, fact)\
), o as (\
  insert into raw.command_log (user_id, op_id, approval_id, kind, digest, code, detail, at_us) \
  select $1, op_id, id, 'approve', 0, null, null, $10 from unnest($11::uuid[], $3::uuid[]) as u (op_id, id)\
), f as (\
  insert into raw.feed (user_id, approval_id, request_id, level, at_us, removed, waits, opened_us, acted_us) \
  select $1, id, id, 1, at_us, false, false, at_us, at_us from unnest($12::uuid[], $13::bigint[]) as u (id, at_us) \
  on conflict (user_id, approval_id) do update set at_us = excluded.at_us, acted_us = excluded.acted_us\
) \
insert into raw.outbox (id, key, type, version, time_us, traceparent, body) \
select id, key, 'approval.voted', 2, $10, $14, body::jsonb \
from unnest($15::uuid[], $16::uuid[], $17::text[]) as u (id, key, body)";

/// One row of each table as the service wrote it.
const SAMPLE: &str = "\
select c.state, c.content, l.fact, o.body::text, o.traceparent from approval.outbox o \
join approval.case_log l on l.request_id = o.key and l.kind = 'voted' \
join approval.approval_case c on c.request_id = o.key \
where o.type = 'approval.voted' limit 1";

const COUNT: &str = "\
select (select count(*) from approval.case_log), (select count(*) from approval.command_log), \
  (select count(*) from approval.outbox), (select coalesce(max(at_us), 0) from approval.feed), \
  (select count(*) from approval.feed where at_us > $1)";

/// What the service's tables hold at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tables {
    log: i64,
    operations: i64,
    events: i64,
    last_us: i64,
    entries: i64,
}

/// Rows of each table that a vote writes, beside its case's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    log: i64,
    operations: i64,
    entries: i64,
    events: i64,
}

type Sample = (String, String, String, String, Option<String>);

/// Connections to raw tables like the approval service's.
pub(crate) struct RawVotes {
    counting: PgConnection,
    connections: Vec<(PgConnection, Uuid)>,
    sample: Sample,
    written: Option<Written>,
    keys: Keys,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} rows: 1 case, {} log, {} operations, {} feed entries, {} events",
            1 + self.log + self.operations + self.entries + self.events,
            self.log,
            self.operations,
            self.entries,
            self.events
        )
    }
}

impl RawVotes {
    /// As many connections as approvers. Some vote has been cast already.
    pub(crate) async fn open(url: &str, count: u32, mut author: Author) -> Result<Self> {
        let mut counting = PgConnection::connect(url).await?;
        counting.execute("create schema if not exists raw").await?;
        for table in TABLES {
            let make = format!(
                "drop table if exists raw.{table}; \
                 create table raw.{table} (like approval.{table} including all)"
            );
            counting.execute(sqlx::raw_sql(AssertSqlSafe(make))).await?;
        }
        let sample = sqlx::query_as(SAMPLE).fetch_one(&mut counting).await?;
        let mut connections = Vec::new();
        for _ in 0..count {
            connections.push((PgConnection::connect(url).await?, author.id()));
        }
        Ok(Self {
            counting,
            connections,
            sample,
            written: None,
            keys: Keys { author, place: 0 },
        })
    }

    /// What the service's tables hold now, and how many feed entries have moved since `since`.
    pub(crate) async fn tables(&mut self, since: Option<Tables>) -> Result<Tables> {
        let (log, operations, events, last_us, entries) = sqlx::query_as(COUNT)
            .bind(since.map_or(i64::MAX, |since| since.last_us))
            .fetch_one(&mut self.counting)
            .await?;
        Ok(Tables {
            log,
            operations,
            events,
            last_us,
            entries,
        })
    }

    /// Notes what `votes` votes have written since `before`; it must be as much for each, always.
    pub(crate) async fn note(&mut self, before: Tables, votes: u64) -> Result<()> {
        let after = self.tables(Some(before)).await?;
        let votes = i64::try_from(votes)?;
        let each = |rows: i64| match rows % votes {
            0 => Ok(rows / votes),
            _ => Err(format!("{votes} votes wrote {rows} rows of a table")),
        };
        let written = Written {
            log: each(after.log - before.log)?,
            operations: each(after.operations - before.operations)?,
            entries: each(after.entries)?,
            events: each(after.events - before.events)?,
        };
        if self
            .written
            .replace(written)
            .is_some_and(|known| known != written)
        {
            return Err(format!("now a vote writes {written}").into());
        }
        Ok(())
    }

    /// What a vote writes, if one was counted.
    pub(crate) fn written(&self) -> Option<Written> {
        self.written
    }

    /// The rows of so many votes, in `batches` batches a connection, timed. Its unit is the vote.
    pub(crate) async fn upsert(
        &mut self,
        meter: &Meter,
        batches: u32,
        batch: u32,
    ) -> Result<Round> {
        let written = self.written.ok_or("no vote was counted")?;
        let mut jobs = Vec::new();
        for actor in std::mem::take(&mut self.connections) {
            let mut queue = Vec::new();
            for _ in 0..batches {
                queue.push(Columns::new(&self.sample, written, batch, &mut self.keys)?);
            }
            jobs.push((actor, queue));
        }
        let (connections, round) = timed(meter, jobs, |mut actor, queue| async move {
            let mut latencies_us = Vec::with_capacity(queue.len());
            let mut units = 0;
            for columns in &queue {
                let lap = Lap::start();
                columns.upsert(&mut actor.0, actor.1).await?;
                latencies_us.push(lap.us());
                units += columns.ids.len() as u64;
            }
            Ok(Done {
                actor,
                latencies_us,
                units,
            })
        })
        .await?;
        self.connections = connections;
        Ok(round)
    }
}

/// New ids and places of a feed.
struct Keys {
    author: Author,
    place: i64,
}

impl Keys {
    fn ids(&mut self, count: usize) -> Vec<Uuid> {
        (0..count).map(|_| self.author.id()).collect()
    }

    fn places(&mut self, count: usize) -> Vec<i64> {
        let first = self.place;
        self.place += i64::try_from(count).unwrap_or(0);
        (first..self.place).collect()
    }
}

/// One batch, a vector a column.
struct Columns {
    sample: Sample,
    ids: Vec<Uuid>,
    at_us: Vec<i64>,
    states: Vec<String>,
    log_ids: Vec<Uuid>,
    log_n: Vec<i64>,
    log_at_us: Vec<i64>,
    facts: Vec<String>,
    op_ids: Vec<Uuid>,
    entry_ids: Vec<Uuid>,
    entry_at_us: Vec<i64>,
    event_ids: Vec<Uuid>,
    event_keys: Vec<Uuid>,
    bodies: Vec<String>,
}

impl Columns {
    fn new(sample: &Sample, written: Written, batch: u32, keys: &mut Keys) -> Result<Self> {
        let ids = keys.ids(batch as usize);
        let each = |count: i64| -> Result<Vec<Uuid>> {
            let count = usize::try_from(count)?;
            Ok(ids
                .iter()
                .flat_map(|id| std::iter::repeat_n(*id, count))
                .collect())
        };
        let log_ids = each(written.log)?;
        let event_keys = each(written.events)?;
        let op_ids = each(written.operations)?;
        // A level's readers have an entry each; here they are other approvals of one reader.
        let entries = each(written.entries)?;
        Ok(Self {
            at_us: keys.places(ids.len()),
            states: vec![sample.0.clone(); ids.len()],
            log_n: keys.places(log_ids.len()),
            log_at_us: keys.places(log_ids.len()),
            facts: vec![sample.2.clone(); log_ids.len()],
            op_ids: keys.ids(op_ids.len()),
            entry_at_us: keys.places(entries.len()),
            entry_ids: keys.ids(entries.len()),
            event_ids: keys.ids(event_keys.len()),
            bodies: vec![sample.3.clone(); event_keys.len()],
            sample: sample.clone(),
            ids,
            log_ids,
            event_keys,
        })
    }

    async fn upsert(&self, connection: &mut PgConnection, user: Uuid) -> Result<()> {
        let done = sqlx::query(UPSERT)
            .bind(user)
            .bind(&self.sample.1)
            .bind(&self.ids)
            .bind(&self.at_us)
            .bind(&self.states)
            .bind(&self.log_ids)
            .bind(&self.log_n)
            .bind(&self.log_at_us)
            .bind(&self.facts)
            .bind(self.at_us.first())
            .bind(&self.op_ids)
            .bind(&self.entry_ids)
            .bind(&self.entry_at_us)
            .bind(&self.sample.4)
            .bind(&self.event_ids)
            .bind(&self.event_keys)
            .bind(&self.bodies)
            .execute(connection)
            .await?
            .rows_affected();
        if done == self.event_ids.len() as u64 {
            Ok(())
        } else {
            Err(format!("raw wrote {done} of {} events", self.event_ids.len()).into())
        }
    }
}
