//! Items that wait for something the server has not heard of.

use crate::conformance::outcome::{Outcome, expect, expect_eq};
use crate::conformance::server::Endpoint;
use crate::conformance::stage::Stage;
use serde_json::json;
use uuid::Uuid;

/// A category that the server will hear of.
const CATEGORY: Uuid = Uuid::from_u128(0x0189_0000_0000_7000_8000_0000_0000_0c01);

pub(super) async fn deferred(stage: &mut Stage) -> Outcome {
    stage.server.state().world.unheard.insert(CATEGORY);
    let waits = stage.new_id();
    stage
        .edit(
            waits,
            json!({"title": "Trade fair", "categoryId": CATEGORY}),
        )
        .await?;
    stage.command("submit", waits).await?;
    let other = stage.draft("other").await?;
    stage.sync().await?;
    let shown = stage.state().await?;
    expect_eq("items still queued", &shown.queue().len(), &2)?;
    shown.expect_quiet()?;
    expect_eq("the other's title", &stage.title(other), &json!("other"))?;
    // One more of the record that waits, and one of another: the former must not overtake.
    stage.edit(other, json!({"region": "EMEA"})).await?;
    stage.sync().await?;
    expect_eq(
        "the other's region",
        &stage.server.state().world.shown(other)["region"],
        &json!("EMEA"),
    )?;
    stage.server.state().world.unheard.clear();
    let shown = stage.converge().await?;
    shown.expect_quiet()?;
    expect_eq(
        "its status",
        &shown.record(waits)["status"],
        &json!("pending_l1"),
    )
}

pub(super) async fn pace(stage: &mut Stage) -> Outcome {
    stage.server.state().world.unheard.insert(CATEGORY);
    let waits = stage.new_id();
    stage
        .edit(
            waits,
            json!({"title": "Trade fair", "categoryId": CATEGORY}),
        )
        .await?;
    stage.sync().await?;
    let mut sent_at = vec![0];
    for second in 1..=600_u64 {
        stage.pass(1_000).await?;
        stage.ask("tick", json!({})).await?;
        if stage.server.pushes_to(Endpoint::Push).len() > sent_at.len() {
            sent_at.push(second);
        }
    }
    let gaps: Vec<u64> = sent_at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let seen = format!("pauses of {gaps:?} s");
    expect(
        gaps.first().is_some_and(|gap| (1..=4).contains(gap)),
        "again after some 2 s",
        &seen,
    )?;
    expect(
        gaps.iter().all(|gap| *gap <= 62),
        "pauses of at most 60 s",
        &seen,
    )?;
    expect(
        (9..=24).contains(&gaps.len()),
        "pauses that double up to 60 s: some 14 pushes in 10 min",
        &seen,
    )?;
    stage.server.state().world.unheard.clear();
    stage.converge().await?.expect_quiet()
}
