//! Rows that are due: taken by a node for a while, with all that is known about them.

use super::super::model::Channel;
use super::super::preferences::Preferences;
use super::super::rules::{Level, ToldState};
use super::books::told_state;
use crate::db::{DbError, IdList, Tx, sql, sql_by_engine};
use serde_json::{Map, Value};
use sqlx::types::Json;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// A row that this node may send until `lease_us`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(in crate::notification) struct Row {
    pub(in crate::notification) id: Uuid,
    pub(in crate::notification) event_id: Option<Uuid>,
    pub(in crate::notification) about_id: Option<Uuid>,
    pub(in crate::notification) request_id: Option<Uuid>,
    pub(in crate::notification) recipient_id: Option<Uuid>,
    pub(in crate::notification) address: Option<String>,
    pub(in crate::notification) template: String,
    #[sqlx(json)]
    pub(in crate::notification) data: Map<String, Value>,
    pub(in crate::notification) follows: Option<Uuid>,
    /// Tries, this one counted.
    pub(in crate::notification) attempts: i32,
    pub(in crate::notification) lease_us: i64,
    /// Devices that have it already.
    #[sqlx(json)]
    pub(in crate::notification) taken_by: Vec<String>,
    pub(in crate::notification) traceparent: Option<String>,
    pub(in crate::notification) created_us: i64,
}

/// Takes up to `limit` rows of a channel that are due at `now_us`, the longest due first. A row whose lease
/// has run out belonged to a node that died while it sent it: it may have left, and is sent again.
pub(in crate::notification) async fn claim(
    tx: &mut Tx,
    channel: Channel,
    now_us: i64,
    lease_us: i64,
    limit: i64,
) -> Result<Vec<Row>, DbError> {
    sql_by_engine(
        "update notification set lease_us = $3, attempts = attempts + 1,
             may_have_left = may_have_left or lease_us is not null
         where id in (
             select id from notification
             where status = 'queued' and channel = $1 and due_us <= $2 and (lease_us is null or lease_us <= $2)
             order by due_us limit $4 for update skip locked)
         returning id, event_id, about_id, request_id, recipient_id, address, template, data, follows, attempts,
                   lease_us, taken_by, traceparent, created_us",
        "update notification set lease_us = $3, attempts = attempts + 1,
             may_have_left = may_have_left or lease_us is not null
         where id in (
             select id from notification
             where status = 'queued' and channel = $1 and due_us <= $2 and (lease_us is null or lease_us <= $2)
             order by due_us limit $4)
         returning id, event_id, about_id, request_id, recipient_id, address, template, data, follows, attempts,
                   lease_us, taken_by, traceparent, created_us",
    )
    .bind(channel.name().to_owned())
    .bind(now_us)
    .bind(lease_us)
    .bind(limit)
    .fetch_all(tx)
    .await
}

/// A person.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(in crate::notification) struct Person {
    pub(in crate::notification) id: Uuid,
    pub(in crate::notification) email: String,
    pub(in crate::notification) name: String,
    pub(in crate::notification) locale: Option<String>,
    pub(in crate::notification) active: bool,
    pub(in crate::notification) approves: bool,
}

/// A request.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(in crate::notification) struct Request {
    pub(in crate::notification) id: Uuid,
    pub(in crate::notification) owner_id: Uuid,
    pub(in crate::notification) title: String,
    pub(in crate::notification) amount_minor: i64,
    pub(in crate::notification) currency: String,
    pub(in crate::notification) levels: i32,
    pub(in crate::notification) withdrawn: bool,
}

/// A phone that takes push messages.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(in crate::notification) struct Phone {
    pub(in crate::notification) person_id: Uuid,
    pub(in crate::notification) device_id: String,
    pub(in crate::notification) token: String,
}

/// The message that another takes back.
#[derive(Debug, Clone)]
pub(in crate::notification) struct OriginalRow {
    pub(in crate::notification) template: String,
    pub(in crate::notification) state: ToldState,
    pub(in crate::notification) lease_us: Option<i64>,
}

/// What is known about the rows of one claim.
#[derive(Debug, Default)]
pub(in crate::notification) struct Facts {
    pub(in crate::notification) people: HashMap<Uuid, Person>,
    pub(in crate::notification) requests: HashMap<Uuid, Request>,
    pub(in crate::notification) levels: HashMap<Uuid, Level>,
    pub(in crate::notification) preferences: HashMap<Uuid, Preferences>,
    pub(in crate::notification) tokens: Vec<Phone>,
    pub(in crate::notification) originals: HashMap<Uuid, OriginalRow>,
}

/// Reads the facts about rows, in the transaction that claimed them: later than any event that could
/// have cancelled them.
pub(in crate::notification) async fn facts(
    tx: &mut Tx,
    channel: Channel,
    rows: &[Row],
) -> Result<Facts, DbError> {
    let ids = |of: &dyn Fn(&Row) -> Option<Uuid>| -> Vec<Uuid> {
        let ids: BTreeSet<Uuid> = rows.iter().filter_map(of).collect();
        ids.into_iter().collect()
    };
    let recipients = ids(&|row| row.recipient_id);
    let requests = requests(tx, ids(&|row| row.request_id)).await?;
    let mut people: BTreeSet<Uuid> = recipients.iter().copied().collect();
    people.extend(requests.values().map(|request| request.owner_id));
    Ok(Facts {
        people: self::people(tx, people.into_iter().collect()).await?,
        requests,
        levels: super::books::levels(tx, ids(&|row| row.about_id)).await?,
        preferences: preferences(tx, recipients.clone()).await?,
        tokens: match channel {
            Channel::Push => tokens(tx, recipients).await?,
            Channel::Email | Channel::Sms => Vec::new(),
        },
        originals: originals(tx, ids(&|row| row.follows)).await?,
    })
}

async fn people(tx: &mut Tx, ids: Vec<Uuid>) -> Result<HashMap<Uuid, Person>, DbError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Person> = sql_by_engine(
        "select id, email, name, locale, active, approves from person where id = any($1)",
        "select id, email, name, locale, active, approves from person
         where id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(ids))
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

async fn requests(tx: &mut Tx, ids: Vec<Uuid>) -> Result<HashMap<Uuid, Request>, DbError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Request> = sql_by_engine(
        "select id, owner_id, title, amount_minor, currency, levels, withdrawn from request where id = any($1)",
        "select id, owner_id, title, amount_minor, currency, levels, withdrawn from request
         where id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(ids))
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

pub(super) async fn preferences(
    tx: &mut Tx,
    people: Vec<Uuid>,
) -> Result<HashMap<Uuid, Preferences>, DbError> {
    if people.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Uuid, Json<Preferences>)> = sql_by_engine(
        "select person_id, body from preference where person_id = any($1)",
        "select person_id, body from preference
         where person_id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(people))
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|(id, body)| (id, body.0)).collect())
}

async fn tokens(tx: &mut Tx, people: Vec<Uuid>) -> Result<Vec<Phone>, DbError> {
    sql_by_engine(
        "select person_id, device_id, token from push_token where person_id = any($1)
         order by updated_us desc",
        "select person_id, device_id, token from push_token
         where person_id in (select unhex(value) from json_each($1)) order by updated_us desc",
    )
    .bind(IdList(people))
    .fetch_all(tx)
    .await
}

async fn originals(tx: &mut Tx, ids: Vec<Uuid>) -> Result<HashMap<Uuid, OriginalRow>, DbError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Uuid, String, String, Option<i64>, bool)> = sql_by_engine(
        "select id, template, status, lease_us, may_have_left from notification where id = any($1)",
        "select id, template, status, lease_us, may_have_left from notification
         where id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(ids))
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|(id, template, status, lease_us, may_have_left)| {
            let state = told_state(&status, lease_us, may_have_left)?;
            let original = OriginalRow {
                template,
                state,
                lease_us,
            };
            Ok((id, original))
        })
        .collect()
}

/// Whether anything of a channel is due: one indexed read, so that a queue with nothing in it costs no
/// write.
pub(in crate::notification) async fn is_due(
    db: &crate::db::Db,
    channel: Channel,
    now_us: i64,
) -> Result<bool, DbError> {
    let row: Option<(i64,)> = sql(
        "select due_us from notification
         where status = 'queued' and channel = $1 and due_us <= $2 and (lease_us is null or lease_us <= $2)
         order by due_us limit 1",
    )
    .bind(channel.name().to_owned())
    .bind(now_us)
    .fetch_optional(db)
    .await?;
    Ok(row.is_some())
}
