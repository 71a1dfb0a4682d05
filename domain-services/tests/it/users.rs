//! Accounts and departments.

use crate::world::{actor, admin, both_engines, new_user};
use domain_services::identity::{Role, Roles};
use domain_services::paging::PageQuery;
use domain_services::user::{NewDepartment, NewUser, UserError, UserFilter, role_filter};
use uuid::Uuid;

fn pointers(error: &UserError) -> Vec<&str> {
    match error {
        UserError::Invalid(problems) => problems.iter().map(|p| p.pointer.as_str()).collect(),
        _ => Vec::new(),
    }
}

both_engines!(only_an_admin_creates_and_lists, |world| async move {
    for role in [Role::Sales, Role::Approver, Role::Auditor, Role::Service] {
        let who = actor(role);
        let created = world.users.create(&who, new_user("a", role)).await;
        assert!(matches!(created, Err(UserError::Forbidden(_))));
        let listed = world
            .users
            .list(&who, UserFilter::default(), PageQuery::default())
            .await;
        assert!(matches!(listed, Err(UserError::Forbidden(_))));
        let department = NewDepartment {
            id: None,
            name: "Sales".to_owned(),
        };
        let created = world.users.create_department(&who, department).await;
        assert!(matches!(created, Err(UserError::Forbidden(_))));
    }
});

both_engines!(others_are_found_by_admins_alone, |world| async move {
    let sam = world.person("sam", Role::Sales).await;
    let mut sales = actor(Role::Sales);
    for id in [sam.id, Uuid::from_u128(99)] {
        let found = world.users.find(&sales, id).await;
        assert!(matches!(found, Err(UserError::Forbidden(_))));
    }
    sales.user_id = sam.id;
    assert_eq!(world.users.find(&sales, sam.id).await.unwrap(), sam);
    assert_eq!(world.users.find(&admin(), sam.id).await.unwrap(), sam);
    let nobody = world.users.find(&admin(), Uuid::from_u128(99)).await;
    assert!(matches!(nobody, Err(UserError::NotFound)));
});

both_engines!(an_address_belongs_to_one_account, |world| async move {
    let other = world.other_users().await;
    let again = NewUser {
        email: "SAM@Example.ORG".to_owned(),
        ..new_user("sam", Role::Sales)
    };
    let (who, new) = (admin(), new_user("sam", Role::Sales));
    let both = tokio::join!(
        world.users.create(&who, new),
        other.create(&who, again.clone())
    );
    let taken = [both.0.err(), both.1.err()];
    assert_eq!(taken.iter().filter(|error| error.is_none()).count(), 1);
    for error in taken.into_iter().flatten() {
        assert!(matches!(error, UserError::EmailTaken), "{error}");
    }
    let third = world.users.create(&admin(), again).await;
    assert!(matches!(third, Err(UserError::EmailTaken)));
});

both_engines!(the_same_creation_again_changes_nothing, |world| {
    async move {
        let new = NewUser {
            id: Some(Uuid::from_u128(7)),
            ..new_user("sam", Role::Sales)
        };
        let first = world.users.create(&admin(), new.clone()).await.unwrap();
        let again = world.users.create(&admin(), new.clone()).await.unwrap();
        assert!(first.created && !again.created);
        assert_eq!(first.user, again.user);
        let other = NewUser {
            name: "Samantha".to_owned(),
            ..new
        };
        let taken = world.users.create(&admin(), other).await;
        assert!(matches!(taken, Err(UserError::IdTaken)));
    }
});

both_engines!(what_is_wrong_is_named, |world| async move {
    let wrong = NewUser {
        roles: Roles::NONE,
        password: Some("short".to_owned()),
        ..new_user("sam", Role::Sales)
    };
    let error = world.users.create(&admin(), wrong).await.unwrap_err();
    assert_eq!(pointers(&error), ["/roles", "/password"]);
    let homeless = NewUser {
        department_id: Some(Uuid::from_u128(5)),
        ..new_user("sam", Role::Sales)
    };
    let error = world.users.create(&admin(), homeless).await.unwrap_err();
    assert_eq!(pointers(&error), ["/departmentId"]);
});

both_engines!(a_list_is_read_page_by_page_newest_first, |world| {
    async move {
        let mut sales = Vec::new();
        for n in 0..5 {
            sales.push(world.person(&format!("s{n}"), Role::Sales).await);
            world.person(&format!("a{n}"), Role::Approver).await;
        }
        sales.reverse();
        let filter = UserFilter {
            role: Some(Role::Sales),
            ..UserFilter::default()
        };
        let mut listed = Vec::new();
        let mut cursor = None;
        loop {
            let query = PageQuery::parse(Some(2), cursor.as_deref()).unwrap();
            let page = world
                .users
                .list(&admin(), filter.clone(), query)
                .await
                .unwrap();
            listed.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(listed, sales);
    }
});

both_engines!(a_filter_narrows_the_list, |world| async move {
    let department = NewDepartment {
        id: None,
        name: "Field".to_owned(),
    };
    let department = world
        .users
        .create_department(&admin(), department)
        .await
        .unwrap();
    let field = NewUser {
        department_id: Some(department.id),
        region: Some("EMEA".to_owned()),
        ..new_user("field", Role::Sales)
    };
    world.users.create(&admin(), field).await.unwrap();
    world.person("lena", Role::Approver).await;
    for (filter, names) in [
        (UserFilter::default(), vec!["lena", "field"]),
        (
            UserFilter {
                role: Some(role_filter("manager").unwrap()),
                ..UserFilter::default()
            },
            vec!["lena"],
        ),
        (
            UserFilter {
                department_id: Some(department.id),
                ..UserFilter::default()
            },
            vec!["field"],
        ),
        (
            UserFilter {
                region: Some("EMEA".to_owned()),
                ..UserFilter::default()
            },
            vec!["field"],
        ),
        (
            UserFilter {
                region: Some("emea".to_owned()),
                ..UserFilter::default()
            },
            vec![],
        ),
        (
            UserFilter {
                active: Some(false),
                ..UserFilter::default()
            },
            vec![],
        ),
    ] {
        let page = world
            .users
            .list(&admin(), filter.clone(), PageQuery::default())
            .await
            .unwrap();
        let listed: Vec<&str> = page.items.iter().map(|user| user.name.as_str()).collect();
        assert_eq!(listed, names, "{filter:?}");
    }
});

both_engines!(departments_have_a_version_as_a_list, |world| async move {
    let empty = world.users.departments_version().await.unwrap();
    let new = NewDepartment {
        id: Some(Uuid::from_u128(3)),
        name: "Field".to_owned(),
    };
    let first = world
        .users
        .create_department(&admin(), new.clone())
        .await
        .unwrap();
    let one = world.users.departments_version().await.unwrap();
    assert_ne!(empty.to_string(), one.to_string());
    let again = world
        .users
        .create_department(&admin(), new.clone())
        .await
        .unwrap();
    assert_eq!(first, again);
    let other = NewDepartment {
        name: "Inside".to_owned(),
        ..new
    };
    let taken = world.users.create_department(&admin(), other).await;
    assert!(matches!(taken, Err(UserError::IdTaken)));
    let page = world.users.departments(PageQuery::default()).await.unwrap();
    assert_eq!(page.items, [first]);
});

both_engines!(the_first_admin_is_made_once, |world| async move {
    let other = world.other_users().await;
    let both = tokio::join!(world.users.ensure_admin(None), other.ensure_admin(None));
    let made: Vec<_> = [both.0.unwrap(), both.1.unwrap()]
        .into_iter()
        .flatten()
        .collect();
    let [admin] = made.as_slice() else {
        panic!("made {} admins", made.len());
    };
    let password = admin.password.clone().unwrap();
    let logged_in = world
        .users
        .login(admin.email, password, None, None)
        .await
        .unwrap();
    assert!(logged_in.user.roles.has(Role::Admin));
    assert!(world.users.ensure_admin(None).await.unwrap().is_none());
});

both_engines!(the_first_admin_takes_a_given_password, |world| {
    async move {
        let short = world.users.ensure_admin(Some("short".to_owned())).await;
        assert_eq!(pointers(&short.unwrap_err()), ["/password"]);
        let given = "given by the operator".to_owned();
        let admin = world.users.ensure_admin(Some(given.clone())).await;
        let admin = admin.unwrap().unwrap();
        assert!(admin.password.is_none());
        assert!(
            world
                .users
                .login(admin.email, given, None, None)
                .await
                .is_ok()
        );
    }
});
