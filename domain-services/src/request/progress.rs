//! The approval service's news, taken into requests: status, seals, the end, and their story.

use super::rules::{LevelNews, NewEvent, Progress};
use super::store::{self, StoryLine};
use crate::bus::Event;
use crate::db::{DbError, Tx};
use crate::events::{
    self, ApprovalCast, ChainChanged, LevelChanged, LevelSealed, Outcome, RequestFinalized,
};
use crate::inbox::ApplyError;
use crate::time::Time;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// One piece of news, decoded.
#[derive(Debug)]
struct Told<'e> {
    event: &'e Event,
    request_id: Uuid,
    owner_id: Uuid,
    level: u8,
    decided: Option<Outcome>,
    line: Option<StoryLine>,
}

/// Takes news of levels and moves the feeds of the requests' owners. Returns whose feeds moved.
pub(super) async fn take(tx: &mut Tx, events: &[&Event]) -> Result<Vec<Uuid>, ApplyError> {
    let told: Vec<Told<'_>> = events
        .iter()
        .filter_map(|event| decode(event).transpose())
        .collect::<Result<_, _>>()?;
    if told.is_empty() {
        return Ok(Vec::new());
    }
    // Heads first, in order of user: a push compares them, and what it read is then no longer current.
    let owners: BTreeSet<Uuid> = told.iter().map(|told| told.owner_id).collect();
    let mut heads = store::lock_heads(tx, owners).await?;
    let ids: BTreeSet<Uuid> = told.iter().map(|told| told.request_id).collect();
    let mut requests = store::progress(tx, ids.into_iter().collect()).await?;
    let now_us = tx.now_us().await?;
    let mut lines = Vec::new();
    let mut shown = BTreeSet::new();
    let mut finals = Vec::new();
    for told in told {
        let Some(request) = requests.get_mut(&told.request_id) else {
            continue;
        };
        let changed = request.take(LevelNews {
            kind: &told.event.kind,
            version: told.event.version,
            level: told.level,
            decided: told.decided,
            traceparent: told.event.traceparent.as_deref(),
        });
        if changed {
            shown.insert(request.id);
        }
        if changed && request.finalized.is_some() {
            finals.push(request.id);
        }
        lines.extend(told.line);
    }
    let positions = positions(&requests, shown, &mut heads, now_us);
    for id in &finals {
        if let Some(request) = requests.get_mut(id) {
            request.final_us = positions.get(id).copied();
        }
    }
    let ended: Vec<NewEvent> = finals
        .iter()
        .filter_map(|id| finalized(requests.get(id)?))
        .collect();
    let traces: HashMap<Uuid, Option<String>> = finals
        .iter()
        .filter_map(|id| Some((*id, requests.get(id)?.decided_trace.clone())))
        .collect();
    lines.extend(ended.iter().map(final_line));
    let written = store::Advanced {
        requests: requests.into_values().collect(),
        positions,
        heads,
        lines,
    };
    let owners = store::advance(tx, &written).await?;
    announce(tx, now_us, ended, traces).await?;
    Ok(owners)
}

/// A place at the end of its owner's feed for each request whose record changed.
fn positions(
    requests: &HashMap<Uuid, Progress>,
    shown: BTreeSet<Uuid>,
    heads: &mut BTreeMap<Uuid, i64>,
    now_us: i64,
) -> HashMap<Uuid, i64> {
    let mut positions = HashMap::new();
    for id in shown {
        let owner = requests.get(&id).map(|request| request.owner_id);
        if let Some(head_us) = owner.and_then(|owner| heads.get_mut(&owner)) {
            *head_us = now_us.max(head_us.saturating_add(1));
            positions.insert(id, *head_us);
        }
    }
    positions
}

fn finalized(request: &Progress) -> Option<NewEvent> {
    let (outcome, final_us) = request.finalized.zip(request.final_us)?;
    Some(NewEvent {
        id: None,
        key: request.id,
        kind: events::REQUEST_FINALIZED,
        version: final_us,
        data: json!(RequestFinalized {
            id: request.id,
            owner_id: request.owner_id,
            revision: request.revision,
            outcome,
            final_at: Time(final_us),
        }),
    })
}

/// Nobody ends a request: time does. Its event has no actor, and the trace of the vote that decided. What
/// noticed that a level was overdue (the sweeper, or whoever came by) is not the cause.
async fn announce(
    tx: &mut Tx,
    now_us: i64,
    ended: Vec<NewEvent>,
    mut traces: HashMap<Uuid, Option<String>>,
) -> Result<(), DbError> {
    let events: Result<Vec<_>, DbError> = ended
        .into_iter()
        .map(|event| {
            let (id, version) = (event.key, event.version);
            let told = crate::outbox::NewEvent::new(event.kind, id, version, &event.data)?;
            Ok(told.traced(traces.remove(&id).flatten()))
        })
        .collect();
    crate::outbox::append(tx, now_us, &events?).await
}

fn decode(event: &Event) -> Result<Option<Told<'_>>, ApplyError> {
    let told = |level: &LevelChanged, decided, line| Told {
        event,
        request_id: level.request_id,
        owner_id: level.owner_id,
        level: level.level,
        decided,
        line,
    };
    Ok(Some(match event.kind.as_str() {
        events::APPROVAL_VOTED
        | events::APPROVAL_ROLLED_BACK
        | events::APPROVAL_SUPERSEDED
        | events::APPROVAL_REFUSED => {
            let cast: ApprovalCast = event.decode()?;
            told(&cast.level, None, Some(cast_line(event, &cast)))
        }
        events::LEVEL_APPROVED | events::LEVEL_REJECTED | events::LEVEL_REOPENED => {
            let changed: LevelChanged = event.decode()?;
            let line = match event.kind.as_str() {
                events::LEVEL_APPROVED => Some("level_approved"),
                events::LEVEL_REJECTED => Some("level_rejected"),
                _ => None,
            };
            let line = line.map(|name| level_line(event, &changed, name, json!({})));
            told(&changed, None, line)
        }
        events::LEVEL_SEALED => {
            let sealed: LevelSealed = event.decode()?;
            let detail = json!({ "outcome": sealed.outcome });
            let line = level_line(event, &sealed.level, "level_sealed", detail);
            let decided = sealed.r#final.then_some(sealed.outcome);
            told(&sealed.level, decided, Some(line))
        }
        events::CHAIN_STALLED | events::CHAIN_RESTORED => {
            let chain: ChainChanged = event.decode()?;
            Told {
                event,
                request_id: chain.request_id,
                owner_id: chain.owner_id,
                level: 0,
                decided: None,
                line: None,
            }
        }
        _ => return Ok(None),
    }))
}

fn cast_line(event: &Event, cast: &ApprovalCast) -> StoryLine {
    let name = match event.kind.as_str() {
        events::APPROVAL_VOTED => "voted",
        events::APPROVAL_ROLLED_BACK => "rolled_back",
        events::APPROVAL_SUPERSEDED => "superseded",
        _ => "refused",
    };
    let detail =
        json!({ "vote": cast.vote, "comment": cast.comment, "hlc": cast.hlc, "opId": cast.op_id });
    StoryLine {
        actor_id: cast.approver_id,
        code: cast.code.map_or("", sync_core::verdict::Code::as_str),
        ..level_line(event, &cast.level, name, detail)
    }
}

/// What one fact led to has one time, and may come in several deliveries: its lines are in the order in which
/// the approval service tells them, first the vote, then level by level, and of a level the seal last.
fn position(event: &Event, level: u8) -> i32 {
    const OF_A_FACT: i64 = 16;
    let within = match event.kind.as_str() {
        events::LEVEL_APPROVED | events::LEVEL_REJECTED => 2 * i64::from(level),
        events::LEVEL_SEALED => 2 * i64::from(level) + 1,
        _ => 0,
    };
    i32::try_from(event.version.saturating_mul(OF_A_FACT) + within).unwrap_or(i32::MAX)
}

fn level_line(
    event: &Event,
    level: &LevelChanged,
    name: &'static str,
    mut detail: Value,
) -> StoryLine {
    detail["level"] = json!(level.level);
    detail["approvalId"] = json!(level.approval_id);
    StoryLine {
        request_id: level.request_id,
        event_id: event.id,
        event: name,
        code: "",
        at_us: level.at.0,
        position: position(event, level.level),
        actor_id: Uuid::nil(),
        detail,
    }
}

fn final_line(event: &NewEvent) -> StoryLine {
    StoryLine {
        request_id: event.key,
        event_id: store::id_of(event),
        event: "finalized",
        code: "",
        at_us: event.version,
        position: i32::MAX,
        actor_id: Uuid::nil(),
        detail: json!({ "outcome": event.data["outcome"] }),
    }
}
