//! What the scripted server makes of a push: honest, unless its case rules otherwise.

use super::call::{Call, From};
use super::reply::Reply;
use super::world::World;
use super::{OWNER, Person};
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use sync_core::canonical::Revision;
use sync_core::field::Field;
use sync_core::hlc::{Stamp, is_ahead};
use sync_core::record::{Edit, Effect, FieldSet, Outcome};
use sync_core::text::{TextError, Work};
use sync_core::wire::{ApprovalItem, RequestChange, RequestItem, Seen};
use uuid::Uuid;

/// How far a stamp may be ahead of the server, in milliseconds.
const AHEAD_MAX_MS: u64 = 60_000;

/// What a case says of an item instead of the honest verdict: members of a result.
pub(in crate::conformance) type Ruling<'a> =
    &'a mut dyn FnMut(usize, &RequestItem) -> Option<Value>;

impl World {
    /// An honest push of requests.
    pub(in crate::conformance) fn push(&mut self, call: &Call) -> Reply {
        self.push_ruled(call, &mut |_, _| None)
    }

    /// A push in which the case has the first word on every item.
    pub(in crate::conformance) fn push_ruled(&mut self, call: &Call, ruling: Ruling<'_>) -> Reply {
        let start = match self.begin(call, false) {
            Ok(start) => start,
            Err(refused) => return *refused,
        };
        let mut walk = Walk::default();
        let mut results: Vec<Value> = Vec::new();
        for (index, item) in call.requests.iter().enumerate() {
            let ruled = ruling(index, item);
            let mut result = ruled.unwrap_or_else(|| self.verdict(item, &mut walk));
            walk.note(item.op_id, item.id, &result);
            result["opId"] = json!(item.op_id);
            result["id"] = json!(item.id);
            results.push(result);
        }
        for (result, item) in results.iter_mut().zip(&call.requests) {
            let with_record =
                result["verdict"] != "applied" || !matches!(item.change, RequestChange::Upsert(_));
            let named = result["code"] != "not_found" && result.get("record").is_none();
            if with_record && named {
                result["record"] = self.shown(item.id);
            }
            complete(result);
        }
        self.answer(call, false, &walk, &results, &start)
    }

    /// An honest push of votes.
    pub(in crate::conformance) fn push_votes(&mut self, call: &Call) -> Reply {
        self.push_votes_ruled(call, &mut |_| None)
    }

    /// A push of votes in which the case has the first word on every item.
    pub(in crate::conformance) fn push_votes_ruled(
        &mut self,
        call: &Call,
        ruling: &mut dyn FnMut(&ApprovalItem) -> Option<Value>,
    ) -> Reply {
        let start = match self.begin(call, true) {
            Ok(start) => start,
            Err(refused) => return *refused,
        };
        let mut walk = Walk::default();
        let mut results = Vec::new();
        for item in &call.votes {
            let mut result = ruling(item).unwrap_or_else(|| self.vote(item, &mut walk));
            walk.note(item.op_id, item.id, &result);
            result["opId"] = json!(item.op_id);
            result["id"] = json!(item.id);
            let record = self.approvals.get(&item.id);
            result["record"] = record.cloned().unwrap_or(Value::Null);
            complete(&mut result);
            results.push(result);
        }
        self.answer(call, true, &walk, &results, &start)
    }

    /// What refuses a push as a whole; otherwise the feed's state before it.
    fn begin(&mut self, call: &Call, votes: bool) -> Result<HashMap<Uuid, i64>, Box<Reply>> {
        let refused = |status, code| Err(Box::new(Reply::problem(status, code)));
        let named = call.body["userId"].as_str();
        let person = call.person.map(|person: Person| person.id.to_string());
        if named.is_some_and(|named| Some(named) != person.as_deref()) {
            return refused(StatusCode::CONFLICT, "wrong_user");
        }
        if call.items().len() > self.batch_max {
            return refused(StatusCode::PAYLOAD_TOO_LARGE, "batch_too_large");
        }
        if self.page(&call.from, 1, votes).is_none() {
            return refused(StatusCode::GONE, "resync_required");
        }
        let places = self.records.iter();
        Ok(places.map(|(id, held)| (*id, held.at_us)).collect())
    }

    fn answer(
        &mut self,
        call: &Call,
        votes: bool,
        walk: &Walk,
        results: &[Value],
        before: &HashMap<Uuid, i64>,
    ) -> Reply {
        let client = call.body["clientTime"].as_str();
        let client_us = client.and_then(|text| sync_core::time::parse_rfc3339(text).ok());
        let now_ms = i64::try_from(self.now_ms).unwrap_or(0);
        let mut answer = json!({
            "serverTime": self.server_time(), "hlc": self.answer_stamp(walk.observed), "results": results,
            "clockOffsetMs": client_us.map(|client_us| now_ms - client_us / 1_000),
            "lastSync": null, "changes": [], "hasMore": false,
        });
        let pulls = call.from != From::Nowhere && call.person.is_some_and(|who| who.id == OWNER.id);
        if let Some(page) = self.page(&call.from, 500, votes)
            && pulls
        {
            let after_us = match &call.from {
                From::After(text) => sync_core::time::parse_rfc3339(text).unwrap_or(0),
                _ => 0,
            };
            // What the phone wrote itself, and has seen all before of, it is not told again.
            let own = |id: &Uuid| {
                let seen = before.get(id).is_none_or(|at_us| *at_us <= after_us);
                !votes && walk.written.contains(id) && seen
            };
            let told = page.entries.into_iter().filter(|(id, _)| !own(id));
            answer["changes"] = told.map(|(_, entry)| entry).collect();
            answer["lastSync"] = json!(page.last);
            answer["hasMore"] = json!(page.has_more);
        }
        Reply::ok(answer)
    }

    fn verdict(&mut self, item: &RequestItem, walk: &mut Walk) -> Value {
        if let Some((digest, answered)) = self.commands.get(&item.op_id) {
            return if *digest == item.digest {
                answered.clone()
            } else {
                refused("op_id_reused")
            };
        }
        if let Some(op) = walk.blocked.get(&item.id) {
            return deferred("op", *op);
        }
        if is_ahead(item.stamp, self.now_ms, AHEAD_MAX_MS) {
            return json!({"verdict": "rejected", "code": "clock_ahead", "retryable": true});
        }
        walk.observed = walk.observed.max(item.stamp);
        let result = match &item.change {
            RequestChange::Upsert(edit) => return self.upsert(item.id, edit, walk),
            RequestChange::Submit { .. } if walk.refused.contains(&item.id) => {
                refused("content_changed")
            }
            RequestChange::Submit { seen } => self.submit(item.id, seen.as_ref(), walk),
            RequestChange::Withdraw => self.end(item.id, "withdrawn", item.stamp, walk),
            RequestChange::Delete => self.end(item.id, "deleted", item.stamp, walk),
        };
        self.remember(item.op_id, item.digest, &result);
        result
    }

    /// What a command has come to is remembered; what waits is not.
    fn remember(&mut self, op_id: Uuid, digest: u64, result: &Value) {
        let again = match result["verdict"].as_str() {
            Some("applied") => json!({"verdict": "duplicate"}),
            Some("deferred") => return,
            _ => result.clone(),
        };
        self.commands.insert(op_id, (digest, again));
    }

    fn upsert(&mut self, id: Uuid, edit: &Edit, walk: &mut Walk) -> Value {
        if let Some(held) = self.records.get(&id) {
            if held.record.tombstone().is_some() {
                return refused("deleted");
            }
            let effect = held.record.effect(edit);
            if effect == Effect::WouldChange && held.status != "draft" {
                return refused("locked");
            }
            if let Effect::Superseded(lost) = effect {
                return json!({"verdict": "merged", "superseded": names(lost)});
            }
            if effect == Effect::Stands {
                return json!({"verdict": "duplicate"});
            }
        }
        let mut record = self
            .records
            .get(&id)
            .map(|held| held.record.clone())
            .unwrap_or_default();
        match record.apply(edit, &mut Work::unlimited()) {
            Err(TextError::UnknownBase(_)) => refused("unknown_base"),
            Err(_) => refused("stamp_reused"),
            Ok(applied) => {
                let at_us = self.next_us();
                self.hold(id, at_us).record = record;
                walk.written.insert(id);
                let lost = applied.with(Outcome::Lost);
                let joined = applied.with(Outcome::Joined);
                if lost.is_empty() && joined.is_empty() {
                    json!({"verdict": "applied", "updatedAt": sync_core::time::format_rfc3339(at_us)})
                } else {
                    json!({"verdict": "merged", "superseded": names(lost)})
                }
            }
        }
    }

    fn submit(&mut self, id: Uuid, seen: Option<&Seen>, walk: &mut Walk) -> Value {
        let Some(held) = self.records.get(&id) else {
            return refused("not_found");
        };
        if held.record.tombstone().is_some() {
            return refused("deleted");
        }
        if held.status != "draft" {
            return refused("already_submitted");
        }
        if seen.is_some_and(|seen| !seen.matches(&held.record)) {
            return refused("content_changed");
        }
        if held.record.stamp(Field::Title).is_none() {
            return refused("incomplete");
        }
        // A draft may name what nobody here has heard of; a submit waits for it.
        let category = held.record.register(Field::CategoryId);
        let category = category.and_then(|register| register.value.as_ref()?.as_id());
        if let Some(category) = category.filter(|category| self.unheard.contains(category)) {
            return deferred("category", category);
        }
        let at_us = self.next_us();
        let held = self.hold(id, at_us);
        held.status = "pending_l1";
        held.revision = Some(Revision::of(&held.record));
        held.submitted_us = Some(at_us);
        walk.written.insert(id);
        json!({"verdict": "applied"})
    }

    fn end(&mut self, id: Uuid, how: &str, stamp: Stamp, walk: &mut Walk) -> Value {
        let Some(held) = self.records.get(&id) else {
            return refused("not_found");
        };
        let is_draft = held.status == "draft";
        match how {
            "withdrawn" if is_draft => return refused("not_withdrawable"),
            "deleted" if !is_draft => return refused("locked"),
            _ => {}
        }
        let at_us = self.next_us();
        let held = self.hold(id, at_us);
        if how == "deleted" {
            held.record.delete(stamp);
        } else {
            held.status = "withdrawn";
        }
        walk.written.insert(id);
        json!({"verdict": "applied"})
    }

    fn vote(&mut self, item: &ApprovalItem, walk: &mut Walk) -> Value {
        if let Some((digest, answered)) = self.commands.get(&item.op_id) {
            return if *digest == item.digest {
                answered.clone()
            } else {
                refused("op_id_reused")
            };
        }
        walk.observed = walk.observed.max(item.stamp);
        let at = sync_core::time::format_rfc3339(self.next_us());
        let Some(approval) = self.approvals.get_mut(&item.id) else {
            return deferred("approval", item.id);
        };
        let result = if approval["revision"] != json!(item.revision) {
            refused("stale_revision")
        } else if item.vote.as_str() == "rollback" && approval["votes"] == json!([]) {
            refused("nothing_to_roll_back")
        } else {
            let (status, votes) = match item.vote.as_str() {
                "rollback" => ("open", json!([])),
                vote => {
                    let status = if vote == "approve" {
                        "approved"
                    } else {
                        "rejected"
                    };
                    let vote = json!({
                        "approverId": OWNER.id, "vote": vote, "comment": item.comment,
                        "hlc": item.stamp, "acceptedAt": at,
                    });
                    (status, json!([vote]))
                }
            };
            approval["status"] = json!(status);
            approval["votes"] = votes;
            approval["updatedAt"] = json!(at);
            json!({"verdict": "applied"})
        };
        self.remember(item.op_id, item.digest, &result);
        result
    }
}

/// What a batch has come to so far.
#[derive(Default)]
struct Walk {
    /// Records with an item that waits, and its operation.
    blocked: HashMap<Uuid, Uuid>,
    /// Records with an item refused for good.
    refused: HashSet<Uuid>,
    written: HashSet<Uuid>,
    observed: Stamp,
}

impl Walk {
    fn note(&mut self, op_id: Uuid, id: Uuid, result: &Value) {
        let retryable = result["retryable"] == true;
        if result["verdict"] == "deferred" || retryable {
            self.blocked.entry(id).or_insert(op_id);
        } else if result["verdict"] == "rejected" {
            self.refused.insert(id);
        }
    }
}

/// A refusal for good.
fn refused(code: &str) -> Value {
    json!({"verdict": "rejected", "code": code})
}

fn deferred(kind: &str, id: Uuid) -> Value {
    json!({"verdict": "deferred", "waitingFor": {"kind": kind, "id": id}})
}

/// Members that every result has.
fn complete(result: &mut Value) {
    let sentence = match result["code"].as_str() {
        Some(code) => json!(format!("the case answers {code}")),
        None => Value::Null,
    };
    let defaults = json!({
        "code": null, "detail": sentence, "retryable": false, "superseded": [], "waitingFor": null,
        "updatedAt": null, "record": null,
    });
    if let (Some(members), Value::Object(defaults)) = (result.as_object_mut(), defaults) {
        for (name, value) in defaults {
            members.entry(name).or_insert(value);
        }
    }
}

fn names(fields: FieldSet) -> Vec<&'static str> {
    fields.iter().map(Field::name).collect()
}
