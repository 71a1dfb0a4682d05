//! Raw SQLite: multi-row upserts into a file of this process, one commit a batch.

use super::Rows;
use crate::Result;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, SqliteConnection};
use std::path::Path;

const COLUMNS: usize = 17;

/// A new file beside the product's, with the request service's own tables, as durable as the product's.
pub(super) async fn open(folder: &Path) -> Result<SqliteConnection> {
    let tables = tables(&folder.join("request.db")).await?;
    for old in ["raw.db", "raw.db-wal", "raw.db-shm"] {
        match std::fs::remove_file(folder.join(old)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    let mut connection = SqliteConnectOptions::new()
        .filename(folder.join("raw.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .connect()
        .await?;
    for table in tables {
        connection
            .execute(sqlx::raw_sql(AssertSqlSafe(table)))
            .await?;
    }
    Ok(connection)
}

/// The statements that made the product's table `request` and its indexes.
async fn tables(file: &Path) -> Result<Vec<String>> {
    let mut connection = SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .connect()
        .await
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let tables: Vec<String> = sqlx::query_scalar(
        "select sql from sqlite_master where tbl_name = 'request' and sql is not null order by type desc",
    )
    .fetch_all(&mut connection)
    .await?;
    if tables.is_empty() {
        return Err(format!("{} has no table request", file.display()).into());
    }
    Ok(tables)
}

pub(super) async fn upsert(connection: &mut SqliteConnection, rows: &Rows) -> Result<u64> {
    let statement = statement(rows.drafts.len());
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for (at_us, draft) in &rows.drafts {
        let content = &draft.content;
        query = query
            .bind(draft.id)
            .bind(rows.owner_id)
            .bind(at_us)
            .bind(at_us)
            .bind(&content.title)
            .bind(content.amount_minor)
            .bind(content.currency)
            .bind(content.category_id)
            .bind(content.reason_id)
            .bind(content.department_id)
            .bind(content.region)
            .bind(&content.needed_by)
            .bind(&content.justification)
            .bind(draft.stored_stamps())
            .bind("draft")
            .bind(draft.op_id)
            .bind(draft.op_id.as_u64_pair().1.cast_signed());
    }
    let done = query.execute(connection).await?.rows_affected();
    if done == rows.drafts.len() as u64 {
        Ok(done)
    } else {
        Err(format!("raw upserted {done} of {} rows", rows.drafts.len()).into())
    }
}

fn statement(rows: usize) -> String {
    let row = format!("({})", vec!["?"; COLUMNS].join(","));
    format!(
        "insert into request (id, owner_id, at_us, created_us, title, amount_minor, currency, category_id, \
         reason_id, department_id, region, needed_by, justification, stamps, status, last_op, last_digest) \
         values {} on conflict (id) do update set at_us = excluded.at_us, title = excluded.title, \
         amount_minor = excluded.amount_minor, currency = excluded.currency, \
         category_id = excluded.category_id, reason_id = excluded.reason_id, \
         department_id = excluded.department_id, region = excluded.region, needed_by = excluded.needed_by, \
         justification = excluded.justification, stamps = excluded.stamps, status = excluded.status, \
         last_op = excluded.last_op, last_digest = excluded.last_digest",
        vec![row; rows].join(",")
    )
}

pub(super) async fn count(connection: &mut SqliteConnection) -> Result<u64> {
    let count: i64 = sqlx::query_scalar("select count(*) from request")
        .fetch_one(connection)
        .await?;
    Ok(u64::try_from(count)?)
}
