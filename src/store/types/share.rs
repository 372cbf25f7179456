//! How the instances of one node share its work: slots, and leases that cover some of them.

use std::borrow::Cow;

use canon::{Lane, Millis, NodeCode, Route};

/// How many slots a piece of work that can be shared has.
pub const SLOTS: u8 = 16;

/// A set of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slots(u16);

impl Slots {
    /// All of them: the work is not shared.
    pub const ALL: Self = Self(u16::MAX);

    /// None of them.
    pub const NONE: Self = Self(0);

    /// With this one too.
    #[must_use]
    pub const fn with(self, slot: u8) -> Self {
        Self(self.0 | 1 << (slot % SLOTS))
    }

    /// Whether a slot is among them.
    pub const fn has(self, slot: u8) -> bool {
        self.0 & (1 << (slot % SLOTS)) != 0
    }

    /// Each of them, lowest first.
    pub fn each(self) -> impl Iterator<Item = u8> {
        (0..SLOTS).filter(move |slot| self.has(*slot))
    }
}

/// FNV-1a, written out because the number stands in stores: it must never change.
fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

const fn slot(hash: u64) -> u8 {
    ((hash ^ (hash >> 32)) % SLOTS as u64) as u8
}

/// The slot of what comes from a node: all of one sender is one worker's, in order.
pub fn slot_of_sender(sender: &NodeCode) -> u8 {
    slot(hash(sender.as_str().bytes()))
}

/// The slot of what is sealed for a destination in a lane: one worker numbers a route.
pub fn slot_of_lane(destination: &NodeCode, lane: Lane) -> u8 {
    let lane = match lane {
        Lane::Control => b'c',
        Lane::Live => b'l',
        Lane::Bulk => b'b',
    };
    slot(hash(destination.as_str().bytes().chain([b'/', lane])))
}

/// The slot of a route.
pub fn slot_of_route(route: &Route) -> u8 {
    slot_of_lane(&route.destination, route.lane)
}

/// The right to act, with a token that rises with every takeover. Every commit made under a lease
/// names it, and the store refuses an old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What is held, such as `seal` or `collect/county_approval`.
    pub name: String,
    /// Rises with every takeover.
    pub token: u64,
    /// The slots of it that are held, each with a token of its own; none: the whole of it, under
    /// `token`.
    pub slots: Vec<SlotLease>,
}

/// One slot of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotLease {
    /// Which.
    pub slot: u8,
    /// Rises with every takeover.
    pub token: u64,
}

impl Lease {
    /// A lease on the whole of something.
    pub fn whole(name: &str, token: u64) -> Self {
        Self { name: name.to_owned(), token, slots: Vec::new() }
    }

    /// The name under which a store keeps a slot's lease.
    pub fn slot_name(name: &str, slot: u8) -> String {
        format!("{name}/{slot}")
    }

    /// The slots it covers.
    pub fn covers(&self) -> Slots {
        if self.slots.is_empty() {
            return Slots::ALL;
        }
        self.slots.iter().fold(Slots::NONE, |all, one| all.with(one.slot))
    }

    /// The same right narrowed to one slot, so that the loss of another one does not matter.
    #[must_use]
    pub fn only(&self, slot: u8) -> Self {
        let slots = self.slots.iter().filter(|s| s.slot == slot).copied().collect::<Vec<_>>();
        if slots.is_empty() { self.clone() } else { Self { slots, ..self.clone() } }
    }

    /// Names and tokens as a store keeps them; all must be good.
    pub fn rows(&self) -> impl Iterator<Item = (Cow<'_, str>, u64)> {
        let whole =
            self.slots.is_empty().then_some((Cow::Borrowed(self.name.as_str()), self.token));
        let each = |one: &SlotLease| (Cow::Owned(Self::slot_name(&self.name, one.slot)), one.token);
        whole.into_iter().chain(self.slots.iter().map(each))
    }
}

/// A lease as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRow {
    /// What is held.
    pub name: String,
    /// Who holds it.
    pub holder: String,
    /// Its token.
    pub token: u64,
    /// Until when, if it is not renewed.
    pub until: Millis,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_stand_in_stores_and_never_change() {
        let code = |c: &str| NodeCode::new(c).unwrap();
        let slots: Vec<u8> = (1..=6).map(|n| slot_of_sender(&code(&format!("town-{n}")))).collect();
        assert_eq!(slots, [9, 12, 3, 6, 5, 8]);
        assert_eq!(slot_of_lane(&code("province"), Lane::Live), 7);
        assert!((0..SLOTS).all(|s| Slots::ALL.has(s)) && Slots::NONE.each().next().is_none());
    }

    #[test]
    fn a_lease_on_slots_is_good_if_each_of_them_is() {
        let slots = vec![SlotLease { slot: 3, token: 7 }, SlotLease { slot: 9, token: 1 }];
        let lease = Lease { name: "accept".into(), token: 0, slots };
        let rows: Vec<_> = lease.rows().map(|(n, t)| (n.into_owned(), t)).collect();
        assert_eq!(rows, [("accept/3".to_owned(), 7), ("accept/9".to_owned(), 1)]);
        assert_eq!(lease.covers(), Slots::NONE.with(3).with(9));
        assert_eq!(lease.only(9).rows().count(), 1);
        assert_eq!(Lease::whole("seal", 2).only(5).covers(), Slots::ALL);
    }
}
