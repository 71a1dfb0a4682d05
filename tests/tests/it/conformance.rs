//! `athena conformance`: the client in the examples keeps every promise, and a client that breaks one is caught.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;
use tests::{Engine, Process};

/// What a wrong client would do, as a change of the right one, and a case that must notice.
const WRONG: &[(&str, &str, &str, &str)] = &[
    (
        "first-sync",
        "sends no userId",
        r#""userId": self.get("user"), "#,
        "",
    ),
    (
        "first-sync",
        "draws UUIDv4",
        "uuid7(self.clock_ms())",
        "str(uuid.uuid4())",
    ),
    (
        "lost-answer",
        "takes silence for success",
        r#"state = {"failures": failures, "#,
        r#"self.db.execute("delete from kept where kind like '% queue'"); state = {"failures": failures, "#,
    ),
    (
        "cut-answer",
        "takes half an answer for success",
        r#"state = {"failures": failures, "#,
        r#"self.db.execute("delete from kept where kind like '% queue'"); state = {"failures": failures, "#,
    ),
    (
        "one-request",
        "sends small batches",
        "BATCH_ITEMS, BATCH_BYTES = 500",
        "BATCH_ITEMS, BATCH_BYTES = 100",
    ),
    (
        "many-requests",
        "knows no limit",
        "BATCH_ITEMS, BATCH_BYTES = 500",
        "BATCH_ITEMS, BATCH_BYTES = 5_000",
    ),
    (
        "batch-too-large",
        "never sends less",
        "self.batch_max = len(items) // 2",
        "raise",
    ),
    (
        "rate-limited",
        "does not wait",
        "            if after_s:",
        "            if False:",
    ),
    (
        "unavailable",
        "does not wait",
        "            if after_s:",
        "            if False:",
    ),
    (
        "server-error",
        "drops what fails",
        r#"state = {"failures": failures, "#,
        r#"self.db.execute("delete from kept where kind like '% queue'"); state = {"failures": failures, "#,
    ),
    (
        "token-expired",
        "does not refresh",
        r#"!= "token_expired""#,
        r#"!= "never""#,
    ),
    (
        "refresh-lost",
        "signs out for want of an answer",
        "if status == 401 and",
        "if status == 0 or status == 401 and",
    ),
    (
        "session-revoked",
        "drops the queue with the session",
        r#"state["access"] = None"#,
        r#"state["access"] = None; self.db.execute("delete from kept where kind like '% queue'")"#,
    ),
    (
        "wrong-user",
        "sends whatever is queued",
        r#"f"{self.get('user')} {name}""#,
        r#"f"{self.get('user') if name != 'queue' else ''} {name}""#,
    ),
    (
        "merged",
        "does not say what lost",
        r#""superseded" if lost else None"#,
        "None",
    ),
    (
        "duplicate",
        "takes a duplicate for a failure",
        r#"("applied", "merged", "duplicate")"#,
        r#"("applied", "merged")"#,
    ),
    (
        "rejected",
        "drops what was refused",
        r#"self.finish(item, "refused", code or verdict"#,
        "self.finish(item, None, code or verdict",
    ),
    (
        "locked",
        "drops what was refused",
        r#"self.finish(item, "refused", code or verdict"#,
        "self.finish(item, None, code or verdict",
    ),
    (
        "retryable",
        "gives up at once",
        r#"or result.get("retryable"):"#,
        "or False:",
    ),
    (
        "deferred",
        "takes deferred for refused",
        r#"verdict == "deferred""#,
        r#"verdict == "later""#,
    ),
    (
        "deferred",
        "lets later items overtake",
        r#" or item["id"] in waiting"#,
        "",
    ),
    (
        "deferred-pace",
        "never slows down",
        "min(2 ** tries, WAIT_MAX_S)",
        "2",
    ),
    (
        "deferred-pace",
        "waits for ever",
        "WAIT_MAX_S = 60",
        "WAIT_MAX_S = 86_400",
    ),
    (
        "clock-ahead",
        "keeps the old bases",
        r#"edit["base"] = renew(edit["base"])"#,
        "pass",
    ),
    (
        "clock-ahead",
        "keeps what a submit has seen",
        r#"item["seen"] = {"#,
        "seen = {",
    ),
    (
        "clock-ahead",
        "does not learn its offset",
        r#"self.put(offset_ms=answer["clockOffsetMs"], clock="#,
        "self.put(clock=",
    ),
    (
        "clock-wrong",
        "trusts the wall clock",
        r#"max(wall_ms << 16, self.get("clock", 0) + 1)"#,
        "wall_ms << 16",
    ),
    (
        "typed-on",
        "starts every text anew",
        "isinstance(text, str) and base",
        "False",
    ),
    (
        "text-meets",
        "starts every text anew",
        "isinstance(text, str) and base",
        "False",
    ),
    (
        "seen",
        "seals unseen",
        r#"if kind == "submit" else {}"#,
        r#"if kind == "never" else {}"#,
    ),
    (
        "content-changed",
        "seals unseen",
        r#"if kind == "submit" else {}"#,
        r#"if kind == "never" else {}"#,
    ),
    (
        "commands",
        "submits where it should withdraw",
        r#"self.enqueue("requests", kind, id"#,
        r#"self.enqueue("requests", kind.replace("withdraw", "submit"), id"#,
    ),
    (
        "paging",
        "stops after a page",
        r#"return answer["hasMore"]"#,
        "return False",
    ),
    (
        "paging",
        "writes lastSync its own way",
        r#""places", feed, answer["lastSync"])"#,
        r#""places", feed, answer["lastSync"].replace("Z", "+00:00"))"#,
    ),
    (
        "remove",
        "keeps what is gone",
        r#"change.get("kind") == "remove""#,
        r#"change.get("kind") == "removed""#,
    ),
    (
        "same-twice",
        "keeps the first",
        r#"self.keep(feed, new["id"], new)"#,
        r#"self.keep(feed, new["id"], old or new)"#,
    ),
    (
        "local-edits",
        "shows only the server's",
        r#"overlay(body, item) if item["type"] == "upsert" else body"#,
        "body",
    ),
    (
        "resync",
        "keeps what is gone",
        r#"if "stale" in old:"#,
        r#"if "stale" in old and False:"#,
    ),
    (
        "resync",
        "drops the queue",
        r#"self.keep(feed, id, body | {"stale": True})"#,
        r#"self.db.execute("delete from kept where kind like '% queue'")"#,
    ),
    (
        "resync-restores",
        "lets its own values go",
        "(lost := self.newer(old, new))",
        "(lost := None)",
    ),
    (
        "kill-after-edit",
        "keeps the queue in memory",
        "sqlite3.connect(store)",
        "sqlite3.connect(\":memory:\")",
    ),
    (
        "kill-in-flight",
        "keeps the queue in memory",
        "sqlite3.connect(store)",
        "sqlite3.connect(\":memory:\")",
    ),
    (
        "kill-mid-answer",
        "keeps the queue in memory",
        "sqlite3.connect(store)",
        "sqlite3.connect(\":memory:\")",
    ),
    (
        "kill-after-answer",
        "keeps the queue in memory",
        "sqlite3.connect(store)",
        "sqlite3.connect(\":memory:\")",
    ),
    (
        "stamps-after-kill",
        "trusts the wall clock",
        r#"max(wall_ms << 16, self.get("clock", 0) + 1)"#,
        "wall_ms << 16",
    ),
    (
        "notices-after-kill",
        "cannot be told it was read",
        r#"self.drop("notices", op_id)"#,
        "pass",
    ),
    (
        "unknown-verdict",
        "takes the unknown for success",
        r#"verdict in ("applied", "merged", "duplicate")"#,
        r#"verdict != "rejected""#,
    ),
    (
        "unknown-code",
        "knows all codes",
        "code or verdict, list",
        "\"unknown\", list",
    ),
    (
        "unknown-members",
        "takes every entry for a record",
        r#"elif change.get("kind") == "upsert":"#,
        "else:",
    ),
    (
        "vote",
        "cites no revision",
        r#"revision=self.one("approvals", id)["revision"], comment"#,
        "comment",
    ),
    (
        "vote-again",
        "votes anew each time",
        r#""changes": items})"#,
        r#""changes": [{**item, "hlc": self.next_stamp()} for item in items]})"#,
    ),
    (
        "vote-refused",
        "keeps the old approval",
        r#"if result.get("record"):"#,
        "if False:",
    ),
    (
        "rollback",
        "rejects instead",
        r#"self.enqueue("approvals", vote,"#,
        r#"self.enqueue("approvals", vote.replace("rollback", "reject"),"#,
    ),
];

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../mobile-contract/examples/python")
}

/// Plays the cases (all, if none is named) against the client in that folder.
fn conformance(folder: &Path, cases: &[&str]) -> Output {
    let client = folder.join("conformance.py");
    let mut command = Command::new(Process::binary("athena"));
    command.args(["conformance", "--json", "--command"]);
    command.arg(format!("exec python3 -B '{}'", client.display()));
    for case in cases {
        command.args(["--only", case]);
    }
    command.output().expect("running athena conformance")
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn the_client_in_python_keeps_every_promise() {
    let output = conformance(&examples(), &[]);
    let report = report(&output);
    let failed: Vec<&Value> = report["cases"]
        .as_array()
        .expect("cases")
        .iter()
        .filter(|case| case["passed"] != true)
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(output.status.success());
}

/// Whether its case catches a client that is wrong in this way.
fn is_caught((case, _, right, wrong): &(&str, &str, &str, &str)) -> bool {
    let folder = changed("athena_client.py", &[(right, wrong)]);
    let output = conformance(folder.path(), &[case]);
    report(&output)["failed"] != 0 && output.status.code() == Some(4)
}

#[test]
fn a_client_that_breaks_a_promise_is_caught() {
    let not_caught: Vec<String> = std::thread::scope(|scope| {
        let parts = WRONG.chunks(WRONG.len().div_ceil(4)).map(|part| {
            scope.spawn(move || {
                let missed = part.iter().filter(|wrong| !is_caught(wrong));
                missed
                    .map(|(case, what, ..)| format!("{case}: a client that {what}"))
                    .collect::<Vec<_>>()
            })
        });
        let parts: Vec<_> = parts.collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap())
            .collect()
    });
    assert!(not_caught.is_empty(), "not caught: {not_caught:#?}");
}

/// A copy of the client in a folder of its own, one of its files changed.
fn changed(file: &str, changes: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(examples()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "py") {
            std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let path = folder.path().join(file);
    let mut source = std::fs::read_to_string(&path).unwrap();
    for (right, wrong) in changes {
        assert!(
            source.contains(right),
            "{file} has no `{right}` to be wrong about"
        );
        source = source.replace(right, wrong);
    }
    std::fs::write(path, source).unwrap();
    folder
}

#[test]
fn a_client_with_two_batches_in_flight_is_caught() {
    let again = "self.again = lambda: Client(baseUrl, store, clock_ms=lambda: self.now_ms)\n        self.client = Client(";
    let thread = "def sync(self):\n        __import__(\"threading\").Thread(target=lambda: self.again().sync(), daemon=True).start()\n\n    def tick(";
    let changes = [("self.client = Client(", again), ("def tick(", thread)];
    let folder = changed("conformance.py", &changes);
    let report = report(&conformance(folder.path(), &["one-in-flight"]));
    let seen = report["cases"][0]["seen"].as_str().unwrap_or_default();
    assert!(
        seen.contains("a second batch while one is in flight"),
        "{report:#}"
    );
}

#[test]
fn a_case_that_does_not_exist_is_named() {
    let output = conformance(&examples(), &["no-such-case"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("no-such-case") && said.contains("lost-answer"),
        "{said}"
    );
}

/// The client's own tests: the golden vectors, and two devices on a real server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_devices_with_the_client_in_python_meet() {
    let server = Process::start(Engine::Sqlite).await;
    let mut tests = Command::new("python3");
    tests.args(["-B", "-m", "unittest", "-v"]);
    tests
        .current_dir(examples())
        .env("ATHENA_URL", server.url());
    let output = tokio::task::spawn_blocking(move || tests.output());
    let output = output.await.unwrap().expect("running python3");
    server.stop().await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("test_two_devices_meet"), "{said}");
}
