//! `kill -9` while levels open and are decided: the rows of notifications match the log of events one to
//! one, and what was sent is kept once.

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tests::{Engine, PATIENCE, Phone, Process, Since, Submitted, long_run};
use tokio::time::Instant;
use uuid::Uuid;

/// An event and what it says.
type Told = (Uuid, String, Value);
/// A notification: event, recipient, channel, status, whether a node was sending it when it died, or what it
/// takes back.
type Row = (Uuid, Uuid, String, String, bool);

struct Books {
    events: Vec<Told>,
    rows: Vec<Row>,
    /// Events that the notification service has not taken yet, and messages that wait in its queue.
    open: i64,
    sent_attempts: i64,
    logged: i64,
}

impl Books {
    /// Nothing waits, and what a broker brings has come.
    fn is_settled(&self) -> bool {
        let rows: BTreeSet<(Uuid, Uuid)> = self.rows.iter().map(|row| (row.0, row.1)).collect();
        self.open == 0 && expected(&self.events).is_subset(&rows)
    }
}

const EVENTS: &str = "select id, type, body from outbox order by seq";
const ROWS: &str = "select event_id, recipient_id, channel, status,
    (lease_us is not null or coalesce(reason, '') = 'original_in_flight')
    from notification where event_id is not null order by id";
const WAITING: &str = "select count(*) from notification
    where status = 'queued' and lease_us is null and coalesce(reason, '') <> 'original_in_flight'";
const UNPUBLISHED: &str = "select count(*) from outbox where published_us is null";
const SENT: &str = "select count(*) from attempt where outcome = 'sent'";
const LOGGED: &str = "select count(*) from logged_message";

macro_rules! read_books {
    ($approval:expr, $request:expr, $notification:expr) => {{
        let mut events: Vec<Told> = sqlx::query_as(EVENTS)
            .fetch_all(&mut $approval)
            .await
            .unwrap();
        let requests: Vec<Told> = sqlx::query_as(EVENTS)
            .fetch_all(&mut $request)
            .await
            .unwrap();
        events.extend(requests);
        let mut open = 0;
        let counted: (i64,) = sqlx::query_as(UNPUBLISHED)
            .fetch_one(&mut $approval)
            .await
            .unwrap();
        open += counted.0;
        let counted: (i64,) = sqlx::query_as(WAITING)
            .fetch_one(&mut $notification)
            .await
            .unwrap();
        open += counted.0;
        let sent: (i64,) = sqlx::query_as(SENT)
            .fetch_one(&mut $notification)
            .await
            .unwrap();
        let logged: (i64,) = sqlx::query_as(LOGGED)
            .fetch_one(&mut $notification)
            .await
            .unwrap();
        Books {
            events,
            rows: sqlx::query_as(ROWS)
                .fetch_all(&mut $notification)
                .await
                .unwrap(),
            open,
            sent_attempts: sent.0,
            logged: logged.0,
        }
    }};
}

async fn schema(url: &str, name: &'static str) -> PgConnection {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let path = match name {
        "approval" => "set search_path = approval",
        "request" => "set search_path = request",
        _ => "set search_path = notification",
    };
    sqlx::query(path).execute(&mut connection).await.unwrap();
    connection
}

async fn books(server: &Process) -> Books {
    if let Some(url) = server.postgres_url() {
        let mut approval = schema(&url, "approval").await;
        let mut request = schema(&url, "request").await;
        let mut notification = schema(&url, "notification").await;
        return read_books!(approval, request, notification);
    }
    let file = |name: &str| {
        let options = SqliteConnectOptions::new().filename(server.folder().join(name));
        async move { options.connect().await.unwrap() }
    };
    let mut approval = file("approval.db").await;
    let mut request = file("request.db").await;
    let mut notification = file("notification.db").await;
    read_books!(approval, request, notification)
}

/// What the events tell, by e-mail: event and recipient. Rows about votes taken back depend on who had
/// been told, and are not in it.
fn expected(events: &[Told]) -> BTreeSet<(Uuid, Uuid)> {
    let id = |value: &Value| value.as_str().unwrap().parse::<Uuid>().unwrap();
    let mut expected = BTreeSet::new();
    for (event, kind, body) in events {
        match kind.as_str() {
            "approval.level_opened" => {
                let approvers = body["approverIds"].as_array().unwrap();
                expected.extend(approvers.iter().map(|approver| (*event, id(approver))));
            }
            "approval.level_approved" | "approval.level_rejected" | "request.finalized" => {
                expected.insert((*event, id(&body["ownerId"])));
            }
            _ => {}
        }
    }
    expected
}

/// Longer than a consumer lingers: what a vote that was taken back leads to is not known beforehand.
const QUIET: Duration = Duration::from_millis(500);

/// Rows that one node can have in flight on a channel (workers times rows of a turn), and as many that
/// take those back and wait for them.
const LEAVING_MAX: u64 = 2 * 2 * 16;

fn check(books: &Books, kills: u64) {
    let expected = expected(&books.events);
    assert!(expected.len() > 60, "{} messages", expected.len());
    let kinds: BTreeMap<Uuid, &str> = books
        .events
        .iter()
        .map(|(id, kind, _)| (*id, kind.as_str()))
        .collect();
    let mut found = BTreeSet::new();
    let mut leaving = 0_u64;
    for (event, recipient, channel, status, is_leaving) in &books.rows {
        assert_eq!(channel, "email");
        let kind = kinds.get(event).copied();
        let kind = kind.expect("an event of every row");
        if kind != "approval.level_reopened" {
            assert!(found.insert((*event, *recipient)), "{event} twice");
        }
        assert!(
            ["sent", "cancelled"].contains(&status.as_str()) || *is_leaving,
            "{kind}: {status}"
        );
        leaving += u64::from(*is_leaving && status == "queued");
    }
    assert_eq!(found, expected, "one row an event and recipient");
    let sent = books.rows.iter().filter(|row| row.3 == "sent").count();
    assert_eq!(i64::try_from(sent).unwrap(), books.sent_attempts);
    // What a channel that is not set up would have sent is trimmed, once a minute.
    let sent = i64::try_from(sent).unwrap();
    assert!(books.logged == sent || (LOGGED_MAX..sent).contains(&books.logged));
    assert!(
        leaving <= kills * LEAVING_MAX,
        "{leaving} rows of nodes that died"
    );
}

/// So many of the messages that would have been sent stay.
const LOGGED_MAX: i64 = 1_000;

/// Votes, now this way and now that, until the server is gone.
async fn vote_until_it_is_gone(
    mut phone: Phone,
    asked: Vec<Submitted>,
    mut turn: usize,
) -> (Phone, usize) {
    loop {
        let kind = ["approve", "rollback", "reject", "rollback"][turn % 4];
        let batch: Vec<Value> = asked
            .iter()
            .skip(turn % 7)
            .step_by(7)
            .map(|one| phone.vote(kind, one.approval(1)))
            .collect();
        turn += 1;
        match phone.try_sync_votes(&batch).await {
            Ok(reply) if reply.status == 200 => {}
            _ => return (phone, turn),
        }
    }
}

/// By whatever bus the server has.
pub(crate) async fn killed_while_people_are_told(mut server: Process) {
    let kills: u64 = if long_run() { 20 } else { 4 };
    let sales = server.sign_in("sales1@demo.athena", "athena-demo").await;
    let asked = Phone::of(sales).submitted_many("Travel", 40).await;
    let voter = server.sign_in("l1a@demo.athena", "athena-demo").await;
    let mut voter = Phone::of(voter);
    voter.approvals_since = Since::Beginning;
    voter.wait_for_all(&asked, 1).await;
    let mut turn = 0;
    for kill in 0..kills {
        let voting = tokio::spawn(vote_until_it_is_gone(voter, asked.clone(), turn));
        tokio::time::sleep(Duration::from_millis(150 + 70 * kill)).await;
        server.kill();
        (voter, turn) = voting.await.unwrap();
        server.start_again().await;
        voter.actor = voter.actor.at(&server.url());
    }
    // Everything is taken and sent, but what the killed nodes were sending: that waits for its lease.
    let mut last = books(&server).await;
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        tokio::time::sleep(QUIET).await;
        let now = books(&server).await;
        if last.is_settled() && last.rows == now.rows {
            break;
        }
        last = now;
    }
    assert_eq!(last.open, 0, "messages wait");
    check(&last, kills);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_people_are_told_on_sqlite() {
    let server = Process::start(Engine::Sqlite).await;
    Box::pin(killed_while_people_are_told(server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_people_are_told_on_postgres() {
    let server = Process::start(Engine::Postgres).await;
    Box::pin(killed_while_people_are_told(server)).await;
}
