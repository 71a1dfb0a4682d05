//! The Merkle tree of RFC 6962, section 2.1 (unchanged in RFC 9162): pure functions over SHA-256.
//!
//! The tree over the first `n` leaves has complete subtrees on its left and a ragged right edge. A
//! complete subtree never changes once its last leaf is there, so it is hashed once, when that leaf
//! is appended ([`Frontier::push`]), and kept with it. All a proof needs is then a logarithmic number
//! of stored hashes ([`Node::seq`] says with which leaf each lies).

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash of a leaf. The prefix keeps leaves and nodes apart (second preimages).
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0x00])
        .chain_update(leaf)
        .finalize()
        .into()
}

/// The hash of an inner node.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut input = [0x01; 65];
    for (to, from) in input.iter_mut().skip(1).zip(left.iter().chain(right)) {
        *to = *from;
    }
    Sha256::digest(input).into()
}

/// The root of the tree without leaves.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// A complete subtree: its leaves are `index << level .. (index + 1) << level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Node {
    /// 0 for a leaf.
    pub level: u32,
    /// From 0, among those of its level.
    pub index: u64,
}

impl Node {
    /// The sequence number of its last leaf, with which its hash is kept.
    #[must_use]
    pub fn seq(self) -> u64 {
        ((self.index + 1) << self.level) - 1
    }
}

/// The leaves `begin .. end` of one side of a node: what one hash of a proof stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    begin: u64,
    end: u64,
}

impl Span {
    /// The complete subtrees it consists of, from the left.
    #[must_use]
    pub fn nodes(self) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut begin = self.begin;
        while begin < self.end {
            let level = (self.end - begin).ilog2();
            nodes.push(Node {
                level,
                index: begin >> level,
            });
            begin += 1 << level;
        }
        nodes
    }

    /// Its hash, from those of its [`nodes`](Self::nodes); `None` when there is none.
    #[must_use]
    pub fn hash(hashes: &[Hash]) -> Option<Hash> {
        let (last, others) = hashes.split_last()?;
        let joined = others
            .iter()
            .rfold(*last, |right, left| node_hash(left, &right));
        Some(joined)
    }
}

/// What [`Frontier`] stands for: the complete subtrees of the tree over `size` leaves.
#[must_use]
pub fn frontier(size: u64) -> Span {
    Span {
        begin: 0,
        end: size,
    }
}

/// The largest power of two below `n`, which is at least 2: how many leaves the left side has.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// What an inclusion proof of leaf `seq` in the tree over `size` leaves consists of, from the leaf
/// to the root. `seq` is below `size`.
#[must_use]
pub fn inclusion(seq: u64, size: u64) -> Vec<Span> {
    let (mut begin, mut end) = (0, size);
    let mut path = Vec::new();
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if seq < middle {
            path.push(Span { begin: middle, end });
            end = middle;
        } else {
            path.push(Span { begin, end: middle });
            begin = middle;
        }
    }
    path.reverse();
    path
}

/// What a consistency proof between the trees over `from` and `to` leaves consists of. Nothing when
/// `from` is 0 or `to`; it is at most `to`.
#[must_use]
pub fn consistency(from: u64, to: u64) -> Vec<Span> {
    if from == 0 {
        return Vec::new();
    }
    let (mut begin, mut end) = (0, to);
    let mut path = Vec::new();
    while from != end {
        let middle = begin + split(end - begin);
        if from <= middle {
            path.push(Span { begin: middle, end });
            end = middle;
        } else {
            path.push(Span { begin, end: middle });
            begin = middle;
        }
    }
    if begin != 0 {
        path.push(Span { begin, end });
    }
    path.reverse();
    path
}

/// The right edge of a growing tree: the hashes of its complete subtrees, the largest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

impl Frontier {
    /// The frontier of the tree over `size` leaves, from the hashes of `frontier(size).nodes()`;
    /// `None` when there are not as many.
    #[must_use]
    pub fn of(size: u64, hashes: Vec<Hash>) -> Option<Self> {
        let right = usize::try_from(size.count_ones()) == Ok(hashes.len());
        right.then_some(Self { size, hashes })
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf. Returns the hashes of the subtrees that it completes, by level: its own first.
    pub fn push(&mut self, leaf: Hash) -> Vec<Hash> {
        let mut completed = vec![leaf];
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.hashes.pop() else { break };
            hash = node_hash(&left, &hash);
            completed.push(hash);
        }
        self.hashes.push(hash);
        self.size += 1;
        completed
    }

    /// The same as [`push`](Self::push), for who keeps no inner hash.
    pub fn add(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.hashes.pop() else { break };
            hash = node_hash(&left, &hash);
        }
        self.hashes.push(hash);
        self.size += 1;
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        Span::hash(&self.hashes).unwrap_or_else(empty_root)
    }
}

/// Whether a proof shows that the leaf with this hash is number `seq` of the tree over `size` leaves
/// with this root (RFC 9162, section 2.1.3.2).
#[must_use]
pub fn verify_inclusion(seq: u64, size: u64, leaf: &Hash, proof: &[Hash], root: &Hash) -> bool {
    if seq >= size {
        return false;
    }
    let (mut node, mut last) = (seq, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node % 2 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node % 2 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether a proof shows that the tree over `to` leaves begins with the one over `from` leaves (RFC
/// 9162, section 2.1.4.2). Every tree begins with the empty one.
#[must_use]
pub fn verify_consistency(
    (from, from_root): (u64, &Hash),
    (to, to_root): (u64, &Hash),
    proof: &[Hash],
) -> bool {
    if from >= to || from == 0 {
        let same = from == to && from_root == to_root;
        let begins_empty = from == 0 && from < to && *from_root == empty_root();
        return proof.is_empty() && (same || begins_empty);
    }
    let whole = from.is_power_of_two().then_some(from_root);
    let mut hashes = whole.into_iter().chain(proof);
    let Some(first) = hashes.next() else {
        return false;
    };
    let (mut node, mut last) = (from - 1, to - 1);
    while node % 2 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut of_from, mut of_to) = (*first, *first);
    for sibling in hashes {
        if last == 0 {
            return false;
        }
        if node % 2 == 1 || node == last {
            of_from = node_hash(sibling, &of_from);
            of_to = node_hash(sibling, &of_to);
            while node % 2 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            of_to = node_hash(&of_to, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && of_from == *from_root && of_to == *to_root
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
