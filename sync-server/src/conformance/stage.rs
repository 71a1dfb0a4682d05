//! One case's stage: a client on an empty store, a server, and the clocks of both.

use super::client::Client;
use super::outcome::{Miss, Outcome, expect, expect_eq};
use super::server::{Endpoint, OWNER, PASSWORD, START_MS, Server, World};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use sync_core::field::Field;
use uuid::Uuid;

/// Syncs after which everything that can be settled must be.
const SYNCS_MAX: usize = 8;

/// Longer than any back-off of the contract, in milliseconds.
pub(super) const A_LONG_WHILE_MS: u64 = 61_000;

/// What a case plays on.
pub(super) struct Stage {
    pub(super) client: Client,
    pub(super) server: Server,
    command: String,
    store: tempfile::TempDir,
    /// How far the client's clock is ahead of the true time, in milliseconds.
    offset_ms: i64,
    ids: u16,
}

impl Stage {
    /// A stage with a new phone, signed in as its owner.
    pub(super) async fn set(command: &str) -> Result<Self, Miss> {
        let failed = |error: std::io::Error| Miss::new("a free port and folder", error.to_string());
        let mut stage = Self {
            client: Client::start(command)?,
            server: Server::start().await.map_err(failed)?,
            command: command.to_owned(),
            store: tempfile::tempdir().map_err(failed)?,
            offset_ms: 0,
            ids: 0,
        };
        stage.hello().await?;
        Ok(stage)
    }

    async fn hello(&mut self) -> Outcome {
        let arguments = json!({
            "baseUrl": self.server.url(), "email": OWNER.email, "password": PASSWORD,
            "store": self.store.path().join("phone"), "nowMs": self.client_ms(),
        });
        self.ask("hello", arguments).await.map(drop)
    }

    /// A command and its answer.
    pub(super) async fn ask(&mut self, name: &str, arguments: Value) -> Result<Value, Miss> {
        let number = self.client.send(name, arguments).await?;
        self.client.answer(number, name).await
    }

    /// The id of a new request.
    pub(super) fn new_id(&mut self) -> Uuid {
        self.ids += 1;
        let [high, low] = self.ids.to_be_bytes();
        let random = [high, low, 0, 0, 0, 0, 0, 0, high, low];
        uuid::Builder::from_unix_timestamp_millis(START_MS, &random).into_uuid()
    }

    /// The user edits a request.
    pub(super) async fn edit(&mut self, id: Uuid, fields: Value) -> Outcome {
        let arguments = json!({"id": id, "fields": fields});
        self.ask("edit", arguments).await.map(drop)
    }

    /// A new request with this title.
    pub(super) async fn draft(&mut self, title: &str) -> Result<Uuid, Miss> {
        let id = self.new_id();
        self.edit(id, json!({"title": title})).await?;
        Ok(id)
    }

    /// The user submits, withdraws or deletes a request.
    pub(super) async fn command(&mut self, name: &str, id: Uuid) -> Outcome {
        self.ask(name, json!({"id": id})).await.map(drop)
    }

    /// Something asks for a sync now.
    pub(super) async fn sync(&mut self) -> Outcome {
        self.ask("sync", json!({})).await.map(drop)
    }

    /// Time has passed, for the client and for the server.
    pub(super) async fn pass(&mut self, ms: u64) -> Outcome {
        self.server.state().world.now_ms += ms;
        self.set_clock().await
    }

    /// The client's clock is wrong by so much.
    pub(super) async fn skew(&mut self, offset_ms: i64) -> Outcome {
        self.offset_ms = offset_ms;
        self.set_clock().await
    }

    async fn set_clock(&mut self) -> Outcome {
        let arguments = json!({"nowMs": self.client_ms()});
        self.ask("set_clock", arguments).await.map(drop)
    }

    fn client_ms(&self) -> u64 {
        let now_ms = self.server.state().world.now_ms;
        now_ms.saturating_add_signed(self.offset_ms)
    }

    /// SIGKILL, and a new start on the same store; meanwhile the phone's clock may have been changed.
    pub(super) async fn kill_and_restart(&mut self, offset_ms: i64) -> Outcome {
        self.client.kill().await;
        self.server.client_killed();
        self.offset_ms = offset_ms;
        self.client = Client::start(&self.command)?;
        self.hello().await?;
        // Who lost its store would sign in anew, and find on the server what had arrived by chance.
        let logins = self.server.state().people.logins;
        expect_eq("sign-ins after a restart", &logins, &1)
    }

    /// What the client shows its app.
    pub(super) async fn state(&mut self) -> Result<Shown, Miss> {
        let state = self.ask("state", json!({})).await?;
        for (name, is_right) in [
            ("queue", state["queue"].is_array()),
            ("notices", state["notices"].is_array()),
            ("records", state["records"].is_object()),
            ("approvals", state["approvals"].is_object()),
            ("signedIn", state["signedIn"].is_boolean()),
        ] {
            expect(is_right, &format!("a state with `{name}`"), &state)?;
        }
        Ok(Shown(state))
    }

    /// Syncs, with long pauses, until nothing is queued.
    pub(super) async fn settle(&mut self) -> Result<Shown, Miss> {
        for _ in 0..SYNCS_MAX {
            self.sync().await?;
            let shown = self.state().await?;
            if shown.queue().is_empty() {
                return Ok(shown);
            }
            self.pass(A_LONG_WHILE_MS).await?;
        }
        let shown = self.state().await?;
        let queue = &shown.0["queue"];
        Err(Miss::new(
            format!("an empty queue after {SYNCS_MAX} syncs"),
            queue.to_string(),
        ))
    }

    /// Settles; then the phone shows exactly what the server has.
    pub(super) async fn converge(&mut self) -> Result<Shown, Miss> {
        let shown = self.settle().await?;
        self.same_as_server(&shown)?;
        Ok(shown)
    }

    /// The phone shows exactly what the server has.
    pub(super) fn same_as_server(&self, shown: &Shown) -> Outcome {
        let state = self.server.state();
        let world: &World = &state.world;
        let visible = world.records.iter();
        let visible = visible.filter(|(_, held)| held.record.tombstone().is_none());
        let mut ids = BTreeSet::new();
        for (id, _) in visible {
            ids.insert(id.to_string());
            let record = world.shown(*id);
            let fields = Field::ALL.into_iter().map(Field::name).chain(["status"]);
            for field in fields {
                let mine = shown.record(*id)[field].clone();
                let what = format!("`{field}` of record {id} as the server has it");
                expect_eq(&what, &mine, &record[field])?;
            }
        }
        let records = shown.0["records"].as_object();
        let mine: BTreeSet<String> = records
            .into_iter()
            .flatten()
            .map(|(id, _)| id.clone())
            .collect();
        expect_eq(
            "the records that the server shows, and no others",
            &mine,
            &ids,
        )
    }

    /// Sends `sync`, waits until its push is at the server, and leaves it there. Its command's number.
    pub(super) async fn sync_to(&mut self, gate: &super::server::Gate) -> Result<u64, Miss> {
        let number = self.client.send("sync", json!({})).await?;
        let patience = std::time::Duration::from_secs(30);
        match tokio::time::timeout(patience, gate.arrival()).await {
            Ok(()) => Ok(number),
            Err(_) => Err(Miss::new("a push", "none in 30 s")),
        }
    }

    /// The request's title on the server; null if it has none.
    pub(super) fn title(&self, id: Uuid) -> Value {
        self.server.state().world.shown(id)["title"].clone()
    }

    /// The operations of every push of requests so far, push by push.
    pub(super) fn pushed(&self) -> Vec<Vec<String>> {
        let pushes = self.server.pushes_to(Endpoint::Push);
        let ops =
            |call: &super::server::Call| call.op_ids().into_iter().map(str::to_owned).collect();
        pushes.iter().map(ops).collect()
    }
}

/// What a client shows its app.
#[derive(Debug)]
pub(super) struct Shown(pub(super) Value);

impl Shown {
    /// What is still to be sent.
    pub(super) fn queue(&self) -> &[Value] {
        self.0["queue"].as_array().map_or(&[], Vec::as_slice)
    }

    /// A request; null if it is not shown.
    pub(super) fn record(&self, id: Uuid) -> &Value {
        &self.0["records"][id.to_string()]
    }

    /// An approval; null if it is not shown.
    pub(super) fn approval(&self, id: Uuid) -> &Value {
        &self.0["approvals"][id.to_string()]
    }

    /// What the user must be told of this record.
    pub(super) fn notices(&self, id: Uuid) -> Vec<&Value> {
        let notices = self.0["notices"].as_array().into_iter().flatten();
        notices
            .filter(|notice| notice["id"] == id.to_string())
            .collect()
    }

    /// One notice of that kind and code about this record.
    pub(super) fn expect_notice(&self, id: Uuid, kind: &str, code: Option<&str>) -> Outcome {
        let found = self
            .notices(id)
            .into_iter()
            .any(|notice| notice["kind"] == kind && code.is_none_or(|code| notice["code"] == code));
        let expected = format!("a notice `{kind}` {} about {id}", code.unwrap_or(""));
        expect(found, &expected, &self.0["notices"])
    }

    /// Nothing the user must be told.
    pub(super) fn expect_quiet(&self) -> Outcome {
        expect_eq("no notices", &self.0["notices"], &json!([]))
    }
}
