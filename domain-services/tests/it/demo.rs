//! The demo organisation.

use crate::world::{World, admin, both_engines};
use domain_services::identity::Role;
use domain_services::paging::PageQuery;
use domain_services::user::{DEMO_PASSWORD, UserFilter, demo_user_id};
use std::time::Duration;

async fn create(world: &World) {
    world.users.create_demo().await.unwrap();
    world.catalog.create_demo(demo_user_id).await.unwrap();
}

both_engines!(the_demo_organisation_is_the_one_promised, |world| {
    async move {
        world.relay();
        create(&world).await;
        let everybody = world
            .users
            .list(&admin(), UserFilter::default(), PageQuery::default())
            .await
            .unwrap();
        assert_eq!(everybody.items.len(), 12);
        let admins = everybody
            .items
            .iter()
            .filter(|user| user.roles.has(Role::Admin));
        let admins: Vec<&str> = admins.map(|user| user.email.as_str()).collect();
        assert_eq!(admins, ["admin@demo.athena"]);
        assert!(world.users.ensure_admin(None).await.unwrap().is_none());
        let login = world
            .users
            .login("sales5@demo.athena", DEMO_PASSWORD.to_owned(), None, None)
            .await;
        assert!(login.unwrap().user.roles.has(Role::Sales));

        let mut categories = world
            .catalog
            .categories(PageQuery::default())
            .await
            .unwrap();
        categories.items.sort_by_key(|category| category.levels);
        let names: Vec<(&str, i32)> = categories
            .items
            .iter()
            .map(|category| (category.name.as_str(), category.levels))
            .collect();
        assert_eq!(names, [("Travel", 1), ("Events", 2), ("Campaigns", 3)]);
        let assignments = world
            .catalog
            .assignments(PageQuery::default())
            .await
            .unwrap();
        assert_eq!(assignments.items.len(), 6);
        let top = assignments.items.iter().find(|at| at.level == 3).unwrap();
        assert_eq!(top.approver_ids, [demo_user_id("l3a")]);
        assert_eq!(top.quorum, 1);
    }
});

both_engines!(a_second_start_changes_nothing_and_is_quick, |world| {
    async move {
        world.relay();
        create(&world).await;
        let events = world.user_db.statements();
        let begin = tokio::time::Instant::now();
        create(&world).await;
        assert!(begin.elapsed() < Duration::from_millis(500));
        assert!(world.user_db.statements() - events < 40, "lookups only");
        let page = PageQuery::default();
        assert_eq!(world.catalog.reasons(page).await.unwrap().items.len(), 5);
        assert_eq!(world.users.departments(page).await.unwrap().items.len(), 3);
    }
});
