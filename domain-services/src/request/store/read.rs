//! What a batch is judged by: the user's head, the named records, the command log, the catalogue.

use super::super::model::{Head, Logged, Stored};
use super::super::rules::{Catalog, Category, Level, Reason, Snapshot, Standing};
use super::rows::{RulingRow, columns, ruling_columns};
use crate::db::{DbError, IdList, On, Tx, sql, sql_by_engine};
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use std::collections::{HashMap, HashSet};
use sync_core::field::Field;
use sync_core::verdict::Code;
use uuid::Uuid;

/// What a batch names.
#[derive(Debug, Clone, Default)]
pub(in crate::request) struct Named {
    pub(in crate::request) records: Vec<Uuid>,
    pub(in crate::request) operations: Vec<Uuid>,
    /// Categories and reasons in its edits.
    pub(in crate::request) categories: Vec<Uuid>,
    pub(in crate::request) reasons: Vec<Uuid>,
    /// Whether it submits anything, so that the catalogue matters.
    pub(in crate::request) submits: bool,
}

/// The head, once a row, beside each record named.
struct HeadAndRecord<'r> {
    head_us: Option<i64>,
    clock: Option<i64>,
    now_us: i64,
    logged: i64,
    record: Option<RulingRow<'r>>,
}

impl<'r, R> FromRow<'r, R> for HeadAndRecord<'r>
where
    R: Row,
    usize: ColumnIndex<R>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    &'r str: Decode<'r, R::Database> + Type<R::Database>,
    &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let id: Option<Uuid> = row.try_get(4)?;
        Ok(Self {
            head_us: row.try_get(0)?,
            clock: row.try_get(1)?,
            now_us: row.try_get(2)?,
            logged: row.try_get(3)?,
            record: match id {
                Some(_) => Some(RulingRow::from_columns(row, 4)?),
                None => None,
            },
        })
    }
}

/// Head and records come from one statement, so from one snapshot: if the head is still the same
/// when the write compares it, so is everything read here. On SQLite they do too, for the same
/// reason. What later statements read is newer at most, and then the head has moved.
const HEAD_AND_RECORDS_PG: &str = concat!(
    "select f.at_us, f.clock, (extract(epoch from statement_timestamp()) * 1000000)::bigint, ",
    "(select count(*) from command_log c where c.user_id = $1 and c.op_id = any($3)), ",
    columns!(),
    ", ",
    ruling_columns!(),
    " from (select 1) one left join feed_head f on f.user_id = $1 left join request r on r.id = any($2)"
);
const HEAD_AND_RECORDS_LITE: &str = concat!(
    "select f.at_us, f.clock, $4, ",
    "(select count(*) from command_log c where c.user_id = $1 and c.op_id in (select unhex(value) from json_each($3))), ",
    columns!(),
    ", ",
    ruling_columns!(),
    " from (select 1) one left join feed_head f on f.user_id = $1 left join request r on r.id in (select unhex(value) from json_each($2))"
);

/// Reads everything a batch is judged by, and the database's time: a number of statements that
/// does not depend on the batch's length.
pub(in crate::request) async fn read(
    mut on: On<'_>,
    user: Uuid,
    named: &Named,
) -> Result<(Snapshot, i64), DbError> {
    let process_us = match &on {
        On::Db(db) => db.ids().now_us(),
        On::Tx(tx) => tx.ids().now_us(),
    };
    let mut query = sql_by_engine(HEAD_AND_RECORDS_PG, HEAD_AND_RECORDS_LITE)
        .bind(user)
        .bind(IdList(named.records.clone()))
        .bind(IdList(named.operations.clone()));
    if on.is_sqlite() {
        query = query.bind(process_us);
    }
    let rows = query.fetch_rows(on.again()).await?;
    let mut snapshot = Snapshot::default();
    let mut now_us = process_us;
    let mut logged = 0;
    for row in rows.decode::<HeadAndRecord<'_>>() {
        let row = row?;
        now_us = row.now_us;
        logged = row.logged;
        snapshot.head = row.head_us.zip(row.clock).map(|(at_us, clock)| Head {
            at_us,
            clock: clock.cast_unsigned(),
        });
        if let Some(record) = row.record {
            let stored = record.into_stored()?;
            snapshot.records.insert(stored.id, stored);
        }
    }
    if logged > 0 {
        snapshot.logged = log(on.again(), user, &named.operations).await?;
    }
    if named.submits {
        snapshot.catalog = catalog(on, named, &snapshot.records).await?;
    }
    Ok((snapshot, now_us))
}

/// Locks a user's head, making its row if there is none, until the transaction ends.
pub(in crate::request) async fn lock_head(tx: &mut Tx, user: Uuid) -> Result<(), DbError> {
    sql("insert into feed_head (user_id, at_us, clock) values ($1, 0, 0) on conflict (user_id) do nothing")
        .bind(user)
        .execute(&mut *tx)
        .await?;
    let (_,): (i64,) = sql_by_engine(
        "select at_us from feed_head where user_id = $1 for update",
        "select at_us from feed_head where user_id = $1",
    )
    .bind(user)
    .fetch_one(tx)
    .await?;
    Ok(())
}

/// Operation, request, digest, refusal's code and detail.
type LogRow = (Uuid, Uuid, i64, Option<String>, Option<String>);

async fn log(
    on: On<'_>,
    user: Uuid,
    operations: &[Uuid],
) -> Result<HashMap<Uuid, Logged>, DbError> {
    let rows: Vec<LogRow> = sql_by_engine(
        "select op_id, request_id, digest, code, detail from command_log where user_id = $1 and op_id = any($2)",
        "select op_id, request_id, digest, code, detail from command_log where user_id = $1 and op_id in (select unhex(value) from json_each($2))",
    )
    .bind(user)
    .bind(IdList(operations.to_vec()))
    .fetch_all(on)
    .await?;
    rows.into_iter()
        .map(|(op_id, request_id, digest, code, detail)| {
            let refusal = match code {
                Some(name) => Some((
                    name.parse::<Code>().map_err(|error| {
                        DbError::Decode(format!("command_log {op_id}: {name}: {error}"))
                    })?,
                    detail.unwrap_or_default(),
                )),
                None => None,
            };
            let logged = Logged {
                request_id,
                digest: digest.cast_unsigned(),
                refusal,
            };
            Ok((op_id, logged))
        })
        .collect()
}

async fn catalog(
    mut on: On<'_>,
    named: &Named,
    records: &HashMap<Uuid, Stored>,
) -> Result<Catalog, DbError> {
    let mut category_ids = named.categories.clone();
    let mut reason_ids = named.reasons.clone();
    for stored in records.values() {
        category_ids.extend(stored.reference(Field::CategoryId));
        reason_ids.extend(stored.reference(Field::ReasonId));
    }
    let categories: Vec<(Uuid, i32, bool)> = sql_by_engine(
        "select id, levels, active from category where id = any($1)",
        "select id, levels, active from category where id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(category_ids.clone()))
    .fetch_all(on.again())
    .await?;
    let reasons: Vec<(Uuid, Option<Uuid>, bool)> = sql_by_engine(
        "select id, category_id, active from reason where id = any($1)",
        "select id, category_id, active from reason where id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(reason_ids))
    .fetch_all(on.again())
    .await?;
    let assigned: Vec<(Uuid, i32, String, i32)> = sql_by_engine(
        "select category_id, level, approver_ids, quorum from assignment where category_id = any($1)",
        "select category_id, level, approver_ids, quorum from assignment where category_id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(category_ids))
    .fetch_all(on.again())
    .await?;
    let levels = levels(assigned)?;
    let people: HashSet<Uuid> = levels
        .values()
        .flatten()
        .flat_map(|level| level.approver_ids.iter().copied())
        .collect();
    Ok(Catalog {
        categories: categories
            .into_iter()
            .map(|(id, levels, active)| {
                let levels = u8::try_from(levels).unwrap_or(u8::MAX);
                (id, Category { levels, active })
            })
            .collect(),
        reasons: reasons
            .into_iter()
            .map(|(id, category_id, active)| {
                (
                    id,
                    Reason {
                        category_id,
                        active,
                    },
                )
            })
            .collect(),
        levels,
        people: standing(on, people).await?,
    })
}

fn levels(assigned: Vec<(Uuid, i32, String, i32)>) -> Result<HashMap<Uuid, Vec<Level>>, DbError> {
    let mut levels: HashMap<Uuid, Vec<Level>> = HashMap::new();
    for (category_id, level, approver_ids, quorum) in assigned {
        let broken = |what: &dyn std::fmt::Display| {
            DbError::Decode(format!("assignment {category_id}/{level}: {what}"))
        };
        levels.entry(category_id).or_default().push(Level {
            level: u8::try_from(level).map_err(|error| broken(&error))?,
            approver_ids: serde_json::from_str(&approver_ids).map_err(|error| broken(&error))?,
            quorum: u8::try_from(quorum).map_err(|error| broken(&error))?,
        });
    }
    Ok(levels)
}

/// What is known of these people.
async fn standing(on: On<'_>, people: HashSet<Uuid>) -> Result<HashMap<Uuid, Standing>, DbError> {
    let rows: Vec<(Uuid, bool, String)> = sql_by_engine(
        "select id, active, roles from person where id = any($1)",
        "select id, active, roles from person where id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(people.into_iter().collect()))
    .fetch_all(on)
    .await?;
    let approves = |roles: &str| {
        serde_json::from_str::<Vec<String>>(roles)
            .is_ok_and(|roles| roles.iter().any(|role| role == "approver"))
    };
    let standing = |active: bool, roles: &str| match (active, approves(roles)) {
        (false, _) => Standing::Left,
        (true, true) => Standing::Approver,
        (true, false) => Standing::Other,
    };
    Ok(rows
        .into_iter()
        .map(|(id, active, roles)| (id, standing(active, &roles)))
        .collect())
}
