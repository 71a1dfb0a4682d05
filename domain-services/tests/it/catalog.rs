//! Categories, reasons and assignments.

use crate::world::{World, actor, admin, both_engines, eventually};
use domain_services::catalog::{
    CatalogError, CategoryUpdate, NewAssignment, NewCategory, NewReason, ReasonUpdate,
};
use domain_services::db::sql;
use domain_services::events::Category;
use domain_services::identity::Role;
use domain_services::paging::PageQuery;
use domain_services::user::UserUpdate;
use uuid::Uuid;

fn travel() -> NewCategory {
    NewCategory {
        id: None,
        name: "Travel".to_owned(),
        levels: 2,
        active: true,
    }
}

async fn category(world: &World) -> Category {
    let created = world.catalog.create_category(&admin(), travel()).await;
    created.unwrap()
}

fn pointers(error: &CatalogError) -> Vec<&str> {
    match error {
        CatalogError::Invalid(problems) => problems.iter().map(|p| p.pointer.as_str()).collect(),
        _ => Vec::new(),
    }
}

fn to(name: &str, levels: i32) -> CategoryUpdate {
    CategoryUpdate {
        name: name.to_owned(),
        levels,
        active: true,
    }
}

both_engines!(a_category_changes_by_version, |world| async move {
    let made = category(&world).await;
    assert_eq!(made.version, 1);
    let catalog = &world.catalog;
    let who = admin();
    let wider = catalog
        .update_category(&who, made.id, to("Travel", 3), Some(1))
        .await
        .unwrap();
    assert_eq!((wider.version, wider.levels), (2, 3));
    let stale = catalog
        .update_category(&who, made.id, to("Trips", 3), Some(1))
        .await;
    assert!(matches!(
        stale,
        Err(CatalogError::PreconditionFailed { version: 2 })
    ));
    let same = catalog
        .update_category(&who, made.id, to("Travel", 3), None)
        .await
        .unwrap();
    assert_eq!(same.version, 2, "nothing changed");
    let wrong = catalog
        .update_category(&who, made.id, to("", 4), None)
        .await
        .unwrap_err();
    assert_eq!(pointers(&wrong), ["/name", "/levels"]);
    let nobodys = catalog
        .update_category(&who, Uuid::from_u128(9), to("Trips", 1), None)
        .await;
    assert!(matches!(nobodys, Err(CatalogError::NotFound)));
});

both_engines!(what_is_retired_stays_listed, |world| async move {
    let made = category(&world).await;
    let catalog = &world.catalog;
    for _ in 0..2 {
        let retired = catalog
            .retire_category(&admin(), made.id, None)
            .await
            .unwrap();
        assert_eq!((retired.active, retired.version), (false, 2));
    }
    let listed = catalog.categories(PageQuery::default()).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    assert!(!listed.items[0].active);
});

both_engines!(only_an_admin_writes, |world| async move {
    let made = category(&world).await;
    let catalog = &world.catalog;
    for role in [Role::Sales, Role::Approver, Role::Auditor, Role::Service] {
        let who = actor(role);
        let forbidden = [
            catalog.create_category(&who, travel()).await.err(),
            catalog
                .update_category(&who, made.id, to("x", 1), None)
                .await
                .err(),
            catalog.retire_category(&who, made.id, None).await.err(),
            catalog.create_reason(&who, reason(None)).await.err(),
            catalog
                .replace_assignment(&who, level(&made, &[], 1), None)
                .await
                .err(),
        ];
        for error in forbidden {
            assert!(matches!(error, Some(CatalogError::Forbidden(_))), "{role}");
        }
    }
});

fn reason(category_id: Option<Uuid>) -> NewReason {
    NewReason {
        id: None,
        text: "Customer visit".to_owned(),
        category_id,
        active: true,
    }
}

both_engines!(a_reason_may_belong_to_a_category, |world| async move {
    let made = category(&world).await;
    let catalog = &world.catalog;
    let lost = reason(Some(Uuid::from_u128(9)));
    let error = catalog.create_reason(&admin(), lost).await.unwrap_err();
    assert_eq!(pointers(&error), ["/categoryId"]);
    let fitting = catalog
        .create_reason(&admin(), reason(Some(made.id)))
        .await
        .unwrap();
    let update = ReasonUpdate {
        text: "Visit".to_owned(),
        category_id: None,
        active: false,
    };
    let updated = catalog
        .update_reason(&admin(), fitting.id, update.clone(), Some(1))
        .await
        .unwrap();
    assert_eq!(updated.version, 2);
    assert_eq!(updated.category_id, None);
    let stale = catalog
        .update_reason(&admin(), fitting.id, update, Some(1))
        .await;
    assert!(matches!(
        stale,
        Err(CatalogError::PreconditionFailed { version: 2 })
    ));
    let listed = catalog.reasons(PageQuery::default()).await.unwrap();
    assert_eq!(listed.items, [updated]);
});

fn level(category: &Category, approvers: &[Uuid], quorum: i32) -> NewAssignment {
    NewAssignment {
        id: None,
        category_id: category.id,
        level: 1,
        approver_ids: approvers.to_vec(),
        quorum,
    }
}

both_engines!(an_assignment_takes_the_place_of_the_one_before, |world| {
    async move {
        world.relay();
        let made = category(&world).await;
        let lena = world.person("lena", Role::Approver).await.id;
        let luis = world.person("luis", Role::Approver).await.id;
        let catalog = &world.catalog;
        let first = catalog
            .replace_assignment(&admin(), level(&made, &[lena], 1), None)
            .await
            .unwrap();
        let second = catalog
            .replace_assignment(&admin(), level(&made, &[lena, luis], 2), Some(1))
            .await
            .unwrap();
        assert_eq!(first.id, second.id);
        assert_eq!(second.version, 2);
        let same = catalog
            .replace_assignment(&admin(), level(&made, &[lena, luis], 2), None)
            .await
            .unwrap();
        assert_eq!(same, second);
        let stale = catalog
            .replace_assignment(&admin(), level(&made, &[luis], 1), Some(1))
            .await;
        assert!(matches!(
            stale,
            Err(CatalogError::PreconditionFailed { version: 2 })
        ));
        let listed = catalog.assignments(PageQuery::default()).await.unwrap();
        assert_eq!(listed.items, [second]);
    }
});

both_engines!(an_assignment_that_cannot_work_is_refused, |world| {
    async move {
        world.relay();
        let made = category(&world).await;
        let lena = world.person("lena", Role::Approver).await.id;
        let nobody = Uuid::from_u128(9);
        let elsewhere = Category {
            id: nobody,
            ..made.clone()
        };
        for (new, wrong) in [
            (level(&made, &[lena], 2), "/quorum"),
            (level(&made, &[], 1), "/quorum"),
            (level(&made, &[lena, lena], 1), "/approverIds/1"),
            (level(&made, &[lena, nobody], 1), "/approverIds/1"),
            (level(&elsewhere, &[lena], 1), "/categoryId"),
        ] {
            let refused = world
                .catalog
                .replace_assignment(&admin(), new, None)
                .await
                .unwrap_err();
            assert_eq!(pointers(&refused), [wrong]);
        }
    }
});

both_engines!(each_list_has_a_version_of_its_own, |world| async move {
    let catalog = &world.catalog;
    let (categories, reasons) = (
        catalog.categories_version().await.unwrap().to_string(),
        catalog.reasons_version().await.unwrap().to_string(),
    );
    let made = category(&world).await;
    let changed = catalog.categories_version().await.unwrap().to_string();
    assert_ne!(categories, changed);
    assert_eq!(
        reasons,
        catalog.reasons_version().await.unwrap().to_string()
    );
    catalog
        .retire_category(&admin(), made.id, None)
        .await
        .unwrap();
    let again = catalog.categories_version().await.unwrap().to_string();
    assert_ne!(changed, again);
});

both_engines!(a_given_id_is_taken_once, |world| async move {
    let given = NewCategory {
        id: Some(Uuid::from_u128(4)),
        ..travel()
    };
    let catalog = &world.catalog;
    let first = catalog.create_category(&admin(), given.clone()).await;
    let again = catalog.create_category(&admin(), given.clone()).await;
    assert_eq!(first.unwrap(), again.unwrap());
    let other = NewCategory { levels: 3, ..given };
    let taken = catalog.create_category(&admin(), other).await;
    assert!(matches!(taken, Err(CatalogError::IdTaken)));
});

both_engines!(a_level_without_enough_who_can_vote_is_refused, |world| {
    async move {
        world.relay();
        let made = category(&world).await;
        let lena = world.person("lena", Role::Approver).await;
        let luis = world.person("luis", Role::Approver).await;
        let sam = world.person("sam", Role::Sales).await;
        let assign = async |approvers: Vec<Uuid>, quorum| {
            let new = level(&made, &approvers, quorum);
            world.catalog.replace_assignment(&admin(), new, None).await
        };
        let refused = assign(vec![lena.id, sam.id], 2).await.unwrap_err();
        assert_eq!(pointers(&refused), ["/approverIds/1"], "sam is no approver");
        assert!(assign(vec![lena.id, sam.id], 1).await.is_ok());
        assert!(assign(vec![lena.id, luis.id], 2).await.is_ok());

        // Who has just become an approver counts, though the news is still on its way.
        let promoted = UserUpdate {
            email: sam.email,
            name: sam.name,
            roles: Role::Approver.into(),
            ..UserUpdate::default()
        };
        let users = &world.users;
        users
            .update(&admin(), sam.id, promoted, None)
            .await
            .unwrap();
        assert!(assign(vec![lena.id, sam.id], 2).await.is_ok());

        users.deactivate(&admin(), luis.id, None).await.unwrap();
        eventually("the catalogue hears that luis has left", || async {
            let known: Vec<(bool,)> = sql("select active from person where id = $1")
                .bind(luis.id)
                .fetch_all(&world.catalog_db)
                .await
                .unwrap();
            known == [(false,)]
        })
        .await;
        let refused = assign(vec![luis.id], 1).await.unwrap_err();
        assert_eq!(pointers(&refused), ["/approverIds/0"], "luis has left");
        assert!(assign(vec![luis.id, lena.id], 1).await.is_ok());
    }
});
