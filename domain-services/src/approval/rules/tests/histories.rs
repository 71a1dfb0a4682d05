//! Random histories: people on phones with wrong clocks and bad networks, a sweeper that may sleep, and
//! the comparison with the oracle after every step.

use super::choices::{Choices, History, history};
use super::desk::{Desk, Steps};
use super::oracle::{Answer, Chain, Command, Moment, Person, Says, Seats};
use super::people::{
    COMMENTS, HOUR_US, OLGA, SECOND_US, START_US, hours, name, person_of, sentence,
};
use super::phones::Phone;
use proptest::prelude::*;
use std::iter::repeat;

/// Hours by which a phone's clock is off; most are right.
const OFFSETS_HOURS: [i64; 8] = [0, 0, 0, 0, -1, -13, -24, 24];

proptest! {
    #![proptest_config(super::cases())]

    #[test]
    fn every_history_is_as_the_oracle_says_and_keeps_the_promises(history in history(0..15)) {
        if play(&history, false).is_err() {
            let told = play(&history, true).unwrap_err();
            return Err(TestCaseError::fail(format!("\n{told}\n")));
        }
    }
}

/// Plays a history; a failure is its story.
fn play(history: &History, tells: bool) -> Result<(), String> {
    let chain = chain(&mut Choices::new(&history.beginning));
    let mut world = World {
        desk: Desk::open(START_US, chain, tells),
        phones: Vec::new(),
        now: START_US,
        ops: 0,
    };
    let mut steps = history.steps.iter();
    let played = steps.try_for_each(|step| world.step(&mut Choices::new(step)));
    let reads_the_log = history.beginning[13].is_multiple_of(8);
    let played = played.and_then(|()| world.epilogue(reads_the_log));
    played.map_err(|unlike| format!("{}\n{}", world.desk.story(), unlike.0))
}

/// 1 to 3 levels of 1 to 5 approvers, a quorum of 1 to 3, sometimes one person on two levels, sometimes
/// the requester among them.
fn chain(choices: &mut Choices<'_>) -> Chain {
    let count = choices.pick(&[2, 1, 3]);
    let mut levels: Vec<Seats> = Vec::new();
    for level in 0..count {
        let quorum = choices.pick(&[1, 1, 2, 1, 3]);
        let people = usize::from(quorum) + choices.below(6 - usize::from(quorum));
        let first = level * 5 + 1;
        let mut approvers: Vec<Person> = (first..).take(people).collect();
        match choices.below(8) {
            6 if level > 0 => approvers[0] = 1,
            7 if level > 0 => approvers[0] = first - 5,
            5 => approvers.push(OLGA),
            _ => {}
        }
        levels.push(Seats { approvers, quorum });
    }
    Chain {
        owner: OLGA,
        levels,
        window_us: 24 * HOUR_US,
        grace_us: 12 * HOUR_US,
    }
}

struct World {
    desk: Desk,
    phones: Vec<Phone>,
    now: Moment,
    ops: u32,
}

impl World {
    fn step(&mut self, choices: &mut Choices<'_>) -> Steps {
        self.time_passes(choices);
        match choices.below(16) {
            0..=8 => {
                let phone = self.somebody_speaks(choices);
                self.deliver(phone, choices)
            }
            9 | 10 => {
                self.somebody_speaks(choices);
                Ok(())
            }
            11 => match self.phones.len() {
                0 => Ok(()),
                phones => {
                    let phone = choices.below(phones);
                    self.deliver(phone, choices)
                }
            },
            12 => self.deliver_again(choices),
            13 => self.desk.sweep(self.now),
            14 => {
                let away = self.desk.case.inactive.first().map(|away| person_of(*away));
                let (_, person) = self.somebody(choices);
                match away.filter(|_| choices.once_in(2)) {
                    Some(away) => self.desk.turn(self.now, away),
                    None if person == OLGA => Ok(()),
                    None => self.desk.turn(self.now, person),
                }
            }
            _ if choices.once_in(4) => self.desk.withdraw(self.now),
            _ => self.mischief(choices),
        }
    }

    /// Usually an hour; sometimes to an edge of a window, a grace or a seal, and a microsecond, a
    /// millisecond or a second off it.
    fn time_passes(&mut self, choices: &mut Choices<'_>) {
        let later = match choices.below(10) {
            0..=3 => self.now + HOUR_US,
            4 => self.now,
            5 => self.now + 12 * HOUR_US,
            6 => self.now + 23 * HOUR_US,
            7 => self.now + 1,
            _ => match self.edge(choices) {
                Some(edge) => edge + choices.pick(&[0, 1, -1, 1_000, -1_000, -3, SECOND_US]),
                None => self.now,
            },
        };
        self.now = later.max(self.now);
    }

    /// The end of a standing vote's window or grace.
    fn edge(&self, choices: &mut Choices<'_>) -> Option<Moment> {
        let levels = self.desk.case.levels.iter();
        let ballots = levels.flat_map(|level| level.ballots.values());
        let accepted: Vec<Moment> = ballots.map(|ballot| ballot.accepted_us).collect();
        if accepted.is_empty() {
            return None;
        }
        Some(choices.pick(&accepted) + choices.pick(&[24, 36]) * HOUR_US)
    }

    /// An approver, mostly of the highest level that can be voted on.
    fn somebody(&self, choices: &mut Choices<'_>) -> (u8, Person) {
        let levels = &self.desk.oracle.chain().levels;
        let open = self
            .desk
            .case
            .levels
            .iter()
            .filter(|level| level.basis_us.is_some());
        let highest = open.map(|level| level.number).max().unwrap_or(1);
        let level = match choices.below(8) {
            0..=5 => highest,
            6 => (highest - 1).max(1),
            _ => choices
                .pick(&[1, 2, 3])
                .min(u8::try_from(levels.len()).unwrap()),
        };
        let approvers = &levels[usize::from(level) - 1].approvers;
        let person = if choices.once_in(30) {
            choices.pick(&[OLGA, 1, 6, 11])
        } else {
            approvers[choices.below(approvers.len())]
        };
        (level, person)
    }

    /// Somebody who has a vote.
    fn some_voter(&self, choices: &mut Choices<'_>) -> Option<(u8, Person)> {
        let levels = self.desk.case.levels.iter();
        let ballots = levels.flat_map(|level| level.ballots.iter().zip(repeat(level.number)));
        let standing = ballots.filter(|((_, ballot), _)| ballot.vote.is_some());
        let voters: Vec<(u8, Person)> = standing
            .map(|((person, _), level)| (level, person_of(*person)))
            .collect();
        (!voters.is_empty()).then(|| choices.pick(&voters))
    }

    /// The phone of somebody on which something was said just now.
    fn somebody_speaks(&mut self, choices: &mut Choices<'_>) -> usize {
        let says = choices.pick(&[
            Says::Approve,
            Says::Approve,
            Says::Rollback,
            Says::Reject,
            Says::Approve,
            Says::Rollback,
            Says::Approve,
        ]);
        let voter = match says {
            Says::Rollback if !choices.once_in(5) => self.some_voter(choices),
            _ => None,
        };
        let (level, person) = voter.unwrap_or_else(|| self.somebody(choices));
        let comment = choices.once_in(4).then(|| choices.pick(&COMMENTS));
        let phone = self.phone_of(person, choices);
        let stamp = match choices.below(10) {
            9 => {
                let edge = self.edge(choices).unwrap_or(self.now);
                let off = choices.pick(&[0, 1_000, -1_000, -HOUR_US]);
                self.phones[phone].stamp_at(edge.min(self.now) + off)
            }
            8 => self.phones[phone].stamp_at(self.now - HOUR_US),
            _ => self.phones[phone].tick(self.now),
        };
        self.ops += 1;
        self.phones[phone].says(self.ops, stamp, level, says, comment);
        let said = *self.phones[phone].queue.last().unwrap();
        self.desk
            .tell(self.now, |_| format!("on a phone: {}", sentence(&said)));
        phone
    }

    /// One of the (at most two) phones of a person. Some second phones are clones of the first, node
    /// and all.
    fn phone_of(&mut self, person: Person, choices: &mut Choices<'_>) -> usize {
        let own = self
            .phones
            .iter()
            .enumerate()
            .filter(|(_, phone)| phone.person == person);
        let own: Vec<usize> = own.map(|(index, _)| index).collect();
        let second = choices.once_in(4);
        match (own.as_slice(), second) {
            ([first, ..], false) => *first,
            ([_, other], true) => *other,
            (known, _) => {
                let cloned = known.len() == 1 && choices.once_in(3);
                let node = u64::from(person) * 10 + u64::from(known.len() == 1 && !cloned);
                let offset_ms = choices.pick(&OFFSETS_HOURS) * 3_600_000;
                self.phones.push(Phone::new(person, node, offset_ms));
                self.phones.len() - 1
            }
        }
    }

    /// A phone sends its queue. The answer may get lost; the order is the phone's, or the network's.
    fn deliver(&mut self, phone: usize, choices: &mut Choices<'_>) -> Steps {
        let mut batch = self.phones[phone].queue.clone();
        if choices.once_in(6) {
            choices.shuffle(&mut batch);
        }
        let answers = self.desk.deliver(self.now, &batch)?;
        if choices.once_in(6) {
            self.desk
                .tell(self.now, |_| "The answer is lost".to_owned());
            return Ok(());
        }
        let phone = &mut self.phones[phone];
        phone.settle(&batch, &answers);
        if answers.contains(&Answer::Refused("clock_ahead")) {
            phone.set_clock(self.now);
            let line = |_: &Desk| format!("A phone of {} sets its clock", name(phone.person));
            self.desk.tell(self.now, line);
        } else if !choices.once_in(3) {
            // It hears of everything said so far.
            let stamps = self.desk.case.levels.iter();
            let stamps = stamps
                .flat_map(|level| level.ballots.values())
                .map(|said| said.hlc);
            if let Some(hlc) = stamps.max() {
                let stamp = phone.stamp_at(Moment::try_from(hlc.millis()).unwrap() * 1_000);
                phone.observe(stamp);
            }
        }
        Ok(())
    }

    /// What was settled long ago arrives once more, alone or behind what is new.
    fn deliver_again(&mut self, choices: &mut Choices<'_>) -> Steps {
        let known = self.phones.iter().filter(|phone| !phone.settled.is_empty());
        let known: Vec<&Phone> = known.collect();
        if known.is_empty() {
            return Ok(());
        }
        let phone = known[choices.below(known.len())];
        let mut batch: Vec<Command> = vec![choices.pick(&phone.settled)];
        if choices.once_in(3) {
            batch.extend(phone.queue.iter());
            batch.push(batch[0]);
        }
        self.desk.deliver(self.now, &batch).map(|_| ())
    }

    /// An operation's id with other content, another revision, an approval nobody has heard of, a clock
    /// that is ahead.
    fn mischief(&mut self, choices: &mut Choices<'_>) -> Steps {
        let phone = self.somebody_speaks(choices);
        let phone = &mut self.phones[phone];
        let spoken = phone.queue.len() - 1;
        let ahead = choices.pick(&[59_999, 60_000, 60_001, 86_400_000]);
        let ahead = phone.stamp_at(self.now + ahead * 1_000);
        let said = &mut phone.queue[spoken];
        match choices.below(4) {
            0 => said.stale = true,
            1 => said.level = 0,
            2 => said.op = 1 + u32::try_from(choices.below(8)).unwrap().min(self.ops - 1),
            _ => said.stamp = ahead,
        }
        self.desk
            .deliver(self.now, &phone.queue.clone())
            .map(|_| ())
    }

    /// Everything in the queues arrives at last, everything overdue seals, and the log tells it all.
    fn epilogue(&mut self, reads_the_log: bool) -> Steps {
        for phone in 0..self.phones.len() {
            let batch = self.phones[phone].queue.clone();
            self.desk.deliver(self.now, &batch)?;
        }
        let later = self.now + 40 * HOUR_US;
        self.desk.look(later)?;
        self.desk
            .tell(later, |_| format!("{} is past", hours(later)));
        self.desk.sweep(later)?;
        // The fold is compared after every step; reading what is stored takes longer than all of it.
        if reads_the_log {
            self.desk.replay()?;
        }
        Ok(())
    }
}
