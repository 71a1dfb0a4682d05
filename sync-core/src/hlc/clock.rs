//! The clock that gives stamps.

use super::stamp::{MAX_MILLIS, MAX_TIME, NodeId, Stamp};

/// The clock of one node. Every stamp it gives is greater than all it gave or observed before, until it
/// stands at the end of the year 9999, where it stays.
#[derive(Debug, Clone)]
pub struct Clock {
    node: NodeId,
    last: u64,
}

impl Clock {
    /// A clock that has seen nothing.
    #[must_use]
    pub const fn new(node: NodeId) -> Clock {
        Clock { node, last: 0 }
    }

    /// A clock that goes on from a kept [`Clock::last`].
    #[must_use]
    pub fn resume(node: NodeId, last_time: u64) -> Clock {
        Clock {
            node,
            last: last_time.min(MAX_TIME),
        }
    }

    /// The node whose clock this is.
    #[must_use]
    pub const fn node(&self) -> NodeId {
        self.node
    }

    /// Milliseconds and counter of the last stamp given or observed: keep it with the data it stamped.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// A new stamp at `wall_ms`, milliseconds since the Unix epoch. A wall clock that went back is
    /// ignored; a counter that overflows borrows the next millisecond.
    pub fn tick(&mut self, wall_ms: u64) -> Stamp {
        self.advance(self.last, wall_ms)
    }

    /// Takes note of a stamp from elsewhere, and gives the stamp of having received it. Bound it with
    /// [`is_ahead`] first: a clock never goes back. For a large batch observe its maximum, once.
    pub fn observe(&mut self, remote: Stamp, wall_ms: u64) -> Stamp {
        self.advance(self.last.max(remote.time), wall_ms)
    }

    fn advance(&mut self, last: u64, wall_ms: u64) -> Stamp {
        let wall = wall_ms.min(MAX_MILLIS) << 16;
        self.last = wall.max(last.saturating_add(1)).min(MAX_TIME);
        Stamp {
            time: self.last,
            node: self.node.get(),
        }
    }
}

/// Whether a stamp lies more than `max_ahead_ms` after `now_ms`: past is always welcome, future is bounded.
#[must_use]
pub const fn is_ahead(stamp: Stamp, now_ms: u64, max_ahead_ms: u64) -> bool {
    stamp.millis() > now_ms.saturating_add(max_ahead_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_never_goes_back_and_borrows_when_full() {
        let mut clock = Clock::new(NodeId::new(1));
        let first = clock.tick(1_000);
        assert_eq!((first.millis(), first.counter()), (1_000, 0));
        let second = clock.tick(500);
        assert_eq!((second.millis(), second.counter()), (1_000, 1));
        let full = Stamp::new(2_000, u16::MAX, NodeId::new(9)).unwrap();
        let received = clock.observe(full, 1_500);
        assert_eq!((received.millis(), received.counter()), (2_001, 0));
        assert!(Clock::resume(clock.node(), clock.last()).tick(0) > received);
    }

    #[test]
    fn at_the_end_of_time_a_clock_stands() {
        let mut clock = Clock::resume(NodeId::new(1), u64::MAX);
        let last = clock.tick(u64::MAX);
        assert_eq!((last.millis(), last.counter()), (MAX_MILLIS, u16::MAX));
        assert_eq!(clock.tick(0), last);
    }

    #[test]
    fn only_the_future_is_bounded() {
        let at = Stamp::new(60_000, 0, NodeId::new(1)).unwrap();
        assert!(!is_ahead(at, 0, 60_000));
        assert!(is_ahead(at, 0, 59_999));
        assert!(!is_ahead(at, u64::MAX, u64::MAX));
    }
}
