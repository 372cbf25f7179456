//! The local carrier under a test's control: it loses, doubles, holds and changes parcels by rule,
//! and remembers everything that was published.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bus::{Bus, BusFuture, Confirmation, Delivery, LocalBus, Parcel};
use canon::{EnvelopeId, Lane, NodeCode};

/// Another frame in place of a parcel's own.
pub type Change = Arc<dyn Fn(&Parcel) -> Vec<u8> + Send + Sync>;

/// What happens to a parcel.
#[derive(Clone)]
pub enum Trick {
    /// Confirmed, and gone.
    Lose,
    /// Delivered, but nobody says so.
    Unconfirmed,
    /// Delivered twice.
    Double,
    /// Confirmed, and kept back until [`Carrier::release`].
    Hold,
    /// Delivered with other bytes.
    Change(Change),
    /// Given up by the carrier and laid aside.
    Dead,
}

/// Which parcels, how often, and what happens to them.
#[derive(Clone)]
pub struct Rule {
    kind: &'static str,
    from: Option<&'static str>,
    hop: Option<&'static str>,
    left: u32,
    trick: Trick,
}

impl Rule {
    /// The next parcel of this kind.
    pub fn next(kind: &'static str, trick: Trick) -> Self {
        Self { kind, from: None, hop: None, left: 1, trick }
    }

    /// Every parcel of this kind, if there are any.
    pub fn every(kind: &'static str, trick: Trick) -> Self {
        Self { kind, from: None, hop: None, left: u32::MAX, trick }
    }

    /// Only from this hop.
    #[must_use]
    pub fn from(self, hop: &'static str) -> Self {
        Self { from: Some(hop), ..self }
    }

    /// Only to this hop.
    #[must_use]
    pub fn to(self, hop: &'static str) -> Self {
        Self { hop: Some(hop), ..self }
    }

    /// So often.
    #[must_use]
    pub fn times(self, left: u32) -> Self {
        Self { left, ..self }
    }

    fn fits(&self, parcel: &Parcel) -> bool {
        self.left > 0
            && self.kind == &*parcel.kind
            && self.from.is_none_or(|f| f == parcel.from.as_str())
            && self.hop.is_none_or(|h| h == parcel.hop.as_str())
    }
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    held: Vec<Parcel>,
    log: Vec<Parcel>,
    dead: Vec<(NodeCode, EnvelopeId)>,
}

/// The carrier.
pub struct Carrier {
    nodes: Vec<NodeCode>,
    local: Mutex<Arc<LocalBus>>,
    state: Mutex<State>,
}

impl Carrier {
    /// A carrier between exactly these nodes.
    pub fn new(nodes: Vec<NodeCode>) -> Self {
        let local = Mutex::new(Arc::new(LocalBus::new(nodes.iter().cloned())));
        Self { nodes, local, state: Mutex::default() }
    }

    /// Does something to parcels to come.
    pub fn rule(&self, rule: Rule) {
        self.state().rules.push(rule);
    }

    /// Rules that never met their parcel: the test did not test what it says.
    pub fn unspent(&self) -> usize {
        // A rule for every parcel is for as many as there are.
        let many = u32::MAX / 2;
        self.state().rules.iter().filter(|r| r.left > 0 && r.left < many).count()
    }

    /// Forgets every rule.
    pub fn no_rules(&self) {
        self.state().rules.clear();
    }

    /// Delivers what was held, the last first.
    pub async fn release(&self) -> usize {
        let held: Vec<Parcel> = self.state().held.drain(..).rev().collect();
        let count = held.len();
        self.local().publish(held).await.expect("the local carrier never fails");
        count
    }

    /// Everything published so far, in order, of this kind and from this hop.
    pub fn published(&self, kind: &str, from: &str) -> Vec<Parcel> {
        let log = &self.state().log;
        log.iter().filter(|p| &*p.kind == kind && p.from.as_str() == from).cloned().collect()
    }

    /// Puts a parcel on the carrier beside every rule.
    pub async fn inject(&self, parcel: Parcel) {
        let said = self.local().publish(vec![parcel]).await.expect("never fails");
        assert_eq!(said, [Confirmation::Confirmed]);
    }

    /// Cuts a node off, or joins it again.
    pub fn cut(&self, node: &NodeCode, off: bool) {
        self.local().cut(node, off);
    }

    /// The process died: whatever was in the carrier is gone.
    pub fn die(&self) {
        let fresh = Arc::new(LocalBus::new(self.nodes.iter().cloned()));
        *self.local.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        self.state().held.clear();
    }

    fn local(&self) -> Arc<LocalBus> {
        Arc::clone(&self.local.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The parcels that really go out for one published, and whether the sender hears of it.
    fn treat(&self, parcel: Parcel) -> (Vec<Parcel>, bool) {
        let mut state = self.state();
        state.log.push(parcel.clone());
        let Some(rule) = state.rules.iter_mut().find(|r| r.fits(&parcel)) else {
            return (vec![parcel], true);
        };
        rule.left -= 1;
        match rule.trick.clone() {
            Trick::Lose => (Vec::new(), true),
            Trick::Unconfirmed => (vec![parcel], false),
            Trick::Double => (vec![parcel.clone(), parcel], true),
            Trick::Hold => {
                state.held.push(parcel);
                (Vec::new(), true)
            }
            Trick::Dead => {
                state.dead.push((parcel.hop.clone(), parcel.id.clone()));
                (vec![parcel], true)
            }
            Trick::Change(change) => {
                let frame = change(&parcel).into();
                (vec![Parcel { frame, ..parcel }], true)
            }
        }
    }

    async fn publish_all(&self, parcels: Vec<Parcel>) -> Result<Vec<Confirmation>, bus::BusError> {
        let mut said = Vec::with_capacity(parcels.len());
        for parcel in parcels {
            let (out, heard) = self.treat(parcel);
            let confirmed = self.local().publish(out).await?;
            said.push(match confirmed.into_iter().find(|c| *c != Confirmation::Confirmed) {
                Some(not) => not,
                None if heard => Confirmation::Confirmed,
                None => Confirmation::Unreachable("bus.unconfirmed"),
            });
        }
        Ok(said)
    }
}

impl Bus for Carrier {
    fn publish(&self, parcels: Vec<Parcel>) -> BusFuture<'_, Vec<Confirmation>> {
        Box::pin(self.publish_all(parcels))
    }

    fn take<'a>(
        &'a self,
        node: &'a NodeCode,
        lane: Lane,
        max: usize,
    ) -> BusFuture<'a, Vec<Delivery>> {
        Box::pin(async move {
            let mut taken = self.local().take(node, lane, max).await?;
            let dead = &mut self.state().dead;
            for delivery in &mut taken {
                let at = dead.iter().position(|(hop, id)| hop == node && *id == delivery.parcel.id);
                delivery.dead = at.map(|at| dead.swap_remove(at)).is_some();
            }
            Ok(taken)
        })
    }

    fn ack<'a>(&'a self, node: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()> {
        Box::pin(async move { self.local().ack(node, tags).await })
    }

    fn give_back<'a>(&'a self, node: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()> {
        Box::pin(async move { self.local().give_back(node, tags).await })
    }

    fn arrival<'a>(&'a self, _: &'a NodeCode) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        // The world's turns never wait.
        Box::pin(std::future::ready(()))
    }
}
