//! Facts of collect: pages, waiting records and their release.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use canon::{Key, Millis, NodeCode, Route};

use super::state::*;
use crate::error::StoreError;
use crate::types::*;

/// When a record that could not be released is looked at again. A parent that is collected,
/// released or accepted here makes its children due at once.
const LOOK_AGAIN_MS: i64 = 60_000;

impl Identity {
    /// Progress of an adapter.
    pub(super) fn adapter(&self, adapter: &str) -> AdapterProgress {
        let mut progress = self.adapters.get(adapter).cloned().unwrap_or_default();
        adapter.clone_into(&mut progress.adapter);
        progress.write_backs = self.write_backs.keys().filter(|k| &*k.0 == adapter).count() as u64;
        progress
    }

    /// Pauses or resumes.
    pub(super) fn pause_adapter(&mut self, adapter: &str, reason: Option<&str>, now: Millis) {
        self.tick(now);
        self.adapters.entry(adapter.into()).or_default().paused = reason.map(str::to_owned);
    }

    /// Latest versions of the cases' records.
    pub(super) fn cases(&self, roots: &[&str]) -> Vec<CaseRow> {
        let mut latest: BTreeMap<(Key, Strand), CaseRow> = BTreeMap::new();
        for root in roots {
            for (key, own) in of_root(&self.records, root) {
                let row = CaseRow {
                    id: own_id(key),
                    destination: key.1.to.clone(),
                    voided: own.voided,
                    content: own.content,
                    facts: own.facts.clone(),
                    place: self.place_of(own),
                };
                // Versions come in rising order: the last one stays.
                latest.insert((key.0.clone(), key.1.clone()), row);
            }
        }
        latest.into_values().collect()
    }

    /// One page.
    pub(super) fn commit_collected(
        &mut self,
        lease: &Lease,
        page: Collected,
    ) -> Result<(), StoreError> {
        self.check_lease(lease)?;
        self.check_page(&page)?;
        let now = self.tick(page.now);
        let mut quarantined = 0;
        for bad in page.quarantined {
            quarantined += u64::from(self.quarantine(bad, now));
        }
        let mut fresh = Vec::new();
        for chunk in page.chunks {
            self.add_chunk(chunk, now, &mut fresh);
        }
        let records = fresh.len() as u64;
        self.place_fresh(fresh, now);
        for link in page.known {
            self.link(link);
        }
        for row in page.rows {
            self.source_rows.insert((page.adapter.clone(), row.row), (row.digest, row.pass));
        }
        for stands in page.stands {
            self.stand(&stands.name, stands.text.as_deref(), now);
        }
        let progress = self.adapters.entry(page.adapter).or_default();
        progress.cursor = Some(page.cursor);
        progress.rows_read += page.rows_read;
        progress.rows_unchanged += page.rows_unchanged;
        progress.records += records;
        progress.quarantined += quarantined;
        progress.last_at = Some(now);
        Ok(())
    }

    /// Every version must be new, every fragment where its length says.
    fn check_page(&self, page: &Collected) -> Result<(), StoreError> {
        let mut ids = BTreeSet::new();
        let mut held = BTreeSet::new();
        let fresh = page
            .quarantined
            .iter()
            .filter(|q| {
                let key = held_key(q);
                !self.held.contains(&key) && held.insert(key)
            })
            .filter_map(|q| q.id.as_ref().map(|id| (id, &q.route.destination)));
        let staged = page.chunks.iter();
        let staged = staged.flat_map(|c| c.records.iter().map(|r| (&r.id, &c.route.destination)));
        for (id, to) in fresh.chain(staged) {
            let known = self.latest_version(&id.key, &strand(&id.kind, to));
            if known >= id.version || !ids.insert((id, to)) {
                return Err(conflict("version", format!("{id} is not above version {known}")));
            }
        }
        for chunk in &page.chunks {
            let sum: usize = chunk.records.iter().map(|r| r.len as usize).sum();
            if sum != chunk.bytes.len() {
                let have = chunk.bytes.len();
                return Err(conflict("chunk", format!("lengths add up to {sum} of {have} bytes")));
            }
        }
        Ok(())
    }

    /// Highest version known of a key; 0 if none.
    pub(super) fn latest_version(&self, key: &Key, strand: &Strand) -> u32 {
        self.versions(key, strand).next_back().map_or(0, |(k, _)| k.2)
    }

    /// Every version of a key, rising.
    pub(super) fn versions(
        &self,
        key: &Key,
        strand: &Strand,
    ) -> impl DoubleEndedIterator<Item = (&OwnKey, &Own)> {
        let from = (key.clone(), strand.clone(), 0);
        let to = (key.clone(), strand.clone(), u32::MAX);
        self.records.range((Bound::Included(from), Bound::Included(to)))
    }

    /// Lists a row that may not go up; `false` if it is held already.
    fn quarantine(&mut self, bad: NewQuarantine, now: Millis) -> bool {
        if !self.held.insert(held_key(&bad)) {
            return false;
        }
        let to = bad.route.destination.clone();
        let record = bad.id.as_ref().map(|id| own_key(id, &to));
        if let Some(key) = &record {
            let own = Own {
                route: Arc::new(bad.route),
                epoch: self.epoch,
                day: bad.day,
                adapter: bad.adapter.clone(),
                voided: false,
                content: bad.content.unwrap_or(NO_CONTENT),
                digest: NO_CONTENT,
                facts: "".into(),
                source_row: bad.source_row.clone(),
                at: At::Quarantined,
                collected_at: now,
                envelopes: Vec::new(),
                given: Vec::new(),
            };
            self.insert_record(key.clone(), own, Place::Quarantined);
        }
        let item = ProblemItem {
            number: self.next_number(),
            class: "quarantined".into(),
            state: "held".into(),
            adapter: bad.adapter.to_string(),
            reference: bad.reference,
            record: bad.id.as_ref().map(ToString::to_string),
            destination: record.is_some().then_some(to),
            violations: bad.violations,
            at: now,
            deadline: None,
            cured_by: None,
        };
        self.insert_problem(ProblemRow {
            item,
            raw: bad.raw,
            record,
            row_digest: Some(bad.row_digest),
            source_row: bad.source_row,
        });
        true
    }

    /// Enters a problem into the list.
    pub(super) fn insert_problem(&mut self, row: ProblemRow) {
        if let Some((key, kind, _)) = row.record.clone() {
            self.problems_of.entry((key, kind)).or_default().insert(row.item.number);
        }
        self.problems.insert(row.item.number, row);
    }

    /// Enters a record, its counts and its source row.
    pub(super) fn insert_record(&mut self, key: OwnKey, own: Own, place: Place) {
        if let Some(row) = &own.source_row {
            let row = (own.adapter.clone(), row.clone());
            self.row_records.entry(row).or_default().insert(key.clone());
        }
        self.records.insert(key.clone(), own);
        self.count_new(&key, place);
    }

    /// Enters the records of a chunk; where they go is decided for the page as a whole.
    fn add_chunk(&mut self, chunk: NewChunk, now: Millis, fresh: &mut Vec<Fresh>) {
        let route = Arc::new(chunk.route);
        let mut rest = chunk.bytes.as_slice();
        for record in chunk.records {
            let (fragment, after) = rest.split_at(record.len as usize);
            rest = after;
            let key = own_key(&record.id, &route.destination);
            let own = Own {
                route: route.clone(),
                epoch: self.epoch,
                day: chunk.day,
                adapter: chunk.adapter.clone(),
                voided: record.voided,
                content: record.content,
                digest: record.digest,
                facts: record.facts,
                source_row: record.source_row,
                at: At::Waiting,
                collected_at: now,
                envelopes: Vec::new(),
                given: Vec::new(),
            };
            self.insert_record(key.clone(), own, Place::Waiting);
            fresh.push(Fresh { key, fragment: fragment.into(), wait: record.waits_for });
        }
    }

    /// Stages what may go, in order; then what may go because of that; the rest waits. Last come
    /// the records of earlier pages that waited for one of these.
    fn place_fresh(&mut self, mut open: Vec<Fresh>, now: Millis) {
        let mut newest: BTreeMap<(Key, Strand), u32> = BTreeMap::new();
        for Fresh { key: (key, kind, version), .. } in &open {
            let known = newest.entry((key.clone(), kind.clone())).or_default();
            *known = (*known).max(*version);
        }
        for ((key, kind), version) in newest {
            self.cure(&(key, kind, version));
        }
        let mut staged = Vec::new();
        loop {
            let before = open.len();
            let mut still = Vec::new();
            for fresh in open {
                let route = self.records.get(&fresh.key).map(|own| own.route.clone());
                let ready = match (&fresh.wait, route) {
                    (Some(w), Some(r)) => w.elsewhere.is_none() && self.parent_ready(&r, w),
                    _ => true,
                };
                if ready {
                    staged.push(fresh.key.clone());
                    self.stage(fresh.key, fresh.fragment, now, false);
                } else {
                    still.push(fresh);
                }
            }
            open = still;
            if open.len() == before {
                break;
            }
        }
        for Fresh { key, fragment, wait } in open {
            if let Some(wait) = wait {
                self.wait(key, fragment, wait, now);
            }
        }
        self.release_children(staged, now);
    }

    /// The newest version that may go up cures the older ones.
    pub(super) fn cure(&mut self, key: &OwnKey) {
        let Some(numbers) = self.problems_of.get(&(key.0.clone(), key.1.clone())) else { return };
        for number in numbers {
            let Some(row) = self.problems.get_mut(number) else { continue };
            let older = row.record.as_ref().is_some_and(|r| r.2 < key.2);
            if older && !matches!(row.item.state.as_str(), "cured" | "voided") {
                row.item.state = "cured".into();
                row.item.cured_by = Some(key.2);
                // The same raw row again would be news.
                if let Some(digest) = row.row_digest {
                    let adapter = Arc::from(row.item.adapter.as_str());
                    self.held.remove(&(adapter, digest, Some((key.1.clone(), key.0.clone()))));
                }
            }
        }
    }

    /// Lets a record wait.
    pub(super) fn wait(&mut self, key: OwnKey, fragment: Arc<[u8]>, wait: WaitFor, now: Millis) {
        let look_at = wait.elsewhere.map_or(now, |e| e.next.min(e.until));
        let parent = (wait.key.clone(), strand(&wait.kind, &key.1.to));
        let arrival = self.next_number();
        self.waiting_on.entry(parent).or_default().insert(key.clone());
        self.waiting.insert(key, Waiting { arrival, fragment, wait, look_at });
    }

    /// Whether the parent is where the child needs it: in line before it on the same route, or
    /// taken by the same destination on any.
    fn parent_ready(&self, route: &Route, wait: &WaitFor) -> bool {
        let strand = strand(&wait.kind, &route.destination);
        self.versions(&wait.key, &strand).any(|(_, parent)| match self.place_of(parent) {
            Place::Accepted | Place::Superseded => parent.route.destination == route.destination,
            Place::Staged | Place::InFlight | Place::AwaitingReview => {
                !wait.accepted && *parent.route == *route
            }
            Place::Quarantined | Place::Waiting | Place::Rejected | Place::Voided | Place::Dead => {
                false
            }
        })
    }

    /// Stages a record.
    pub(super) fn stage(&mut self, key: OwnKey, fragment: Arc<[u8]>, now: Millis, orphan: bool) {
        let Some(route) = self.records.get(&key).map(|o| o.route.clone()) else { return };
        let number = self.next_number();
        self.move_record(&key, At::Staged);
        let row = Staged { key, fragment, at: now, orphan };
        self.staged.entry(route).or_default().insert(number, row);
    }

    /// Stages the children of what has just been staged, and theirs in turn, each generation in
    /// the order in which it came. Returns how many.
    fn release_children(&mut self, mut parents: Vec<OwnKey>, now: Millis) -> u64 {
        let mut released = 0;
        while !parents.is_empty() {
            let mut children = BTreeMap::new();
            for parent in parents.drain(..) {
                let route = self.records.get(&parent).map(|own| own.route.clone());
                let (key, kind, _) = parent;
                for child in self.waiting_on.get(&(key, kind)).into_iter().flatten() {
                    let same = self.records.get(child).map(|own| &own.route) == route.as_ref();
                    let Some(waiting) = self.waiting.get(child).filter(|_| same) else { continue };
                    if !waiting.wait.accepted && waiting.wait.elsewhere.is_none() {
                        children.insert(waiting.arrival, child.clone());
                    }
                }
            }
            for child in children.into_values() {
                if let Some(waiting) = self.stop_waiting(&child) {
                    parents.push(child.clone());
                    self.stage(child, waiting.fragment, now, false);
                    released += 1;
                }
            }
        }
        released
    }

    /// Whether a waiting record's parent is ready now.
    fn may_go(&self, child: &OwnKey) -> bool {
        let (Some(waiting), Some(own)) = (self.waiting.get(child), self.records.get(child)) else {
            return false;
        };
        waiting.wait.elsewhere.is_none() && self.parent_ready(&own.route, &waiting.wait)
    }

    /// Takes a record out of the waiting ones.
    pub(super) fn stop_waiting(&mut self, key: &OwnKey) -> Option<Waiting> {
        let waiting = self.waiting.remove(key)?;
        let parent = (waiting.wait.key.clone(), strand(&waiting.wait.kind, &key.1.to));
        if let Some(children) = self.waiting_on.get_mut(&parent) {
            children.remove(key);
            if children.is_empty() {
                self.waiting_on.remove(&parent);
            }
        }
        Some(waiting)
    }

    /// Makes what waits for a record of this case due for another look.
    pub(super) fn wake_children(&mut self, root: &str, now: Millis) {
        let from = (Key::from_columns(root, ""), Strand::default());
        let of_case = self.waiting_on.range(from..).take_while(|((key, _), _)| key.root() == root);
        for child in of_case.flat_map(|(_, children)| children) {
            if let Some(waiting) = self.waiting.get_mut(child)
                && waiting.wait.elsewhere.is_none()
            {
                waiting.look_at = waiting.look_at.min(now);
            }
        }
    }

    /// Withdraws records that wait at a destination.
    pub(super) fn withdraw_waiting(&mut self, to: &NodeCode, mut audit: AuditEvent) -> u64 {
        audit.at = self.tick(audit.at);
        let there = self.waiting.iter().filter(|(key, _)| key.1.to == *to);
        let mut gone: Vec<_> = there.map(|(k, w)| (w.look_at, w.arrival, k.clone())).collect();
        gone.sort();
        gone.truncate(WITHDRAW_MAX as usize);
        for (.., key) in &gone {
            self.stop_waiting(key);
            self.move_record(key, At::Voided);
        }
        audit.ok = audit.ok && !gone.is_empty();
        self.append_audit(audit);
        gone.len() as u64
    }

    /// Looks at waiting records that are due for it.
    pub(super) fn release_waiting(&mut self, now: Millis, limit: u32) -> u64 {
        let now = self.tick(now);
        let mut looked: Vec<(Millis, i64, OwnKey)> = self
            .waiting
            .iter()
            .filter(|(_, w)| w.look_at <= now)
            .map(|(k, w)| (w.look_at, w.arrival, k.clone()))
            .collect();
        looked.sort();
        looked.truncate(limit as usize);
        let (mut go, mut staged) = (Vec::new(), Vec::new());
        for (.., key) in looked {
            let may_go = self.may_go(&key);
            let Some(waiting) = self.waiting.get_mut(&key) else { continue };
            match waiting.wait.elsewhere {
                Some(elsewhere) => go.push((key, now >= elsewhere.until)),
                None if may_go => go.push((key, false)),
                None => waiting.look_at = now.plus(LOOK_AGAIN_MS),
            }
        }
        for (key, orphan) in go {
            if let Some(waiting) = self.stop_waiting(&key) {
                staged.push(key.clone());
                self.stage(key, waiting.fragment, now, orphan);
            }
        }
        staged.len() as u64 + self.release_children(staged, now)
    }
}

/// A record of the page being committed.
struct Fresh {
    key: OwnKey,
    fragment: Arc<[u8]>,
    wait: Option<WaitFor>,
}

/// What makes a quarantined row the same.
fn held_key(q: &NewQuarantine) -> HeldKey {
    let to = &q.route.destination;
    let of = q.id.as_ref().map(|id| (strand(&id.kind, to), id.key.clone()));
    (q.adapter.clone(), q.row_digest, of)
}
