//! A carrier that, once asked to, changes one byte of one parcel on its way.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bus::{Bus, BusFuture, Confirmation, Delivery, LocalBus, Parcel};
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
}

/// The carrier between the nodes of the demo.
pub(crate) struct Tamper {
    inner: Arc<LocalBus>,
    plan: Mutex<Plan>,
}

impl Tamper {
    /// Stands before a carrier.
    pub(crate) fn new(inner: Arc<LocalBus>) -> Self {
        Self { inner, plan: Mutex::default() }
    }

    /// The next parcel of records to this node arrives with one byte changed.
    pub(crate) fn arm(&self, hop: &NodeCode) {
        *self.lock() = Plan { armed: Some(hop.clone()), spoilt: None };
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
    let records = envelope::open(&package).ok()?.fragments.len();
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

impl Bus for Tamper {
    fn publish(&self, mut parcels: Vec<Parcel>) -> BusFuture<'_, Vec<Confirmation>> {
        for parcel in &mut parcels {
            self.touch(parcel);
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
}
