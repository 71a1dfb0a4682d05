//! Approvals and votes.

use crate::conformance::outcome::{Miss, Outcome, expect, expect_eq};
use crate::conformance::server::Endpoint;
use crate::conformance::stage::Stage;
use serde_json::{Value, json};
use uuid::Uuid;

pub(super) async fn vote(stage: &mut Stage) -> Outcome {
    let id = incoming(stage).await?;
    cast(stage, id, "approve").await?;
    let shown = stage.converge().await?;
    shown.expect_quiet()?;
    expect_eq(
        "its status",
        &shown.approval(id)["status"],
        &json!("approved"),
    )?;
    let votes = shown.approval(id)["votes"].as_array().map_or(0, Vec::len);
    expect_eq("votes", &votes, &1)
}

pub(super) async fn again(stage: &mut Stage) -> Outcome {
    let id = incoming(stage).await?;
    cast(stage, id, "reject").await?;
    stage.server.bent(Endpoint::VotePush, |reply| reply.cut(0));
    stage.sync().await?;
    stage.converge().await?.expect_quiet()?;
    let pushes = stage.server.pushes_to(Endpoint::VotePush);
    let items: Vec<&[Value]> = pushes
        .iter()
        .map(super::super::server::Call::items)
        .collect();
    expect(
        items.len() == 2 && items[0] == items[1],
        "the same vote again",
        format!("{items:?}"),
    )
}

pub(super) async fn refused(stage: &mut Stage) -> Outcome {
    let id = incoming(stage).await?;
    cast(stage, id, "approve").await?;
    stage
        .server
        .instead(Endpoint::VotePush, move |call, world| {
            if let Some(approval) = world.approvals.get_mut(&id) {
                approval["status"] = json!("rejected");
                approval["sealed"] = json!(true);
            }
            let sealed = |_: &_| Some(json!({"verdict": "rejected", "code": "level_sealed"}));
            world.push_votes_ruled(call, &mut { sealed })
        });
    let shown = stage.converge().await?;
    shown.expect_notice(id, "refused", Some("level_sealed"))?;
    expect_eq(
        "its status",
        &shown.approval(id)["status"],
        &json!("rejected"),
    )?;
    expect_eq(
        "whether it is sealed",
        &shown.approval(id)["sealed"],
        &json!(true),
    )
}

pub(super) async fn rollback(stage: &mut Stage) -> Outcome {
    let id = incoming(stage).await?;
    cast(stage, id, "approve").await?;
    stage.converge().await?.expect_quiet()?;
    cast(stage, id, "rollback").await?;
    let shown = stage.converge().await?;
    shown.expect_quiet()?;
    expect_eq("its status", &shown.approval(id)["status"], &json!("open"))?;
    expect_eq("its votes", &shown.approval(id)["votes"], &json!([]))
}

/// An approval that waits, and has reached the phone.
async fn incoming(stage: &mut Stage) -> Result<Uuid, Miss> {
    let request = stage.new_id();
    let id = stage.server.state().world.open_approval(request);
    let shown = stage.settle().await?;
    expect_eq(
        "the status of what is incoming",
        &shown.approval(id)["status"],
        &json!("open"),
    )?;
    Ok(id)
}

async fn cast(stage: &mut Stage, id: Uuid, vote: &str) -> Outcome {
    let arguments = json!({"id": id, "vote": vote, "comment": "As seen on the phone."});
    stage.ask("vote", arguments).await.map(drop)
}
