//! What this service keeps of the others' events. An older version never overwrites a newer one.

use crate::db::{DbError, Tx, sql};
use crate::events::{Assignment, Category, Reason, User};
use serde_json::json;

pub(in crate::request) async fn person(tx: &mut Tx, person: User) -> Result<(), DbError> {
    sql("insert into person as p (id, name, roles, active, version) values ($1, $2, $3, $4, $5)
         on conflict (id) do update set name = excluded.name, roles = excluded.roles, active = excluded.active, version = excluded.version
         where p.version < excluded.version")
        .bind(person.id)
        .bind(person.name)
        .bind(json!(person.roles).to_string())
        .bind(person.active)
        .bind(person.version)
        .execute(tx)
        .await
        .map(|_| ())
}

pub(in crate::request) async fn category(tx: &mut Tx, category: Category) -> Result<(), DbError> {
    sql("insert into category as c (id, name, levels, active, version) values ($1, $2, $3, $4, $5)
         on conflict (id) do update set name = excluded.name, levels = excluded.levels, active = excluded.active, version = excluded.version
         where c.version < excluded.version")
        .bind(category.id)
        .bind(category.name)
        .bind(category.levels)
        .bind(category.active)
        .bind(category.version)
        .execute(tx)
        .await
        .map(|_| ())
}

pub(in crate::request) async fn reason(tx: &mut Tx, reason: Reason) -> Result<(), DbError> {
    sql("insert into reason as r (id, category_id, active, version) values ($1, $2, $3, $4)
         on conflict (id) do update set category_id = excluded.category_id, active = excluded.active, version = excluded.version
         where r.version < excluded.version")
        .bind(reason.id)
        .bind(reason.category_id)
        .bind(reason.active)
        .bind(reason.version)
        .execute(tx)
        .await
        .map(|_| ())
}

pub(in crate::request) async fn assignment(
    tx: &mut Tx,
    assignment: Assignment,
) -> Result<(), DbError> {
    sql("insert into assignment as a (category_id, level, approver_ids, quorum, version) values ($1, $2, $3, $4, $5)
         on conflict (category_id, level) do update set approver_ids = excluded.approver_ids, quorum = excluded.quorum, version = excluded.version
         where a.version < excluded.version")
        .bind(assignment.category_id)
        .bind(assignment.level)
        .bind(json!(assignment.approver_ids).to_string())
        .bind(assignment.quorum)
        .bind(assignment.version)
        .execute(tx)
        .await
        .map(|_| ())
}

/// Makes every person known here older than any event.
pub(in crate::request) async fn outdate_people(tx: &mut Tx) -> Result<(), DbError> {
    sql("update person set version = 0")
        .execute(tx)
        .await
        .map(|_| ())
}

/// Makes every category, reason and assignment known here older than any event.
pub(in crate::request) async fn outdate_catalogue(tx: &mut Tx) -> Result<(), DbError> {
    for table in [
        "update category set version = 0",
        "update reason set version = 0",
        "update assignment set version = 0",
    ] {
        sql(table).execute(&mut *tx).await?;
    }
    Ok(())
}
