//! The same commands, in the process and by Kafka: the same projections, and the same leaves of the audit log.

use domain_services::db::sql;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use sync_core::time::parse_rfc3339;
use tests::{Engine, PATIENCE, Server, Setup, Submitted};
use tokio::time::Instant;

/// What a run has come to; of the embedded one, what the others are waited for.
#[derive(Debug, PartialEq)]
struct Came {
    /// Messages about the requests that had been settled before each step, and at the end.
    messages: Vec<usize>,
    /// What people and projections say.
    told: Value,
    /// The leaves, without what differs by nature, and how often each is there.
    leaves: BTreeMap<String, usize>,
}

/// What everybody came to, without the ids and times that differ from run to run.
async fn told(server: &Server, expected: Option<&Came>) -> Came {
    let mut sales = server.phone_of("sales1").await;
    let mut l1a = server.phone_of("l1a").await;
    let mut l2a = server.phone_of("l2a").await;
    let requests = sales.submitted_many("Events", 12).await;
    let mut messages = Vec::new();
    // What is taken back before it was told is another story than after: each step waits for the messages.
    messages.push(settled(server, &requests, expected.map(|came| came.messages[0])).await);
    l1a.wait_for_all(&requests, 1).await;
    let mut votes = Vec::new();
    for (n, request) in requests.iter().enumerate() {
        match n % 4 {
            0 | 1 => votes.push(l1a.approve(request.approval(1))),
            2 => votes.push(l1a.reject(request.approval(1))),
            _ => {}
        }
    }
    l1a.sync_votes(votes).await;
    messages.push(settled(server, &requests, expected.map(|came| came.messages[1])).await);
    let mut withdrawn = Vec::new();
    for (n, request) in requests.iter().enumerate() {
        match n % 4 {
            0 => {
                l2a.wait_for(request.approval(2)).await;
                let yes = l2a.approve(request.approval(2));
                l2a.sync_votes([yes]).await;
            }
            3 => withdrawn.push(sales.withdraw(request.id)),
            _ => {}
        }
    }
    sales.sync(withdrawn).await;
    let mut fates = Vec::new();
    for (n, request) in requests.iter().enumerate() {
        let status = ["approved", "pending_l2", "rejected", "withdrawn"][n % 4];
        sales.wait_status(request.id, status).await;
        let mut story: Vec<Value> = sales
            .story(request.id)
            .await
            .iter()
            .map(|line| json!([line["event"], line["level"]]))
            .collect();
        // What happens in one decision has one time: there the order of lines is by id, which phones draw.
        story.sort_by_cached_key(Value::to_string);
        let record = l1a
            .wait_approval(request.approval(1), |record| {
                n % 4 != 3 || record["status"] == "closed"
            })
            .await;
        fates.push(json!([status, story, record["status"], record["sealed"]]));
    }
    messages.push(settled(server, &requests, expected.map(|came| came.messages[2])).await);
    Came {
        messages,
        told: json!([fates, kept(server).await]),
        leaves: leaves(server, &requests, expected).await,
    }
}

/// What the request service keeps of others.
async fn kept(server: &Server) -> Value {
    let db = &server.services().databases.request;
    let people: Vec<(String, i64)> = sql("select name, version from person order by name, version")
        .fetch_all(db)
        .await
        .unwrap();
    let categories: Vec<(String, i64)> =
        sql("select name, version from category order by name, version")
            .fetch_all(db)
            .await
            .unwrap();
    json!([people, categories])
}

/// Waits until nothing is to be sent any more, and there are as many messages as in the embedded run: there,
/// what is published has been taken.
async fn settled(server: &Server, requests: &[Submitted], expected: Option<usize>) -> usize {
    server.leaves().await;
    let begun = Instant::now();
    loop {
        let rows: Vec<(uuid::Uuid, String)> =
            sql("select request_id, status from notification where request_id is not null")
                .fetch_all(&server.services().databases.notification)
                .await
                .unwrap();
        let ours: Vec<&(uuid::Uuid, String)> = rows
            .iter()
            .filter(|(id, _)| requests.iter().any(|request| request.id == *id))
            .collect();
        let waits = ours.iter().any(|(_, status)| status == "queued");
        if !waits && !ours.is_empty() && expected.is_none_or(|expected| expected == ours.len()) {
            return ours.len();
        }
        assert!(begun.elapsed() < PATIENCE, "{ours:?}, not {expected:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The leaves about these requests and about the organisation, each without what differs by nature.
async fn leaves(
    server: &Server,
    requests: &[Submitted],
    expected: Option<&Came>,
) -> BTreeMap<String, usize> {
    let names = names(requests);
    let begun = Instant::now();
    loop {
        let mut found = BTreeMap::new();
        for leaf in server.leaves().await {
            let mut leaf = serde_json::to_value(&leaf).unwrap();
            let text = leaf.to_string();
            let of_requests = names.iter().any(|(id, _)| text.contains(id));
            let organisation = [
                "category.",
                "reason.",
                "assignment.",
                "user.",
                "department.",
            ];
            let action = leaf["action"].as_str().unwrap();
            if of_requests || organisation.iter().any(|of| action.starts_with(of)) {
                without_what_differs(&mut leaf);
                let text = names
                    .iter()
                    .fold(leaf.to_string(), |text, (id, name)| text.replace(id, name));
                *found.entry(text).or_default() += 1;
            }
        }
        // By Kafka, the audit service may still be reading.
        let all = expected.is_none_or(|expected| found == expected.leaves);
        if all || begun.elapsed() > PATIENCE {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What stands for the ids of these requests and of their approvals, which phones draw.
fn names(requests: &[Submitted]) -> Vec<(String, String)> {
    let mut names = Vec::new();
    for (n, request) in requests.iter().enumerate() {
        names.push((request.id.to_string(), format!("request {n}")));
        for level in 1..=2 {
            let id = request.approval(level).to_string();
            names.push((id, format!("level {level} of request {n}")));
        }
    }
    names
}

/// Place and time of a leaf, and what follows from them: an event's id from its version (a time, of requests),
/// a message's from its event's. Of the trace, whether there is one.
fn without_what_differs(leaf: &mut Value) {
    let message = leaf["action"]
        .as_str()
        .unwrap()
        .starts_with("notification.");
    leaf["seq"] = Value::Null;
    leaf["eventId"] = Value::Null;
    leaf["traceId"] = json!(leaf["traceId"].is_string());
    if message {
        leaf["key"] = Value::Null;
        leaf["detail"]["id"] = Value::Null;
        // Three rows of one request differ by the event that they tell of.
        leaf["detail"]["eventId"] = Value::Null;
    }
    without_times(leaf);
}

fn without_times(value: &mut Value) {
    match value {
        Value::String(text) if parse_rfc3339(text).is_ok() => "a time".clone_into(text),
        Value::Array(values) => values.iter_mut().for_each(without_times),
        Value::Object(members) => {
            for (name, value) in members {
                if name == "hlc" || name == "opId" {
                    *value = Value::Null;
                }
                without_times(value);
            }
        }
        _ => {}
    }
}

/// The leaves of one run that the other has not as often.
fn besides<'a>(one: &'a Came, other: &Came) -> Vec<&'a String> {
    let leaves = one.leaves.iter();
    let differing = leaves.filter(|(leaf, count)| other.leaves.get(*leaf) != Some(*count));
    differing.map(|(leaf, _)| leaf).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_commands_come_to_the_same() {
    let embedded = Server::start_new(Engine::Sqlite, Setup::default()).await;
    let expected = told(&embedded, None).await;
    embedded.stop().await;
    for action in [
        "request.submitted",
        "request.withdrawn",
        "approval.voted",
        "approval.level_approved",
        "approval.level_rejected",
        "notification.sent",
        "category.changed",
        "user.changed",
    ] {
        let name = format!("\"action\":\"{action}\"");
        let is_there = expected.leaves.keys().any(|leaf| leaf.contains(&name));
        assert!(is_there, "no leaf says {action}");
    }
    for engine in Engine::BOTH {
        let server = Box::pin(Server::start_new(engine, Setup::default().over_kafka())).await;
        let came = told(&server, Some(&expected)).await;
        let (missing, besides) = (besides(&expected, &came), besides(&came, &expected));
        assert!(
            missing.is_empty() && besides.is_empty(),
            "{engine:?}: missing {} {:#?}, besides {} {:#?}",
            missing.len(),
            missing.first(),
            besides.len(),
            besides.first()
        );
        assert_eq!(came, expected, "{engine:?}");
        server.stop().await;
    }
}
