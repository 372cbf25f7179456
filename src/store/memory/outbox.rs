//! Facts of dispatch: what is due, what became of an attempt, links, and what may be deleted.

use std::sync::Arc;

use canon::{EnvelopeId, Lane, Millis, Route};

use super::state::*;
use crate::error::StoreError;
use crate::lifecycle::{OutEvent, OutState};
use crate::types::EventOn;
use crate::types::*;

impl Identity {
    /// Parcels due, in order of due time and sequence.
    pub(super) fn due(
        &self,
        link: &str,
        lane: Lane,
        now: Millis,
        parcels_max: u32,
        bytes_max: u64,
    ) -> Vec<DueParcel> {
        let now = now.max(self.last_now);
        if self.links.get(link).is_some_and(|l| l.paused.is_some()) {
            return Vec::new();
        }
        let first = (Arc::from(link), lane, Millis(i64::MIN), 0, self.lowest(), false);
        let mut parcels: Vec<DueParcel> = Vec::new();
        let mut bytes = 0;
        let line = self
            .due
            .range(first..)
            .take_while(|(l, of, at, ..)| &**l == link && *of == lane && *at <= now);
        // Own and relayed parcels in turn: neither's backlog stands before the other.
        let (mut turns, most) = ([0_u32; 2], parcels_max.max(1));
        let mut line: Vec<_> = line
            .filter_map(|key| {
                let turn = &mut turns[usize::from(key.5)];
                *turn += 1;
                (*turn <= most).then_some((*turn, key))
            })
            .collect();
        line.sort_by_key(|(turn, (_, _, at, .., own))| (*turn, *at, !*own));
        for (_, (_, _, at, _, id, own)) in line {
            let Some(parcel) = self.due_parcel(id, *own, *at) else { continue };
            bytes += parcel.frame.len() as u64;
            let full = parcels.len() >= parcels_max as usize || bytes > bytes_max;
            if full && !parcels.is_empty() {
                break;
            }
            parcels.push(parcel);
        }
        parcels
    }

    /// The id that sorts before every other.
    fn lowest(&self) -> EnvelopeId {
        let none: Arc<str> = "".into();
        let route = Route {
            destination: canon::NodeCode(none.clone()),
            edition: none.clone(),
            suite: none.clone(),
            lane: Lane::Control,
        };
        EnvelopeId { sender: canon::NodeCode(none), epoch: 0, route, sequence: 0 }
    }

    fn due_parcel(&self, id: &EnvelopeId, own: bool, since: Millis) -> Option<DueParcel> {
        let (kind, frame, count, attempts) = if own {
            let out = self.out.get(id)?;
            let count = if out.lane == Lane::Control { 1 } else { out.env.count };
            (&out.env.kind, out.frame.clone()?, count, out.env.attempts)
        } else {
            let relay = self.relays.get(id)?;
            (&relay.kind, relay.frame.clone()?, relay.count, relay.attempts)
        };
        Some(DueParcel {
            own,
            id: id.clone(),
            kind: kind.clone(),
            to: id.route.destination.clone(),
            frame,
            count,
            attempts,
            since,
        })
    }

    /// What became of attempts.
    pub(super) fn attempted(
        &mut self,
        lease: &Lease,
        attempts: Vec<Attempted>,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.check_lease(lease)?;
        let legal =
            |e| matches!(e, OutEvent::Confirmed | OutEvent::NotConfirmed | OutEvent::GivenUp);
        if let Some(odd) = attempts.iter().find(|a| !legal(a.event)) {
            return Err(conflict("attempt", format!("{:?} is not an attempt's end", odd.event)));
        }
        let now = self.tick(now);
        for attempt in attempts {
            let link = if attempt.own {
                self.attempted_own(&attempt, now)
            } else {
                self.attempted_relay(&attempt, now)
            };
            if let Some(link) = link {
                self.links.entry(link).or_default().reason = attempt.reason;
            }
        }
        Ok(())
    }

    /// An attempt that comes too late to matter changes nothing but the count.
    fn attempted_own(&mut self, attempt: &Attempted, now: Millis) -> Option<Arc<str>> {
        let out = self.out.get_mut(&attempt.id)?;
        let link = out.env.link.clone();
        out.env.attempts += 1;
        let Some(next) = out.env.state.next(attempt.event) else { return Some(link) };
        out.env.due_at = (next != OutState::Dead).then_some(attempt.due_at);
        out.env.reason.clone_from(&attempt.reason);
        if next == OutState::Sent {
            out.env.sent_at = Some(now);
        }
        let control = out.lane == Lane::Control;
        self.move_envelope(&attempt.id, next, now);
        // Nobody answers a control parcel: the carrier's confirm is its end.
        if control
            && next == OutState::Sent
            && let Some(settled) = next.next(OutEvent::Receipted)
        {
            self.move_envelope(&attempt.id, settled, now);
        }
        Some(link)
    }

    fn attempted_relay(&mut self, attempt: &Attempted, now: Millis) -> Option<Arc<str>> {
        let relay = self.relays.get_mut(&attempt.id)?;
        let link = relay.row.link.clone();
        relay.attempts += 1;
        if relay.row.state != "due" {
            return Some(link);
        }
        let again = match attempt.event {
            OutEvent::NotConfirmed => Some(attempt.due_at),
            OutEvent::Confirmed if &*relay.kind == "records" => {
                relay.row.state = "sent".into();
                None
            }
            // A control parcel passed on, or one given up: only the origin sends again.
            _ => {
                relay.row.state = "done".into();
                relay.done_at = Some(now);
                relay.frame = None;
                None
            }
        };
        self.relay_in_line(&attempt.id, again);
        Some(link)
    }

    /// Puts off what is due on a route.
    pub(super) fn defer_route(
        &mut self,
        route: &Route,
        until: Millis,
        reason: &str,
        now: Millis,
    ) -> u64 {
        self.tick(now);
        let mut deferred = Vec::new();
        for out in self.out.values_mut().filter(|o| o.env.id.route == *route) {
            let waits = matches!(out.env.state, OutState::Sealed | OutState::RetryWait);
            let asked = matches!(out.env.state, OutState::Sent | OutState::Unknown);
            let early = out.env.due_at.is_some_and(|at| at < until);
            if out.lane == Lane::Control || !early || !(waits || asked) {
                continue;
            }
            out.env.due_at = Some(until);
            if waits {
                out.env.reason = Some(reason.to_owned());
            }
            deferred.push(out.env.id.clone());
        }
        for id in &deferred {
            self.stand_in_line(id);
        }
        deferred.len() as u64
    }

    /// Pauses or resumes a link.
    pub(super) fn pause_link(&mut self, link: &str, reason: Option<&str>, now: Millis) {
        self.tick(now);
        self.links.entry(link.into()).or_default().paused = reason.map(str::to_owned);
    }

    /// A state change that no receipt causes.
    pub(super) fn commit_event(
        &mut self,
        lease: &Lease,
        id: &EnvelopeId,
        on: EventOn,
    ) -> Result<bool, StoreError> {
        self.check_lease(lease)?;
        if let Some(inbox_id) = on.inbox_id {
            self.check_inbox(inbox_id)?;
        }
        let records = self.out.get(id).is_some_and(|o| o.lane != Lane::Control);
        if records && matches!(on.event, OutEvent::Receipted | OutEvent::Declining) {
            return Err(conflict("event", "records are settled by commit_settled"));
        }
        let now = self.tick(on.now);
        if let Some(inbox_id) = on.inbox_id {
            self.take_inbox(inbox_id);
        }
        let Some(out) = self.out.get_mut(id) else { return Ok(false) };
        let Some(next) = out.env.state.next(on.event) else { return Ok(false) };
        out.env.refusals += u32::from(on.event == OutEvent::Refused);
        out.env.attempts -= u32::from(on.event == OutEvent::Deferred && out.env.attempts > 0);
        out.env.reason = on.reason;
        out.env.due_at = match next {
            OutState::Sealed => Some(on.due_at.unwrap_or(now)),
            OutState::Dead => None,
            _ => on.due_at,
        };
        self.move_envelope(id, next, now);
        self.enqueue(on.controls);
        Ok(true)
    }

    /// Own records envelopes whose receipt, or next inquiry, is due.
    pub(super) fn overdue(&self, now: Millis, limit: u32) -> Vec<OutEnvelope> {
        let now = now.max(self.last_now);
        self.overdue
            .iter()
            .take_while(|(at, _)| *at <= now)
            .filter_map(|(_, id)| self.out.get(id))
            .take(limit as usize)
            .map(|o| o.env.clone())
            .collect()
    }

    /// Deletes what may go.
    pub(super) fn purge(&mut self, before: Millis, limit: u32) -> u64 {
        let mut gone = 0;
        let limit = u64::from(limit);
        let relays: Vec<EnvelopeId> = self
            .relays
            .iter()
            .filter(|(_, r)| r.row.state == "done" && r.done_at.is_some_and(|at| at < before))
            .filter(|(_, r)| r.frame.is_some() || &*r.kind != "records")
            .map(|(id, _)| id.clone())
            .take(limit as usize)
            .collect();
        for id in relays {
            gone += 1;
            match self.relays.get_mut(&id) {
                Some(relay) if &*relay.kind == "records" => relay.frame = None,
                _ => drop(self.relays.remove(&id)),
            }
        }
        let controls: Vec<EnvelopeId> = self
            .out
            .values()
            .filter(|o| o.lane == Lane::Control && o.env.state.is_final())
            .filter(|o| o.ended_at.is_some_and(|at| at < before) && self.may_forget(o))
            .map(|o| o.env.id.clone())
            .take((limit - gone) as usize)
            .collect();
        for id in controls {
            gone += 1;
            self.out.remove(&id);
        }
        gone
    }

    /// A receipt stays until its sender says that it has it: the same envelope again gets it again.
    fn may_forget(&self, out: &Out) -> bool {
        let Some(id) = &out.answers else { return true };
        let of = (id.sender.clone(), id.epoch, id.route.clone());
        self.seen.get(&of).is_some_and(|s| id.sequence < s.settled_below)
    }
}
