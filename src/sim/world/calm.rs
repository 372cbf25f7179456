//! After the storm: nothing goes wrong any more, everything is let run dry, the day is closed, and
//! then everything has ended (L1) and every book agrees or says why not (L2).

use canon::Day;
use store::Place;

use super::turn::ready;
use super::{At, World};
use crate::fault::Fault;
use crate::invariant::Invariant::{L1, L2, S9};

/// Rounds without anything to do after which the world is at rest: with the steps below, longer than
/// every patience of the limits.
const RESTS: u32 = 12;
/// Rounds after which a world that still moves never ends.
const ROUNDS_MAX: u32 = 1_500;
/// Rounds after which a person looks at the pages.
const LOOKS: u32 = 100;
/// Turns of a worker in a row.
const TURNS_MAX: u32 = 32;

impl World {
    pub(super) fn calm(&mut self) {
        self.clears_up();
        self.clocks_agree();
        self.people_clear_up();
        if self.has(Fault::Backfill) {
            self.order_backfill(true);
        }
        self.rest();
        if self.broken().is_some() {
            return;
        }
        // A person looks once more at what still stands still.
        if self.people_clear_up() {
            self.rest();
        }
        let days = self.days();
        if let Some(last) = days.last().copied() {
            let closed = last.end().plus(self.limits.close_grace + 1_000);
            let wait = closed.since(self.now).max(0);
            self.passes(wait);
        }
        self.rest();
        for machine in 0..self.machines.len() {
            self.check(machine);
            self.ended_at(machine);
            self.acts_told(machine);
            for day in &days {
                self.agrees(machine, *day);
            }
        }
        self.truth();
    }

    /// Links and adapters that stopped themselves go on: pages say that somebody has to. Says whether
    /// there were any.
    fn people_clear_up(&mut self) -> bool {
        let mut acted = false;
        for machine in 0..self.machines.len() {
            acted |= self.restored_in_place(machine);
            let Some(status) = self.status(machine) else { continue };
            for link in status.links.iter().filter(|l| l.paused.is_some()) {
                self.resume(machine, &link.link);
                acted = true;
            }
            for adapter in status.adapters.iter().filter(|a| a.paused.is_some()) {
                let now = self.clock(machine);
                let store = std::sync::Arc::clone(&self.machines[machine].store);
                let resumed = ready(store.pause_adapter(&adapter.adapter, None, now));
                debug_assert!(resumed.is_ok(), "memory is never busy");
                acted = true;
            }
        }
        acted
    }

    /// Turns until nothing is done for long.
    fn rest(&mut self) {
        let mut idle = 0;
        for nth in 0..ROUNDS_MAX {
            if self.broken().is_some() {
                return;
            }
            self.revive(false);
            if nth % LOOKS == LOOKS - 1 {
                self.people_clear_up();
            }
            let done = self.round();
            idle = if done == 0 { idle + 1 } else { 0 };
            if idle > RESTS {
                return;
            }
            // Nothing to do for a while: the next thing is minutes away.
            self.passes(if idle < 4 { 250 } else { 20_000 });
        }
        let open = self.under_way();
        self.breaks(L1, 0, format!("the world never came to rest: {open}"));
    }

    /// What is still under way anywhere, for whoever reads why.
    fn under_way(&self) -> String {
        let mut out = Vec::new();
        for machine in 0..self.machines.len() {
            for own in self.own_envelopes(machine).iter().filter(|e| !e.state.is_final()) {
                let (state, reason) = (own.state.as_str(), &own.reason);
                out.push(format!("{} {state} {reason:?} due {:?}", own.id, own.due_at));
            }
            let links = self.status(machine).map(|s| s.links).unwrap_or_default();
            for link in links.iter().filter(|l| l.paused.is_some()) {
                out.push(format!(
                    "{} to {}: {:?}",
                    self.machines[machine].code, link.link, link.paused
                ));
            }
        }
        out.join("; ")
    }

    /// Every worker of every machine takes its turns.
    pub(super) fn round(&mut self) -> u64 {
        let mut done = 0;
        for machine in 0..self.machines.len() {
            for instance in 0..self.machines[machine].instances.len() {
                for worker in 0..self.machines[machine].instances[instance].workers.len() {
                    for _ in 0..TURNS_MAX {
                        let turn = self.turn(At { machine, instance, worker }, false);
                        let Some(progress) = turn else { break };
                        done += progress.done;
                        if !progress.more {
                            break;
                        }
                    }
                }
            }
            self.check(machine);
        }
        self.hot.clear();
        done
    }

    /// Days whose books are open somewhere.
    fn days(&self) -> Vec<Day> {
        let today = self.now.day();
        let mut days = std::collections::BTreeSet::new();
        for machine in &self.machines {
            let open = ready(machine.store.open_days(today)).unwrap_or_default();
            days.extend(open.into_iter().map(|(day, _)| day));
        }
        days.into_iter().collect()
    }

    /// L1: nothing is under way at a machine.
    fn ended_at(&mut self, machine: usize) {
        let Some(status) = self.status(machine) else { return };
        let numbered = ready(self.machines[machine].store.numbered(store::Slots::ALL, 10));
        let numbered = numbered.map_or(0, |n| n.len());
        for (what, left) in [
            ("parcels unread", status.inbox),
            ("control contents unsealed", status.control_queued),
            ("records staged", self.count(machine, Place::Staged)),
            ("envelopes numbered and never sealed", numbered as u64),
        ] {
            if left > 0 {
                self.breaks(L1, machine, format!("{left} {what}"));
            }
        }
        let fed = self.machines[machine].log.is_some();
        if fed && self.has(Fault::Backfill) && !self.backfills_ended(machine) {
            self.breaks(L1, machine, "a back-fill never came to its end");
        }
        for own in self.own_envelopes(machine) {
            let dead = own.state == store::OutState::Dead && own.reason.is_some();
            if !own.state.is_final() && !dead {
                let what = format!("{} is {} ({:?})", own.id, own.state.as_str(), own.reason);
                self.breaks(L1, machine, what);
            }
        }
    }

    /// S9: whatever people did stands in the chain.
    fn acts_told(&mut self, machine: usize) {
        let store = std::sync::Arc::clone(&self.machines[machine].store);
        let events = ready(store.audit_after(0, 1_000_000)).unwrap_or_default();
        if let Err(number) = store::verify_chain(None, &events) {
            self.breaks(S9, machine, format!("the chain does not fit at {number}"));
        }
        let acts = std::mem::take(&mut self.machines[machine].acts);
        for (action, subject) in acts {
            let told = events.iter().any(|(_, e, _)| e.action == action && e.subject == subject);
            if !told {
                self.breaks(S9, machine, format!("nobody was told of {action} on {subject}"));
            }
        }
    }

    /// L2: a sender's closed day agrees with the other side's, or every difference is named.
    fn agrees(&mut self, machine: usize, day: Day) {
        if self.machines[machine].log.is_none() {
            return;
        }
        let store = std::sync::Arc::clone(&self.machines[machine].store);
        let (me, to) = (self.machines[machine].code.clone(), self.machines[0].code.clone());
        let manifests = ready(store.manifests(day)).unwrap_or_default();
        let tallies = ready(store.tallies(day)).unwrap_or_default();
        if tallies.iter().all(|t| t.collected == 0) {
            return;
        }
        let mine = manifests.iter().find(|m| m.by == me && m.peer == to);
        let theirs = manifests.iter().find(|m| m.by == to);
        let (Some(mine), Some(theirs)) = (mine, theirs) else {
            return self.breaks(L2, machine, format!("no books of {day} on both sides"));
        };
        let read = exchange::reconcile::read;
        let mut answer = read(&theirs.body);
        answer.retain(|line| line.side == envelope::control::Side::Receiver);
        let differing = exchange::reconcile::differing(&read(&mine.body), &answer);
        let lost = self.has(Fault::RestoreReceiver) || self.has(Fault::RestoreSender);
        let lost = lost || self.cloned;
        // What was given up may have been taken all the same: that is said beside it.
        let dead: u64 = tallies.iter().map(|t| t.places[Place::Dead as usize]).sum();
        if !differing.is_empty() && !lost && dead == 0 {
            return self.breaks(L2, machine, format!("books of {day} differ: {differing:?}"));
        }
        let named = ready(store.discrepancies(day)).unwrap_or_default();
        let unnamed = named.iter().find(|d| d.cause == "sums_differ");
        if let Some(unnamed) = unnamed.filter(|_| differing.is_empty()) {
            return self.breaks(L2, machine, format!("{unnamed:?}, and the books of {day} agree"));
        }
        let moving: u64 = tallies
            .iter()
            .map(|t| t.places[Place::Waiting as usize] + t.places[Place::InFlight as usize])
            .sum();
        if !mine.is_final && moving == 0 && differing.is_empty() {
            self.breaks(L2, machine, format!("the books of {day} are never final"));
        }
    }
}
