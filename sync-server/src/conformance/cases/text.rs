//! The text that merges.

use crate::conformance::outcome::{Outcome, expect, expect_eq};
use crate::conformance::server::Endpoint;
use crate::conformance::stage::Stage;
use serde_json::json;
use sync_core::text::TextWrite;
use sync_core::wire::RequestChange;

pub(super) async fn typed_on(stage: &mut Stage) -> Outcome {
    let id = stage.new_id();
    stage
        .edit(
            id,
            json!({"title": "Trade fair", "justification": "We go."}),
        )
        .await?;
    stage.server.bent(Endpoint::Push, |reply| reply.cut(0));
    stage.sync().await?;
    // Nobody knows whether the first text arrived: the next one is based on it all the same.
    stage
        .edit(id, json!({"justification": "We go to Lyon."}))
        .await?;
    stage
        .edit(id, json!({"justification": "We go to Lyon in May."}))
        .await?;
    stage.converge().await?.expect_quiet()?;
    let text = stage.server.state().world.shown(id)["justification"].clone();
    expect_eq(
        "the text on the server",
        &text,
        &json!("We go to Lyon in May."),
    )?;
    // A text that starts anew throws away what another phone may have typed meanwhile.
    let pushes = stage.server.pushes();
    let starts = pushes
        .iter()
        .flat_map(|push| &push.requests)
        .filter(|item| match &item.change {
            RequestChange::Upsert(edit) => matches!(edit.text, Some(TextWrite::Start(_))),
            _ => false,
        });
    let mut starts: Vec<_> = starts.map(|item| item.op_id).collect();
    starts.dedup();
    expect(
        starts.len() <= 1,
        "one text that starts, all others with a base",
        format!("{starts:?}"),
    )
}

pub(super) async fn meets(stage: &mut Stage) -> Outcome {
    let id = stage.new_id();
    stage
        .edit(
            id,
            json!({"title": "Trade fair", "justification": "We need a booth in Lyon."}),
        )
        .await?;
    stage.converge().await?;
    stage.pass(1_000).await?;
    let theirs = json!({"justification": "We need a booth in Lyon, with a demo."});
    stage.server.state().world.edit_elsewhere(id, &theirs);
    stage
        .edit(id, json!({"justification": "We need a big booth in Lyon."}))
        .await?;
    let shown = stage.converge().await?;
    let text = shown.record(id)["justification"].clone();
    expect_eq(
        "the joined text",
        &text,
        &json!("We need a big booth in Lyon, with a demo."),
    )?;
    // The next edit is based on both.
    stage
        .edit(
            id,
            json!({"justification": "We need a big booth in Lyon, with two demos."}),
        )
        .await?;
    let shown = stage.converge().await?;
    let text = shown.record(id)["justification"].clone();
    expect_eq(
        "the text edited on",
        &text,
        &json!("We need a big booth in Lyon, with two demos."),
    )
}
