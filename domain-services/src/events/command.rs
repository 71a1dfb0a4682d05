//! What the user and the catalogue service tell of commands that they refuse.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A command of an administrator that was refused. Never what the command said: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommandRefused {
    /// The operation, as the API document names it: `PUT /api/v1/users/{id}`.
    pub command: String,
    /// The record that it named.
    pub target_id: Option<Uuid>,
    /// Why it was refused: the code of the answer's problem.
    pub code: String,
}
