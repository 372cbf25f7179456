//! Merkle trees after RFC 6962 §2.1: one root for a body, a short path for each of its fragments.

use canon::{Digest, DigestAlg};

/// What stands before the two children of an inner node.
const NODE: u8 = 1;

/// The hash of an inner node: a one byte, then both children.
fn node(left: &Digest, right: &Digest) -> Digest {
    left.alg.of(&[&[NODE], &left.bytes, &right.bytes])
}

fn both(left: &Digest, right: &Digest) -> [u8; 64] {
    let mut out = [0; 64];
    let (first, second) = out.split_at_mut(32);
    first.copy_from_slice(&left.bytes);
    second.copy_from_slice(&right.bytes);
    out
}

/// The largest power of two below `n`; `n` is at least 2.
const fn split(n: usize) -> usize {
    1 << (usize::BITS - 1 - (n - 1).leading_zeros())
}

/// The root over `leaves`, which are of this algorithm; over none, the digest of nothing.
pub fn merkle_root(alg: DigestAlg, leaves: &[Digest]) -> Digest {
    let Some(first) = leaves.first() else { return alg.of(&[]) };
    // Level by level: an odd one out is carried up unchanged, which is RFC 6962's tree.
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        let (pairs, odd) = level.as_chunks::<2>();
        let pairs: Vec<[u8; 64]> = pairs.iter().map(|[left, right]| both(left, right)).collect();
        let pairs: Vec<&[u8]> = pairs.iter().map(|pair| &pair[..]).collect();
        let mut above = alg.of_each(NODE, &pairs);
        above.extend_from_slice(odd);
        level = above;
    }
    level.first().copied().unwrap_or(*first)
}

/// The audit path of leaf `index`, from the leaf upwards; none if there is no such leaf.
pub fn merkle_path(leaves: &[Digest], index: usize) -> Option<Vec<Digest>> {
    if index >= leaves.len() {
        return None;
    }
    let mut path = Vec::new();
    descend(leaves, index, &mut path);
    Some(path)
}

fn descend(leaves: &[Digest], index: usize, path: &mut Vec<Digest>) {
    if leaves.len() < 2 {
        return;
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if index < left.len() {
        descend(left, index, path);
        path.push(merkle_root(right[0].alg, right));
    } else {
        descend(right, index - left.len(), path);
        path.push(merkle_root(left[0].alg, left));
    }
}

/// Whether `leaf` stands at `index` of the `count` leaves under `root`.
pub fn verify_path(
    leaf: &Digest,
    index: usize,
    count: usize,
    path: &[Digest],
    root: &Digest,
) -> bool {
    // RFC 9162 §2.1.3.2.
    if index >= count {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, count - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            hash = node(sibling, &hash);
            while at % 2 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

#[cfg(test)]
mod tests {
    use canon::leaf_hash;

    use super::*;

    fn leaves(alg: DigestAlg, n: usize) -> Vec<Digest> {
        (0..n).map(|i| leaf_hash(alg, &i.to_be_bytes())).collect()
    }

    /// The definition of RFC 6962 §2.1, word for word.
    fn by_definition(alg: DigestAlg, leaves: &[Digest]) -> Digest {
        match leaves.len() {
            0 => alg.of(&[]),
            1 => leaves[0],
            n => {
                let (l, r) = leaves.split_at(split(n));
                node(&by_definition(alg, l), &by_definition(alg, r))
            }
        }
    }

    #[test]
    fn the_root_is_rfc_6962s_for_every_size() {
        for alg in DigestAlg::ALL {
            for n in 0..70 {
                let leaves = leaves(*alg, n);
                assert_eq!(merkle_root(*alg, &leaves), by_definition(*alg, &leaves), "{n} leaves");
            }
        }
    }

    #[test]
    fn a_known_tree_of_the_certificate_transparency_test_vectors() {
        let data: [&[u8]; 3] = [b"", b"\x00", b"\x10"];
        let leaves: Vec<_> = data.iter().map(|d| leaf_hash(DigestAlg::Sha256, d)).collect();
        assert_eq!(
            merkle_root(DigestAlg::Sha256, &leaves).to_string(),
            "sha256:aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
        );
    }

    #[test]
    fn every_path_verifies_and_no_other_place_does() {
        for n in 1..34 {
            let all = leaves(DigestAlg::Sha256, n);
            let root = merkle_root(DigestAlg::Sha256, &all);
            for i in 0..n {
                let path = merkle_path(&all, i).unwrap();
                for (j, other) in all.iter().enumerate() {
                    assert_eq!(verify_path(other, i, n, &path, &root), i == j, "{j} at {i}/{n}");
                }
                assert!(
                    !verify_path(&all[i], i, n, &path[..path.len().saturating_sub(1)], &root)
                        || n == 1
                );
                let mut longer = path.clone();
                longer.push(root);
                assert!(!verify_path(&all[i], i, n, &longer, &root));
            }
            assert!(merkle_path(&all, n).is_none());
        }
    }
}
