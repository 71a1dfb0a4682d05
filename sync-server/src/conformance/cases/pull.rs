//! What comes from the server.

use crate::conformance::outcome::{Outcome, expect, expect_eq};
use crate::conformance::server::Endpoint;
use crate::conformance::stage::Stage;
use serde_json::json;

pub(super) async fn paging(stage: &mut Stage) -> Outcome {
    for number in 0..11 {
        let id = stage.new_id();
        let mut scene = stage.server.state();
        scene.world.page_max = 3;
        scene
            .world
            .edit_elsewhere(id, &json!({"title": format!("theirs {number}")}));
    }
    let shown = stage.converge().await?;
    expect_eq(
        "records",
        &shown.0["records"]
            .as_object()
            .map_or(0, serde_json::Map::len),
        &11,
    )
}

pub(super) async fn remove(stage: &mut Stage) -> Outcome {
    let id = stage.draft("Trade fair").await?;
    stage.converge().await?;
    stage.server.state().world.delete_elsewhere(id);
    let shown = stage.converge().await?;
    expect(
        shown.record(id).is_null(),
        "no removed record",
        shown.record(id),
    )
}

pub(super) async fn same_twice(stage: &mut Stage) -> Outcome {
    let mut first = None;
    for number in 0..6 {
        let id = stage.new_id();
        first.get_or_insert(id);
        let mut scene = stage.server.state();
        scene.world.page_max = 2;
        scene
            .world
            .edit_elsewhere(id, &json!({"title": format!("theirs {number}")}));
    }
    let again = first.unwrap_or_default();
    for endpoint in [Endpoint::Push, Endpoint::Pull] {
        stage.server.instead(endpoint, move |call, world| {
            let page = if call.endpoint == Endpoint::Push {
                world.push(call)
            } else {
                world.pull(call, false)
            };
            world.edit_elsewhere(again, &json!({"title": "later"}));
            page
        });
    }
    let shown = stage.converge().await?;
    // A client may pull with a push or by itself.
    stage.server.be_honest();
    expect_eq("the title", &shown.record(again)["title"], &json!("later"))
}

pub(super) async fn local_edits(stage: &mut Stage) -> Outcome {
    let id = stage.draft("Trade fair").await?;
    stage.converge().await?;
    stage.pass(1_000).await?;
    stage
        .server
        .state()
        .world
        .edit_elsewhere(id, &json!({"region": "APAC"}));
    stage.pass(1_000).await?;
    stage.edit(id, json!({"title": "Still here"})).await?;
    // The pull works, the push does not.
    stage.server.bent(Endpoint::Push, |reply| reply.cut(0));
    stage.sync().await?;
    let shown = stage.state().await?;
    expect_eq(
        "the title while it is queued",
        &shown.record(id)["title"],
        &json!("Still here"),
    )?;
    stage.converge().await?.expect_quiet()?;
    expect_eq(
        "the title on the server",
        &stage.title(id),
        &json!("Still here"),
    )
}
