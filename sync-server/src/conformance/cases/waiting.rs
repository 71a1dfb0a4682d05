//! Items that wait for something the server has not heard of.

use crate::conformance::outcome::{Outcome, expect, expect_eq};
use crate::conformance::server::Endpoint;
use crate::conformance::stage::Stage;
use serde_json::json;
use uuid::Uuid;

/// A category that the server will hear of.
const CATEGORY: Uuid = Uuid::from_u128(0x0189_0000_0000_7000_8000_0000_0000_0c01);

pub(super) async fn deferred(stage: &mut Stage) -> Outcome {
    let waits = submitted(stage).await?;
    let other = stage.draft("other").await?;
    stage.sync().await?;
    let shown = stage.state().await?;
    expect_eq("items still queued", &shown.queue().len(), &1)?;
    shown.expect_quiet()?;
    expect_eq("the other's title", &stage.title(other), &json!("other"))?;
    // One more of the record that waits, when what it stands behind is not due yet: it must not overtake.
    stage.command("withdraw", waits).await?;
    stage.edit(other, json!({"region": "EMEA"})).await?;
    stage.pass(1_000).await?;
    stage.ask("tick", json!({})).await?;
    stage.sync().await?;
    let region = stage.server.state().world.shown(other)["region"].clone();
    expect_eq("the other's region", &region, &json!("EMEA"))?;
    stage.server.state().world.unheard.clear();
    let shown = stage.converge().await?;
    shown.expect_quiet()?;
    let status = &shown.record(waits)["status"];
    expect_eq("its status", status, &json!("withdrawn"))
}

pub(super) async fn pace(stage: &mut Stage) -> Outcome {
    submitted(stage).await?;
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
    let starts = gaps.first().is_some_and(|gap| (1..=4).contains(gap));
    expect(starts, "again after some 2 s", &seen)?;
    let ends = gaps.iter().all(|gap| *gap <= 62);
    expect(ends, "pauses of at most 60 s", &seen)?;
    let doubles = (9..=24).contains(&gaps.len());
    expect(
        doubles,
        "pauses that double: some 14 pushes in 10 min",
        &seen,
    )?;
    stage.server.state().world.unheard.clear();
    stage.converge().await?.expect_quiet()
}

/// A request that is submitted in a category that the server has not heard of.
async fn submitted(stage: &mut Stage) -> Result<Uuid, crate::conformance::outcome::Miss> {
    stage.server.state().world.unheard.insert(CATEGORY);
    let id = stage.new_id();
    let fields = json!({"title": "Trade fair", "categoryId": CATEGORY});
    stage.edit(id, fields).await?;
    stage.command("submit", id).await?;
    Ok(id)
}
