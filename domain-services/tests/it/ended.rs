//! Sessions that have ended: every node refuses their tokens.

use crate::changes::{bearer, leave, sign_in};
use crate::world::{World, both_engines};
use domain_services::db::sql;
use domain_services::identity::Role;
use domain_services::user::{TokenError, UserError};
use std::sync::Arc;

both_engines!(other_nodes_hear_who_has_left, |world| async move {
    let sam = world.person("sam", Role::Sales).await;
    let mira = world.person("mira", Role::Approver).await;
    let (other_users, other_tokens) = world.other_node().await;
    let session = sign_in(&world, &sam).await;
    let stays = sign_in(&world, &mira).await;
    leave(&world, sam.id).await.unwrap();
    assert!(
        other_tokens.verify(&session.access_token).is_ok(),
        "not heard yet"
    );
    for _ in 0..2 {
        other_users.hear_of_ended_sessions().await.unwrap();
        assert_eq!(
            other_tokens.verify(&session.access_token).unwrap_err(),
            TokenError::SessionEnded
        );
        assert!(other_tokens.verify(&stays.access_token).is_ok());
    }
    // What ends later has a later number.
    other_users
        .logout(Some(&bearer(&world, &stays).unwrap()), None, None)
        .await
        .unwrap();
    assert!(bearer(&world, &stays).is_ok(), "not heard yet");
    world.users.hear_of_ended_sessions().await.unwrap();
    assert_eq!(
        bearer(&world, &stays).unwrap_err(),
        TokenError::SessionEnded
    );
});

both_engines!(what_nobody_can_show_any_more_is_forgotten, |world| {
    async move {
        let sam = world.person("sam", Role::Sales).await;
        let first = sign_in(&world, &sam).await;
        world
            .users
            .logout(None, Some(&first.refresh_token), None)
            .await
            .unwrap();
        age_ended_sessions(&world).await;
        let second = sign_in(&world, &sam).await;
        world
            .users
            .logout(None, Some(&second.refresh_token), None)
            .await
            .unwrap();
        let kept: Vec<(i64,)> = sql("select number from ended_session")
            .fetch_all(&world.user_db)
            .await
            .unwrap();
        assert_eq!(kept, [(2,)]);
    }
});

async fn age_ended_sessions(world: &World) {
    world
        .user_db
        .write(|tx| {
            Box::pin(async move {
                sql("update ended_session set ended_us = ended_us - $1")
                    .bind(3_600_000_000_i64)
                    .execute(tx)
                    .await
            })
        })
        .await
        .unwrap();
}

both_engines!(a_login_that_meets_a_leaving_begins_nothing, |world| {
    async move {
        let other = Arc::new(world.other_users().await);
        for n in 0..6 {
            let sam = world.person(&format!("sam{n}"), Role::Sales).await;
            let email = sam.email.clone();
            let node = Arc::clone(&other);
            let login = tokio::spawn(async move {
                node.login(&email, "long enough".to_owned(), None, None)
                    .await
            });
            // Around the time that the password takes to verify.
            tokio::time::sleep(std::time::Duration::from_millis(n * 15)).await;
            leave(&world, sam.id).await.unwrap();
            if let Ok(session) = login.await.unwrap() {
                let ended = bearer(&world, &session);
                assert!(ended.is_err(), "the leaving ended it, or it never began");
                let refreshed = other.refresh(&session.refresh_token, None).await;
                assert!(matches!(refreshed, Err(UserError::SessionRevoked)));
            }
        }
    }
});
