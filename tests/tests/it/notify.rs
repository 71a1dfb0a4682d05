//! Notifications end to end: what people hear of their requests, what other programs may ask for, and who
//! may tell what became of an SMS.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain_services::db::sql;
use domain_services::notification::LoggedMessage;
use hmac::{Hmac, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha1::Sha1;
use std::time::Duration;
use sync_server::config::Secret;
use tests::{Actor, Reply, Server, Setup, both_engines};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// Looks until it is so.
async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) {
    for _ in 0..4_000 {
        if look().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{what}: not within 20 s");
}

/// Subjects that this address was sent, the first first.
async fn heard(server: &Server, address: &str) -> Vec<String> {
    let logged = server.services().notifications.logged(1_000).await.unwrap();
    let to_them = |one: &LoggedMessage| one.address == address;
    let mut heard: Vec<_> = logged.into_iter().filter(to_them).collect();
    heard.sort_by_key(|one| one.at);
    heard.into_iter().filter_map(|one| one.subject).collect()
}

async fn email_of(actor: &Actor) -> String {
    let me = actor.get("/api/v1/users/me").await.ok().body;
    me["email"].as_str().unwrap().to_owned()
}

async fn put(actor: &Actor, path: &str, body: Value) -> Reply {
    let bytes = body.to_string().into_bytes();
    let sent = actor.send(Method::PUT, path, &JSON, bytes).await;
    sent.expect("an answer")
}

async fn everybody_hears_of_a_request_on_its_way(server: &Server) {
    let mut l1 = server.phone_with(&["approver"]).await;
    let l2 = server.phone_with(&["approver"]).await;
    let category = server.category(&[(&[&l1], 1), (&[&l2], 1)]).await;
    let mut owner = server.sales_phone().await;
    let asked = owner.submitted(&category).await;
    let mut addresses = Vec::new();
    for actor in [&owner.actor, &l1.actor, &l2.actor] {
        addresses.push(email_of(actor).await);
    }
    let [owners, first, second] = addresses.try_into().unwrap();
    until("level 1 hears", async || {
        heard(server, &first).await.len() == 1
    })
    .await;
    assert_eq!(
        heard(server, &first).await,
        ["Waits for your decision: Trade fair"]
    );
    l1.wait_for_all(&[asked], 1).await;
    let vote = l1.vote("approve", asked.approval(1));
    assert_eq!(l1.sync_votes([vote]).await.verdicts(), ["applied"]);
    until("owner and level 2 hear", async || {
        heard(server, &owners).await.len() == 1 && heard(server, &second).await.len() == 1
    })
    .await;
    assert_eq!(
        heard(server, &owners).await,
        ["Level 1 approves: Trade fair"]
    );
    let back = l1.vote("rollback", asked.approval(1));
    assert_eq!(l1.sync_votes([back]).await.verdicts(), ["applied"]);
    until("they hear that it was taken back", async || {
        heard(server, &owners).await.len() == 2 && heard(server, &second).await.len() == 2
    })
    .await;
    assert_eq!(
        heard(server, &owners).await[1],
        "Decision taken back: Trade fair"
    );
    assert_eq!(
        heard(server, &second).await[1],
        "No decision needed for now: Trade fair"
    );
}

async fn another_program_asks_once_and_reads_what_became_of_it(server: &Server) {
    let program = server.person("service").await;
    let message = json!({
        "to": "ledger@example.com", "text": "Budget is used up", "data": {"subject": "Ledger"}, "idempotencyKey": "1",
    });
    let path = "/api/v1/notify/email";
    let taken = program.post(path, &message).await;
    assert_eq!(taken.status, 202, "{}", taken.body);
    let again = program.post(path, &message).await;
    assert_eq!((again.status, &again.body), (202, &taken.body));
    let mut other = message.clone();
    other["text"] = json!("another");
    let refused = program.post(path, &other).await;
    assert_eq!((refused.status, refused.code()), (409, "op_id_reused"));
    let id = taken.body["id"].as_str().unwrap();
    let status = format!("/api/v1/notify/status/{id}");
    until("it is sent", async || {
        program.get(&status).await.ok().body["status"] == "sent"
    })
    .await;
    let told = program.get(&status).await.ok().body;
    assert_eq!(told["attempts"][0]["outcome"], "sent");
    assert_eq!(
        server.admin().await.get(&status).await.ok().body["channel"],
        "email"
    );
    assert_eq!(heard(server, "ledger@example.com").await, ["Ledger"]);
    let unknown = json!({"to": "ledger@example.com", "template": "newer"});
    let refused = program.post(path, &unknown).await;
    assert_eq!(
        (refused.status, &refused.body["errors"][0]["pointer"]),
        (400, &json!("/template"))
    );
}

async fn wishes_are_kept_and_wrong_ones_pointed_at(server: &Server) {
    let somebody = server.sales().await;
    let path = "/api/v1/notify/preferences";
    let usual = somebody.get(path).await.ok().body;
    assert_eq!(usual["channels"]["waiting"], json!(["push", "email"]));
    let wishes = json!({
        "channels": {"waiting": ["sms"], "outcome": [], "final": ["email"]}, "phone": "+4915112345678",
        "timeZone": "Europe/Berlin", "quietHours": {"from": "22:00", "to": "07:00"},
    });
    assert_eq!(put(&somebody, path, wishes.clone()).await.ok().body, wishes);
    assert_eq!(somebody.get(path).await.ok().body, wishes);
    let wrong = put(&somebody, path, json!({"timeZone": "Berlin", "phone": "1"})).await;
    assert_eq!((wrong.status, wrong.code()), (400, "invalid_value"));
    let muted = put(
        &somebody,
        path,
        json!({"channels": {"waiting": ["pigeon"]}}),
    )
    .await;
    assert_eq!(muted.status, 400, "{}", muted.body);
    assert_eq!(somebody.get(path).await.ok().body, wishes);
}

async fn who_signs_out_gets_no_push(server: &Server) {
    let somebody = server.sales().await;
    let path = "/api/v1/devices/my%20phone/push-token";
    let token = json!({"token": "a-token", "platform": "ios"});
    assert_eq!(put(&somebody, path, token.clone()).await.status, 204);
    let kept = async || {
        let db = &server.services().databases.notification;
        let query = sql("select device_id from push_token where token = 'a-token'");
        let row: Option<(String,)> = query.fetch_optional(db).await.unwrap();
        row.map(|(device,)| device)
    };
    assert_eq!(kept().await.as_deref(), Some("my phone"));
    let out = somebody.post("/api/v1/auth/logout", &json!({})).await;
    assert_eq!(out.status, 204);
    until("the token is gone", async || kept().await.is_none()).await;
    assert_eq!(put(&somebody, path, token).await.status, 401);
}

/// A server that Twilio tells things; its Twilio cannot be reached.
fn with_twilio() -> Setup {
    Setup {
        adjust: Some(|config| {
            config.twilio_account_sid = Some("AC123".to_owned());
            config.twilio_auth_token = Some(Secret::new("twilio secret"));
            config.twilio_from = Some("+15005550006".to_owned());
            "http://127.0.0.1:9".clone_into(&mut config.twilio_url);
            config.public_url = Some("https://budget.example.com".to_owned());
        }),
        ..Setup::default()
    }
}

async fn only_twilio_tells_what_became_of_an_sms(server: &Server) {
    let program = server.person("service").await;
    let message = json!({"to": "+4915112345678", "text": "Hello"});
    let taken = program.post("/api/v1/notify/sms", &message).await;
    let id = taken.body["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/notify/callbacks/twilio/{id}");
    let nobody = server.anonymous();
    let tell = async |key: &str, path: &str, status: &str| {
        let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).unwrap();
        let signed = format!(
            "https://budget.example.com{path}MessageSidSM1MessageStatus{status}To+4915112345678"
        );
        mac.update(signed.as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-twilio-signature", signature.as_str()),
        ];
        let body = format!("MessageStatus={status}&To=%2B4915112345678&MessageSid=SM1");
        let sent = nobody.send(Method::POST, path, &headers, body.into_bytes());
        sent.await.unwrap()
    };
    let status = async || {
        let path = format!("/api/v1/notify/status/{id}");
        program.get(&path).await.ok().body["status"].clone()
    };
    let forged = tell("another secret", &path, "delivered").await;
    assert_eq!((forged.status, forged.code()), (403, "forbidden"));
    assert_eq!(status().await, "queued");
    assert_eq!(tell("twilio secret", &path, "sending").await.status, 204);
    assert_eq!(tell("twilio secret", &path, "delivered").await.status, 204);
    assert_eq!(status().await, "delivered");
    let nothing = "/api/v1/notify/callbacks/twilio/00000000-0000-0000-0000-000000000404";
    assert_eq!(
        tell("twilio secret", nothing, "delivered").await.status,
        404
    );
    let text = nobody.open("/metrics").await.text().await.unwrap();
    let counted = "athena_callbacks_refused_total{provider=\"twilio\"}";
    assert!(text.contains(counted), "{text}");
}

both_engines!(
    everybody_hears_of_a_request_on_its_way,
    another_program_asks_once_and_reads_what_became_of_it,
    wishes_are_kept_and_wrong_ones_pointed_at,
    who_signs_out_gets_no_push,
);
both_engines!(with_twilio => only_twilio_tells_what_became_of_an_sms);
