//! Facts of a restore.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use canon::{Day, EnvelopeId, Lane, Millis, NodeCode};

use super::state::*;
use crate::error::StoreError;
use crate::lifecycle::OutState;
use crate::types::*;

impl Identity {
    /// A new epoch begins.
    pub(super) fn begin_epoch(&mut self, new: NewEpoch) -> Result<(), StoreError> {
        if new.epoch <= self.epoch {
            let detail = format!("{} is not above epoch {}", new.epoch, self.epoch);
            return Err(conflict("epoch", detail));
        }
        let now = self.tick(new.audit.at);
        self.epoch = new.epoch;
        self.routes.clear();
        for lease in self.leases.values_mut() {
            lease.until = now;
        }
        self.counter = self.counter.max(new.ordinal);
        for (name, text) in new.stand {
            self.stand(&name, text.as_deref(), now);
        }
        self.append_audit(AuditEvent { at: now, ..new.audit });
        Ok(())
    }

    /// Where own records go or went.
    pub(super) fn destinations(&self) -> Vec<Destination> {
        let peers = self.tallies.keys().map(|(_, route, ..)| route.destination.clone());
        let mut open: BTreeMap<NodeCode, u64> = peers.map(|p| (p, 0)).collect();
        for (id, out) in &self.out {
            let older = out.lane != Lane::Control && id.epoch < self.epoch;
            if older && !out.env.state.is_final() && out.env.state != OutState::Dead {
                *open.entry(id.route.destination.clone()).or_default() += 1;
            }
        }
        open.into_iter().map(|(peer, older_open)| Destination { peer, older_open }).collect()
    }

    /// What a destination judged and this store does not know.
    pub(super) fn commit_adopted(
        &mut self,
        lease: &Lease,
        page: Adopted,
    ) -> Result<u64, StoreError> {
        self.check_lease(lease)?;
        self.check_inbox(page.inbox_id)?;
        let foreign = |e: &&AdoptedEnvelope| e.id.sender != self.node || e.id.epoch >= self.epoch;
        if let Some(odd) = page.envelopes.iter().find(foreign) {
            return Err(conflict("envelope", format!("{} is not of an older epoch here", odd.id)));
        }
        let now = self.tick(page.now);
        self.take_inbox(page.inbox_id);
        let mut adopted = 0;
        for envelope in page.envelopes {
            if !self.out.contains_key(&envelope.id) {
                adopted += self.adopt(envelope, now);
            }
        }
        self.stand(&page.stand.0, Some(&page.stand.1), now);
        self.enqueue(page.controls);
        Ok(adopted)
    }

    fn adopt(&mut self, envelope: AdoptedEnvelope, now: Millis) -> u64 {
        let AdoptedEnvelope { id, adapter, day, .. } = &envelope;
        let route = Arc::new(id.route.clone());
        let fresh: Vec<&AdoptedRecord> = envelope
            .records
            .iter()
            .filter(|r| !self.records.contains_key(&own_key(&r.id, &route.destination)))
            .collect();
        let members: Vec<OwnKey> =
            fresh.iter().map(|r| own_key(&r.id, &route.destination)).collect();
        self.insert_adopted(&envelope, &members, now);
        let mut rejected = Vec::new();
        for (record, key) in fresh.iter().zip(&members) {
            let at = match record.outcome {
                None => At::Envelope(id.clone()),
                Some(FinalOutcome::Superseded) => At::Superseded,
                Some(FinalOutcome::Rejected) => At::Rejected,
                Some(FinalOutcome::ParentMissing) => At::Voided,
            };
            let own = Own {
                route: Arc::clone(&route),
                epoch: id.epoch,
                day: *day,
                adapter: Arc::clone(adapter),
                voided: record.voided,
                content: record.content,
                digest: record.digest,
                facts: Arc::clone(&record.facts),
                source_row: None,
                at,
                collected_at: now,
                envelopes: vec![id.clone()],
                given: Vec::new(),
            };
            let place = self.place_of(&own);
            self.insert_record(key.clone(), own, place);
            let sums = self.tallies.entry((*day, Arc::clone(&route), id.epoch, key.1.kind.clone()));
            let sums = sums.or_default();
            if matches!(place, Place::Accepted | Place::Superseded) {
                sums.sum.add(&record.digest);
            }
            sums.first = if sums.first == 0 { id.sequence } else { sums.first.min(id.sequence) };
            sums.last = sums.last.max(id.sequence);
            if matches!(place, Place::Accepted | Place::Superseded) {
                let peer = route.destination.clone();
                let window = Window { side: BookSide::Own, day: *day, peer };
                self.leaf(window, true, Leaf::new(&record.id, &record.digest));
            }
            if place == Place::Rejected {
                rejected.push((key.clone(), record.code.clone()));
            } else if place != Place::Voided {
                self.cure(key);
            }
        }
        for (key, code) in rejected {
            self.list_rejected(&key, &code, "", canon::code(&code).map_or("", |c| c.zh), now);
        }
        self.count_outcomes(id, &members);
        for key in &members {
            self.wake_children(key.0.root(), now);
        }
        let adopted = members.len() as u64;
        self.adapters.entry(Arc::clone(adapter)).or_default().records += adopted;
        adopted
    }

    /// The envelope itself: settled, without bytes.
    fn insert_adopted(&mut self, envelope: &AdoptedEnvelope, members: &[OwnKey], now: Millis) {
        let id = envelope.id.clone();
        let env = OutEnvelope {
            id: id.clone(),
            kind: "records".into(),
            state: OutState::Settled,
            day: envelope.day,
            link: Arc::clone(&envelope.link),
            head_digest: envelope.head_digest,
            root: envelope.root,
            count: u32::try_from(members.len()).unwrap_or(u32::MAX),
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
            lane: id.route.lane,
            numbering: self.next_number(),
            head: Vec::new(),
            body: Vec::new(),
            frame: None,
            receipt: None,
            members: members.into(),
            answers: None,
            accepted: 0,
            rejected: 0,
            hop_at: None,
            ended_at: Some(now),
            due: None,
            overdue: None,
        };
        self.out.insert(id, out);
    }

    /// Envelopes of a sender judged here as their destination.
    pub(super) fn judged_of(
        &self,
        sender: &NodeCode,
        after: Option<&EnvelopeId>,
        limit: u32,
    ) -> Vec<JudgedOf> {
        self.received
            .iter()
            .filter(|(id, _)| id.sender == *sender && id.route.destination == self.node)
            .filter(|(id, _)| after.is_none_or(|a| *id > a))
            .take(limit as usize)
            .map(|(id, r)| JudgedOf {
                id: id.clone(),
                frame: Arc::clone(&r.frame),
                kept: r.kept.iter().map(|(index, _)| *index).collect(),
                problems: r.problems.clone(),
            })
            .collect()
    }

    /// How far every sender's route is here.
    pub(super) fn held_routes(&self) -> Vec<HeldRoute> {
        let here = self.seen.iter().filter(|((_, _, route), _)| route.destination == self.node);
        here.map(|((sender, epoch, route), seen)| HeldRoute {
            sender: sender.clone(),
            epoch: *epoch,
            route: route.clone(),
            through: seen.whole,
        })
        .collect()
    }

    /// Own settled envelopes to a destination.
    pub(super) fn settled_to(
        &self,
        peer: &NodeCode,
        after: i64,
        limit: u32,
    ) -> Vec<(i64, OutEnvelope)> {
        let settled: BTreeMap<i64, &Out> = self
            .out
            .values()
            .filter(|o| o.lane != Lane::Control && o.env.id.route.destination == *peer)
            .filter(|o| o.env.state == OutState::Settled && o.numbering > after)
            .map(|o| (o.numbering, o))
            .collect();
        settled.into_iter().take(limit as usize).map(|(n, o)| (n, o.env.clone())).collect()
    }

    /// What a settled envelope still holds is staged again.
    pub(super) fn give_again(
        &mut self,
        lease: &Lease,
        given: GivenAgain,
    ) -> Result<u64, StoreError> {
        self.check_lease(lease)?;
        let older = given.id.epoch < self.epoch;
        let may = |s| s == OutState::Settled || (older && s == OutState::Dead);
        let Some(out) = self.out.get(&given.id).filter(|o| may(o.env.state)) else {
            return Err(conflict("envelope", format!("{} is not settled here", given.id)));
        };
        let members = Arc::clone(&out.members);
        if !given.fragments.is_empty() && given.fragments.len() != members.len() {
            return Err(conflict("envelope", format!("{} has other members", given.id)));
        }
        let now = self.tick(given.now);
        let orphans: BTreeSet<u32> = given.orphans.into_iter().collect();
        let (mut again, mut accepted) = (0, 0);
        for ((position, key), fragment) in (0..).zip(members.iter()).zip(given.fragments) {
            let Some(own) = self.records.get(key) else { continue };
            if given.only.as_ref().is_some_and(|only| !only.contains(&position)) {
                continue;
            }
            let last = own.envelopes.last() == Some(&given.id);
            let place = self.place_of(own);
            if !last || !matches!(place, Place::Accepted | Place::Superseded | Place::Dead) {
                continue;
            }
            accepted += u64::from(place == Place::Accepted);
            self.stage(key.clone(), fragment.into(), now, orphans.contains(&position));
            if let Some(own) = self.records.get_mut(key) {
                own.given.push(given.id.clone());
            }
            again += 1;
        }
        if let Some(out) = self.out.get_mut(&given.id) {
            out.accepted = out.accepted.saturating_sub(accepted);
        }
        self.stand(&given.stand.0, Some(&given.stand.1), now);
        Ok(again)
    }

    /// Windows are reconciled again.
    pub(super) fn reopen_windows(&mut self, peer: &NodeCode, since: Day, now: Millis) {
        self.tick(now);
        let node = self.node.clone();
        self.manifests.retain(|(day, by, _), _| *day < since || by != peer);
        for ((day, by, to), (manifest, _)) in &mut self.manifests {
            if *day >= since && *by == node && to == peer {
                manifest.is_final = false;
            }
        }
    }
}
