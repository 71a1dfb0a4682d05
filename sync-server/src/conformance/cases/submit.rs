//! Commands: submit and what it has seen, withdraw, delete.

use crate::conformance::outcome::{Miss, Outcome, expect, expect_eq};
use crate::conformance::stage::Stage;
use serde_json::json;
use sync_core::wire::RequestChange;

pub(super) async fn seen(stage: &mut Stage) -> Outcome {
    let id = stage.new_id();
    stage
        .edit(
            id,
            json!({"title": "Trade fair", "justification": "We go."}),
        )
        .await?;
    stage.converge().await?;
    stage.pass(1_000).await?;
    stage.server.state().world.edit_elsewhere(
        id,
        &json!({"region": "EMEA", "justification": "We all go."}),
    );
    stage.sync().await?;
    stage.edit(id, json!({"title": "Trade fair, Lyon"})).await?;
    stage.command("submit", id).await?;
    let shown = stage.converge().await?;
    shown.expect_quiet()?;
    expect_eq(
        "its status",
        &shown.record(id)["status"],
        &json!("pending_l1"),
    )?;
    let pushes = stage.server.pushes();
    let mut items = pushes.iter().flat_map(|push| &push.requests);
    let submit = items.find_map(|item| match &item.change {
        RequestChange::Submit { seen } => Some(seen.clone()),
        _ => None,
    });
    let Some(Some(seen)) = submit else {
        return Err(Miss::new("a submit with `seen`", "none"));
    };
    let fields: Vec<&str> = seen.stamps.iter().map(|(field, _)| field.name()).collect();
    expect(
        fields.contains(&"title") && fields.contains(&"region"),
        "the stamps of title and region",
        format!("{fields:?}"),
    )?;
    expect(
        seen.heads.is_some_and(|heads| !heads.is_empty()),
        "the heads of the text",
        "none",
    )
}

pub(super) async fn content_changed(stage: &mut Stage) -> Outcome {
    let id = stage.draft("Trade fair").await?;
    stage.converge().await?;
    stage.command("submit", id).await?;
    stage.pass(1_000).await?;
    stage.server.state().world.edit_elsewhere(
        id,
        &json!({"amount": {"minor": 990_000, "currency": "EUR"}}),
    );
    let shown = stage.converge().await?;
    shown.expect_notice(id, "refused", Some("content_changed"))?;
    expect_eq("its status", &shown.record(id)["status"], &json!("draft"))?;
    expect_eq(
        "the amount",
        &shown.record(id)["amount"]["minor"],
        &json!(990_000),
    )
}

pub(super) async fn commands(stage: &mut Stage) -> Outcome {
    let (back, gone) = (stage.draft("back").await?, stage.draft("gone").await?);
    stage.command("submit", back).await?;
    stage.converge().await?.expect_quiet()?;
    stage.command("withdraw", back).await?;
    stage.command("delete", gone).await?;
    let shown = stage.converge().await?;
    shown.expect_quiet()?;
    expect_eq(
        "its status",
        &shown.record(back)["status"],
        &json!("withdrawn"),
    )?;
    expect(
        shown.record(gone).is_null(),
        "no deleted record",
        shown.record(gone),
    )
}
