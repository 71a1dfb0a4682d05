//! A simulated phone: one user signed in, one connection, a clock, and what it last heard.

use crate::Result;
use crate::draft::Author;
use crate::http::{Connection, Target};
use crate::scan;
use bytes::Bytes;
use serde_json::{Value, json};
use std::fmt::Write;
use uuid::Uuid;

/// Somebody a phone signs in as.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) email: String,
    pub(crate) password: String,
}

/// What a phone follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feed {
    /// Requests of its own.
    Requests,
    /// Approvals it is asked for.
    Approvals,
}

impl Feed {
    fn path(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Approvals => "approvals",
        }
    }
}

/// A signed-in phone.
pub(crate) struct Phone {
    pub(crate) user_id: Uuid,
    pub(crate) author: Author,
    /// `lastSync` of the last answer, as it came.
    pub(crate) last_sync: Option<String>,
    /// Answers kept to be read in full after the clock has stopped.
    pub(crate) kept: Vec<Bytes>,
    device_id: Uuid,
    connection: Connection,
}

impl Phone {
    pub(crate) async fn sign_in(
        target: &Target,
        account: &Account,
        mut author: Author,
    ) -> Result<Self> {
        let mut connection = Connection::open(target).await?;
        let device_id = author.id();
        let body = json!({
            "email": account.email, "password": account.password, "deviceId": device_id,
        });
        let answer = connection
            .post("/api/v1/auth/login", body.to_string().into())
            .await?
            .success(&format!("signing in as {}", account.email))?;
        let answer: Value = serde_json::from_slice(&answer)?;
        let token = answer["accessToken"].as_str().ok_or("no accessToken")?;
        connection.authorize(token)?;
        let user_id = answer["user"]["id"].as_str().ok_or("no user.id")?.parse()?;
        Ok(Self {
            user_id,
            author,
            last_sync: None,
            kept: Vec::new(),
            device_id,
            connection,
        })
    }

    /// Dials anew, before the clock starts.
    pub(crate) async fn wake(&mut self) -> Result<()> {
        self.connection.reopen().await
    }

    /// Creates a sales person; this phone must be an administrator's.
    pub(crate) async fn create_user(&mut self, account: &Account) -> Result<()> {
        let body = json!({
            "email": account.email, "password": account.password, "name": "Simulated phone",
            "roles": ["sales"],
        });
        self.connection
            .post("/api/v1/users", body.to_string().into())
            .await?
            .success("creating a user")?;
        Ok(())
    }

    /// Pushes changes (`,"changes":[…]}`) with the `lastSync` this phone holds, and keeps the answer's.
    pub(crate) async fn push(&mut self, changes: &str) -> Result<Bytes> {
        self.push_to(Feed::Requests, changes).await
    }

    /// The same to either feed. A phone follows one of them: it has one `lastSync`.
    pub(crate) async fn push_to(&mut self, feed: Feed, changes: &str) -> Result<Bytes> {
        let mut body = String::with_capacity(changes.len() + 256);
        write!(
            body,
            "{{\"deviceId\":\"{}\",\"userId\":\"{}\",\"lastSync\":",
            self.device_id, self.user_id
        )?;
        match &self.last_sync {
            Some(last) => write!(body, "\"{last}\"")?,
            None => body.push_str("null"),
        }
        body.push_str(changes);
        let answer = self
            .connection
            .post(&format!("/api/v1/{}/sync", feed.path()), body.into())
            .await?
            .success("a push")?;
        self.heard(&answer);
        Ok(answer)
    }

    /// One page of what changed after `since`.
    pub(crate) async fn page(&mut self, since: Option<&str>, limit: u32) -> Result<Bytes> {
        self.page_of(Feed::Requests, since, limit).await
    }

    async fn page_of(&mut self, feed: Feed, since: Option<&str>, limit: u32) -> Result<Bytes> {
        let mut path = String::with_capacity(96);
        write!(path, "/api/v1/{}/updates?limit={limit}", feed.path())?;
        if let Some(since) = since {
            write!(path, "&lastSync={since}")?;
        }
        self.connection.get(&path).await?.success("a pull")
    }

    /// Pulls from the beginning to the end; returns how many records came, and remembers the place.
    pub(crate) async fn bootstrap(&mut self, pages: &mut Vec<Bytes>) -> Result<()> {
        self.last_sync = None;
        loop {
            let since = self.last_sync.take();
            let page = self.page(since.as_deref(), 1_000).await?;
            let before = since.clone();
            self.last_sync = since;
            self.heard(&page);
            let more = scan::has_more(&page).ok_or("a page without hasMore")?;
            pages.push(page);
            if !more {
                return Ok(());
            }
            if self.last_sync == before {
                return Err("hasMore, but lastSync stands still".into());
            }
        }
    }

    /// One page behind the place this phone holds, which moves on.
    pub(crate) async fn pull(&mut self, feed: Feed) -> Result<Bytes> {
        let since = self.last_sync.take();
        let page = self.page_of(feed, since.as_deref(), 500).await?;
        self.last_sync = since;
        self.heard(&page);
        Ok(page)
    }

    /// Gets something, which must be there.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Bytes> {
        self.connection.get(path).await?.success(path)
    }

    /// Creates something, and reads what it is now.
    pub(crate) async fn create(&mut self, path: &str, body: &Value) -> Result<Value> {
        let answer = self.connection.post(path, body.to_string().into()).await?;
        Ok(serde_json::from_slice(&answer.success(path)?)?)
    }

    fn heard(&mut self, answer: &[u8]) {
        if let Some(last) = scan::string(answer, "\"lastSync\":") {
            self.last_sync = Some(last.to_owned());
        }
    }
}
