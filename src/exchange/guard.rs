//! The guard of an adapter's tables: a run that sees too much as changed or gone stops for a person, and
//! what the person lets through is remembered by table until nothing of it is left.

use std::ops::Range;

use adapt::Guard;
use canon::Millis;
use serde::{Deserialize, Serialize};
use store::SharedStore;

use crate::error::WorkError;
use crate::standing;

/// How the guard of one table stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stands {
    /// It has stopped the adapter.
    Tripped,
    /// A person has looked: the table's next full pass, or the one under way, is let through.
    LetThrough,
    /// Rows that were last seen before this pass were counted, and some of them are still to be dealt
    /// with: they count no more.
    Counted(u64),
}

/// The passes that saw rows last which are newly gone after this one. Numbers that began anew, as those
/// of a source whose cursor was lost, make everything new.
pub(crate) fn fresh(stands: Option<Stands>, pass: u64) -> Range<u64> {
    match stands {
        Some(Stands::Counted(before)) if before <= pass => before..pass,
        Some(Stands::Counted(_) | Stands::Tripped | Stands::LetThrough) | None => 0..pass,
    }
}

/// Where it stands: `guard/ADAPTER/TABLE`.
fn name_of(adapter: &str, table: u16) -> String {
    format!("{}{table}", prefix(adapter))
}

fn prefix(adapter: &str) -> String {
    format!("guard/{adapter}/")
}

/// How the guard of a table stands; none if there is nothing to remember.
pub(crate) async fn of(
    store: &SharedStore,
    (adapter, table): (&str, u16),
) -> Result<Option<Stands>, WorkError> {
    standing::one(store, &name_of(adapter, table)).await
}

/// Remembers how it stands, where that is another than before.
pub(crate) async fn put(
    store: &SharedStore,
    (adapter, table): (&str, u16),
    stands: Option<Stands>,
    before: Option<Stands>,
    now: Millis,
) -> Result<(), WorkError> {
    let name = name_of(adapter, table);
    match stands {
        _ if stands == before => Ok(()),
        Some(stands) => standing::put(store, &name, &stands, now).await,
        None => Ok(store.stand(&name, None, now).await?),
    }
}

/// Stops the adapter if a table's run sees too much as changed or newly gone. Whether it did.
pub async fn trips(
    store: &SharedStore,
    (adapter, table): (&str, u16),
    guard: Guard,
    (changed, vanished): (u64, u64),
    now: Millis,
) -> Result<bool, WorkError> {
    if !guard.trips(changed, vanished) {
        return Ok(false);
    }
    // The first pass sees everything as new; only a later one can be suspicious. What is gone was
    // there before: a table that is empty the second time is suspicious at once.
    let first = store.adapter(adapter).await?.rows_unchanged == 0;
    let stands = of(store, (adapter, table)).await?;
    if first && vanished == 0 || stands == Some(Stands::LetThrough) {
        return Ok(false);
    }
    // This first: a crash between the two only lets it trip again.
    put(store, (adapter, table), Some(Stands::Tripped), stands, now).await?;
    let reason = format!("adapter.guard: {changed} changed, {vanished} vanished in one run");
    store.pause_adapter(adapter, Some(&reason), now).await?;
    Ok(true)
}

/// A person lets a paused adapter go on; where the guard had stopped it, the table's next full pass is
/// let through. Whether it was paused.
pub async fn resume(store: &SharedStore, adapter: &str, now: Millis) -> Result<bool, WorkError> {
    if store.adapter(adapter).await?.paused.is_none() {
        return Ok(false);
    }
    // This first: a crash between the two leaves it paused.
    for (table, stands) in standing::read::<Stands>(store, &prefix(adapter)).await? {
        if stands == Stands::Tripped {
            let name = format!("{}{table}", prefix(adapter));
            standing::put(store, &name, &Stands::LetThrough, now).await?;
        }
    }
    store.pause_adapter(adapter, None, now).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_not_counted_before_is_newly_gone() {
        assert_eq!(fresh(None, 7), 0..7);
        assert_eq!(fresh(Some(Stands::LetThrough), 7), 0..7);
        assert_eq!(fresh(Some(Stands::Counted(6)), 7), 6..7);
        // A pass whose end a crash took away is counted by the next.
        assert_eq!(fresh(Some(Stands::Counted(5)), 7), 5..7);
        assert_eq!(fresh(Some(Stands::Counted(90)), 2), 0..2);
    }
}
