//! A batch being filled from staged ranges.

use std::collections::BTreeSet;
use std::sync::Arc;

use canon::{Day, Millis, Route};

use super::codec::Entries;
use super::columns::{fit, len};
use super::row::Columns;
use super::words::Words;
use crate::error::StoreError;
use crate::types::*;

/// A batch under way.
pub(crate) struct Filling {
    /// What is in it so far.
    pub(crate) batch: StagedBatch,
    adapters: BTreeSet<Arc<str>>,
    records_max: usize,
    bytes_max: u64,
}

impl Filling {
    /// An empty one.
    pub(crate) fn new(route: &Route, day: Day, records_max: usize, bytes_max: u64) -> Self {
        let batch = StagedBatch {
            route: route.clone(),
            day,
            adapters: Vec::new(),
            records: Vec::new(),
            bytes: Vec::new(),
            ticket: Vec::new(),
            oldest: Millis(i64::MAX),
        };
        Self { batch, adapters: BTreeSet::new(), records_max, bytes_max }
    }

    /// How many records may still come.
    pub(crate) fn records_left(&self) -> usize {
        self.records_max.saturating_sub(self.batch.records.len())
    }

    /// What was filled.
    pub(crate) fn finish(&mut self) -> StagedBatch {
        self.batch.adapters = std::mem::take(&mut self.adapters).into_iter().collect();
        let none = Self::new(&self.batch.route, self.batch.day, 0, 0).batch;
        std::mem::replace(&mut self.batch, none)
    }

    /// Takes what still fits of a range; `false` once the batch is full. `wanted_again`: another
    /// range of the same chunk follows.
    pub(crate) fn take(
        &mut self,
        words: &Words,
        row: &impl Columns,
        entries: &[u8],
        bytes: &mut Vec<u8>,
        wanted_again: bool,
    ) -> Result<bool, StoreError> {
        let (first, count): (usize, usize) = (row.num(2)?, row.num(3)?);
        let orphan = row.int(4)? != 0;
        let (mut from, mut to, mut taken) = (0, 0, 0);
        let batch = &mut self.batch;
        for (i, entry) in Entries::new(entries).enumerate().take(first + count) {
            let entry = entry?;
            let size = entry.len as usize;
            if i < first {
                from += size;
                to = from;
                continue;
            }
            let bytes_then = (batch.bytes.len() + to - from + size) as u64;
            let full = batch.records.len() >= self.records_max || bytes_then > self.bytes_max;
            if full && !batch.records.is_empty() {
                break;
            }
            to += size;
            taken += 1;
            batch.records.push(StagedRecord {
                kind: words.text(entry.kind)?,
                digest: entry.digest,
                len: entry.len,
                source_row: entry.source_row.map(Into::into),
                orphan,
            });
        }
        if taken == 0 {
            return Ok(false);
        }
        if to > bytes.len() {
            return Err(StoreError::Damaged(format!("chunk {} is cut short", row.int(1)?)));
        }
        if batch.bytes.is_empty() && from == 0 && to == bytes.len() && !wanted_again {
            // The usual case: one whole chunk, and no other range of it follows.
            batch.bytes = std::mem::take(bytes);
        } else {
            batch.bytes.extend_from_slice(&bytes[from..to]);
        }
        self.adapters.insert(words.text(row.int(7)?)?);
        batch.oldest = batch.oldest.min(Millis(row.int(5)?));
        let taken_count = fit(len(taken))?;
        batch.ticket.push(StagedRange { range: row.int(0)?, count: taken_count });
        Ok(taken == count && batch.records.len() < self.records_max)
    }
}
