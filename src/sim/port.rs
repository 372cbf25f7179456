//! The ports of one instance of a node: every call to its store and its carrier passes here, and
//! may be its last.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bus::{Bus, BusError, BusFuture, Confirmation, Delivery, Parcel, SimBus};
use canon::{EnvelopeId, Lane, NodeCode};
use store::InboxParcel;

use crate::guarded::{After, Fact, Hook, When};
use crate::ledger::{self, SharedLedger};

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// On which side of the call.
    pub when: When,
    /// The instance dies of it.
    pub dies: bool,
}

/// Calls of all ports of a world, for the mode that tries each.
#[derive(Debug, Default)]
pub struct Calls {
    /// Calls so far.
    pub made: u64,
    /// The call of this number strikes.
    pub strike_at: Option<(u64, Strike)>,
    /// The name of the call that struck.
    pub struck: Option<&'static str>,
}

/// Counted over all ports.
pub type SharedCalls = Arc<Mutex<Calls>>;

#[derive(Debug, Default)]
struct State {
    dead: bool,
    /// Strikes after so many more calls.
    planned: Option<(u64, Strike)>,
    struck: Option<Strike>,
    /// Deliveries taken and not acknowledged.
    taken: BTreeMap<u64, EnvelopeId>,
}

/// The ports of one instance.
pub struct Port {
    node: NodeCode,
    /// Under whose name the ledger has it.
    book: NodeCode,
    state: Mutex<State>,
    calls: SharedCalls,
    ledger: SharedLedger,
    bus: Arc<SimBus>,
}

impl Port {
    /// The ports of a new instance.
    pub fn new(
        node: &NodeCode,
        bus: &Arc<SimBus>,
        ledger: &SharedLedger,
        calls: &SharedCalls,
    ) -> Arc<Self> {
        Arc::new(Self {
            node: node.clone(),
            book: node.clone(),
            state: Mutex::default(),
            calls: Arc::clone(calls),
            ledger: Arc::clone(ledger),
            bus: Arc::clone(bus),
        })
    }

    /// The same under another name in the ledger: a machine that nobody else is.
    #[must_use]
    pub fn booked(self: Arc<Self>, book: NodeCode) -> Arc<Self> {
        let (calls, ledger) = (Arc::clone(&self.calls), Arc::clone(&self.ledger));
        let (node, bus) = (self.node.clone(), Arc::clone(&self.bus));
        Arc::new(Self { node, book, state: Mutex::default(), calls, ledger, bus })
    }

    /// At the call after so many others something goes wrong.
    pub fn plan(&self, after: u64, strike: Strike) {
        self.lock().planned = Some((after, strike));
    }

    /// Nothing is planned any more.
    pub fn unplan(&self) {
        self.lock().planned = None;
    }

    /// Whether something is planned.
    pub fn is_planned(&self) -> bool {
        self.lock().planned.is_some()
    }

    /// What struck since the last asking.
    pub fn struck(&self) -> Option<Strike> {
        self.lock().struck.take()
    }

    /// Whether the instance is dead.
    pub fn is_dead(&self) -> bool {
        self.lock().dead
    }

    /// Dies here.
    pub fn die(&self) {
        self.lock().dead = true;
    }

    /// What it had taken off the carrier comes back to the queue.
    pub async fn give_back(&self) {
        let tags: Vec<u64> = std::mem::take(&mut self.lock().taken).into_keys().collect();
        let given = self.bus.give_back(&self.node, &tags).await;
        debug_assert!(given.is_ok(), "the simulated carrier takes back whatever it gave");
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn strikes(&self, call: &'static str) -> Option<When> {
        let mut state = self.lock();
        if state.dead {
            return Some(When::Before);
        }
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.made += 1;
        let made = calls.made;
        let of_all = calls.strike_at.take_if(|(at, _)| *at == made).map(|(_, strike)| strike);
        if of_all.is_some() {
            calls.struck = Some(call);
        }
        drop(calls);
        let own = match &mut state.planned {
            Some((0, strike)) => Some(*strike),
            Some((after, _)) => {
                *after -= 1;
                None
            }
            None => None,
        };
        if own.is_some() {
            state.planned = None;
        }
        let strike = of_all.or(own)?;
        state.dead |= strike.dies;
        state.struck = Some(strike);
        Some(strike.when)
    }

    async fn guarded<T>(
        &self,
        call: &'static str,
        inner: impl Future<Output = Result<T, BusError>>,
    ) -> Result<T, BusError> {
        match self.strikes(call) {
            None => return inner.await,
            Some(When::Before) => {}
            Some(When::After) => {
                inner.await?;
            }
            Some(When::Panic) => panic!("a panic at {call}"),
            Some(When::Pause) => {
                crate::guarded::Once::default().await;
                return inner.await;
            }
        }
        // The connection is lost, and with it whatever was not acknowledged.
        self.give_back().await;
        Err(BusError::Unavailable(format!("a fault at {call}")))
    }
}

/// The guard before the instance's store.
pub struct AtStore(pub Arc<Port>);

impl Hook for AtStore {
    fn strike(&self, method: &'static str) -> Option<When> {
        self.0.strikes(method)
    }

    fn about(&self, fact: Fact<'_>) -> Option<After> {
        ledger::about(&self.0.ledger, &self.0.book, fact)
    }

    fn claimed(&self, parcels: &[InboxParcel]) {
        ledger::look(&self.0.ledger).claimed(&self.0.book, parcels);
    }
}

/// The carrier as the instance sees it.
pub struct AtBus(pub Arc<Port>);

impl Bus for AtBus {
    fn publish(&self, parcels: Vec<Parcel>) -> BusFuture<'_, Vec<Confirmation>> {
        let port = &self.0;
        Box::pin(port.guarded("publish", async move {
            let ids: Vec<_> = parcels.iter().map(|p| p.id.clone()).collect();
            ledger::look(&port.ledger).published(&port.book, &parcels);
            let said = port.bus.publish(parcels).await?;
            let mut ledger = ledger::look(&port.ledger);
            let has = |(_, said): &(&EnvelopeId, &Confirmation)| **said == Confirmation::Confirmed;
            ids.iter().zip(&said).filter(has).for_each(|(id, _)| ledger.confirmed(id));
            drop(ledger);
            Ok(said)
        }))
    }

    fn take<'a>(
        &'a self,
        node: &'a NodeCode,
        lane: Lane,
        max: usize,
    ) -> BusFuture<'a, Vec<Delivery>> {
        let port = &self.0;
        Box::pin(port.guarded("take", async move {
            let taken = port.bus.take(node, lane, max).await?;
            port.lock().taken.extend(taken.iter().map(|d| (d.tag, d.parcel.id.clone())));
            Ok(taken)
        }))
    }

    fn ack<'a>(&'a self, node: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()> {
        let port = &self.0;
        Box::pin(port.guarded("ack", async move {
            for tag in tags {
                let taken = port.lock().taken.remove(tag);
                if let Some(id) = taken {
                    ledger::look(&port.ledger).acknowledged(&port.book, &id);
                }
            }
            port.bus.ack(node, tags).await
        }))
    }

    fn give_back<'a>(&'a self, node: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()> {
        let port = &self.0;
        Box::pin(port.guarded("give_back", async move {
            port.lock().taken.retain(|tag, _| !tags.contains(tag));
            port.bus.give_back(node, tags).await
        }))
    }

    fn open(&self, node: &NodeCode) -> usize {
        self.0.bus.open(node)
    }

    fn arrival<'a>(&'a self, _: &'a NodeCode) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        // The world's turns never wait.
        Box::pin(std::future::ready(()))
    }
}
