//! Pulls: everything on every phone, the last ten changes, and nothing new.

use super::{Name, Places, Workload, expect};
use crate::Result;
use crate::draft::{Draft, changes_json};
use crate::phone::Phone;
use crate::raw::{Raw, Read, Rows};
use crate::scan;
use crate::stage::Stage;
use crate::stats::{Done, Lap, Round, timed};
use bytes::Bytes;
use serde_json::Value;
use std::collections::HashSet;
use uuid::Uuid;

/// Changes that a pull of `changes` finds.
const CHANGES: u32 = 10;
const UPSERT: &str = "\"kind\":\"upsert\"";

/// Who pulls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crowd {
    phones: u32,
    raw_connections: u32,
    /// Of each phone, and of each owner of raw.
    records: u32,
}

impl Crowd {
    /// Phones with much to pull.
    pub(super) fn few(stage: &Stage) -> Self {
        let options = &stage.options;
        Self {
            phones: options.phones,
            raw_connections: options.phones,
            records: options.records.max(CHANGES + 1),
        }
    }

    /// Phones that ask whether there is something.
    pub(super) fn many(stage: &Stage) -> Self {
        let options = &stage.options;
        Self {
            phones: options.pollers,
            raw_connections: options.raw_pollers,
            records: (options.records / 10).max(CHANGES + 1),
        }
    }
}

/// Phones and raw owners that have their records already.
pub(super) struct Filled {
    crowd: Crowd,
    phones: Vec<Phone>,
    /// Of each phone: `lastSync` ten changes before the end, and at the end.
    marks: Vec<(String, String)>,
    raw: Raw,
    /// Of each raw owner: the place ten rows before the end, and the last place.
    raw_owners: Vec<(Uuid, i64, i64)>,
}

impl Filled {
    pub(super) async fn set(stage: &Stage, crowd: Crowd) -> Result<Self> {
        let records = crowd.records;
        let jobs = stage
            .phones(crowd.phones, 1)
            .await?
            .into_iter()
            .map(|phone| (phone, ()))
            .collect();
        let (mut phones, _) = timed(&stage.meter, jobs, move |mut phone, ()| async move {
            fill(&mut phone, records).await?;
            Ok(Done {
                actor: phone,
                latencies_us: Vec::new(),
                units: 0,
            })
        })
        .await?;
        let mut marks = Vec::new();
        for phone in &mut phones {
            marks.push(find_marks(phone, records).await?);
        }
        let mut raw = stage.raw(crowd.raw_connections).await?;
        let mut places = Places::default();
        let (mut raw_owners, mut queues) = (Vec::new(), Vec::new());
        for _ in 0..crowd.raw_connections {
            let mut author = stage.author();
            let owner_id = author.id();
            let drafts: Vec<(i64, Draft)> = (0..records)
                .map(|_| (places.next(), author.draft()))
                .collect();
            let last = places.0;
            raw_owners.push((owner_id, last - i64::from(CHANGES), last));
            queues.push(
                drafts
                    .chunks(100)
                    .map(|chunk| Rows {
                        owner_id,
                        drafts: chunk.to_vec(),
                    })
                    .collect(),
            );
        }
        raw.upsert(&stage.meter, queues).await?;
        let heads: Vec<(Uuid, i64)> = raw_owners.iter().map(|&(id, _, last)| (id, last)).collect();
        raw.set_heads(&heads).await?;
        Ok(Self {
            crowd,
            phones,
            marks,
            raw,
            raw_owners,
        })
    }
}

/// One kind of pull over filled phones.
pub(super) struct Pull<'s> {
    name: Name,
    stage: &'s Stage,
    filled: &'s mut Filled,
}

impl<'s> Pull<'s> {
    pub(super) fn of(name: Name, stage: &'s Stage, filled: &'s mut Filled) -> Self {
        Self {
            name,
            stage,
            filled,
        }
    }

    fn records(&self) -> u32 {
        self.filled.crowd.records
    }

    fn times(&self) -> u32 {
        match self.name {
            Name::Bootstrap => 1,
            Name::Changes => self.stage.options.requests,
            _ => 2 * self.stage.options.requests,
        }
    }

    /// As many requests as all phones together, shared among raw's connections.
    fn raw_times(&self) -> u32 {
        let crowd = self.filled.crowd;
        (self.times() * crowd.phones).div_ceil(crowd.raw_connections)
    }
}

impl Workload for Pull<'_> {
    async fn product(&mut self) -> Result<Round> {
        let mut jobs = Vec::new();
        for (mut phone, marks) in std::mem::take(&mut self.filled.phones)
            .into_iter()
            .zip(&self.filled.marks)
        {
            phone.wake().await?;
            phone.kept.clear();
            jobs.push((phone, marks.clone()));
        }
        let (name, records, times) = (self.name, self.records(), self.times());
        let (mut phones, round) = timed(
            &self.stage.meter,
            jobs,
            move |mut phone, marks| async move {
                let mut latencies_us = Vec::new();
                let units = match name {
                    Name::Bootstrap => bootstrap(&mut phone, records, &mut latencies_us).await?,
                    Name::Changes => {
                        again_and_again(&mut phone, &marks.0, CHANGES, times, &mut latencies_us)
                            .await?
                    }
                    _ => again_and_again(&mut phone, &marks.1, 0, times, &mut latencies_us).await?,
                };
                Ok(Done {
                    actor: phone,
                    latencies_us,
                    units,
                })
            },
        )
        .await?;
        for phone in &mut phones {
            let pages = std::mem::take(&mut phone.kept);
            match name {
                Name::Bootstrap => check_pages(&pages, records)?,
                Name::Changes => check_pages(&pages, CHANGES)?,
                _ => check_pages(&pages, 0)?,
            }
        }
        self.filled.phones = phones;
        Ok(round)
    }

    async fn raw(&mut self) -> Result<Option<Round>> {
        let reads = self
            .filled
            .raw_owners
            .iter()
            .map(|&(owner_id, ten_before, last)| {
                let read = match self.name {
                    Name::Bootstrap => Read::Everything {
                        rows: u64::from(self.records()),
                    },
                    Name::Changes => Read::After {
                        at_us: ten_before,
                        rows: u64::from(CHANGES),
                    },
                    _ => Read::Head { at_us: last },
                };
                (owner_id, read)
            })
            .collect();
        self.filled
            .raw
            .read(&self.stage.meter, reads, self.raw_times())
            .await
    }

    async fn check(&mut self) -> Result<()> {
        Ok(())
    }
}

async fn fill(phone: &mut Phone, records: u32) -> Result<()> {
    let mut left = records;
    while left > 0 {
        let count = left.min(100);
        let drafts: Vec<Draft> = (0..count).map(|_| phone.author.draft()).collect();
        let changes = changes_json(drafts.iter().map(|draft| (draft, 0xff)))?;
        let answer = phone.push(&changes).await?;
        expect(
            "applied",
            scan::count(&answer, "\"verdict\":\"applied\""),
            drafts.len(),
        )?;
        left -= count;
    }
    Ok(())
}

/// Pages through everything so that one page ends exactly ten changes before the end.
async fn find_marks(phone: &mut Phone, records: u32) -> Result<(String, String)> {
    let (mut since, mut seen, mut before) = (None::<String>, 0, String::new());
    loop {
        let left = if seen < records - CHANGES {
            records - CHANGES - seen
        } else {
            CHANGES
        };
        let page = phone.page(since.as_deref(), left.min(1_000)).await?;
        seen += u32::try_from(scan::count(&page, UPSERT))?;
        let last = scan::string(&page, "\"lastSync\":")
            .ok_or("a page without lastSync")?
            .to_owned();
        if seen == records - CHANGES {
            before.clone_from(&last);
        }
        let more = scan::has_more(&page).ok_or("a page without hasMore")?;
        if !more {
            expect("records pulled", seen as usize, records as usize)?;
            return Ok((before, last));
        }
        if since.as_ref() == Some(&last) {
            return Err("hasMore, but lastSync stands still".into());
        }
        since = Some(last);
    }
}

/// Everything once; laps are pages. The first page is kept to be read in full.
async fn bootstrap(phone: &mut Phone, records: u32, laps_us: &mut Vec<u32>) -> Result<u64> {
    let (mut since, mut seen) = (None::<String>, 0);
    loop {
        let lap = Lap::start();
        let page = phone.page(since.as_deref(), 1_000).await?;
        laps_us.push(lap.us());
        seen += scan::count(&page, UPSERT);
        let more = scan::has_more(&page).ok_or("a page without hasMore")?;
        let last = scan::string(&page, "\"lastSync\":")
            .ok_or("a page without lastSync")?
            .to_owned();
        phone.kept.push(page);
        if !more {
            break;
        }
        if since.as_ref().is_some_and(|since| *since >= last) {
            return Err("lastSync does not rise from page to page".into());
        }
        since = Some(last);
    }
    expect("records pulled", seen, records as usize)?;
    Ok(seen as u64)
}

/// The same pull many times; every answer must hold `changes` changes and be the last page.
async fn again_and_again(
    phone: &mut Phone,
    since: &str,
    changes: u32,
    times: u32,
    laps_us: &mut Vec<u32>,
) -> Result<u64> {
    for number in 0..times {
        let lap = Lap::start();
        let page = phone.page(Some(since), 500).await?;
        laps_us.push(lap.us());
        expect("changes", scan::count(&page, UPSERT), changes as usize)?;
        if scan::has_more(&page) != Some(false) {
            return Err("an answer that is not the last page".into());
        }
        if number == 0 {
            phone.kept.push(page);
        }
    }
    Ok(u64::from(times))
}

/// Reads pages in full: so many different records, every one with its eight fields and stamps.
fn check_pages(pages: &[Bytes], records: u32) -> Result<()> {
    let mut ids = HashSet::new();
    for page in pages {
        let page: Value = serde_json::from_slice(page)?;
        for change in page["changes"].as_array().ok_or("no changes")? {
            let record = &change["record"];
            let id = record["id"].as_str().ok_or("a change without a record")?;
            if !ids.insert(id.to_owned()) {
                return Err(format!("record {id} came twice").into());
            }
            expect(
                "stamps of a record",
                record["stamps"].as_object().map_or(0, serde_json::Map::len),
                8,
            )?;
        }
    }
    expect("different records", ids.len(), records as usize)
}
