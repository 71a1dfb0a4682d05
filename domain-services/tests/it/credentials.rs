//! How passwords are changed and taken away.

use crate::world::{World, admin, both_engines, new_user};
use domain_services::events::User;
use domain_services::identity::{Identity, Role};
use domain_services::user::{LoggedIn, NewUser, PasswordChange, TokenError, UserError};
use std::sync::Arc;
use uuid::Uuid;

const PASSWORD: &str = "long enough";
const NEXT: &str = "longer than before";

async fn login(world: &World, user: &User, password: &str) -> Result<LoggedIn, UserError> {
    world
        .users
        .login(&user.email, password.to_owned(), None, None)
        .await
}

fn bearer(world: &World, session: &LoggedIn) -> Result<Arc<Identity>, TokenError> {
    world.tokens.verify(&session.access_token)
}

async fn change(
    world: &World,
    session: &LoggedIn,
    current: &str,
    new: &str,
) -> Result<(), UserError> {
    let who = bearer(world, session).unwrap();
    let change = PasswordChange {
        current: current.to_owned(),
        new: new.to_owned(),
    };
    world.users.change_password(&*who, change).await
}

fn is_wrong<T>(outcome: &Result<T, UserError>) -> bool {
    matches!(outcome, Err(UserError::InvalidCredentials))
}

both_engines!(a_new_password_ends_all_other_sessions, |world| async move {
    let sam = world.person("sam", Role::Sales).await;
    let own = login(&world, &sam, PASSWORD).await.unwrap();
    let lost = login(&world, &sam, PASSWORD).await.unwrap();
    assert!(is_wrong(&change(&world, &own, "not this one", NEXT).await));
    assert!(
        bearer(&world, &lost).is_ok(),
        "a wrong password changes nothing"
    );
    match change(&world, &own, PASSWORD, "short").await {
        Err(UserError::Invalid(problems)) => assert_eq!(problems[0].pointer, "/new"),
        other => panic!("{other:?}"),
    }
    change(&world, &own, PASSWORD, NEXT).await.unwrap();
    assert_eq!(bearer(&world, &lost).unwrap_err(), TokenError::SessionEnded);
    let refreshed = world.users.refresh(&lost.refresh_token, None).await;
    assert!(matches!(refreshed, Err(UserError::SessionRevoked)));
    assert!(bearer(&world, &own).is_ok());
    assert!(world.users.refresh(&own.refresh_token, None).await.is_ok());
    assert!(is_wrong(&login(&world, &sam, PASSWORD).await));
    let next = login(&world, &sam, NEXT).await.unwrap();
    assert_eq!(next.user.version, 2, "other services hear of it");
});

both_engines!(
    a_session_that_ended_changes_no_password,
    |world| async move {
        let sam = world.person("sam", Role::Sales).await;
        let session = login(&world, &sam, PASSWORD).await.unwrap();
        let who = bearer(&world, &session).unwrap();
        world.users.logout(Some(&who), None, None).await.unwrap();
        // A node that has not heard of the end still takes the token.
        let steal = PasswordChange {
            current: PASSWORD.to_owned(),
            new: NEXT.to_owned(),
        };
        let refused = world.users.change_password(&*who, steal).await;
        assert!(matches!(refused, Err(UserError::SessionRevoked)));
        assert!(login(&world, &sam, PASSWORD).await.is_ok());
    }
);

both_engines!(a_one_time_token_leads_to_a_password, |world| async move {
    let new = NewUser {
        password: None,
        ..new_user("fay", Role::Sales)
    };
    let created = world.users.create(&admin(), new).await.unwrap();
    let (fay, token) = (created.user, created.one_time_token.unwrap());
    let session = login(&world, &fay, &token).await.unwrap();
    assert!(
        is_wrong(&login(&world, &fay, &token).await),
        "it is used up"
    );
    assert!(is_wrong(
        &change(&world, &session, "not the token", NEXT).await
    ));
    change(&world, &session, &token, NEXT).await.unwrap();
    assert!(login(&world, &fay, NEXT).await.is_ok());
    assert!(is_wrong(&login(&world, &fay, &token).await));
    assert!(is_wrong(&change(&world, &session, &token, PASSWORD).await));
});

both_engines!(a_reset_gives_a_token_in_place_of_the_password, |world| {
    async move {
        let sam = world.person("sam", Role::Sales).await;
        let session = login(&world, &sam, PASSWORD).await.unwrap();
        let first = world.users.reset_password(&admin(), sam.id).await.unwrap();
        let reset = world.users.reset_password(&admin(), sam.id).await.unwrap();
        assert_eq!(reset.user.version, 3);
        assert_eq!(
            bearer(&world, &session).unwrap_err(),
            TokenError::SessionEnded
        );
        let refreshed = world.users.refresh(&session.refresh_token, None).await;
        assert!(matches!(refreshed, Err(UserError::SessionRevoked)));
        assert!(is_wrong(&login(&world, &sam, PASSWORD).await));
        let replaced = first.one_time_token.unwrap();
        assert!(
            is_wrong(&login(&world, &sam, &replaced).await),
            "only the last one"
        );
        let token = reset.one_time_token.unwrap();
        assert!(login(&world, &sam, &token).await.is_ok());
        assert!(is_wrong(&login(&world, &sam, &token).await), "once");
        let nobody = world
            .users
            .reset_password(&admin(), Uuid::from_u128(9))
            .await;
        assert!(matches!(nobody, Err(UserError::NotFound)));
    }
});
