//! The carrier of the simulator: queues in memory under a given clock, and a weather that says of
//! each parcel what becomes of it. In fair weather it keeps the contract of every carrier.

use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use canon::{Lane, Millis, NodeCode};
use tokio::sync::Notify;

use crate::local::{LANE_BYTES_MAX, LANE_PARCELS_MAX};
use crate::{Bus, BusError, BusFuture, Confirmation, Delivery, Parcel};

/// One copy of a parcel that reaches its queue.
#[derive(Clone, Debug, Default)]
pub struct Arriving {
    /// How late, ms. Copies of different delays overtake each other.
    pub late: i64,
    /// Other bytes in place of the frame.
    pub frame: Option<Arc<[u8]>>,
    /// The carrier gives up on it and lays it aside.
    pub dead: bool,
}

/// What becomes of one published parcel.
#[derive(Clone, Debug)]
pub struct Passage {
    /// What arrives: nothing where it is lost, more than one where it is doubled.
    pub copies: Vec<Arriving>,
    /// What its sender is told. Only [`Confirmation::Confirmed`] means that the carrier has it; that
    /// it may lose it all the same is what receipts are for.
    pub said: Confirmation,
}

impl Passage {
    /// One copy, at once, confirmed.
    pub fn fair() -> Self {
        Self { copies: vec![Arriving::default()], said: Confirmation::Confirmed }
    }
}

/// Says what becomes of parcels.
pub trait Weather: Send {
    /// A parcel that its queue has room for.
    fn passage(&mut self, parcel: &Parcel) -> Passage {
        let _ = parcel;
        Passage::fair()
    }

    /// Whether a node reaches the carrier now.
    fn reaches(&mut self, node: &NodeCode) -> bool {
        let _ = node;
        true
    }

    /// Whether the acknowledgement of a delivery gets lost: it is delivered again.
    fn loses_ack(&mut self, parcel: &Parcel) -> bool {
        let _ = parcel;
        false
    }
}

/// Nothing ever goes wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fair;

impl Weather for Fair {}

/// The carrier between all nodes of a world.
pub struct SimBus {
    state: Mutex<State>,
    wakers: BTreeMap<NodeCode, Arc<Notify>>,
}

struct State {
    now: Millis,
    next_tag: u64,
    lanes: BTreeMap<(NodeCode, Lane), Queue>,
    weather: Box<dyn Weather>,
}

#[derive(Default)]
struct Queue {
    bytes: usize,
    /// In the order of arrival; a tag is never given twice.
    waiting: BTreeMap<(Millis, u64), Delivery>,
    taken: BTreeMap<u64, (Millis, Delivery)>,
}

impl Queue {
    fn is_full(&self, bytes: usize) -> bool {
        let full = self.bytes + bytes > LANE_BYTES_MAX
            || self.waiting.len() + self.taken.len() >= LANE_PARCELS_MAX;
        // One parcel always fits, else one above the limit would wait for ever.
        full && self.bytes > 0
    }
}

impl SimBus {
    /// A carrier for exactly these nodes; parcels for any other are returned.
    pub fn new(nodes: impl IntoIterator<Item = NodeCode>, weather: Box<dyn Weather>) -> Self {
        let wakers = nodes.into_iter().map(|node| (node, Arc::new(Notify::new()))).collect();
        let state = State { now: Millis(0), next_tag: 0, lanes: BTreeMap::new(), weather };
        Self { state: Mutex::new(state), wakers }
    }

    /// Sets the clock: what was late until then has arrived.
    pub fn at(&self, now: Millis) {
        let mut state = self.lock();
        state.now = state.now.max(now);
    }

    /// Another weather from now on.
    pub fn weather(&self, weather: Box<dyn Weather>) {
        self.lock().weather = weather;
    }

    /// When the next parcel arrives that is still on its way.
    pub fn next_arrival(&self) -> Option<Millis> {
        let state = self.lock();
        let first = state.lanes.values().filter_map(|q| q.waiting.keys().next());
        first.map(|(at, _)| *at).filter(|at| *at > state.now).min()
    }

    /// Parcels for a node that are not acknowledged.
    pub fn depth(&self, node: &NodeCode) -> usize {
        let state = self.lock();
        let of_it = state.lanes.iter().filter(|((n, _), _)| n == node);
        of_it.map(|(_, q)| q.waiting.len() + q.taken.len()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish_one(&self, state: &mut State, parcel: &Parcel) -> Confirmation {
        let Some(waker) = self.wakers.get(&parcel.hop) else { return Confirmation::Returned };
        if !state.weather.reaches(&parcel.from) {
            return Confirmation::Unreachable("bus.unreachable");
        }
        let State { now, next_tag, lanes, weather } = state;
        let queue = lanes.entry((parcel.hop.clone(), parcel.lane)).or_default();
        if queue.is_full(parcel.frame.len()) {
            return Confirmation::Nacked("bus.full");
        }
        let passage = weather.passage(parcel);
        for copy in passage.copies {
            *next_tag += 1;
            let frame = copy.frame.unwrap_or_else(|| Arc::clone(&parcel.frame));
            let parcel = Parcel { frame, ..parcel.clone() };
            queue.bytes += parcel.frame.len();
            let delivery = Delivery { tag: *next_tag, parcel, dead: copy.dead };
            queue.waiting.insert((now.plus(copy.late), *next_tag), delivery);
            waker.notify_one();
        }
        passage.said
    }
}

/// The carrier cannot be reached.
fn away<T>() -> Result<T, BusError> {
    Err(BusError::Unavailable("a fault of the weather".into()))
}

impl Bus for SimBus {
    fn publish(&self, parcels: Vec<Parcel>) -> BusFuture<'_, Vec<Confirmation>> {
        let mut state = self.lock();
        let said = parcels.iter().map(|p| self.publish_one(&mut state, p)).collect();
        Box::pin(ready(Ok(said)))
    }

    fn take<'a>(
        &'a self,
        node: &'a NodeCode,
        lane: Lane,
        max: usize,
    ) -> BusFuture<'a, Vec<Delivery>> {
        let mut state = self.lock();
        let now = state.now;
        let Some(queue) = state.lanes.get_mut(&(node.clone(), lane)) else {
            return Box::pin(ready(Ok(Vec::new())));
        };
        let due: Vec<_> = queue.waiting.range(..=(now, u64::MAX)).map(|(k, _)| *k).collect();
        if !due.is_empty() && !state.weather.reaches(node) {
            return Box::pin(ready(away()));
        }
        let queue = state.lanes.entry((node.clone(), lane)).or_default();
        let mut out = Vec::new();
        for key in due.into_iter().take(max) {
            if let Some(delivery) = queue.waiting.remove(&key) {
                queue.taken.insert(delivery.tag, (key.0, delivery.clone()));
                out.push(delivery);
            }
        }
        Box::pin(ready(Ok(out)))
    }

    fn ack<'a>(&'a self, node: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()> {
        let mut state = self.lock();
        let State { lanes, weather, .. } = &mut *state;
        for lane in Lane::ALL {
            let Some(queue) = lanes.get_mut(&(node.clone(), *lane)) else { continue };
            for tag in tags {
                let Some((at, delivery)) = queue.taken.remove(tag) else { continue };
                if weather.loses_ack(&delivery.parcel) {
                    queue.waiting.insert((at, *tag), delivery);
                } else {
                    queue.bytes -= delivery.parcel.frame.len();
                }
            }
        }
        Box::pin(ready(Ok(())))
    }

    fn give_back<'a>(&'a self, node: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()> {
        let mut state = self.lock();
        for lane in Lane::ALL {
            let Some(queue) = state.lanes.get_mut(&(node.clone(), *lane)) else { continue };
            for tag in tags {
                if let Some((at, delivery)) = queue.taken.remove(tag) {
                    queue.waiting.insert((at, *tag), delivery);
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
