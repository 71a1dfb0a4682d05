//! SMS by Twilio, against a double that checks what it is given.

use super::desk::{Desk, SECOND_US};
use crate::world::{World, both_engines};
use domain_services::notification::channel::{Sms, TwilioSettings};
use domain_services::notification::{Channel, Channels, Dispatcher};
use serde_json::json;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use wiremock::matchers::{basic_auth, header, method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

#[derive(Default)]
struct State {
    sent: Mutex<Vec<HashMap<String, String>>>,
    answers: Mutex<VecDeque<ResponseTemplate>>,
}

struct Messages(Arc<State>);

impl Respond for Messages {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let form: HashMap<String, String> = url::form_urlencoded::parse(&request.body)
            .into_owned()
            .collect();
        if let Some(answer) = self.0.answers.lock().unwrap().pop_front() {
            return answer;
        }
        for (name, code) in [("To", 21_604), ("From", 21_603), ("Body", 21_602)] {
            if form.get(name).is_none_or(String::is_empty) {
                return refuses(400, code);
            }
        }
        let mut sent = self.0.sent.lock().unwrap();
        sent.push(form);
        let body = json!({"sid": format!("SM{}", sent.len()), "status": "queued"});
        ResponseTemplate::new(201).set_body_json(body)
    }
}

fn refuses(status: u16, code: u32) -> ResponseTemplate {
    let message = "The 'To' number +4915112345678 is not a valid phone number.";
    let body = json!({"code": code, "message": message, "status": status});
    ResponseTemplate::new(status).set_body_json(body)
}

struct Twilio {
    server: MockServer,
    state: Arc<State>,
}

impl Twilio {
    async fn start() -> Self {
        let server = MockServer::start().await;
        let state = Arc::<State>::default();
        Mock::given(method("POST"))
            .and(path("/2010-04-01/Accounts/AC123/Messages.json"))
            .and(basic_auth("AC123", "secret"))
            .and(header("content-type", "application/x-www-form-urlencoded"))
            .respond_with(Messages(Arc::clone(&state)))
            .mount(&server)
            .await;
        // Whatever does not sign in so.
        Mock::given(method("POST"))
            .respond_with(refuses(401, 20_003))
            .with_priority(200)
            .mount(&server)
            .await;
        Self { server, state }
    }

    fn settings(&self) -> TwilioSettings {
        TwilioSettings {
            account_sid: "AC123".to_owned(),
            auth_token: "secret".to_owned(),
            from: "+15005550006".to_owned(),
            public_url: Some("https://budget.example.com".to_owned()),
            base_url: self.server.uri(),
        }
    }

    fn will(&self, answer: ResponseTemplate) {
        self.state.answers.lock().unwrap().push_back(answer);
    }
}

async fn set_up(world: &World, settings: TwilioSettings) -> (Desk, Dispatcher) {
    let desk = Desk::open(world).await;
    let dispatcher = desk.dispatcher_to(Channels {
        sms: Arc::new(Sms::new(settings).unwrap()),
        ..desk.doubles()
    });
    desk.prefers(
        21,
        json!({"phone": "+4915112345678", "channels": {"waiting": ["sms"]}}),
    )
    .await;
    (desk, dispatcher)
}

both_engines!(
    an_sms_goes_out_with_its_callback_and_comes_back,
    |world| async move {
        let twilio = Twilio::start().await;
        let (desk, dispatcher) = set_up(&world, twilio.settings()).await;
        let opened = desk.opened(2);
        desk.take(&[opened]).await;
        dispatcher.turn(Channel::Sms, None).await.unwrap();
        let sent = twilio.state.sent.lock().unwrap()[0].clone();
        assert_eq!(sent["To"], "+4915112345678");
        assert_eq!(sent["From"], "+15005550006");
        assert!(
            sent["Body"].starts_with("“Trade fair” (1,250.00 EUR) by Sam waits"),
            "{sent:?}"
        );
        let callback = &sent["StatusCallback"];
        let base = "https://budget.example.com/api/v1/notify/callbacks/twilio/";
        let id = callback.strip_prefix(base).unwrap().parse().unwrap();
        for (state, expected) in [
            ("sending", "sent: sent"),
            ("undelivered", "undelivered: sent undelivered"),
            ("delivered", "delivered: sent undelivered delivered"),
            ("delivered", "delivered: sent undelivered delivered"),
            ("undelivered", "delivered: sent undelivered delivered"),
        ] {
            desk.service.sms_told(id, "SM1", state, None).await.unwrap();
            assert_eq!(desk.status(id).await, expected, "{state}");
        }
        assert!(
            desk.service
                .sms_told(id, "SM2", "delivered", None)
                .await
                .is_err()
        );
        assert_eq!(
            desk.told().await,
            [
                "notification.sent",
                "notification.failed",
                "notification.delivered"
            ]
        );
    }
);

both_engines!(a_callback_may_come_before_the_answer, |world| async move {
    let twilio = Twilio::start().await;
    let (desk, dispatcher) = set_up(&world, twilio.settings()).await;
    // Twilio takes it, and its answer is lost.
    twilio.will(ResponseTemplate::new(502));
    desk.take(&[desk.opened(2)]).await;
    let now_us = desk.now_us().await;
    dispatcher.turn(Channel::Sms, Some(now_us)).await.unwrap();
    let id = desk.db_id().await;
    desk.service
        .sms_told(id, "SM9", "delivered", None)
        .await
        .unwrap();
    let later = dispatcher
        .turn(Channel::Sms, Some(now_us + 3_600 * SECOND_US))
        .await;
    assert_eq!(later.unwrap(), 0, "it is not sent again");
    assert_eq!(desk.status(id).await, "delivered: retry delivered");
});

both_engines!(what_twilio_took_is_not_sent_again, |world| async move {
    let twilio = Twilio::start().await;
    let (desk, dispatcher) = set_up(&world, twilio.settings()).await;
    // A proxy has made something else of the answer.
    twilio.will(ResponseTemplate::new(201).set_body_string("<html>"));
    desk.take(&[desk.opened(2)]).await;
    let now_us = desk.now_us().await;
    dispatcher.turn(Channel::Sms, Some(now_us)).await.unwrap();
    let first = desk.db_id().await;
    assert_eq!(desk.status(first).await, "sent: sent");
    // The answer is lost, and Twilio tells that it has the message.
    twilio.will(ResponseTemplate::new(502));
    let second = desk.asked_on(Channel::Sms, "+15005550009").await;
    dispatcher.turn(Channel::Sms, None).await.unwrap();
    desk.service
        .sms_told(second, "SM9", "queued", None)
        .await
        .unwrap();
    assert_eq!(desk.status(second).await, "sent: retry sent");
});

both_engines!(
    every_documented_refusal_has_its_consequence,
    |world| async move {
        let twilio = Twilio::start().await;
        let (desk, dispatcher) = set_up(&world, twilio.settings()).await;
        let mut now_us = desk.now_us().await;
        for (status, code, expected) in [
            (400, 21_211, "undelivered/refused"),
            (400, 21_610, "undelivered/refused"),
            (400, 21_614, "undelivered/refused"),
            (400, 21_617, "failed/refused"),
            (400, 21_606, "queued"),
            (429, 20_429, "queued"),
            (401, 20_003, "queued"),
            (503, 20_500, "queued"),
        ] {
            twilio.will(refuses(status, code));
            desk.take(&[desk.opened(2)]).await;
            now_us = now_us.max(desk.now_us().await);
            dispatcher.turn(Channel::Sms, Some(now_us)).await.unwrap();
            let row = desk.rows().await.pop().unwrap();
            assert_eq!(row, format!("21 sms level_opened {expected}"), "{code}");
            now_us += 120 * SECOND_US;
            if expected == "queued" {
                dispatcher.turn(Channel::Sms, Some(now_us)).await.unwrap();
                assert!(
                    desk.rows().await.pop().unwrap().ends_with(" sent"),
                    "{code}"
                );
            }
        }
        for letter in desk.service.dead_letters(None, 10).await.unwrap() {
            let (_, report) = desk.service.dead_letter(letter.id).await.unwrap();
            let detail = report.attempts[0].detail.clone().unwrap();
            assert!(
                detail.starts_with("Twilio refuses with 21") && !detail.contains("+49"),
                "{detail}"
            );
        }
    }
);

both_engines!(a_wrong_password_costs_no_message, |world| async move {
    let twilio = Twilio::start().await;
    let wrong = TwilioSettings {
        auth_token: "wrong".to_owned(),
        ..twilio.settings()
    };
    let (desk, dispatcher) = set_up(&world, wrong).await;
    desk.take(&[desk.opened(2)]).await;
    dispatcher.turn(Channel::Sms, None).await.unwrap();
    assert_eq!(desk.rows().await, ["21 sms level_opened queued"]);
    assert!(twilio.state.sent.lock().unwrap().is_empty());
});

both_engines!(a_messaging_service_and_retry_after, |world| async move {
    let twilio = Twilio::start().await;
    let service = TwilioSettings {
        from: "MG1".to_owned(),
        public_url: None,
        ..twilio.settings()
    };
    let (desk, dispatcher) = set_up(&world, service).await;
    twilio.will(refuses(429, 20_429).insert_header("retry-after", "100"));
    // This double knows no services: it refuses for want of `From`, which is told apart.
    desk.take(&[desk.opened(2)]).await;
    let now_us = desk.now_us().await;
    dispatcher.turn(Channel::Sms, Some(now_us)).await.unwrap();
    let early = dispatcher
        .turn(Channel::Sms, Some(now_us + 99 * SECOND_US))
        .await;
    assert_eq!(early.unwrap(), 0);
    dispatcher
        .turn(Channel::Sms, Some(now_us + 130 * SECOND_US))
        .await
        .unwrap();
    let seen = twilio.server.received_requests().await.unwrap();
    let body = String::from_utf8(seen.last().unwrap().body.clone()).unwrap();
    assert!(
        body.contains("MessagingServiceSid=MG1") && !body.contains("StatusCallback"),
        "{body}"
    );
});
