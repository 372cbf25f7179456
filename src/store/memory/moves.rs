//! How records and envelopes move, with the counts and lines that follow them.

use canon::{EnvelopeId, Lane, Millis};

use super::state::*;
use crate::lifecycle::OutState;
use crate::types::*;

impl Identity {
    /// Place of a record, from the facts.
    pub(super) fn place_of(&self, own: &Own) -> Place {
        match &own.at {
            At::Quarantined => Place::Quarantined,
            At::Voided => Place::Voided,
            At::Waiting => Place::Waiting,
            At::Staged => Place::Staged,
            At::Superseded => Place::Superseded,
            At::Rejected => Place::Rejected,
            At::Envelope(id) => {
                self.out.get(id).map_or(Place::InFlight, |o| envelope_place(o.env.state))
            }
        }
    }

    /// Enters a new record into the counts.
    pub(super) fn count_new(&mut self, key: &OwnKey, place: Place) {
        if let Some(own) = self.records.get(key) {
            let sums = self
                .tallies
                .entry((own.day, own.route.clone(), own.epoch, key.1.kind.clone()))
                .or_default();
            sums.places[place as usize] += 1;
            self.places[place as usize] += 1;
        }
    }

    /// Moves a record from one place to another in the counts.
    pub(super) fn shift(&mut self, key: &OwnKey, from: Place, to: Place) {
        let Some(own) = self.records.get(key) else { return };
        if from == to {
            return;
        }
        let sums = self
            .tallies
            .entry((own.day, own.route.clone(), own.epoch, key.1.kind.clone()))
            .or_default();
        sums.places[from as usize] -= 1;
        sums.places[to as usize] += 1;
        let summed = |p| matches!(p, Place::Accepted | Place::Superseded);
        if summed(from) && !summed(to) {
            sums.sum.remove(&own.digest);
        } else if summed(to) && !summed(from) {
            sums.sum.add(&own.digest);
        }
        if summed(from) != summed(to) {
            let window = Window { side: BookSide::Own, day: own.day, peer: key.1.to.clone() };
            let leaf = Leaf::new(&own_id(key), &own.digest);
            self.leaf(window, summed(to), leaf);
        }
        self.places[from as usize] -= 1;
        self.places[to as usize] += 1;
    }

    /// Moves a record, facts and counts.
    pub(super) fn move_record(&mut self, key: &OwnKey, at: At) {
        let Some(from) = self.records.get(key).map(|own| self.place_of(own)) else { return };
        if let Some(own) = self.records.get_mut(key) {
            own.at = at;
        }
        if let Some(to) = self.records.get(key).map(|own| self.place_of(own)) {
            self.shift(key, from, to);
        }
    }

    /// Moves an envelope to a state, with the records that follow it, and keeps the lines of what
    /// is due and overdue.
    pub(super) fn move_envelope(&mut self, id: &EnvelopeId, next: OutState, now: Millis) {
        let Some(out) = self.out.get(id) else { return };
        let (from, to) = (envelope_place(out.env.state), envelope_place(next));
        let members = out.members.clone();
        if from != to {
            for key in members.iter() {
                let follows = self
                    .records
                    .get(key)
                    .is_some_and(|o| matches!(&o.at, At::Envelope(e) if e == id));
                if follows {
                    self.shift(key, from, to);
                }
            }
        }
        if let Some(out) = self.out.get_mut(id) {
            out.env.state = next;
            let ended = next.is_final() || next == OutState::Dead;
            out.ended_at = ended.then_some(now);
            if next.is_final() {
                out.env.due_at = None;
                // The counters are of the epoch in force.
                if id.epoch == self.epoch
                    && let Some(route) = self.routes.get_mut(&id.route)
                {
                    route.open.remove(&id.sequence);
                }
            }
        }
        self.stand_in_line(id);
    }

    /// Puts an own envelope where its state and due time say.
    pub(super) fn stand_in_line(&mut self, id: &EnvelopeId) {
        let Some(out) = self.out.get_mut(id) else { return };
        if let Some(old) = out.due.take() {
            self.due.remove(&old);
        }
        if let Some(old) = out.overdue.take() {
            self.overdue.remove(&old);
        }
        let Some(at) = out.env.due_at else { return };
        match out.env.state {
            OutState::Sealed | OutState::RetryWait => {
                let key = (out.env.link.clone(), out.lane, at, id.sequence, id.clone(), true);
                out.due = Some(key.clone());
                self.due.insert(key);
            }
            OutState::Sent | OutState::Unknown if out.lane != Lane::Control => {
                out.overdue = Some((at, id.clone()));
                self.overdue.insert((at, id.clone()));
            }
            _ => {}
        }
    }

    /// Puts a relayed parcel in line, or takes it out.
    pub(super) fn relay_in_line(&mut self, id: &EnvelopeId, at: Option<Millis>) {
        let Some(relay) = self.relays.get_mut(id) else { return };
        if let Some(old) = relay.due.take() {
            self.due.remove(&old);
        }
        if let Some(at) = at {
            let lane = lane_of(&relay.kind, &id.route);
            let key = (relay.row.link.clone(), lane, at, id.sequence, id.clone(), false);
            relay.due = Some(key.clone());
            self.due.insert(key);
        }
    }
}
