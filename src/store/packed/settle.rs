//! A receipt held against the envelope it answers.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use canon::HashSum;

use super::codec::{Entries, Entry};
use super::columns::{fit, len};
use super::leaves::Counted;
use super::words::Words;
use crate::error::{StoreError, conflict};
use crate::types::*;

/// Hash sums by epoch of collection and word of the type.
pub(crate) type Sums = BTreeMap<(i64, i64), HashSum>;

/// The part of a chunk that belongs to an envelope.
pub(crate) struct Stretch {
    /// Entries of the whole chunk.
    pub(crate) entries: Vec<u8>,
    /// Which of them.
    pub(crate) range: Range<usize>,
    /// Word of the adapter.
    pub(crate) adapter: i64,
    /// Epoch of collection.
    pub(crate) epoch: i64,
}

/// One record of an envelope.
pub(crate) struct Listed<'a> {
    /// What is known of it.
    pub(crate) entry: Entry<'a>,
    /// Word of the adapter.
    pub(crate) adapter: i64,
    /// Epoch of collection.
    pub(crate) epoch: i64,
}

/// Who is in an envelope: its stretches in order.
pub(crate) struct Members(pub(crate) Vec<Stretch>);

impl Members {
    /// Every member.
    pub(crate) fn list(&self) -> Result<Vec<Listed<'_>>, StoreError> {
        let mut members = Vec::new();
        for stretch in &self.0 {
            let entries = Entries::new(&stretch.entries).skip(stretch.range.start);
            for entry in entries.take(stretch.range.len()) {
                let (adapter, epoch) = (stretch.adapter, stretch.epoch);
                members.push(Listed { entry: entry?, adapter, epoch });
            }
        }
        Ok(members)
    }
}

/// Exceptions must name members, and the receipt's counts must be theirs. Gives the sums of what was taken,
/// by epoch of collection and type.
pub(crate) fn check(
    words: &Words,
    members: &[Listed<'_>],
    settlement: &Settlement,
) -> Result<Sums, StoreError> {
    let mut outcomes = BTreeMap::new();
    for exception in &settlement.not_accepted {
        let member = members.get(exception.position as usize).map(|m| &m.entry);
        let kind = words.find(&exception.id.kind);
        let same = member.is_some_and(|e| {
            Some(e.kind) == kind
                && e.version == exception.id.version
                && e.root == exception.id.key.root()
                && e.part == exception.id.key.part()
        });
        if !same || outcomes.insert(exception.position, exception.outcome).is_some() {
            return Err(conflict(
                "settlement",
                format!("{} at {}", exception.id, exception.position),
            ));
        }
        if exception.outcome == FinalOutcome::ParentMissing && exception.again.is_none() {
            return Err(conflict("settlement", "parent-missing without its fragment".to_owned()));
        }
    }
    let mut counts = BTreeMap::<i64, (u64, u64, u64, HashSum)>::new();
    let mut sums = Sums::new();
    for (position, Listed { entry, epoch, .. }) in (0..).zip(members) {
        let count = counts.entry(entry.kind).or_default();
        match outcomes.get(&position) {
            None => count.0 += 1,
            Some(FinalOutcome::Superseded) => count.1 += 1,
            Some(FinalOutcome::Rejected) => {
                count.2 += 1;
                continue;
            }
            Some(FinalOutcome::ParentMissing) => continue,
        }
        count.3.add(&entry.digest);
        sums.entry((*epoch, entry.kind)).or_default().add(&entry.digest);
    }
    counts.retain(|_, c| *c != Default::default());
    let mut given = BTreeMap::new();
    for c in &settlement.counts {
        let kind = words.find(&c.kind).unwrap_or(0);
        given.insert(kind, (c.accepted, c.superseded, c.rejected, c.sum));
    }
    given.retain(|_, c| *c != Default::default());
    if given != counts {
        let id = &settlement.id;
        let detail = format!("counts {given:?} of {id} are not its members' {counts:?}");
        return Err(conflict("settlement", detail));
    }
    Ok(sums)
}

/// The members that were accepted or superseded, with what counts of them.
pub(crate) fn taken(
    words: &Words,
    members: &[Listed<'_>],
    settlement: &Settlement,
    mut each: impl FnMut(Counted<'_>),
) -> Result<(), StoreError> {
    let out = |n: &&NotAccepted| n.outcome != FinalOutcome::Superseded;
    let out = settlement.not_accepted.iter().filter(out).map(|n| n.position);
    let out: BTreeSet<u32> = out.collect();
    for (position, Listed { entry, .. }) in (0..).zip(members) {
        if out.contains(&position) {
            continue;
        }
        let kind = words.text(entry.kind)?;
        let Entry { root, part, version, digest, .. } = entry;
        each(Counted { kind: &kind, root, part, version: *version, digest });
    }
    Ok(())
}

/// A record that goes up again, as an entry of its new chunk.
pub(crate) fn again_record(
    again: &Again,
    exception: &NotAccepted,
) -> Result<NewRecord, StoreError> {
    Ok(NewRecord {
        id: exception.id.clone(),
        voided: false,
        content: again.digest,
        digest: again.digest,
        facts: "".into(),
        len: fit(len(again.fragment.len()))?,
        waits_for: None,
        source_row: again.source_row.clone(),
    })
}
