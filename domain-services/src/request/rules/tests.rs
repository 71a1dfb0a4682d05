//! Histories that break a naive judge, told item by item.

use super::*;
use crate::request::model::{Head, Logged, Status, Stored};
use std::collections::HashMap;
use sync_core::field::Field;
use sync_core::hlc::{NodeId, Stamp};
use sync_core::record::Edit;
use sync_core::value::{Money, Value};
use sync_core::verdict::{Code, Verdict, WaitingKind};
use sync_core::wire::{Broken, RequestChange, RequestItem, Seen};
use uuid::Uuid;

const NOW_MS: u64 = 1_800_000_000_000;
const CATEGORY: Uuid = Uuid::from_u128(0xca);
const REASON: Uuid = Uuid::from_u128(0x7e);
const APPROVER: Uuid = Uuid::from_u128(0xa1);
const OWNER: Uuid = Uuid::from_u128(0x0e);
const REQUEST: Uuid = Uuid::from_u128(0x4e);

type Item = Result<RequestItem, Broken>;

/// The stored side, from one batch to the next.
#[derive(Default)]
struct Server {
    records: HashMap<Uuid, Stored>,
    log: HashMap<(Uuid, Uuid), Logged>,
    head: Option<Head>,
    catalog: Catalog,
}

impl Server {
    fn new() -> Self {
        let category = Category {
            levels: 1,
            active: true,
        };
        let reason = Reason {
            category_id: None,
            active: true,
        };
        let level = Level {
            level: 1,
            approver_ids: vec![APPROVER],
            quorum: 1,
        };
        Self {
            catalog: Catalog {
                categories: HashMap::from([(CATEGORY, category)]),
                reasons: HashMap::from([(REASON, reason)]),
                levels: HashMap::from([(CATEGORY, vec![level])]),
                people: HashMap::from([(APPROVER, Standing::Approver)]),
            },
            ..Self::default()
        }
    }

    fn push_as(&mut self, user: Uuid, items: &[Item]) -> Decision {
        let context = Context {
            actor: user,
            user,
            now_us: i64::try_from(NOW_MS).unwrap() * 1_000,
            node: NodeId::new(1),
            clock_ahead_max_ms: 60_000,
            defer_max_ms: 86_400_000,
            text_work_us: 150_000,
        };
        let snapshot = Snapshot {
            head: self.head,
            records: self.records.clone(),
            logged: self
                .log
                .iter()
                .filter(|((owner, _), _)| *owner == user)
                .map(|((_, op), logged)| (*op, logged.clone()))
                .collect(),
            catalog: self.catalog.clone(),
        };
        let mut batch = Batch::new(context, snapshot, items.len(), &Carry::default());
        for item in items {
            batch.take(item);
        }
        let decision = batch.finish();
        for (id, _) in &decision.changed {
            self.records.insert(*id, decision.records[id].clone());
        }
        for row in &decision.commands {
            let logged = Logged {
                request_id: row.request_id,
                digest: row.digest,
                refusal: row.refusal.clone(),
            };
            assert!(self.log.insert((user, row.op_id), logged).is_none());
        }
        if !decision.changed.is_empty() {
            self.head = Some(decision.head_after);
        }
        assert_eq!(decision.items.len(), items.len(), "one verdict an item");
        decision
    }

    fn push(&mut self, items: &[Item]) -> Vec<(Verdict, Option<Code>)> {
        verdicts(&self.push_as(OWNER, items))
    }
}

fn verdicts(decision: &Decision) -> Vec<(Verdict, Option<Code>)> {
    decision
        .items
        .iter()
        .map(|item| (item.verdict, item.code))
        .collect()
}

fn stamp(counter: u16) -> Stamp {
    stamp_of(counter, 7)
}

fn stamp_of(counter: u16, node: u64) -> Stamp {
    Stamp::new(NOW_MS - 1_000, counter, NodeId::new(node)).unwrap()
}

#[allow(clippy::unnecessary_wraps, reason = "items come decoded or broken")]
fn item(op: u128, stamp: Stamp, change: RequestChange) -> Item {
    Ok(RequestItem::new(
        Uuid::from_u128(op),
        REQUEST,
        stamp,
        change,
    ))
}

fn title(op: u128, stamp: Stamp, text: &str) -> Item {
    let writes = vec![(Field::Title, Some(Value::Text(text.into())))];
    item(
        op,
        stamp,
        RequestChange::Upsert(Edit {
            stamp,
            writes,
            text: None,
        }),
    )
}

fn whole(op: u128, stamp: Stamp) -> Item {
    let money = Money::new(5_000, "EUR".parse().unwrap()).unwrap();
    let writes = vec![
        (Field::Title, Some(Value::Text("Booth".into()))),
        (Field::Amount, Some(Value::Money(money))),
        (Field::CategoryId, Some(Value::Id(CATEGORY))),
        (Field::ReasonId, Some(Value::Id(REASON))),
    ];
    item(
        op,
        stamp,
        RequestChange::Upsert(Edit {
            stamp,
            writes,
            text: None,
        }),
    )
}

fn submit(op: u128, stamp: Stamp) -> Item {
    item(op, stamp, RequestChange::Submit { seen: None })
}

fn delete(op: u128, stamp: Stamp) -> Item {
    item(op, stamp, RequestChange::Delete)
}

const APPLIED: (Verdict, Option<Code>) = (Verdict::Applied, None);
const DUPLICATE: (Verdict, Option<Code>) = (Verdict::Duplicate, None);

fn refused(code: Code) -> (Verdict, Option<Code>) {
    (Verdict::Rejected, Some(code))
}

#[test]
fn a_lost_answer_sent_again_is_a_duplicate_each() {
    let mut server = Server::new();
    let batch = [whole(1, stamp(1)), submit(2, stamp(2))];
    assert_eq!(server.push(&batch), [APPLIED, APPLIED]);
    let again = server.push_as(OWNER, &batch);
    assert_eq!(verdicts(&again), [DUPLICATE, DUPLICATE]);
    assert!(again.is_read_only());
}

#[test]
fn a_late_copy_of_a_refused_submit_stays_refused() {
    let mut server = Server::new();
    let early = submit(2, stamp(2));
    assert_eq!(
        server.push(&[title(1, stamp(1), "Booth"), early.clone()]),
        [APPLIED, refused(Code::Incomplete)]
    );
    assert_eq!(server.push(&[whole(3, stamp(3))]), [APPLIED]);
    assert_eq!(server.push(&[early]), [refused(Code::Incomplete)]);
    assert_eq!(server.push(&[submit(4, stamp(4))]), [APPLIED]);
}

#[test]
fn a_stamp_ahead_makes_the_rest_of_its_record_wait() {
    let mut server = Server::new();
    let ahead = Stamp::new(NOW_MS + 3_600_000, 0, NodeId::new(7)).unwrap();
    let decision = server.push_as(OWNER, &[title(1, ahead, "x"), delete(2, stamp(1))]);
    assert_eq!(
        verdicts(&decision),
        [refused(Code::ClockAhead), (Verdict::Deferred, None)]
    );
    assert!(decision.items[0].is_retryable());
    let waits = decision.items[1].waiting_for.as_ref().unwrap();
    assert_eq!(
        (waits.kind, waits.id),
        (WaitingKind::Op, Uuid::from_u128(1))
    );
    let remembered = decision.changed.len() + decision.commands.len() + decision.history.len();
    assert_eq!(remembered, 0, "nothing of it is remembered");
    let told: Vec<&str> = decision.events.iter().map(|event| event.kind).collect();
    assert_eq!(told, ["request.refused"], "what waits is not refused");
    assert!(
        decision.hlc < ahead,
        "the server's clock is not dragged along"
    );
}

#[test]
fn nothing_changes_what_was_submitted() {
    let mut server = Server::new();
    server.push(&[whole(1, stamp(1)), submit(2, stamp(2))]);
    let sealed = server.records[&REQUEST].revision;
    let later = server.push_as(OWNER, &[title(3, stamp_of(9, 8), "Bigger booth")]);
    assert_eq!(verdicts(&later), [refused(Code::Locked)]);
    assert_eq!(later.history[0].event, "refused");
    assert_eq!(later.history[0].detail["fields"]["title"], "Bigger booth");
    assert_eq!(
        server.push(&[title(4, stamp_of(0, 8), "Earlier")]),
        [(Verdict::Merged, None)],
        "what would lose anyway is not refused"
    );
    assert_eq!(server.push(&[delete(5, stamp(9))]), [refused(Code::Locked)]);
    assert_eq!(
        server.push(&[submit(6, stamp(9))]),
        [refused(Code::AlreadySubmitted)]
    );
    assert_eq!(server.records[&REQUEST].revision, sealed);
}

#[test]
fn a_submit_after_a_refused_item_would_seal_what_nobody_saw() {
    let mut server = Server::new();
    let broken = Err(Broken {
        op_id: None,
        id: Some(REQUEST),
        code: Code::InvalidValue,
        detail: "title".to_owned(),
    });
    assert_eq!(
        server.push(&[whole(1, stamp(1)), broken, submit(2, stamp(2))]),
        [
            APPLIED,
            refused(Code::InvalidValue),
            refused(Code::ContentChanged)
        ]
    );
    assert_eq!(server.records[&REQUEST].status, Status::Draft);
}

#[test]
fn submit_seals_only_what_was_seen() {
    let mut server = Server::new();
    server.push(&[whole(1, stamp(1))]);
    let seen = |stamp| Seen {
        stamps: [
            Field::Title,
            Field::Amount,
            Field::CategoryId,
            Field::ReasonId,
        ]
        .map(|field| (field, stamp))
        .to_vec(),
        heads: None,
    };
    let stale = RequestChange::Submit {
        seen: Some(seen(stamp(0))),
    };
    assert_eq!(
        server.push(&[item(2, stamp(2), stale)]),
        [refused(Code::ContentChanged)]
    );
    let fresh = RequestChange::Submit {
        seen: Some(seen(stamp(1))),
    };
    assert_eq!(server.push(&[item(3, stamp(3), fresh)]), [APPLIED]);
}

#[test]
fn a_deleted_request_takes_nothing_more() {
    let mut server = Server::new();
    let batch = [whole(1, stamp(1)), delete(2, stamp(2))];
    assert_eq!(server.push(&batch), [APPLIED, APPLIED]);
    assert_eq!(
        server.push(&[title(3, stamp(3), "Back"), submit(4, stamp(4))]),
        [refused(Code::Deleted), refused(Code::ContentChanged)]
    );
    assert_eq!(
        server.push(&[submit(5, stamp(5))]),
        [refused(Code::Deleted)]
    );
    assert_eq!(server.push(&batch), [DUPLICATE, DUPLICATE]);
}

#[test]
fn another_users_request_is_no_request() {
    let mut server = Server::new();
    server.push(&[whole(1, stamp(1))]);
    let stranger = Uuid::from_u128(0xbad);
    for change in [
        title(11, stamp(5), "Mine now"),
        submit(12, stamp(6)),
        delete(13, stamp(7)),
    ] {
        let decision = server.push_as(stranger, &[change]);
        assert_eq!(verdicts(&decision), [refused(Code::NotFound)]);
        assert!(decision.records.is_empty() && decision.history.is_empty());
    }
    assert_eq!(server.records[&REQUEST].text(Field::Title), Some("Booth"));
}

#[test]
fn an_operation_id_says_one_thing() {
    let mut server = Server::new();
    server.push(&[whole(1, stamp(1)), submit(2, stamp(2))]);
    assert_eq!(
        server.push(&[delete(2, stamp(3))]),
        [refused(Code::OpIdReused)]
    );
    assert_eq!(
        server.push(&[title(2, stamp(3), "x")]),
        [refused(Code::OpIdReused)]
    );
    assert_eq!(
        server.push(&[title(1, stamp(3), "x")]),
        [refused(Code::OpIdReused)]
    );
    let mut fresh = Server::new();
    assert_eq!(
        fresh.push(&[title(5, stamp(1), "a"), title(5, stamp(2), "b")]),
        [APPLIED, refused(Code::OpIdReused)]
    );
}

#[test]
fn what_is_not_known_yet_is_waited_for_a_day() {
    let mut server = Server::new();
    server.catalog.categories.clear();
    let decision = server.push_as(OWNER, &[whole(1, stamp(1)), submit(2, stamp(2))]);
    assert_eq!(verdicts(&decision), [APPLIED, (Verdict::Deferred, None)]);
    let waits = decision.items[1].waiting_for.as_ref().unwrap();
    assert_eq!((waits.kind, waits.id), (WaitingKind::Category, CATEGORY));
    assert!(
        decision.commands.is_empty(),
        "a deferred command is not remembered"
    );
    let old = Stamp::new(NOW_MS - 86_400_001, 0, NodeId::new(7)).unwrap();
    assert_eq!(
        server.push(&[submit(3, old)]),
        [refused(Code::UnknownCategory)]
    );
    server.catalog = Server::new().catalog;
    server.catalog.people.insert(APPROVER, Standing::Left);
    assert_eq!(
        server.push(&[submit(4, stamp(4))]),
        [refused(Code::ChainIncomplete)]
    );
    server.catalog.people.clear();
    let decision = server.push_as(OWNER, &[submit(4, stamp(4))]);
    assert_eq!(verdicts(&decision), [(Verdict::Deferred, None)]);
    let waits = decision.items[0].waiting_for.as_ref().unwrap();
    assert_eq!((waits.kind, waits.id), (WaitingKind::Category, CATEGORY));
    assert_eq!(
        server.push(&[submit(4, old)]),
        [refused(Code::ChainIncomplete)]
    );
    server.catalog = Server::new().catalog;
    assert_eq!(server.push(&[submit(4, stamp(4))]), [APPLIED]);
}

#[test]
fn an_edit_that_loses_is_kept_and_so_is_what_another_phone_overwrites() {
    let mut server = Server::new();
    server.push(&[title(1, stamp_of(5, 7), "mine")]);
    let lost = server.push_as(OWNER, &[title(2, stamp_of(3, 8), "older")]);
    assert_eq!(verdicts(&lost), [(Verdict::Merged, None)]);
    assert_eq!(
        lost.items[0].superseded.iter().collect::<Vec<_>>(),
        [Field::Title]
    );
    assert_eq!(lost.history[0].detail["fields"]["title"], "older");
    assert!(
        lost.changed.is_empty(),
        "the record did not change, so the feed does not move"
    );
    let own = server.push_as(OWNER, &[title(3, stamp_of(6, 7), "mine, better")]);
    assert!(own.history.is_empty(), "typing on is no conflict");
    let other = server.push_as(OWNER, &[title(4, stamp_of(7, 8), "theirs")]);
    assert_eq!(
        other.history[0].detail["replaced"]["title"]["value"],
        "mine, better"
    );
}

#[test]
fn every_changed_record_has_a_place_of_its_own() {
    let mut server = Server::new();
    let items: Vec<Item> = (0..5)
        .map(|n| {
            let Ok(mut item) = whole(n + 1, stamp(u16::try_from(n).unwrap())) else {
                unreachable!()
            };
            item.id = Uuid::from_u128(0x100 + n);
            Ok(item)
        })
        .collect();
    let decision = server.push_as(OWNER, &items);
    let places: Vec<i64> = decision
        .changed
        .iter()
        .map(|(id, _)| decision.records[id].at_us)
        .collect();
    assert!(places.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(decision.head_after.at_us, *places.last().unwrap());
    assert_eq!(decision.events.len(), 1, "one event a batch of drafts");
}
