//! The carrier within one process: bounded queues in memory. It keeps nothing: a kill loses every
//! parcel in it, and store, receipts and inquiry heal that.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use canon::{Lane, NodeCode};
use tokio::sync::Notify;

use crate::{Bus, BusFuture, Confirmation, Delivery, Parcel};

/// Most bytes queued in one lane of one node; more is refused with `bus.full`, so that a slow
/// receiver slows its senders down instead of filling the memory.
pub const LANE_BYTES_MAX: usize = 8 << 20;
/// Most parcels queued in one lane of one node.
pub const LANE_PARCELS_MAX: usize = 4096;

/// Queues of every node of this process.
#[derive(Default)]
pub struct LocalBus {
    state: Mutex<State>,
    wakers: BTreeMap<NodeCode, Arc<Notify>>,
}

#[derive(Default)]
struct State {
    next_tag: u64,
    lanes: BTreeMap<(NodeCode, Lane), Queue>,
    /// Nodes cut off: publishing to or from them is unreachable.
    cut: Vec<NodeCode>,
}

#[derive(Default)]
struct Queue {
    bytes: usize,
    waiting: VecDeque<Delivery>,
    taken: BTreeMap<u64, Delivery>,
}

impl LocalBus {
    /// A bus for exactly these nodes; parcels for any other are returned.
    pub fn new(nodes: impl IntoIterator<Item = NodeCode>) -> Self {
        let wakers: BTreeMap<_, _> =
            nodes.into_iter().map(|node| (node, Arc::new(Notify::new()))).collect();
        Self { state: Mutex::default(), wakers }
    }

    /// Cuts a node off, or joins it again: a drill, seen by its peers as an unreachable carrier.
    pub fn cut(&self, node: &NodeCode, off: bool) {
        let mut state = self.lock();
        state.cut.retain(|n| n != node);
        if off {
            state.cut.push(node.clone());
        }
        drop(state);
        for waker in self.wakers.values() {
            waker.notify_one();
        }
    }

    /// Parcels queued for a node and not acknowledged.
    pub fn depth(&self, node: &NodeCode) -> usize {
        let state = self.lock();
        state
            .lanes
            .iter()
            .filter(|((n, _), _)| n == node)
            .map(|(_, q)| q.waiting.len() + q.taken.len())
            .sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish_one(&self, state: &mut State, parcel: Parcel) -> Confirmation {
        let Some(waker) = self.wakers.get(&parcel.hop) else {
            return Confirmation::Returned;
        };
        if state.cut.iter().any(|n| *n == parcel.hop || *n == parcel.from) {
            return Confirmation::Unreachable("bus.unreachable");
        }
        state.next_tag += 1;
        let tag = state.next_tag;
        let queue = state.lanes.entry((parcel.hop.clone(), parcel.lane)).or_default();
        let full = queue.bytes + parcel.frame.len() > LANE_BYTES_MAX
            || queue.waiting.len() + queue.taken.len() >= LANE_PARCELS_MAX;
        // One parcel always fits, else an envelope above the limit would wait for ever.
        if full && queue.bytes > 0 {
            return Confirmation::Nacked("bus.full");
        }
        queue.bytes += parcel.frame.len();
        queue.waiting.push_back(Delivery { tag, parcel, dead: false });
        waker.notify_one();
        Confirmation::Confirmed
    }
}

impl Bus for LocalBus {
    fn publish(&self, parcels: Vec<Parcel>) -> BusFuture<'_, Vec<Confirmation>> {
        let mut state = self.lock();
        let said = parcels.into_iter().map(|p| self.publish_one(&mut state, p)).collect();
        Box::pin(ready(Ok(said)))
    }

    fn take<'a>(
        &'a self,
        node: &'a NodeCode,
        lane: Lane,
        max: usize,
    ) -> BusFuture<'a, Vec<Delivery>> {
        let mut state = self.lock();
        let mut out = Vec::new();
        if let Some(queue) = state.lanes.get_mut(&(node.clone(), lane)) {
            while out.len() < max {
                let Some(delivery) = queue.waiting.pop_front() else { break };
                queue.taken.insert(delivery.tag, delivery.clone());
                out.push(delivery);
            }
        }
        Box::pin(ready(Ok(out)))
    }

    fn ack<'a>(&'a self, node: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()> {
        let mut state = self.lock();
        for lane in Lane::ALL {
            if let Some(queue) = state.lanes.get_mut(&(node.clone(), *lane)) {
                for tag in tags {
                    if let Some(delivery) = queue.taken.remove(tag) {
                        queue.bytes -= delivery.parcel.frame.len();
                    }
                }
            }
        }
        Box::pin(ready(Ok(())))
    }

    fn give_back<'a>(&'a self, node: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()> {
        let mut state = self.lock();
        for lane in Lane::ALL {
            if let Some(queue) = state.lanes.get_mut(&(node.clone(), *lane)) {
                for tag in tags.iter().rev() {
                    if let Some(delivery) = queue.taken.remove(tag) {
                        queue.waiting.push_front(delivery);
                    }
                }
            }
        }
        Box::pin(ready(Ok(())))
    }

    fn open(&self, node: &NodeCode) -> usize {
        self.depth(node)
    }

    fn arrival<'a>(&'a self, node: &'a NodeCode) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        match self.wakers.get(node) {
            Some(waker) => Box::pin(waker.notified()),
            None => Box::pin(std::future::pending()),
        }
    }
}
