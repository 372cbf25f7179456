//! Columns of a row by place, whichever database it comes from, and the ids that stand in them.

use canon::{EnvelopeId, Key, NodeCode, RecordId};

use super::words::Words;
use crate::error::StoreError;
use crate::types::CaseRow;

/// Columns by place.
pub(crate) trait Columns {
    /// An integer, NOT NULL.
    fn int(&self, i: usize) -> Result<i64, StoreError>;
    /// An integer.
    fn int_opt(&self, i: usize) -> Result<Option<i64>, StoreError>;
    /// An integer, NOT NULL, that fits.
    fn num<T: TryFrom<i64>>(&self, i: usize) -> Result<T, StoreError>;
    /// TEXT NOT NULL.
    fn text(&self, i: usize) -> Result<&str, StoreError>;
    /// TEXT.
    fn text_opt(&self, i: usize) -> Result<Option<&str>, StoreError>;
    /// Bytes, NOT NULL.
    fn blob(&self, i: usize) -> Result<&[u8], StoreError>;
    /// Bytes.
    fn blob_opt(&self, i: usize) -> Result<Option<&[u8]>, StoreError>;
}

/// Reads sender, epoch, route, sequence from column `i` on.
pub(crate) fn id(words: &Words, row: &impl Columns, i: usize) -> Result<EnvelopeId, StoreError> {
    Ok(EnvelopeId {
        sender: words.node(row.int(i)?)?,
        epoch: row.num(i + 1)?,
        route: words.route(row.int(i + 2)?)?,
        sequence: row.num(i + 3)?,
    })
}

/// Reads epoch, route, sequence of an own envelope from column `i` on.
pub(crate) fn own_id(
    (words, code): (&Words, &NodeCode),
    row: &impl Columns,
    i: usize,
) -> Result<EnvelopeId, StoreError> {
    Ok(EnvelopeId {
        sender: code.clone(),
        epoch: row.num(i)?,
        route: words.route(row.int(i + 1)?)?,
        sequence: row.num(i + 2)?,
    })
}

/// Reads root, word of the type, part, version from column `i` on.
pub(crate) fn record_id(
    words: &Words,
    row: &impl Columns,
    i: usize,
) -> Result<RecordId, StoreError> {
    Ok(RecordId {
        kind: words.text(row.int(i + 1)?)?,
        key: Key::from_columns(row.text(i)?, row.text(i + 2)?),
        version: row.num(i + 3)?,
    })
}

/// Reads root, strand, part, version of an own record from column `i` on, with its destination.
pub(crate) fn own_record_id(
    words: &Words,
    row: &impl Columns,
    i: usize,
) -> Result<(RecordId, NodeCode), StoreError> {
    let (kind, destination) = words.strand_parts(row.int(i + 1)?)?;
    let key = Key::from_columns(row.text(i)?, row.text(i + 2)?);
    Ok((RecordId { kind, key, version: row.num(i + 3)? }, destination))
}

/// Whether both are versions of one record to the same destination.
pub(crate) fn same_record(a: &CaseRow, b: &CaseRow) -> bool {
    (&a.id.key, &a.id.kind, &a.destination) == (&b.id.key, &b.id.kind, &b.destination)
}
