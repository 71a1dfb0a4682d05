//! Notices a client that stands still: events lie behind where the service stands, and none is brought.
//!
//! Seen once for certain in hundreds of starts with librdkafka 2.12, soon after topics had been made: partitions
//! given, no error told, and all read but the last event of a partition, for minutes. Why is not known. A client
//! made anew reads on where the tables say, so to begin again is safe whatever the reason.

use crate::bus::Position;
use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::metadata::MetadataPartition;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// The longest time between two looks, where beginning again does not help. It does not where a partition ends
/// with what no consumer is given: the mark of a transaction of whoever else writes there.
const LOOK_EVERY_MAX: Duration = Duration::from_hours(1);
/// Looks that find a partition at the same place before its client is given up, where events of others come:
/// in a backlog what is fetched ahead may be all theirs for minutes. Where none come, one is enough.
const PATIENCE: u32 = 30;
/// What a look at a partition costs that was given to another node, or to nobody, where no such partition was read
/// since the last look: seven looks. A node that stands still has begun again by then, if there is one.
const NOT_OURS: u32 = 5;
/// How long a broker may take to tell the ends of a partition, and all of them together.
const ANSWER_MAX: Duration = Duration::from_secs(2);
const ANSWERS_MAX: Duration = Duration::from_secs(5);

/// A partition that has more than was brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Behind {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// What should have come.
    pub(super) next: i64,
    /// Where the partition ends.
    pub(super) end: i64,
    /// Whether the partition was given to this client.
    pub(super) is_ours: bool,
}

impl Behind {
    /// Whether the same partition stands at the same place.
    fn is_at(&self, other: &Self) -> bool {
        (&self.topic, self.partition, self.next) == (&other.topic, other.partition, other.next)
    }
}

/// Kept over the clients of one consumer.
#[derive(Debug)]
pub(super) struct Stall {
    every: Duration,
    looked_at: Instant,
    something_came: bool,
    /// What was behind at the last look, and how much patience that has cost.
    seen: Vec<(Behind, u32)>,
    /// Where the service stood then in partitions that were not given to us, all together.
    others_stood: i64,
    /// A look that is being taken, where it holds nobody up.
    taken: Option<JoinHandle<Look>>,
}

impl Stall {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            every: LOOK_EVERY,
            looked_at: now,
            something_came: false,
            seen: Vec::new(),
            others_stood: 0,
            taken: None,
        }
    }

    /// A new client has its time.
    pub(super) fn begin(&mut self, now: Instant) {
        self.looked_at = now;
        self.seen.clear();
        self.taken = None;
    }

    pub(super) fn something_came(&mut self) {
        self.something_came = true;
    }

    /// Whether it is time to look.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.taken.is_none() && now.saturating_duration_since(self.looked_at) >= self.every
    }

    pub(super) fn look(&mut self, look: JoinHandle<Look>) {
        self.taken = Some(look);
    }

    /// The look that was begun, once it has ended.
    pub(super) fn ended(&mut self) -> Option<JoinHandle<Look>> {
        self.taken.take_if(|look| look.is_finished())
    }

    /// Takes what a look found; tells of a partition that has stood at one place for too long: its client is
    /// to be given up.
    pub(super) fn looked(&mut self, now: Instant, look: Look) -> Option<Behind> {
        self.looked_at = now;
        let Look {
            asked,
            behind,
            others_stand,
        } = look;
        if asked == 0 {
            return None;
        }
        let others_read = std::mem::replace(&mut self.others_stood, others_stand) != others_stand;
        let something_came = std::mem::take(&mut self.something_came);
        let costs = |at: &Behind| match (at.is_ours, something_came, others_read) {
            (true, true, _) | (false, _, true) => 1,
            (true, false, _) => PATIENCE,
            (false, _, false) => NOT_OURS,
        };
        let spent = |at: &Behind| {
            let before = self.seen.iter().find(|(before, _)| before.is_at(at));
            before.map_or(0, |(_, spent)| spent + costs(at))
        };
        let behind: Vec<_> = behind
            .into_iter()
            .map(|at| {
                let spent = spent(&at);
                (at, spent)
            })
            .collect();
        let stuck = behind.iter().find(|(_, spent)| *spent >= PATIENCE);
        if let Some((at, _)) = stuck.cloned() {
            self.every = (self.every * 2).min(LOOK_EVERY_MAX);
            self.seen.clear();
            return Some(at);
        }
        if behind.is_empty() {
            self.every = LOOK_EVERY;
        }
        self.seen = behind;
        None
    }
}

/// What the brokers told.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Partitions of which they told the end.
    pub(super) asked: usize,
    pub(super) behind: Vec<Behind>,
    /// Where the service stands in partitions that were not given to us, all together.
    pub(super) others_stand: i64,
}

/// What a look asks about.
pub(super) struct Asked {
    /// Topics, whose every partition somebody must read.
    pub(super) topics: Vec<String>,
    /// The partitions that were given to this client.
    pub(super) given: Vec<(String, i32)>,
    /// Where the tables say the service stands.
    pub(super) taken: Vec<Position>,
}

/// The partitions that have more than the tables say was taken. What the client itself believes is what is in
/// doubt, and its own questions would wait behind the answer to its fetch, half a second each; so it is the
/// producer's client that asks.
pub(super) fn look<C: ClientContext>(client: &Client<C>, asked: &Asked) -> Look {
    let started = Instant::now();
    let mut look = Look::default();
    let is_ours = |topic: &str, partition| {
        let mut given = asked.given.iter();
        given.any(|(of, number)| of == topic && *number == partition)
    };
    // Ours first: there may not be the time for all.
    let given = asked
        .given
        .iter()
        .map(|(of, number)| (of.as_str(), *number));
    let others = asked.topics.iter();
    let others = others.flat_map(|topic| partitions(client, topic));
    let others = others.filter(|(topic, partition)| !is_ours(topic, *partition));
    for (topic, partition) in given.chain(others) {
        if started.elapsed() > ANSWERS_MAX {
            break;
        }
        // One without a leader says nothing about the others.
        let (begin, end) = match client.fetch_watermarks(topic, partition, ANSWER_MAX) {
            Ok(ends) => ends,
            Err(error) => {
                tracing::debug!(%error, topic, partition, "where a partition ends is not known");
                continue;
            }
        };
        look.asked += 1;
        let mut taken = asked.taken.iter();
        let at = taken.find(|at| at.topic == topic && at.partition == partition);
        let next = at.map_or(begin, |at| at.next_offset.max(begin));
        let is_ours = is_ours(topic, partition);
        if !is_ours {
            look.others_stand = look.others_stand.saturating_add(next);
        }
        if next < end {
            look.behind.push(Behind {
                topic: topic.to_owned(),
                partition,
                next,
                end,
                is_ours,
            });
        }
    }
    look
}

fn partitions<'t, C: ClientContext>(
    client: &Client<C>,
    topic: &'t str,
) -> impl Iterator<Item = (&'t str, i32)> {
    let told = client.fetch_metadata(Some(topic), ANSWER_MAX);
    let ids: Vec<i32> = match &told {
        Ok(told) => told
            .topics()
            .iter()
            .flat_map(|topic| topic.partitions().iter().map(MetadataPartition::id))
            .collect(),
        Err(error) => {
            tracing::debug!(%error, topic, "the partitions of a topic are not known");
            Vec::new()
        }
    };
    ids.into_iter().map(move |id| (topic, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::ClientConfig;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

    fn at(partition: i32, next: i64, end: i64) -> Behind {
        Behind {
            topic: "t".to_owned(),
            partition,
            next,
            end,
            is_ours: true,
        }
    }

    struct Looks {
        stall: Stall,
        now: Instant,
        others_stand: i64,
    }

    impl Looks {
        fn new() -> Self {
            let now = Instant::now();
            Self {
                stall: Stall::new(now),
                now,
                others_stand: 0,
            }
        }

        /// The next look, and how long until then.
        fn look(&mut self, behind: &[Behind]) -> (u64, Option<Behind>) {
            let begun = self.now;
            while !self.stall.is_due(self.now) {
                self.now += Duration::from_secs(1);
            }
            let waited = (self.now - begun).as_secs();
            let look = Look {
                asked: 2,
                behind: behind.to_vec(),
                others_stand: self.others_stand,
            };
            (waited, self.stall.looked(self.now, look))
        }
    }

    #[tokio::test]
    async fn a_client_is_given_up_that_brings_nothing_though_there_is_something() {
        let mut looks = Looks::new();
        assert_eq!(looks.look(&[]), (10, None));
        // Written just before the look; then it comes, and more is written.
        assert_eq!(looks.look(&[at(0, 5, 6)]), (10, None));
        looks.stall.something_came();
        assert_eq!(looks.look(&[at(0, 6, 7)]), (10, None));
        assert_eq!(looks.look(&[at(0, 6, 9)]), (10, Some(at(0, 6, 9))));
        // The next clients have twice as long, and so on, until something helps.
        for seconds in [20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600] {
            looks.stall.begin(looks.now);
            assert_eq!(looks.look(&[at(0, 6, 9)]), (seconds, None));
            // A look that learnt nothing changes nothing.
            assert_eq!(looks.stall.looked(looks.now, Look::default()), None);
            assert_eq!(looks.look(&[at(0, 6, 9)]).1, Some(at(0, 6, 9)));
        }
        assert_eq!(looks.look(&[]), (3_600, None));
        assert_eq!(looks.look(&[]), (10, None));
    }

    #[tokio::test]
    async fn a_partition_may_wait_for_others_but_not_for_ever() {
        let mut looks = Looks::new();
        for _ in 0..3 {
            looks.stall.something_came();
            assert_eq!(looks.look(&[at(0, 1, 9)]).1, None);
            for next in 1..PATIENCE.into() {
                looks.stall.something_came();
                let both = [at(1, next, 50), at(0, 1, 9)];
                assert_eq!(looks.look(&both).1, None);
            }
            looks.stall.something_came();
            assert_eq!(looks.look(&[at(0, 2, 9)]).1, None);
        }
        for next in 1..PATIENCE.into() {
            looks.stall.something_came();
            let both = [at(1, next, 50), at(0, 2, 9)];
            assert_eq!(looks.look(&both).1, None);
        }
        looks.stall.something_came();
        assert_eq!(looks.look(&[at(0, 2, 9)]).1, Some(at(0, 2, 9)));
    }

    /// How many looks it takes until a partition of another node is missed; others of its are read or not.
    fn looks_at_anothers(others_are_read: bool) -> u32 {
        let mut looks = Looks::new();
        let not_ours = Behind {
            is_ours: false,
            ..at(0, 5, 6)
        };
        for taken in 1.. {
            looks.stall.something_came();
            looks.others_stand += i64::from(others_are_read);
            if let Some(found) = looks.look(std::slice::from_ref(&not_ours)).1 {
                assert_eq!(found, not_ours);
                return taken;
            }
        }
        0
    }

    #[tokio::test]
    async fn a_partition_that_nobody_reads_is_missed_and_one_in_a_backlog_is_not() {
        assert_eq!(looks_at_anothers(false), 7);
        assert_eq!(looks_at_anothers(true), 1 + PATIENCE);
    }

    #[test]
    fn brokers_tell_what_a_client_has_not_brought() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("t", 2, 1).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers());
        let producer: BaseProducer = config.create().unwrap();
        for partition in [0, 1, 1, 1] {
            let record = BaseRecord::<(), str>::to("t")
                .partition(partition)
                .payload("x");
            producer.send(record).unwrap();
        }
        producer.flush(Duration::from_secs(10)).unwrap();
        let found = |taken: &[Position]| {
            let look = look(
                producer.client(),
                &Asked {
                    topics: vec!["t".to_owned()],
                    given: vec![("t".to_owned(), 1)],
                    taken: taken.to_vec(),
                },
            );
            assert_eq!(look.asked, 2);
            look.behind
        };
        let taken = |next_offset| {
            vec![Position {
                topic: "t".to_owned(),
                partition: 1,
                next_offset,
            }]
        };
        let of_another = Behind {
            is_ours: false,
            ..at(0, 0, 1)
        };
        assert_eq!(found(&[]), [at(1, 0, 3), of_another.clone()]);
        assert_eq!(found(&taken(2)), [at(1, 2, 3), of_another.clone()]);
        assert_eq!(found(&taken(3)), [of_another]);
    }
}
