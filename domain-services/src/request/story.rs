//! A request's story: what happened to it, with the values that lost or were refused.

use super::reads::RequestRecord;
use super::service::{RequestError, RequestService};
use super::store::{self, StoryRow};
use crate::identity::Identity;
use crate::time::Time;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use sync_core::field::Field;
use sync_core::hlc::Stamp;
use uuid::Uuid;

/// What happened, oldest first.
#[derive(Debug, Serialize)]
pub struct Story {
    /// The lines.
    pub items: Vec<StoryItem>,
}

/// One thing that happened.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoryItem {
    /// When.
    pub(super) at: Time,
    /// Who did it; none: time did.
    pub actor_id: Option<Uuid>,
    /// `created`, `edited`, `superseded`, `refused`, `submitted`, ….
    pub event: String,
    /// Of an approval: which level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    /// Of a vote: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What it was about.
    pub detail: serde_json::Value,
}

impl RequestService {
    /// A request's story, to whom may read the request. Votes that did not count are for auditors and
    /// admins (and, as dissent, for the levels above): the requester learns what was decided.
    ///
    /// # Errors
    /// [`RequestError::NotFound`], for another's request too; the database's.
    pub async fn history(&self, who: &Identity, id: Uuid) -> Result<Story, RequestError> {
        let record = self.find(who, id).await?;
        let mut items = written(&record)?;
        for row in store::story(&self.db, id).await? {
            items.push(line(row)?);
        }
        if !super::reads::reads_all(who) {
            items.retain(|item| {
                let counts = item.event != "refused" && item.event != "superseded";
                counts || item.level.is_none()
            });
        }
        items.sort_by_key(|item| (item.at.0, rank(&item.event)));
        Ok(Story { items })
    }
}

/// Nothing comes before its creation, and an edit before what was made of it.
fn rank(event: &str) -> u8 {
    match event {
        "created" => 0,
        "edited" => 1,
        _ => 2,
    }
}

fn line(row: StoryRow) -> Result<StoryItem, RequestError> {
    let mut detail: serde_json::Value = serde_json::from_str(&row.detail)
        .map_err(|error| crate::db::DbError::Decode(format!("history {}: {error}", row.op_id)))?;
    if detail.get("opId").is_none() && row.actor_id != Uuid::nil() {
        detail["opId"] = json!(row.op_id);
    }
    let level = detail["level"].as_u64();
    let comment = detail["comment"].as_str().map(str::to_owned);
    if !row.code.is_empty() {
        detail["code"] = json!(row.code);
    }
    Ok(StoryItem {
        at: Time(row.at_us),
        actor_id: (row.actor_id != Uuid::nil()).then_some(row.actor_id),
        event: row.event,
        level: level.and_then(|level| u8::try_from(level).ok()),
        comment,
        detail,
    })
}

/// The creation and the last edit of each field, as the record's own stamps tell them: an edit that
/// won needs no second row. What was written on the device before the server made the record is part
/// of its creation; a later edit is told at its device's time, held between creation and last change.
fn written(record: &RequestRecord) -> Result<Vec<StoryItem>, RequestError> {
    let row = record.row()?;
    let mut stamps = row.stamps()?;
    let heads = row.heads(&stamps)?;
    if let Some(head) = heads.last() {
        stamps[Field::Justification.index()] = Some(*head);
    }
    let mut first = Vec::new();
    let mut edits: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for (field, stamp) in Field::ALL.into_iter().zip(stamps) {
        match stamp {
            Some(stamp) if device_us(stamp) <= row.created_us => first.push(field.name()),
            Some(stamp) => edits.entry(stamp).or_default().push(field.name()),
            None => {}
        }
    }
    let mut items = vec![StoryItem {
        at: Time(row.created_us),
        actor_id: Some(row.owner_id),
        event: "created".to_owned(),
        level: None,
        comment: None,
        detail: json!({ "fields": first }),
    }];
    items.extend(edits.into_iter().map(|(stamp, fields)| StoryItem {
        at: Time(device_us(stamp).min(row.at_us)),
        actor_id: Some(row.owner_id),
        event: "edited".to_owned(),
        level: None,
        comment: None,
        detail: json!({ "hlc": stamp, "fields": fields }),
    }));
    Ok(items)
}

fn device_us(stamp: Stamp) -> i64 {
    i64::try_from(stamp.millis())
        .unwrap_or(i64::MAX)
        .saturating_mul(1_000)
}
