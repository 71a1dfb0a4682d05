//! The levels at a moment, worked out from everything heard until then.

use super::{Answer, Command, Moment, Oracle, Person, Says, Stamp, What};

/// A level's word for its state; the two closed ones are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Status {
    Waiting,
    Open,
    Approved,
    Rejected,
    BasisChanged,
    Withdrawn,
}

/// What a request came to, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Fate {
    Approved,
    Rejected,
}

/// Everything that can be seen at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Picture {
    pub(in super::super) at: Moment,
    pub(in super::super) levels: Vec<LevelPicture>,
    pub(in super::super) fate: Option<Fate>,
    pub(in super::super) withdrawn: bool,
    pub(in super::super) stalled: bool,
}

/// One level of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct LevelPicture {
    pub(in super::super) number: u8,
    pub(in super::super) status: Status,
    pub(in super::super) sealed: bool,
    pub(in super::super) sealed_by_age: bool,
    pub(in super::super) seals_at: Option<Moment>,
    pub(in super::super) opened_at: Option<Moment>,
    /// In order of person.
    pub(in super::super) votes: Vec<Shown>,
    /// In order of arrival.
    pub(in super::super) dissent: Vec<Shown>,
    /// The latest command of each person who said anything.
    pub(in super::super) latest: Vec<Command>,
}

/// A vote as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Shown {
    pub(in super::super) person: Person,
    pub(in super::super) says: Says,
    pub(in super::super) comment: Option<&'static str>,
    pub(in super::super) stamp: Stamp,
    pub(in super::super) accepted: Moment,
    /// Why it came too late.
    pub(in super::super) code: Option<&'static str>,
}

impl Picture {
    pub(in super::super) fn level(&self, number: u8) -> &LevelPicture {
        &self.levels[usize::from(number) - 1]
    }
}

/// A command that was taken, and when.
type Taken<'a> = (Moment, &'a Command);

/// What votes come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Open,
    Approved,
    Rejected,
}

/// What was taken on one level, in order of arrival, and the outcome after each.
struct Film<'a> {
    taken: Vec<Taken<'a>>,
    outcomes: Vec<Outcome>,
}

/// What each person who said anything says last (rule 1).
fn latest<'a>(taken: &[Taken<'a>]) -> Vec<&'a Command> {
    let mut latest: Vec<&Command> = Vec::new();
    for (_, said) in taken {
        match latest.iter_mut().find(|other| other.person == said.person) {
            Some(other) if said.outranks(other) => *other = said,
            Some(_) => {}
            None => latest.push(said),
        }
    }
    latest
}

/// Rule 2.
fn outcome(taken: &[Taken<'_>], quorum: u8) -> Outcome {
    let votes = latest(taken);
    let count = |says| votes.iter().filter(|said| said.says == says).count();
    if count(Says::Reject) > 0 {
        Outcome::Rejected
    } else if count(Says::Approve) >= usize::from(quorum.max(1)) {
        Outcome::Approved
    } else {
        Outcome::Open
    }
}

impl Film<'_> {
    fn last(&self) -> Outcome {
        self.outcomes.last().copied().unwrap_or(Outcome::Open)
    }

    /// The moments at which the outcome became another, and which.
    fn turns(&self) -> Vec<(Moment, Outcome)> {
        let mut turns = Vec::new();
        let mut was = Outcome::Open;
        for ((at, _), outcome) in self.taken.iter().zip(&self.outcomes) {
            if *outcome != was {
                turns.push((*at, *outcome));
            }
            was = *outcome;
        }
        turns
    }

    /// Since when its decision has stood.
    fn decided_at(&self) -> Option<Moment> {
        let turns = self.turns();
        let (at, outcome) = turns.last()?;
        (*outcome != Outcome::Open).then_some(*at)
    }

    /// Rule 7: going back from now, the first moment of those at which this person says what they say
    /// now.
    fn accepted_at(&self, person: Person) -> Moment {
        let says = |seen: usize| {
            let latest = latest(&self.taken[..seen]);
            latest
                .iter()
                .find(|said| said.person == person)
                .and_then(|said| said.vote())
        };
        let now = says(self.taken.len());
        let same = (1..=self.taken.len())
            .rev()
            .take_while(|seen| says(*seen) == now);
        let first = same.last().unwrap();
        self.taken[first - 1].0
    }

    /// The first vote, rolled back since or not.
    fn first_vote_at(&self) -> Option<Moment> {
        let votes = self.taken.iter().filter(|(_, said)| said.vote().is_some());
        votes.map(|(at, _)| *at).min()
    }

    fn votes(&self) -> Vec<Shown> {
        let mut votes: Vec<Shown> = latest(&self.taken)
            .into_iter()
            .filter(|said| said.vote().is_some())
            .map(|said| shown(said, self.accepted_at(said.person), None))
            .collect();
        votes.sort_by_key(|vote| vote.person);
        votes
    }
}

fn shown(said: &Command, accepted: Moment, code: Option<&'static str>) -> Shown {
    Shown {
        person: said.person,
        says: said.says,
        comment: said.comment,
        stamp: said.stamp,
        accepted,
        code,
    }
}

impl Oracle {
    /// How everything is at a moment that is not before the last thing heard.
    pub(in super::super) fn picture(&self, at: Moment) -> Picture {
        let films: Vec<Film<'_>> = (1..)
            .zip(&self.chain.levels)
            .map(|(number, seats)| {
                let taken = self.taken(number);
                let outcomes = (1..=taken.len()).map(|seen| outcome(&taken[..seen], seats.quorum));
                let outcomes = outcomes.collect();
                Film { taken, outcomes }
            })
            .collect();
        let withdrawn_at = self
            .heard
            .iter()
            .find_map(|heard| matches!(heard.what, What::Withdrawn).then_some(heard.at));
        let levels: Vec<LevelPicture> = (0..films.len())
            .map(|index| self.level_picture(&films, index, at, withdrawn_at))
            .collect();
        let fate = fate(&levels);
        let mut picture = Picture {
            at,
            levels,
            fate,
            withdrawn: withdrawn_at.is_some(),
            stalled: false,
        };
        picture.stalled = self.is_stalled(&picture);
        picture
    }

    fn taken(&self, number: u8) -> Vec<Taken<'_>> {
        let said = self.heard.iter().filter_map(|heard| match &heard.what {
            What::Said(said, Answer::Applied | Answer::Merged) => Some((heard.at, said)),
            _ => None,
        });
        said.filter(|(_, said)| said.level == number).collect()
    }

    fn level_picture(
        &self,
        films: &[Film<'_>],
        index: usize,
        at: Moment,
        withdrawn_at: Option<Moment>,
    ) -> LevelPicture {
        let number = u8::try_from(index).unwrap() + 1;
        let film = &films[index];
        let below = index.checked_sub(1).map(|below| &films[below]);
        let opened_at = match below {
            None => self.heard.first().map(|submitted| submitted.at),
            Some(below) => {
                let approvals = below.turns().into_iter();
                let mut approvals = approvals.filter(|(_, turn)| *turn == Outcome::Approved);
                approvals.next_back().map(|(at, _)| at)
            }
        };
        let basis_stands = below.is_none_or(|below| below.last() == Outcome::Approved);
        let held_us = self.chain.window_us + self.chain.grace_us;
        let due_at = film.decided_at().map(|decided| decided + held_us);
        let voted_above_at = films.get(index + 1).and_then(Film::first_vote_at);
        // What was not sealed when the request was withdrawn never will be.
        let until = withdrawn_at.map_or(at, |withdrawn_at| withdrawn_at.min(at));
        let sealed_by_age = voted_above_at.is_none() && due_at.is_some_and(|due| due <= until);
        let sealed = sealed_by_age || voted_above_at.is_some();
        let status = match film.last() {
            _ if opened_at.is_none() => Status::Waiting,
            _ if !basis_stands => Status::BasisChanged,
            _ if withdrawn_at.is_some() && !sealed => Status::Withdrawn,
            Outcome::Open => Status::Open,
            Outcome::Approved => Status::Approved,
            Outcome::Rejected => Status::Rejected,
        };
        let closed = matches!(status, Status::BasisChanged | Status::Withdrawn);
        LevelPicture {
            number,
            status,
            sealed,
            sealed_by_age,
            seals_at: due_at.filter(|_| !sealed && !closed),
            opened_at,
            votes: film.votes(),
            dissent: self.dissent(number),
            latest: latest(&film.taken).into_iter().copied().collect(),
        }
    }

    /// Votes that came too late.
    fn dissent(&self, number: u8) -> Vec<Shown> {
        let late = self.heard.iter().filter_map(|heard| match &heard.what {
            What::Said(said, Answer::Refused(code @ ("level_sealed" | "rollback_window_over")))
                if said.level == number && said.vote().is_some() =>
            {
                Some(shown(said, heard.at, Some(code)))
            }
            _ => None,
        });
        late.collect()
    }

    /// Rule 8, by trying everybody everywhere.
    fn is_stalled(&self, picture: &Picture) -> bool {
        let rejects = |vote: &Shown| vote.says == Says::Reject;
        let votes = || picture.levels.iter().flat_map(|level| &level.votes);
        if picture.fate.is_some() || picture.withdrawn || votes().any(rejects) {
            return false;
        }
        let mut wanted: Vec<(usize, usize)> = Vec::new();
        for (index, level) in picture.levels.iter().enumerate() {
            let quorum = usize::from(self.chain.levels[index].quorum.max(1));
            if !level.sealed && level.votes.len() < quorum {
                wanted.push((index, quorum - level.votes.len()));
            }
        }
        let everybody = self.chain.levels.iter().flat_map(|seats| &seats.approvers);
        let mut free: Vec<Person> = everybody
            .copied()
            .filter(|person| self.is_active(*person))
            .filter(|person| !votes().any(|vote| vote.person == *person))
            .collect();
        free.sort_unstable();
        free.dedup();
        !self.can_fill(&mut wanted, &free)
    }

    fn can_fill(&self, wanted: &mut [(usize, usize)], free: &[Person]) -> bool {
        if wanted.iter().all(|(_, count)| *count == 0) {
            return true;
        }
        let Some((person, others)) = free.split_first() else {
            return false;
        };
        for place in 0..wanted.len() {
            let (level, count) = wanted[place];
            if count > 0 && self.chain.levels[level].approvers.contains(person) {
                wanted[place].1 -= 1;
                if self.can_fill(wanted, others) {
                    return true;
                }
                wanted[place].1 += 1;
            }
        }
        self.can_fill(wanted, others)
    }
}

/// Rule 6.
fn fate(levels: &[LevelPicture]) -> Option<Fate> {
    let sealed = |level: &LevelPicture, status| level.sealed && level.status == status;
    if levels.iter().any(|level| sealed(level, Status::Rejected)) {
        Some(Fate::Rejected)
    } else if levels
        .last()
        .is_some_and(|last| sealed(last, Status::Approved))
    {
        Some(Fate::Approved)
    } else {
        None
    }
}
