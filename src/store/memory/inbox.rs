//! Facts of receive, accept and relay.

use std::collections::BTreeMap;

use canon::{EnvelopeId, Lane, Millis, NodeCode, Severity, Violation};

use super::state::*;
use crate::error::StoreError;
use crate::lifecycle::OutState;
use crate::types::*;

impl Identity {
    /// Parcels into the inbox.
    pub(super) fn admit(&mut self, parcels: Vec<Arrived>, now: Millis) {
        let received_at = self.tick(now);
        for arrived in parcels {
            if self.inbox.values().any(|r| r.arrived.parcel == arrived.parcel) {
                continue;
            }
            let number = self.next_number();
            self.inbox.insert(number, InboxRow { arrived, received_at, tries: 0 });
        }
    }

    /// Claims inbox rows: the first of each sender, then the second of each, and so on.
    pub(super) fn claim_inbox(
        &mut self,
        lease: &Lease,
        which: InboxFor,
        limit: u32,
        now: Millis,
    ) -> Result<Vec<InboxParcel>, StoreError> {
        self.check_lease(lease)?;
        self.tick(now);
        let mut turns: BTreeMap<(bool, NodeCode), u64> = BTreeMap::new();
        let mut line: Vec<(bool, u64, i64)> = Vec::new();
        let slots = lease.covers();
        for (number, row) in self.inbox.iter().filter(|(n, _)| !self.awaiting.contains(n)) {
            let here = row.arrived.to == self.node;
            let wanted = match which {
                InboxFor::Accept => here && &*row.arrived.kind == "records",
                InboxFor::Settle => here && &*row.arrived.kind != "records",
                InboxFor::Relay => !here,
            };
            if wanted && slots.has(slot_of_sender(&row.arrived.id.sender)) {
                let bulk = which != InboxFor::Settle && row.arrived.id.route.lane == Lane::Bulk;
                let turn = turns.entry((bulk, row.arrived.id.sender.clone())).or_default();
                line.push((bulk, *turn, *number));
                *turn += 1;
            }
        }
        line.sort_unstable();
        let others = line.iter().filter(|(bulk, ..)| !bulk).count();
        line.truncate((limit as usize).min(others + bulk_share(limit) as usize));
        let mut claimed = Vec::with_capacity(line.len());
        for (_, _, inbox_id) in line {
            let Some(row) = self.inbox.get_mut(&inbox_id) else { continue };
            row.tries += 1;
            claimed.push(InboxParcel {
                inbox_id,
                tries: row.tries,
                received_at: row.received_at,
                arrived: row.arrived.clone(),
            });
        }
        Ok(claimed)
    }

    /// Parcels in the inbox by sender.
    pub(super) fn inbox_depths(&self) -> Vec<(NodeCode, u64)> {
        let mut depths: BTreeMap<NodeCode, u64> = BTreeMap::new();
        for (_, row) in self.inbox.iter().filter(|(n, _)| !self.awaiting.contains(n)) {
            *depths.entry(row.arrived.id.sender.clone()).or_default() += 1;
        }
        depths.into_iter().collect()
    }

    /// Consumes an inbox row.
    pub(super) fn drop_inbox(&mut self, lease: &Lease, inbox_id: i64) -> Result<(), StoreError> {
        self.check_lease(lease)?;
        self.check_inbox(inbox_id)?;
        self.take_inbox(inbox_id);
        Ok(())
    }

    /// What is known of an envelope.
    pub(super) fn admission(&self, id: &EnvelopeId) -> Option<Admission> {
        let relay = self.relays.get(id);
        let received = self.received.get(id);
        let head_digest =
            received.map(|r| r.head_digest).or_else(|| relay.map(|r| r.row.head_digest))?;
        let receipt_sealed = received.is_some_and(|r| match &r.receipt {
            ReceiptAt::Numbered(own) => {
                self.out.get(own).is_some_and(|o| o.env.state != OutState::Numbered)
            }
            ReceiptAt::None | ReceiptAt::Queued => false,
        });
        let state = if relay.is_some() { InState::Relayed } else { InState::Judged };
        Some(Admission { id: id.clone(), head_digest, state, receipt_sealed })
    }

    /// Highest epoch of a sender that was judged here.
    pub(super) fn highest_epoch(&self, sender: &NodeCode) -> u32 {
        self.seen.keys().filter(|(s, ..)| s == sender).map(|(_, e, _)| *e).max().unwrap_or(0)
    }

    /// Every kept version of the cases' records.
    pub(super) fn kept_cases(&self, roots: &[&str]) -> Vec<KeptRow> {
        roots
            .iter()
            .flat_map(|root| of_root(&self.kept, root))
            .map(|(key, kept)| KeptRow {
                id: record_id(key),
                digest: kept.digest,
                facts: kept.facts.clone(),
                voided: kept.voided,
                envelope: kept.envelope.clone(),
            })
            .collect()
    }

    /// An envelope judged.
    pub(super) fn commit_judged(
        &mut self,
        lease: &Lease,
        judged: Judged,
    ) -> Result<(), StoreError> {
        self.check_lease(lease)?;
        self.check_inbox(judged.inbox_id)?;
        if self.received.contains_key(&judged.id) {
            return Err(conflict("envelope", format!("{} is judged already", judged.id)));
        }
        if let Some(saw) = &judged.saw {
            let roots: Vec<&str> = saw.roots.iter().map(String::as_str).collect();
            let rows = self.kept_cases(&roots).len() as u64;
            if rows != saw.rows {
                let detail = format!("{} were seen, there are {rows}", saw.rows);
                return Err(conflict("kept records", detail));
            }
        }
        if let Some(known) = judged.kept.iter().find(|k| self.kept.contains_key(&record_key(&k.id)))
        {
            return Err(conflict("record", format!("{} is kept already", known.id)));
        }
        if let Some(relayed) = &judged.relayed {
            self.check_relay(relayed)?;
        }
        let now = self.tick(judged.now);
        self.take_inbox(judged.inbox_id);
        for kept in &judged.kept {
            let row = Kept {
                digest: kept.digest,
                facts: kept.facts.clone(),
                voided: kept.voided,
                envelope: judged.id.clone(),
                index: kept.index,
            };
            self.kept.insert(record_key(&kept.id), row);
        }
        self.count_received(&judged);
        self.see_sequence(&judged.id, judged.settled_below, now);
        let ordinal = self.next_number();
        let receipt = if judged.receipt.is_some() { ReceiptAt::Queued } else { ReceiptAt::None };
        self.enqueue(judged.receipt.into_iter().collect());
        self.judged.insert(ordinal, judged.id.clone());
        let mut kept: Vec<_> = judged.kept.into_iter().map(|k| (k.index, k.id)).collect();
        kept.sort();
        let received = Received {
            head_digest: judged.head_digest,
            day: judged.day,
            frame: judged.frame,
            kept,
            problems: judged.problems,
            receipt,
            at: now,
        };
        self.received.insert(judged.id, received);
        if let Some(relayed) = judged.relayed {
            self.pass_on(relayed, now);
        }
        Ok(())
    }

    /// Sums of what a sender's window brought.
    fn count_received(&mut self, judged: &Judged) {
        for count in &judged.counts {
            let EnvelopeId { sender, epoch, route, .. } = &judged.id;
            let of = (sender.clone(), judged.day, route.clone(), *epoch, count.kind.clone());
            let sums = self.tallies_received.entry(of).or_default();
            sums.places[Place::Accepted as usize] += count.accepted;
            sums.places[Place::Superseded as usize] += count.superseded;
            sums.places[Place::Rejected as usize] += count.rejected;
            sums.sum.merge(&count.sum);
            let sequence = judged.id.sequence;
            sums.first = if sums.first == 0 { sequence } else { sums.first.min(sequence) };
            sums.last = sums.last.max(sequence);
        }
        self.received_leaves(judged);
        let window = (BookSide::Received, judged.day, &judged.id.sender);
        self.put_units(window, judged.units.iter());
    }

    /// Remembers a sequence; what is below `settled_below` is no gap.
    pub(super) fn see_sequence(&mut self, id: &EnvelopeId, settled_below: u64, now: Millis) {
        let of = (id.sender.clone(), id.epoch, id.route.clone());
        let seen = self.seen.entry(of).or_default();
        seen.settled_below = seen.settled_below.max(settled_below);
        seen.above.insert(id.sequence, now);
        seen.whole = seen.whole.max(seen.settled_below.saturating_sub(1));
        seen.above = seen.above.split_off(&(seen.whole + 1));
        while seen.above.remove(&(seen.whole + 1)).is_some() {
            seen.whole += 1;
        }
    }

    /// Gaps of senders in their newest epoch.
    pub(super) fn gaps(&self, before: Millis, limit: u32) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for ((sender, epoch, route), seen) in &self.seen {
            if *epoch != self.highest_epoch(sender) {
                continue;
            }
            let mut first = seen.whole + 1;
            for sequence in seen.above.keys() {
                let since = seen.above.range(sequence..).map(|(_, at)| *at).min();
                if let Some(since) = since.filter(|at| first < *sequence && *at < before) {
                    gaps.push(Gap {
                        sender: sender.clone(),
                        epoch: *epoch,
                        route: route.clone(),
                        first,
                        last: sequence - 1,
                        since,
                    });
                }
                first = sequence + 1;
            }
        }
        gaps.truncate(limit as usize);
        gaps
    }

    /// Sequences that never come are as good as seen; what lies beyond the highest seen is none of
    /// a gap.
    pub(super) fn close_gap(
        &mut self,
        lease: &Lease,
        gap: &NeverComing,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.check_lease(lease)?;
        let now = self.tick(now);
        let of = (gap.sender.clone(), gap.epoch, gap.route.clone());
        let Some(seen) = self.seen.get_mut(&of) else { return Ok(()) };
        let Some(highest) = seen.above.keys().next_back().copied() else { return Ok(()) };
        for sequence in gap.first.max(seen.whole + 1)..=gap.last.min(highest) {
            seen.above.entry(sequence).or_insert(now);
        }
        while seen.above.remove(&(seen.whole + 1)).is_some() {
            seen.whole += 1;
        }
        Ok(())
    }

    /// A duplicate gets the same receipt again.
    pub(super) fn commit_duplicate(
        &mut self,
        lease: &Lease,
        inbox_id: i64,
        id: &EnvelopeId,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.check_lease(lease)?;
        self.check_inbox(inbox_id)?;
        let Some(received) = self.received.get(id) else {
            return Err(conflict("envelope", format!("{id} was never judged")));
        };
        let receipt = match &received.receipt {
            ReceiptAt::Numbered(own) => Some(own.clone()),
            ReceiptAt::None | ReceiptAt::Queued => None,
        };
        let now = self.tick(now);
        self.take_inbox(inbox_id);
        if let Some(own) = receipt {
            self.send_again(&own, now);
        }
        Ok(())
    }

    /// The receipt of a judged envelope is due again; nothing to do while it is not sealed.
    pub(super) fn receipt_again(
        &mut self,
        lease: &Lease,
        id: &EnvelopeId,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.check_lease(lease)?;
        let now = self.tick(now);
        if let Some(ReceiptAt::Numbered(own)) = self.received.get(id).map(|r| &r.receipt) {
            let own = own.clone();
            self.send_again(&own, now);
        }
        Ok(())
    }

    /// Beside the lifecycle: a confirmed control parcel is done, and asked for again.
    fn send_again(&mut self, own: &EnvelopeId, now: Millis) {
        let Some(out) = self.out.get_mut(own) else { return };
        if out.env.state != OutState::Numbered {
            out.env.state = OutState::Sealed;
            out.env.due_at = Some(now);
            out.ended_at = None;
            self.stand_in_line(own);
        }
    }

    /// A parcel set aside.
    pub(super) fn commit_refused(
        &mut self,
        lease: &Lease,
        refused: RefusedParcel,
    ) -> Result<(), StoreError> {
        self.check_lease(lease)?;
        self.check_inbox(refused.inbox_id)?;
        let now = self.tick(refused.now);
        let Some(row) = self.take_inbox(refused.inbox_id) else { return Ok(()) };
        let reference = format!("{} {}", row.arrived.link, row.arrived.id);
        let text = canon::code(&refused.code);
        let violation = Violation {
            rule: refused.code.as_str().into(),
            field: "".into(),
            severity: Severity::Error,
            zh: text.map_or(refused.detail.as_str(), |c| c.zh).to_owned(),
            en: refused.detail.clone(),
        };
        let item = ProblemItem {
            number: self.next_number(),
            class: "refused".into(),
            state: "held".into(),
            adapter: String::new(),
            reference: reference.clone(),
            record: None,
            destination: None,
            violations: vec![violation],
            at: now,
            deadline: None,
            cured_by: None,
        };
        self.insert_problem(ProblemRow {
            item,
            raw: row.arrived.frame.to_vec(),
            record: None,
            row_digest: None,
            source_row: None,
        });
        self.append_audit(AuditEvent {
            at: now,
            who: "accept".into(),
            action: "parcel.refused".into(),
            subject: reference,
            reason: refused.code,
            ok: true,
        });
        self.enqueue(refused.refusal.into_iter().collect());
        Ok(())
    }

    /// A parcel for another node.
    pub(super) fn commit_relayed(
        &mut self,
        lease: &Lease,
        relayed: Relayed,
    ) -> Result<(), StoreError> {
        self.check_lease(lease)?;
        self.check_inbox(relayed.inbox_id)?;
        self.check_relay(&relayed)?;
        let now = self.tick(relayed.now);
        self.take_inbox(relayed.inbox_id);
        self.pass_on(relayed, now);
        Ok(())
    }

    /// The same id with another head never replaces the first.
    fn check_relay(&self, relayed: &Relayed) -> Result<(), StoreError> {
        match self.relays.get(&relayed.id) {
            Some(known) if known.row.head_digest != relayed.head_digest => {
                Err(conflict("envelope", format!("{} passed with another head", relayed.id)))
            }
            _ => Ok(()),
        }
    }

    fn pass_on(&mut self, relayed: Relayed, now: Millis) {
        let id = relayed.id.clone();
        if let Some(relay) = self.relays.get_mut(&id) {
            // The first bytes stay while they are here.
            relay.frame.get_or_insert(relayed.frame);
            relay.row.state = "due".into();
            relay.row.link = relayed.link;
            relay.done_at = None;
        } else {
            let relay = Relay {
                row: RelayRow {
                    id: relayed.id,
                    to: relayed.to,
                    link: relayed.link,
                    state: "due".into(),
                    head_digest: relayed.head_digest,
                    at: now,
                },
                kind: relayed.kind,
                count: relayed.count,
                verified: relayed.verified,
                attempts: 0,
                frame: Some(relayed.frame),
                done_at: None,
                due: None,
            };
            self.relays.insert(id.clone(), relay);
        }
        self.relay_in_line(&id, Some(now));
        self.enqueue(relayed.controls);
    }

    /// A hop receipt.
    pub(super) fn commit_hop(
        &mut self,
        lease: &Lease,
        inbox_id: i64,
        id: &EnvelopeId,
        (by, stage, kept): (&NodeCode, &str, Option<Stands>),
        now: Millis,
    ) -> Result<(), StoreError> {
        self.check_lease(lease)?;
        self.check_inbox(inbox_id)?;
        let now = self.tick(now);
        if let Some(kept) = kept {
            self.stand(&kept.name, kept.text.as_deref(), now);
        }
        self.take_inbox(inbox_id);
        if let Some(relay) = self.relays.get_mut(id)
            && relay.row.state != "done"
        {
            relay.row.state = "hop_receipted".into();
            self.relay_in_line(id, None);
        }
        if let Some(out) = self.out.get_mut(id) {
            out.env.hop = Some(format!("{by}: {stage}"));
            out.hop_at = Some(now);
        }
        Ok(())
    }

    /// The destination's receipt passed by.
    pub(super) fn relay_done(&mut self, id: &EnvelopeId, now: Millis) {
        let now = self.tick(now);
        if let Some(relay) = self.relays.get_mut(id) {
            relay.row.state = "done".into();
            relay.done_at.get_or_insert(now);
            self.relay_in_line(id, None);
        }
    }

    /// Frames kept here of an envelope.
    pub(super) fn frames(&self, id: &EnvelopeId) -> Option<StoredFrames> {
        if let Some(out) = self.out.get(id) {
            return Some(StoredFrames { frame: out.frame.clone()?, receipt: out.receipt.clone() });
        }
        if let Some(received) = self.received.get(id) {
            let receipt = match &received.receipt {
                ReceiptAt::Numbered(own) => self.out.get(own).and_then(|o| o.frame.clone()),
                ReceiptAt::None | ReceiptAt::Queued => None,
            };
            let frame = received.frame.clone();
            return (!frame.is_empty()).then_some(StoredFrames { frame, receipt });
        }
        let frame = self.relays.get(id)?.frame.clone()?;
        Some(StoredFrames { frame, receipt: None })
    }

    /// Judged envelopes after an ordinal.
    pub(super) fn judged_after(&self, ordinal: i64, limit: u32) -> Vec<JudgedEnvelope> {
        self.judged
            .range(ordinal.saturating_add(1)..)
            .filter_map(|(ordinal, id)| {
                let received = self.received.get(id).filter(|r| !r.frame.is_empty())?;
                Some(JudgedEnvelope {
                    ordinal: *ordinal,
                    id: id.clone(),
                    frame: received.frame.clone(),
                    kept: received.kept.iter().map(|(i, _)| *i).collect(),
                    at: received.at,
                })
            })
            .take(limit as usize)
            .collect()
    }
}
