//! The queue: leases, back-off, the breaker, several nodes.

use super::desk::{Desk, SECOND_US, down};
use crate::world::both_engines;
use async_trait::async_trait;
use domain_services::events;
use domain_services::notification::channel::{Outgoing, Receipt, Refusal, Target};
use domain_services::notification::{Channel, Channels, Deliver};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// A channel that takes a message and never comes back.
#[derive(Default)]
struct Silent(Arc<Notify>);

#[async_trait]
impl Deliver for Silent {
    async fn deliver(&self, _: &Outgoing, _: &Target) -> Result<Receipt, Refusal> {
        self.0.notify_one();
        std::future::pending().await
    }
}

/// A node takes what is due and dies while it sends it.
async fn die_while_sending(desk: &Desk, now_us: i64) {
    let entered = Arc::new(Notify::new());
    let channels = Channels {
        email: Arc::new(Silent(Arc::clone(&entered))),
        ..desk.doubles()
    };
    let dispatcher = desk.dispatcher_to(channels);
    let node = tokio::spawn(async move { dispatcher.turn(Channel::Email, Some(now_us)).await });
    entered.notified().await;
    node.abort();
    assert!(node.await.unwrap_err().is_cancelled());
}

both_engines!(a_node_that_dies_gives_its_rows_back, |world| async move {
    let desk = Desk::open(&world).await;
    desk.take(&[desk.opened(2)]).await;
    let now_us = desk.now_us().await;
    die_while_sending(&desk, now_us).await;
    let other = desk.dispatcher();
    assert_eq!(
        desk.turn(&other, now_us + 59 * SECOND_US).await,
        0,
        "the lease holds"
    );
    assert_eq!(desk.turn(&other, now_us + 61 * SECOND_US).await, 1);
    assert_eq!(desk.rows().await, ["21 email level_opened sent"]);
});

both_engines!(what_may_have_left_is_taken_back, |world| async move {
    let desk = Desk::open(&world).await;
    desk.take(&[desk.opened(2)]).await;
    let now_us = desk.now_us().await;
    die_while_sending(&desk, now_us).await;
    desk.take(&[desk.level(events::LEVEL_CLOSED, 2, json!({"reason": "basis_changed"}))])
        .await;
    let other = desk.dispatcher();
    // Not before it is certain that the first is not on its way any more.
    desk.turn(&other, now_us + 30 * SECOND_US).await;
    assert_eq!(desk.email.count(), 0);
    for seconds in [61, 63] {
        desk.turn(&other, now_us + seconds * SECOND_US).await;
    }
    assert_eq!(
        desk.rows().await,
        [
            "21 email level_opened cancelled/basis_changed",
            "21 email level_closed sent",
        ]
    );
    assert_eq!(desk.email.count(), 1);
});

both_engines!(
    a_message_is_tried_again_later_and_later,
    |world| async move {
        let desk = Desk::open(&world).await;
        let id = desk.asked().await;
        let dispatcher = desk.dispatcher();
        let mut now_us = desk.now_us().await;
        for seconds in [2, 4, 8] {
            desk.email.will(Refusal::Later {
                detail: "450: busy".to_owned(),
                after: None,
                provider_is_down: false,
                may_have_arrived: false,
            });
            let before = desk.email.count();
            desk.turn(&dispatcher, now_us).await;
            assert_eq!(desk.email.count(), before + 1);
            // Within the ceiling of this try.
            now_us += seconds * SECOND_US;
        }
        desk.turn(&dispatcher, now_us).await;
        assert_eq!(desk.status(id).await, "sent: retry retry retry sent");
    }
);

both_engines!(a_provider_that_asks_for_time_gets_it, |world| async move {
    let desk = Desk::open(&world).await;
    let id = desk.asked().await;
    desk.email.will(Refusal::Later {
        detail: "429".to_owned(),
        after: Some(Duration::from_secs(100)),
        provider_is_down: false,
        may_have_arrived: false,
    });
    let (dispatcher, now_us) = (desk.dispatcher(), desk.now_us().await);
    desk.turn(&dispatcher, now_us).await;
    assert_eq!(desk.turn(&dispatcher, now_us + 99 * SECOND_US).await, 0);
    assert_eq!(desk.turn(&dispatcher, now_us + 126 * SECOND_US).await, 1);
    assert_eq!(desk.status(id).await, "sent: retry sent");
});

both_engines!(while_a_provider_is_away_messages_wait, |world| async move {
    let desk = Desk::open(&world).await;
    for _ in 0..8 {
        desk.asked().await;
        desk.email.will(down());
    }
    let dispatcher = desk.dispatcher();
    let now_us = desk.now_us().await;
    dispatcher.turn(Channel::Email, Some(now_us)).await.unwrap();
    assert_eq!(desk.email.count(), 8);
    // All are due again, and none is tried.
    for seconds in [3, 6, 9] {
        let taken = dispatcher
            .turn(Channel::Email, Some(now_us + seconds * SECOND_US))
            .await;
        assert_eq!(taken.unwrap(), 0);
    }
    // Another channel goes on.
    desk.prefers(
        21,
        json!({"phone": "+4915112345678", "channels": {"waiting": ["sms"]}}),
    )
    .await;
    desk.take(&[desk.opened(2)]).await;
    let later_us = desk.now_us().await.max(now_us + 9 * SECOND_US);
    dispatcher.turn(Channel::Sms, Some(later_us)).await.unwrap();
    assert_eq!(desk.sms.count(), 1);
    // One tries; then all.
    let back_us = now_us + 10 * SECOND_US;
    assert_eq!(
        dispatcher
            .turn(Channel::Email, Some(back_us))
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        dispatcher
            .turn(Channel::Email, Some(back_us))
            .await
            .unwrap(),
        7
    );
    let sent = |row: &String| row.ends_with(" sent");
    assert!(
        desk.rows().await.iter().all(sent),
        "{:?}",
        desk.rows().await
    );
});

both_engines!(several_nodes_send_each_message_once, |world| async move {
    let desk = Desk::open(&world).await;
    for _ in 0..100 {
        desk.asked().await;
    }
    let now_us = desk.now_us().await;
    let nodes: Vec<_> = (0..4)
        .map(|_| {
            let dispatcher = desk.dispatcher();
            tokio::spawn(async move {
                while dispatcher.turn(Channel::Email, Some(now_us)).await.unwrap() > 0 {}
            })
        })
        .collect();
    for node in nodes {
        node.await.unwrap();
    }
    // What one node skipped because another held it may be left over.
    let last = desk.dispatcher();
    while last.turn(Channel::Email, Some(now_us)).await.unwrap() > 0 {}
    let given: Vec<_> = desk
        .email
        .given
        .lock()
        .unwrap()
        .iter()
        .map(|(one, _)| one.id)
        .collect();
    let distinct: BTreeSet<_> = given.iter().collect();
    assert_eq!((given.len(), distinct.len()), (100, 100));
});
