//! Servers that cannot, or will not now.

use crate::conformance::outcome::{Outcome, expect, expect_eq};
use crate::conformance::server::{Endpoint, Reply};
use crate::conformance::stage::Stage;
use http::StatusCode;
use serde_json::Value;

pub(super) async fn batch_too_large(stage: &mut Stage) -> Outcome {
    stage.server.state().world.batch_max = 7;
    for draft in 0..20 {
        stage.draft(&format!("draft {draft}")).await?;
    }
    stage.converge().await?.expect_quiet()
}

pub(super) async fn rate_limited(stage: &mut Stage) -> Outcome {
    held_back(stage, StatusCode::TOO_MANY_REQUESTS, "rate_limited").await
}

pub(super) async fn unavailable(stage: &mut Stage) -> Outcome {
    held_back(stage, StatusCode::SERVICE_UNAVAILABLE, "unavailable").await
}

async fn held_back(stage: &mut Stage, status: StatusCode, code: &'static str) -> Outcome {
    stage.draft("Trade fair").await?;
    stage.server.instead(Endpoint::Push, move |_, _| {
        Reply::problem(status, code).retry_after(30)
    });
    stage.sync().await?;
    let before = stage.server.count();
    stage.pass(25_000).await?;
    stage.sync().await?;
    stage.ask("tick", serde_json::json!({})).await?;
    expect_eq(
        "requests until Retry-After is over",
        &stage.server.count(),
        &before,
    )?;
    let queued = stage.state().await?.queue().len();
    expect_eq("items still queued", &queued, &1)?;
    stage.pass(6_000).await?;
    stage.sync().await?;
    expect(
        stage.server.count() > before,
        "a request after it",
        stage.server.count(),
    )?;
    stage.converge().await?.expect_quiet()?;
    let pushed = stage.pushed();
    expect(
        pushed.iter().all(|ops| *ops == pushed[0]),
        "the same operations",
        format!("{pushed:?}"),
    )
}

pub(super) async fn server_error(stage: &mut Stage) -> Outcome {
    stage.draft("Trade fair").await?;
    stage.server.instead(Endpoint::Push, |_, _| {
        Reply::problem(StatusCode::INTERNAL_SERVER_ERROR, "internal")
    });
    stage.server.instead(Endpoint::Push, |_, _| {
        Reply::problem(StatusCode::BAD_GATEWAY, "internal")
            .with_body(Value::from("<html>Bad gateway"))
    });
    stage.server.instead(Endpoint::Push, |_, _| {
        Reply::ok(Value::from("<html>Welcome to the hotel"))
    });
    stage.server.instead(Endpoint::Push, |_, _| {
        Reply::ok(serde_json::json!({"welcome": "to the hotel"}))
    });
    for _ in 0..4 {
        stage.sync().await?;
        let queued = stage.state().await?.queue().len();
        expect_eq("items still queued", &queued, &1)?;
        stage
            .pass(crate::conformance::stage::A_LONG_WHILE_MS)
            .await?;
    }
    stage.converge().await?.expect_quiet()
}
