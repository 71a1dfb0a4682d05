//! A notification service with people, a request and levels, told by events as others would tell them; and
//! a channel that says what a test wants.

use crate::world::World;
use async_trait::async_trait;
use domain_services::bus::{Consumer, Delivery, Event, Topic};
use domain_services::db::{Db, sql};
use domain_services::events;
use domain_services::identity::{Identity, Role};
use domain_services::notification::channel::{Outgoing, Receipt, Refusal, Target};
use domain_services::notification::{
    Ask, Channel, Channels, Deliver, Dispatcher, NotificationConsumer, NotificationService,
    Preferences,
};
use domain_services::outbox::Wake;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use sync_core::canonical::Revision;
use uuid::Uuid;

pub(crate) const SECOND_US: i64 = 1_000_000;
pub(crate) const OWNER: Uuid = Uuid::from_u128(1);
pub(crate) const REQUEST: Uuid = Uuid::from_u128(2);

/// What a channel was given: the message and where it went.
pub(crate) type Given = Vec<(Outgoing, String)>;

/// A channel that takes everything, unless it was told what to answer.
#[derive(Default)]
pub(crate) struct Double {
    pub(crate) given: Mutex<Given>,
    pub(crate) answers: Mutex<VecDeque<Result<Receipt, Refusal>>>,
}

impl Double {
    pub(crate) fn will(&self, answer: Refusal) {
        self.answers.lock().unwrap().push_back(Err(answer));
    }

    pub(crate) fn count(&self) -> usize {
        self.given.lock().unwrap().len()
    }
}

#[async_trait]
impl Deliver for Double {
    async fn deliver(&self, message: &Outgoing, to: &Target) -> Result<Receipt, Refusal> {
        let given = (message.clone(), to.address.clone());
        self.given.lock().unwrap().push(given);
        let answer = self.answers.lock().unwrap().pop_front();
        answer.unwrap_or_else(|| Ok(Receipt::default()))
    }
}

pub(crate) fn down() -> Refusal {
    Refusal::Later {
        detail: "away".to_owned(),
        after: None,
        provider_is_down: true,
        may_have_arrived: false,
    }
}

/// Somebody who is asked for a vote: 11 and 12 at level 1, 21 at level 2.
pub(crate) fn person(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(crate) fn signed_in(user_id: Uuid, session: u128) -> Identity {
    Identity {
        user_id,
        roles: Role::Approver.into(),
        session_id: Uuid::from_u128(session),
        expires_us: i64::MAX,
        version: 0,
    }
}

pub(crate) struct Desk {
    pub(crate) service: NotificationService,
    pub(crate) consumer: NotificationConsumer,
    pub(crate) db: Db,
    pub(crate) push: Arc<Double>,
    pub(crate) email: Arc<Double>,
    pub(crate) sms: Arc<Double>,
    number: AtomicU32,
}

impl Desk {
    /// People and a request are known.
    pub(crate) async fn open(world: &World) -> Self {
        let db = world.notification_db().await;
        let service = NotificationService::new(db.clone(), Wake::default());
        let desk = Self {
            consumer: NotificationConsumer::new(service.clone()),
            service,
            db,
            push: Arc::default(),
            email: Arc::default(),
            sms: Arc::default(),
            number: AtomicU32::new(1),
        };
        for (id, name) in [(1, "Sam"), (11, "Ada"), (12, "Bob"), (21, "Cid")] {
            desk.person_is(id, name, json!({})).await;
        }
        desk.submitted().await;
        desk
    }

    /// The channels that say what a test wants.
    pub(crate) fn doubles(&self) -> Channels {
        Channels {
            push: self.push.clone(),
            email: self.email.clone(),
            sms: self.sms.clone(),
        }
    }

    pub(crate) fn dispatcher(&self) -> Dispatcher {
        self.dispatcher_to(self.doubles())
    }

    pub(crate) fn dispatcher_to(&self, channels: Channels) -> Dispatcher {
        Dispatcher::new(self.service.clone(), channels)
    }

    /// By the database's clock.
    pub(crate) async fn now_us(&self) -> i64 {
        self.db
            .write(|tx| Box::pin(async move { tx.now_us().await }))
            .await
            .unwrap()
    }

    pub(crate) fn event(&self, topic: Topic, key: Uuid, kind: &str, data: &Value) -> Event {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        Event {
            id: Uuid::from_u128(0x1000 + u128::from(number)),
            topic,
            key,
            kind: kind.to_owned(),
            version: i64::from(number),
            time_us: 0,
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
            actor: None,
            data: serde_json::value::to_raw_value(data).unwrap(),
        }
    }

    pub(crate) async fn take(&self, events: &[Event]) {
        self.consumer
            .handle(&Delivery::of(events.to_vec()))
            .await
            .unwrap();
        let parked: Vec<(String,)> = sql("select reason from dead_letter")
            .fetch_all(&self.db)
            .await
            .unwrap();
        assert!(parked.is_empty(), "{parked:?}");
    }

    /// A person, with these members otherwise than usual.
    pub(crate) async fn person_is(&self, id: u128, name: &str, but: Value) {
        let mut data = json!({
            "id": person(id), "email": format!("{}@example.org", name.to_lowercase()), "name": name,
            "roles": ["approver"], "departmentId": null, "region": null, "locale": null, "active": true,
            "version": 0,
        });
        for (name, value) in but.as_object().unwrap() {
            data[name] = value.clone();
        }
        let mut event = self.event(Topic::User, person(id), events::USER_CHANGED, &data);
        data["version"] = json!(event.version);
        event.time_us = self.now_us().await;
        event.data = serde_json::value::to_raw_value(&data).unwrap();
        self.take(&[event]).await;
    }

    async fn submitted(&self) {
        let data = json!({
            "id": REQUEST, "ownerId": OWNER, "revision": Revision([7; 32]).to_string(),
            "submittedAt": "2026-11-22T10:00:00.000000Z",
            "content": {"title": "Trade fair", "amount": {"minor": 125_000, "currency": "EUR"}},
            "levels": [
                {"level": 1, "approverIds": [person(11), person(12)], "quorum": 1},
                {"level": 2, "approverIds": [person(21)], "quorum": 1},
            ],
        });
        let event = self.event(Topic::Request, REQUEST, events::REQUEST_SUBMITTED, &data);
        self.take(&[event]).await;
    }

    /// An event about a level.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "stories hand over `json!({…})` as it is written"
    )]
    pub(crate) fn level(&self, kind: &str, level: u8, more: Value) -> Event {
        let mut data = json!({
            "approvalId": Uuid::from_u128(100 + u128::from(level)), "requestId": REQUEST, "ownerId": OWNER,
            "revision": Revision([7; 32]).to_string(), "level": level, "at": "2026-11-22T10:00:00.000000Z",
        });
        for (name, value) in more.as_object().unwrap() {
            data[name] = value.clone();
        }
        self.event(Topic::Approval, REQUEST, kind, &data)
    }

    pub(crate) fn opened(&self, level: u8) -> Event {
        let approvers = if level == 1 { vec![11, 12] } else { vec![21] };
        let approvers: Vec<Uuid> = approvers.into_iter().map(person).collect();
        let more = json!({"approverIds": approvers, "quorum": 1});
        self.level(events::LEVEL_OPENED, level, more)
    }

    /// One turn of each channel, at this time.
    pub(crate) async fn turn(&self, dispatcher: &Dispatcher, now_us: i64) -> usize {
        let mut taken = 0;
        for channel in Channel::ALL {
            taken += dispatcher.turn(channel, Some(now_us)).await.unwrap();
        }
        taken
    }

    /// Asks for an e-mail to an address of nobody's.
    pub(crate) async fn asked(&self) -> Uuid {
        self.asked_on(Channel::Email, "nobody@example.org").await
    }

    /// Asks for a message to an address.
    pub(crate) async fn asked_on(&self, channel: Channel, to: &str) -> Uuid {
        let ask = Ask {
            to: Some(to.to_owned()),
            text: Some("Hello".to_owned()),
            ..Ask::default()
        };
        let who = signed_in(person(9), 9);
        self.service.ask(&who, channel, ask, None).await.unwrap()
    }

    pub(crate) async fn prefers(&self, id: u128, preferences: Value) {
        let preferences: Preferences = serde_json::from_value(preferences).unwrap();
        let who = signed_in(person(id), 1);
        self.service
            .set_preferences(&who, preferences)
            .await
            .unwrap();
    }

    /// Every row: recipient, channel, template, status, reason.
    pub(crate) async fn rows(&self) -> Vec<String> {
        type Row = (Option<Uuid>, String, String, String, Option<String>);
        let rows: Vec<Row> = sql(
            "select recipient_id, channel, template, status, reason from notification
             order by created_us, recipient_id, channel",
        )
        .fetch_all(&self.db)
        .await
        .unwrap();
        rows.into_iter()
            .map(|(recipient, channel, template, status, reason)| {
                let recipient = recipient.map_or(0, |id| id.as_u128());
                let reason = reason.map_or_else(String::new, |reason| format!("/{reason}"));
                format!("{recipient} {channel} {template} {status}{reason}")
            })
            .collect()
    }

    /// The id of the only row.
    pub(crate) async fn db_id(&self) -> Uuid {
        let (id,): (Uuid,) = sql("select id from notification")
            .fetch_one(&self.db)
            .await
            .unwrap();
        id
    }

    /// What the outbox tells: kinds and reasons, in order.
    pub(crate) async fn told(&self) -> Vec<String> {
        let rows: Vec<(String,)> = sql("select type from outbox order by seq")
            .fetch_all(&self.db)
            .await
            .unwrap();
        rows.into_iter().map(|(kind,)| kind).collect()
    }

    pub(crate) async fn status(&self, id: Uuid) -> String {
        let report = self.service.status(id).await.unwrap();
        let outcomes: Vec<&str> = report
            .attempts
            .iter()
            .map(|attempt| attempt.outcome.as_str())
            .collect();
        format!("{}: {}", report.status.name(), outcomes.join(" "))
    }
}
