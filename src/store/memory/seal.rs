//! Facts of seal: batches, numbers, frames.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use canon::{EnvelopeId, Millis, Route};

use super::state::*;
use crate::error::StoreError;
use crate::lifecycle::{OutEvent, OutState};
use crate::types::*;

impl Identity {
    /// Routes with staged records.
    pub(super) fn staged_routes(&self) -> Vec<(Route, u64, Millis)> {
        self.staged
            .iter()
            .filter_map(|(route, rows)| {
                // Time never goes back, so that the first in line was staged first.
                let (_, first) = rows.first_key_value()?;
                Some(((**route).clone(), rows.len() as u64, first.at))
            })
            .collect()
    }

    /// The next batch of a route: a prefix of its line, so that no child overtakes its parent.
    pub(super) fn staged_batch(
        &self,
        route: &Route,
        records_max: u32,
        bytes_max: u64,
    ) -> Option<StagedBatch> {
        let rows = self.staged.get(route)?;
        let day = self.records.get(&rows.values().next()?.key)?.day;
        let mut batch = StagedBatch {
            route: route.clone(),
            day,
            adapters: Vec::new(),
            records: Vec::new(),
            bytes: Vec::new(),
            ticket: Vec::new(),
            oldest: Millis(i64::MAX),
        };
        let mut adapters = BTreeSet::new();
        for (number, row) in rows {
            let Some(own) = self.records.get(&row.key) else { continue };
            let full = batch.records.len() >= records_max as usize
                || (batch.bytes.len() + row.fragment.len()) as u64 > bytes_max;
            if own.day != day || (full && !batch.records.is_empty()) {
                break;
            }
            adapters.insert(own.adapter.clone());
            batch.records.push(StagedRecord {
                kind: row.key.1.kind.clone(),
                digest: own.digest,
                len: row.fragment.len() as u32,
                source_row: own.source_row.clone(),
                orphan: row.orphan,
            });
            batch.bytes.extend_from_slice(&row.fragment);
            batch.ticket.push(StagedRange { range: *number, count: 1 });
            batch.oldest = batch.oldest.min(row.at);
        }
        batch.adapters = adapters.into_iter().collect();
        Some(batch)
    }

    /// Counters of a route.
    pub(super) fn counters(&self, route: &Route) -> RouteCounters {
        let last = self.routes.get(route).map_or(0, |r| r.last);
        let open = self.routes.get(route).and_then(|r| r.open.first().copied());
        RouteCounters {
            epoch: self.epoch,
            next_sequence: last + 1,
            settled_below: open.unwrap_or(last + 1),
        }
    }

    /// Envelopes take their numbers.
    pub(super) fn number(
        &mut self,
        lease: &Lease,
        envelopes: Vec<NewEnvelope>,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.check_lease(lease)?;
        self.check_numbers(&envelopes)?;
        let now = self.tick(now);
        for envelope in envelopes {
            self.number_one(envelope, now);
        }
        Ok(())
    }

    /// All or none: everything is checked before anything changes.
    fn check_numbers(&self, envelopes: &[NewEnvelope]) -> Result<(), StoreError> {
        let mut next: BTreeMap<&Route, u64> = BTreeMap::new();
        let mut ranges = BTreeSet::new();
        let mut controls = BTreeSet::new();
        for envelope in envelopes {
            let id = &envelope.id;
            if id.sender != self.node || id.epoch != self.epoch {
                return Err(conflict("sender", format!("{id} is not of {}", self.node)));
            }
            let free =
                next.entry(&id.route).or_insert_with(|| self.counters(&id.route).next_sequence);
            if id.sequence != *free {
                return Err(conflict("sequence", format!("{id} is not the next, {free} is")));
            }
            *free += 1;
            match &envelope.consumes {
                Consumes::Staged(batch) => {
                    let staged = self.staged.get(&batch.route);
                    let ok = batch.route == id.route
                        && !batch.records.is_empty()
                        && batch.ticket.len() == batch.records.len()
                        && batch.ticket.iter().zip(&batch.records).all(|(t, r)| {
                            ranges.insert(t.range)
                                && staged.and_then(|s| s.get(&t.range)).is_some_and(|s| {
                                    t.count == 1 && s.fragment.len() == r.len as usize
                                })
                        });
                    if !ok {
                        return Err(conflict("ticket", format!("records of {id} moved on")));
                    }
                }
                Consumes::Control(queued) => {
                    let there = self.queue.get(&queued.queue_id) == Some(&queued.control);
                    if !there || !controls.insert(queued.queue_id) {
                        let number = queued.queue_id;
                        return Err(conflict("queue", format!("control {number} moved on")));
                    }
                }
            }
        }
        Ok(())
    }

    fn number_one(&mut self, envelope: NewEnvelope, now: Millis) {
        let id = envelope.id.clone();
        let row = self.routes.entry(id.route.clone()).or_default();
        row.last = id.sequence;
        row.open.insert(id.sequence);
        let lane = lane_of(&envelope.kind, &id.route);
        let (day, count, body, answers, members) = match envelope.consumes {
            Consumes::Staged(batch) => {
                let (members, body) = self.consume_staged(&batch, &id);
                (batch.day, members.len(), body, None, members)
            }
            Consumes::Control(queued) => {
                self.queue.remove(&queued.queue_id);
                let c = queued.control;
                if let Some(received) = c.answers.as_ref().and_then(|a| self.received.get_mut(a)) {
                    received.receipt = ReceiptAt::Numbered(id.clone());
                }
                (c.day, c.lengths.len(), c.body, c.answers, Vec::new())
            }
        };
        let numbering = self.next_number();
        self.unsigned.insert(numbering, id.clone());
        let env = OutEnvelope {
            id: id.clone(),
            kind: envelope.kind,
            state: OutState::Numbered,
            day,
            link: envelope.link,
            head_digest: envelope.head_digest,
            root: envelope.root,
            count: u32::try_from(count).unwrap_or(u32::MAX),
            attempts: 0,
            refusals: 0,
            numbered_at: now,
            sent_at: None,
            due_at: None,
            reason: None,
            hop: None,
        };
        let out = Out {
            env,
            lane,
            numbering,
            head: envelope.head,
            body,
            frame: None,
            receipt: None,
            members: members.into(),
            answers,
            accepted: 0,
            rejected: 0,
            hop_at: None,
            ended_at: None,
            due: None,
            overdue: None,
        };
        self.out.insert(id, out);
    }

    /// Takes a batch out of its line; its records follow the envelope from now on.
    fn consume_staged(&mut self, batch: &StagedBatch, id: &EnvelopeId) -> (Vec<OwnKey>, Vec<u8>) {
        let (mut members, mut body) = (Vec::with_capacity(batch.ticket.len()), Vec::new());
        let Some(rows) = self.staged.get_mut(&batch.route) else { return (members, body) };
        for ticket in &batch.ticket {
            if let Some(staged) = rows.remove(&ticket.range) {
                body.extend_from_slice(&staged.fragment);
                members.push(staged.key);
            }
        }
        if rows.is_empty() {
            self.staged.remove(&batch.route);
        }
        for key in &members {
            if let Some(own) = self.records.get_mut(key) {
                own.at = At::Envelope(id.clone());
                own.envelopes.push(id.clone());
                let of = (own.day, own.route.clone(), own.epoch, key.1.kind.clone());
                let sums = self.tallies.entry(of).or_default();
                sums.first =
                    if sums.first == 0 { id.sequence } else { sums.first.min(id.sequence) };
                sums.last = sums.last.max(id.sequence);
            }
            self.shift(key, Place::Staged, Place::InFlight);
        }
        (members, body)
    }

    /// Envelopes without a signature, in the order they were numbered.
    pub(super) fn numbered(&self, slots: Slots, limit: u32) -> Vec<Numbered> {
        self.unsigned
            .values()
            .filter_map(|id| self.out.get(id))
            .filter(|o| slots.has(slot_of_route(&o.env.id.route)))
            .take(limit as usize)
            .map(|o| Numbered { id: o.env.id.clone(), head: o.head.clone(), body: o.body.clone() })
            .collect()
    }

    /// Stores frames.
    pub(super) fn sealed(
        &mut self,
        lease: &Lease,
        sealed: Vec<Sealed>,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.check_lease(lease)?;
        let mut ids = BTreeSet::new();
        for one in &sealed {
            let state = self.out.get(&one.id).map(|o| o.env.state);
            if state != Some(OutState::Numbered) || !ids.insert(&one.id) {
                return Err(conflict("signature", format!("{} is not numbered", one.id)));
            }
        }
        let now = self.tick(now);
        for one in sealed {
            let Some(out) = self.out.get_mut(&one.id) else { continue };
            let Some(next) = out.env.state.next(OutEvent::Signed) else { continue };
            out.frame = Some(one.frame);
            out.env.head_digest = one.head.unwrap_or(out.env.head_digest);
            out.body = Vec::new();
            out.env.due_at = Some(now);
            self.unsigned.remove(&out.numbering);
            self.move_envelope(&one.id, next, now);
        }
        Ok(())
    }

    /// Envelopes of a route in this epoch.
    pub(super) fn outbound_range(
        &self,
        route: &Route,
        first: u64,
        last: u64,
        limit: u32,
    ) -> Vec<OutEnvelope> {
        if first > last {
            return Vec::new();
        }
        let id = |sequence| EnvelopeId {
            sender: self.node.clone(),
            epoch: self.epoch,
            route: route.clone(),
            sequence,
        };
        self.out
            .range(id(first)..=id(last))
            .take(limit as usize)
            .map(|(_, o)| o.env.clone())
            .collect()
    }

    /// Members of an own envelope, in order.
    pub(super) fn members(&self, id: &EnvelopeId) -> Vec<Member> {
        let members: Arc<[OwnKey]> = match self.out.get(id) {
            Some(out) => out.members.clone(),
            None => return Vec::new(),
        };
        members
            .iter()
            .filter_map(|key| self.records.get(key).map(|own| (key, own)))
            .map(|(key, own)| Member {
                kind: key.1.kind.clone(),
                digest: own.digest,
                source_row: own.source_row.clone(),
            })
            .collect()
    }
}
