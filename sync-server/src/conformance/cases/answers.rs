//! Answers that come, are lost, or come late.

use crate::conformance::outcome::{Outcome, expect, expect_eq};
use crate::conformance::server::Endpoint;
use crate::conformance::stage::Stage;
use serde_json::json;
use std::time::Duration;

/// How long an answer is held back while other syncs are asked for.
const TIME_TO_BE_WRONG: Duration = Duration::from_millis(300);

pub(super) async fn first_sync(stage: &mut Stage) -> Outcome {
    let id = stage.new_id();
    let fields = json!({
        "title": "Trade fair, Lyon", "amount": {"minor": 125_000, "currency": "EUR"}, "region": "EMEA",
        "neededBy": "2026-12-01", "justification": "Where customers decide.",
    });
    stage.edit(id, fields).await?;
    let before = stage.state().await?;
    expect_eq("what is queued", &before.queue().len(), &1)?;
    expect_eq(
        "the title, before any sync",
        &before.record(id)["title"],
        &json!("Trade fair, Lyon"),
    )?;
    stage.converge().await?.expect_quiet()?;
    expect_eq("pushes", &stage.pushed().len(), &1)
}

pub(super) async fn idle(stage: &mut Stage) -> Outcome {
    stage.draft("Trade fair").await?;
    stage.converge().await?;
    let records = stage.server.state().world.records.len();
    stage.sync().await?;
    stage.sync().await?;
    expect_eq("pushes with items", &stage.pushed().len(), &1)?;
    expect_eq(
        "records",
        &stage.server.state().world.records.len(),
        &records,
    )
}

pub(super) async fn lost(stage: &mut Stage) -> Outcome {
    for title in ["one", "two", "three"] {
        stage.draft(title).await?;
    }
    stage.server.bent(Endpoint::Push, |reply| reply.cut(0));
    stage.sync().await?;
    stage.converge().await?.expect_quiet()?;
    let pushed = stage.pushed();
    expect(pushed.len() >= 2, "the batch again", pushed.len())?;
    expect(
        pushed.iter().all(|ops| *ops == pushed[0]),
        "the same operations",
        format!("{pushed:?}"),
    )
}

pub(super) async fn cut(stage: &mut Stage) -> Outcome {
    // The head of an answer has some 150 bytes, the body of this one more than 500.
    for bytes in [1, 9, 40, 120, 160, 200, 300, 420, 500] {
        let id = stage.draft(&format!("cut after {bytes} bytes")).await?;
        stage
            .server
            .bent(Endpoint::Push, move |reply| reply.cut(bytes));
        let before = stage.pushed().len();
        stage.sync().await?;
        stage.converge().await?.expect_quiet()?;
        let pushed = stage.pushed().split_off(before);
        expect(
            pushed.len() == 2 && pushed[0] == pushed[1],
            "the same operations again",
            format!("{pushed:?}"),
        )?;
        expect_eq(
            "the title on the server",
            &stage.title(id),
            &json!(format!("cut after {bytes} bytes")),
        )?;
    }
    Ok(())
}

pub(super) async fn typing_on(stage: &mut Stage) -> Outcome {
    let id = stage.draft("first").await?;
    let gate = stage.server.held(Endpoint::Push);
    let sync = stage.sync_to(&gate).await?;
    let fields = json!({"id": id, "fields": {"title": "second", "justification": "And why."}});
    let edit = stage.client.send("edit", fields).await?;
    gate.open();
    stage.client.answer(sync, "sync").await?;
    stage.client.answer(edit, "edit").await?;
    stage.converge().await?.expect_quiet()?;
    expect_eq(
        "the title on the server",
        &stage.title(id),
        &json!("second"),
    )
}

pub(super) async fn one_in_flight(stage: &mut Stage) -> Outcome {
    stage.draft("one").await?;
    let gate = stage.server.held(Endpoint::Push);
    let first = stage.sync_to(&gate).await?;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(stage.client.send("sync", json!({})).await?);
    }
    // A wrong client gets the time to be wrong; a right one does nothing with it.
    tokio::time::sleep(TIME_TO_BE_WRONG).await;
    gate.open();
    stage.client.answer(first, "sync").await?;
    for other in others {
        stage.client.answer(other, "sync").await?;
    }
    stage.converge().await?.expect_quiet()?;
    expect_eq("pushes with items", &stage.pushed().len(), &1)
}
