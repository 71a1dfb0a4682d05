//! Verdicts that end an item, and those that do not.

use crate::conformance::outcome::{Outcome, expect, expect_eq};
use crate::conformance::server::Endpoint;
use crate::conformance::stage::Stage;
use serde_json::json;
use sync_core::verdict::Code;
use sync_core::wire::RequestChange;

pub(super) async fn merged(stage: &mut Stage) -> Outcome {
    let id = stage.draft("Trade fair").await?;
    stage.converge().await?;
    // The phone edits first and syncs last: the other phone's title is the later one.
    stage
        .edit(id, json!({"title": "Mine", "region": "EMEA"}))
        .await?;
    stage.pass(5_000).await?;
    stage
        .server
        .state()
        .world
        .edit_elsewhere(id, &json!({"title": "Theirs"}));
    let shown = stage.converge().await?;
    expect_eq("the title", &shown.record(id)["title"], &json!("Theirs"))?;
    expect_eq("the region", &shown.record(id)["region"], &json!("EMEA"))?;
    shown.expect_notice(id, "superseded", None)?;
    let notices = shown.notices(id);
    expect_eq("what lost", &notices[0]["fields"], &json!(["title"]))
}

pub(super) async fn duplicate(stage: &mut Stage) -> Outcome {
    stage.draft("Trade fair").await?;
    stage.server.instead(Endpoint::Push, |call, world| {
        world.push(call);
        world.push(call)
    });
    stage.converge().await?.expect_quiet()?;
    expect_eq("pushes with items", &stage.pushed().len(), &1)
}

pub(super) async fn rejected(stage: &mut Stage) -> Outcome {
    let codes: Vec<Code> = Code::ALL
        .iter()
        .copied()
        .filter(|code| !code.is_retryable())
        .collect();
    let mut ids = Vec::new();
    for code in &codes {
        ids.push(stage.draft(code.as_str()).await?);
    }
    let answered = codes.clone();
    stage.server.instead(Endpoint::Push, move |call, world| {
        world.push_ruled(call, &mut |index, _| {
            let code = answered.get(index)?;
            Some(json!({"verdict": "rejected", "code": code, "record": null}))
        })
    });
    let good = stage.draft("good").await?;
    stage.sync().await?;
    let shown = stage.settle().await?;
    for (id, code) in ids.iter().zip(&codes) {
        shown.expect_notice(*id, "refused", Some(code.as_str()))?;
    }
    expect_eq(
        "the title of one that was taken",
        &stage.title(good),
        &json!("good"),
    )?;
    let again = stage.pushed();
    expect_eq("pushes with items", &again.len(), &1)
}

pub(super) async fn never_blocks(stage: &mut Stage) -> Outcome {
    let (bad, good) = (stage.draft("bad").await?, stage.draft("good").await?);
    stage.server.instead(Endpoint::Push, |call, world| {
        world.push_ruled(call, &mut |index, _| {
            (index == 0)
                .then(|| json!({"verdict": "rejected", "code": "invalid_value", "record": null}))
        })
    });
    stage.sync().await?;
    stage.edit(bad, json!({"title": "better"})).await?;
    stage.edit(good, json!({"region": "EMEA"})).await?;
    let shown = stage.converge().await?;
    shown.expect_notice(bad, "refused", Some("invalid_value"))?;
    expect_eq(
        "the title after a better one",
        &stage.title(bad),
        &json!("better"),
    )
}

pub(super) async fn locked(stage: &mut Stage) -> Outcome {
    let id = stage.draft("Trade fair").await?;
    stage.converge().await?;
    stage.edit(id, json!({"title": "Too late"})).await?;
    stage.server.state().world.submit_elsewhere(id);
    let shown = stage.converge().await?;
    shown.expect_notice(id, "refused", Some("locked"))?;
    expect_eq(
        "the title",
        &shown.record(id)["title"],
        &json!("Trade fair"),
    )
}

pub(super) async fn retryable(stage: &mut Stage) -> Outcome {
    let (busy, other) = (stage.draft("busy").await?, stage.draft("other").await?);
    stage.command("submit", busy).await?;
    for _ in 0..2 {
        stage.server.instead(Endpoint::Push, move |call, world| {
            world.push_ruled(call, &mut |_, item| {
                let is_edit = matches!(item.change, RequestChange::Upsert(_));
                (item.id == busy && is_edit)
                    .then(|| json!({"verdict": "rejected", "code": "busy", "retryable": true}))
            })
        });
    }
    stage.sync().await?;
    let shown = stage.state().await?;
    expect_eq("items still queued", &shown.queue().len(), &2)?;
    shown.expect_quiet()?;
    expect_eq("the other's title", &stage.title(other), &json!("other"))?;
    let shown = stage.converge().await?;
    shown.expect_quiet()?;
    expect_eq(
        "its status",
        &shown.record(busy)["status"],
        &json!("pending_l1"),
    )?;
    let pushes = stage.server.pushes();
    expect(pushes.len() >= 3, "at least 3 pushes", pushes.len())?;
    Ok(())
}
