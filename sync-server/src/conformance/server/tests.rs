//! The scripted server answers in the shapes of the API document: a suite that taught others would be worse
//! than none.

use super::*;

/// What is wrong with a body by the API document's schema of that name.
fn faults_in(body: &Value, schema: &str) -> Vec<String> {
    let document = serde_json::to_value(crate::docs::openapi()).unwrap();
    let reference = format!("#/components/schemas/{schema}");
    let whole = json!({"$ref": reference, "components": document["components"]});
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&whole)
        .unwrap();
    let faults = validator.iter_errors(body);
    faults
        .map(|fault| format!("{schema}{}: {fault}", fault.instance_path()))
        .collect()
}

#[track_caller]
fn assert_is(reply: &Reply, schema: &str) {
    assert_eq!(
        faults_in(&reply.body, schema),
        Vec::<String>::new(),
        "{:#}",
        reply.body
    );
}

fn state() -> State {
    State {
        world: World::new(),
        people: People::default(),
        calls: Vec::new(),
        journal: Journal::default(),
        scripts: HashMap::new(),
        in_flight: HashMap::new(),
    }
}

fn call(endpoint: Endpoint, body: Value) -> Call {
    Call {
        endpoint,
        person: None,
        body,
        from: From::Beginning,
        limit: 500,
        requests: Vec::new(),
        votes: Vec::new(),
    }
}

/// A request of the owner's, as it would come over the wire.
fn sent(state: &mut State, endpoint: Endpoint, body: Value) -> Reply {
    let bytes = body.to_string();
    let call = call(endpoint, body);
    state
        .take(call, bytes.as_bytes(), Some("Bearer access-1"))
        .0
}

fn signed_in() -> State {
    let mut state = state();
    let login = json!({"email": OWNER.email, "password": PASSWORD});
    let reply = sent(&mut state, Endpoint::Login, login);
    assert_is(&reply, "Session");
    state
}

fn batch(changes: &Value) -> Value {
    json!({
        "deviceId": "phone", "userId": OWNER.id, "clientTime": "2026-11-22T10:00:00.000Z", "lastSync": null,
        "changes": changes,
    })
}

const FAIR: &str = "01930000-0000-7000-8000-000000000001";
const OTHER_FAIR: &str = "01930000-0000-7000-8000-000000000002";

fn item(number: u8, kind: &str, id: &str, more: &Value) -> Value {
    let mut item = json!({
        "opId": format!("01930000-0000-7000-8000-0000000000{number:02}"), "type": kind, "id": id,
        "hlc": format!("2026-11-22T10:00:00.{number:03}Z-0000-a1b2c3d4e5f60718"),
    });
    for (name, value) in more.as_object().unwrap() {
        item[name] = value.clone();
    }
    item
}

#[test]
fn every_verdict_has_its_shape() {
    let mut state = signed_in();
    let fields = json!({"fields": {
        "title": "Fair", "amount": {"minor": 5, "currency": "EUR"}, "neededBy": "2026-12-01", "region": "EMEA",
        "categoryId": OTHER_FAIR, "justification": "We go.",
    }});
    let ahead =
        json!({"hlc": "2026-11-22T12:00:00.000Z-0000-a1b2c3d4e5f60718", "fields": {"title": "x"}});
    state.world.unheard.insert(OTHER_FAIR.parse().unwrap());
    let changes = json!([
        item(1, "upsert", FAIR, &fields),
        item(2, "submit", FAIR, &json!({})),
        item(3, "withdraw", FAIR, &json!({})),
        item(
            4,
            "upsert",
            OTHER_FAIR,
            &json!({"fields": {"title": "Other"}})
        ),
        item(5, "submit", OTHER_FAIR, &json!({"seen": {}})),
        item(
            6,
            "delete",
            "01930000-0000-7000-8000-000000000003",
            &json!({})
        ),
        item(7, "upsert", "01930000-0000-7000-8000-000000000004", &ahead),
    ]);
    let reply = sent(&mut state, Endpoint::Push, batch(&changes));
    assert_is(&reply, "SyncAnswer");
    let said: Vec<String> = reply.body["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| format!("{} {}", result["verdict"], result["code"]).replace('"', ""))
        .collect();
    let expected = [
        "applied null",
        "deferred null",
        "deferred null",
        "applied null",
        "rejected content_changed",
        "rejected not_found",
        "rejected clock_ahead",
    ];
    assert_eq!(said, expected);
    assert_eq!(state.journal.faults, Vec::<String>::new());

    state
        .world
        .edit_elsewhere(FAIR.parse().unwrap(), &json!({"title": "Theirs"}));
    let late = json!([item(
        8,
        "upsert",
        FAIR,
        &json!({"fields": {"title": "Late"}})
    )]);
    let reply = sent(&mut state, Endpoint::Push, batch(&late));
    assert_is(&reply, "SyncAnswer");
    assert_is(&sent(&mut state, Endpoint::Pull, Value::Null), "Updates");
}

#[test]
fn approvals_and_votes_have_their_shape() {
    let mut state = signed_in();
    let approval = state.world.open_approval(FAIR.parse().unwrap());
    assert_is(
        &sent(&mut state, Endpoint::VotePull, Value::Null),
        "ApprovalUpdates",
    );
    let revision = state.world.approvals[&approval]["revision"].clone();
    let more = json!({"revision": revision, "comment": "Good fair."});
    let changes = json!([
        item(1, "approve", &approval.to_string(), &more),
        item(2, "reject", OTHER_FAIR, &more),
    ]);
    let reply = sent(&mut state, Endpoint::VotePush, batch(&changes));
    assert_is(&reply, "VoteAnswer");
    assert_eq!(reply.body["results"][0]["record"]["status"], "approved");
    assert_eq!(reply.body["results"][1]["verdict"], "deferred");
}

#[test]
fn refusals_and_people_have_their_shape() {
    let mut state = signed_in();
    assert_is(&sent(&mut state, Endpoint::Me, Value::Null), "User");
    let refresh = json!({"refreshToken": "refresh-1"});
    assert_is(&sent(&mut state, Endpoint::Refresh, refresh), "Session");
    state.people.end_sessions();
    let refused = sent(&mut state, Endpoint::Pull, Value::Null);
    assert_is(&refused, "Problem");
    assert_eq!(refused.body["code"], "token_expired");
}

#[test]
fn what_breaks_the_contract_is_noted() {
    let broken = [
        (
            "without `userId`",
            json!({"deviceId": "p", "clientTime": "2026-11-22T10:00:00Z", "changes": []}),
        ),
        ("refused as a whole", json!({"changes": {}})),
        (
            "a broken item",
            batch(&json!([item(
                1,
                "upsert",
                FAIR,
                &json!({"fields": {"title": ""}})
            )])),
        ),
        (
            "stamps of a record do not rise",
            batch(&json!([
                item(2, "upsert", FAIR, &json!({"fields": {"title": "b"}})),
                item(1, "upsert", FAIR, &json!({"fields": {"title": "a"}})),
            ])),
        ),
        (
            "two operations with the stamp",
            batch(&json!([
                item(1, "upsert", FAIR, &json!({"fields": {"title": "a"}})),
                item(
                    2,
                    "upsert",
                    OTHER_FAIR,
                    &json!({
                        "hlc": "2026-11-22T10:00:00.001Z-0000-a1b2c3d4e5f60718", "fields": {"title": "b"},
                    })
                ),
            ])),
        ),
        (
            "a lastSync that no answer gave",
            json!({
                "deviceId": "p", "userId": OWNER.id, "clientTime": "2026-11-22T10:00:00Z",
                "lastSync": "2026-11-22T10:00:00Z", "changes": [],
            }),
        ),
    ];
    for (fault, body) in broken {
        let mut state = signed_in();
        sent(&mut state, Endpoint::Push, body);
        let faults = state.journal.faults.join("; ");
        assert!(faults.contains(fault), "{fault} is not among: {faults}");
    }
}
