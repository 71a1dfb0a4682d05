//! How accounts change, and how people leave and come back.

use crate::world::{World, actor, admin, both_engines, new_user};
use domain_services::db::sql;
use domain_services::events::User;
use domain_services::identity::{Identity, Role};
use domain_services::user::{LoggedIn, NewDepartment, TokenError, UserError, UserUpdate};
use std::sync::Arc;
use uuid::Uuid;

/// What there is, to be sent back changed.
pub(crate) fn as_is(user: &User) -> UserUpdate {
    UserUpdate {
        email: user.email.clone(),
        name: user.name.clone(),
        roles: user.roles,
        department_id: user.department_id,
        region: user.region.clone(),
        locale: user.locale.clone(),
        active: None,
    }
}

async fn update(world: &World, id: Uuid, to: UserUpdate) -> Result<User, UserError> {
    world.users.update(&admin(), id, to, None).await
}

pub(crate) async fn leave(world: &World, id: Uuid) -> Result<User, UserError> {
    world.users.deactivate(&admin(), id, None).await
}

pub(crate) async fn sign_in(world: &World, user: &User) -> LoggedIn {
    let password = "long enough".to_owned();
    world
        .users
        .login(&user.email, password, None, None)
        .await
        .unwrap()
}

pub(crate) fn bearer(world: &World, session: &LoggedIn) -> Result<Arc<Identity>, TokenError> {
    world.tokens.verify(&session.access_token)
}

/// The kinds and versions of a person's events, in order.
async fn told(world: &World, id: Uuid) -> Vec<(String, i64)> {
    sql("select type, version from outbox where key = $1 order by seq")
        .bind(id)
        .fetch_all(&world.user_db)
        .await
        .unwrap()
}

both_engines!(a_change_is_told_once_and_no_change_is_not, |world| {
    async move {
        let sam = world.person("sam", Role::Sales).await;
        let moved = UserUpdate {
            email: "SAM@Example.net".to_owned(),
            name: "Samantha".to_owned(),
            roles: [Role::Sales, Role::Approver].into_iter().collect(),
            region: Some("EMEA".to_owned()),
            ..as_is(&sam)
        };
        let changed = update(&world, sam.id, moved.clone()).await.unwrap();
        assert_eq!((changed.version, &*changed.email), (2, "sam@example.net"));
        assert_eq!(
            (&*changed.name, changed.region.as_deref()),
            ("Samantha", Some("EMEA"))
        );
        assert!(changed.roles.has(Role::Approver) && changed.active);
        let again = update(&world, sam.id, moved).await.unwrap();
        assert_eq!(again, changed);
        let found = world.users.find(&admin(), sam.id).await.unwrap();
        assert_eq!(found, changed);
        let events = told(&world, sam.id).await;
        let changed = "user.changed".to_owned();
        assert_eq!(events, [(changed.clone(), 1), (changed, 2)]);
    }
});

both_engines!(a_change_names_what_is_wrong_with_it, |world| async move {
    let sam = world.person("sam", Role::Sales).await;
    let mira = world.person("mira", Role::Approver).await;
    let taken = UserUpdate {
        email: mira.email.to_uppercase(),
        ..as_is(&sam)
    };
    let refused = update(&world, sam.id, taken).await;
    assert!(matches!(refused, Err(UserError::EmailTaken)));
    for (wrong, pointer) in [
        (
            UserUpdate {
                name: String::new(),
                ..as_is(&sam)
            },
            "/name",
        ),
        (
            UserUpdate {
                roles: [].into_iter().collect(),
                ..as_is(&sam)
            },
            "/roles",
        ),
        (
            UserUpdate {
                department_id: Some(Uuid::from_u128(9)),
                ..as_is(&sam)
            },
            "/departmentId",
        ),
    ] {
        match update(&world, sam.id, wrong).await {
            Err(UserError::Invalid(problems)) => assert_eq!(problems[0].pointer, pointer),
            other => panic!("{other:?}"),
        }
    }
    let nobody = update(&world, Uuid::from_u128(9), as_is(&sam)).await;
    assert!(matches!(nobody, Err(UserError::NotFound)));
    assert_eq!(told(&world, sam.id).await.len(), 1);
});

both_engines!(a_stale_version_changes_nothing, |world| async move {
    let sam = world.person("sam", Role::Sales).await;
    let named = |name: &str| UserUpdate {
        name: name.to_owned(),
        ..as_is(&sam)
    };
    let users = &world.users;
    let second = users.update(&admin(), sam.id, named("Sam"), Some(1)).await;
    assert_eq!(second.unwrap().version, 2);
    for stale in [
        users
            .update(&admin(), sam.id, named("Sammy"), Some(1))
            .await,
        users.deactivate(&admin(), sam.id, Some(1)).await,
    ] {
        let stale = stale.unwrap_err();
        assert!(matches!(
            stale,
            UserError::PreconditionFailed { version: 2 }
        ));
    }
    assert_eq!(users.find(&admin(), sam.id).await.unwrap().name, "Sam");
});

both_engines!(only_an_admin_changes_people, |world| async move {
    let sam = world.person("sam", Role::Sales).await;
    for role in [Role::Sales, Role::Approver, Role::Auditor, Role::Service] {
        let mut who = actor(role);
        who.user_id = sam.id;
        for id in [sam.id, Uuid::from_u128(9)] {
            for refused in [
                world.users.update(&who, id, as_is(&sam), None).await.err(),
                world.users.deactivate(&who, id, None).await.err(),
                world.users.reset_password(&who, id).await.err(),
            ] {
                assert!(matches!(refused, Some(UserError::Forbidden(_))), "{role}");
            }
        }
    }
});

both_engines!(who_leaves_is_out_at_once_and_may_come_back, |world| {
    async move {
        let sam = world.person("sam", Role::Sales).await;
        let phones = [sign_in(&world, &sam).await, sign_in(&world, &sam).await];
        for _ in 0..2 {
            let left = leave(&world, sam.id).await.unwrap();
            assert_eq!((left.active, left.version), (false, 2));
        }
        for phone in &phones {
            assert_eq!(bearer(&world, phone).unwrap_err(), TokenError::SessionEnded);
            let refreshed = world.users.refresh(&phone.refresh_token, None).await;
            assert!(matches!(refreshed, Err(UserError::SessionRevoked)));
        }
        let edited = UserUpdate {
            name: "Sam the former".to_owned(),
            ..as_is(&sam)
        };
        let edited = update(&world, sam.id, edited).await.unwrap();
        assert!(!edited.active, "a correction brings nobody back");
        let back = UserUpdate {
            active: Some(true),
            ..as_is(&edited)
        };
        let back = update(&world, sam.id, back).await.unwrap();
        assert_eq!((back.active, back.version), (true, 4));
        let session = sign_in(&world, &back).await;
        assert!(bearer(&world, &session).is_ok());
        assert!(
            bearer(&world, &phones[0]).is_err(),
            "the old session stays ended"
        );
        let kinds: Vec<_> = told(&world, sam.id)
            .await
            .into_iter()
            .map(|(kind, _)| kind)
            .collect();
        let (changed, deactivated) = ("user.changed", "user.deactivated");
        assert_eq!(kinds, [changed, deactivated, changed, changed]);
    }
});

both_engines!(the_last_admin_stays, |world| async move {
    let ada = world.person("ada", Role::Admin).await;
    let demoted = |user: &User| UserUpdate {
        roles: Role::Sales.into(),
        ..as_is(user)
    };
    let sent_off = |user: &User| UserUpdate {
        active: Some(false),
        ..as_is(user)
    };
    for refused in [
        leave(&world, ada.id).await,
        update(&world, ada.id, demoted(&ada)).await,
        update(&world, ada.id, sent_off(&ada)).await,
    ] {
        assert!(matches!(refused, Err(UserError::LastAdmin)));
    }
    // Who has left is no admin, whatever the roles say.
    let bob = world.person("bob", Role::Admin).await;
    leave(&world, bob.id).await.unwrap();
    let refused = leave(&world, ada.id).await;
    assert!(matches!(refused, Err(UserError::LastAdmin)));
    let back = UserUpdate {
        active: Some(true),
        ..as_is(&bob)
    };
    update(&world, bob.id, back).await.unwrap();
    let ada = update(&world, ada.id, demoted(&ada)).await.unwrap();
    assert!(!ada.roles.has(Role::Admin));
});

both_engines!(two_admins_cannot_remove_each_other, |world| async move {
    let other = world.other_users().await;
    for round in 0..8 {
        let ada = world.person(&format!("ada{round}"), Role::Admin).await;
        let bob = world.person(&format!("bob{round}"), Role::Admin).await;
        let who = admin();
        let no_admin = UserUpdate {
            roles: Role::Sales.into(),
            ..as_is(&bob)
        };
        let both = tokio::join!(
            world.users.deactivate(&who, ada.id, None),
            other.update(&who, bob.id, no_admin, None),
        );
        match both {
            (Ok(_), Err(UserError::LastAdmin)) | (Err(UserError::LastAdmin), Ok(_)) => {}
            other => panic!("{other:?}"),
        }
        retire_all_admins(&world).await;
    }
});

/// Past every rule, as a test may.
async fn retire_all_admins(world: &World) {
    world
        .user_db
        .write(|tx| {
            Box::pin(async move {
                sql("update account set active = $1")
                    .bind(false)
                    .execute(tx)
                    .await
            })
        })
        .await
        .unwrap();
}

both_engines!(other_roles_come_with_the_next_refresh, |world| async move {
    let sam = world.person("sam", Role::Sales).await;
    let session = sign_in(&world, &sam).await;
    let promoted = UserUpdate {
        roles: Role::Approver.into(),
        ..as_is(&sam)
    };
    update(&world, sam.id, promoted).await.unwrap();
    assert!(
        bearer(&world, &session).unwrap().has(Role::Sales),
        "until it expires"
    );
    let next = world
        .users
        .refresh(&session.refresh_token, None)
        .await
        .unwrap();
    let roles = bearer(&world, &next).unwrap().roles;
    assert!(roles.has(Role::Approver) && !roles.has(Role::Sales));
    assert!(next.user.roles.has(Role::Approver));
});

both_engines!(
    a_department_is_looked_up_when_it_changes,
    |world| async move {
        let field = NewDepartment {
            id: None,
            name: "Field".to_owned(),
        };
        let field = world
            .users
            .create_department(&admin(), field)
            .await
            .unwrap();
        let sam = world
            .users
            .create(&admin(), new_user("sam", Role::Sales))
            .await
            .unwrap()
            .user;
        let moved = UserUpdate {
            department_id: Some(field.id),
            ..as_is(&sam)
        };
        let moved = update(&world, sam.id, moved).await.unwrap();
        assert_eq!(moved.department_id, Some(field.id));
        let nowhere = UserUpdate {
            department_id: None,
            ..as_is(&moved)
        };
        assert_eq!(
            update(&world, sam.id, nowhere).await.unwrap().department_id,
            None
        );
    }
);
