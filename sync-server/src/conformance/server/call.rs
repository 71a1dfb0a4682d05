//! A request as the scripted server understood it.

use super::people::Person;
use serde_json::Value;
use sync_core::wire::{ApprovalItem, RequestItem};

/// What may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::conformance) enum Endpoint {
    Login,
    Refresh,
    Logout,
    Me,
    /// Lists of the catalogue: empty here.
    Catalogue,
    Push,
    Pull,
    VotePush,
    VotePull,
    /// Everything else.
    Elsewhere,
}

impl Endpoint {
    pub(super) fn of(method: &http::Method, path: &str) -> Self {
        let path = path.strip_prefix("/api/v1").unwrap_or_default();
        match (method.as_str(), path) {
            ("POST", "/auth/login") => Self::Login,
            ("POST", "/auth/refresh") => Self::Refresh,
            ("POST", "/auth/logout") => Self::Logout,
            ("GET", "/users/me") => Self::Me,
            ("GET", "/categories" | "/reasons" | "/departments" | "/assignments") => {
                Self::Catalogue
            }
            ("POST", "/requests/sync") => Self::Push,
            ("GET", "/requests/updates") => Self::Pull,
            ("POST", "/approvals/sync") => Self::VotePush,
            ("GET", "/approvals/updates") => Self::VotePull,
            _ => Self::Elsewhere,
        }
    }

    /// Whether it carries a batch.
    pub(super) fn is_push(self) -> bool {
        matches!(self, Self::Push | Self::VotePush)
    }
}

/// From where a pull goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::conformance) enum From {
    /// Not asked for.
    #[default]
    Nowhere,
    Beginning,
    After(String),
}

/// A request.
#[derive(Debug, Clone)]
pub(in crate::conformance) struct Call {
    pub(in crate::conformance) endpoint: Endpoint,
    /// Who calls; none where no token is needed.
    pub(in crate::conformance) person: Option<Person>,
    /// The body as it came; null without one.
    pub(in crate::conformance) body: Value,
    pub(in crate::conformance) from: From,
    pub(super) limit: usize,
    /// The items of a push of requests.
    pub(in crate::conformance) requests: Vec<RequestItem>,
    /// The items of a push of votes.
    pub(in crate::conformance) votes: Vec<ApprovalItem>,
}

impl Call {
    /// The items of a push as they came.
    pub(in crate::conformance) fn items(&self) -> &[Value] {
        self.body["changes"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The operations of a push.
    pub(in crate::conformance) fn op_ids(&self) -> Vec<&str> {
        let items = self.items().iter();
        items.filter_map(|item| item["opId"].as_str()).collect()
    }
}
