//! What a client has sent, held against the contract: shape, stamps, order, and what may come again.

use super::call::{Call, Endpoint, From};
use super::people::Person;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use sync_core::hlc::Stamp;
use sync_core::wire::{Envelope, Format, Limits};
use uuid::Uuid;

/// An item, as far as every kind has it.
struct Sent {
    op_id: Uuid,
    id: Uuid,
    stamp: Stamp,
    digest: u64,
    /// What is the same when it is stamped anew.
    plain: Value,
}

/// What is known of an operation.
struct Known {
    id: Uuid,
    digest: u64,
    plain: Value,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// No answer that the client could hear, or one that says: again.
    Open,
    /// Open, and may be stamped anew.
    Restampable,
    /// Answered with a verdict that ends it.
    Settled,
    /// Ended, but the client was killed since, or was told a word it cannot know.
    MayComeAgain,
}

/// All that was sent so far, and what was wrong with it.
#[derive(Default)]
pub(in crate::conformance) struct Journal {
    known: HashMap<Uuid, Known>,
    /// Operations by record, in the order of their first coming.
    of_record: HashMap<Uuid, Vec<Uuid>>,
    stamps: HashMap<Stamp, Uuid>,
    /// The last stamp of each record.
    last: HashMap<Uuid, Stamp>,
    /// Every `lastSync` ever given, by feed.
    given: HashSet<(bool, String)>,
    pub(super) faults: Vec<String>,
}

impl Journal {
    /// Takes note of a fault.
    pub(super) fn fault(&mut self, what: String) {
        if self.faults.len() < 20 {
            self.faults.push(what);
        }
    }

    /// The client was killed: it may not know what it was answered.
    pub(super) fn killed(&mut self) {
        for known in self.known.values_mut() {
            if known.fate == Fate::Settled {
                known.fate = Fate::MayComeAgain;
            }
        }
    }

    /// The server has lost history: what it forgot may come again, as the same writes.
    pub(super) fn history_lost(&mut self) {
        self.stamps.clear();
        self.last.clear();
    }

    /// Reads the body of a push and holds it against the contract.
    pub(super) fn read_push(&mut self, call: &mut Call, bytes: &[u8], person: Person) {
        let envelope = match Envelope::decode(bytes, Format::Json, &Limits::default()) {
            Ok(envelope) => envelope,
            Err(error) => return self.fault(format!("a body that is refused as a whole: {error}")),
        };
        self.check_members(&call.body, person);
        let mut broken = Vec::new();
        if call.endpoint == Endpoint::Push {
            let (items, wrong): (Vec<_>, Vec<_>) =
                envelope.request_items().partition(Result::is_ok);
            call.requests = items.into_iter().flatten().collect();
            broken.extend(wrong.into_iter().filter_map(Result::err));
        } else {
            let (items, wrong): (Vec<_>, Vec<_>) =
                envelope.approval_items().partition(Result::is_ok);
            call.votes = items.into_iter().flatten().collect();
            broken.extend(wrong.into_iter().filter_map(Result::err));
        }
        for broken in broken {
            self.fault(format!("a broken item: {}", broken.detail));
        }
        let sent = sent(call);
        if person.id == super::OWNER.id {
            self.check_items(&sent);
        }
    }

    fn check_members(&mut self, body: &Value, person: Person) {
        for name in ["deviceId", "userId", "clientTime"] {
            if !body[name].is_string() {
                self.fault(format!("an envelope without `{name}`"));
            }
        }
        let named = body["userId"].as_str();
        let is_empty = body["changes"].as_array().is_none_or(Vec::is_empty);
        // Sent under another's token it is refused: that is what the member is for.
        if named.is_some_and(|named| named != person.id.to_string()) && is_empty {
            self.fault("a pull in another user's name".to_owned());
        }
    }

    /// A `lastSync` goes back as it came.
    pub(super) fn check_position(&mut self, from: &From, votes: bool) {
        if let From::After(text) = from
            && !self.given.contains(&(votes, text.clone()))
        {
            self.fault(format!("a lastSync that no answer gave: {text}"));
        }
    }

    fn check_items(&mut self, sent: &[Sent]) {
        let mut before: HashMap<Uuid, Stamp> = HashMap::new();
        let mut here: HashSet<Uuid> = HashSet::new();
        for item in sent {
            if item.op_id.get_version_num() != 7 {
                self.fault(format!("opId {} is no UUIDv7", item.op_id));
            }
            let last = before.insert(item.id, item.stamp);
            if last.is_some_and(|last| last >= item.stamp) {
                self.fault(format!("stamps of a record do not rise: {}", item.stamp));
            }
            if let Some(other) = self.stamps.insert(item.stamp, item.op_id)
                && other != item.op_id
            {
                self.fault(format!("two operations with the stamp {}", item.stamp));
            }
            self.check_order(item, &here);
            self.check_again(item);
            here.insert(item.op_id);
        }
    }

    /// Nothing of a record is sent before its earlier operations are settled, or go along before it.
    fn check_order(&mut self, item: &Sent, here: &HashSet<Uuid>) {
        let ops = self.of_record.entry(item.id).or_default();
        let earlier = ops.iter().take_while(|op| **op != item.op_id);
        let open = earlier.copied().find(|op| {
            let fate = self.known.get(op).map(|known| known.fate);
            matches!(fate, Some(Fate::Open | Fate::Restampable)) && !here.contains(op)
        });
        if let Some(open) = open {
            self.fault(format!(
                "{} of record {} is sent before {open} is settled",
                item.op_id, item.id
            ));
        }
    }

    /// The same operation says the same; what is settled does not come again.
    fn check_again(&mut self, item: &Sent) {
        let Some(known) = self.known.get_mut(&item.op_id) else {
            if let Some(last) = self.last.insert(item.id, item.stamp)
                && last >= item.stamp
            {
                self.fault(format!(
                    "a new change of record {} with a stamp that is not above {last}",
                    item.id
                ));
            }
            let known = Known {
                id: item.id,
                digest: item.digest,
                plain: item.plain.clone(),
                fate: Fate::Open,
            };
            self.known.insert(item.op_id, known);
            self.of_record.entry(item.id).or_default().push(item.op_id);
            return;
        };
        let op = item.op_id;
        if known.fate == Fate::Settled {
            return self.fault(format!("{op} is sent again although it was answered"));
        }
        if known.digest == item.digest && known.id == item.id {
            return;
        }
        if known.fate != Fate::Restampable || known.plain != item.plain || known.id != item.id {
            return self.fault(format!("{op} is sent again with other content"));
        }
        known.digest = item.digest;
        let last = self.last.entry(item.id).or_insert(item.stamp);
        *last = item.stamp;
    }

    /// Takes note of an answer that arrives.
    pub(super) fn answered(&mut self, call: &Call, answer: &Value) {
        let votes = matches!(call.endpoint, Endpoint::VotePush | Endpoint::VotePull);
        if let Some(position) = answer["lastSync"].as_str() {
            self.given.insert((votes, position.to_owned()));
        }
        let results = answer["results"].as_array().into_iter().flatten();
        let mut ahead = false;
        for result in results {
            let op = result["opId"].as_str().and_then(|text| text.parse().ok());
            let Some(known) = op.and_then(|op: Uuid| self.known.get_mut(&op)) else {
                continue;
            };
            ahead |= result["code"] == "clock_ahead";
            known.fate = match (result["verdict"].as_str(), result["retryable"] == true) {
                (Some("applied" | "merged" | "duplicate"), _) | (Some("rejected"), false) => {
                    Fate::Settled
                }
                (Some("rejected" | "deferred"), _) => Fate::Open,
                _ => Fate::MayComeAgain,
            };
        }
        if ahead {
            for known in self.known.values_mut() {
                if known.fate == Fate::Open {
                    known.fate = Fate::Restampable;
                }
            }
            self.last.clear();
        }
    }
}

/// The items of a push.
fn sent(call: &Call) -> Vec<Sent> {
    let plain = |op_id: Uuid| {
        let mut items = call.items().iter();
        let item = items.find(|item| item["opId"] == op_id.to_string());
        item.map_or(Value::Null, |item| without_stamps(item.clone()))
    };
    let requests = call.requests.iter().map(|item| Sent {
        op_id: item.op_id,
        id: item.id,
        stamp: item.stamp,
        digest: item.digest,
        plain: plain(item.op_id),
    });
    let votes = call.votes.iter().map(|item| Sent {
        op_id: item.op_id,
        id: item.id,
        stamp: item.stamp,
        digest: item.digest,
        plain: plain(item.op_id),
    });
    requests.chain(votes).collect()
}

fn without_stamps(mut item: Value) -> Value {
    if let Some(members) = item.as_object_mut() {
        members.remove("hlc");
        members.remove("seen");
    }
    let text = item.pointer_mut("/fields/justification");
    if let Some(text) = text.and_then(Value::as_object_mut) {
        text.remove("base");
    }
    item
}
