//! A real log changed in every way by somebody who has the database, and what `athena audit verify` says.

use super::insider::Insider;
use std::path::Path;
use std::process::{Command, Output};
use tests::{Actor, Engine, Process, Server, both_engines};

async fn save(auditor: &Actor, path: &str, file: &Path) {
    let reply = auditor.get(path).await.ok();
    std::fs::write(file, reply.bytes).unwrap();
}

/// What an auditor holds: a key, a checkpoint, and where the export goes.
struct Auditor {
    actor: Actor,
    folder: tempfile::TempDir,
    size: u64,
}

impl Auditor {
    async fn of(server: &Server) -> Self {
        let actor = server.sign_in("auditor@demo.athena", "athena-demo").await;
        let folder = tempfile::tempdir().unwrap();
        let leaves = server.leaves().await;
        save(&actor, "/api/v1/audit/key", &folder.path().join("key")).await;
        let mut auditor = Self {
            actor,
            folder,
            size: 0,
        };
        // A checkpoint may be a second old.
        while auditor.size < u64::try_from(leaves.len()).unwrap() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            auditor.size = auditor.take_checkpoint("checkpoint").await;
        }
        auditor
    }

    async fn take_checkpoint(&self, name: &str) -> u64 {
        let file = self.folder.path().join(name);
        save(&self.actor, "/api/v1/audit/checkpoint", &file).await;
        let note = std::fs::read_to_string(&file).unwrap();
        note.lines().nth(1).unwrap().parse().unwrap()
    }

    fn verify(&self, more: &[&str]) -> Output {
        let mut command = Command::new(Process::binary("athena"));
        command
            .current_dir(self.folder.path())
            .args(["audit", "verify"]);
        command
            .args(["--checkpoint", "checkpoint", "--key", "key"])
            .args(more);
        command.arg("export").output().unwrap()
    }

    /// Exports the log as it is now and holds it against the checkpoint.
    async fn says(&self, code: i32, said: &str) {
        // The size is the checkpoint's; a log that has lost its end gives what it has.
        let export = self.folder.path().join("export");
        let whole = format!("/api/v1/audit/export?to={}", self.size);
        let reply = self.actor.get(&whole).await;
        if reply.status == 404 {
            save(&self.actor, "/api/v1/audit/export", &export).await;
        } else {
            std::fs::write(&export, reply.ok().bytes).unwrap();
        }
        let output = self.verify(&[]);
        let text = [output.stdout.as_slice(), &output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(said), "{text}");
    }
}

async fn a_changed_log_is_told_apart(engine: Engine) {
    let server = Server::start(engine).await;
    let auditor = Auditor::of(&server).await;
    auditor.says(0, "proved: all").await;
    let mut insider = Insider::of(&server).await;
    let before = insider.leaves().await;
    let size = before.len();
    assert!(size > 50);

    for refused in [
        "update leaf set body = '{}' where seq = 7",
        "delete from leaf where seq = 7",
        "update checkpoint set note = ''",
        "delete from checkpoint",
        match engine {
            Engine::Postgres => "truncate leaf",
            Engine::Sqlite => {
                "insert or replace into leaf (seq, body, hashes) values (7, '{}', zeroblob(32))"
            }
        },
    ] {
        let said = insider.run(refused).await.unwrap_err().to_string();
        assert!(said.contains("append-only"), "{refused}: {said}");
    }
    assert_eq!(insider.leaves().await, before);
    insider.switch_triggers_off().await;

    let altered = "update leaf set body = replace(body, 'demo', 'DEMO') where seq in (7, 9)";
    insider.run(altered).await.unwrap();
    let untouched = insider.leaves().await[7] == before[7];
    let first = if untouched { 9 } else { 7 };
    assert_ne!(insider.leaves().await[first], before[first]);
    auditor.says(11, &format!("altered: leaf {first} ")).await;
    insider.restore(&before).await;
    auditor.says(0, "proved").await;

    insider
        .run("delete from leaf where seq = 11")
        .await
        .unwrap();
    auditor.says(10, "missing: leaf 11 ").await;
    insider.restore(&before).await;

    let cut = size - 4;
    insider
        .run(&format!("delete from leaf where seq >= {cut}"))
        .await
        .unwrap();
    auditor.says(10, &format!("missing: leaf {cut} ")).await;
    insider.restore(&before).await;

    // The numbers of two rows are exchanged.
    for (from, to) in [(3, 1_000_000), (12, 3), (1_000_000, 12)] {
        let exchange = format!("update leaf set seq = {to} where seq = {from}");
        insider.run(&exchange).await.unwrap();
    }
    auditor
        .says(12, "reordered: another leaf stands in the place of leaf 3")
        .await;
    insider.restore(&before).await;

    let mut other: Vec<String> = before.iter().map(|(_, body, _)| body.clone()).collect();
    other[30] = other[30].replacen("\"at\":\"20", "\"at\":\"19", 1);
    insider.rewrite(&other).await;
    auditor.says(13, "forked: ").await;
    insider.restore(&before).await;
    auditor.says(0, "proved").await;

    // The log has grown since the checkpoint.
    server.sales().await;
    server.leaves().await;
    save(
        &auditor.actor,
        "/api/v1/audit/export",
        &auditor.folder.path().join("export"),
    )
    .await;
    let output = auditor.verify(&[]);
    assert_eq!(output.status.code(), Some(14), "{output:?}");
    let said = format!("it covers {size}: leaf {size} ");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains(&said),
        "{output:?}"
    );
    server.stop().await;
}

async fn what_is_not_to_be_trusted_is_not_trusted(server: &Server) {
    let auditor = Auditor::of(server).await;
    auditor.says(0, "proved").await;
    let checkpoint = auditor.folder.path().join("checkpoint");
    let note = std::fs::read_to_string(&checkpoint).unwrap();
    let other = note.replacen(&auditor.size.to_string(), "3", 1);
    std::fs::write(&checkpoint, other).unwrap();
    auditor.says(15, "untrusted").await;
    std::fs::write(&checkpoint, "nonsense").unwrap();
    auditor.says(15, "untrusted").await;
    std::fs::remove_file(&checkpoint).unwrap();
    auditor.says(1, "checkpoint").await;
    let output = Command::new(Process::binary("athena"))
        .args(["audit", "verify"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_log_is_told_apart_on_sqlite() {
    Box::pin(a_changed_log_is_told_apart(Engine::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_log_is_told_apart_on_postgres() {
    Box::pin(a_changed_log_is_told_apart(Engine::Postgres)).await;
}

both_engines!(what_is_not_to_be_trusted_is_not_trusted);
