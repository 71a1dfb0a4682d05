//! Clocks that are wrong.

use crate::conformance::outcome::{Outcome, expect, expect_eq};
use crate::conformance::server::START_MS;
use crate::conformance::stage::Stage;
use serde_json::json;
use sync_core::hlc::Stamp;

const HOUR_MS: i64 = 3_600_000;
const YEAR_MS: i64 = 365 * 24 * HOUR_MS;

pub(super) async fn ahead(stage: &mut Stage) -> Outcome {
    let known = stage.draft("Known").await?;
    stage.converge().await?;
    stage.skew(HOUR_MS).await?;
    let id = stage.new_id();
    stage
        .edit(
            id,
            json!({"title": "Trade fair", "justification": "We go to Lyon."}),
        )
        .await?;
    stage
        .edit(id, json!({"justification": "We go to Lyon in May."}))
        .await?;
    stage.edit(known, json!({"region": "EMEA"})).await?;
    stage.command("submit", id).await?;
    let shown = stage.converge().await?;
    shown.expect_quiet()?;
    expect_eq(
        "its status",
        &shown.record(id)["status"],
        &json!("pending_l1"),
    )?;
    // From now on the phone knows how wrong its clock is.
    let refused = refusals(stage);
    stage
        .edit(known, json!({"title": "Known by another name"}))
        .await?;
    stage.converge().await?.expect_quiet()?;
    expect_eq(
        "stamps ahead once the offset is known",
        &refusals(stage),
        &refused,
    )
}

/// Items that came with a stamp ahead of the server's time.
fn refusals(stage: &Stage) -> usize {
    let now_ms = stage.server.state().world.now_ms;
    let pushes = stage.server.pushes();
    let items = pushes.iter().flat_map(|push| &push.requests);
    items
        .filter(|item| item.stamp.millis() > now_ms + 60_000)
        .count()
}

pub(super) async fn set_back(stage: &mut Stage) -> Outcome {
    let id = stage.draft("Now").await?;
    stage.converge().await?;
    stage.skew(-YEAR_MS).await?;
    stage.edit(id, json!({"title": "A year ago"})).await?;
    let fresh = stage.draft("New, a year ago").await?;
    stage.edit(fresh, json!({"region": "EMEA"})).await?;
    let shown = stage.converge().await?;
    shown.expect_quiet()?;
    expect_eq("the title", &stage.title(id), &json!("A year ago"))?;
    let pushes = stage.server.pushes();
    let stamps: Vec<Stamp> = pushes
        .iter()
        .flat_map(|push| &push.requests)
        .map(|item| item.stamp)
        .collect();
    let rises = stamps.windows(2).all(|pair| pair[0] < pair[1]);
    expect(
        rises && stamps[0].millis() >= START_MS,
        "stamps that rise",
        format!("{stamps:?}"),
    )
}
