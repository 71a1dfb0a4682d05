//! What people hear, on real databases.

use super::desk::{Desk, OWNER, SECOND_US, person};
use crate::world::both_engines;
use domain_services::events;
use domain_services::notification::{Channel, Channels};
use serde_json::json;

both_engines!(
    approvers_hear_of_a_level_in_their_language,
    |world| async move {
        let desk = Desk::open(&world).await;
        desk.person_is(12, "Bob", json!({"locale": "de-AT"})).await;
        desk.take(&[desk.opened(1)]).await;
        let dispatcher = desk.dispatcher();
        let now_us = desk.now_us().await;
        desk.turn(&dispatcher, now_us).await;
        let mut given = desk.email.given.lock().unwrap().clone();
        given.sort_by(|one, other| one.1.cmp(&other.1));
        let [(to_ada, ada), (to_bob, bob)] = given.as_slice() else {
            panic!("{given:?}");
        };
        assert_eq!(
            (ada.as_str(), bob.as_str()),
            ("ada@example.org", "bob@example.org")
        );
        let subject = to_ada.rendered.subject.as_deref();
        assert_eq!(subject, Some("Waits for your decision: Trade fair"));
        assert!(
            to_ada.rendered.body.contains("Sam asks for 1,250.00 EUR"),
            "{to_ada:?}"
        );
        assert!(
            to_bob.rendered.body.contains("Sam beantragt 1.250,00 EUR"),
            "{to_bob:?}"
        );
        assert!(to_ada.traceparent.is_some());
        assert_eq!(
            desk.told().await,
            ["notification.sent", "notification.sent"]
        );
        assert_eq!(desk.status(to_ada.id).await, "sent: sent");
        assert_eq!(
            desk.turn(&dispatcher, now_us + 600 * SECOND_US).await,
            0,
            "once"
        );
    }
);

both_engines!(
    rolled_back_before_it_left_nobody_hears_of_it,
    |world| async move {
        let desk = Desk::open(&world).await;
        let cast = json!({
            "approverId": person(11), "vote": "approve", "comment": null, "opId": person(0),
            "hlc": "2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f60718",
        });
        let mut back = cast.clone();
        back["vote"] = json!(null);
        // In two deliveries: what is already in the table, and what is not, are both cancelled.
        let voted = [
            desk.level(events::APPROVAL_VOTED, 1, cast),
            desk.level(events::LEVEL_APPROVED, 1, json!({})),
            desk.opened(2),
        ];
        desk.take(&voted).await;
        let rolled_back = [
            desk.level(events::APPROVAL_ROLLED_BACK, 1, back),
            desk.level(events::LEVEL_REOPENED, 1, json!({})),
            desk.level(events::LEVEL_CLOSED, 2, json!({"reason": "basis_changed"})),
            desk.level(events::LEVEL_APPROVED, 1, json!({})),
            desk.level(events::LEVEL_REOPENED, 1, json!({})),
        ];
        desk.take(&rolled_back).await;
        desk.turn(&desk.dispatcher(), desk.now_us().await).await;
        assert_eq!(desk.email.count(), 0);
        assert_eq!(
            desk.rows().await,
            [
                "1 email level_approved cancelled/rolled_back",
                "21 email level_opened cancelled/basis_changed",
                "1 email level_approved cancelled/rolled_back",
            ]
        );
        assert_eq!(desk.told().await, ["notification.cancelled"; 3]);
    }
);

both_engines!(
    rolled_back_after_it_left_those_who_were_told_hear_of_it,
    |world| async move {
        let desk = Desk::open(&world).await;
        let dispatcher = desk.dispatcher();
        let now_us = desk.now_us().await;
        let approved = desk.level(events::LEVEL_APPROVED, 1, json!({}));
        desk.take(&[approved, desk.opened(2)]).await;
        desk.turn(&dispatcher, now_us + SECOND_US).await;
        let reopened = desk.level(events::LEVEL_REOPENED, 1, json!({}));
        let closed = desk.level(events::LEVEL_CLOSED, 2, json!({"reason": "basis_changed"}));
        desk.take(&[reopened, closed]).await;
        desk.turn(&dispatcher, now_us + 2 * SECOND_US).await;
        assert_eq!(
            desk.rows().await,
            [
                "1 email level_approved sent",
                "21 email level_opened sent",
                "1 email rolled_back sent",
                "21 email level_closed sent",
            ]
        );
    }
);

both_engines!(events_that_come_twice_are_told_once, |world| async move {
    let desk = Desk::open(&world).await;
    let opened = desk.opened(1);
    desk.take(&[opened.clone(), opened.clone()]).await;
    desk.take(&[opened]).await;
    assert_eq!(desk.rows().await.len(), 2);
});

both_engines!(what_a_message_needs_is_waited_for, |world| async move {
    let desk = Desk::open(&world).await;
    let mut opened = desk.opened(2);
    let text = opened
        .data
        .get()
        .replace(&person(21).to_string(), &person(31).to_string());
    opened.data = serde_json::from_str(&text).unwrap();
    desk.take(&[opened]).await;
    let dispatcher = desk.dispatcher();
    let now_us = desk.now_us().await + SECOND_US;
    assert_eq!(desk.turn(&dispatcher, now_us).await, 1);
    assert_eq!(
        desk.rows().await,
        ["31 email level_opened queued/recipient_unknown"]
    );
    desk.person_is(31, "Dan", json!({})).await;
    desk.turn(&dispatcher, now_us + 2 * SECOND_US).await;
    assert_eq!(desk.email.given.lock().unwrap()[0].1, "dan@example.org");
});

both_engines!(who_left_hears_nothing, |world| async move {
    let desk = Desk::open(&world).await;
    desk.take(&[desk.opened(2)]).await;
    desk.person_is(21, "Cid", json!({"active": false})).await;
    desk.turn(&desk.dispatcher(), desk.now_us().await).await;
    assert_eq!(desk.email.count(), 0);
    assert_eq!(
        desk.rows().await,
        ["21 email level_opened cancelled/recipient_left"]
    );
});

both_engines!(
    who_turns_out_to_be_there_hears_of_what_still_holds,
    |world| async move {
        let desk = Desk::open(&world).await;
        desk.person_is(21, "Cid", json!({"roles": ["sales"]})).await;
        desk.take(&[desk.opened(2)]).await;
        let dispatcher = desk.dispatcher();
        desk.turn(&dispatcher, desk.now_us().await).await;
        let cancelled = ["21 email level_opened cancelled/no_approver"];
        assert_eq!(desk.rows().await, cancelled);
        desk.person_is(21, "Cid", json!({"roles": ["sales"], "locale": "de"}))
            .await;
        assert_eq!(desk.rows().await, cancelled);
        // Told twice meanwhile: of the two the last is sent.
        desk.take(&[desk.opened(2)]).await;
        desk.turn(&dispatcher, desk.now_us().await).await;
        assert_eq!(desk.rows().await, [cancelled[0], cancelled[0]]);
        desk.person_is(21, "Cid", json!({"roles": ["approver"]}))
            .await;
        desk.turn(&dispatcher, desk.now_us().await).await;
        assert_eq!(desk.email.count(), 1);
        // What has left is not sent again.
        desk.person_is(21, "Cid", json!({"roles": ["approver"], "locale": "fr"}))
            .await;
        desk.turn(&dispatcher, desk.now_us().await).await;
        assert_eq!(desk.email.count(), 1);
    }
);

both_engines!(
    quiet_hours_hold_back_what_makes_a_sound,
    |world| async move {
        let desk = Desk::open(&world).await;
        let now_us = desk.now_us().await;
        // Quiet for the hour around now, and the minute that it is over, in UTC.
        let minute = |at_us: i64| {
            let of_day = at_us / (60 * SECOND_US) % 1_440;
            format!("{:02}:{:02}", of_day / 60, of_day % 60)
        };
        let until_us = (now_us / (60 * SECOND_US) + 30) * 60 * SECOND_US;
        desk.prefers(
            21,
            json!({
                "phone": "+4915112345678", "channels": {"waiting": ["sms", "email"]},
                "quietHours": {"from": minute(now_us - 60 * SECOND_US), "to": minute(until_us)},
            }),
        )
        .await;
        desk.take(&[desk.opened(2)]).await;
        let dispatcher = desk.dispatcher();
        desk.turn(&dispatcher, desk.now_us().await).await;
        assert_eq!((desk.email.count(), desk.sms.count()), (1, 0));
        desk.turn(&dispatcher, until_us - 1).await;
        assert_eq!(desk.sms.count(), 0);
        desk.turn(&dispatcher, until_us).await;
        assert_eq!(desk.sms.given.lock().unwrap()[0].1, "+4915112345678");
    }
);

both_engines!(
    without_settings_messages_are_logged_and_kept,
    |world| async move {
        let desk = Desk::open(&world).await;
        desk.prefers(
            21,
            json!({"phone": "+4915112345678", "channels": {"waiting": ["sms"]}}),
        )
        .await;
        desk.take(&[
            desk.opened(2),
            desk.level(events::LEVEL_APPROVED, 1, json!({})),
        ])
        .await;
        let dispatcher = desk.dispatcher_to(Channels::default());
        desk.turn(&dispatcher, desk.now_us().await).await;
        let logged = desk.service.logged(10).await.unwrap();
        let mut shown: Vec<_> = logged
            .iter()
            .map(|one| (one.channel, one.address.as_str()))
            .collect();
        shown.sort();
        assert_eq!(
            shown,
            [
                (Channel::Email, "sam@example.org"),
                (Channel::Sms, "+4915112345678")
            ]
        );
        assert_eq!(desk.rows().await.len(), 2);

        // More of them than are kept: the newest stay.
        assert_eq!(desk.service.trim(2).await.unwrap(), 0);
        world.clock.forward(std::time::Duration::from_secs(1));
        desk.asked().await;
        desk.turn(&dispatcher, desk.now_us().await).await;
        let newest = desk.service.logged(1).await.unwrap();
        assert_eq!(desk.service.trim(1).await.unwrap(), 2);
        let left = desk.service.logged(10).await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].id, newest[0].id);
        assert_eq!(OWNER, person(1));
    }
);
