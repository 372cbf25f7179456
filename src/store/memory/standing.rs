//! Facts that stand, and the baseline.

use std::collections::BTreeMap;
use std::sync::Arc;

use canon::{Day, Key, Millis};

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
            let first: RecordKey = (row.key.clone(), Arc::clone(&row.kind), 0);
            let last: RecordKey = (row.key.clone(), Arc::clone(&row.kind), u32::MAX);
            if self.records.range(first..=last).next().is_some() {
                continue;
            }
            match self.baseline.get_mut(&(row.key.clone(), Arc::clone(&row.kind))) {
                Some(before) => {
                    before.version = before.version.max(row.version);
                    before.content = row.content.or(before.content);
                    before.reported = row.reported.or(before.reported);
                }
                None => {
                    self.baseline.insert((row.key.clone(), Arc::clone(&row.kind)), row);
                    fresh += 1;
                }
            }
        }
        fresh
    }

    /// Marks of some cases.
    pub(super) fn baseline(&self, roots: &[&str]) -> Vec<BaselineRow> {
        let mut roots = roots.to_vec();
        roots.sort_unstable();
        roots.dedup();
        let of = |root: &str| {
            let root: Arc<str> = root.into();
            let from = (Key::from_columns(Arc::clone(&root), ""), Arc::from(""));
            self.baseline.range(from..).take_while(move |(k, _)| k.0.root() == &*root)
        };
        roots.into_iter().flat_map(of).map(|(_, row)| row.clone()).collect()
    }

    /// Marks by type and day.
    pub(super) fn baseline_counts(&self) -> Vec<BaselineCount> {
        let mut counts = BTreeMap::<(&str, Day), u64>::new();
        for row in self.baseline.values() {
            *counts.entry((&row.kind, row.day)).or_default() += 1;
        }
        let line = |((kind, day), count): ((&str, Day), u64)| BaselineCount {
            kind: kind.to_owned(),
            day,
            count,
        };
        counts.into_iter().map(line).collect()
    }
}
