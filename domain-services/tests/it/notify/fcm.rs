//! Push by FCM, against a double of Google that checks what it is given: the signature of the assertion, the
//! bearer, the form of the message.

use super::desk::{Desk, REQUEST, SECOND_US, person, signed_in};
use crate::world::{World, both_engines};
use domain_services::notification::channel::{Fcm, FcmSettings};
use domain_services::notification::{Channel, Channels, Dispatcher, NewPushToken};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// A key made for this test alone; it opens nothing.
const KEY: &str = include_str!("test-account-key.pem");
const PUBLIC: &[u8] = include_bytes!("test-account-public.pem");
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";

/// Google: a token service and FCM.
struct Google {
    server: MockServer,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Access tokens granted so far; the last one is good.
    granted: Mutex<usize>,
    /// What FCM was sent and found well formed.
    messages: Mutex<Vec<Value>>,
    /// What FCM will say instead of yes.
    answers: Mutex<VecDeque<ResponseTemplate>>,
    /// What the token service will say instead of yes.
    refusals: Mutex<VecDeque<ResponseTemplate>>,
}

struct TokenService(Arc<State>, String);

impl Respond for TokenService {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        if let Some(refusal) = self.0.refusals.lock().unwrap().pop_front() {
            return refusal;
        }
        let form: std::collections::HashMap<String, String> =
            url::form_urlencoded::parse(&request.body)
                .into_owned()
                .collect();
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        if form.get("grant_type").map(String::as_str) != Some(grant) {
            return ResponseTemplate::new(400)
                .set_body_json(json!({"error": "unsupported_grant_type"}));
        }
        let mut rules = Validation::new(Algorithm::RS256);
        rules.set_audience(&[&self.1]);
        rules.set_issuer(&["athena@budget.iam.gserviceaccount.com"]);
        // The clock of these tests is moved.
        rules.validate_exp = false;
        let key = DecodingKey::from_rsa_pem(PUBLIC).unwrap();
        let assertion = form.get("assertion").map_or("", String::as_str);
        let good = decode::<Value>(assertion, &key, &rules).is_ok_and(|token| {
            let claims = token.claims;
            let lives = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
            claims["scope"] == SCOPE && lives == 3_600
        });
        let named = decode_header(assertion).is_ok_and(|head| head.kid.as_deref() == Some("key-1"));
        if !good || !named {
            return ResponseTemplate::new(400).set_body_json(json!({"error": "invalid_grant"}));
        }
        let mut granted = self.0.granted.lock().unwrap();
        *granted += 1;
        let token = format!("access-{granted}");
        let body = json!({"access_token": token, "expires_in": 3_599, "token_type": "Bearer"});
        ResponseTemplate::new(200).set_body_json(body)
    }
}

struct Messaging(Arc<State>);

impl Respond for Messaging {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let good = format!("Bearer access-{}", self.0.granted.lock().unwrap());
        let bearer = request.headers.get("authorization");
        if bearer.and_then(|value| value.to_str().ok()) != Some(good.as_str()) {
            let error = json!({"error": {"code": 401, "status": "UNAUTHENTICATED", "details": []}});
            return ResponseTemplate::new(401).set_body_json(error);
        }
        if let Some(answer) = self.0.answers.lock().unwrap().pop_front() {
            return answer;
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let message = &body["message"];
        let id = &message["data"]["notificationId"];
        let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
        let data = message["data"].as_object().unwrap();
        // FCM takes texts as data only.
        let well_formed = is_text(&message["token"])
            && is_text(&message["notification"]["title"])
            && is_text(&message["notification"]["body"])
            && data.values().all(Value::is_string)
            && message["android"]["collapse_key"] == *id
            && message["apns"]["headers"]["apns-collapse-id"] == *id
            && message["webpush"]["headers"]["Topic"]
                .as_str()
                .unwrap()
                .len()
                <= 32;
        if !well_formed {
            return refuses(400, "INVALID_ARGUMENT");
        }
        self.0.messages.lock().unwrap().push(message.clone());
        let name = json!({"name": "projects/budget-test/messages/1"});
        ResponseTemplate::new(200).set_body_json(name)
    }
}

fn refuses(status: u16, code: &str) -> ResponseTemplate {
    let kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
    let details = [json!({"@type": kind, "errorCode": code})];
    let error = json!({"code": status, "message": "to a-token", "status": "X", "details": details});
    ResponseTemplate::new(status).set_body_json(json!({"error": error}))
}

impl Google {
    async fn start() -> Self {
        let server = MockServer::start().await;
        let state = Arc::<State>::default();
        let token_uri = format!("{}/token", server.uri());
        Mock::given(method("POST"))
            .and(path("/token"))
            .respond_with(TokenService(Arc::clone(&state), token_uri))
            .mount(&server)
            .await;
        Mock::given(method("POST"))
            .and(path("/v1/projects/budget-test/messages:send"))
            .respond_with(Messaging(Arc::clone(&state)))
            .mount(&server)
            .await;
        Self { server, state }
    }

    fn settings(&self) -> FcmSettings {
        let account = json!({
            "type": "service_account", "project_id": "budget-test", "private_key_id": "key-1",
            "private_key": KEY, "client_email": "athena@budget.iam.gserviceaccount.com",
            "token_uri": format!("{}/token", self.server.uri()),
        });
        FcmSettings {
            service_account: account.to_string().into_bytes(),
            base_url: self.server.uri(),
        }
    }

    fn will(&self, answer: ResponseTemplate) {
        self.state.answers.lock().unwrap().push_back(answer);
    }

    fn granted(&self) -> usize {
        *self.state.granted.lock().unwrap()
    }
}

/// A desk whose push goes to this Google, and a person with a phone.
async fn set_up(world: &World, google: &Google) -> (Desk, Dispatcher) {
    let desk = Desk::open(world).await;
    let fcm = Fcm::new(&google.settings(), desk.db.ids().clone()).unwrap();
    let dispatcher = desk.dispatcher_to(Channels {
        push: Arc::new(fcm),
        ..desk.doubles()
    });
    let token = NewPushToken {
        token: "a-token".to_owned(),
        platform: "android".to_owned(),
    };
    let who = signed_in(person(21), 1);
    desk.service
        .set_push_token(&who, "phone".to_owned(), token)
        .await
        .unwrap();
    (desk, dispatcher)
}

async fn push_row(desk: &Desk) -> String {
    let rows = desk.rows().await;
    rows.into_iter()
        .rfind(|row| row.contains(" push "))
        .unwrap()
}

both_engines!(a_message_goes_out_as_google_wants_it, |world| async move {
    let google = Google::start().await;
    let (desk, dispatcher) = set_up(&world, &google).await;
    desk.take(&[desk.opened(2)]).await;
    dispatcher.turn(Channel::Push, None).await.unwrap();
    assert_eq!(push_row(&desk).await, "21 push level_opened sent");
    let messages = google.state.messages.lock().unwrap().clone();
    assert_eq!(messages[0]["token"], "a-token");
    assert_eq!(
        messages[0]["notification"]["title"],
        "Waits for your decision: Trade fair"
    );
    assert_eq!(messages[0]["data"]["requestId"], json!(REQUEST));
    // The access token is kept for an hour, and fetched anew before it ends.
    desk.take(&[desk.opened(2)]).await;
    dispatcher.turn(Channel::Push, None).await.unwrap();
    assert_eq!(google.granted(), 1);
    world.clock.forward(std::time::Duration::from_mins(59));
    desk.take(&[desk.opened(2)]).await;
    let now_us = desk.now_us().await;
    dispatcher.turn(Channel::Push, Some(now_us)).await.unwrap();
    assert_eq!(google.granted(), 2);
});

both_engines!(
    an_access_token_that_was_withdrawn_is_fetched_anew,
    |world| async move {
        let google = Google::start().await;
        let (desk, dispatcher) = set_up(&world, &google).await;
        desk.take(&[desk.opened(2)]).await;
        dispatcher.turn(Channel::Push, None).await.unwrap();
        *google.state.granted.lock().unwrap() += 1; // the one that was granted is no longer the last
        desk.take(&[desk.opened(2)]).await;
        dispatcher.turn(Channel::Push, None).await.unwrap();
        assert_eq!(push_row(&desk).await, "21 push level_opened sent");
        assert_eq!(google.granted(), 3);
    }
);

both_engines!(
    every_documented_error_has_its_consequence,
    |world| async move {
        let google = Google::start().await;
        let (desk, dispatcher) = set_up(&world, &google).await;
        let mut now_us = desk.now_us().await;
        for (status, code, expected) in [
            (400, "INVALID_ARGUMENT", "failed/refused"),
            (429, "QUOTA_EXCEEDED", "queued"),
            (503, "UNAVAILABLE", "queued"),
            (500, "INTERNAL", "queued"),
            (401, "THIRD_PARTY_AUTH_ERROR", "queued"),
            (404, "UNREGISTERED", "failed/no_address"),
        ] {
            google.will(refuses(status, code));
            desk.take(&[desk.opened(2)]).await;
            now_us = now_us.max(desk.now_us().await);
            dispatcher.turn(Channel::Push, Some(now_us)).await.unwrap();
            let row = push_row(&desk).await;
            assert_eq!(row, format!("21 push level_opened {expected}"), "{code}");
            // Whatever waits is over before the next.
            now_us += 120 * SECOND_US;
            if expected == "queued" {
                dispatcher.turn(Channel::Push, Some(now_us)).await.unwrap();
                assert_eq!(push_row(&desk).await, "21 push level_opened sent", "{code}");
            }
        }
        // The token is gone: the next message goes by e-mail alone.
        desk.take(&[desk.opened(2)]).await;
        assert!(desk.rows().await.last().unwrap().contains(" email "));
        let letters = desk.service.dead_letters(None, 10).await.unwrap();
        for letter in letters {
            let (_, report) = desk.service.dead_letter(letter.id).await.unwrap();
            let detail = report.attempts[0].detail.clone().unwrap();
            assert!(
                detail.starts_with("FCM refuses with") && !detail.contains("a-token"),
                "{detail}"
            );
        }
    }
);

both_engines!(
    a_token_service_that_is_away_or_refuses_is_waited_for,
    |world| async move {
        let google = Google::start().await;
        let (desk, dispatcher) = set_up(&world, &google).await;
        let refusals = [ResponseTemplate::new(503), ResponseTemplate::new(400)];
        google.state.refusals.lock().unwrap().extend(refusals);
        desk.take(&[desk.opened(2)]).await;
        let mut now_us = desk.now_us().await;
        for _ in 0..3 {
            dispatcher.turn(Channel::Push, Some(now_us)).await.unwrap();
            now_us += 10 * SECOND_US;
        }
        assert_eq!(push_row(&desk).await, "21 push level_opened sent");
    }
);

#[test]
fn a_file_that_is_no_key_is_refused_without_being_repeated() {
    let ids = domain_services::time::Ids::default();
    let account = json!({
        "project_id": "p", "client_email": "e", "token_uri": "https://x", "private_key": "hunter2",
    });
    for file in [b"hunter2".to_vec(), account.to_string().into_bytes()] {
        let settings = FcmSettings {
            service_account: file,
            base_url: String::new(),
        };
        let said = Fcm::new(&settings, ids.clone()).unwrap_err();
        assert!(!said.contains("hunter2"), "{said}");
    }
}
