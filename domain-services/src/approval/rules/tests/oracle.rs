//! What must be, said a second time: a model of the rules of approval, written from the documents and
//! not from the code, that keeps no state but what it heard and works everything out anew whenever it
//! is asked. Slow and plain; where it and the rules differ, one of them is wrong.
//!
//! # The levels at a moment
//!
//! 1. Of every approver and level, the command with the greatest stamp that was taken says what that
//!    person wants: approve, reject or nothing. Equal stamps: the greater canonical bytes.
//! 2. Somebody rejects: the level is *rejected*. Else `quorum` approvals (at least one): *approved*.
//!    Else *open*.
//! 3. Level 1 is open from the submit; level k+1 from each moment at which level k becomes approved.
//!    Before the first such moment it *waits*; while level k is not approved it is *closed*, its basis
//!    has changed.
//! 4. A level is sealed from the moment at which a vote on the next level is taken, or window + grace
//!    after the moment since which its outcome (approved or rejected) has stood without interruption,
//!    whether or not anybody looked. Sealed stays sealed.
//! 5. A withdrawal closes the levels that are open, decided or not, and not sealed. These never seal.
//! 6. The request is rejected for good by a sealed rejection of any level, approved for good by the seal
//!    of its last level.
//! 7. The acceptance of a vote is the moment since which this person has said the same on this level.
//! 8. The chain is stalled if nobody rejects, nothing is final, and the active people who vote nowhere
//!    yet are too few to fill the levels that are not sealed, one person one level.
//!
//! # What becomes of a command, in this order
//!
//! 1. Its operation is known, from an earlier batch or this one: `duplicate`, or the same refusal (or
//!    deferral) again; with other content `op_id_reused`.
//! 2. It stands in its batch behind one of the same approval that was deferred or may be retried:
//!    `deferred`.
//! 3. Its stamp is more than a minute ahead: `clock_ahead`, to be retried.
//! 4. Nobody here has heard of the approval: `deferred`, until its stamp is a day old: `not_found`.
//! 5. From the requester: `self_approval`. 6. From no approver of the level: `not_found`.
//! 7. About another revision: `stale_revision`. 8. From somebody inactive: `approver_inactive`.
//! 9. The level waits, or was closed by a withdrawal: `level_not_open`; closed by the level below:
//!    `basis_changed`.
//! 10. The very same stands: `duplicate`. A later command of this person stands: `merged`.
//! 11. A vote, and this person has a vote on another level: `duplicate_approver`.
//! 12. A rollback, and there is no vote: `nothing_to_roll_back`.
//! 13. The level is sealed: `duplicate` if this changes nothing, else `level_sealed`.
//! 14. It takes back or replaces a vote, and arrives later than window after that vote's acceptance,
//!     or was (so says its stamp) made later than that, or arrives later than window + grace:
//!     `rollback_window_over`.
//! 15. `applied`.
//!
//! A vote refused by 13 or 14 is dissent. Nobody decides at the same moment as another: each thing
//! that is written down takes a microsecond, a seal by age (by whoever looks first) too.

mod picture;
mod words;

pub(super) use picture::{Fate, Picture, Shown, Status};
pub(super) use words::{Answer, Chain, Command, Moment, Person, Says, Seats, Stamp};

/// Something heard. Only what is written into the log takes time.
#[derive(Debug, Clone)]
struct Heard {
    at: Moment,
    written: bool,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Submitted,
    Said(Command, Answer),
    /// Somebody looked, and found that a level had sealed by age.
    FoundSealed(u8),
    Left(Person),
    Returned(Person),
    Withdrawn,
}

/// The model.
#[derive(Debug)]
pub(super) struct Oracle {
    chain: Chain,
    heard: Vec<Heard>,
}

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

impl Oracle {
    /// A request was submitted.
    pub(super) fn new(chain: Chain, at: Moment) -> Self {
        let submitted = Heard {
            at,
            written: true,
            what: What::Submitted,
        };
        Self {
            chain,
            heard: vec![submitted],
        }
    }

    pub(super) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The verdicts on a batch.
    pub(super) fn hear(&mut self, now: Moment, batch: &[Command]) -> Vec<Answer> {
        let mut answers = Vec::new();
        for (index, command) in batch.iter().enumerate() {
            let answer = match self.known(command, &batch[..index], &answers) {
                Some(answer) => answer,
                None => self.decide(now, command, &batch[..index], &answers),
            };
            answers.push(answer);
        }
        answers
    }

    /// Somebody (a sweeper) looked at the request.
    pub(super) fn look(&mut self, now: Moment) {
        self.look_closely(now);
    }

    pub(super) fn leaves(&mut self, now: Moment, person: Person) {
        self.look_closely(now);
        self.write(now, What::Left(person));
    }

    pub(super) fn returns(&mut self, now: Moment, person: Person) {
        self.look_closely(now);
        self.write(now, What::Returned(person));
    }

    pub(super) fn is_withdrawn(&mut self, now: Moment) {
        self.look_closely(now);
        self.write(now, What::Withdrawn);
    }

    /// Rule 1 of the commands.
    fn known(&self, command: &Command, before: &[Command], answers: &[Answer]) -> Option<Answer> {
        let same_op = |said: &Command| (said.person, said.op) == (command.person, command.op);
        let remembered = self.heard.iter().find_map(|heard| match &heard.what {
            What::Said(said, answer) if same_op(said) => Some((said, *answer)),
            _ => None,
        });
        let in_batch = || {
            let index = before.iter().position(same_op)?;
            Some((&before[index], answers[index]))
        };
        let (first, answer) = remembered.or_else(in_batch)?;
        if first != command {
            return Some(Answer::Refused("op_id_reused"));
        }
        Some(match answer {
            Answer::Applied | Answer::Merged | Answer::Duplicate => Answer::Duplicate,
            again => again,
        })
    }

    fn decide(
        &mut self,
        now: Moment,
        command: &Command,
        before: &[Command],
        answers: &[Answer],
    ) -> Answer {
        let blocks = |(said, answer): &(&Command, &Answer)| {
            said.level == command.level && answer.is_for_now()
        };
        if let Some((first, _)) = before.iter().zip(answers).find(blocks) {
            return Answer::WaitsBehind(first.op);
        }
        let now_ms = now.div_euclid(1_000);
        let made_ms = i64::try_from(command.stamp.ms).unwrap();
        if made_ms > now_ms + MINUTE_MS {
            return Answer::Refused("clock_ahead");
        }
        if command.level == 0 && made_ms + DAY_MS > now_ms {
            return Answer::WaitsForApproval;
        }
        if command.level == 0 {
            return self.remember(now, command, Answer::Refused("not_found"), false);
        }
        let picture = self.look_closely(now);
        let seats = usize::from(command.level)
            .checked_sub(1)
            .and_then(|level| self.chain.levels.get(level));
        if command.person == self.chain.owner {
            return self.remember(now, command, Answer::Refused("self_approval"), false);
        }
        if !seats.is_some_and(|seats| seats.approvers.contains(&command.person)) {
            return self.remember(now, command, Answer::Refused("not_found"), false);
        }
        let answer = self.judge(command, &picture);
        self.remember(now, command, answer, answer != Answer::Duplicate)
    }

    /// From rule 7 on.
    fn judge(&self, command: &Command, picture: &Picture) -> Answer {
        let level = picture.level(command.level);
        if command.stale {
            return Answer::Refused("stale_revision");
        }
        if !self.is_active(command.person) {
            return Answer::Refused("approver_inactive");
        }
        match level.status {
            Status::Waiting | Status::Withdrawn => return Answer::Refused("level_not_open"),
            Status::BasisChanged => return Answer::Refused("basis_changed"),
            Status::Open | Status::Approved | Status::Rejected => {}
        }
        let latest = level
            .latest
            .iter()
            .find(|said| said.person == command.person);
        if latest.is_some_and(|latest| command.repeats(latest)) {
            return Answer::Duplicate;
        }
        if latest.is_some_and(|latest| latest.outranks(command)) {
            return Answer::Merged;
        }
        let others = picture
            .levels
            .iter()
            .filter(|other| other.number != command.level);
        if command.vote().is_some()
            && others
                .flat_map(|other| &other.votes)
                .any(|vote| vote.person == command.person)
        {
            return Answer::Refused("duplicate_approver");
        }
        let standing = level
            .votes
            .iter()
            .find(|vote| vote.person == command.person);
        if command.vote().is_none() && standing.is_none() {
            return Answer::Refused("nothing_to_roll_back");
        }
        let changes = standing.map(|vote| vote.says) != command.vote();
        if level.sealed && !changes {
            return Answer::Duplicate;
        }
        if level.sealed {
            return Answer::Refused("level_sealed");
        }
        if let Some(vote) = standing.filter(|_| changes) {
            let until = vote.accepted + self.chain.window_us;
            let made = i64::try_from(command.stamp.ms).unwrap() * 1_000;
            let in_time = picture.at <= until;
            let made_in_time = made <= until && picture.at <= until + self.chain.grace_us;
            if !in_time && !made_in_time {
                return Answer::Refused("rollback_window_over");
            }
        }
        Answer::Applied
    }

    fn is_active(&self, person: Person) -> bool {
        let last = self.heard.iter().rev().find_map(|heard| match heard.what {
            What::Left(left) if left == person => Some(false),
            What::Returned(back) if back == person => Some(true),
            _ => None,
        });
        last.unwrap_or(true)
    }

    /// Writes down what sealed by age and nobody had noticed, and tells how things are now.
    fn look_closely(&mut self, now: Moment) -> Picture {
        loop {
            let picture = self.picture(self.next(now));
            let unnoticed = picture.levels.iter().find(|level| {
                level.sealed_by_age
                    && !self.heard.iter().any(|heard| {
                        matches!(heard.what, What::FoundSealed(number) if number == level.number)
                    })
            });
            match unnoticed.map(|level| level.number) {
                Some(number) => self.write(now, What::FoundSealed(number)),
                None => return picture,
            }
        }
    }

    /// The moment of what is written next.
    fn next(&self, now: Moment) -> Moment {
        let written = self.heard.iter().filter(|heard| heard.written);
        let last = written.map(|heard| heard.at).max();
        last.map_or(now, |last| now.max(last + 1))
    }

    fn write(&mut self, now: Moment, what: What) {
        let at = self.next(now);
        self.heard.push(Heard {
            at,
            written: true,
            what,
        });
    }

    fn remember(&mut self, now: Moment, said: &Command, answer: Answer, written: bool) -> Answer {
        let at = self.next(now);
        self.heard.push(Heard {
            at,
            written,
            what: What::Said(*said, answer),
        });
        answer
    }
}
