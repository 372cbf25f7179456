//! Facts that stand, and the baseline.

use std::collections::BTreeMap;
use std::sync::Arc;

use canon::{Day, Key, Millis, NodeCode};

use super::state::*;
use crate::types::*;

impl Identity {
    /// What stands under a prefix.
    pub(super) fn standing(&self, prefix: &str) -> Vec<Standing> {
        self.standing
            .range(prefix.to_owned()..)
            .take_while(|(name, _)| name.starts_with(prefix))
            .map(|(_, s)| s.clone())
            .collect()
    }

    /// Names of what stands under a prefix.
    pub(super) fn standing_names(&self, prefix: &str, limit: u32) -> Vec<StandingName> {
        let name = |s: Standing| StandingName { name: s.name, at: s.at };
        let mut names: Vec<_> = self.standing(prefix).into_iter().map(name).collect();
        names.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
        names.truncate(limit as usize);
        names
    }

    /// Makes a text stand, or takes it back.
    pub(super) fn stand(&mut self, name: &str, text: Option<&str>, now: Millis) {
        let at = self.tick(now);
        match text {
            Some(text) => {
                let standing = Standing { name: name.into(), text: text.into(), at };
                self.standing.insert(name.into(), standing);
            }
            None => drop(self.standing.remove(name)),
        }
    }

    /// Marks records as reported before.
    pub(super) fn import_baseline(&mut self, rows: Vec<BaselineRow>, now: Millis) -> u64 {
        self.tick(now);
        let mut fresh = 0;
        for row in rows {
            let of = (row.key.clone(), Arc::clone(&row.kind), row.destination.clone());
            let collected = self.is_collected(&row);
            match self.baseline.get_mut(&of) {
                Some(before) => {
                    before.version = before.version.max(row.version);
                    before.content = row.content.or(before.content);
                    before.reported = row.reported.or(before.reported);
                }
                None if collected => {}
                None => {
                    self.baseline.insert(of, row);
                    fresh += 1;
                }
            }
        }
        fresh
    }

    /// Whether what a mark is of was collected here.
    fn is_collected(&self, row: &BaselineRow) -> bool {
        of_root(&self.records, row.key.root()).any(|((key, strand, _), _)| {
            *key == row.key
                && strand.kind == row.kind
                && row.destination.as_ref().is_none_or(|to| *to == strand.to)
        })
    }

    /// Marks of some cases.
    pub(super) fn baseline(&self, roots: &[&str]) -> Vec<BaselineRow> {
        let mut roots = roots.to_vec();
        roots.sort_unstable();
        roots.dedup();
        let of = |root: &str| {
            let root: Arc<str> = root.into();
            let from = (Key::from_columns(Arc::clone(&root), ""), Arc::from(""), None);
            self.baseline.range(from..).take_while(move |(k, _)| k.0.root() == &*root)
        };
        roots.into_iter().flat_map(of).map(|(_, row)| row.clone()).collect()
    }

    /// Marks by type and day.
    pub(super) fn baseline_counts(&self) -> Vec<BaselineCount> {
        let mut counts = BTreeMap::<(&str, Option<&NodeCode>, Day), u64>::new();
        for row in self.baseline.values() {
            *counts.entry((&row.kind, row.destination.as_ref(), row.day)).or_default() += 1;
        }
        let counts = counts.into_iter().map(|((kind, to, day), count)| BaselineCount {
            kind: kind.to_owned(),
            destination: to.cloned(),
            day,
            count,
        });
        counts.collect()
    }
}
