//! A machine that is there twice: the same key, a copy of the store, rows of its own. Whose number comes
//! first at the receiver is the first; the other one stops, and a person restores it.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use canon::{Lane, NodeCode};
use exchange::collect::Collect;
use exchange::errands::Errands;
use exchange::restore::{Restoring, begin};
use exchange::{Node, Worker};

use super::World;
use super::turn::ready;
use crate::fault::Fault;
use crate::feed::{self, Line, SharedLog};
use crate::guarded::Guarded;
use crate::ledger;
use crate::port::{AtBus, AtStore, Port};

/// The second machine.
pub(super) struct Twin {
    machine: usize,
    port: Arc<Port>,
    workers: Vec<Box<dyn Worker>>,
}

impl World {
    /// A leaf's machine is copied, and both are at work; once.
    pub(super) fn clone_one(&mut self) {
        let leaves: Vec<usize> =
            (0..self.machines.len()).filter(|n| self.machines[*n].log.is_some()).collect();
        if self.twin.is_some() || self.cloned {
            return;
        }
        let Some(machine) = self.chance("cloned").pick(&leaves).copied() else { return };
        self.cloned = true;
        let log = SharedLog::default();
        let word = self.word();
        let case = self.next_case;
        self.next_case += 1;
        // Its cursor stands behind what the first has read: as many rows that it never looks at.
        let before = self.machines[machine].log.as_ref().map_or(0, |l| feed::look(l).lines.len());
        let line = Line { kind: "SB", case, word, bad: false, void: false, elsewhere: false };
        (0..=before).for_each(|_| feed::look(&log).push(line.clone()));
        let one = &self.machines[machine];
        // In the books it is somebody else.
        let book = NodeCode(format!("{}'", one.code).as_str().into());
        ledger::look(&self.ledger).copied(&one.code, &book);
        let store = one.memory.fork().shared();
        let port = Port::new(&one.code, &self.bus, &self.ledger, &self.calls).booked(book);
        let node = Node {
            store: Guarded::over(store, AtStore(Arc::clone(&port))),
            bus: Arc::new(AtBus(Arc::clone(&port))),
            ..self.node(machine, &port, false)
        };
        let node = Arc::new(node);
        let mut workers = exchange::workers(&node);
        let to = &self.machines[0].code;
        let adapter = feed::adapter(&one.code, to, &log, one.edition);
        workers.push(Box::new(Collect::new(Arc::clone(&node), adapter)));
        self.twin = Some(Twin { machine, port, workers });
        self.tell(machine, "a second machine has its key and a copy of its store");
        self.happened.note(Fault::Cloned);
    }

    /// One of the second machine's workers takes a turn.
    pub(super) fn twin_turn(&mut self) {
        let Some(mut twin) = self.twin.take() else { return };
        let (now, workers) = (self.clock(twin.machine), twin.workers.len() as u64);
        let at = self.chance("twin").below(workers) as usize;
        if let Some(worker) = twin.workers.get_mut(at) {
            let mut turn = pin!(exchange::work::turn(&mut **worker, now));
            let done = turn.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            // What fails there is nobody's concern here.
            debug_assert!(!matches!(done, Poll::Pending), "nothing stands still there");
        }
        self.twin = Some(twin);
    }

    /// Somebody finds the second machine and switches it off.
    pub(super) fn twin_ends(&mut self) {
        if let Some(twin) = self.twin.take() {
            twin.port.die();
            ready(twin.port.give_back());
        }
    }

    /// A machine that stands still until a person restores it is restored over its own store. Says whether
    /// it did.
    pub(super) fn restored_in_place(&mut self, machine: usize) -> bool {
        let store = Arc::clone(&self.machines[machine].store);
        // Or its epoch is known already, because the second machine has used it.
        let stands_still =
            |e: Errands| e.halted.is_some() || e.adopting.values().any(|a| a.stuck.is_some());
        if !ready(Errands::load(&store)).is_ok_and(stands_still) {
            return false;
        }
        for instance in 0..self.machines[machine].instances.len() {
            self.died(super::At { machine, instance, worker: 0 });
        }
        self.tell(machine, "restored over its own store");
        self.passes(61_000);
        let code = self.machines[machine].code.clone();
        let book = ledger::look(&self.ledger).image(&code);
        ledger::look(&self.ledger).restored(&code, book);
        self.machines[machine].restored = true;
        let to = self.machines[0].code.clone();
        let restoring = Restoring {
            links: &self.machines[machine].links,
            routes: [Lane::Live, Lane::Bulk].map(|lane| feed::routes(&to, lane)).concat(),
            epoch: None,
            since: self.now.day(),
            who: "op-07".into(),
            from: "itself".into(),
            now: self.clock(machine),
        };
        if let Err(e) = ready(begin(&store, restoring)) {
            self.breaks(crate::Invariant::L1, machine, format!("not restored: {e}"));
        }
        true
    }
}
