//! Records of a restore: adopted from what their destination judged, or given again.

use std::sync::Arc;

use canon::{EnvelopeId, NodeCode, Route};

use super::codec::{Entry, numbers_in};
use super::columns::{fit, len};
use super::row::Columns;
use crate::error::StoreError;
use crate::types::*;

/// The place of an adopted record, unless it is simply where its envelope is.
pub(crate) const fn exception(record: &AdoptedRecord) -> Option<Place> {
    match record.outcome {
        None => None,
        Some(FinalOutcome::Superseded) => Some(Place::Superseded),
        Some(FinalOutcome::Rejected) => Some(Place::Rejected),
        Some(FinalOutcome::ParentMissing) => Some(Place::Voided),
    }
}

/// As an entry of a chunk: nothing of its bytes is here.
pub(crate) fn listed(record: &AdoptedRecord) -> NewRecord {
    NewRecord {
        id: record.id.clone(),
        voided: record.voided,
        content: record.content,
        digest: record.digest,
        facts: Arc::clone(&record.facts),
        len: 0,
        waits_for: None,
        source_row: None,
    }
}

/// A member that goes up again.
pub(crate) struct Again<'a> {
    /// What is known of it.
    pub(crate) entry: Entry<'a>,
    /// Word of the adapter.
    pub(crate) adapter: i64,
    /// Epoch of collection.
    pub(crate) epoch: i64,
    /// Where it was.
    pub(crate) from: Place,
    /// Its bytes.
    pub(crate) fragment: &'a [u8],
    /// Whether it went without its parent.
    pub(crate) orphan: bool,
}

/// As an entry of its new chunk.
pub(crate) fn as_new(one: &Again<'_>) -> Result<NewRecord, StoreError> {
    let Entry { version, digest, root, part, source_row, .. } = &one.entry;
    Ok(NewRecord {
        id: canon::RecordId {
            kind: "".into(),
            key: canon::Key::from_columns(*root, *part),
            version: *version,
        },
        voided: false,
        content: *digest,
        digest: *digest,
        facts: "".into(),
        len: fit(len(one.fragment.len()))?,
        waits_for: None,
        source_row: source_row.map(Into::into),
    })
}

/// What was judged of an envelope: its sequence, its count, which were kept, the problems, the frame.
pub(crate) fn judged_of(
    sender: &NodeCode,
    epoch: u32,
    route: &Route,
    row: &impl Columns,
) -> Result<JudgedOf, StoreError> {
    let count: u32 = row.num(1)?;
    Ok(JudgedOf {
        id: EnvelopeId {
            sender: sender.clone(),
            epoch,
            route: route.clone(),
            sequence: row.num(0)?,
        },
        kept: row.blob_opt(2)?.map_or_else(|| Ok((0..count).collect()), numbers_in)?,
        problems: serde_json::from_str(row.text(3)?)
            .map_err(|e| StoreError::Damaged(format!("problems of an envelope: {e}")))?,
        frame: row.blob(4)?.into(),
    })
}
