//! Logging in, staying logged in, logging out.

use crate::world::{World, admin, both_engines, new_user};
use domain_services::db::sql;
use domain_services::identity::Role;
use domain_services::user::{LoggedIn, NewUser, UserError};
use std::time::Duration;

const PASSWORD: &str = "long enough";

async fn login(world: &World, email: &str, password: &str) -> Result<LoggedIn, UserError> {
    world
        .users
        .login(email, password.to_owned(), Some("phone-1".to_owned()), None)
        .await
}

async fn refresh(world: &World, token: &str) -> Result<String, UserError> {
    Ok(world.users.refresh(token, None).await?.refresh_token)
}

fn is_revoked<T>(outcome: &Result<T, UserError>) -> bool {
    matches!(outcome, Err(UserError::SessionRevoked))
}

both_engines!(a_login_gives_a_token_that_names_its_bearer, |world| {
    async move {
        let sam = world.person("sam", Role::Sales).await;
        let logged_in = login(&world, "SAM@example.org", PASSWORD).await.unwrap();
        assert_eq!(logged_in.user, sam);
        let identity = world.tokens.verify(&logged_in.access_token).unwrap();
        assert_eq!(identity.user_id, sam.id);
        assert!(identity.has(Role::Sales));
        assert_eq!(world.users.me(&identity).await.unwrap(), sam);
    }
});

both_engines!(a_refused_login_does_not_say_why, |world| async move {
    world.person("sam", Role::Sales).await;
    world.person("left", Role::Sales).await;
    deactivate(&world, "left@example.org").await;
    for (email, password) in [
        ("nobody@example.org", PASSWORD),
        ("sam@example.org", "wrong password"),
        ("sam@example.org", ""),
        ("left@example.org", PASSWORD),
        ("sam@example.org\0", PASSWORD),
    ] {
        let refused = login(&world, email, password).await;
        assert!(
            matches!(refused, Err(UserError::InvalidCredentials)),
            "{email:?}"
        );
    }
});

both_engines!(a_refused_login_takes_as_long_for_nobody, |world| {
    async move {
        world.person("sam", Role::Sales).await;
        // A busy machine makes a login longer, never shorter: the shortest of each must meet.
        let mut shortest = [Duration::MAX; 2];
        for _ in 0..50 {
            for (shortest, email) in shortest
                .iter_mut()
                .zip(["sam@example.org", "nobody@example.org"])
            {
                let begin = tokio::time::Instant::now();
                assert!(login(&world, email, "wrong password").await.is_err());
                *shortest = begin.elapsed().min(*shortest);
            }
            let [somebody, nobody] = shortest;
            if nobody * 3 > somebody * 2 && somebody * 3 > nobody * 2 {
                return;
            }
        }
        panic!("somebody and nobody take {shortest:?}");
    }
});

both_engines!(a_lost_answer_to_a_refresh_logs_nobody_out, |world| {
    async move {
        world.person("sam", Role::Sales).await;
        let first = login(&world, "sam@example.org", PASSWORD).await.unwrap();
        let lost = refresh(&world, &first.refresh_token).await.unwrap();
        let again = refresh(&world, &first.refresh_token).await.unwrap();
        assert_eq!(lost, again);
        assert_ne!(lost, first.refresh_token);
        let next = refresh(&world, &again).await.unwrap();
        assert_ne!(next, again);
    }
});

both_engines!(a_token_used_after_its_successor_ends_the_session, |world| {
    async move {
        world.person("sam", Role::Sales).await;
        let first = login(&world, "sam@example.org", PASSWORD).await.unwrap();
        let other = login(&world, "sam@example.org", PASSWORD).await.unwrap();
        let second = refresh(&world, &first.refresh_token).await.unwrap();
        let third = refresh(&world, &second).await.unwrap();
        assert!(is_revoked(&refresh(&world, &first.refresh_token).await));
        assert!(is_revoked(&refresh(&world, &third).await), "the family");
        assert!(
            refresh(&world, &other.refresh_token).await.is_ok(),
            "another session of the same person goes on"
        );
    }
});

both_engines!(refreshes_at_the_same_time_get_one_successor, |world| {
    async move {
        world.person("sam", Role::Sales).await;
        let first = login(&world, "sam@example.org", PASSWORD).await.unwrap();
        let refreshes = (0..8).map(|_| refresh(&world, &first.refresh_token));
        let successors = futures_util::future::join_all(refreshes).await;
        let successors: std::collections::HashSet<String> =
            successors.into_iter().map(Result::unwrap).collect();
        assert_eq!(successors.len(), 1);
    }
});

both_engines!(who_knows_a_sessions_id_cannot_end_it, |world| async move {
    world.person("sam", Role::Sales).await;
    let first = login(&world, "sam@example.org", PASSWORD).await.unwrap();
    let forged = format!("{}{}", &first.refresh_token[..32], "0".repeat(96));
    assert!(is_revoked(&refresh(&world, &forged).await));
    world.users.logout(None, Some(&forged), None).await.unwrap();
    assert!(refresh(&world, &first.refresh_token).await.is_ok());
});

both_engines!(after_logout_there_is_no_refresh, |world| async move {
    world.person("sam", Role::Sales).await;
    let by_token = login(&world, "sam@example.org", PASSWORD).await.unwrap();
    let by_actor = login(&world, "sam@example.org", PASSWORD).await.unwrap();
    let token = Some(by_token.refresh_token.as_str());
    world.users.logout(None, token, None).await.unwrap();
    let identity = world.tokens.verify(&by_actor.access_token).unwrap();
    world
        .users
        .logout(Some(&identity), None, None)
        .await
        .unwrap();
    world
        .users
        .logout(Some(&identity), token, None)
        .await
        .unwrap();
    world
        .users
        .logout(None, Some("no token"), None)
        .await
        .unwrap();
    for session in [by_token, by_actor] {
        assert!(is_revoked(&refresh(&world, &session.refresh_token).await));
    }
});

both_engines!(who_has_left_is_out_at_the_next_refresh, |world| {
    async move {
        world.person("sam", Role::Sales).await;
        let session = login(&world, "sam@example.org", PASSWORD).await.unwrap();
        deactivate(&world, "sam@example.org").await;
        let identity = world.tokens.verify(&session.access_token).unwrap();
        assert!(is_revoked(&world.users.me(&identity).await));
        assert!(is_revoked(&refresh(&world, &session.refresh_token).await));
    }
});

both_engines!(a_session_not_used_for_very_long_has_ended, |world| {
    async move {
        world.person("sam", Role::Sales).await;
        let session = login(&world, "sam@example.org", PASSWORD).await.unwrap();
        for (days, over) in [(399, false), (402, true)] {
            let days_us = days * 24 * 60 * 60 * 1_000_000_i64;
            world
                .user_db
                .write(move |tx| {
                    Box::pin(async move {
                        sql("update session set used_us = $1 - $2, previous_hash = null")
                            .bind(tx.now_us().await?)
                            .bind(days_us)
                            .execute(tx)
                            .await
                    })
                })
                .await
                .unwrap();
            let token = if over {
                refresh(&world, &session.refresh_token).await
            } else {
                Ok(session.refresh_token.clone())
            };
            assert_eq!(is_revoked(&token), over, "{days} days");
        }
    }
});

both_engines!(a_one_time_token_logs_in_once_and_in_time, |world| {
    async move {
        for name in ["fay", "late"] {
            let new = NewUser {
                password: None,
                ..new_user(name, Role::Sales)
            };
            let created = world.users.create(&admin(), new).await.unwrap();
            let token = created.one_time_token.unwrap();
            let email = created.user.email;
            if name == "late" {
                world.clock.forward(Duration::from_hours(8 * 24));
            } else {
                assert!(login(&world, &email, &token).await.is_ok());
            }
            assert!(matches!(
                login(&world, &email, &token).await,
                Err(UserError::InvalidCredentials)
            ));
        }
    }
});

async fn deactivate(world: &World, email: &'static str) {
    world
        .user_db
        .write(move |tx| {
            Box::pin(async move {
                sql("update account set active = $2 where email = $1")
                    .bind(email.to_owned())
                    .bind(false)
                    .execute(tx)
                    .await
            })
        })
        .await
        .unwrap();
}
