//! Dead letters, and messages that other programs ask for.

use super::desk::{Desk, SECOND_US, person, signed_in};
use crate::world::both_engines;
use domain_services::notification::channel::Refusal;
use domain_services::notification::{Ask, Channel, NotificationError};
use serde_json::json;
use uuid::Uuid;

fn ask(value: serde_json::Value) -> Ask {
    serde_json::from_value(value).unwrap()
}

both_engines!(
    a_recipient_without_an_address_can_be_replayed,
    |world| async move {
        let desk = Desk::open(&world).await;
        let who = signed_in(person(9), 9);
        let message = ask(json!({"recipientId": person(21), "text": "Hello"}));
        let id = desk
            .service
            .ask(&who, Channel::Sms, message, None)
            .await
            .unwrap();
        let dispatcher = desk.dispatcher();
        let now_us = desk.now_us().await;
        desk.turn(&dispatcher, now_us).await;
        assert_eq!(desk.status(id).await, "failed: failed");
        let letters = desk.service.dead_letters(None, 10).await.unwrap();
        assert_eq!(letters.len(), 1);
        assert_eq!(letters[0].reason.as_deref(), Some("no_address"));
        assert!(
            desk.service
                .dead_letters(Some(Channel::Push), 10)
                .await
                .unwrap()
                .is_empty()
        );
        let (_, report) = desk.service.dead_letter(id).await.unwrap();
        let detail = report.attempts[0].detail.as_deref();
        assert_eq!(detail, Some("the person has named no phone number"));
        desk.prefers(21, json!({"phone": "+4915112345678"})).await;
        desk.service.replay(id).await.unwrap();
        desk.turn(&dispatcher, desk.now_us().await).await;
        assert_eq!(desk.status(id).await, "sent: failed replayed sent");
        assert_eq!(
            desk.told().await,
            ["notification.failed", "notification.sent"]
        );
    }
);

both_engines!(
    what_bounced_is_a_dead_letter_that_can_be_given_up,
    |world| async move {
        let desk = Desk::open(&world).await;
        let id = desk.asked().await;
        desk.email.will(Refusal::Bounced(
            "550: the mail server refuses the address".to_owned(),
        ));
        desk.turn(&desk.dispatcher(), desk.now_us().await).await;
        assert_eq!(desk.status(id).await, "bounced: bounced");
        desk.service.discard(id).await.unwrap();
        assert_eq!(desk.status(id).await, "cancelled: bounced cancelled");
        assert_eq!(
            desk.told().await,
            ["notification.failed", "notification.cancelled"]
        );
        for gone in [
            desk.service.replay(id).await,
            desk.service.discard(Uuid::nil()).await,
        ] {
            assert!(matches!(gone, Err(NotificationError::NotFound)));
        }
    }
);

both_engines!(
    a_replayed_message_that_is_no_longer_true_is_not_sent,
    |world| async move {
        let desk = Desk::open(&world).await;
        desk.take(&[desk.opened(2)]).await;
        desk.email.will(Refusal::Bounced("550".to_owned()));
        let dispatcher = desk.dispatcher();
        desk.turn(&dispatcher, desk.now_us().await).await;
        let closed = json!({"reason": "withdrawn"});
        desk.take(&[desk.level(domain_services::events::LEVEL_CLOSED, 2, closed)])
            .await;
        let letters = desk.service.dead_letters(None, 10).await.unwrap();
        desk.service.replay(letters[0].id).await.unwrap();
        desk.turn(&dispatcher, desk.now_us().await).await;
        assert_eq!(
            desk.rows().await,
            ["21 email level_opened cancelled/withdrawn"]
        );
        assert_eq!(desk.email.count(), 1);
    }
);

both_engines!(
    a_message_that_is_tried_too_often_is_a_dead_letter,
    |world| async move {
        let desk = Desk::open(&world).await;
        let id = desk.asked().await;
        let dispatcher = desk.dispatcher();
        let mut now_us = desk.now_us().await;
        for _ in 0..16 {
            desk.email.will(Refusal::Later {
                detail: "450: busy".to_owned(),
                after: None,
                provider_is_down: false,
                may_have_arrived: false,
            });
            desk.turn(&dispatcher, now_us).await;
            now_us += 3_601 * SECOND_US;
        }
        let letters = desk.service.dead_letters(None, 10).await.unwrap();
        assert_eq!(letters[0].id, id);
        assert_eq!(letters[0].reason.as_deref(), Some("tried_too_often"));
        assert_eq!(letters[0].attempts, 16);
        assert_eq!(desk.turn(&dispatcher, now_us).await, 0);
    }
);

both_engines!(the_same_key_is_the_same_message, |world| async move {
    let desk = Desk::open(&world).await;
    let who = signed_in(person(9), 9);
    let message =
        |text: &str| ask(json!({"to": "a@example.org", "text": text, "idempotencyKey": "k"}));
    let email = Channel::Email;
    let first = desk
        .service
        .ask(&who, email, message("one"), None)
        .await
        .unwrap();
    let again = desk
        .service
        .ask(&who, email, message("one"), None)
        .await
        .unwrap();
    assert_eq!(first, again);
    let other = desk.service.ask(&who, email, message("two"), None).await;
    assert!(
        matches!(other, Err(NotificationError::KeyReused)),
        "{other:?}"
    );
    let another = signed_in(person(8), 8);
    let theirs = desk
        .service
        .ask(&another, email, message("two"), None)
        .await
        .unwrap();
    assert_ne!(first, theirs);
    desk.turn(&desk.dispatcher(), desk.now_us().await).await;
    assert_eq!(desk.email.count(), 2);
});

both_engines!(
    a_template_that_only_a_newer_program_knows_waits_for_the_operator,
    |world| async move {
        let desk = Desk::open(&world).await;
        let id = desk.asked().await;
        desk.db
            .write(|tx| {
                Box::pin(async move {
                    domain_services::db::sql("update notification set template = 'newer'")
                        .execute(tx)
                        .await
                })
            })
            .await
            .unwrap();
        desk.turn(&desk.dispatcher(), desk.now_us().await).await;
        let letters = desk.service.dead_letters(None, 10).await.unwrap();
        assert_eq!(letters[0].id, id);
        assert_eq!(letters[0].reason.as_deref(), Some("unknown_template"));
    }
);
