//! The memory back end: every identity's facts in maps behind one lock.
//!
//! It is the store of tests and of the simulator: deterministic, ready at first poll, and a whole
//! world of identities can be copied ([`MemoryWorld::fork`]) to see what another course of events
//! would have made of the same facts. Nothing survives the process.

mod account;
mod archive;
mod collect;
mod figures;
mod inbox;
mod moves;
mod outbox;
mod outlet;
mod pages;
mod people;
mod restore;
mod restore_impl;
mod seal;
mod settle;
mod source_rows;
mod standing;
mod state;
#[cfg(test)]
mod tests;
mod trace;
mod trait_impl;
mod window;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use canon::NodeCode;

use self::state::Identity;
use crate::api::{SharedStore, StoreFuture};
use crate::error::StoreError;

/// Several identities in one store.
#[derive(Clone, Debug, Default)]
pub struct MemoryWorld {
    identities: Arc<Mutex<BTreeMap<NodeCode, Identity>>>,
}

/// One identity's handle; clones see the same facts.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    world: MemoryWorld,
    node: NodeCode,
}

impl MemoryWorld {
    /// An empty world.
    pub fn new() -> Self {
        Self::default()
    }

    /// The handle of an identity, which is made in epoch 1 if it is not there.
    pub fn open(&self, node: &NodeCode) -> MemoryStore {
        self.open_in_epoch(node, 1)
    }

    /// The handle of an identity in at least this epoch: a higher one than before starts its
    /// sequences again.
    pub fn open_in_epoch(&self, node: &NodeCode, epoch: u32) -> MemoryStore {
        let mut identities = self.lock();
        let identity =
            identities.entry(node.clone()).or_insert_with(|| Identity::new(node.clone(), epoch));
        if epoch > identity.epoch {
            identity.epoch = epoch;
            identity.routes.clear();
        }
        drop(identities);
        MemoryStore { world: self.clone(), node: node.clone() }
    }

    /// A copy of everything as it is now, which goes its own way from here.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { identities: Arc::new(Mutex::new(self.lock().clone())) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeCode, Identity>> {
        // A fact is checked before it changes anything, so that a panic leaves a whole state.
        self.identities.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryStore {
    /// A store with one identity, in epoch 1.
    pub fn new(node: &NodeCode) -> Self {
        MemoryWorld::new().open(node)
    }

    /// The world this handle belongs to.
    pub fn world(&self) -> &MemoryWorld {
        &self.world
    }

    /// A copy of the whole world as it is now, seen by the same identity.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { world: self.world.fork(), node: self.node.clone() }
    }

    /// As the workers hold it.
    pub fn shared(self) -> SharedStore {
        Arc::new(self)
    }

    /// Runs a fact that nothing can refuse.
    fn tell<'a, T: Send + 'a>(
        &'a self,
        fact: impl FnOnce(&mut Identity) -> T + Send + 'a,
    ) -> StoreFuture<'a, T> {
        self.with(move |identity| Ok(fact(identity)))
    }

    /// Runs one fact when the future is polled.
    fn with<'a, T: Send + 'a>(
        &'a self,
        fact: impl FnOnce(&mut Identity) -> Result<T, StoreError> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            let mut identities = self.world.lock();
            match identities.get_mut(&self.node) {
                Some(identity) => fact(identity),
                None => Err(StoreError::Refused(format!("no identity {} here", self.node))),
            }
        })
    }
}
