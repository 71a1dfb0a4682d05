//! What this service keeps of people.

use crate::db::{DbError, IdList, Tx, sql, sql_by_engine};
use crate::events::User;
use crate::identity::Role;
use std::collections::HashMap;
use uuid::Uuid;

/// Of the people asked for and known here: whether each may vote.
pub(in crate::approval) type Approvers = HashMap<Uuid, bool>;

/// Takes a person's event; true when it was news. An older version never overwrites a newer one.
pub(in crate::approval) async fn put_person(tx: &mut Tx, person: User) -> Result<bool, DbError> {
    let approves = person.active && person.roles.has(Role::Approver);
    let rows = sql(
        "insert into person as p (id, name, approves, version) values ($1, $2, $3, $4)
         on conflict (id) do update set name = excluded.name, approves = excluded.approves, version = excluded.version
         where p.version < excluded.version",
    )
    .bind(person.id)
    .bind(person.name)
    .bind(approves)
    .bind(person.version)
    .execute(tx)
    .await?;
    Ok(rows > 0)
}

/// Whether this person's record is known here in an older version.
pub(in crate::approval) async fn is_behind(
    tx: &mut Tx,
    person: Uuid,
    version: i64,
) -> Result<bool, DbError> {
    let known: Option<(i64,)> = sql("select version from person where id = $1")
        .bind(person)
        .fetch_optional(tx)
        .await?;
    Ok(known.is_none_or(|(known,)| known < version))
}

/// Makes every person known here older than any event.
pub(in crate::approval) async fn outdate_people(tx: &mut Tx) -> Result<(), DbError> {
    sql("update person set version = 0")
        .execute(tx)
        .await
        .map(|_| ())
}

/// Reads people and holds them until commit, in order of id: a person who leaves in this moment is
/// either seen here, or finds the seats that are about to be written.
pub(in crate::approval) async fn approvers(
    tx: &mut Tx,
    people: Vec<Uuid>,
) -> Result<Approvers, DbError> {
    let rows: Vec<(Uuid, bool)> = sql_by_engine(
        "select id, approves from person where id = any($1) order by id for share",
        "select id, approves from person where id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(people))
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().collect())
}
