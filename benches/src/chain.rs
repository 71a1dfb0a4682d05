//! People who approve: a category of its own, who votes on its levels, and who asks for money in it.

use crate::Result;
use crate::draft::Author;
use crate::phone::{Account, Feed, Phone};
use crate::stage::Stage;
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// How long news may take before the run fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A category, a reason, one approver a level, and one sales person with two phones.
pub(crate) struct Chain {
    /// The first level's first.
    pub(crate) approvers: Vec<Phone>,
    pub(crate) sales: Phone,
    /// The other phone of the same person, which only pulls.
    pub(crate) owner: Phone,
    pub(crate) prose: Prose,
}

/// What requests of a chain are about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prose {
    category_id: Uuid,
    reason_id: Uuid,
}

impl Chain {
    /// Creates all of it as the administrator, and returns when a submit is taken and has arrived.
    pub(crate) async fn open(stage: &Stage, levels: u32) -> Result<Self> {
        let admin = Account {
            email: stage.options.admin.clone(),
            password: stage.options.password.clone(),
        };
        let mut admin = Phone::sign_in(&stage.target, &admin, stage.author()).await?;
        let name = format!("Load {}", admin.author.id().simple());
        let body = json!({"name": name, "levels": levels});
        let category_id = id(&admin.create("/api/v1/categories", &body).await?)?;
        let body = json!({"text": name, "categoryId": category_id});
        let reason_id = id(&admin.create("/api/v1/reasons", &body).await?)?;
        let mut approvers = Vec::new();
        for level in 1..=levels {
            let account = person(&mut admin, "approver").await?;
            let approver = Phone::sign_in(&stage.target, &account, stage.author()).await?;
            let body = json!({
                "categoryId": category_id, "level": level, "approverIds": [approver.user_id], "quorum": 1,
            });
            // The catalogue may not have heard of the person yet.
            let start = Instant::now();
            while let Err(error) = admin.create("/api/v1/assignments", &body).await {
                wait(start, || format!("an assignment: {error}")).await?;
            }
            approvers.push(approver);
        }
        let account = person(&mut admin, "sales").await?;
        let mut chain = Self {
            approvers,
            sales: Phone::sign_in(&stage.target, &account, stage.author()).await?,
            owner: Phone::sign_in(&stage.target, &account, stage.author()).await?,
            prose: Prose {
                category_id,
                reason_id,
            },
        };
        chain.probe().await?;
        Ok(chain)
    }

    /// Submits one request until it is taken, withdraws it, and waits until the first level knows of both.
    async fn probe(&mut self) -> Result<()> {
        let (changes, ids) = self.prose.submits(&mut self.sales.author, 1)?;
        let start = Instant::now();
        loop {
            let answer: Value = serde_json::from_slice(&self.sales.push(&changes).await?)?;
            let verdict = &answer["results"][1]["verdict"];
            if verdict == "applied" || verdict == "duplicate" {
                break;
            }
            wait(start, || format!("a first submit is not taken: {answer}")).await?;
        }
        let author = &mut self.sales.author;
        let withdraw = format!(
            ",\"changes\":[{{\"opId\":\"{}\",\"type\":\"withdraw\",\"id\":\"{}\",\"hlc\":\"{}\"}}]}}",
            author.id(),
            ids[0],
            author.stamp()
        );
        self.sales.push(&withdraw).await?;
        let first = self.approvers.first_mut().ok_or("a chain of no levels")?;
        let start = Instant::now();
        loop {
            let page: Value = serde_json::from_slice(&first.pull(Feed::Approvals).await?)?;
            let changes = page["changes"].as_array().ok_or("no changes")?;
            if changes
                .iter()
                .any(|change| change["record"]["status"] == "closed")
            {
                return Ok(());
            }
            wait(start, || "a withdrawal does not arrive".to_owned()).await?;
        }
    }

    /// Submits so many requests, not timed, and returns the approvals that the first level sees open.
    pub(crate) async fn fill(&mut self, count: usize) -> Result<Vec<Open>> {
        let mut left = count;
        while left > 0 {
            let some = left.min(100);
            let (changes, _) = self.prose.submits(&mut self.sales.author, some)?;
            let answer = self.sales.push(&changes).await?;
            expect_applied(&answer, 2 * some)?;
            left -= some;
        }
        let first = self.approvers.first_mut().ok_or("a chain of no levels")?;
        let mut open = Vec::with_capacity(count);
        let start = Instant::now();
        while open.len() < count {
            let before = open.len();
            let page: Value = serde_json::from_slice(&first.pull(Feed::Approvals).await?)?;
            open.extend(opened(&page)?);
            if open.len() == before {
                let found = open.len();
                wait(start, || format!("{found} of {count} approvals arrived")).await?;
            }
        }
        if open.len() > count {
            return Err(format!("{} approvals of {count} submits", open.len()).into());
        }
        Ok(open)
    }
}

/// An approval that waits for a vote.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    pub(crate) id: Uuid,
    pub(crate) request_id: Uuid,
    revision: String,
}

/// The approvals among the changes of a pull that nobody has voted on.
pub(crate) fn opened(answer: &Value) -> Result<Vec<Open>> {
    let mut found = Vec::new();
    for change in answer["changes"].as_array().ok_or("no changes")? {
        let record = &change["record"];
        if record["status"] == "open" {
            found.push(Open {
                id: id(record)?,
                request_id: record["requestId"]
                    .as_str()
                    .ok_or("no requestId")?
                    .parse()?,
                revision: record["revision"].as_str().ok_or("no revision")?.to_owned(),
            });
        }
    }
    Ok(found)
}

/// The changes that approve all of these.
pub(crate) fn approves<'a>(
    author: &mut Author,
    open: impl IntoIterator<Item = &'a Open>,
) -> Result<String> {
    let mut body = String::from(",\"changes\":[");
    for (index, approval) in open.into_iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(
            body,
            "{comma}{{\"opId\":\"{}\",\"type\":\"approve\",\"id\":\"{}\",\"revision\":\"{}\",\"hlc\":\"{}\"}}",
            author.id(),
            approval.id,
            approval.revision,
            author.stamp()
        )?;
    }
    body.push_str("]}");
    Ok(body)
}

/// Fails unless an answer says `applied` so often and nothing else.
pub(crate) fn expect_applied(answer: &[u8], count: usize) -> Result<()> {
    let applied = crate::scan::count(answer, "\"verdict\":\"applied\"");
    if applied == count {
        return Ok(());
    }
    let beginning = &answer[..answer.len().min(600)];
    let beginning = String::from_utf8_lossy(beginning);
    Err(format!("{applied} of {count} items applied: {beginning}").into())
}

impl Prose {
    /// The changes that draft and submit so many requests, and the requests' ids.
    pub(crate) fn submits(&self, author: &mut Author, count: usize) -> Result<(String, Vec<Uuid>)> {
        let mut body = String::from(",\"changes\":[");
        let mut ids = Vec::with_capacity(count);
        for index in 0..count {
            let mut draft = author.draft();
            draft.content.category_id = self.category_id;
            draft.content.reason_id = self.reason_id;
            if index > 0 {
                body.push(',');
            }
            draft.write_json(0xff, &mut body)?;
            write!(
                body,
                ",{{\"opId\":\"{}\",\"type\":\"submit\",\"id\":\"{}\",\"hlc\":\"{}\"}}",
                author.id(),
                draft.id,
                author.stamp()
            )?;
            ids.push(draft.id);
        }
        body.push_str("]}");
        Ok((body, ids))
    }
}

async fn person(admin: &mut Phone, role: &str) -> Result<Account> {
    let account = Account {
        email: format!("load-{}@load.athena", admin.author.id().simple()),
        password: "a phone's password".to_owned(),
    };
    let body = json!({
        "email": account.email, "password": account.password, "name": "Simulated phone", "roles": [role],
    });
    admin.create("/api/v1/users", &body).await?;
    Ok(account)
}

fn id(record: &Value) -> Result<Uuid> {
    Ok(record["id"]
        .as_str()
        .ok_or("a record without an id")?
        .parse()?)
}

/// A pause, unless patience is over.
pub(crate) async fn wait(start: Instant, what: impl FnOnce() -> String) -> Result<()> {
    if start.elapsed() > PATIENCE {
        return Err(format!("after {} s: {}", PATIENCE.as_secs(), what()).into());
    }
    tokio::time::sleep(LOOK_AGAIN).await;
    Ok(())
}
