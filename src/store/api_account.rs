//! The part of the trait that accounts for what links carried and for what units brought.

use canon::{Day, Millis};

use crate::api::StoreFuture;
use crate::types::*;

/// Accounts beside the books of windows.
pub trait AccountFacts: Send + Sync {
    /// What each link carried of the parcels of records that came to it on a day, in the order of
    /// their names. A parcel passed on before `overdue`, confirmed, and without a word since, is
    /// unknown; of own ones the lifecycle says it.
    fn hops(&self, day: Day, overdue: Millis) -> StoreFuture<'_, Vec<HopCount>>;

    /// What was counted by unit and region in the windows of a day, in the order of peer, unit and
    /// region.
    fn units(&self, side: BookSide, day: Day) -> StoreFuture<'_, Vec<UnitRow>>;
}
