//! Source rows as last seen, and which records they gave.

use std::ops::Range;
use std::sync::Arc;

use super::state::*;
use crate::plain::Plain;
use crate::types::*;

impl Identity {
    /// Marks of source rows.
    pub(super) fn source_rows(&self, adapter: &str, rows: &[&str]) -> Vec<SourceRowMark> {
        rows.iter()
            .filter_map(|row| self.source_rows.get_key_value(&(adapter.into(), (*row).into())))
            .map(mark)
            .collect()
    }

    /// Marks that one of these passes saw last.
    pub(super) fn vanished(
        &self,
        adapter: &str,
        prefix: &str,
        passes: Range<u64>,
        limit: u32,
    ) -> Vec<SourceRowMark> {
        self.source_rows
            .range((Arc::from(adapter), Arc::from(""))..)
            .take_while(|(k, _)| &*k.0 == adapter)
            .filter(|((_, row), (_, seen))| row.starts_with(prefix) && passes.contains(seen))
            .take(limit as usize)
            .map(mark)
            .collect()
    }

    /// Which records rows gave.
    pub(super) fn gave(&self, adapter: &str, of: GaveOf<'_>) -> Vec<Gave> {
        let all = self.row_records.iter().filter(|((by, row), _)| {
            let named = |rows: &[&str]| rows.plain().iter().any(|r| **r == **row);
            **by == *adapter && !matches!(of, GaveOf::Rows(rows) if !named(rows))
        });
        let mut gave = Vec::new();
        for ((_, row), keys) in all {
            gave.extend(keys.iter().map(|(key, strand, _)| Gave {
                row: Arc::clone(row),
                kind: Arc::clone(&strand.kind),
                key: key.clone(),
                destination: strand.to.clone(),
            }));
        }
        if let GaveOf::Cases(roots) = of {
            gave.retain(|g| roots.contains(&g.key.root()));
        }
        gave.sort();
        gave.dedup();
        gave
    }

    /// A row leads to a record that is known.
    pub(super) fn link(&mut self, link: Link) {
        let key = own_key(&link.id, &link.destination);
        self.row_records.entry((link.adapter, link.row)).or_default().insert(key);
    }

    /// Forgets marks.
    pub(super) fn forget_rows(&mut self, adapter: &str, rows: &[&str]) {
        for row in rows {
            self.source_rows.remove(&(adapter.into(), (*row).into()));
        }
    }
}

fn mark((key, (digest, pass)): (&RowKey, &(canon::Digest, u64))) -> SourceRowMark {
    SourceRowMark { row: key.1.clone(), digest: *digest, pass: *pass }
}
