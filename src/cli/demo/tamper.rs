//! A carrier that, once asked to, changes one byte of one parcel on its way.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bus::{Bus, BusFuture, Confirmation, Delivery, Health, Parcel, Trouble};
use canon::{EnvelopeId, Lane, NodeCode};

/// Largest package that is opened here, bytes.
const PACKAGE_BYTES_MAX: usize = 64 << 20;
/// The head's field of which a digit is changed.
const FIELD: &[u8] = b"<SealedAt>";

/// What was changed.
#[derive(Clone, Debug)]
pub(crate) struct Spoilt {
    /// The envelope.
    pub(crate) id: EnvelopeId,
    /// Where in the package.
    pub(crate) at: usize,
    /// What stood there.
    pub(crate) before: char,
    /// What stands there now.
    pub(crate) after: char,
    /// Records in the envelope.
    pub(crate) records: usize,
}

#[derive(Debug, Default)]
struct Plan {
    /// The hop whose next parcel of records is changed.
    armed: Option<NodeCode>,
    spoilt: Option<Spoilt>,
    /// The node that is cut off.
    cut: Option<NodeCode>,
}

/// What the story does to the carriers between its nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tamper {
    plan: Arc<Mutex<Plan>>,
}

/// A node's carrier with a hand on it.
struct Tampered {
    inner: Arc<dyn Bus>,
    tamper: Tamper,
}

impl Tamper {
    /// Stands before a carrier.
    pub(crate) fn before(&self, inner: Arc<dyn Bus>) -> Arc<dyn Bus> {
        Arc::new(Tampered { inner, tamper: self.clone() })
    }

    /// Nothing is handed over to this node or by it until [`Tamper::join`].
    pub(crate) fn cut(&self, node: &NodeCode) {
        self.lock().cut = Some(node.clone());
    }

    /// Nobody is cut off any more.
    pub(crate) fn join(&self) {
        self.lock().cut = None;
    }

    fn cuts(&self, parcels: &[Parcel]) -> bool {
        let cut = self.lock().cut.clone();
        parcels.iter().any(|p| cut.as_ref().is_some_and(|c| *c == p.hop || *c == p.from))
    }

    /// The next parcel of records to this node arrives with one byte changed.
    pub(crate) fn arm(&self, hop: &NodeCode) {
        let mut plan = self.lock();
        (plan.armed, plan.spoilt) = (Some(hop.clone()), None);
    }

    /// Nothing is changed any more.
    pub(crate) fn disarm(&self) {
        self.lock().armed = None;
    }

    /// What was changed since [`Tamper::arm`].
    pub(crate) fn spoilt(&self) -> Option<Spoilt> {
        self.lock().spoilt.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        // Every change under the lock is complete before anything can panic.
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self, parcel: &mut Parcel) {
        let mut plan = self.lock();
        if plan.armed.as_ref() != Some(&parcel.hop) || &*parcel.kind != "records" {
            return;
        }
        let Some((spoilt, frame)) = spoil(parcel) else { return };
        parcel.frame = frame.into();
        plan.armed = None;
        plan.spoilt = Some(spoilt);
    }
}

/// The frame with another last digit of the sealing time: a head that was never signed.
fn spoil(parcel: &Parcel) -> Option<(Spoilt, Vec<u8>)> {
    let mut package = envelope::open_frame(&parcel.frame, PACKAGE_BYTES_MAX).ok()?;
    let records = envelope::open(&package).ok()?.head.count();
    let field = package.windows(FIELD.len()).position(|w| w == FIELD)?;
    let text = field + FIELD.len();
    let at = text + package.get(text..)?.iter().position(|b| *b == b'<')? - 1;
    let before = *package.get(at)?;
    let after = if before == b'0' { b'1' } else { before - 1 };
    *package.get_mut(at)? = after;
    let (before, after) = (char::from(before), char::from(after));
    let spoilt = Spoilt { id: parcel.id.clone(), at, before, after, records };
    Some((spoilt, envelope::frame(&package, 1)))
}

impl Bus for Tampered {
    fn publish(&self, mut parcels: Vec<Parcel>) -> BusFuture<'_, Vec<Confirmation>> {
        // A turn of dispatch is for one link.
        if self.tamper.cuts(&parcels) {
            let said = vec![Confirmation::Unreachable("bus.unreachable"); parcels.len()];
            return Box::pin(std::future::ready(Ok(said)));
        }
        for parcel in &mut parcels {
            self.tamper.touch(parcel);
        }
        self.inner.publish(parcels)
    }

    fn take<'a>(
        &'a self,
        node: &'a NodeCode,
        lane: Lane,
        max: usize,
    ) -> BusFuture<'a, Vec<Delivery>> {
        self.inner.take(node, lane, max)
    }

    fn ack<'a>(&'a self, node: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()> {
        self.inner.ack(node, tags)
    }

    fn give_back<'a>(&'a self, node: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()> {
        self.inner.give_back(node, tags)
    }

    fn arrival<'a>(&'a self, node: &'a NodeCode) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.inner.arrival(node)
    }

    fn troubles(&self, node: &NodeCode) -> Vec<Trouble> {
        self.inner.troubles(node)
    }

    fn open(&self, node: &NodeCode) -> usize {
        self.inner.open(node)
    }

    fn health(&self) -> Vec<Health> {
        self.inner.health()
    }
}
