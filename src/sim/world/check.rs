//! What is held against the stores themselves after every step that committed something: S1, S9.

use store::{NodeStatus, Place};

use super::World;
use super::turn::ready;
use crate::invariant::Invariant::{S1, S9};
use crate::ledger;

/// Audit events looked at in one step.
const EVENTS: u32 = 64;

impl World {
    /// The machine that took the last step.
    pub(super) fn check(&mut self, machine: usize) {
        let code = self.machines[machine].code.clone();
        if ledger::look(&self.ledger).take_dirty(&code) {
            self.conserved(machine);
            self.chained(machine);
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
