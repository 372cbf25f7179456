//! What both databases decide of windows once rows are read.

use std::collections::BTreeMap;

use canon::{Key, NodeCode, Prefix, RecordId};

use super::codec::Entries;
use super::row::Columns;
use super::tally::{OWN, RECEIVED};
use super::words::Words;
use crate::error::StoreError;
use crate::types::*;

/// The number of a side in the tables.
pub(crate) const fn side_of(side: BookSide) -> i64 {
    match side {
        BookSide::Own => OWN,
        BookSide::Received => RECEIVED,
    }
}

/// A prefix as it is stored.
pub(crate) fn prefix_of(text: &str) -> Result<Prefix, StoreError> {
    text.parse().map_err(|_| StoreError::Damaged(format!("prefix `{text}`")))
}

/// The rule of the first violation in a column of them.
pub(crate) fn first_rule(violations: &str) -> String {
    let list: serde_json::Value = serde_json::from_str(violations).unwrap_or_default();
    list[0]["rule"].as_str().unwrap_or_default().to_owned()
}

/// Own records that may be outstanding, with the reason that is known of each.
#[derive(Default)]
pub(crate) struct Candidates(BTreeMap<(NodeCode, RecordId), String>);

impl Candidates {
    /// One of a row: root, strand, part, version.
    pub(crate) fn record(
        &mut self,
        words: &Words,
        row: &impl Columns,
        reason: String,
    ) -> Result<(), StoreError> {
        let (kind, to) = words.strand_parts(row.int(1)?)?;
        let key = Key::from_columns(row.text(0)?, row.text(2)?);
        self.0.insert((to, RecordId { kind, key, version: row.num(3)? }), reason);
        Ok(())
    }

    /// A range of a chunk: route, first, count, then its entries.
    pub(crate) fn entries(
        &mut self,
        words: &Words,
        row: &impl Columns,
        entries: Entries<'_>,
        reason: String,
    ) -> Result<(), StoreError> {
        let to = words.route(row.int(0)?)?.destination;
        let (first, count): (usize, usize) = (row.num(1)?, row.num(2)?);
        for entry in entries.skip(first).take(count) {
            let entry = entry?;
            let key = Key::from_columns(entry.root, entry.part);
            let id = RecordId { kind: words.text(entry.kind)?, key, version: entry.version };
            self.0.entry((to.clone(), id)).or_insert_with(|| reason.clone());
        }
        Ok(())
    }

    /// At most `limit` of them, by destination.
    pub(crate) fn by_destination(&self, limit: u32) -> BTreeMap<NodeCode, Vec<RecordId>> {
        let mut all = BTreeMap::<NodeCode, Vec<RecordId>>::new();
        for (to, id) in self.0.keys().take(limit as usize) {
            all.entry(to.clone()).or_default().push(id.clone());
        }
        all
    }

    /// Those that are not accepted or superseded by now, by place and id.
    pub(crate) fn finish(
        self,
        places: &BTreeMap<(NodeCode, RecordId), Option<Located>>,
        limit: u32,
    ) -> Vec<Outstanding> {
        let mut found = Vec::new();
        for ((destination, id), reason) in self.0 {
            let at = places.get(&(destination.clone(), id.clone())).cloned().flatten();
            let Some(Located { place, envelope }) = at else { continue };
            if matches!(place, Place::Accepted | Place::Superseded) {
                continue;
            }
            let envelope = envelope.map(|(id, _)| id);
            let record = id.to_string();
            found.push(Outstanding { record, destination, place, envelope, reason });
        }
        in_order(&mut found);
        found.truncate(limit as usize);
        found
    }
}

fn in_order(found: &mut [Outstanding]) {
    found.sort_by(|a, b| {
        (&a.destination, a.place, &a.record).cmp(&(&b.destination, b.place, &b.record))
    });
}
