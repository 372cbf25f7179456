//! Windows below their sums: leaves by prefix, what is outstanding; steps of a correspondence.

use canon::{Day, NodeCode, Prefix, RecordId};

use super::MemoryStore;
use super::state::*;
use crate::api::StoreFuture;
use crate::api_window::WindowFacts;
use crate::plain::Plain;
use crate::types::*;

impl Identity {
    /// A record counts in a window's sum, or no more.
    pub(super) fn leaf(&mut self, window: Window, comes: bool, leaf: Leaf) {
        let leaves = self.leaves.entry(window).or_default();
        let n = leaves.entry(leaf.clone()).or_default();
        *n += if comes { 1 } else { -1 };
        if *n == 0 {
            leaves.remove(&leaf);
        }
    }

    /// What an envelope brought counts in its sender's window; what is only kept in passing is in
    /// another node's books.
    pub(super) fn received_leaves(&mut self, judged: &Judged) {
        if judged.id.route.destination != self.node {
            return;
        }
        let (day, peer) = (judged.day, judged.id.sender.clone());
        let window = Window { side: BookSide::Received, day, peer };
        let kept = judged.kept.iter().map(|k| Leaf::new(&k.id, &k.digest));
        let superseded = judged.superseded.iter().map(|(id, digest)| Leaf::new(id, digest));
        for leaf in kept.chain(superseded) {
            self.leaf(window.clone(), true, leaf);
        }
    }

    fn leaves_under(&self, window: &Window, under: Prefix) -> impl Iterator<Item = &Leaf> {
        let none = RecordId { kind: "".into(), key: canon::Key::from_columns("", ""), version: 0 };
        let (first, last) = under.range();
        let from = Leaf { place: first, digest: [0; 16], id: none };
        let all = self.leaves.get(window).into_iter().flat_map(move |l| l.range(from.clone()..));
        all.map(|(leaf, _)| leaf).take_while(move |leaf| leaf.place <= last)
    }

    fn buckets(&self, window: &Window, under: &[Prefix]) -> Vec<[Bucket; 16]> {
        let sums = |prefix: &Prefix| {
            let mut buckets = [Bucket::default(); 16];
            for leaf in self.leaves_under(window, *prefix) {
                let one = Bucket { count: 1, sum: leaf.sum() };
                buckets[prefix.digit_of(leaf.place)].merge(&one);
            }
            buckets
        };
        under.iter().map(sums).collect()
    }

    fn leaves(&self, window: &Window, under: &[Prefix], limit: u32) -> Vec<Leaf> {
        let mut found: Vec<Leaf> =
            under.iter().flat_map(|p| self.leaves_under(window, *p)).cloned().collect();
        found.sort();
        found.dedup();
        found.truncate(limit as usize);
        found
    }

    fn forget_leaves(&mut self, before: Day, limit: u32) -> u64 {
        let old = self.leaves.keys().filter(|w| w.day < before).take(limit as usize);
        let old: Vec<Window> = old.cloned().collect();
        old.iter().for_each(|w| drop(self.leaves.remove(w)));
        old.len() as u64
    }

    fn step(&mut self, step: Step) -> Result<(), crate::StoreError> {
        if let Some(inbox_id) = step.inbox_id {
            self.check_inbox(inbox_id)?;
            self.take_inbox(inbox_id);
        }
        let now = self.tick(step.now);
        for one in step.stands {
            self.stand(&one.name, one.text.as_deref(), now);
        }
        if let Some(audit) = step.audit {
            self.append_audit(AuditEvent { at: now, ..audit });
        }
        self.enqueue(step.controls);
        Ok(())
    }

    fn outstanding(&self, day: Day, limit: u32) -> Vec<Outstanding> {
        let mut found = Vec::new();
        for (key, own) in self.records.iter().filter(|(_, own)| own.day == day) {
            let place = self.place_of(own);
            let reason = match place {
                Place::Accepted | Place::Superseded => continue,
                Place::Quarantined | Place::Rejected | Place::Voided => self.first_rule(key),
                Place::InFlight | Place::Dead => self.envelope_reason(own),
                Place::Waiting | Place::Staged | Place::AwaitingReview => String::new(),
            };
            found.push(Outstanding {
                record: own_id(key).to_string(),
                destination: key.1.to.clone(),
                place,
                envelope: self.envelope_at(own),
                reason,
            });
        }
        found.sort_by(|a, b| {
            (&a.destination, a.place, &a.record).cmp(&(&b.destination, b.place, &b.record))
        });
        found.truncate(limit as usize);
        found
    }

    /// The envelope a record is in, unless it waits or is staged.
    fn envelope_at(&self, own: &Own) -> Option<canon::EnvelopeId> {
        match &own.at {
            At::Envelope(id) => Some(id.clone()),
            At::Superseded | At::Rejected => own.envelopes.last().cloned(),
            At::Voided | At::Quarantined | At::Waiting | At::Staged => None,
        }
    }

    fn envelope_reason(&self, own: &Own) -> String {
        let out = self.envelope_at(own).and_then(|id| self.out.get(&id));
        out.and_then(|o| o.env.reason.clone()).unwrap_or_default()
    }

    fn first_rule(&self, key: &OwnKey) -> String {
        let problem = self.problem_of(key);
        let first = problem.and_then(|p| p.item.violations.first());
        first.map(|v| v.rule.to_string()).unwrap_or_default()
    }

    pub(super) fn locate(&self, to: &NodeCode, id: &RecordId) -> Option<Located> {
        let key = own_key(id, to);
        let own = self.records.get(&key)?;
        let at = |id: canon::EnvelopeId| {
            let position = self.out.get(&id)?.members.iter().position(|m| *m == key)?;
            Some((id, u32::try_from(position).ok()?))
        };
        Some(Located { place: self.place_of(own), envelope: self.envelope_at(own).and_then(at) })
    }
}

impl WindowFacts for MemoryStore {
    fn buckets<'a>(
        &'a self,
        window: &'a Window,
        under: &'a [Prefix],
    ) -> StoreFuture<'a, Vec<[Bucket; 16]>> {
        self.tell(move |s| s.buckets(window, under))
    }
    fn leaves<'a>(
        &'a self,
        window: &'a Window,
        under: &'a [Prefix],
        limit: u32,
    ) -> StoreFuture<'a, Vec<Leaf>> {
        self.tell(move |s| s.leaves(window, under, limit))
    }
    fn fold_leaves(&self, _limit: u32) -> StoreFuture<'_, u64> {
        // A map has its order at once.
        self.tell(|_| 0)
    }
    fn forget_leaves(&self, before: Day, limit: u32) -> StoreFuture<'_, u64> {
        self.tell(move |s| s.forget_leaves(before, limit))
    }
    fn commit_step(&self, step: Step) -> StoreFuture<'_, ()> {
        self.with(move |s| s.step(step.plain()))
    }
    fn outstanding(&self, day: Day, limit: u32) -> StoreFuture<'_, Vec<Outstanding>> {
        self.tell(move |s| s.outstanding(day, limit))
    }
    fn rows_seen<'a>(
        &'a self,
        adapter: &'a str,
        prefix: &'a str,
        since: u64,
    ) -> StoreFuture<'a, u64> {
        self.tell(move |s| s.rows_seen(adapter, prefix, since))
    }
    fn locate<'a>(
        &'a self,
        to: &'a NodeCode,
        ids: &'a [RecordId],
    ) -> StoreFuture<'a, Vec<Option<Located>>> {
        self.tell(move |s| ids.iter().map(|id| s.locate(to, id)).collect())
    }
}
