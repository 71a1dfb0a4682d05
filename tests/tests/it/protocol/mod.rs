//! The worked exchanges of `mobile-contract/PROTOCOL.md` are real traffic: each is played against a server and
//! compared with the document, between its markers. `ATHENA_WRITE_PROTOCOL=1` writes them.

mod printed;

use domain_services::time::{Clock, Ids, SystemEntropy};
use printed::{plain, shorten, shown};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use sync_core::verdict::Code;
use sync_server::Hooks;
use tests::{Actor, Reply, Server, Setup};

/// 2026-11-22T10:00:00Z.
const START_US: i64 = 1_795_341_600_000_000;
const KIM: &str = "01930000-0000-7000-8000-00000000c001";
const ROBIN: &str = "01930000-0000-7000-8000-00000000c002";
const FAIRS: &str = "01930000-0000-7000-8000-00000000d001";
const REASON: &str = "01930000-0000-7000-8000-00000000d002";
const UNHEARD: &str = "01930000-0000-7000-8000-00000000d003";
const FAIR: &str = "01930000-0000-7000-8000-000000000001";
const TRAIN: &str = "01930000-0000-7000-8000-000000000002";
const HOTEL: &str = "01930000-0000-7000-8000-000000000003";
/// Exchanges whose answers are shown with every member.
const WHOLE: [&str; 4] = ["login", "refresh", "first-push", "again"];
/// The node of each phone.
const PHONE: &str = "a1b2c3d4e5f60718";
const TABLET: &str = "0817065f4e3d2c1b";
const ROBINS: &str = "7c6b5a4938271605";

/// A clock that stands until it is moved.
#[derive(Default)]
struct StandingClock(AtomicI64);

impl Clock for StandingClock {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The story, and what it has come to.
struct Story {
    server: Server,
    clock: Arc<StandingClock>,
    exchanges: BTreeMap<&'static str, String>,
    ops: u32,
}

impl Story {
    async fn begin() -> Self {
        let clock = Arc::new(StandingClock::default());
        clock.0.store(START_US, Ordering::SeqCst);
        let ids = Ids::new(
            Arc::clone(&clock) as Arc<dyn Clock>,
            Arc::new(SystemEntropy),
        );
        let hooks = Hooks {
            ids,
            ..Hooks::default()
        };
        let server = Server::on_nothing(Setup {
            hooks,
            ..Setup::default()
        })
        .await;
        Self {
            server,
            clock,
            exchanges: BTreeMap::new(),
            ops: 0,
        }
    }

    fn pass(&self, seconds: i64) {
        self.clock
            .0
            .fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// The present second, as a stamp of that node has it.
    fn stamp(&self, ms: i64, node: &str) -> String {
        let at_ms = self.clock.now_us() / 1_000 + ms;
        let time = sync_core::time::format_rfc3339(at_ms * 1_000);
        let millis = time.get(..23).unwrap_or_default();
        format!("{millis}Z-0000-{node}")
    }

    /// An operation that is the next of its user.
    fn op(&mut self) -> String {
        self.ops += 1;
        format!("01930000-0000-7000-8000-00000000e{:03}", self.ops)
    }

    fn item(&mut self, kind: &str, id: &str, stamp: &str, more: &Value) -> Value {
        let mut item = json!({"opId": self.op(), "type": kind, "id": id, "hlc": stamp});
        for (name, value) in more.as_object().into_iter().flatten() {
            item[name] = value.clone();
        }
        item
    }

    /// A batch as a phone sends it.
    fn batch(&self, user: &str, last_sync: &Value, changes: &[Value]) -> Value {
        let time = sync_core::time::format_rfc3339(self.clock.now_us() - 1_200_000);
        json!({
            "deviceId": "phone-1", "userId": user, "clientTime": time.replace("000Z", "Z"),
            "lastSync": last_sync, "changes": changes,
        })
    }

    async fn post(&mut self, name: &'static str, who: &Actor, path: &str, body: &Value) -> Reply {
        let reply = who.post(path, body).await;
        let mut request = format!("POST {path}\n");
        if !who.token.is_empty() {
            request += "Authorization: Bearer eyJ…\n";
        }
        let _ = write!(request, "Content-Type: application/json\n\n{}", shown(body));
        self.keep(name, &request, &reply);
        reply
    }

    async fn get(&mut self, name: &'static str, who: &Actor, path: &str) -> Reply {
        let reply = who.get(path).await;
        let request = format!("GET {path}\nAuthorization: Bearer eyJ…");
        self.keep(name, &request, &reply);
        reply
    }

    fn keep(&mut self, name: &'static str, request: &str, reply: &Reply) {
        let mut answer = format!("{}\n", reply.status);
        for header in ["content-type", "retry-after", "www-authenticate"] {
            if let Some(value) = reply.headers.get(header) {
                let value = value.to_str().unwrap_or_default();
                let _ = writeln!(answer, "{header}: {value}");
            }
        }
        let mut body = reply.body.clone();
        if !WHOLE.contains(&name) {
            shorten(&mut body, &mut Vec::new());
        }
        let _ = write!(answer, "\n{}", shown(&body));
        let text = format!(
            "```http\n{}\n```\n\n```http\n{}\n```\n",
            plain(request),
            plain(&answer)
        );
        self.exchanges.insert(name, text);
    }
}

fn protocol() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../mobile-contract/PROTOCOL.md")
}

/// The document with the exchanges between their markers.
fn written_into(document: &str, exchanges: &BTreeMap<&'static str, String>) -> String {
    let mut text = document.to_owned();
    for (name, exchange) in exchanges {
        let (begin, end) = (format!("<!-- exchange {name} -->\n"), "<!-- end -->");
        let start = text.find(&begin).map(|at| at + begin.len());
        let start = start.unwrap_or_else(|| panic!("PROTOCOL.md has no `{}`", begin.trim()));
        let length = text.get(start..).and_then(|rest| rest.find(end));
        let length = length.unwrap_or_else(|| panic!("PROTOCOL.md: `{name}` has no end"));
        text.replace_range(start..start + length, exchange);
    }
    text
}

#[test]
fn the_protocol_tells_every_code_of_a_refusal() {
    let document = std::fs::read_to_string(protocol()).unwrap();
    let untold = Code::ALL
        .iter()
        .filter(|code| !document.contains(&format!("`{code}`")));
    assert_eq!(untold.collect::<Vec<_>>(), Vec::<&Code>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exchanges_of_the_protocol_are_real() {
    let mut story = Story::begin().await;
    Box::pin(play(&mut story)).await;
    let Story {
        server, exchanges, ..
    } = story;
    server.stop().await;
    let document = std::fs::read_to_string(protocol()).unwrap();
    let marked = document.matches("<!-- exchange ").count();
    assert_eq!(
        marked,
        exchanges.len(),
        "exchanges in PROTOCOL.md and in this story"
    );
    let fresh = written_into(&document, &exchanges);
    if std::env::var_os("ATHENA_WRITE_PROTOCOL").is_some() {
        std::fs::write(protocol(), fresh).unwrap();
    } else if fresh != document {
        for (old, new) in document
            .lines()
            .zip(fresh.lines())
            .filter(|(old, new)| old != new)
        {
            eprintln!("- {old}\n+ {new}");
        }
        panic!(
            "PROTOCOL.md tells other traffic than the server's: ATHENA_WRITE_PROTOCOL=1 cargo test -p tests protocol"
        );
    }
}

/// The people and the category of the story.
async fn cast(story: &Story) {
    let admin = story.server.admin().await;
    for (id, name, role) in [(KIM, "Kim", "sales"), (ROBIN, "Robin", "approver")] {
        let email = format!("{}@example.com", name.to_lowercase());
        let body = json!({
            "id": id, "email": email, "name": name, "roles": [role], "password": "correct horse",
            "region": "EMEA",
        });
        let made = admin.post("/api/v1/users", &body).await;
        assert_eq!(made.status, 201, "{}", made.body);
    }
    for (path, body) in [
        (
            "/api/v1/categories",
            json!({"id": FAIRS, "name": "Fairs", "levels": 1}),
        ),
        (
            "/api/v1/reasons",
            json!({"id": REASON, "text": "New market", "categoryId": FAIRS}),
        ),
        (
            "/api/v1/assignments",
            json!({"categoryId": FAIRS, "level": 1, "approverIds": [ROBIN], "quorum": 1}),
        ),
    ] {
        let made = admin.post(path, &body).await;
        assert!([200, 201].contains(&made.status), "{path}: {}", made.body);
    }
}

async fn play(story: &mut Story) {
    cast(story).await;
    let nobody = story.server.anonymous();
    let login =
        json!({"email": "kim@example.com", "password": "correct horse", "deviceId": "phone-1"});
    let signed_in = story
        .post("login", &nobody, "/api/v1/auth/login", &login)
        .await;
    let refresh = json!({"refreshToken": signed_in.body["refreshToken"]});
    story
        .post("refresh", &nobody, "/api/v1/auth/refresh", &refresh)
        .await;
    let kim = story
        .server
        .sign_in("kim@example.com", "correct horse")
        .await;
    let last = drafts(story, &kim).await;
    refusals(story, &kim, &last).await;
    let revision = submits(story, &kim).await;
    votes(story, &revision).await;
}

const SYNC: &str = "/api/v1/requests/sync";

/// A draft, the same again, another phone, a page, an empty pull. Where the phone then is.
async fn drafts(story: &mut Story, kim: &Actor) -> Value {
    story.pass(10);
    let first = story.stamp(-900, PHONE);
    let fields = json!({"fields": {
        "title": "Trade fair, Lyon", "amount": {"minor": 125_000, "currency": "EUR"}, "categoryId": FAIRS,
        "reasonId": REASON, "justification": "We need a booth in Lyon.",
    }});
    let edit = story.item("upsert", FAIR, &first, &fields);
    let batch = story.batch(KIM, &Value::Null, &[edit]);
    story.post("first-push", kim, SYNC, &batch).await.ok();
    story.pass(5);
    let again = story.post("again", kim, SYNC, &batch).await.ok();
    let last = again.body["lastSync"].clone();

    story.pass(60);
    let title = story.stamp(-20_000, TABLET);
    let text = story.stamp(-10_000, TABLET);
    let base = json!([first]);
    let theirs = [
        story.item(
            "upsert",
            FAIR,
            &title,
            &json!({"fields": {"title": "Trade fair in Lyon"}}),
        ),
        story.item(
            "upsert",
            FAIR,
            &text,
            &json!({"fields": {"justification":
            {"text": "We need a booth in Lyon, with a demo.", "base": base}}}),
        ),
    ];
    let reply = kim.post(SYNC, &story.batch(KIM, &last, &theirs)).await.ok();
    assert_eq!(reply.verdicts(), ["applied", "applied"]);
    let (early, later) = (story.stamp(-40_000, PHONE), story.stamp(-30_000, PHONE));
    let mine = [
        story.item(
            "upsert",
            FAIR,
            &early,
            &json!({"fields": {"title": "Lyon", "region": "EMEA"}}),
        ),
        story.item(
            "upsert",
            FAIR,
            &later,
            &json!({"fields": {"justification":
            {"text": "We need a big booth in Lyon.", "base": base}}}),
        ),
    ];
    let batch = story.batch(KIM, &last, &mine);
    let merged = story.post("merged", kim, SYNC, &batch).await.ok();
    let last = merged.body["lastSync"].clone();
    let path = format!(
        "/api/v1/requests/updates?lastSync={}",
        last.as_str().unwrap()
    );
    story.get("nothing-new", kim, &path).await.ok();
    last
}

/// Items that wait and items that are refused, and requests that are refused as a whole.
async fn refusals(story: &mut Story, kim: &Actor, last: &Value) {
    story.pass(60);
    let stamps: Vec<String> = (0..5).map(|ms| story.stamp(ms - 800, PHONE)).collect();
    let train = json!({"fields": {
        "title": "Train", "amount": {"minor": 18_400, "currency": "EUR"}, "categoryId": UNHEARD,
        "reasonId": REASON,
    }});
    let seen = ["title", "amount", "categoryId", "reasonId"].map(|field| (field, json!(stamps[0])));
    let seen: serde_json::Map<String, Value> = seen
        .map(|(field, stamp)| (field.to_owned(), stamp))
        .into_iter()
        .collect();
    let items = [
        story.item("upsert", TRAIN, &stamps[0], &train),
        story.item("submit", TRAIN, &stamps[1], &json!({"seen": seen})),
        story.item(
            "upsert",
            TRAIN,
            &stamps[2],
            &json!({"fields": {"region": "EMEA"}}),
        ),
        story.item(
            "upsert",
            HOTEL,
            &stamps[3],
            &json!({"fields": {"title": ""}}),
        ),
        story.item(
            "upsert",
            HOTEL,
            &stamps[4],
            &json!({"fields": {"title": "Hotel"}}),
        ),
    ];
    let batch = story.batch(KIM, last, &items);
    let reply = story.post("mixed", kim, SYNC, &batch).await.ok();
    let verdicts = [
        "applied",
        "deferred",
        "deferred",
        "rejected/invalid_value",
        "applied",
    ];
    assert_eq!(reply.verdicts(), verdicts);

    let ahead = story.stamp(3_600_000, PHONE);
    let item = story.item(
        "upsert",
        HOTEL,
        &ahead,
        &json!({"fields": {"region": "EMEA"}}),
    );
    let mut batch = story.batch(KIM, &reply.body["lastSync"], &[item]);
    let fast = sync_core::time::format_rfc3339(story.clock.now_us() + 3_600_000_000);
    batch["clientTime"] = json!(fast.replace("000Z", "Z"));
    story.post("clock-ahead", kim, SYNC, &batch).await.ok();

    let stranger = story.batch(ROBIN, last, &[]);
    story.post("wrong-user", kim, SYNC, &stranger).await;
    let beyond = "/api/v1/requests/updates?lastSync=2026-12-24T18:00:00.000000Z";
    story.get("resync", kim, beyond).await;
}

/// Seals the fair: first what its user has not seen, then what it has. The revision.
async fn submits(story: &mut Story, kim: &Actor) -> String {
    story.pass(60);
    let record = kim.get(&format!("/api/v1/requests/{FAIR}")).await.ok().body;
    let mut seen = record["stamps"].clone();
    seen["justification"] = record["justificationHeads"].clone();
    let mut old = seen.clone();
    old["title"] = json!("2026-11-22T10:00:09.100Z-0000-a1b2c3d4e5f60718");
    let stamp = story.stamp(-500, PHONE);
    let unseen = story.item("submit", FAIR, &stamp, &json!({"seen": old}));
    let mut batch = story.batch(KIM, &Value::Null, &[unseen]);
    batch.as_object_mut().unwrap().remove("lastSync");
    let reply = story.post("content-changed", kim, SYNC, &batch).await.ok();
    assert_eq!(reply.verdicts(), ["rejected/content_changed"]);

    story.pass(60);
    let stamp = story.stamp(-500, PHONE);
    let submit = story.item("submit", FAIR, &stamp, &json!({"seen": seen}));
    let late = story.stamp(-400, PHONE);
    let edit = story.item(
        "upsert",
        FAIR,
        &late,
        &json!({"fields": {"region": "APAC"}}),
    );
    batch = story.batch(KIM, &Value::Null, &[submit, edit]);
    batch.as_object_mut().unwrap().remove("lastSync");
    let reply = story.post("submitted", kim, SYNC, &batch).await.ok();
    assert_eq!(reply.verdicts(), ["applied", "rejected/locked"]);
    reply.result(0)["record"]["revision"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// An approver's phone.
async fn votes(story: &mut Story, revision: &str) {
    let robin = story
        .server
        .sign_in("robin@example.com", "correct horse")
        .await;
    let approval = {
        let start = tokio::time::Instant::now();
        loop {
            let page = robin.get("/api/v1/approvals/updates").await.ok();
            if let Some(change) = page.changes().first() {
                break change["record"]["id"].as_str().unwrap().to_owned();
            }
            assert!(start.elapsed().as_secs() < 20, "the approval does not open");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let page = story
        .get("incoming", &robin, "/api/v1/approvals/updates")
        .await
        .ok();
    story.pass(60);
    let last = page.body["lastSync"].clone();
    let stamp = story.stamp(-700, ROBINS);
    let more = json!({"revision": revision, "comment": "Good fair."});
    let vote = story.item("approve", &approval, &stamp, &more);
    let batch = story.batch(ROBIN, &last, &[vote]);
    let reply = story
        .post("vote", &robin, "/api/v1/approvals/sync", &batch)
        .await
        .ok();
    assert_eq!(reply.verdicts(), ["applied"]);
    let stamp = story.stamp(-600, ROBINS);
    let other = format!("sha256:{}", "0".repeat(64));
    let stale = story.item("reject", &approval, &stamp, &json!({"revision": other}));
    let batch = story.batch(ROBIN, &reply.body["lastSync"], &[stale]);
    let reply = story
        .post("stale-vote", &robin, "/api/v1/approvals/sync", &batch)
        .await
        .ok();
    assert_eq!(reply.verdicts(), ["rejected/stale_revision"]);
}
