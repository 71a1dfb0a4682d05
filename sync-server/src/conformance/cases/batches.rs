//! Many changes at once.

use crate::conformance::outcome::{Outcome, expect, expect_eq};
use crate::conformance::stage::Stage;
use serde_json::json;

/// Commands sent ahead of their answers: fewer than fill a pipe, or both sides would wait for each other.
const AHEAD: usize = 50;

pub(super) async fn one_request(stage: &mut Stage) -> Outcome {
    queue(stage, 500).await?;
    stage.sync().await?;
    let sizes: Vec<usize> = stage.pushed().iter().map(Vec::len).collect();
    expect_eq("items by request", &sizes, &vec![500])?;
    stage.converge().await?.expect_quiet()
}

pub(super) async fn many_requests(stage: &mut Stage) -> Outcome {
    queue(stage, 1_100).await?;
    stage.converge().await?.expect_quiet()?;
    let sizes: Vec<usize> = stage.pushed().iter().map(Vec::len).collect();
    let sum: usize = sizes.iter().sum();
    expect_eq("items in all", &sum, &1_100)?;
    expect(sizes.len() <= 4, "at most 4 requests", format!("{sizes:?}"))
}

/// Drafts so many requests.
async fn queue(stage: &mut Stage, count: usize) -> Outcome {
    let mut numbers = Vec::new();
    for draft in 0..count {
        let id = stage.new_id();
        let arguments = json!({"id": id, "fields": {"title": format!("draft {draft}")}});
        numbers.push(stage.client.send("edit", arguments).await?);
        if numbers.len() == AHEAD || draft + 1 == count {
            for number in numbers.drain(..) {
                stage.client.answer(number, "edit").await?;
            }
        }
    }
    Ok(())
}
