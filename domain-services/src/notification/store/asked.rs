//! Messages of other programs, and what may be read of a message.

use super::super::model::{Attempt, Channel, Report};
use super::super::service::LoggedMessage;
use super::{json, word};
use crate::db::{Db, DbError, Tx, sql, sql_by_engine};
use crate::time::Time;
use serde_json::{Map, Value};
use uuid::Uuid;

/// A message that another program asks for.
#[derive(Debug, Clone)]
pub(in crate::notification) struct Asked {
    pub(in crate::notification) id: Uuid,
    pub(in crate::notification) channel: Channel,
    pub(in crate::notification) recipient_id: Option<Uuid>,
    pub(in crate::notification) address: Option<String>,
    pub(in crate::notification) template: String,
    pub(in crate::notification) data: Map<String, Value>,
    pub(in crate::notification) digest: Vec<u8>,
    pub(in crate::notification) traceparent: Option<String>,
}

/// What came of an insertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::notification) enum Insertion {
    /// It is new, or the same as before.
    There,
    /// Its id belongs to another message.
    Another,
}

/// Writes a message, once however often it is asked for.
pub(in crate::notification) async fn insert_asked(
    tx: &mut Tx,
    asked: Asked,
) -> Result<Insertion, DbError> {
    let now_us = tx.now_us().await?;
    let data = json(&asked.data)?;
    sql_by_engine(
        "insert into notification (id, channel, recipient_id, address, template, data, digest, traceparent,
             status, attempts, due_us, taken_by, version, created_us, updated_us)
         values ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, 'queued', 0, $9, '[]', 1, $9, $9)
         on conflict do nothing",
        "insert into notification (id, channel, recipient_id, address, template, data, digest, traceparent,
             status, attempts, due_us, taken_by, version, created_us, updated_us)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 'queued', 0, $9, '[]', 1, $9, $9)
         on conflict do nothing",
    )
    .bind(asked.id)
    .bind(asked.channel.name().to_owned())
    .bind(asked.recipient_id)
    .bind(asked.address)
    .bind(asked.template)
    .bind(data)
    .bind(asked.digest.clone())
    .bind(asked.traceparent)
    .bind(now_us)
    .execute(&mut *tx)
    .await?;
    let (digest,): (Option<Vec<u8>>,) = sql("select digest from notification where id = $1")
        .bind(asked.id)
        .fetch_one(tx)
        .await?;
    Ok(if digest.as_ref() == Some(&asked.digest) {
        Insertion::There
    } else {
        Insertion::Another
    })
}

/// A notification and its attempts.
pub(in crate::notification) async fn find_report(
    db: &Db,
    id: Uuid,
) -> Result<Option<Report>, DbError> {
    let row: Option<(String, String)> =
        sql("select channel, status from notification where id = $1")
            .bind(id)
            .fetch_optional(db)
            .await?;
    let Some((channel, status)) = row else {
        return Ok(None);
    };
    let attempts: Vec<(i64, String, Option<String>)> = sql(
        "select at_us, outcome, detail from attempt where notification_id = $1 order by number",
    )
    .bind(id)
    .fetch_all(db)
    .await?;
    let attempts = attempts
        .into_iter()
        .map(|(at_us, outcome, detail)| Attempt {
            at: Time(at_us),
            outcome,
            detail,
        });
    Ok(Some(Report {
        id,
        channel: word(&channel)?,
        status: word(&status)?,
        attempts: attempts.collect(),
    }))
}

/// What channels without settings would have sent, the latest first.
pub(in crate::notification) async fn logged(
    db: &Db,
    limit: i64,
) -> Result<Vec<LoggedMessage>, DbError> {
    type Row = (Uuid, i64, String, String, Option<String>, String);
    let rows: Vec<Row> = sql(
        "select notification_id, at_us, channel, address, subject, body from logged_message
         order by at_us desc, notification_id limit $1",
    )
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(id, at_us, channel, address, subject, body)| {
            Ok(LoggedMessage {
                id,
                at: Time(at_us),
                channel: word(&channel)?,
                address,
                subject,
                body,
            })
        })
        .collect()
}
