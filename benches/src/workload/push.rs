//! Batches of new records, and the same batches again (an answer was lost, say).

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
use uuid::Uuid;

/// New records, or the same again.
pub(super) struct Push<'s> {
    stage: &'s Stage,
    again: bool,
    phones: Vec<Phone>,
    pushed_a_phone: u64,
    /// The last round's drafts, to compare what the server gives back with what was said.
    sample: Vec<HashMap<Uuid, Content>>,
    raw: Raw,
    raw_people: Vec<(Uuid, Author)>,
    places: Places,
    raw_rows: u64,
}

/// A batch ready to be sent.
struct Batch {
    changes: String,
    ids: Vec<Uuid>,
}

impl<'s> Push<'s> {
    pub(super) async fn set(stage: &'s Stage, again: bool) -> Result<Self> {
        let phones = stage.phones(stage.options.phones, 1).await?;
        let raw = stage.raw(stage.options.phones).await?;
        let raw_people = (0..stage.options.phones)
            .map(|_| {
                let mut author = stage.author();
                (author.id(), author)
            })
            .collect();
        Ok(Self {
            stage,
            again,
            phones,
            pushed_a_phone: 0,
            sample: Vec::new(),
            raw,
            raw_people,
            places: Places::default(),
            raw_rows: 0,
        })
    }

    /// Who pushes.
    pub(super) fn user_ids(&self) -> Vec<Uuid> {
        self.phones.iter().map(|phone| phone.user_id).collect()
    }

    fn queue(&self, author: &mut Author) -> Result<(Vec<Batch>, HashMap<Uuid, Content>)> {
        let mut said = HashMap::new();
        let mut queue = Vec::new();
        for _ in 0..self.stage.options.batches {
            let drafts: Vec<Draft> = (0..self.stage.options.batch)
                .map(|_| author.draft())
                .collect();
            queue.push(Batch {
                changes: changes_json(drafts.iter().map(|draft| (draft, 0xff)))?,
                ids: drafts.iter().map(|draft| draft.id).collect(),
            });
            said = drafts
                .into_iter()
                .map(|draft| (draft.id, draft.content))
                .collect();
        }
        Ok((queue, said))
    }

    /// One pass over the queues; every answer must give `verdict` to all of its items.
    async fn pass(
        &mut self,
        queues: Vec<(Phone, Vec<Batch>)>,
        verdict: &'static str,
    ) -> Result<(Vec<(Phone, Vec<Batch>)>, Round)> {
        let queues = queues
            .into_iter()
            .map(|(phone, queue)| ((phone, queue), ()))
            .collect();
        timed(
            &self.stage.meter,
            queues,
            move |(mut phone, queue), ()| async move {
                let needle = format!("\"verdict\":\"{verdict}\"");
                let mut latencies_us = Vec::with_capacity(queue.len());
                let mut units = 0;
                for (number, batch) in queue.iter().enumerate() {
                    let lap = Lap::start();
                    let answer = phone.push(&batch.changes).await?;
                    latencies_us.push(lap.us());
                    expect(verdict, scan::count(&answer, &needle), batch.ids.len())?;
                    units += batch.ids.len() as u64;
                    if number == 0 {
                        phone.kept.push(answer);
                    }
                }
                Ok(Done {
                    actor: (phone, queue),
                    latencies_us,
                    units,
                })
            },
        )
        .await
    }
}

impl Workload for Push<'_> {
    async fn product(&mut self) -> Result<Round> {
        let mut queues = Vec::new();
        self.sample.clear();
        for mut phone in std::mem::take(&mut self.phones) {
            let (queue, said) = self.queue(&mut phone.author)?;
            phone.wake().await?;
            self.sample.push(said);
            queues.push((phone, queue));
        }
        self.pushed_a_phone += u64::from(self.stage.options.batches * self.stage.options.batch);
        let (mut queues, mut round) = self.pass(queues, "applied").await?;
        check_first_answers(&mut queues, "applied")?;
        if self.again {
            (queues, round) = self.pass(queues, "duplicate").await?;
            check_first_answers(&mut queues, "duplicate")?;
        }
        self.phones = queues.into_iter().map(|(phone, _)| phone).collect();
        Ok(round)
    }

    async fn raw(&mut self) -> Result<Option<Round>> {
        let mut queues = Vec::new();
        for (owner_id, author) in &mut self.raw_people {
            let mut queue = Vec::new();
            for _ in 0..self.stage.options.batches {
                let drafts = (0..self.stage.options.batch)
                    .map(|_| (self.places.next(), author.draft()))
                    .collect();
                queue.push(Rows {
                    owner_id: *owner_id,
                    drafts,
                });
            }
            queues.push(queue);
        }
        let meter = &self.stage.meter;
        let mut round;
        if self.again {
            self.raw.upsert(meter, queues.clone()).await?;
            round = self.raw.upsert(meter, queues).await?;
        } else {
            round = self.raw.upsert(meter, queues).await?;
        }
        if let Some(round) = &mut round {
            self.raw_rows += round.units;
        }
        self.raw.check_rows(self.raw_rows).await?;
        Ok(round)
    }

    async fn check(&mut self) -> Result<()> {
        for (phone, said) in self.phones.iter_mut().zip(&self.sample) {
            phone.wake().await?;
            let mut pages = Vec::new();
            phone.bootstrap(&mut pages).await?;
            let mut records = 0;
            let mut compared = 0;
            for page in &pages {
                let page: Value = serde_json::from_slice(page)?;
                for change in page["changes"].as_array().ok_or("no changes")? {
                    records += 1;
                    let record = &change["record"];
                    let id: Uuid = record["id"].as_str().ok_or("no id")?.parse()?;
                    if let Some(content) = said.get(&id) {
                        compared += 1;
                        if let Some(field) = (0..FIELDS.len()).find(|&f| !content.agrees(f, record))
                        {
                            return Err(
                                format!("{id}: {} is not what was said", FIELDS[field]).into()
                            );
                        }
                    }
                }
            }
            expect(
                "records pulled after the pushes",
                records,
                usize::try_from(self.pushed_a_phone)?,
            )?;
            expect("records compared field by field", compared, said.len())?;
        }
        Ok(())
    }
}

/// The kept answer of each first batch, read in full: one verdict an item, in order.
fn check_first_answers(queues: &mut [(Phone, Vec<Batch>)], verdict: &str) -> Result<()> {
    for (phone, queue) in queues {
        let Some(batch) = queue.first() else { continue };
        for answer in phone.kept.drain(..) {
            let answer: Value = serde_json::from_slice(&answer)?;
            let results = answer["results"].as_array().ok_or("no results")?;
            expect("results", results.len(), batch.ids.len())?;
            for (result, id) in results.iter().zip(&batch.ids) {
                if result["verdict"] != verdict || result["id"] != id.to_string() {
                    return Err(format!("wanted {verdict} of {id}, got {result}").into());
                }
            }
        }
    }
    Ok(())
}
