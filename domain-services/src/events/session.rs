//! What the user service tells of sessions. Never a password, a token or a hash.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Somebody signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionOpened {
    /// The session, which is in its access tokens.
    pub session_id: Uuid,
    /// Who.
    pub user_id: Uuid,
    /// The device, as it names itself.
    pub device_id: Option<String>,
}

/// Somebody was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionRefused {
    /// The account that was tried, where there is one.
    pub user_id: Option<Uuid>,
    /// Of an address without an account: what follows the `@`, where that could be the name of a host.
    /// People type passwords into the wrong field.
    pub domain: Option<String>,
}

/// A session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionEnded {
    /// Which.
    pub session_id: Uuid,
    /// Whose.
    pub user_id: Uuid,
    /// Why.
    pub reason: SessionEnd,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// Its person signed out.
    Logout,
    /// A refresh token came that must not be used any more: an old copy, or one left unused for too
    /// long.
    RefreshRefused,
    /// The password was changed, or taken away.
    PasswordChanged,
    /// The person left.
    PersonLeft,
}
