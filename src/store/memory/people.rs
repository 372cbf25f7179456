//! Facts for people: numbers, problems, the audit chain; and the daily windows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use canon::{Day, Digest, Lane, Millis, NodeCode, Route};

use super::settle::problem_text;
use super::state::*;
use crate::audit::chain;
use crate::error::StoreError;
use crate::lifecycle::OutState;
use crate::types::*;

impl Identity {
    /// The node's numbers.
    pub(super) fn status(&self) -> NodeStatus {
        let class = |c: &'static str| self.problems.values().filter(move |p| p.item.class == c);
        NodeStatus {
            places: self.places,
            destinations: self.by_destination(),
            rows_without_key: class("quarantined").filter(|p| p.record.is_none()).count() as u64,
            kept: self.kept.len() as u64,
            judged: self.judged.len() as u64,
            inbox: (self.inbox.len() - self.awaiting.len()) as u64,
            control_queued: self.queue.len() as u64,
            refused: class("refused").count() as u64,
            links: self.link_status(),
            adapters: self.adapters.keys().map(|a| self.adapter(a)).collect(),
        }
    }

    fn link_status(&self) -> Vec<LinkStatus> {
        let mut links: BTreeMap<&Arc<str>, LinkStatus> =
            self.links.keys().map(|l| (l, LinkStatus::default())).collect();
        for out in self.out.values() {
            let link = links.entry(&out.env.link).or_default();
            if out.lane == Lane::Control {
                continue;
            }
            let count = u64::from(out.env.count);
            match out.env.state {
                OutState::Numbered | OutState::Sealed | OutState::RetryWait => link.due += count,
                OutState::Sent => link.in_flight += count,
                OutState::Unknown => link.unknown += count,
                OutState::Dead => link.dead += count,
                OutState::Settled | OutState::Declined => {
                    link.accepted += out.accepted;
                    link.rejected += out.rejected;
                    continue;
                }
            }
            if out.env.state != OutState::Dead {
                let since = link.oldest.unwrap_or(out.env.numbered_at);
                link.oldest = Some(since.min(out.env.numbered_at));
            }
        }
        for relay in self.relays.values().filter(|r| &*r.kind == "records") {
            let link = links.entry(&relay.row.link).or_default();
            if relay.row.state == "due" {
                link.due += u64::from(relay.count);
                let since = link.oldest.unwrap_or(relay.row.at);
                link.oldest = Some(since.min(relay.row.at));
            }
        }
        links
            .into_iter()
            .map(|(name, mut status)| {
                status.link = name.to_string();
                if let Some(row) = self.links.get(name) {
                    status.paused.clone_from(&row.paused);
                    status.reason.clone_from(&row.reason);
                    status.last_receipt = row.last_receipt;
                }
                status
            })
            .collect()
    }

    /// Own records by destination.
    fn by_destination(&self) -> Vec<DestinationStatus> {
        let mut of = BTreeMap::<&NodeCode, [u64; 10]>::new();
        for ((_, route, ..), sums) in &self.tallies {
            let places = of.entry(&route.destination).or_default();
            places.iter_mut().zip(sums.places).for_each(|(all, more)| *all += more);
        }
        let status = |(to, places): (&NodeCode, [u64; 10])| {
            let destination = to.clone();
            DestinationStatus { destination, places }
        };
        of.into_iter().map(status).collect()
    }

    /// Counts every record.
    pub(super) fn census(&self) -> [u64; 10] {
        let mut places = [0; 10];
        for own in self.records.values() {
            places[self.place_of(own) as usize] += 1;
        }
        places
    }

    /// Problems, in the order of their numbers.
    pub(super) fn problems(&self, filter: &ProblemFilter) -> Vec<ProblemItem> {
        let same = |want: &Option<String>, have: &str| want.as_deref().is_none_or(|w| w == have);
        let rule = |p: &ProblemItem| match &filter.rule {
            Some(rule) => p.violations.iter().any(|v| &*v.rule == rule.as_str()),
            None => true,
        };
        self.problems
            .range(filter.after.saturating_add(1)..)
            .map(|(_, row)| &row.item)
            .filter(|p| same(&filter.state, &p.state) && same(&filter.adapter, &p.adapter))
            .filter(|p| rule(p))
            .take(filter.limit as usize)
            .cloned()
            .collect()
    }

    /// The raw row or parcel; a rejected record's fragment lies in its envelope's frame.
    pub(super) fn problem_raw(&self, number: i64) -> Option<Vec<u8>> {
        self.problems.get(&number).map(|row| row.raw.clone()).filter(|raw| !raw.is_empty())
    }

    /// Acts on problems; the audit event says whether anything changed.
    pub(super) fn act_on_problems(
        &mut self,
        numbers: &[i64],
        action: &ProblemAction,
        mut audit: AuditEvent,
    ) -> u64 {
        audit.at = self.tick(audit.at);
        let numbers: BTreeSet<i64> = numbers.iter().copied().collect();
        let mut changed = 0;
        for number in numbers {
            changed += u64::from(self.act_on(number, action, audit.at));
        }
        audit.ok = audit.ok && changed > 0;
        self.append_audit(audit);
        changed
    }

    fn act_on(&mut self, number: i64, action: &ProblemAction, now: Millis) -> bool {
        let Some(row) = self.problems.get_mut(&number) else { return false };
        let parcel = row.item.class == "refused";
        let open = matches!(row.item.state.as_str(), "held" | "returned" | "resubmitted");
        if !open || (parcel && !matches!(action, ProblemAction::Void)) {
            return false;
        }
        let state = match action {
            ProblemAction::Return { deadline } => {
                row.item.deadline = Some(*deadline);
                "returned"
            }
            ProblemAction::Resubmit => "resubmitted",
            ProblemAction::Void => "voided",
        };
        row.item.state = state.into();
        let row = row.clone();
        let adapter: Arc<str> = row.item.adapter.as_str().into();
        match action {
            ProblemAction::Return { .. } => {
                if let Some(source) = row.source_row.clone() {
                    let row_key = (adapter, source);
                    let text = self.told(&row_key, 3, problem_text(&row));
                    self.queue_write_back(row_key, "returned", text, now);
                }
            }
            ProblemAction::Resubmit => self.forget(&adapter, &row),
            ProblemAction::Void => {
                if let Some(key) = &row.record {
                    self.move_record(key, At::Voided);
                }
            }
        }
        true
    }

    /// The next read of this row is news.
    fn forget(&mut self, adapter: &Arc<str>, row: &ProblemRow) {
        let of = row.record.as_ref().map(|(key, strand, _)| (strand.clone(), key.clone()));
        if let Some((strand, key)) = &of {
            self.forget_content(key, strand);
        }
        if let Some(digest) = row.row_digest {
            self.held.remove(&(adapter.clone(), digest, of));
        }
        if let Some(source) = &row.source_row
            && let Some(seen) = self.source_rows.get_mut(&(adapter.clone(), source.clone()))
        {
            seen.0 = NO_CONTENT;
        }
    }

    /// Appends to the chain.
    pub(super) fn append_audit(&mut self, event: AuditEvent) {
        let last = self.audit.last_key_value().map(|(_, (_, digest))| *digest);
        let digest = chain(last.as_ref(), &event);
        let number = self.audit.last_key_value().map_or(1, |(n, _)| n + 1);
        self.audit.insert(number, (event, digest));
    }

    /// Audit events after a number.
    pub(super) fn audit_after(&self, after: i64, limit: u32) -> Vec<(i64, AuditEvent, Digest)> {
        self.audit
            .range(after.saturating_add(1)..)
            .take(limit as usize)
            .map(|(number, (event, digest))| (*number, event.clone(), *digest))
            .collect()
    }

    /// Sums of own records of a day.
    pub(super) fn tallies(&self, day: Day) -> Vec<Tally> {
        self.tallies
            .iter()
            .filter(|((d, ..), _)| *d == day)
            .map(|((_, r, epoch, kind), sums)| tally(&r.destination, r, *epoch, kind, sums))
            .collect()
    }

    /// Sums of what a sender's window brought.
    pub(super) fn tallies_received(&self, sender: &NodeCode, day: Day) -> Vec<Tally> {
        self.tallies_received
            .iter()
            .filter(|((s, d, ..), _)| s == sender && *d == day)
            .map(|((peer, _, route, epoch, kind), sums)| tally(peer, route, *epoch, kind, sums))
            .collect()
    }

    /// Days whose last manifest is missing or not final.
    pub(super) fn open_days(&self, until: Day) -> Vec<(Day, u32)> {
        let own = self.tallies.keys().map(|(day, route, ..)| (*day, &route.destination));
        let told = self.manifests.keys().filter(|(_, by, _)| *by == self.node);
        let windows: BTreeSet<(Day, &NodeCode)> = own
            .chain(told.map(|(day, _, peer)| (*day, peer)))
            .filter(|(d, _)| *d <= until)
            .collect();
        let mut days: BTreeMap<Day, (bool, u32)> = BTreeMap::new();
        for (day, peer) in windows {
            let last = self.manifests.get(&(day, self.node.clone(), peer.clone()));
            let row = days.entry(day).or_default();
            row.0 |= last.is_none_or(|(m, _)| !m.is_final);
            row.1 = row.1.max(last.map_or(0, |(m, _)| m.revision));
        }
        days.into_iter().filter(|(_, (open, _))| *open).map(|(day, (_, r))| (day, r)).collect()
    }

    /// Stores a manifest and what follows from it.
    pub(super) fn commit_manifest(
        &mut self,
        manifest: ManifestRow,
        discrepancies: Vec<Discrepancy>,
        control: Vec<NewControl>,
        inbox_id: Option<i64>,
    ) -> Result<(), StoreError> {
        if let Some(inbox_id) = inbox_id {
            self.check_inbox(inbox_id)?;
            self.take_inbox(inbox_id);
        }
        self.tick(manifest.at);
        let key = (manifest.day, manifest.by.clone(), manifest.peer.clone());
        let newer = self.manifests.get(&key).is_none_or(|(m, _)| m.revision <= manifest.revision);
        if newer {
            self.manifests.insert(key, (manifest, discrepancies));
        }
        self.enqueue(control);
        Ok(())
    }

    /// Latest manifests of a day.
    pub(super) fn manifests(&self, day: Day) -> Vec<ManifestRow> {
        let of_day = self.manifests.iter().filter(|((d, ..), _)| *d == day);
        of_day.map(|(_, (manifest, _))| manifest.clone()).collect()
    }

    /// Discrepancies of a day.
    pub(super) fn discrepancies(&self, day: Day) -> Vec<Discrepancy> {
        let of_day = self.manifests.iter().filter(|((d, ..), _)| *d == day);
        of_day.flat_map(|(_, (_, found))| found.iter().cloned()).collect()
    }
}

fn tally(peer: &NodeCode, route: &Route, epoch: u32, kind: &str, sums: &Sums) -> Tally {
    Tally {
        peer: peer.to_string(),
        route: route.to_string(),
        epoch,
        kind: kind.to_string(),
        collected: sums.places.iter().sum(),
        places: sums.places,
        sum: sums.sum.to_string(),
        first_sequence: sums.first,
        last_sequence: sums.last,
    }
}
