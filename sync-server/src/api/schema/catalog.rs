//! Categories, reasons and who approves.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What a budget is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Its id.
    pub id: Uuid,
    /// As shown.
    pub name: String,
    /// How many levels approve.
    #[schema(minimum = 1, maximum = 3)]
    pub levels: i32,
    /// False once retired.
    pub active: bool,
    /// Goes up with each change; `If-Match` takes it.
    pub version: i64,
}

/// A category to be created, or as it should be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewCategory {
    /// Its id; drawn where none is given. In a PUT the path says it.
    pub id: Option<Uuid>,
    /// As shown.
    #[schema(min_length = 1, max_length = 200, pattern = "^[^\\u0000]*$")]
    pub name: String,
    /// How many levels approve.
    #[schema(minimum = 1, maximum = 3)]
    pub levels: i32,
    /// Whether requests may still name it; true where not given.
    #[schema(nullable = false)]
    pub active: Option<bool>,
}

/// A page of categories.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CategoryPage {
    /// The categories, retired ones too.
    pub items: Vec<Category>,
    /// The `cursor` of the next page.
    pub next: Option<String>,
}

/// Why a budget is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reason {
    /// Its id.
    pub id: Uuid,
    /// As shown.
    pub text: String,
    /// The one category it belongs to; null: it fits all.
    pub category_id: Option<Uuid>,
    /// False once retired.
    pub active: bool,
    /// Goes up with each change; `If-Match` takes it.
    pub version: i64,
}

/// A reason to be created, or as it should be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewReason {
    /// Its id; drawn where none is given. In a PUT the path says it.
    pub id: Option<Uuid>,
    /// As shown.
    #[schema(min_length = 1, max_length = 500, pattern = "^[^\\u0000]*$")]
    pub text: String,
    /// The one category it belongs to.
    pub category_id: Option<Uuid>,
    /// Whether requests may still name it; true where not given.
    #[schema(nullable = false)]
    pub active: Option<bool>,
}

/// A page of reasons.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonPage {
    /// The reasons, retired ones too.
    pub items: Vec<Reason>,
    /// The `cursor` of the next page.
    pub next: Option<String>,
}

/// Who approves a level of a category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Assignment {
    /// Its id.
    pub id: Uuid,
    /// The category.
    pub category_id: Uuid,
    /// The level.
    #[schema(minimum = 1, maximum = 3)]
    pub level: i32,
    /// Who may vote.
    pub approver_ids: Vec<Uuid>,
    /// How many of them must approve.
    #[schema(minimum = 1)]
    pub quorum: i32,
    /// Goes up with each change.
    pub version: i64,
}

/// Who shall approve a level of a category; replaces who did.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewAssignment {
    /// Its id, if the level has none yet; drawn where none is given.
    pub id: Option<Uuid>,
    /// The category.
    pub category_id: Uuid,
    /// The level.
    #[schema(minimum = 1, maximum = 3)]
    pub level: i32,
    /// Who may vote, each once; those who can are as many as the quorum at least.
    #[schema(min_items = 1, max_items = 100)]
    pub approver_ids: Vec<Uuid>,
    /// How many of them must approve; 1 where not given.
    #[schema(minimum = 1, maximum = 100, nullable = false)]
    pub quorum: Option<i32>,
}

/// A page of assignments.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignmentPage {
    /// The assignments.
    pub items: Vec<Assignment>,
    /// The `cursor` of the next page.
    pub next: Option<String>,
}
