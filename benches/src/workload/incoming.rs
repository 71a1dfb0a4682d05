//! What waits for one approver who has much to do: all of its pages, and the first one again and again.

use super::{Name, expect};
use crate::Result;
use crate::chain::Chain;
use crate::phone::Phone;
use crate::report::{Against, Line};
use crate::stage::Stage;
use crate::stats::{Done, Lap, Round, timed};
use serde_json::Value;
use std::collections::HashSet;

/// Approvals of a page.
const LIMIT: u32 = 100;

pub(super) async fn run(stage: &Stage) -> Result<Vec<Line>> {
    let count = stage.options.records as usize;
    let mut chain = Chain::open(stage, 1).await?;
    chain.fill(count).await?;
    let mut phone = chain.approvers.pop().ok_or("a chain of no levels")?;
    let (mut firsts, mut walks) = (Vec::new(), Vec::new());
    for number in 0..=stage.options.rounds.max(1) {
        let (back, first) = first_pages(stage, phone, count).await?;
        let (back, walk) = all_pages(stage, back, count).await?;
        phone = back;
        // The first ones warm up.
        if number > 0 {
            firsts.push(first);
            walks.push(walk);
        }
    }
    let first = Line::of(Name::Incoming, &firsts, &[], Against::Raw, stage)?;
    let walk = Line::of(Name::Incoming, &walks, &[], Against::Raw, stage)?;
    Ok(vec![first, walk.named("all pages")])
}

/// A page of `incoming` or `history`, decoded.
pub(super) async fn page(
    phone: &mut Phone,
    list: &str,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Value> {
    let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
    let path = format!("/api/v1/approvals/{list}?limit={limit}{cursor}");
    Ok(serde_json::from_slice(&phone.get(&path).await?)?)
}

async fn first_pages(stage: &Stage, mut phone: Phone, count: usize) -> Result<(Phone, Round)> {
    phone.wake().await?;
    let times = stage.options.requests;
    let work = move |mut phone: Phone, ()| async move {
        let path = format!("/api/v1/approvals/incoming?limit={LIMIT}");
        let mut latencies_us = Vec::new();
        for _ in 0..times {
            let lap = Lap::start();
            let page = phone.get(&path).await?;
            latencies_us.push(lap.us());
            let found = crate::scan::count(&page, "\"myVote\":null");
            expect("approvals of a page", found, count.min(LIMIT as usize))?;
        }
        Ok(Done {
            actor: phone,
            latencies_us,
            units: u64::from(times),
        })
    };
    one(timed(&stage.meter, vec![(phone, ())], work).await?)
}

/// From the start to the end: every approval once.
async fn all_pages(stage: &Stage, mut phone: Phone, count: usize) -> Result<(Phone, Round)> {
    phone.wake().await?;
    let work = move |mut phone: Phone, ()| async move {
        let (mut latencies_us, mut ids, mut cursor) = (Vec::new(), HashSet::new(), None::<String>);
        loop {
            let lap = Lap::start();
            let page = page(&mut phone, "incoming", LIMIT, cursor.as_deref()).await?;
            latencies_us.push(lap.us());
            for record in page["items"].as_array().ok_or("no items")? {
                if record["status"] != "open" || !ids.insert(record["id"].to_string()) {
                    return Err(format!("not open, or twice: {record}").into());
                }
            }
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        expect("approvals of all pages", ids.len(), count)?;
        Ok(Done {
            actor: phone,
            units: latencies_us.len() as u64,
            latencies_us,
        })
    };
    one(timed(&stage.meter, vec![(phone, ())], work).await?)
}

fn one((mut actors, round): (Vec<Phone>, Round)) -> Result<(Phone, Round)> {
    Ok((actors.pop().ok_or("the phone is gone")?, round))
}
