//! Answers, and short ways to say what must be in them.

use reqwest::header::HeaderMap;
use serde_json::Value;
use uuid::Uuid;

/// An answer read to its end.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as JSON; null where it is none.
    pub body: Value,
    /// The body as it came.
    pub bytes: Vec<u8>,
}

impl Reply {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = response.bytes().await.expect("a whole answer").to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Self {
            status,
            headers,
            body,
            bytes,
        }
    }

    /// Itself, if it is a 200.
    #[allow(clippy::must_use_candidate, reason = "calling it is the check")]
    #[allow(clippy::return_self_not_must_use, reason = "calling it is the check")]
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.bytes));
        self
    }

    /// The `code` of a problem document.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("")
    }

    /// The results of a push.
    #[must_use]
    #[track_caller]
    pub fn results(&self) -> &[Value] {
        self.body["results"]
            .as_array()
            .unwrap_or_else(|| panic!("{}: {}", self.status, String::from_utf8_lossy(&self.bytes)))
    }

    /// One result of a push.
    #[must_use]
    #[track_caller]
    pub fn result(&self, index: usize) -> &Value {
        &self.results()[index]
    }

    /// Every result in short: `applied`, `rejected/locked`, and `rejected/busy?` where it is retryable.
    #[must_use]
    #[track_caller]
    pub fn verdicts(&self) -> Vec<String> {
        self.results().iter().map(verdict).collect()
    }

    /// The changes of a push's pull or of a page.
    #[must_use]
    #[track_caller]
    pub fn changes(&self) -> &[Value] {
        self.body["changes"]
            .as_array()
            .unwrap_or_else(|| panic!("no changes in {}", self.body))
    }
}

fn verdict(result: &Value) -> String {
    let verdict = result["verdict"].as_str().unwrap_or("no verdict");
    let retry = if result["retryable"] == true { "?" } else { "" };
    match result["code"].as_str() {
        Some(code) => format!("{verdict}/{code}{retry}"),
        None => format!("{verdict}{retry}"),
    }
}

/// What one or more pages brought.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The entries, in the order they came.
    pub changes: Vec<Value>,
}

impl Page {
    /// The last record of that id.
    #[must_use]
    #[track_caller]
    pub fn record(&self, id: Uuid) -> &Value {
        self.find(id)
            .unwrap_or_else(|| panic!("no record {id} in {:?}", self.changes))
    }

    /// The last record of that id, if it came.
    #[must_use]
    pub fn find(&self, id: Uuid) -> Option<&Value> {
        let id = id.to_string();
        self.changes
            .iter()
            .rev()
            .map(|change| &change["record"])
            .find(|record| record["id"] == id.as_str())
    }

    /// The ids that came, in short: `+id` for an upsert, `-id` for a remove.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.changes.iter().map(entry).collect()
    }
}

/// An entry of a feed in short: `+id` for an upsert, `-id` for a remove.
#[must_use]
pub fn entry(change: &Value) -> String {
    match change["kind"].as_str() {
        Some("upsert") => format!("+{}", change["record"]["id"].as_str().unwrap_or("?")),
        Some("remove") => format!("-{}", change["id"].as_str().unwrap_or("?")),
        _ => panic!("neither upsert nor remove: {change}"),
    }
}
