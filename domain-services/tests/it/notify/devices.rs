//! Phones: a push token belongs to a person, a device and a session, and goes with each of them.

use super::desk::{Desk, SECOND_US, down, person, signed_in};
use crate::world::{World, both_engines};
use domain_services::bus::Topic;
use domain_services::events;
use domain_services::notification::channel::{Receipt, Refusal};
use domain_services::notification::{Dispatcher, NewPushToken, NotificationError};
use serde_json::json;
use uuid::Uuid;

async fn registers(desk: &Desk, who: u128, session: u128, device: &str, token: &str) {
    let new = NewPushToken {
        token: token.to_owned(),
        platform: "android".to_owned(),
    };
    let who = signed_in(person(who), session);
    desk.service
        .set_push_token(&who, device.to_owned(), new)
        .await
        .unwrap();
}

async fn session_ends(desk: &Desk, session: u128) {
    let id = Uuid::from_u128(session);
    let data = json!({"sessionId": id, "userId": person(21), "reason": "logout"});
    let event = desk.event(Topic::User, id, events::SESSION_ENDED, &data);
    desk.take(&[event]).await;
}

/// The tokens that hear of a level that opens now.
async fn heard(desk: &Desk) -> Vec<String> {
    desk.push.given.lock().unwrap().clear();
    desk.take(&[desk.opened(2)]).await;
    desk.turn(&desk.dispatcher(), desk.now_us().await).await;
    let mut heard: Vec<_> = desk
        .push
        .given
        .lock()
        .unwrap()
        .iter()
        .map(|(_, to)| to.clone())
        .collect();
    heard.sort();
    heard
}

/// A level has opened and its approver has two phones. Whichever was asked first has it, the other one's provider
/// is away.
async fn one_of_two_has_it(world: &World) -> (Desk, Dispatcher, i64) {
    let desk = Desk::open(world).await;
    registers(&desk, 21, 1, "one", "a").await;
    registers(&desk, 21, 1, "two", "b").await;
    desk.take(&[desk.opened(2)]).await;
    desk.push
        .answers
        .lock()
        .unwrap()
        .push_back(Ok(Receipt::default()));
    desk.push.will(down());
    let dispatcher = desk.dispatcher();
    let now_us = desk.now_us().await;
    desk.turn(&dispatcher, now_us).await;
    (desk, dispatcher, now_us)
}

both_engines!(
    all_phones_hear_and_a_new_token_replaces_the_old,
    |world| async move {
        let desk = Desk::open(&world).await;
        registers(&desk, 21, 1, "phone", "old").await;
        registers(&desk, 21, 1, "phone", "new").await;
        registers(&desk, 21, 2, "tablet", "tab").await;
        assert_eq!(heard(&desk).await, ["new", "tab"]);
    }
);

both_engines!(who_signed_out_gets_no_push, |world| async move {
    let desk = Desk::open(&world).await;
    registers(&desk, 21, 1, "phone", "a").await;
    registers(&desk, 21, 2, "tablet", "b").await;
    session_ends(&desk, 1).await;
    assert_eq!(heard(&desk).await, ["b"]);
    // The phone's last word, behind its own end.
    let new = NewPushToken {
        token: "a".to_owned(),
        platform: "ios".to_owned(),
    };
    let late = desk
        .service
        .set_push_token(&signed_in(person(21), 1), "phone".to_owned(), new)
        .await;
    assert!(
        matches!(late, Err(NotificationError::SessionEnded)),
        "{late:?}"
    );
    // A message that was queued while the phone was still there goes nowhere either.
    desk.take(&[desk.opened(2)]).await;
    session_ends(&desk, 2).await;
    desk.push.given.lock().unwrap().clear();
    desk.turn(&desk.dispatcher(), desk.now_us().await).await;
    assert_eq!(desk.push.count(), 0);
});

both_engines!(
    who_left_gets_no_push_after_coming_back_either,
    |world| async move {
        let desk = Desk::open(&world).await;
        registers(&desk, 21, 1, "phone", "a").await;
        desk.person_is(21, "Cid", json!({"active": false})).await;
        desk.person_is(21, "Cid", json!({})).await;
        assert!(heard(&desk).await.is_empty());
        registers(&desk, 21, 3, "phone", "b").await;
        assert_eq!(heard(&desk).await, ["b"]);
        // News of a leaving before that, which comes late.
        let mut late = desk.event(
            Topic::User,
            person(21),
            events::USER_DEACTIVATED,
            &json!({
                "id": person(21), "email": "c@example.org", "name": "Cid", "roles": ["approver"],
                "departmentId": null, "region": null, "locale": null, "active": false, "version": 1,
            }),
        );
        late.time_us = desk.now_us().await - 1_000_000;
        desk.take(&[late]).await;
        assert_eq!(heard(&desk).await, ["b"]);
    }
);

both_engines!(
    a_phone_that_changed_hands_is_the_new_persons,
    |world| async move {
        let desk = Desk::open(&world).await;
        registers(&desk, 21, 1, "phone", "a").await;
        registers(&desk, 11, 2, "phone", "a").await;
        assert!(heard(&desk).await.is_empty());
    }
);

both_engines!(
    an_unregistered_token_is_dropped_and_the_other_phone_not_asked_twice,
    |world| async move {
        let (desk, dispatcher, now_us) = one_of_two_has_it(&world).await;
        desk.push
            .will(Refusal::Gone("FCM refuses with UNREGISTERED".to_owned()));
        desk.turn(&dispatcher, now_us + 3 * SECOND_US).await;
        let given: Vec<_> = desk
            .push
            .given
            .lock()
            .unwrap()
            .iter()
            .map(|(_, to)| to.clone())
            .collect();
        assert_eq!(given.len(), 3, "{given:?}");
        assert_ne!(given[0], given[2], "who has it is not asked again");
        let row = desk
            .rows()
            .await
            .into_iter()
            .find(|row| row.contains("push"))
            .unwrap();
        assert_eq!(row, "21 push level_opened sent");
        assert_eq!(
            heard(&desk).await,
            [given[0].as_str()],
            "the other token is gone"
        );
    }
);

both_engines!(
    what_one_phone_shows_is_taken_back_though_the_other_has_not_got_it,
    |world| async move {
        let (desk, dispatcher, now_us) = one_of_two_has_it(&world).await;
        desk.take(&[desk.level(events::LEVEL_CLOSED, 2, json!({"reason": "basis_changed"}))])
            .await;
        for seconds in [3, 6] {
            desk.turn(&dispatcher, now_us + seconds * SECOND_US).await;
        }
        let rows = desk.rows().await;
        for row in [
            "21 push level_opened cancelled/basis_changed",
            "21 push level_closed sent",
        ] {
            assert!(rows.iter().any(|found| found == row), "{rows:?}");
        }
    }
);
