//! Leaves of a window as both databases keep them: packed, held at a prefix until there are many, then
//! handed down to its children, sixteen ways.

use std::collections::{BTreeMap, BTreeSet};

use canon::{Digest, HashSum, Key, Prefix, RecordId, key_place};

use super::codec::{Reader, put_number, put_text};
use crate::error::StoreError;
use crate::types::{Bucket, Leaf};

/// Deepest prefix at which leaves are handed down.
pub(crate) const DEPTH_MAX: u8 = 12;
/// Most leaves handed down by one fact.
pub(crate) const FOLDED_MAX: u64 = 4 * crate::LEAVES_HELD_MAX;

/// Packed leaves on their way to one prefix, with what they add up to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bundle {
    /// Rows of leaves that come and go.
    pub(crate) held: u64,
    /// Those that come less those that go.
    pub(crate) count: i64,
    /// Their sum.
    pub(crate) sum: HashSum,
    /// The leaves.
    pub(crate) bytes: Vec<u8>,
}

/// A record that counts in a window's sum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted<'a> {
    /// Type.
    pub(crate) kind: &'a str,
    /// Key, first column.
    pub(crate) root: &'a str,
    /// Key, second column.
    pub(crate) part: &'a str,
    /// Version.
    pub(crate) version: u32,
    /// Record digest.
    pub(crate) digest: &'a Digest,
}

impl<'a> Counted<'a> {
    /// Of a record id.
    pub(crate) fn of(id: &'a RecordId, digest: &'a Digest) -> Self {
        let RecordId { kind, key, version } = id;
        Self { kind, root: key.root(), part: key.part(), version: *version, digest }
    }
}

impl Bundle {
    fn note(&mut self, comes: bool, digest: &[u8; 16]) {
        let sum = HashSum::from_slice(digest).unwrap_or_default();
        self.held += 1;
        if comes {
            self.count += 1;
            self.sum.merge(&sum);
        } else {
            self.count -= 1;
            self.sum = self.sum.without(&sum);
        }
    }

    /// Adds a record that comes, or goes.
    pub(crate) fn put(&mut self, comes: bool, record: Counted<'_>) {
        let Counted { kind, root, part, version, digest } = record;
        let mut first = [0; 16];
        first.copy_from_slice(&digest.bytes[..16]);
        self.note(comes, &first);
        self.bytes.extend_from_slice(&key_place(kind, root, part).to_be_bytes());
        self.bytes.extend_from_slice(&first);
        put_number(&mut self.bytes, u64::from(version) << 1 | u64::from(comes));
        put_text(&mut self.bytes, kind);
        put_text(&mut self.bytes, root);
        put_text(&mut self.bytes, part);
    }
}

/// A packed leaf.
pub(crate) struct Packed<'a> {
    /// Place of its key.
    pub(crate) place: u64,
    comes: bool,
    digest: [u8; 16],
    version: u32,
    kind: &'a str,
    root: &'a str,
    part: &'a str,
    /// Its bytes as they stand there.
    bytes: &'a [u8],
}

/// Reads packed leaves.
pub(crate) struct Leaves<'a>(Reader<'a>);

impl<'a> Leaves<'a> {
    /// Over a column.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(Reader::new(bytes))
    }

    fn leaf(&mut self) -> Result<Packed<'a>, StoreError> {
        let r = &mut self.0;
        let before = r.left();
        let (mut place, mut digest) = ([0; 8], [0; 16]);
        place.copy_from_slice(r.take(8)?);
        digest.copy_from_slice(r.take(16)?);
        let version: u64 = r.number()?;
        let (kind, root, part) = (r.text()?, r.text()?, r.text()?);
        Ok(Packed {
            place: u64::from_be_bytes(place),
            comes: version & 1 == 1,
            digest,
            version: u32::try_from(version >> 1).unwrap_or(u32::MAX),
            kind,
            root,
            part,
            bytes: &before[..before.len() - r.left().len()],
        })
    }
}

impl<'a> Iterator for Leaves<'a> {
    type Item = Result<Packed<'a>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.0.done()).then(|| self.leaf())
    }
}

/// What is held at a prefix, handed down: a bundle for each child.
pub(crate) fn handed_down(
    from: Prefix,
    columns: &[Vec<u8>],
) -> Result<BTreeMap<Prefix, Bundle>, StoreError> {
    let mut down = BTreeMap::<Prefix, Bundle>::new();
    for column in columns {
        for leaf in Leaves::new(column) {
            let leaf = leaf?;
            let bundle = down.entry(Prefix::of(leaf.place, from.digits() + 1)).or_default();
            bundle.note(leaf.comes, &leaf.digest);
            bundle.bytes.extend_from_slice(leaf.bytes);
        }
    }
    Ok(down)
}

/// Buckets under several prefixes, as rows come in.
pub(crate) struct Summing {
    under: Vec<Prefix>,
    at: BTreeMap<Prefix, usize>,
    lengths: BTreeSet<u8>,
    found: Vec<[(i64, HashSum); 16]>,
}

impl Summing {
    /// Of these.
    pub(crate) fn new(under: &[Prefix]) -> Self {
        Self {
            under: under.to_vec(),
            at: under.iter().enumerate().map(|(i, p)| (*p, i)).collect(),
            lengths: under.iter().map(|p| p.digits()).collect(),
            found: vec![Default::default(); under.len()],
        }
    }

    /// Prefixes at which leaves may be held that count: they and all above.
    pub(crate) fn holders(&self) -> Vec<String> {
        holders(&self.under)
    }

    /// Their children, whose sums count as a whole.
    pub(crate) fn children(&self) -> Vec<String> {
        let of = |p: &Prefix| (0..16).filter_map(|d| p.child(d)).collect::<Vec<_>>();
        self.under.iter().flat_map(of).map(|p| p.to_string()).collect()
    }

    /// What passed through a child.
    pub(crate) fn child(&mut self, child: Prefix, count: i64, sum: &HashSum) {
        let (_, last) = child.range();
        if let Some(at) = child.parent().and_then(|p| self.at.get(&p).copied()) {
            self.add(at, last, count, sum);
        }
    }

    /// Leaves held above.
    pub(crate) fn held(&mut self, column: &[u8]) -> Result<(), StoreError> {
        for leaf in Leaves::new(column) {
            let leaf = leaf?;
            let mut one = Bundle::default();
            one.note(leaf.comes, &leaf.digest);
            for digits in self.lengths.clone() {
                if let Some(at) = self.at.get(&Prefix::of(leaf.place, digits)).copied() {
                    self.add(at, leaf.place, one.count, &one.sum);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, at: usize, place: u64, count: i64, sum: &HashSum) {
        let digit = self.under[at].digit_of(place);
        let (n, s) = &mut self.found[at][digit];
        *n += count;
        s.merge(sum);
    }

    /// The buckets, in the order of the prefixes.
    pub(crate) fn finish(self) -> Vec<[Bucket; 16]> {
        let bucket =
            |(n, sum): (i64, HashSum)| Bucket { count: u64::try_from(n).unwrap_or(0), sum };
        // A prefix that was asked for twice is answered twice.
        let found = &self.found;
        self.under.iter().map(|p| found[self.at[p]].map(bucket)).collect()
    }
}

/// Prefixes and all above them, as they are written.
pub(crate) fn holders(under: &[Prefix]) -> Vec<String> {
    let mut all = BTreeSet::new();
    for prefix in under {
        let mut next = Some(*prefix);
        while let Some(one) = next {
            all.insert(one);
            next = one.parent();
        }
    }
    all.into_iter().map(|p| p.to_string()).collect()
}

/// Leaves under several prefixes, as rows come in.
pub(crate) struct Gathering {
    summing: Summing,
    found: BTreeMap<Leaf, i64>,
}

impl Gathering {
    /// Of these.
    pub(crate) fn new(under: &[Prefix]) -> Self {
        Self { summing: Summing::new(under), found: BTreeMap::new() }
    }

    /// Leaves held somewhere above or below.
    pub(crate) fn held(&mut self, column: &[u8]) -> Result<(), StoreError> {
        for leaf in Leaves::new(column) {
            let leaf = leaf?;
            let at = &self.summing.at;
            let of = |d: &u8| at.contains_key(&Prefix::of(leaf.place, *d));
            if !self.summing.lengths.iter().any(of) {
                continue;
            }
            let id = RecordId {
                kind: leaf.kind.into(),
                key: Key::from_columns(leaf.root, leaf.part),
                version: leaf.version,
            };
            let one = Leaf { place: leaf.place, digest: leaf.digest, id };
            *self.found.entry(one).or_default() += if leaf.comes { 1 } else { -1 };
        }
        Ok(())
    }

    /// In order of their places.
    pub(crate) fn finish(self, limit: u32) -> Vec<Leaf> {
        let there = self.found.into_iter().filter(|(_, n)| *n > 0);
        there.map(|(leaf, _)| leaf).take(limit as usize).collect()
    }
}

#[cfg(test)]
mod tests {
    use canon::DigestAlg;

    use super::*;

    fn bundle(range: std::ops::Range<u32>) -> Bundle {
        let mut bundle = Bundle::default();
        for n in range {
            let digest = DigestAlg::Sha256.of(&[&n.to_be_bytes()]);
            let key = Key::new("u", &[&n.to_string()]);
            let (root, part) = (key.root(), key.part());
            let record = Counted { kind: "SL", root, part, version: n, digest: &digest };
            bundle.put(n % 10 < 9, record);
        }
        bundle
    }

    #[test]
    fn what_is_handed_down_adds_up_to_what_was_held() {
        let held = bundle(0..1000);
        let down = handed_down(Prefix::ALL, std::slice::from_ref(&held.bytes)).unwrap();
        assert_eq!(down.len(), 16);
        let (mut rows, mut count, mut sum) = (0, 0, HashSum::default());
        for one in down.values() {
            rows += one.held;
            count += one.count;
            sum.merge(&one.sum);
        }
        assert_eq!((rows, count, sum), (1000, 800, held.sum));
        // The same buckets whether a child passed them on or the root still holds them.
        let (mut above, mut below) = (Summing::new(&[Prefix::ALL]), Summing::new(&[Prefix::ALL]));
        above.held(&held.bytes).unwrap();
        down.iter().for_each(|(p, b)| below.child(*p, b.count, &b.sum));
        assert_eq!(above.finish(), below.finish());
    }

    #[test]
    fn who_comes_and_goes_is_not_there() {
        let mut bytes = bundle(0..20).bytes;
        let mut gone = Bundle::default();
        let digest = DigestAlg::Sha256.of(&[&3_u32.to_be_bytes()]);
        let key = Key::new("u", &["3"]);
        let id = RecordId { kind: "SL".into(), key, version: 3 };
        gone.put(false, Counted::of(&id, &digest));
        bytes.extend_from_slice(&gone.bytes);
        let mut gathering = Gathering::new(&[Prefix::ALL]);
        gathering.held(&bytes).unwrap();
        let found = gathering.finish(100);
        assert_eq!(found.len(), 17);
        assert!(found.iter().all(|l| l.id.version != 3));
        assert!(found.is_sorted());
        assert!(Leaves::new(&bytes[..bytes.len() - 1]).any(|l| l.is_err()));
    }
}
