//! Words of a later server.

use crate::conformance::outcome::{Outcome, expect, expect_eq};
use crate::conformance::server::Endpoint;
use crate::conformance::stage::Stage;
use serde_json::json;

pub(super) async fn verdict(stage: &mut Stage) -> Outcome {
    let (strange, other) = (stage.draft("strange").await?, stage.draft("other").await?);
    stage.server.instead(Endpoint::Push, |call, world| {
        world.push_ruled(call, &mut |index, _| {
            (index == 0)
                .then(|| json!({"verdict": "postponed", "code": "full_moon", "record": null}))
        })
    });
    stage.sync().await?;
    let shown = stage.state().await?;
    let queued = shown
        .queue()
        .iter()
        .any(|item| item["id"] == strange.to_string());
    let told = !shown.notices(strange).is_empty();
    expect(queued || told, "the item queued still, or shown", &shown.0)?;
    expect_eq("the other's title", &stage.title(other), &json!("other"))?;
    stage.edit(other, json!({"region": "EMEA"})).await?;
    stage.sync().await?;
    let region = stage.server.state().world.shown(other)["region"].clone();
    expect_eq("the other's region", &region, &json!("EMEA"))
}

pub(super) async fn code(stage: &mut Stage) -> Outcome {
    let (good, bad) = (
        stage.draft("for now").await?,
        stage.draft("for good").await?,
    );
    stage.server.instead(Endpoint::Push, |call, world| {
        world.push_ruled(call, &mut |index, _| {
            let code = format!("full_moon_{index}");
            Some(json!({"verdict": "rejected", "code": code, "retryable": index == 0, "record": null}))
        })
    });
    let shown = stage.settle().await?;
    shown.expect_notice(bad, "refused", Some("full_moon_1"))?;
    expect_eq(
        "notices of what was refused for now",
        &shown.notices(good).len(),
        &0,
    )?;
    expect_eq(
        "its title on the server",
        &stage.title(good),
        &json!("for now"),
    )
}

pub(super) async fn members(stage: &mut Stage) -> Outcome {
    let theirs = stage.new_id();
    stage
        .server
        .state()
        .world
        .edit_elsewhere(theirs, &json!({"title": "theirs"}));
    let mine = stage.draft("mine").await?;
    for endpoint in [Endpoint::Push, Endpoint::Pull] {
        stage.server.bent(endpoint, |mut reply| {
            decorate(&mut reply.body);
            if let Some(changes) = reply.body["changes"].as_array_mut() {
                changes.push(
                    json!({"kind": "archive", "id": "whatever", "because": {"moon": "full"}}),
                );
            }
            reply
        });
    }
    let shown = stage.converge().await?;
    // A client may pull with a push or by itself.
    stage.server.be_honest();
    shown.expect_quiet()?;
    expect_eq("titles", &shown.record(theirs)["title"], &json!("theirs"))?;
    expect_eq("titles", &shown.record(mine)["title"], &json!("mine"))
}

/// Adds members that no client knows, at every depth.
fn decorate(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            members.values_mut().for_each(decorate);
            members.insert("x-later".to_owned(), json!({"list": [1, null, "x"]}));
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(decorate),
        _ => {}
    }
}
