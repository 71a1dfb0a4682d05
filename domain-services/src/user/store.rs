//! The SQL of accounts and departments.

use super::UserFilter;
use crate::db::{Db, DbError, On, Tx, sql, sql_by_engine};
use crate::events::{Department, User};
use crate::paging::{Dated, Page, PageQuery};
use sqlx::types::Json;
use uuid::Uuid;

/// The lists that have an `ETag`.
pub(super) const DEPARTMENTS: &str = "departments";

/// An account's row, secrets and all.
#[derive(Clone)]
pub(super) struct NewAccount {
    pub(super) user: User,
    pub(super) password_hash: Option<String>,
    pub(super) one_time: Option<OneTime>,
}

/// What is stored of a one-time token.
#[derive(Clone)]
pub(super) struct OneTime {
    pub(super) hash: Vec<u8>,
    pub(super) until_us: i64,
}

/// What a login needs of an account.
#[derive(sqlx::FromRow)]
pub(super) struct Account {
    #[sqlx(flatten)]
    pub(super) user: User,
    pub(super) password_hash: Option<String>,
    pub(super) one_time_hash: Option<Vec<u8>>,
    pub(super) one_time_until_us: Option<i64>,
}

pub(super) async fn find_account(
    on: impl Into<On<'_>>,
    email: String,
) -> Result<Option<Account>, DbError> {
    sql(
        "select id, email, name, roles, department_id, region, locale, active, version,
                password_hash, one_time_hash, one_time_until_us
         from account where email = $1",
    )
    .bind(email)
    .fetch_optional(on)
    .await
}

pub(super) async fn find_user(on: impl Into<On<'_>>, id: Uuid) -> Result<Option<User>, DbError> {
    sql(
        "select id, email, name, roles, department_id, region, locale, active, version
         from account where id = $1",
    )
    .bind(id)
    .fetch_optional(on)
    .await
}

pub(super) async fn has_active_admin(on: impl Into<On<'_>>) -> Result<bool, DbError> {
    let found: Option<(i64,)> = sql_by_engine(
        r#"select version from account where active and roles @> '["admin"]' limit 1"#,
        "select version from account
         where active and exists (select 1 from json_each(roles) where value = 'admin') limit 1",
    )
    .fetch_optional(on)
    .await?;
    Ok(found.is_some())
}

pub(super) async fn list_users(
    db: &Db,
    filter: UserFilter,
    page: PageQuery,
) -> Result<Page<User>, DbError> {
    let (before_us, before_id) = page.before();
    let rows: Vec<Dated<User>> = sql_by_engine(
        "select id, email, name, roles, department_id, region, locale, active, version, created_us
         from account
         where (created_us, id) < ($1, $2)
           and ($3::text is null or roles @> to_jsonb($3::text))
           and ($4::uuid is null or department_id = $4)
           and ($5::boolean is null or active = $5)
         order by created_us desc, id desc limit $6",
        "select id, email, name, roles, department_id, region, locale, active, version, created_us
         from account
         where (created_us, id) < ($1, $2)
           and ($3 is null or exists (select 1 from json_each(roles) where value = $3))
           and ($4 is null or department_id = $4)
           and ($5 is null or active = $5)
         order by created_us desc, id desc limit $6",
    )
    .bind(before_us)
    .bind(before_id)
    .bind(filter.role.map(|role| role.name().to_owned()))
    .bind(filter.department_id)
    .bind(filter.active)
    .bind(page.rows())
    .fetch_all(db)
    .await?;
    Ok(page.page_of(rows, |record| record.id))
}

/// Fails with [`DbError::Unique`] when the id or the address is taken.
pub(super) async fn insert_account(
    tx: &mut Tx,
    account: NewAccount,
    now_us: i64,
) -> Result<(), DbError> {
    let NewAccount {
        user,
        password_hash,
        one_time,
    } = account;
    let (one_time_hash, one_time_until_us) =
        one_time.map_or((None, None), |one| (Some(one.hash), Some(one.until_us)));
    sql(
        "insert into account (id, email, name, roles, department_id, region, locale, active, version,
                              password_hash, one_time_hash, one_time_until_us, created_us, updated_us)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)",
    )
    .bind(user.id)
    .bind(user.email)
    .bind(user.name)
    .bind(Json(user.roles))
    .bind(user.department_id)
    .bind(user.region)
    .bind(user.locale)
    .bind(user.active)
    .bind(user.version)
    .bind(password_hash)
    .bind(one_time_hash)
    .bind(one_time_until_us)
    .bind(now_us)
    .execute(tx)
    .await?;
    Ok(())
}

/// Uses up a one-time token; false when somebody else was faster.
pub(super) async fn use_one_time(
    tx: &mut Tx,
    user_id: Uuid,
    hash: Vec<u8>,
) -> Result<bool, DbError> {
    let used = sql(
        "update account set one_time_hash = null, one_time_until_us = null
                    where id = $1 and one_time_hash = $2",
    )
    .bind(user_id)
    .bind(hash)
    .execute(tx)
    .await?;
    Ok(used == 1)
}

pub(super) async fn find_department(
    on: impl Into<On<'_>>,
    id: Uuid,
) -> Result<Option<Department>, DbError> {
    sql("select id, name, version from department where id = $1")
        .bind(id)
        .fetch_optional(on)
        .await
}

pub(super) async fn list_departments(
    db: &Db,
    page: PageQuery,
) -> Result<Page<Department>, DbError> {
    let (before_us, before_id) = page.before();
    let rows: Vec<Dated<Department>> = sql("select id, name, version, created_us from department
         where (created_us, id) < ($1, $2) order by created_us desc, id desc limit $3")
    .bind(before_us)
    .bind(before_id)
    .bind(page.rows())
    .fetch_all(db)
    .await?;
    Ok(page.page_of(rows, |record| record.id))
}

pub(super) async fn insert_department(
    tx: &mut Tx,
    department: &Department,
    now_us: i64,
) -> Result<(), DbError> {
    sql(
        "insert into department (id, name, version, created_us, updated_us)
         values ($1, $2, $3, $4, $4)",
    )
    .bind(department.id)
    .bind(department.name.clone())
    .bind(department.version)
    .bind(now_us)
    .execute(tx)
    .await?;
    Ok(())
}
