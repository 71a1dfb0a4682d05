//! Situations told by the hour: what is said at the desk, and what must come of it.

use super::desk::{Desk, Steps};
use super::oracle::{Answer, Chain, Command, Moment, Person, Picture, Says, Seats, Stamp, Status};
use super::people::{HOUR_US, OLGA, SECOND_US, START_US};
use crate::approval::view::{Papers, View};
use serde_json::{Map, Value};

pub(super) const L1: u8 = 1;
pub(super) const L2: u8 = 2;
pub(super) const L3: u8 = 3;

/// Something said on a phone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    person: Person,
    says: Says,
    level: u8,
    comment: Option<&'static str>,
    /// Since the beginning.
    made_us: Option<i64>,
    phone: u64,
    stale: bool,
}

pub(super) fn approves(person: Person, level: u8) -> Said {
    Said {
        person,
        says: Says::Approve,
        level,
        comment: None,
        made_us: None,
        phone: 1,
        stale: false,
    }
}

pub(super) fn rejects(person: Person, level: u8) -> Said {
    Said {
        says: Says::Reject,
        ..approves(person, level)
    }
}

pub(super) fn rolls_back(person: Person, level: u8) -> Said {
    Said {
        says: Says::Rollback,
        ..approves(person, level)
    }
}

impl Said {
    /// On a phone whose clock showed this hour. Without it, just now.
    pub(super) fn made_at(self, hour: i64) -> Self {
        Self {
            made_us: Some(hour * HOUR_US),
            ..self
        }
    }

    /// So much later than the hour.
    pub(super) fn and_seconds(self, seconds: i64) -> Self {
        Self {
            made_us: self.made_us.map(|made_us| made_us + seconds * SECOND_US),
            ..self
        }
    }

    pub(super) fn noting(self, comment: &'static str) -> Self {
        Self {
            comment: Some(comment),
            ..self
        }
    }

    pub(super) fn on_phone(self, phone: u64) -> Self {
        Self { phone, ..self }
    }

    pub(super) fn of_another_revision(self) -> Self {
        Self {
            stale: true,
            ..self
        }
    }
}

/// A request and the hour.
pub(super) struct Story {
    desk: Desk,
    now: Moment,
    ops: u32,
    /// The last batch, to be sent again.
    sent: Vec<Command>,
}

/// A request of Olga's is submitted an hour before hour 0: of each level the approvers and the quorum.
pub(super) fn request(levels: &[(&[Person], u8)]) -> Story {
    let seats = levels.iter().map(|(approvers, quorum)| Seats {
        approvers: approvers.to_vec(),
        quorum: *quorum,
    });
    let chain = Chain {
        owner: OLGA,
        levels: seats.collect(),
        window_us: 24 * HOUR_US,
        grace_us: 12 * HOUR_US,
    };
    Story {
        desk: Desk::open(START_US - HOUR_US, chain, true),
        now: START_US,
        ops: 0,
        sent: Vec::new(),
    }
}

impl Story {
    pub(super) fn at(&mut self, hour: i64) -> &mut Self {
        self.now = START_US + hour * HOUR_US;
        self
    }

    /// So much later (or, in microseconds, earlier) than the hour.
    pub(super) fn and(&mut self, us: i64) -> &mut Self {
        self.now += us;
        self
    }

    /// One item arrives.
    pub(super) fn hears(&mut self, said: Said) -> Answer {
        self.hears_all(&[said])[0]
    }

    /// A batch arrives.
    pub(super) fn hears_all(&mut self, said: &[Said]) -> Vec<Answer> {
        self.sent = said.iter().map(|said| self.command(said)).collect();
        self.hears_again()
    }

    /// The last batch arrives once more.
    pub(super) fn hears_again(&mut self) -> Vec<Answer> {
        let sent = self.sent.clone();
        let answers = self.desk.deliver(self.now, &sent);
        self.expect(answers)
    }

    pub(super) fn sweeper_comes(&mut self) {
        let swept = self.desk.sweep(self.now);
        self.expect(swept);
    }

    /// Is deactivated, or comes back.
    pub(super) fn turns(&mut self, person: Person) {
        let turned = self.desk.turn(self.now, person);
        self.expect(turned);
    }

    pub(super) fn is_withdrawn(&mut self) {
        let withdrawn = self.desk.withdraw(self.now);
        self.expect(withdrawn);
    }

    /// How everything is now.
    pub(super) fn picture(&mut self) -> Picture {
        let looked = self.desk.look(self.now);
        self.expect(looked);
        self.desk.oracle.picture(self.now)
    }

    pub(super) fn status(&mut self, level: u8) -> Status {
        self.picture().level(level).status
    }

    pub(super) fn is_sealed(&mut self, level: u8) -> bool {
        self.picture().level(level).sealed
    }

    /// The record of a level, as it goes out.
    pub(super) fn record(&self, level: u8) -> Value {
        let case = self.desk.case.clone().seen_at(self.now);
        let view = View {
            case: &case,
            level: case.level(level).unwrap(),
            papers: Papers {
                content: &Map::new(),
                submitted_us: START_US,
                owner_name: Some("Olga"),
            },
        };
        serde_json::to_value(view).unwrap()
    }

    fn command(&mut self, said: &Said) -> Command {
        self.ops += 1;
        let made = said.made_us.map_or(self.now, |made_us| START_US + made_us);
        Command {
            op: self.ops,
            person: said.person,
            level: said.level,
            says: said.says,
            comment: said.comment,
            stamp: Stamp {
                ms: u64::try_from(made / 1_000).unwrap(),
                counter: u16::try_from(self.ops).unwrap(),
                node: said.phone,
            },
            stale: said.stale,
        }
    }

    fn expect<T>(&self, step: Steps<T>) -> T {
        let replayed = self.desk.replay();
        match step.and_then(|came| replayed.map(|()| came)) {
            Ok(came) => came,
            Err(unlike) => panic!("{}\n{}", self.desk.story(), unlike.0),
        }
    }
}
