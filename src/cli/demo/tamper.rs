//! What the story does to its nodes, once asked to: a carrier that changes one byte of one parcel on its
//! way, that loses and doubles, that is cut; a store that loses a record it has answered.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bus::{Bus, BusFuture, Confirmation, Delivery, Health, Parcel, Trouble};
use canon::{EnvelopeId, Lane, NodeCode};
use store::guarded::{Guarded, Hook, When};
use store::{Judged, SharedStore};

use super::tiers::Tier;
use crate::assemble::Between;

/// Largest package that is opened here, bytes.
const PACKAGE_BYTES_MAX: usize = 64 << 20;
/// The head's field of which a digit is changed.
const FIELD: &[u8] = b"<SealedAt>";

/// Where a byte is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Within {
    /// In the signed head.
    Head,
    /// In a record; in the head, where the body is closed.
    Record,
}

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
    /// Whether it is in a record.
    pub(crate) within: Within,
}

#[derive(Debug, Default)]
struct Plan {
    /// The hop whose next parcel of records is changed, and where.
    armed: Option<(NodeCode, Within)>,
    spoilt: Option<Spoilt>,
    /// The node that is cut off.
    cut: Option<NodeCode>,
    /// While parcels are lost and doubled: what the next chance is drawn from.
    robbing: Option<u64>,
    /// How many were lost, and doubled.
    robbed: (u64, u64),
    /// The province loses a record of the next envelope that it judges.
    losing: bool,
    /// What it lost: sender, and the record.
    lost: Option<(NodeCode, String)>,
}

/// What chance does to a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chance {
    Arrives,
    Lost,
    Doubled,
}

/// One of so many parcels is lost.
const LOST_OF: u64 = 24;
/// One of so many arrives twice.
const DOUBLED_OF: u64 = 12;

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
    /// The province's store loses a record of the next envelope that it judges: its receipt says
    /// `accepted`, and the record is gone.
    pub(crate) fn lose(&self) {
        self.lock().losing = true;
    }

    /// What it lost since [`Tamper::lose`]: whose, and which; it loses nothing more.
    pub(crate) fn lost(&self) -> Option<(NodeCode, String)> {
        let mut plan = self.lock();
        plan.losing = false;
        plan.lost.clone()
    }

    /// Nothing is handed over to this node or by it until [`Tamper::join`].
    pub(crate) fn cut(&self, node: &NodeCode) {
        self.lock().cut = Some(node.clone());
    }

    /// Nobody is cut off any more.
    pub(crate) fn join(&self) {
        self.lock().cut = None;
    }

    /// Parcels are lost and doubled by chance, until [`Tamper::leave`].
    pub(crate) fn rob(&self, seed: u64) {
        self.lock().robbing = Some(seed | 1);
    }

    /// Every parcel arrives once again.
    pub(crate) fn leave(&self) {
        self.lock().robbing = None;
    }

    /// How many parcels were lost, and how many came twice.
    pub(crate) fn robbed(&self) -> (u64, u64) {
        self.lock().robbed
    }

    fn chance(&self) -> Chance {
        let mut plan = self.lock();
        let Some(state) = &mut plan.robbing else { return Chance::Arrives };
        // xorshift64: the same seed makes the same choices.
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        let drawn = *state >> 16;
        if drawn.is_multiple_of(LOST_OF) {
            plan.robbed.0 += 1;
            Chance::Lost
        } else if drawn.is_multiple_of(DOUBLED_OF) {
            plan.robbed.1 += 1;
            Chance::Doubled
        } else {
            Chance::Arrives
        }
    }

    fn cuts(&self, parcels: &[Parcel]) -> bool {
        let cut = self.lock().cut.clone();
        parcels.iter().any(|p| cut.as_ref().is_some_and(|c| *c == p.hop || *c == p.from))
    }

    /// The next parcel of records to this node arrives with one byte changed.
    pub(crate) fn arm(&self, hop: &NodeCode, within: Within) {
        let mut plan = self.lock();
        (plan.armed, plan.spoilt) = (Some((hop.clone(), within)), None);
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
        let armed = plan.armed.as_ref().filter(|(hop, _)| *hop == parcel.hop);
        let Some((_, within)) = armed.filter(|_| &*parcel.kind == "records") else { return };
        let Some((spoilt, frame)) = spoil(parcel, *within) else { return };
        parcel.frame = frame.into();
        plan.armed = None;
        plan.spoilt = Some(spoilt);
    }
}

/// The frame with another last digit of the sealing time, or of a record's last number: bytes that
/// were never signed.
fn spoil(parcel: &Parcel, within: Within) -> Option<(Spoilt, Vec<u8>)> {
    let mut package = envelope::open_frame(&parcel.frame, PACKAGE_BYTES_MAX).ok()?;
    let opened = envelope::open(&package).ok()?;
    let records = opened.head.count();
    let first = opened.ranges().next().filter(|_| within == Within::Record);
    let in_record = first.and_then(|range| {
        let fragment = package.get(range.clone())?;
        let digit = |w: &[u8]| w[0].is_ascii_digit() && w[1] == b'<';
        Some(range.start + fragment.windows(2).rposition(digit)?)
    });
    let at = match in_record {
        Some(at) => at,
        None => {
            let text = package.windows(FIELD.len()).position(|w| w == FIELD)? + FIELD.len();
            text + package.get(text..)?.iter().position(|b| *b == b'<')? - 1
        }
    };
    let within = if in_record.is_some() { Within::Record } else { Within::Head };
    let before = *package.get(at)?;
    let after = if before == b'0' { b'1' } else { before - 1 };
    *package.get_mut(at)? = after;
    let (before, after) = (char::from(before), char::from(after));
    let spoilt = Spoilt { id: parcel.id.clone(), at, before, after, records, within };
    Some((spoilt, envelope::frame(&package, 1)))
}

impl Between for Tamper {
    fn carrier(&self, carrier: Arc<dyn Bus>) -> Arc<dyn Bus> {
        Arc::new(Tampered { inner: carrier, tamper: self.clone() })
    }

    fn store(&self, node: &NodeCode, store: SharedStore) -> SharedStore {
        if *node == Tier::Province.code() { Guarded::over(store, self.clone()) } else { store }
    }
}

impl Hook for Tamper {
    fn strike(&self, _: &'static str) -> Option<When> {
        None
    }

    fn harmed(&self, mut judged: Judged) -> Judged {
        let mut plan = self.lock();
        // The last one: nothing of this envelope stands on it.
        if plan.losing
            && let Some(last) = judged.kept.len().checked_sub(1)
        {
            let lost = judged.lose(last).map(|k| (judged.id.sender.clone(), k.id.to_string()));
            (plan.losing, plan.lost) = (false, lost);
        }
        judged
    }
}

impl Tampered {
    /// What is lost is confirmed all the same: nobody who sends it can tell.
    async fn robbed(
        &self,
        parcels: Vec<Parcel>,
        chances: Vec<Chance>,
    ) -> Result<Vec<Confirmation>, bus::BusError> {
        let mut said = Vec::with_capacity(parcels.len());
        for (parcel, chance) in parcels.into_iter().zip(chances) {
            if chance == Chance::Doubled {
                self.inner.publish(vec![parcel.clone()]).await?;
            }
            said.extend(match chance {
                Chance::Lost => vec![Confirmation::Confirmed],
                Chance::Arrives | Chance::Doubled => self.inner.publish(vec![parcel]).await?,
            });
        }
        Ok(said)
    }
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
        let chances: Vec<Chance> = parcels.iter().map(|_| self.tamper.chance()).collect();
        if chances.iter().all(|c| *c == Chance::Arrives) {
            return self.inner.publish(parcels);
        }
        Box::pin(self.robbed(parcels, chances))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_loses_and_doubles_a_few_and_the_same_ones_for_the_same_seed() {
        let drawn = |seed| {
            let tamper = Tamper::default();
            tamper.rob(seed);
            let all: Vec<Chance> = (0..2_400).map(|_| tamper.chance()).collect();
            (all, tamper.robbed())
        };
        let (all, (lost, doubled)) = drawn(7);
        assert_eq!(drawn(7).0, all);
        assert!((50..200).contains(&lost) && (50..300).contains(&doubled), "{lost}, {doubled}");
        let tamper = Tamper::default();
        assert_eq!(tamper.chance(), Chance::Arrives, "nobody asked for it");
    }
}
