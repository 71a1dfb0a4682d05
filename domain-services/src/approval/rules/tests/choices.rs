//! Random histories as strings of bytes: each byte is a choice, and 0 is the plain one. Proptest makes
//! such strings faster than structured values, and shrinks them as well.

use proptest::collection::{SizeRange, vec};
use proptest::prelude::{Strategy, any};
use std::fmt;

/// Where choices come from; an exhausted source chooses 0.
pub(super) struct Choices<'a> {
    rest: std::slice::Iter<'a, u8>,
}

impl<'a> Choices<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes.iter() }
    }

    /// A number below `n`, at most 256.
    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::from(self.rest.next().copied().unwrap_or(0)) % n.max(1)
    }

    /// True once in `n` times.
    pub(super) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) + 1 == n
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A permutation of `items`; all zeros leave them as they are.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for place in (1..items.len()).rev() {
            items.swap(place, place - self.below(place + 1));
        }
    }
}

/// The bytes of a history: of its beginning, and of each step, so that a step is left out as a whole.
#[derive(Clone)]
pub(super) struct History {
    pub(super) beginning: [u8; 14],
    pub(super) steps: Vec<[u8; 12]>,
}

/// Its story says more.
impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.beginning, self.steps)
    }
}

pub(super) fn history(steps: impl Into<SizeRange>) -> impl Strategy<Value = History> {
    let beginning = any::<[u8; 14]>();
    let parts = (beginning, vec(any::<[u8; 12]>(), steps));
    parts.prop_map(|(beginning, steps)| History { beginning, steps })
}
