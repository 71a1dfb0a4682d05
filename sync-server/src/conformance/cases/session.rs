//! Tokens that expire, sessions that end, people who share a phone.

use crate::conformance::outcome::{Outcome, expect, expect_eq};
use crate::conformance::server::{Endpoint, OTHER, OWNER, PASSWORD};
use crate::conformance::stage::{A_LONG_WHILE_MS, Stage};
use serde_json::json;

pub(super) async fn token_expired(stage: &mut Stage) -> Outcome {
    stage.draft("Trade fair").await?;
    stage.server.state().people.expire();
    stage.converge().await?.expect_quiet()?;
    let (refreshes, logins) = tally(stage);
    expect_eq("refreshes", &refreshes, &1)?;
    expect_eq("sign-ins", &logins, &1)
}

pub(super) async fn refresh_lost(stage: &mut Stage) -> Outcome {
    stage.draft("Trade fair").await?;
    stage.server.state().people.expire();
    stage.server.bent(Endpoint::Refresh, |reply| reply.cut(0));
    stage.sync().await?;
    stage.pass(A_LONG_WHILE_MS).await?;
    let shown = stage.converge().await?;
    shown.expect_quiet()?;
    expect_eq("`signedIn`", &shown.0["signedIn"], &json!(true))?;
    expect_eq("sign-ins", &tally(stage).1, &1)
}

pub(super) async fn revoked(stage: &mut Stage) -> Outcome {
    let id = stage.draft("Trade fair").await?;
    stage.server.state().people.end_sessions();
    stage.sync().await?;
    let shown = stage.state().await?;
    expect_eq("`signedIn`", &shown.0["signedIn"], &json!(false))?;
    expect_eq("items still queued", &shown.queue().len(), &1)?;
    stage.edit(id, json!({"region": "EMEA"})).await?;
    sign_in(stage, OWNER.email).await?;
    let shown = stage.converge().await?;
    shown.expect_quiet()?;
    expect_eq("`signedIn`", &shown.0["signedIn"], &json!(true))
}

pub(super) async fn wrong_user(stage: &mut Stage) -> Outcome {
    stage.draft("Trade fair").await?;
    sign_in(stage, OTHER.email).await?;
    stage.sync().await?;
    let owner = json!(OWNER.id);
    for push in stage.server.pushes() {
        let is_others = push.person.is_some_and(|person| person.id == OTHER.id);
        let named = &push.body["userId"];
        expect(
            !is_others || *named == owner,
            "the queue's own user named, or nothing sent",
            named,
        )?;
    }
    sign_in(stage, OWNER.email).await?;
    stage.pass(A_LONG_WHILE_MS).await?;
    stage.converge().await?.expect_quiet()?;
    let records = stage.server.state().world.records.len();
    expect_eq("records once the owner is back", &records, &1)
}

async fn sign_in(stage: &mut Stage, email: &str) -> Outcome {
    let arguments = json!({"email": email, "password": PASSWORD});
    stage.ask("login", arguments).await.map(drop)
}

/// Refreshes and sign-ins so far.
fn tally(stage: &Stage) -> (usize, usize) {
    let scene = stage.server.state();
    (scene.people.refreshes, scene.people.logins)
}
