//! Plays the cases one after the other.

use super::cases::{CASES, Case};
use super::outcome::{Miss, Outcome, expect};
use super::report::{Passed, Report};
use super::stage::Stage;

/// What to play.
#[derive(Debug, Clone)]
pub struct Options {
    /// Starts the client under test; a shell reads it.
    pub command: String,
    /// The names of cases, or beginnings of names; all if empty.
    pub only: Vec<String>,
}

/// A name that no case has.
#[derive(Debug, thiserror::Error)]
#[error("no case begins with `{0}`; there are {known}", known = names())]
pub struct UnknownCase(String);

/// Plays the cases that were asked for.
///
/// # Errors
/// [`UnknownCase`] before anything is played.
pub async fn run(options: &Options) -> Result<Report, UnknownCase> {
    for name in &options.only {
        if !CASES
            .iter()
            .any(|case| case.name.starts_with(name.as_str()))
        {
            return Err(UnknownCase(name.clone()));
        }
    }
    let asked = |case: &&Case| {
        let mut only = options.only.iter();
        options.only.is_empty() || only.any(|name| case.name.starts_with(name.as_str()))
    };
    let mut played = Vec::new();
    for case in CASES.iter().filter(asked) {
        played.push(Passed {
            name: case.name,
            promise: case.promise,
            outcome: play(case, &options.command).await,
        });
    }
    Ok(Report(played))
}

/// A case, and whether every request in it kept to the contract.
async fn play(case: &Case, command: &str) -> Outcome {
    let mut stage = Stage::set(command).await?;
    let outcome = (case.play)(&mut stage).await;
    stage.client.kill().await;
    let faults = stage.server.faults();
    // A fault in what was sent explains what went wrong after it.
    match (faults.is_empty(), outcome) {
        (true, Ok(())) => asked_for_all(&stage),
        (true, missed) => missed,
        (false, _) => Err(Miss::new(
            "requests that keep to the contract",
            faults.join("; "),
        )),
    }
}

/// A case whose prepared answers were never asked for has shown nothing.
fn asked_for_all(stage: &Stage) -> Outcome {
    let awaited = stage.server.awaited();
    expect(
        awaited.is_empty(),
        "requests for all that the server had prepared",
        format!("none of {awaited:?}"),
    )
}

fn names() -> String {
    let names: Vec<_> = CASES.iter().map(|case| case.name).collect();
    names.join(", ")
}
