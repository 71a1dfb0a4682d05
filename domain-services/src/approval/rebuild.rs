//! Folds every log again and compares: what is stored of a case is a cache of its log.

use super::rules::{Case, LogRow, fold};
use super::service::ApprovalService;
use super::store;
use crate::db::DbError;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// Cases read at a time.
const CASES: i64 = 200;

/// What a rebuild found.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// Cases folded.
    pub cases: u64,
    /// Facts in their logs.
    pub facts: u64,
    /// Where the stored state is not the fold of its log.
    pub differences: Vec<Difference>,
}

/// A case whose stored state is not the fold of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The request.
    pub request_id: Uuid,
    /// What differs.
    pub what: String,
}

impl ApprovalService {
    /// Rebuilds every case from its log and compares it with what is stored. Reads only.
    ///
    /// # Errors
    /// The database's.
    pub async fn rebuild(&self) -> Result<Rebuilt, DbError> {
        let mut rebuilt = Rebuilt::default();
        let mut after = Uuid::nil();
        loop {
            let log = store::log_page(&self.db, after, CASES).await?;
            let Some(last) = log.last() else {
                return Ok(rebuilt);
            };
            after = last.request_id;
            let ids: BTreeSet<Uuid> = log.iter().map(|line| line.request_id).collect();
            let stored = store::states(&self.db, ids.into_iter().collect()).await?;
            for lines in log.chunk_by(|one, next| one.request_id == next.request_id) {
                rebuilt.cases += 1;
                rebuilt.facts += u64::try_from(lines.len()).unwrap_or(u64::MAX);
                rebuilt.differences.extend(compare(lines, &stored));
            }
        }
    }
}

fn compare(lines: &[LogRow], stored: &HashMap<Uuid, Case>) -> Option<Difference> {
    let request_id = lines.first()?.request_id;
    let differs = |what: String| Some(Difference { request_id, what });
    let gap = lines
        .iter()
        .zip(1_i64..)
        .find(|(line, expected)| line.n != *expected);
    if let Some((line, expected)) = gap {
        let found = line.n;
        return differs(format!(
            "the log goes on with fact {found} where {expected} was expected"
        ));
    }
    let facts = lines.iter().map(|line| (line.at_us, &line.fact));
    let folded = match fold(request_id, facts) {
        Ok(folded) => folded,
        Err(error) => return differs(error.to_string()),
    };
    // A command may have been accepted since the logs were read: only a state of as many facts can be
    // compared.
    match stored.get(&request_id) {
        Some(stored) if stored.facts > folded.facts => None,
        Some(stored) => difference(stored, &folded).and_then(differs),
        None => differs("its state is missing".to_owned()),
    }
}

fn difference(stored: &Case, folded: &Case) -> Option<String> {
    if stored == folded {
        return None;
    }
    let levels = stored.levels.iter().zip(&folded.levels);
    let level = levels.clone().find(|(stored, folded)| stored != folded);
    Some(match level {
        Some((stored, folded)) => format!(
            "level {} is stored as {stored:?} and folds to {folded:?}",
            folded.number
        ),
        None => format!("it is stored as {stored:?} and folds to {folded:?}"),
    })
}
