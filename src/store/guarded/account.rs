//! The part of a guarded store that accounts for links and units.

use canon::{Day, Millis};

use super::{Guarded, Hook};
use crate::*;

impl<H: Hook> AccountFacts for Guarded<H> {
    fn hops(&self, day: Day, overdue: Millis) -> StoreFuture<'_, Vec<HopCount>> {
        self.guarded("hops", move || self.inner.hops(day, overdue))
    }

    fn units(&self, side: BookSide, day: Day) -> StoreFuture<'_, Vec<UnitRow>> {
        self.guarded("units", move || self.inner.units(side, day))
    }
}
