//! The scripted server: honest until a case says otherwise, strict about every request.

mod call;
mod cut;
mod journal;
mod judge;
mod people;
mod reply;
#[cfg(test)]
mod tests;
mod world;

pub(super) use call::{Call, Endpoint, From};
pub(super) use people::{OTHER, OWNER, PASSWORD, Person};
pub(super) use reply::{Gate, Reply};
pub(super) use world::{Held, START_MS, World};

use crate::http::body::{self, BodyLimits};
use crate::http::media::Format;
use axum::Router;
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::response::Response;
use cut::{CutListener, Scissors};
use http::StatusCode;
use http::header::AUTHORIZATION;
use journal::Journal;
use people::People;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use uuid::Uuid;

/// The limits of the contract.
const LIMITS: BodyLimits = BodyLimits {
    wire: 1 << 20,
    decoded: 4 << 20,
    depth: 32,
};

type Instead = Box<dyn FnOnce(&Call, &mut World) -> Reply + Send>;
type Bend = Box<dyn FnOnce(Reply) -> Reply + Send>;

/// What a case has for a request instead of the honest answer.
enum Script {
    Instead(Instead),
    Bent(Bend),
}

/// Everything the server knows.
pub(super) struct State {
    pub(super) world: World,
    pub(super) people: People,
    pub(super) calls: Vec<Call>,
    journal: Journal,
    scripts: HashMap<Endpoint, VecDeque<Script>>,
    in_flight: HashMap<Endpoint, Arc<AtomicUsize>>,
}

/// A running scripted server.
#[derive(Clone)]
pub(super) struct Server {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    task: Arc<Task>,
}

struct Task(tokio::task::JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Server {
    /// Starts one on a free port of this machine.
    pub(super) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State {
            world: World::new(),
            people: People::default(),
            calls: Vec::new(),
            journal: Journal::default(),
            scripts: HashMap::new(),
            in_flight: HashMap::new(),
        }));
        let app = Router::new()
            .fallback(handle)
            .with_state(Arc::clone(&state))
            .into_make_service_with_connect_info::<Scissors>();
        let task = tokio::spawn(async move {
            // It ends with its case.
            let _ = axum::serve(CutListener(listener), app).await;
        });
        Ok(Self {
            state,
            address,
            task: Arc::new(Task(task)),
        })
    }

    /// Where it listens.
    pub(super) fn url(&self) -> String {
        debug_assert!(!self.task.0.is_finished(), "it serves until its case ends");
        format!("http://{}", self.address)
    }

    /// Its state.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next request of that kind gets this instead of the honest answer.
    pub(super) fn instead(
        &self,
        endpoint: Endpoint,
        script: impl FnOnce(&Call, &mut World) -> Reply + Send + 'static,
    ) {
        self.script(endpoint, Script::Instead(Box::new(script)));
    }

    /// The honest answer to the next request of that kind goes out changed.
    pub(super) fn bent(
        &self,
        endpoint: Endpoint,
        bend: impl FnOnce(Reply) -> Reply + Send + 'static,
    ) {
        self.script(endpoint, Script::Bent(Box::new(bend)));
    }

    fn script(&self, endpoint: Endpoint, script: Script) {
        let mut state = self.state();
        state.scripts.entry(endpoint).or_default().push_back(script);
    }

    /// The next request of that kind is taken, and waits for its answer at a gate.
    pub(super) fn held(&self, endpoint: Endpoint) -> Gate {
        self.held_and_bent(endpoint, |reply| reply)
    }

    /// The same, and its answer goes out changed.
    pub(super) fn held_and_bent(
        &self,
        endpoint: Endpoint,
        bend: impl FnOnce(Reply) -> Reply + Send + 'static,
    ) -> Gate {
        let gate = Gate::default();
        let stood = gate.clone();
        self.bent(endpoint, move |reply| bend(reply).at(&stood));
        gate
    }

    /// The pushes of requests that had items, so far.
    pub(super) fn pushes(&self) -> Vec<Call> {
        self.pushes_to(Endpoint::Push)
    }

    /// The pushes with items to one endpoint, so far.
    pub(super) fn pushes_to(&self, endpoint: Endpoint) -> Vec<Call> {
        let state = self.state();
        let calls = state.calls.iter();
        let pushes = calls.filter(|call| call.endpoint == endpoint && !call.items().is_empty());
        pushes.cloned().collect()
    }

    /// How many requests came so far.
    pub(super) fn count(&self) -> usize {
        self.state().calls.len()
    }

    /// The client was killed.
    pub(super) fn client_killed(&self) {
        let mut state = self.state();
        state.journal.killed();
        state.in_flight.clear();
    }

    /// Requests that a case has prepared answers for, and that have not come.
    pub(super) fn awaited(&self) -> Vec<Endpoint> {
        let state = self.state();
        let left = state
            .scripts
            .iter()
            .filter(|(_, scripts)| !scripts.is_empty());
        left.map(|(endpoint, _)| *endpoint).collect()
    }

    /// Whatever was prepared and has not been asked for: the honest answer will do.
    pub(super) fn be_honest(&self) {
        self.state().scripts.clear();
    }

    /// The server is restored from a backup: it has these records, and positions given so far are good no more.
    pub(super) fn restore(&self, records: BTreeMap<Uuid, Held>) {
        let mut state = self.state();
        state.world.restore(records);
        state.journal.history_lost();
    }

    /// What was wrong with the requests so far.
    pub(super) fn faults(&self) -> Vec<String> {
        self.state().journal.faults.clone()
    }
}

/// Counts a push until its answer is out.
struct Flight(Arc<AtomicUsize>);

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn handle(
    Shared(state): Shared<Arc<Mutex<State>>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response {
    let endpoint = Endpoint::of(request.method(), request.uri().path());
    let from = position(request.uri().query());
    let limit = parameter(request.uri().query(), "limit");
    let token = request.headers().get(AUTHORIZATION).cloned();
    let has_body = request.method() == http::Method::POST;
    let read = if has_body {
        body::read(request, &LIMITS).await.map(Some)
    } else {
        Ok(None)
    };
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let (bytes, format) = match read {
        Ok(Some((bytes, format))) => (bytes, format),
        Ok(None) => (bytes::Bytes::new(), Format::Json),
        Err(problem) => {
            let what = format!("a body that cannot be read: {}", problem.code());
            lock().journal.fault(what);
            return Reply::problem(StatusCode::BAD_REQUEST, "malformed_body").into_response();
        }
    };
    if format != Format::Json {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Reply::problem(status, "unsupported_media_type").into_response();
    }
    let call = Call {
        endpoint,
        person: None,
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        from,
        limit: limit.and_then(|text| text.parse().ok()).unwrap_or(500),
        requests: Vec::new(),
        votes: Vec::new(),
    };
    let token = token.as_ref().and_then(|value| value.to_str().ok());
    let (reply, _flight) = lock().take(call, &bytes, token);
    if let Some(gate) = &reply.gate {
        gate.pass().await;
    }
    if let Some(bytes) = reply.cut {
        scissors.cut_after(bytes);
    }
    reply.into_response()
}

impl State {
    fn take(
        &mut self,
        mut call: Call,
        bytes: &[u8],
        token: Option<&str>,
    ) -> (Reply, Option<Flight>) {
        let flight = call.endpoint.is_push().then(|| self.fly(call.endpoint));
        let is_open = matches!(
            call.endpoint,
            Endpoint::Login | Endpoint::Refresh | Endpoint::Logout | Endpoint::Elsewhere
        );
        if !is_open {
            match self.people.authenticate(token) {
                Ok(person) => call.person = Some(person),
                Err(refused) => {
                    self.calls.push(call);
                    return (refused, flight);
                }
            }
        }
        if let Some(person) = call.person {
            if call.endpoint.is_push() {
                call.from = envelope_position(&call.body);
                self.journal.read_push(&mut call, bytes, person);
            }
            let votes = matches!(call.endpoint, Endpoint::VotePush | Endpoint::VotePull);
            if person.id == OWNER.id {
                self.journal.check_position(&call.from, votes);
            }
        }
        let scripts = self.scripts.get_mut(&call.endpoint);
        let reply = match scripts.and_then(VecDeque::pop_front) {
            Some(Script::Instead(script)) => script(&call, &mut self.world),
            Some(Script::Bent(bend)) => bend(self.honest(&call)),
            None => self.honest(&call),
        };
        if reply.is_heard() {
            self.journal.answered(&call, &reply.body);
        }
        self.calls.push(call);
        (reply, flight)
    }

    /// One batch in flight: a second one is a fault.
    fn fly(&mut self, endpoint: Endpoint) -> Flight {
        let count = Arc::clone(self.in_flight.entry(endpoint).or_default());
        if count.fetch_add(1, Ordering::SeqCst) > 0 {
            self.journal
                .fault("a second batch while one is in flight".to_owned());
        }
        Flight(count)
    }

    fn honest(&mut self, call: &Call) -> Reply {
        let is_owner = call.person.is_some_and(|person| person.id == OWNER.id);
        match call.endpoint {
            Endpoint::Login => self.people.login(&call.body),
            Endpoint::Refresh => self.people.refresh(&call.body),
            Endpoint::Logout => Reply::ok(Value::Null),
            Endpoint::Me => Reply::ok(call.person.map_or(Value::Null, Person::profile)),
            Endpoint::Catalogue => Reply::ok(json!({"items": [], "next": null})),
            Endpoint::Push => self.world.push(call),
            Endpoint::VotePush => self.world.push_votes(call),
            Endpoint::Pull | Endpoint::VotePull if is_owner => {
                let votes = call.endpoint == Endpoint::VotePull;
                self.world.pull(call, votes)
            }
            Endpoint::Pull | Endpoint::VotePull => Reply::ok(json!({
                "serverTime": self.world.server_time(), "lastSync": "1970-01-01T00:00:00.000000Z",
                "hasMore": false, "changes": [],
            })),
            Endpoint::Elsewhere => Reply::problem(StatusCode::NOT_FOUND, "not_found"),
        }
    }
}

fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query?.as_bytes());
    let found = pairs.find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned())
}

/// Where a pull says it goes on; without one, from the beginning.
fn position(query: Option<&str>) -> From {
    parameter(query, "lastSync").map_or(From::Beginning, From::After)
}

fn envelope_position(body: &Value) -> From {
    match body.get("lastSync") {
        None => From::Nowhere,
        Some(Value::String(text)) => From::After(text.clone()),
        Some(_) => From::Beginning,
    }
}
