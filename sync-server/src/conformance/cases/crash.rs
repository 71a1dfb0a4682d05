//! kill -9, at every point.

use crate::conformance::outcome::{Outcome, expect, expect_eq};
use crate::conformance::server::Endpoint;
use crate::conformance::stage::Stage;
use serde_json::json;
use std::collections::HashSet;

const YEAR_MS: i64 = 365 * 24 * 3_600_000;

pub(super) async fn after_edit(stage: &mut Stage) -> Outcome {
    let id = stage.draft("Trade fair").await?;
    stage.edit(id, json!({"justification": "We go."})).await?;
    stage.command("submit", id).await?;
    let before = stage.state().await?;
    stage.kill_and_restart(0).await?;
    let after = stage.state().await?;
    expect_eq("the queue", &after.0["queue"], &before.0["queue"])?;
    expect_eq("the records", &after.0["records"], &before.0["records"])?;
    let shown = stage.converge().await?;
    shown.expect_quiet()?;
    expect_eq(
        "its status",
        &shown.record(id)["status"],
        &json!("pending_l1"),
    )
}

pub(super) async fn in_flight(stage: &mut Stage) -> Outcome {
    stage.draft("one").await?;
    stage.draft("two").await?;
    let gate = stage.server.held(Endpoint::Push);
    stage.sync_to(&gate).await?;
    stage.kill_and_restart(0).await?;
    gate.open();
    stage.converge().await?.expect_quiet()?;
    let pushed = stage.pushed();
    expect(
        pushed.len() == 2 && pushed[0] == pushed[1],
        "the same operations again",
        format!("{pushed:?}"),
    )
}

pub(super) async fn mid_answer(stage: &mut Stage) -> Outcome {
    for bytes in [1, 150, 400] {
        stage.draft(&format!("killed after {bytes} bytes")).await?;
        let gate = stage
            .server
            .held_and_bent(Endpoint::Push, move |reply| reply.cut(bytes));
        stage.sync_to(&gate).await?;
        gate.open();
        stage.kill_and_restart(0).await?;
        stage.converge().await?.expect_quiet()?;
    }
    Ok(())
}

pub(super) async fn after_answer(stage: &mut Stage) -> Outcome {
    for round in 0..5 {
        let id = stage.draft(&format!("draft {round}")).await?;
        stage
            .edit(id, json!({"justification": format!("Round {round}.")}))
            .await?;
        stage.command("submit", id).await?;
        let gate = stage.server.held(Endpoint::Push);
        stage.sync_to(&gate).await?;
        gate.open();
        stage.kill_and_restart(0).await?;
        let shown = stage.converge().await?;
        shown.expect_quiet()?;
        expect_eq(
            "its status",
            &shown.record(id)["status"],
            &json!("pending_l1"),
        )?;
    }
    Ok(())
}

pub(super) async fn stamps(stage: &mut Stage) -> Outcome {
    let id = stage.draft("one").await?;
    stage.converge().await?;
    stage.edit(id, json!({"title": "two"})).await?;
    stage.kill_and_restart(-YEAR_MS).await?;
    stage.edit(id, json!({"title": "three"})).await?;
    let other = stage.draft("other").await?;
    stage.kill_and_restart(-2 * YEAR_MS).await?;
    stage.edit(other, json!({"title": "other, edited"})).await?;
    stage.converge().await?.expect_quiet()?;
    expect_eq("the title on the server", &stage.title(id), &json!("three"))?;
    expect_eq(
        "the other's title",
        &stage.title(other),
        &json!("other, edited"),
    )?;
    let pushes = stage.server.pushes();
    let items = || pushes.iter().flat_map(|push| &push.requests);
    let stamps: HashSet<_> = items().map(|item| item.stamp).collect();
    let ops: HashSet<_> = items().map(|item| item.op_id).collect();
    expect_eq("stamps of as many operations", &stamps.len(), &ops.len())
}

pub(super) async fn notices(stage: &mut Stage) -> Outcome {
    let (one, two) = (stage.draft("one").await?, stage.draft("two").await?);
    stage.server.instead(Endpoint::Push, |call, world| {
        world.push_ruled(call, &mut |_, _| {
            Some(json!({"verdict": "rejected", "code": "invalid_value", "record": null}))
        })
    });
    let shown = stage.settle().await?;
    shown.expect_notice(one, "refused", Some("invalid_value"))?;
    let op = shown
        .notices(two)
        .first()
        .map(|notice| notice["opId"].clone());
    stage.ask("dismiss", json!({"opId": op})).await?;
    stage.kill_and_restart(0).await?;
    let shown = stage.state().await?;
    shown.expect_notice(one, "refused", Some("invalid_value"))?;
    expect_eq(
        "notices of what was dismissed",
        &shown.notices(two).len(),
        &0,
    )
}
