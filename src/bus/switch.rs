//! Several carriers behind one face: a node speaks to its parent's broker, to its own and to a
//! gate, and its workers see one [`Bus`].
//!
//! Which carrier takes a parcel is decided by its hop alone. Deliveries are taken from the carriers
//! in turn, so that none starves another, and a delivery's tag names its carrier.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use canon::{Lane, NodeCode};

use crate::{Bus, BusError, BusFuture, Confirmation, Delivery, Health, Parcel, Trouble};

/// Most carriers of one node.
pub const CARRIERS_MAX: usize = 16;

/// The carriers of one node.
pub struct Switch {
    carriers: Vec<Arc<dyn Bus>>,
    ways: BTreeMap<NodeCode, usize>,
    /// Where the next taking begins.
    next: AtomicUsize,
}

impl Switch {
    /// No carriers yet.
    pub fn new() -> Self {
        Self { carriers: Vec::new(), ways: BTreeMap::new(), next: AtomicUsize::new(0) }
    }

    /// Adds a carrier and the hops it reaches. A hop belongs to the last carrier that names it.
    ///
    /// # Panics
    /// With more than [`CARRIERS_MAX`] carriers; the configuration allows fewer.
    pub fn add(&mut self, carrier: Arc<dyn Bus>, hops: impl IntoIterator<Item = NodeCode>) {
        assert!(self.carriers.len() < CARRIERS_MAX, "a node has at most {CARRIERS_MAX} carriers");
        let at = self.carriers.len();
        self.carriers.push(carrier);
        self.ways.extend(hops.into_iter().map(|hop| (hop, at)));
    }

    /// The only carrier, where there is just one, so that nothing stands in its way; else the
    /// switch.
    pub fn into_bus(mut self) -> Arc<dyn Bus> {
        match (self.carriers.pop(), self.carriers.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                self.carriers.extend(last);
                Arc::new(self)
            }
        }
    }

    /// The tags of one carrier out of those of all.
    fn tags_of(tags: &[u64], carrier: usize) -> Vec<u64> {
        let of = |tag: &&u64| **tag % CARRIERS_MAX as u64 == carrier as u64;
        tags.iter().filter(of).map(|tag| tag / CARRIERS_MAX as u64).collect()
    }

    async fn publish_all(&self, parcels: Vec<Parcel>) -> Result<Vec<Confirmation>, BusError> {
        // What no carrier reaches is returned, as by a carrier without such a queue.
        let mut said = vec![Confirmation::Returned; parcels.len()];
        let mut parts: BTreeMap<usize, (Vec<usize>, Vec<Parcel>)> = BTreeMap::new();
        for (at, parcel) in parcels.into_iter().enumerate() {
            if let Some(carrier) = self.ways.get(&parcel.hop) {
                let (places, part) = parts.entry(*carrier).or_default();
                places.push(at);
                part.push(parcel);
            }
        }
        // One turn of dispatch is for one link, so there is one part as a rule.
        for (carrier, (places, part)) in parts {
            let part = self.carriers[carrier].publish(part).await?;
            for (at, word) in places.into_iter().zip(part) {
                said[at] = word;
            }
        }
        Ok(said)
    }

    async fn take_in_turn(
        &self,
        node: &NodeCode,
        lane: Lane,
        max: usize,
    ) -> Result<Vec<Delivery>, BusError> {
        let count = self.carriers.len();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut out = Vec::new();
        let mut failed = None;
        for turn in 0..count {
            let at = first.wrapping_add(turn) % count;
            if out.len() >= max {
                break;
            }
            match self.carriers[at].take(node, lane, max - out.len()).await {
                Ok(taken) => out.extend(
                    taken
                        .into_iter()
                        .map(|d| Delivery { tag: d.tag * CARRIERS_MAX as u64 + at as u64, ..d }),
                ),
                // What another carrier brought is not held up by one that fails.
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) if out.is_empty() => Err(error),
            _ => Ok(out),
        }
    }

    async fn each(&self, node: &NodeCode, tags: &[u64], ack: bool) -> Result<(), BusError> {
        let mut result = Ok(());
        for (at, carrier) in self.carriers.iter().enumerate() {
            let own = Self::tags_of(tags, at);
            if own.is_empty() {
                continue;
            }
            let done = match ack {
                true => carrier.ack(node, &own).await,
                false => carrier.give_back(node, &own).await,
            };
            // Every carrier hears of its own, whatever another says.
            result = result.and(done);
        }
        result
    }
}

impl Default for Switch {
    fn default() -> Self {
        Self::new()
    }
}

impl Bus for Switch {
    fn publish(&self, parcels: Vec<Parcel>) -> BusFuture<'_, Vec<Confirmation>> {
        Box::pin(self.publish_all(parcels))
    }

    fn take<'a>(
        &'a self,
        node: &'a NodeCode,
        lane: Lane,
        max: usize,
    ) -> BusFuture<'a, Vec<Delivery>> {
        Box::pin(self.take_in_turn(node, lane, max))
    }

    fn ack<'a>(&'a self, node: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()> {
        Box::pin(self.each(node, tags, true))
    }

    fn give_back<'a>(&'a self, node: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()> {
        Box::pin(self.each(node, tags, false))
    }

    fn arrival<'a>(&'a self, node: &'a NodeCode) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        let mut waits: Vec<_> = self.carriers.iter().map(|c| c.arrival(node)).collect();
        if waits.is_empty() {
            return Box::pin(std::future::pending());
        }
        // The first one that wakes; the others are dropped, and a wake-up that was theirs is kept
        // by their carrier (a permit), as with any waiting that is given up.
        Box::pin(std::future::poll_fn(move |cx| {
            let woken = waits.iter_mut().any(|wait| wait.as_mut().poll(cx).is_ready());
            if woken { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        }))
    }

    fn troubles(&self, node: &NodeCode) -> Vec<Trouble> {
        self.carriers.iter().flat_map(|carrier| carrier.troubles(node)).collect()
    }

    fn open(&self, node: &NodeCode) -> usize {
        self.carriers.iter().map(|carrier| carrier.open(node)).sum()
    }

    fn health(&self) -> Vec<Health> {
        self.carriers.iter().flat_map(|carrier| carrier.health()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::LocalBus;
    use crate::contract::{node, parcel};

    fn two() -> (Switch, Arc<LocalBus>, Arc<LocalBus>) {
        let up = Arc::new(LocalBus::new([node("a"), node("b")]));
        let down = Arc::new(LocalBus::new([node("a"), node("c")]));
        let mut switch = Switch::new();
        switch.add(Arc::clone(&up) as Arc<dyn Bus>, [node("b")]);
        switch.add(Arc::clone(&down) as Arc<dyn Bus>, [node("c")]);
        (switch, up, down)
    }

    #[tokio::test]
    async fn every_parcel_goes_by_the_carrier_of_its_hop_and_says_so_in_its_place() {
        let (switch, up, down) = two();
        down.cut(&node("c"), true);
        let said = switch
            .publish(vec![
                parcel("c", Lane::Live, 1),
                parcel("b", Lane::Live, 2),
                parcel("nowhere", Lane::Live, 3),
            ])
            .await
            .unwrap();
        assert_eq!(
            said,
            [
                Confirmation::Unreachable("bus.unreachable"),
                Confirmation::Confirmed,
                Confirmation::Returned
            ]
        );
        assert_eq!((up.depth(&node("b")), down.depth(&node("c"))), (1, 0));
    }

    #[tokio::test]
    async fn deliveries_are_taken_in_turn_and_acknowledged_where_they_came_from() {
        let (switch, up, down) = two();
        for n in 1..=4 {
            up.publish(vec![parcel("a", Lane::Live, n)]).await.unwrap();
            down.publish(vec![parcel("a", Lane::Live, n + 10)]).await.unwrap();
        }
        let a = node("a");
        let first = switch.take(&a, Lane::Live, 2).await.unwrap();
        let second = switch.take(&a, Lane::Live, 2).await.unwrap();
        let sequences = |d: &[Delivery]| d.iter().map(|d| d.parcel.id.sequence).collect::<Vec<_>>();
        assert_eq!((sequences(&first), sequences(&second)), (vec![1, 2], vec![11, 12]));
        let tags = [first[0].tag, second[0].tag];
        switch.ack(&a, &tags).await.unwrap();
        switch.give_back(&a, &[first[1].tag, second[1].tag]).await.unwrap();
        assert_eq!((up.depth(&a), down.depth(&a)), (3, 3));
        let rest = switch.take(&a, Lane::Live, 10).await.unwrap();
        let mut rest = sequences(&rest);
        rest.sort_unstable();
        assert_eq!(rest, [2, 3, 4, 12, 13, 14]);
    }

    #[tokio::test]
    async fn an_arrival_on_any_carrier_wakes() {
        let (switch, _up, down) = two();
        let a = node("a");
        // A fresh notifier has no permit, so nothing wakes before something came.
        let idle = tokio::time::timeout(Duration::from_millis(20), switch.arrival(&a)).await;
        assert!(idle.is_err());
        down.publish(vec![parcel("a", Lane::Live, 1)]).await.unwrap();
        tokio::time::timeout(Duration::from_secs(5), switch.arrival(&a)).await.unwrap();
    }

    #[test]
    fn a_single_carrier_stands_for_itself() {
        let only: Arc<dyn Bus> = Arc::new(LocalBus::new([node("a")]));
        let mut switch = Switch::new();
        switch.add(Arc::clone(&only), [node("a")]);
        assert!(Arc::ptr_eq(&switch.into_bus(), &only));
    }
}
