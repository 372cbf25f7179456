//! Numbers as columns, and what they stand for.

use canon::Lane;

use crate::error::StoreError;
use crate::lifecycle::OutState;
use crate::types::Place;

/// Refuses a statement that changed another number of rows than its fact says.
pub(crate) fn changed(what: &'static str, expected: u64, actual: u64) -> Result<(), StoreError> {
    if expected == actual {
        Ok(())
    } else {
        Err(StoreError::RowsAffected { what, expected, actual })
    }
}

/// A number that must fit; stored numbers that do not are damage.
pub(crate) fn fit<T: TryFrom<i64>>(n: i64) -> Result<T, StoreError> {
    T::try_from(n).map_err(|_| StoreError::Damaged(format!("{n} is out of its range")))
}

/// An unsigned number as a column.
pub(crate) fn big(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A count as a column.
pub(crate) fn len(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A JSON list of values.
pub(crate) fn json<T: serde::Serialize>(values: &[T]) -> Result<String, StoreError> {
    serde_json::to_string(values).map_err(|e| StoreError::Damaged(e.to_string()))
}

/// A place from its column.
pub(crate) fn place(n: i64) -> Result<Place, StoreError> {
    let at: usize = fit(n)?;
    let place = Place::ALL.get(at).copied();
    place.ok_or_else(|| StoreError::Damaged(format!("place {n}")))
}

/// A lane as a column.
pub(crate) const fn lane_column(lane: Lane) -> i64 {
    match lane {
        Lane::Control => 0,
        Lane::Live => 1,
        Lane::Bulk => 2,
    }
}

/// A state from its column.
pub(crate) fn state(n: i64) -> Result<OutState, StoreError> {
    let at = OutState::ALL.into_iter().find(|s| state_column(*s) == n);
    at.ok_or_else(|| StoreError::Damaged(format!("envelope state {n}")))
}

/// The state of an own envelope as a column: what is open is below 6.
pub(crate) const fn state_column(state: OutState) -> i64 {
    match state {
        OutState::Numbered => 0,
        OutState::Sealed => 1,
        OutState::Sent => 2,
        OutState::RetryWait => 3,
        OutState::Unknown => 4,
        OutState::Dead => 5,
        OutState::Settled => 6,
        OutState::Declined => 7,
    }
}

/// Where the records of an envelope are, unless its receipt made an exception.
pub(crate) const fn envelope_place(state: OutState) -> Place {
    match state {
        OutState::Numbered
        | OutState::Sealed
        | OutState::Sent
        | OutState::RetryWait
        | OutState::Unknown => Place::InFlight,
        OutState::Settled => Place::Accepted,
        OutState::Declined => Place::Rejected,
        OutState::Dead => Place::Dead,
    }
}
