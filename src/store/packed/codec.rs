//! Compact bytes in a column: digests, the entries of a chunk, counts by type, positions.

use canon::{Digest, DigestAlg};

use crate::error::StoreError;
use crate::types::NewRecord;

/// The number of SM3 before its 32 bytes.
const SM3: u8 = 1;

/// A digest as a column: 32 bytes are SHA-256; another algorithm puts its number before them.
pub(crate) fn digest_out(digest: &Digest) -> Vec<u8> {
    match digest.alg {
        DigestAlg::Sha256 => digest.bytes.to_vec(),
        DigestAlg::Sm3 => [&[SM3][..], &digest.bytes].concat(),
    }
}

/// Reads a digest column.
pub(crate) fn digest_in(bytes: &[u8]) -> Result<Digest, StoreError> {
    let (alg, value) = match bytes {
        [SM3, value @ ..] if value.len() == 32 => (DigestAlg::Sm3, value),
        value => (DigestAlg::Sha256, value),
    };
    Digest::from_slice(alg, value)
        .ok_or_else(|| StoreError::Damaged(format!("a digest of {} bytes", bytes.len())))
}

/// What a column of entries, counts or positions is read with.
#[derive(Clone)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Over these bytes.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether all was read.
    pub(crate) const fn done(&self) -> bool {
        self.0.is_empty()
    }

    /// What was not read yet.
    pub(crate) const fn left(&self) -> &'a [u8] {
        self.0
    }

    /// The next bytes.
    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8], StoreError> {
        let (now, later) = self.0.split_at_checked(n).ok_or_else(cut_short)?;
        self.0 = later;
        Ok(now)
    }

    /// A number of seven bits a byte.
    pub(crate) fn number(&mut self) -> Result<u64, StoreError> {
        let mut n = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            n |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(n);
            }
        }
        Err(cut_short())
    }

    fn small<T: TryFrom<u64>>(&mut self) -> Result<T, StoreError> {
        T::try_from(self.number()?).map_err(|_| cut_short())
    }

    /// A text behind its length.
    pub(crate) fn text(&mut self) -> Result<&'a str, StoreError> {
        let n = self.small()?;
        std::str::from_utf8(self.take(n)?).map_err(|_| cut_short())
    }
}

fn cut_short() -> StoreError {
    StoreError::Damaged("a packed column is cut short".to_owned())
}

/// Appends a number, seven bits a byte, the lowest first.
pub(crate) fn put_number(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Appends a text behind its length.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// One record of a chunk: what sealing, settling and declining need to know of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    /// Word of the type.
    pub(crate) kind: i64,
    /// Version.
    pub(crate) version: u32,
    /// Length of the fragment.
    pub(crate) len: u32,
    /// Record digest.
    pub(crate) digest: Digest,
    /// Key, first column.
    pub(crate) root: &'a str,
    /// Key, second column.
    pub(crate) part: &'a str,
    /// Row key at the source.
    pub(crate) source_row: Option<&'a str>,
}

/// Appends the entry of a record.
pub(crate) fn put_entry(out: &mut Vec<u8>, kind: i64, record: &NewRecord) {
    put_number(out, kind.unsigned_abs());
    put_number(out, u64::from(record.id.version) << 1 | u64::from(record.source_row.is_some()));
    put_number(out, u64::from(record.len));
    let digest = digest_out(&record.digest);
    put_number(out, digest.len() as u64);
    out.extend_from_slice(&digest);
    put_text(out, record.id.key.root());
    put_text(out, record.id.key.part());
    if let Some(row) = &record.source_row {
        put_text(out, row);
    }
}

/// The entries of a chunk, in order.
pub(crate) struct Entries<'a>(Reader<'a>);

impl<'a> Entries<'a> {
    /// Over the column.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(Reader::new(bytes))
    }

    fn entry(&mut self) -> Result<Entry<'a>, StoreError> {
        let r = &mut self.0;
        let kind = r.small()?;
        let version_and_row: u64 = r.number()?;
        let len = r.small()?;
        let n = r.small()?;
        let digest = digest_in(r.take(n)?)?;
        let (root, part) = (r.text()?, r.text()?);
        let source_row = if version_and_row & 1 == 1 { Some(r.text()?) } else { None };
        let version = u32::try_from(version_and_row >> 1).map_err(|_| cut_short())?;
        Ok(Entry { kind, version, len, digest, root, part, source_row })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.0.done()).then(|| self.entry())
    }
}

/// Epoch of collection and word of a type, and how many of them an envelope has.
pub(crate) type Kinds = ((i64, i64), u64);

/// Counts by type of an envelope.
pub(crate) fn kinds_out(kinds: &[Kinds]) -> Vec<u8> {
    let mut out = Vec::with_capacity(kinds.len() * 4);
    for ((epoch, kind), count) in kinds {
        put_number(&mut out, epoch.unsigned_abs());
        put_number(&mut out, kind.unsigned_abs());
        put_number(&mut out, *count);
    }
    out
}

/// Reads counts by type.
pub(crate) fn kinds_in(bytes: &[u8]) -> Result<Vec<Kinds>, StoreError> {
    let mut reader = Reader::new(bytes);
    let mut kinds = Vec::new();
    while !reader.done() {
        kinds.push(((reader.small()?, reader.small()?), reader.number()?));
    }
    Ok(kinds)
}

/// Ascending positions or plain lengths as a column.
pub(crate) fn numbers_out(numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let mut out = Vec::new();
    for n in numbers {
        put_number(&mut out, u64::from(n));
    }
    out
}

/// Reads [`numbers_out`].
pub(crate) fn numbers_in(bytes: &[u8]) -> Result<Vec<u32>, StoreError> {
    let mut reader = Reader::new(bytes);
    let mut numbers = Vec::new();
    while !reader.done() {
        numbers.push(reader.small()?);
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use canon::{Key, RecordId, leaf_hash};

    #[test]
    fn entries_read_back_and_a_cut_is_damage() {
        let record = |n: u32, row: Option<&str>| NewRecord {
            id: RecordId { kind: "SL".into(), key: Key::new("u", &["1", "甲"]), version: n },
            voided: false,
            content: leaf_hash(DigestAlg::Sha256, b"c"),
            digest: leaf_hash(DigestAlg::Sha256, &n.to_be_bytes()),
            facts: "".into(),
            len: n * 1000,
            waits_for: None,
            source_row: row.map(Into::into),
        };
        let mut bytes = Vec::new();
        put_entry(&mut bytes, 300, &record(1, None));
        put_entry(&mut bytes, 7, &record(70_000, Some("行-9")));
        let entries: Vec<_> = Entries::new(&bytes).collect::<Result<_, _>>().unwrap();
        assert_eq!((entries[0].kind, entries[0].version, entries[0].source_row), (300, 1, None));
        assert_eq!((entries[1].len, entries[1].part), (70_000_000, "甲"));
        assert_eq!((entries[1].version, entries[1].source_row), (70_000, Some("行-9")));
        assert!(Entries::new(&bytes[..bytes.len() - 1]).any(|e| e.is_err()));
    }

    #[test]
    fn counts_and_positions_read_back() {
        let kinds = vec![((1, 1), 500), ((1, 2), 3)];
        assert_eq!(kinds_in(&kinds_out(&kinds)).unwrap(), kinds);
        assert_eq!(numbers_in(&numbers_out([0, 1, 127, 128, 70_000])).unwrap()[4], 70_000);
    }
}
