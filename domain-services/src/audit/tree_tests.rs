//! Against published vectors, and against the definition itself.

use super::*;
use proptest::prelude::*;

/// The eight leaves of the vectors that Certificate Transparency implementations share
/// (github.com/transparency-dev/merkle, `proof/verify_test.go`).
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

/// The roots over the first one to eight of them.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    let pairs = text.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| digit(pair[0]) * 16 + digit(pair[1]))
        .collect()
}

fn hash(text: &str) -> Hash {
    hex(text).try_into().unwrap()
}

/// MTH of RFC 6962, section 2.1, word for word.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(usize::try_from(split(many.len() as u64)).unwrap());
            node_hash(&mth(left), &mth(right))
        }
    }
}

/// The hashes of a proof, from leaf hashes, by the definition.
fn proof(leaves: &[Hash], spans: &[Span]) -> Vec<Hash> {
    let place = |seq: u64| usize::try_from(seq).unwrap();
    let span_hash = |span: &Span| {
        let nodes: Vec<Hash> = span
            .nodes()
            .into_iter()
            .map(|node| {
                let end = place(node.seq()) + 1;
                mth(&leaves[end - (1 << node.level)..end])
            })
            .collect();
        Span::hash(&nodes).unwrap()
    };
    spans.iter().map(span_hash).collect()
}

fn vector_leaves() -> Vec<Hash> {
    LEAVES.map(|leaf| leaf_hash(&hex(leaf))).to_vec()
}

#[test]
fn the_empty_tree_has_the_hash_of_nothing() {
    let root = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(empty_root(), hash(root));
    assert_eq!(Frontier::default().root(), hash(root));
}

#[test]
fn a_growing_tree_has_the_published_roots() {
    let mut frontier = Frontier::default();
    for (leaf, root) in LEAVES.iter().zip(ROOTS) {
        frontier.push(leaf_hash(&hex(leaf)));
        assert_eq!(frontier.root(), hash(root));
    }
}

#[test]
fn inclusion_proofs_are_the_published_ones() {
    let vectors: [(u64, u64, &[&str]); 5] = [
        (0, 1, &[]),
        (
            0,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            &[
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            3,
            &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
        ),
        (
            1,
            5,
            &[
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    let leaves = vector_leaves();
    for (seq, size, expected) in vectors {
        let made = proof(&leaves, &inclusion(seq, size));
        let expected: Vec<Hash> = expected.iter().map(|text| hash(text)).collect();
        assert_eq!(made, expected, "{seq} of {size}");
    }
}

#[test]
fn consistency_proofs_are_the_published_ones() {
    let vectors: [(u64, u64, &[&str]); 5] = [
        (1, 1, &[]),
        (
            1,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            &[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            &[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
        (
            6,
            7,
            &[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
    ];
    let leaves = vector_leaves();
    for (from, to, expected) in vectors {
        let made = proof(&leaves, &consistency(from, to));
        let expected: Vec<Hash> = expected.iter().map(|text| hash(text)).collect();
        assert_eq!(made, expected, "{from} to {to}");
    }
}

/// The seven leaves d0 … d6 of the example in RFC 6962, section 2.1.3 (RFC 9162, 2.1.5).
#[test]
fn proofs_have_the_shape_of_the_rfcs_example() {
    let d: Vec<Hash> = (0..7u8).map(|n| leaf_hash(&[b'd', n])).collect();
    // g, h, i, k and l of the figure.
    let pairs: Vec<Hash> = d[..6]
        .chunks_exact(2)
        .map(|pair| node_hash(&pair[0], &pair[1]))
        .collect();
    let left = node_hash(&pairs[0], &pairs[1]);
    let right = node_hash(&pairs[2], &d[6]);
    assert_eq!(proof(&d, &inclusion(0, 7)), [d[1], pairs[1], right]);
    assert_eq!(proof(&d, &inclusion(3, 7)), [d[2], pairs[0], right]);
    assert_eq!(proof(&d, &inclusion(4, 7)), [d[5], d[6], left]);
    assert_eq!(proof(&d, &inclusion(6, 7)), [pairs[2], left]);
    assert_eq!(proof(&d, &consistency(3, 7)), [d[2], d[3], pairs[0], right]);
    assert_eq!(proof(&d, &consistency(4, 7)), [right]);
    assert_eq!(proof(&d, &consistency(6, 7)), [pairs[2], d[6], left]);
}

fn many(size: u64) -> Vec<Hash> {
    (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

fn at(leaves: &[Hash], seq: u64) -> Hash {
    leaves[usize::try_from(seq).unwrap()]
}

fn root_of(leaves: &[Hash], size: u64) -> Hash {
    mth(&leaves[..usize::try_from(size).unwrap()])
}

#[test]
fn what_a_leaf_completes_lies_with_it() {
    let leaves = many(300);
    let mut frontier = Frontier::default();
    for (seq, leaf) in leaves.iter().enumerate() {
        let completed = frontier.push(*leaf);
        for (level, hash) in completed.iter().enumerate() {
            let end = seq + 1;
            assert_eq!(*hash, mth(&leaves[end - (1 << level)..end]));
            let node = Node {
                level: u32::try_from(level).unwrap(),
                index: (end as u64 >> level) - 1,
            };
            assert_eq!(node.seq(), seq as u64);
        }
        assert_eq!(frontier.root(), mth(&leaves[..=seq]));
    }
}

#[test]
fn every_proof_of_every_small_tree_verifies() {
    let leaves = many(33);
    for size in 1..=33 {
        let root = root_of(&leaves, size);
        for seq in 0..size {
            let path = proof(&leaves, &inclusion(seq, size));
            assert!(verify_inclusion(seq, size, &at(&leaves, seq), &path, &root));
        }
        for from in 0..=size {
            let path = proof(&leaves, &consistency(from, size));
            let before = root_of(&leaves, from);
            assert!(verify_consistency((from, &before), (size, &root), &path));
        }
    }
}

#[test]
fn a_proof_is_logarithmic() {
    for (seq, size) in [(0, 1 << 20), (0, (1 << 20) - 1), (1_000_000, 1_048_575)] {
        let nodes: usize = inclusion(seq, size).iter().map(|s| s.nodes().len()).sum();
        assert!(nodes <= 40, "{nodes}");
    }
}

proptest! {
    /// Whatever is changed about a proof, it proves nothing any more.
    #[test]
    fn a_wrong_proof_is_refused(
        size in 2u64..200, seq in 0u64..200, from in 1u64..200, bit in 0usize..256, what in 0usize..6,
    ) {
        let (seq, from) = (seq % size, 1 + from % (size - 1));
        let leaves = many(size);
        let root = mth(&leaves);
        let flip = |hash: &mut Hash| hash[bit / 8] ^= 1 << (bit % 8);

        let mut path = proof(&leaves, &inclusion(seq, size));
        let (mut place, mut leaf, mut top) = (seq, at(&leaves, seq), root);
        match what {
            0 => { let n = bit % path.len(); flip(&mut path[n]); }
            1 => { path.pop(); }
            2 => path.push(root),
            3 => place = (seq + 1) % size,
            4 => flip(&mut leaf),
            _ => flip(&mut top),
        }
        prop_assert!(!verify_inclusion(place, size, &leaf, &path, &top));

        let mut path = proof(&leaves, &consistency(from, size));
        let (mut before, mut after) = (root_of(&leaves, from), root);
        match what {
            0 => { let n = bit % path.len(); flip(&mut path[n]); }
            1 => { path.pop(); }
            2 => path.push(root),
            3 => path.insert(0, before),
            4 => flip(&mut before),
            _ => flip(&mut after),
        }
        prop_assert!(!verify_consistency((from, &before), (size, &after), &path));
    }
}
