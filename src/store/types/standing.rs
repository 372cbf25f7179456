//! What stands until it is taken back: holds, maintenance, back-fills; and what was reported before
//! the exchange began.

use std::sync::Arc;

use canon::{Day, Digest, Key, Millis, NodeCode, Route};
use serde::Serialize;

/// A small fact that stands under its name until it is replaced or taken back. The store does not
/// read its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Name, such as `maintenance/province-990000`.
    pub name: String,
    /// What it says, as its writer wrote it.
    pub text: String,
    /// Since when.
    pub at: Millis,
}

/// Sequences of a sender that will never come, by its own signed word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeverComing {
    /// Sender.
    pub sender: NodeCode,
    /// Its epoch.
    pub epoch: u32,
    /// Route.
    pub route: Route,
    /// First sequence.
    pub first: u64,
    /// Last sequence.
    pub last: u64,
}

/// A record that was reported before the exchange began (`baseline`): never staged or sent, in no
/// place and no sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselineRow {
    /// Type.
    pub kind: Arc<str>,
    /// Key.
    pub key: Key,
    /// To whom it was reported; none is every destination.
    pub destination: Option<NodeCode>,
    /// The version it counts as; changed content goes up as the next one.
    pub version: u32,
    /// Content digest, once it is known: given at import, or taken from the first read of the row.
    pub content: Option<Digest>,
    /// When it was reported, if the list said so.
    pub reported: Option<Day>,
    /// The day it was marked here: counts in that day's books.
    pub day: Day,
}

/// How many records of a type were marked on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BaselineCount {
    /// Type.
    pub kind: String,
    /// To whom they were reported; none is every destination.
    pub destination: Option<NodeCode>,
    /// Day of the mark.
    pub day: Day,
    /// Records.
    pub count: u64,
}
