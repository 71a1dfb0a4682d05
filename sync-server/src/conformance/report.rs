//! What came out, as a table or as JSON.

use super::outcome::Outcome;
use serde_json::{Value, json};
use std::fmt;

/// One case's result.
#[derive(Debug)]
pub struct Passed {
    pub(super) name: &'static str,
    pub(super) promise: &'static str,
    pub(super) outcome: Outcome,
}

/// All cases that were played.
#[derive(Debug)]
pub struct Report(pub(super) Vec<Passed>);

impl Report {
    /// Whether every case passed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.0.iter().all(|case| case.outcome.is_ok())
    }

    /// How many passed, and of how many.
    #[must_use]
    pub fn score(&self) -> (usize, usize) {
        let passed = self.0.iter().filter(|case| case.outcome.is_ok()).count();
        (passed, self.0.len())
    }

    /// The same for programs: `{"passed", "failed", "cases": [{"case", "promise", "passed", "expected", "seen"}]}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let cases = self.0.iter().map(|case| {
            let miss = case.outcome.as_ref().err();
            json!({
                "case": case.name, "promise": case.promise, "passed": miss.is_none(),
                "expected": miss.map(|miss| &miss.expected), "seen": miss.map(|miss| &miss.seen),
            })
        });
        let (passed, all) = self.score();
        let cases: Vec<Value> = cases.collect();
        json!({"passed": passed, "failed": all - passed, "cases": cases})
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|case| case.name.len()).max().unwrap_or(0);
        for case in &self.0 {
            let mark = if case.outcome.is_ok() { "ok  " } else { "FAIL" };
            writeln!(f, "{mark}  {:width$}  {}", case.name, case.promise)?;
            if let Err(miss) = &case.outcome {
                writeln!(f, "      {:width$}  expected {}", "", miss.expected)?;
                writeln!(f, "      {:width$}  seen     {}", "", miss.seen)?;
            }
        }
        let (passed, all) = self.score();
        writeln!(f, "{passed} of {all} passed")
    }
}
