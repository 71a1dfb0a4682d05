//! The SQL of accounts and departments.

use super::UserFilter;
use crate::db::{Db, DbError, On, Tx, sql, sql_by_engine};
use crate::events::{Department, User};
use crate::paging::{Dated, Page, PageQuery};
use sqlx::types::Json;
use uuid::Uuid;

/// The lists whose changes are counted.
pub(super) const ACCOUNTS: &str = "accounts";
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
#[derive(Clone, sqlx::FromRow)]
pub(super) struct Account {
    #[sqlx(flatten)]
    pub(super) user: User,
    pub(super) password_hash: Option<String>,
    pub(super) one_time_hash: Option<Vec<u8>>,
    pub(super) one_time_until_us: Option<i64>,
}

impl Account {
    /// Whether the same signs in to both: the password, or else the one-time token.
    pub(super) fn has_secrets_of(&self, other: &Self) -> bool {
        self.password_hash == other.password_hash && self.one_time_hash == other.one_time_hash
    }
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

pub(super) async fn find_account_by_id(
    on: impl Into<On<'_>>,
    id: Uuid,
) -> Result<Option<Account>, DbError> {
    sql(
        "select id, email, name, roles, department_id, region, locale, active, version,
                password_hash, one_time_hash, one_time_until_us
         from account where id = $1",
    )
    .bind(id)
    .fetch_optional(on)
    .await
}

/// Finds an account and holds it until commit.
pub(super) async fn lock_account(tx: &mut Tx, id: Uuid) -> Result<Option<Account>, DbError> {
    if tx.is_sqlite() {
        return find_account_by_id(tx, id).await; // a writer is alone
    }
    sql(
        "select id, email, name, roles, department_id, region, locale, active, version,
                password_hash, one_time_hash, one_time_until_us
         from account where id = $1 for update",
    )
    .bind(id)
    .fetch_optional(tx)
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

/// Whether there is an active admin, `but` not counted.
pub(super) async fn has_active_admin(
    on: impl Into<On<'_>>,
    but: Option<Uuid>,
) -> Result<bool, DbError> {
    let found: Option<(i64,)> = sql_by_engine(
        r#"select version from account
           where active and roles @> '["admin"]' and id <> $1 limit 1"#,
        "select version from account
         where active and exists (select 1 from json_each(roles) where value = 'admin')
           and id <> $1 limit 1",
    )
    .bind(but.unwrap_or(Uuid::nil()))
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
           and ($6::text is null or region = $6)
         order by created_us desc, id desc limit $7",
        "select id, email, name, roles, department_id, region, locale, active, version, created_us
         from account
         where (created_us, id) < ($1, $2)
           and ($3 is null or exists (select 1 from json_each(roles) where value = $3))
           and ($4 is null or department_id = $4)
           and ($5 is null or active = $5)
           and ($6 is null or region = $6)
         order by created_us desc, id desc limit $7",
    )
    .bind(before_us)
    .bind(before_id)
    .bind(filter.role.map(|role| role.name().to_owned()))
    .bind(filter.department_id)
    .bind(filter.active)
    .bind(filter.region)
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

/// Writes what is shown of an account. Fails with [`DbError::Unique`] when the address is taken.
pub(super) async fn update_user(tx: &mut Tx, user: &User, now_us: i64) -> Result<(), DbError> {
    sql(
        "update account set email = $2, name = $3, roles = $4, department_id = $5, region = $6,
                            locale = $7, active = $8, version = $9, updated_us = $10
         where id = $1",
    )
    .bind(user.id)
    .bind(user.email.clone())
    .bind(user.name.clone())
    .bind(Json(user.roles))
    .bind(user.department_id)
    .bind(user.region.clone())
    .bind(user.locale.clone())
    .bind(user.active)
    .bind(user.version)
    .bind(now_us)
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes what signs in to an account.
pub(super) async fn update_secrets(
    tx: &mut Tx,
    user: &User,
    password_hash: Option<String>,
    one_time: Option<OneTime>,
    now_us: i64,
) -> Result<(), DbError> {
    let (one_time_hash, one_time_until_us) =
        one_time.map_or((None, None), |one| (Some(one.hash), Some(one.until_us)));
    sql(
        "update account set password_hash = $2, one_time_hash = $3, one_time_until_us = $4,
                            version = $5, updated_us = $6
         where id = $1",
    )
    .bind(user.id)
    .bind(password_hash)
    .bind(one_time_hash)
    .bind(one_time_until_us)
    .bind(user.version)
    .bind(now_us)
    .execute(tx)
    .await?;
    Ok(())
}

/// Uses up a one-time token; false when somebody else was faster. Its hash stays: whoever signed in
/// with it knows it, and shows it again to set a password.
pub(super) async fn use_one_time(
    tx: &mut Tx,
    user_id: Uuid,
    hash: Vec<u8>,
) -> Result<bool, DbError> {
    let used = sql("update account set one_time_until_us = null
                    where id = $1 and one_time_hash = $2 and one_time_until_us is not null")
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
