//! Two phones of one user edit the same records at once: 30 % of the fields on both, the rest on one.

use super::{Places, Workload, expect};
use crate::Result;
use crate::draft::{Author, Content, Draft, FIELDS, changes_json};
use crate::phone::Phone;
use crate::raw::{Raw, Rows};
use crate::scan;
use crate::stage::Stage;
use crate::stats::{Done, Lap, Round, timed};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use sync_core::hlc::Stamp;
use uuid::Uuid;

const CONTENDED_PERCENT: u32 = 30;

/// Of each field: the greatest stamp that was sent, and what it said.
type Expected = [Option<(Stamp, Arc<Content>)>; FIELDS.len()];

/// Pairs of phones over the records they share.
pub(super) struct Conflict<'s> {
    stage: &'s Stage,
    /// Phones 2k and 2k+1 are one user's.
    phones: Vec<Phone>,
    /// Of each user, in the order of the array they are edited in.
    records: Vec<Vec<Uuid>>,
    expected: HashMap<Uuid, Expected>,
    raw: Raw,
    raw_pairs: Vec<(Uuid, [Author; 2], Vec<Uuid>)>,
    places: Places,
}

impl<'s> Conflict<'s> {
    pub(super) async fn set(stage: &'s Stage) -> Result<Self> {
        let mut phones = stage.phones(stage.options.phones, 2).await?;
        if phones.is_empty() {
            return Err("the conflict mix needs two phones at least".into());
        }
        let count = stage.options.batches * stage.options.batch;
        let mut conflict = Self {
            stage,
            phones: Vec::new(),
            records: Vec::new(),
            expected: HashMap::new(),
            raw: stage.raw(stage.options.phones).await?,
            raw_pairs: Vec::new(),
            places: Places::default(),
        };
        for phone in phones.iter_mut().step_by(2) {
            let drafts: Vec<Draft> = (0..count).map(|_| phone.author.draft()).collect();
            for batch in drafts.chunks(stage.options.batch as usize) {
                let changes = changes_json(batch.iter().map(|draft| (draft, 0xff)))?;
                let answer = phone.push(&changes).await?;
                expect(
                    "applied",
                    scan::count(&answer, "\"verdict\":\"applied\""),
                    batch.len(),
                )?;
            }
            conflict
                .records
                .push(drafts.iter().map(|draft| draft.id).collect());
            for draft in &drafts {
                conflict.expect_edit(draft, 0xff);
            }
        }
        for phone in phones.iter_mut().skip(1).step_by(2) {
            phone.bootstrap(&mut Vec::new()).await?;
        }
        let mut rows = Vec::new();
        for _ in 0..stage.options.phones / 2 {
            let mut authors = [stage.author(), stage.author()];
            let owner_id = authors[0].id();
            let drafts: Vec<Draft> = (0..count).map(|_| authors[0].draft()).collect();
            let ids = drafts.iter().map(|draft| draft.id).collect();
            rows.push(conflict.rows(owner_id, drafts));
            conflict.raw_pairs.push((owner_id, authors, ids));
        }
        conflict.raw.upsert(&stage.meter, rows).await?;
        conflict.phones = phones;
        Ok(conflict)
    }

    fn rows(&mut self, owner_id: Uuid, drafts: Vec<Draft>) -> Vec<Rows> {
        let mut queue = Vec::new();
        let mut drafts = drafts.into_iter().peekable();
        while drafts.peek().is_some() {
            let batch = drafts
                .by_ref()
                .take(self.stage.options.batch as usize)
                .map(|draft| (self.places.next(), draft))
                .collect();
            queue.push(Rows {
                owner_id,
                drafts: batch,
            });
        }
        queue
    }

    fn expect_edit(&mut self, draft: &Draft, mask: u8) {
        let content = Arc::new(draft.content.clone());
        let fields = self.expected.entry(draft.id).or_default();
        for (field, slot) in fields.iter_mut().enumerate() {
            let newer = slot.as_ref().is_none_or(|(stamp, _)| *stamp < draft.stamp);
            if mask & (1 << field) != 0 && newer {
                *slot = Some((draft.stamp, Arc::clone(&content)));
            }
        }
    }

    /// The edits of one user's two phones: over every record, each with the fields it writes.
    fn edits(pair: &mut [&mut Author; 2], ids: &[Uuid]) -> [Vec<(Draft, u8)>; 2] {
        let mut queues = [Vec::new(), Vec::new()];
        for &id in ids {
            let mut masks = [0_u8; 2];
            for field in 0..FIELDS.len() {
                let bit = 1 << field;
                if pair[0].chance(CONTENDED_PERCENT) {
                    masks[0] |= bit;
                    masks[1] |= bit;
                } else {
                    masks[usize::from(pair[0].chance(50))] |= bit;
                }
            }
            if masks.contains(&0) {
                // An edit of nothing would be a duplicate.
                masks = masks.map(|mask| mask | 1);
            }
            // Either phone may be the one that stamps later and wins.
            let first = usize::from(pair[0].chance(50));
            for phone in [first, 1 - first] {
                let mut draft = pair[phone].draft();
                draft.id = id;
                queues[phone].push((draft, masks[phone]));
            }
        }
        queues
    }
}

impl Workload for Conflict<'_> {
    async fn product(&mut self) -> Result<Round> {
        let mut phones = std::mem::take(&mut self.phones).into_iter();
        let mut jobs = Vec::new();
        let records = std::mem::take(&mut self.records);
        for ids in &records {
            let (Some(mut one), Some(mut other)) = (phones.next(), phones.next()) else {
                return Err("a user without two phones".into());
            };
            let queues = Self::edits(&mut [&mut one.author, &mut other.author], ids);
            for (mut phone, edits) in [one, other].into_iter().zip(queues) {
                phone.wake().await?;
                let mut batches = Vec::new();
                for batch in edits.chunks(self.stage.options.batch as usize) {
                    let changes = changes_json(batch.iter().map(|(draft, mask)| (draft, *mask)))?;
                    batches.push((changes, batch.len()));
                }
                for (draft, mask) in &edits {
                    self.expect_edit(draft, *mask);
                }
                jobs.push((phone, batches));
            }
        }
        self.records = records;
        let (phones, round) = timed(&self.stage.meter, jobs, |mut phone, batches| async move {
            let mut latencies_us = Vec::with_capacity(batches.len());
            let mut units = 0;
            for (changes, count) in &batches {
                let lap = Lap::start();
                let answer = phone.push(changes).await?;
                latencies_us.push(lap.us());
                let taken = ["applied", "merged"]
                    .map(|verdict| scan::count(&answer, &format!("\"verdict\":\"{verdict}\"")));
                expect("applied or merged", taken.iter().sum(), *count)?;
                units += *count as u64;
            }
            Ok(Done {
                actor: phone,
                latencies_us,
                units,
            })
        })
        .await?;
        self.phones = phones;
        Ok(round)
    }

    async fn raw(&mut self) -> Result<Option<Round>> {
        let mut queues = Vec::new();
        let mut pairs = std::mem::take(&mut self.raw_pairs);
        for (owner_id, [one, other], ids) in &mut pairs {
            for edits in Self::edits(&mut [one, other], ids) {
                let drafts = edits.into_iter().map(|(draft, _)| draft).collect();
                queues.push(self.rows(*owner_id, drafts));
            }
        }
        self.raw_pairs = pairs;
        self.raw.upsert(&self.stage.meter, queues).await
    }

    /// Every field of every record is what the greatest stamp said, on both phones' server.
    async fn check(&mut self) -> Result<()> {
        let mut compared = 0;
        for phone in self.phones.iter_mut().step_by(2) {
            phone.wake().await?;
            let mut pages = Vec::new();
            phone.bootstrap(&mut pages).await?;
            for page in &pages {
                let page: Value = serde_json::from_slice(page)?;
                for change in page["changes"].as_array().ok_or("no changes")? {
                    let record = &change["record"];
                    let id: Uuid = record["id"].as_str().ok_or("no id")?.parse()?;
                    let expected = self.expected.get(&id).ok_or("a record nobody wrote")?;
                    for (field, winner) in expected.iter().enumerate() {
                        let (stamp, content) = winner.as_ref().ok_or("a field nobody wrote")?;
                        let shown = record["stamps"][FIELDS[field]].as_str();
                        if !content.agrees(field, record) || shown != Some(&stamp.to_string()) {
                            let name = FIELDS[field];
                            return Err(
                                format!("{id}: {name} is not what {stamp} said: {record}").into()
                            );
                        }
                    }
                    compared += 1;
                }
            }
        }
        expect("records compared", compared, self.expected.len())
    }
}
