//! What is counted beside the books of windows: what links carried, and what units had to do with it.

use canon::NodeCode;
use serde::Serialize;

use crate::lifecycle::OutState;

/// Parcels of records, and the records in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Load {
    /// Parcels.
    pub parcels: u64,
    /// Records in them.
    pub records: u64,
}

impl Load {
    /// Adds another one.
    pub const fn merge(&mut self, other: Self) {
        self.parcels += other.parcels;
        self.records += other.records;
    }
}

/// Where a parcel of records is on its hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnHop {
    /// Not with the carrier yet.
    Due,
    /// The carrier confirmed it; the next node has not said a word.
    Sent,
    /// The next node has said that it holds it, or its destination has answered it.
    Receipted,
    /// The carrier confirmed it, and it is overdue that anybody says a word.
    Unknown,
    /// Given up.
    Dead,
}

impl OnHop {
    /// Where an own envelope is on its first hop: what it is, and whether a hop has spoken.
    pub(crate) const fn of_own(state: OutState, hop: bool) -> Self {
        match (state, hop) {
            (OutState::Settled | OutState::Declined, _)
            | (OutState::Sent | OutState::Unknown, true) => Self::Receipted,
            (OutState::Sent, false) => Self::Sent,
            (OutState::Unknown, false) => Self::Unknown,
            (OutState::Numbered | OutState::Sealed | OutState::RetryWait, _) => Self::Due,
            (OutState::Dead, _) => Self::Dead,
        }
    }
}

/// What one link carried upwards or downwards of the parcels that came to it on a day, own and passed
/// on: each parcel stands in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HopCount {
    /// Link name.
    pub link: String,
    /// Not with the carrier yet.
    pub due: Load,
    /// Confirmed by the carrier.
    pub sent: Load,
    /// With a hop receipt of the next node, or the destination's receipt.
    pub receipted: Load,
    /// Confirmed, and nothing was heard for too long.
    pub unknown: Load,
    /// Given up.
    pub dead: Load,
}

impl HopCount {
    /// Adds parcels in a place.
    pub const fn add(&mut self, at: OnHop, load: Load) {
        match at {
            OnHop::Due => self.due.merge(load),
            OnHop::Sent => self.sent.merge(load),
            OnHop::Receipted => self.receipted.merge(load),
            OnHop::Unknown => self.unknown.merge(load),
            OnHop::Dead => self.dead.merge(load),
        }
    }

    /// All of them.
    pub fn all(&self) -> Load {
        let mut all = Load::default();
        for load in [self.due, self.sent, self.receipted, self.unknown, self.dead] {
            all.merge(load);
        }
        all
    }
}

/// Record versions of one unit in one region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UnitCount {
    /// Who acted.
    pub unit: String,
    /// Where; empty if nothing says it.
    pub region: String,
    /// Collected here (own books), or answered for good here (received ones); without history.
    pub records: u64,
    /// Of these accepted or superseded (received ones only).
    pub accepted: u64,
    /// Of these held as invalid (own books), or rejected (received ones).
    pub invalid: u64,
    /// Of the accepted ones, those answered after the window had closed.
    pub late: u64,
    /// Records of history, counted nowhere else.
    pub history: u64,
    /// From collection to answer, over the accepted ones, s.
    pub delay: u64,
    /// The longest of these, s.
    pub delay_max: u64,
}

impl UnitCount {
    /// Adds another one's numbers.
    pub fn merge(&mut self, other: &Self) {
        self.records += other.records;
        self.accepted += other.accepted;
        self.invalid += other.invalid;
        self.late += other.late;
        self.history += other.history;
        self.delay += other.delay;
        self.delay_max = self.delay_max.max(other.delay_max);
    }
}

/// A unit's count of a day, with the other node: destination (own books) or sender (received ones).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitRow {
    /// The other node.
    pub peer: NodeCode,
    /// What is counted.
    pub count: UnitCount,
}
