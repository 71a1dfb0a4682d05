//! Positions of a history that is gone.

use crate::conformance::outcome::{Outcome, expect, expect_eq};
use crate::conformance::server::{Endpoint, From};
use crate::conformance::stage::Stage;
use serde_json::json;

pub(super) async fn resync(stage: &mut Stage) -> Outcome {
    let gone = stage.new_id();
    {
        let mut scene = stage.server.state();
        scene.world.edit_elsewhere(gone, &json!({"title": "gone"}));
    }
    let edited = stage.draft("edited").await?;
    stage.converge().await?;
    stage.edit(edited, json!({"title": "queued"})).await?;
    let queued = stage.state().await?.queue().to_vec();
    let mut backup = stage.server.state().world.records.clone();
    backup.remove(&gone);
    stage.server.restore(backup);
    stage.server.state().world.page_max = 1;
    let seen = stage.server.count();
    let shown = stage.converge().await?;
    shown.expect_quiet()?;
    expect(
        shown.record(gone).is_null(),
        "no record that the server lost",
        shown.record(gone),
    )?;
    expect_eq(
        "the title on the server",
        &stage.title(edited),
        &json!("queued"),
    )?;
    let pushed = stage.pushed();
    let op = queued[0]["opId"].as_str().unwrap_or_default();
    let last = pushed.last().map_or(&[][..], Vec::as_slice);
    expect(
        last.iter().any(|sent| sent == op),
        "the queued operation, as it was",
        format!("{last:?}"),
    )?;
    let scene = stage.server.state();
    let from_beginning = scene.calls.iter().skip(seen).any(|call| {
        let pulls = matches!(call.endpoint, Endpoint::Pull | Endpoint::Push);
        pulls && call.from == From::Beginning
    });
    expect(from_beginning, "a pull from the beginning", "none")
}

pub(super) async fn restores(stage: &mut Stage) -> Outcome {
    let id = stage.draft("before the backup").await?;
    stage.converge().await?;
    let backup = stage.server.state().world.records.clone();
    stage.pass(1_000).await?;
    stage.edit(id, json!({"title": "after the backup"})).await?;
    stage.converge().await?;
    let lost = stage.draft("written after the backup").await?;
    stage.converge().await?;
    stage.server.restore(backup);
    expect_eq(
        "the title after the restore",
        &stage.title(id),
        &json!("before the backup"),
    )?;
    stage.sync().await?;
    let shown = stage.converge().await?;
    expect_eq(
        "the title that was queued again",
        &shown.record(id)["title"],
        &json!("after the backup"),
    )?;
    expect_eq(
        "the draft that was queued again",
        &shown.record(lost)["title"],
        &json!("written after the backup"),
    )
}
