//! Phones: each with a clock of its own, a queue, and a network that loses answers.

use super::oracle::{Answer, Command, Moment, Person, Says, Stamp};

/// A phone of somebody.
#[derive(Debug)]
pub(super) struct Phone {
    pub(super) person: Person,
    /// How far its clock is off.
    pub(super) offset_ms: i64,
    node: u64,
    last: (u64, u16),
    /// What was said and is not known to be settled.
    pub(super) queue: Vec<Command>,
    /// What was settled; an unreliable network may deliver it again.
    pub(super) settled: Vec<Command>,
}

impl Phone {
    pub(super) fn new(person: Person, node: u64, offset_ms: i64) -> Self {
        Self {
            person,
            offset_ms,
            node,
            last: (0, 0),
            queue: Vec::new(),
            settled: Vec::new(),
        }
    }

    /// The next stamp: the phone's clock, but never back.
    pub(super) fn tick(&mut self, now: Moment) -> Stamp {
        let wall = u64::try_from(now.div_euclid(1_000) + self.offset_ms).unwrap();
        let (ms, counter) = self.last;
        self.last = if wall > ms {
            (wall, 0)
        } else {
            (ms, counter + 1)
        };
        Stamp {
            ms: self.last.0,
            counter: self.last.1,
            node: self.node,
        }
    }

    /// A stamp as if the clock had shown this. The phone's own memory of it is kept out of it: a clock
    /// that was put back.
    pub(super) fn stamp_at(&self, made: Moment) -> Stamp {
        Stamp {
            ms: u64::try_from(made.div_euclid(1_000)).unwrap(),
            counter: 0,
            node: self.node,
        }
    }

    /// Has heard of a stamp.
    pub(super) fn observe(&mut self, stamp: Stamp) {
        self.last = self.last.max((stamp.ms, stamp.counter));
    }

    pub(super) fn says(
        &mut self,
        op: u32,
        stamp: Stamp,
        level: u8,
        says: Says,
        comment: Option<&'static str>,
    ) {
        self.queue.push(Command {
            op,
            person: self.person,
            level,
            says,
            comment,
            stamp,
            stale: false,
        });
    }

    /// What is answered for good leaves the queue.
    pub(super) fn settle(&mut self, batch: &[Command], answers: &[Answer]) {
        for (command, answer) in batch.iter().zip(answers) {
            if !answer.is_for_now() {
                self.queue.retain(|queued| queued != command);
                self.settled.push(*command);
            }
        }
    }

    /// The server said that this clock is ahead: it is set, and what is left is stamped anew, in order.
    pub(super) fn set_clock(&mut self, now: Moment) {
        self.offset_ms = 0;
        self.last = (0, 0);
        let mut queue = std::mem::take(&mut self.queue);
        for command in &mut queue {
            command.stamp = self.tick(now);
        }
        self.queue = queue;
    }
}
