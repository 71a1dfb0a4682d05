//! The SQL of the catalogue and of the people known to it.

use super::rules::Person;
use crate::db::{Db, DbError, IdList, On, Tx, sql, sql_by_engine};
use crate::events::{Assignment, Category, Reason, User};
use crate::identity::Roles;
use crate::paging::{Dated, Page, PageQuery};
use sqlx::types::Json;
use std::collections::HashMap;
use uuid::Uuid;

/// The lists that have an `ETag`.
pub(super) const CATEGORIES: &str = "categories";
pub(super) const REASONS: &str = "reasons";
pub(super) const ASSIGNMENTS: &str = "assignments";

pub(super) async fn find_category(
    on: impl Into<On<'_>>,
    id: Uuid,
) -> Result<Option<Category>, DbError> {
    sql("select id, name, levels, active, version from category where id = $1")
        .bind(id)
        .fetch_optional(on)
        .await
}

pub(super) async fn list_categories(db: &Db, page: PageQuery) -> Result<Page<Category>, DbError> {
    let (before_us, before_id) = page.before();
    let rows: Vec<Dated<Category>> = sql(
        "select id, name, levels, active, version, created_us from category
             where (created_us, id) < ($1, $2) order by created_us desc, id desc limit $3",
    )
    .bind(before_us)
    .bind(before_id)
    .bind(page.rows())
    .fetch_all(db)
    .await?;
    Ok(page.page_of(rows, |category| category.id))
}

pub(super) async fn insert_category(
    tx: &mut Tx,
    category: &Category,
    now_us: i64,
) -> Result<(), DbError> {
    sql(
        "insert into category (id, name, levels, active, version, created_us, updated_us)
         values ($1, $2, $3, $4, $5, $6, $6)",
    )
    .bind(category.id)
    .bind(category.name.clone())
    .bind(category.levels)
    .bind(category.active)
    .bind(category.version)
    .bind(now_us)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn update_category(
    tx: &mut Tx,
    category: &Category,
    now_us: i64,
) -> Result<(), DbError> {
    sql(
        "update category set name = $2, levels = $3, active = $4, version = $5, updated_us = $6
         where id = $1",
    )
    .bind(category.id)
    .bind(category.name.clone())
    .bind(category.levels)
    .bind(category.active)
    .bind(category.version)
    .bind(now_us)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn find_reason(
    on: impl Into<On<'_>>,
    id: Uuid,
) -> Result<Option<Reason>, DbError> {
    sql("select id, text, category_id, active, version from reason where id = $1")
        .bind(id)
        .fetch_optional(on)
        .await
}

pub(super) async fn list_reasons(db: &Db, page: PageQuery) -> Result<Page<Reason>, DbError> {
    let (before_us, before_id) = page.before();
    let rows: Vec<Dated<Reason>> = sql(
        "select id, text, category_id, active, version, created_us from reason
             where (created_us, id) < ($1, $2) order by created_us desc, id desc limit $3",
    )
    .bind(before_us)
    .bind(before_id)
    .bind(page.rows())
    .fetch_all(db)
    .await?;
    Ok(page.page_of(rows, |reason| reason.id))
}

pub(super) async fn insert_reason(
    tx: &mut Tx,
    reason: &Reason,
    now_us: i64,
) -> Result<(), DbError> {
    sql(
        "insert into reason (id, text, category_id, active, version, created_us, updated_us)
         values ($1, $2, $3, $4, $5, $6, $6)",
    )
    .bind(reason.id)
    .bind(reason.text.clone())
    .bind(reason.category_id)
    .bind(reason.active)
    .bind(reason.version)
    .bind(now_us)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn update_reason(
    tx: &mut Tx,
    reason: &Reason,
    now_us: i64,
) -> Result<(), DbError> {
    sql(
        "update reason set text = $2, category_id = $3, active = $4, version = $5, updated_us = $6
         where id = $1",
    )
    .bind(reason.id)
    .bind(reason.text.clone())
    .bind(reason.category_id)
    .bind(reason.active)
    .bind(reason.version)
    .bind(now_us)
    .execute(tx)
    .await?;
    Ok(())
}

/// The assignment of a category's level.
pub(super) async fn find_assignment_at(
    on: impl Into<On<'_>>,
    (category_id, level): (Uuid, i32),
) -> Result<Option<Assignment>, DbError> {
    sql(
        "select id, category_id, level, approver_ids, quorum, version from assignment
         where category_id = $1 and level = $2",
    )
    .bind(category_id)
    .bind(level)
    .fetch_optional(on)
    .await
}

pub(super) async fn has_assignment(on: impl Into<On<'_>>, id: Uuid) -> Result<bool, DbError> {
    let found: Option<(Uuid,)> = sql("select id from assignment where id = $1")
        .bind(id)
        .fetch_optional(on)
        .await?;
    Ok(found.is_some())
}

pub(super) async fn list_assignments(
    db: &Db,
    page: PageQuery,
) -> Result<Page<Assignment>, DbError> {
    let (before_us, before_id) = page.before();
    let rows: Vec<Dated<Assignment>> = sql(
        "select id, category_id, level, approver_ids, quorum, version, created_us
             from assignment
             where (created_us, id) < ($1, $2) order by created_us desc, id desc limit $3",
    )
    .bind(before_us)
    .bind(before_id)
    .bind(page.rows())
    .fetch_all(db)
    .await?;
    Ok(page.page_of(rows, |assignment| assignment.id))
}

pub(super) async fn insert_assignment(
    tx: &mut Tx,
    assignment: &Assignment,
    now_us: i64,
) -> Result<(), DbError> {
    sql(
        "insert into assignment (id, category_id, level, approver_ids, quorum, version,
                                 created_us, updated_us)
         values ($1, $2, $3, $4, $5, $6, $7, $7)",
    )
    .bind(assignment.id)
    .bind(assignment.category_id)
    .bind(assignment.level)
    .bind(Json(assignment.approver_ids.clone()))
    .bind(assignment.quorum)
    .bind(assignment.version)
    .bind(now_us)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn update_assignment(
    tx: &mut Tx,
    assignment: &Assignment,
    now_us: i64,
) -> Result<(), DbError> {
    sql(
        "update assignment set approver_ids = $2, quorum = $3, version = $4, updated_us = $5
         where id = $1",
    )
    .bind(assignment.id)
    .bind(Json(assignment.approver_ids.clone()))
    .bind(assignment.quorum)
    .bind(assignment.version)
    .bind(now_us)
    .execute(tx)
    .await?;
    Ok(())
}

/// Those of `ids` of whom an event has told, by id.
pub(super) async fn find_people(db: &Db, ids: &[Uuid]) -> Result<HashMap<Uuid, Person>, DbError> {
    let rows: Vec<(Uuid, bool, Option<Json<Roles>>)> = sql_by_engine(
        "select id, active, roles from person where id = any($1)",
        "select id, active, roles from person
         where id in (select unhex(value) from json_each($1))",
    )
    .bind(IdList(ids.to_vec()))
    .fetch_all(db)
    .await?;
    let person = |(id, active, roles): (Uuid, bool, Option<Json<Roles>>)| {
        let roles = roles.map(|Json(roles)| roles);
        (id, Person { active, roles })
    };
    Ok(rows.into_iter().map(person).collect())
}

/// Writes what an event says of a person, unless a later one has been heard.
pub(super) async fn upsert_person(tx: &mut Tx, user: &User) -> Result<(), DbError> {
    sql(
        "insert into person (id, active, roles, version) values ($1, $2, $3, $4)
         on conflict (id) do update
         set active = excluded.active, roles = excluded.roles, version = excluded.version
         where person.version < excluded.version",
    )
    .bind(user.id)
    .bind(user.active)
    .bind(Json(user.roles))
    .bind(user.version)
    .execute(tx)
    .await?;
    Ok(())
}

/// Makes every person known here older than any event.
pub(super) async fn outdate_people(tx: &mut Tx) -> Result<(), DbError> {
    sql("update person set version = 0")
        .execute(tx)
        .await
        .map(|_| ())
}
