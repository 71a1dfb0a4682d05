//! The requests of the demo organisation, pushed as its people's phones would push them, and voted on as
//! its approvers would.

use crate::services::Services;
use domain_services::approval::{Act, ApprovalError};
use domain_services::identity::{Identity, Role};
use domain_services::paging::PageQuery;
use domain_services::request::RequestError;
use domain_services::time::Ids;
use domain_services::user::demo_user_id;
use serde_json::{Value, json};
use std::time::Duration;
use sync_core::canonical::{Revision, approval_id};
use sync_core::hlc::{Clock, NodeId, Stamp};
use sync_core::wire::{Envelope, Format, Limits, VoteCommand};
use uuid::Uuid;

/// Namespace of the ids of the demo requests, which are the same at every start.
const DEMO: Uuid = Uuid::from_u128(0x3c9a_5b7e_0d5f_4b0c_8c43_52a1_7f0e_66b2);

/// How often, and how long apart, something is tried while events are on their way: three minutes, since a Kafka
/// that has just been started takes some seconds to form its groups, half a minute was once not enough on a loaded
/// machine, and a consumer that stands still begins again within one and a half.
const TRIES: u32 = 9_000;
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// What becomes of a demo request after its draft.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Draft,
    Submitted,
    Withdrawn,
    /// Submitted, and voted on by one person a level, from level 1 up.
    Voted(&'static [(&'static str, VoteCommand, &'static str)]),
}

use Fate::{Draft, Submitted, Voted, Withdrawn};
use VoteCommand::{Approve, Reject};

/// Owner (`sales1` to `sales5`), title, amount in minor units, category, fate.
const REQUESTS: [(u8, &str, i64, &str, Fate); 12] = [
    (
        1,
        "Train to the customer in Lyon",
        18_400,
        "Travel",
        Voted(&[("l1a", Approve, "Have a good trip.")]),
    ),
    (
        1,
        "Stand at the spring fair",
        740_000,
        "Events",
        Voted(&[("l1b", Approve, "As last year.")]),
    ),
    (1, "Flyers for the summer", 56_000, "Campaigns", Draft),
    (2, "Hotel for the kick-off", 92_500, "Travel", Submitted),
    (2, "Breakfast with partners", 31_000, "Events", Withdrawn),
    (
        2,
        "Radio spots, region north",
        2_300_000,
        "Campaigns",
        Voted(&[
            ("l1a", Approve, "Fits the plan."),
            ("l2a", Approve, "Within this quarter's budget."),
        ]),
    ),
    (3, "Flight to the training", 41_250, "Travel", Draft),
    (3, "Open house", 125_000, "Events", Submitted),
    (4, "Rental car, week 48", 27_900, "Travel", Submitted),
    (
        4,
        "Posters at the stations",
        860_000,
        "Campaigns",
        Voted(&[("l1b", Reject, "Not before the new logo.")]),
    ),
    (5, "Product evening", 68_000, "Events", Draft),
    (5, "Taxi to the airport", 4_600, "Travel", Withdrawn),
];

/// Why the demo requests could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// The catalogue cannot be read.
    #[error(transparent)]
    Catalog(#[from] domain_services::catalog::CatalogError),
    /// The request service refused.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The approval service refused.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// A batch could not be built, or was not taken.
    #[error("the demo requests cannot be pushed: {0}")]
    Batch(String),
}

/// Makes the requests, unless they are there.
pub(crate) async fn requests(services: &Services, ids: &Ids) -> Result<(), DemoError> {
    let last = identity(5);
    match services
        .requests
        .find(&last, request_id(REQUESTS.len() - 1))
        .await
    {
        Ok(_) => return Ok(()),
        Err(RequestError::NotFound) => {}
        Err(error) => return Err(error.into()),
    }
    let page = PageQuery::default();
    let categories = services.catalog.categories(page).await?.items;
    let reasons = services.catalog.reasons(page).await?.items;
    for person in 1..=5 {
        let node = NodeId::new(u64::from_be_bytes(ids.bytes()));
        let mut clock = Clock::new(node);
        let mut changes = Vec::new();
        for (index, (owner, title, minor, category, fate)) in REQUESTS.into_iter().enumerate() {
            let category = categories.iter().find(|known| known.name == category);
            let Some(category) = category.filter(|_| owner == person) else {
                continue;
            };
            let fits = |of: Option<Uuid>| of.is_none_or(|of| of == category.id);
            let reason = reasons.iter().rev().find(|reason| fits(reason.category_id));
            let fields = json!({
                "title": title,
                "amount": {"minor": minor, "currency": "EUR"},
                "categoryId": category.id,
                "reasonId": reason.map(|reason| reason.id),
                "justification": format!("{title}: agreed with the customer."),
            });
            let now_ms = u64::try_from(ids.now_us() / 1_000).unwrap_or(0);
            let mut stamp = || clock.tick(now_ms);
            changes.extend(story(index, fate, &fields, &mut stamp));
        }
        // The last request tells that all is made: what was cut off before it is made at the next start.
        if person == 5 {
            votes(services).await?;
        }
        push(services, &identity(person), &changes).await?;
    }
    Ok(())
}

async fn votes(services: &Services) -> Result<(), DemoError> {
    for (index, (owner, .., fate)) in REQUESTS.into_iter().enumerate() {
        if let Voted(votes) = fate {
            vote(services, owner, request_id(index), votes).await?;
        }
    }
    Ok(())
}

/// What a request was sealed as; another node that started in the same moment may be about to submit it.
async fn sealed(services: &Services, owner: u8, request_id: Uuid) -> Result<Revision, DemoError> {
    let wrong = |error: serde_json::Error| DemoError::Batch(error.to_string());
    for _ in 0..TRIES {
        let request = services.requests.find(&identity(owner), request_id).await?;
        let request = serde_json::to_value(&request).map_err(wrong)?;
        let revision: Option<Revision> =
            serde_json::from_value(request["revision"].clone()).map_err(wrong)?;
        if let Some(revision) = revision {
            return Ok(revision);
        }
        tokio::time::sleep(TRY_AGAIN_AFTER).await;
    }
    Err(DemoError::Batch("a request was not submitted".to_owned()))
}

/// Votes level by level; the first as soon as the approval service has heard of the request. Another node
/// that started in the same moment says the same, which changes nothing.
async fn vote(
    services: &Services,
    owner: u8,
    request_id: Uuid,
    votes: &[(&str, VoteCommand, &str)],
) -> Result<(), DemoError> {
    let revision = sealed(services, owner, request_id).await?;
    for ((person, vote, comment), level) in votes.iter().zip(1_u8..) {
        let who = Identity {
            user_id: demo_user_id(person),
            roles: Role::Approver.into(),
            ..identity(owner)
        };
        let act = Act {
            approval_id: approval_id(request_id, &revision, level),
            vote: *vote,
            comment: Some((*comment).to_owned()),
            revision: Some(revision),
            op_id: None,
        };
        let mut tries = 0;
        while let Err(error) = services.approvals.act(&who, act.clone(), None).await {
            tries += 1;
            if tries == TRIES || !matches!(error, ApprovalError::NotFound) {
                return Err(error.into());
            }
            tokio::time::sleep(TRY_AGAIN_AFTER).await;
        }
    }
    Ok(())
}

/// The items that one request's owner sends.
fn story(
    index: usize,
    fate: Fate,
    fields: &Value,
    stamp: &mut impl FnMut() -> Stamp,
) -> Vec<Value> {
    let id = request_id(index);
    let mut item = |kind: &str| {
        let op_id = Uuid::new_v5(&id, kind.as_bytes());
        json!({"opId": op_id, "type": kind, "id": id, "hlc": stamp().to_string()})
    };
    let mut draft = item("upsert");
    draft["fields"] = fields.clone();
    let mut items = vec![draft];
    if fate != Draft {
        items.push(item("submit"));
    }
    if fate == Withdrawn {
        items.push(item("withdraw"));
    }
    items
}

/// Pushes a batch until nothing of it waits any more, as a phone does.
async fn push(services: &Services, who: &Identity, changes: &[Value]) -> Result<(), DemoError> {
    let wrong = |error: &dyn std::fmt::Display| DemoError::Batch(error.to_string());
    let body = serde_json::to_vec(&json!({"changes": changes})).map_err(|e| wrong(&e))?;
    let mut refused = Value::Null;
    for _ in 0..TRIES {
        let envelope = Envelope::decode(&body, Format::Json, &Limits::default())
            .map_err(|error| wrong(&error))?;
        let answer = services.requests.push(who, &envelope, None).await?;
        let answer = serde_json::to_value(&answer).map_err(|e| wrong(&e))?;
        let results = answer["results"].as_array().cloned().unwrap_or_default();
        // Another node that started in the same moment, or a start that was cut off, pushed this operation with
        // a stamp of its own.
        let is_pushed = |result: &Value| result["code"] == "op_id_reused";
        let waits = |result: &Value| {
            let verdict = &result["verdict"];
            *verdict == "deferred" || *verdict == "rejected" && !is_pushed(result)
        };
        match results.into_iter().find(waits) {
            None => return Ok(()),
            Some(result) => refused = result,
        }
        tokio::time::sleep(TRY_AGAIN_AFTER).await;
    }
    Err(wrong(&refused["detail"]))
}

fn request_id(index: usize) -> Uuid {
    Uuid::new_v5(&DEMO, index.to_string().as_bytes())
}

fn identity(person: u8) -> Identity {
    Identity {
        user_id: demo_user_id(&format!("sales{person}")),
        roles: Role::Sales.into(),
        session_id: Uuid::nil(),
        expires_us: i64::MAX,
        version: 0,
    }
}
