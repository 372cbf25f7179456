//! What is held against the stores themselves after every step that committed something: S1, S9.

use store::{NodeStatus, Place};

use super::World;
use super::turn::ready;
use crate::fault::Fault;
use crate::invariant::Invariant::{S1, S8, S9};
use crate::ledger;

/// Audit events looked at in one step.
const EVENTS: u32 = 64;
/// Lanes of which a turn of receive takes as much as it may.
const LANES: i64 = 3;
/// A spread of retries, ms.
const SLACK: i64 = 1_000;
/// A maintenance of the world lasts so long, ms; the clocks of two tiers differ.
const MAINTENANCE: i64 = 20_000 + 580_000;

impl World {
    /// The machine that took the last step.
    pub(super) fn check(&mut self, machine: usize) {
        let code = self.machines[machine].code.clone();
        if ledger::look(&self.ledger).take_dirty(&code) {
            self.conserved(machine);
            self.chained(machine);
            self.bounded(machine);
        }
    }

    pub(super) fn status(&self, machine: usize) -> Option<NodeStatus> {
        ready(self.machines[machine].store.status()).ok()
    }

    /// S1, record by record, and the counts beside it.
    fn conserved(&mut self, machine: usize) {
        let Some(status) = self.status(machine) else { return };
        let census = ready(self.machines[machine].store.census()).unwrap_or_default();
        if census != status.places {
            let what = format!("counted {:?}, kept as {:?}", census, status.places);
            return self.breaks(S1, machine, what);
        }
        let collected: u64 = status.adapters.iter().map(|a| a.records + a.quarantined).sum();
        let placed = status.places.iter().sum::<u64>() + status.rows_without_key;
        if collected != placed && !self.machines[machine].restored {
            let what = format!("{collected} collected, {placed} somewhere");
            self.breaks(S1, machine, what);
        }
    }

    /// S8: what stands in a store is within the limits.
    fn bounded(&mut self, machine: usize) {
        let Some(status) = self.status(machine) else { return };
        let limits = self.limits.clone();
        let instances = self.machines[machine].instances.len() as i64;
        let most = 2 * limits.inbox_parcels_max + i64::from(limits.claim_max) * LANES * instances;
        let inbox = i64::try_from(status.inbox).unwrap_or(i64::MAX);
        if inbox > most {
            self.breaks(S8, machine, format!("{inbox} parcels in the inbox"));
        }
        let routes = ready(self.machines[machine].store.staged_routes()).unwrap_or_default();
        let page = u64::from(limits.page_rows_max);
        for (route, staged, _) in routes.iter().filter(|(r, ..)| r.lane == canon::Lane::Bulk) {
            if *staged > limits.backfill_ahead + limits.give_again_records_max + page {
                self.breaks(S8, machine, format!("{staged} records staged on {route}"));
            }
        }
        let jumps = ledger::look(&self.ledger).jumps;
        let waits = [limits.retry_max, limits.receipt_overdue, limits.inquiry_interval];
        let maintained = if self.has(Fault::Maintenance) { MAINTENANCE } else { 0 };
        let wait = waits.into_iter().max().unwrap_or(0) + maintained + SLACK;
        let latest = self.clock(machine).plus(wait);
        for own in self.own_envelopes(machine).iter().filter(|e| !e.state.is_final()) {
            let due = own.due_at.is_none_or(|due| due <= latest);
            let deferred = own.reason.as_deref().is_some_and(|r| !r.starts_with("bus."));
            if own.attempts > limits.attempts_max || !(due || jumps || deferred) {
                let what =
                    format!("{} after {} attempts, due {:?}", own.id, own.attempts, own.due_at);
                self.breaks(S8, machine, what);
            }
        }
    }

    /// S9: what was added to the chain fits.
    pub(super) fn chained(&mut self, machine: usize) {
        let (after, chain) = self.machines[machine].audited;
        let Ok(events) = ready(self.machines[machine].store.audit_after(after, EVENTS)) else {
            return;
        };
        if let Err(e) = store::verify_chain(chain, &events) {
            return self.breaks(S9, machine, format!("the audit chain does not fit at event {e}"));
        }
        if let Some((number, _, digest)) = events.last() {
            self.machines[machine].audited = (*number, Some(*digest));
        }
    }

    /// Records of a machine in a place.
    pub(super) fn count(&self, machine: usize, place: Place) -> u64 {
        self.status(machine).map_or(0, |s| s.places[place as usize])
    }
}
