//! Second instances of nodes: the same store and carrier, their own
//! memory, and their own death.

use std::sync::Arc;

use bus::Bus;
use store::MemoryWorld;

use super::faults::{Faults, When};
use super::{Stores, TIERS, TURNS_MAX, TestNode, World, faults};

/// A second instance.
pub struct Beside {
    /// Which tier's.
    pub tier: usize,
    /// The node with its workers.
    pub node: TestNode,
    /// What goes wrong in its store.
    pub faults: Arc<Faults>,
    /// Things it did.
    pub done: u64,
}

impl World {
    /// The carrier of a tier.
    pub(super) fn bus_of(&self, tier: usize) -> Arc<dyn Bus> {
        match &self.courier {
            Some(courier) => courier.bus(tier, &self.bus),
            None => Arc::clone(&self.bus) as Arc<dyn Bus>,
        }
    }

    /// Starts a second instance of a tier.
    pub fn join(&mut self, tier: usize, name: &str) {
        assert!(self.setup.shared, "only shared nodes have a second instance");
        let faults = Arc::new(Faults::default());
        let mut node = self.node(tier, name);
        node.store = faults::guard(Arc::clone(&node.store), &node.code, &faults);
        let node = self.at_work(tier, Arc::new(node));
        self.beside.push(Beside { tier, node, faults, done: 0 });
    }

    /// The second instance dies at its call of this number from now, before or after the fact.
    pub fn dies_at(&self, call: u64, when: When) {
        self.beside.iter().for_each(|b| b.faults.die_at(call, when));
    }

    /// Second instances of this tier that are alive.
    pub fn alive_beside(&self, tier: usize) -> usize {
        self.beside.iter().filter(|b| b.tier == tier).count()
    }

    /// Every node stops, its facts go elsewhere, and it is started again there.
    pub async fn stores_change(&mut self, to: Box<dyn Stores>, between: impl AsyncFnOnce()) {
        self.nodes.clear();
        self.beside.clear();
        for parts in &mut self.parts {
            // Nothing holds the old store any more.
            parts.store = MemoryWorld::new().open(&parts.code).shared();
        }
        self.stores = to;
        between().await;
        for (parts, tier) in self.parts.iter_mut().zip(TIERS) {
            let inner = self.stores.open(tier, &parts.code).await;
            parts.store = faults::guard(inner, &parts.code, &self.faults);
        }
        self.start();
    }

    /// Their workers take a turn. Whoever died is gone with everything in its memory.
    pub(super) async fn turn_beside(&mut self) -> u64 {
        let mut done = 0;
        for beside in &mut self.beside {
            for worker in &mut beside.node.workers {
                for _ in 0..TURNS_MAX {
                    if beside.faults.dead() {
                        break;
                    }
                    match exchange::work::turn(&mut **worker, self.now).await {
                        Ok(progress) => {
                            beside.done += progress.done;
                            done += progress.done;
                            if !progress.more {
                                break;
                            }
                        }
                        Err(e) => {
                            beside.node.node.forget_leases();
                            let text = format!("{}: {e}", worker.name());
                            assert!(beside.faults.dead(), "{text}");
                            break;
                        }
                    }
                }
            }
        }
        self.beside.retain(|b| !b.faults.dead());
        done
    }
}
