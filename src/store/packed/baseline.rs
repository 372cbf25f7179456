//! What was reported before the exchange began: which marks are written, and how they are read.

use std::collections::HashSet;
use std::sync::Arc;

use canon::{Day, Key, NodeCode};

use super::codec::digest_in;
use super::columns::fit;
use super::row::Columns;
use super::words::{Words, strand_text};
use crate::error::StoreError;
use crate::types::*;

/// The strand a mark stands under; without a destination it is of every one.
pub(crate) fn strand_of(row: &BaselineRow) -> String {
    let every = NodeCode("".into());
    strand_text(&row.kind, row.destination.as_ref().unwrap_or(&every))
}

fn parts(words: &Words, strand: i64) -> Result<(Arc<str>, Option<NodeCode>), StoreError> {
    let (kind, destination) = words.strand_parts(strand)?;
    Ok((kind, Some(destination).filter(|d| !d.as_str().is_empty())))
}

/// A mark from a row of root, strand, part, version, content, reported, day.
pub(crate) fn mark(words: &Words, row: &impl Columns) -> Result<BaselineRow, StoreError> {
    let (kind, destination) = parts(words, row.int(1)?)?;
    Ok(BaselineRow {
        key: Key::from_columns(row.text(0)?, row.text(2)?),
        kind,
        destination,
        version: row.num(3)?,
        content: row.blob_opt(4)?.map(digest_in).transpose()?,
        reported: row.int_opt(5)?.map(|d| fit(d).map(Day)).transpose()?,
        day: Day(row.num(6)?),
    })
}

/// Marks in the order in which they are told.
pub(crate) fn in_order(mut found: Vec<BaselineRow>) -> Vec<BaselineRow> {
    found.sort_by(|a, b| (&a.key, &a.kind, &a.destination).cmp(&(&b.key, &b.kind, &b.destination)));
    found
}

/// A count from a row of strand, day, count.
pub(crate) fn count(words: &Words, row: &impl Columns) -> Result<BaselineCount, StoreError> {
    let (kind, destination) = parts(words, row.int(0)?)?;
    let (kind, day) = (kind.to_string(), Day(row.num(1)?));
    Ok(BaselineCount { kind, destination, day, count: row.num(2)? })
}

/// Counts in the order in which they are told.
pub(crate) fn counts_in_order(mut counts: Vec<BaselineCount>) -> Vec<BaselineCount> {
    counts.sort_by(|a, b| (&a.kind, &a.destination, a.day).cmp(&(&b.kind, &b.destination, b.day)));
    counts
}

/// What is known of the keys of a list.
#[derive(Default)]
pub(crate) struct Known {
    collected: HashSet<(Key, Arc<str>, NodeCode)>,
    collected_to_any: HashSet<(Key, Arc<str>)>,
    marked: HashSet<(Key, Arc<str>, Option<NodeCode>)>,
}

impl Known {
    /// An own record: root, strand, part.
    pub(crate) fn collected(
        &mut self,
        words: &Words,
        row: &impl Columns,
    ) -> Result<(), StoreError> {
        let (kind, destination) = words.strand_parts(row.int(1)?)?;
        let key = Key::from_columns(row.text(0)?, row.text(2)?);
        self.collected_to_any.insert((key.clone(), Arc::clone(&kind)));
        self.collected.insert((key, kind, destination));
        Ok(())
    }

    /// A mark.
    pub(crate) fn marked(&mut self, mark: BaselineRow) {
        self.marked.insert((mark.key, mark.kind, mark.destination));
    }

    /// Whether a mark is written, and how many of the list are new so far: what was collected for its
    /// destination is left out, a mark that stands is kept up.
    pub(crate) fn takes(&mut self, row: &BaselineRow, fresh: &mut u64) -> bool {
        let of = (row.key.clone(), Arc::clone(&row.kind));
        let mark = (row.key.clone(), Arc::clone(&row.kind), row.destination.clone());
        if self.marked.contains(&mark) {
            return true;
        }
        let collected = match &row.destination {
            None => self.collected_to_any.contains(&of),
            Some(destination) => self.collected.contains(&(of.0, of.1, destination.clone())),
        };
        if !collected {
            *fresh += 1;
            self.marked.insert(mark);
        }
        !collected
    }
}
