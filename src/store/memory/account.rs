//! Accounts beside the books of windows: what links carried, what units brought.

use std::collections::BTreeMap;
use std::sync::Arc;

use canon::{Day, Millis, NodeCode};

use super::MemoryStore;
use super::state::Identity;
use crate::api::StoreFuture;
use crate::api_account::AccountFacts;
use crate::types::*;

impl Identity {
    /// More of some units in a window.
    pub(super) fn put_units<'a>(
        &mut self,
        (side, day, peer): (BookSide, Day, &NodeCode),
        counts: impl Iterator<Item = &'a UnitCount>,
    ) {
        for count in counts {
            let window = Window { side, day, peer: peer.clone() };
            let of = (window, count.unit.clone(), count.region.clone());
            let none = UnitCount {
                unit: count.unit.clone(),
                region: count.region.clone(),
                ..UnitCount::default()
            };
            self.units.entry(of).or_insert(none).merge(count);
        }
    }

    fn hops(&self, day: Day, overdue: Millis) -> Vec<HopCount> {
        let mut links = BTreeMap::<Arc<str>, HopCount>::new();
        let load = |count: u32| Load { parcels: 1, records: u64::from(count) };
        let records = self.out.values().filter(|o| &*o.env.kind == "records");
        for out in records.filter(|o| o.env.numbered_at.day() == day) {
            let at = OnHop::of_own(out.env.state, out.env.hop.is_some());
            links.entry(Arc::clone(&out.env.link)).or_default().add(at, load(out.env.count));
        }
        let records = self.relays.values().filter(|r| &*r.kind == "records");
        for relay in records.filter(|r| r.row.at.day() == day) {
            let at = match relay.row.state.as_str() {
                "due" => OnHop::Due,
                "sent" if relay.row.at < overdue => OnHop::Unknown,
                "sent" => OnHop::Sent,
                _ => OnHop::Receipted,
            };
            links.entry(Arc::clone(&relay.row.link)).or_default().add(at, load(relay.count));
        }
        let named =
            |(link, count): (Arc<str>, HopCount)| HopCount { link: link.to_string(), ..count };
        links.into_iter().map(named).collect()
    }

    fn units_of(&self, side: BookSide, day: Day) -> Vec<UnitRow> {
        let of = self.units.iter().filter(|((w, ..), _)| w.side == side && w.day == day);
        of.map(|((w, ..), count)| UnitRow { peer: w.peer.clone(), count: count.clone() }).collect()
    }
}

impl AccountFacts for MemoryStore {
    fn hops(&self, day: Day, overdue: Millis) -> StoreFuture<'_, Vec<HopCount>> {
        self.tell(move |s| s.hops(day, overdue))
    }

    fn units(&self, side: BookSide, day: Day) -> StoreFuture<'_, Vec<UnitRow>> {
        self.tell(move |s| s.units_of(side, day))
    }
}
