//! What goes into the catalog service, and what it refuses.

use crate::db::DbError;
use crate::identity::Forbidden;
use crate::invalid::Invalid;
use serde::Deserialize;
use uuid::Uuid;

/// A category to be created.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewCategory {
    /// Its id; drawn where none is given.
    pub id: Option<Uuid>,
    /// As shown, up to 200 characters.
    pub name: String,
    /// Levels of approval, 1 to 3.
    pub levels: i32,
    /// False: retired from the start.
    #[serde(default = "yes")]
    pub active: bool,
}

/// A category as it shall be.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CategoryUpdate {
    /// As shown, up to 200 characters.
    pub name: String,
    /// Levels of approval, 1 to 3.
    pub levels: i32,
    /// False: retired.
    #[serde(default = "yes")]
    pub active: bool,
}

/// A reason to be created.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewReason {
    /// Its id; drawn where none is given.
    pub id: Option<Uuid>,
    /// As shown, up to 500 characters.
    pub text: String,
    /// The one category it belongs to; none: it fits all.
    pub category_id: Option<Uuid>,
    /// False: retired from the start.
    #[serde(default = "yes")]
    pub active: bool,
}

/// A reason as it shall be.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReasonUpdate {
    /// As shown, up to 500 characters.
    pub text: String,
    /// The one category it belongs to; none: it fits all.
    pub category_id: Option<Uuid>,
    /// False: retired.
    #[serde(default = "yes")]
    pub active: bool,
}

/// The approvers of a category's level, from now on.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewAssignment {
    /// Its id, if the level has none yet; drawn where none is given.
    pub id: Option<Uuid>,
    /// The category.
    pub category_id: Uuid,
    /// The level, 1 to 3.
    pub level: i32,
    /// Who may vote on it, each once.
    pub approver_ids: Vec<Uuid>,
    /// How many of them must approve.
    #[serde(default = "one")]
    pub quorum: i32,
}

fn yes() -> bool {
    true
}

fn one() -> i32 {
    1
}

/// Why the catalog service refused.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Not with the actor's roles.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// No such record.
    #[error("there is no such record")]
    NotFound,
    /// The id given belongs to a record with other content.
    #[error("the id belongs to another record")]
    IdTaken,
    /// The record is no longer at the version that the caller knows.
    #[error("the record has changed: it is at version {version}")]
    PreconditionFailed {
        /// Its present version.
        version: i64,
    },
    /// Members of the input are wrong.
    #[error("the input is not valid")]
    Invalid(Vec<Invalid>),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<Vec<Invalid>> for CatalogError {
    fn from(problems: Vec<Invalid>) -> Self {
        Self::Invalid(problems)
    }
}

/// `Ok` when the caller named no version, or the present one.
pub(super) fn check_version(expected: Option<i64>, version: i64) -> Result<(), CatalogError> {
    if expected.is_none_or(|expected| expected == version) {
        Ok(())
    } else {
        Err(CatalogError::PreconditionFailed { version })
    }
}
