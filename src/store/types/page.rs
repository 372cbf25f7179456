//! What people's pages ask for: bounded lists, newest first, and where they go on.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use canon::{Day, EnvelopeId, Millis, NodeCode, RecordId};

use super::{OutEnvelope, Place};
use crate::lifecycle::OutState;

/// Most rows of one page.
pub const PAGE_ROWS_MAX: u32 = 200;
/// Most entries of chunks that one page of records reads.
pub const ENTRIES_READ_MAX: u32 = 20_000;
/// Most records whose place one page of records looks up.
pub const PLACES_LOOKED_MAX: u32 = 2_000;

/// Where a list stands: what comes next is before this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// When.
    pub at: Millis,
    /// The store's number of that time.
    pub number: i64,
    /// The place within that number.
    pub idx: u32,
}

impl Mark {
    /// Before everything of this time and later.
    pub const fn before(at: Millis) -> Self {
        Self { at, number: i64::MIN, idx: 0 }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.at.0, self.number, self.idx)
    }
}

impl FromStr for Mark {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or(());
        let at = Millis(next()?.parse().map_err(drop)?);
        let number = next()?.parse().map_err(drop)?;
        let idx = next()?.parse().map_err(drop)?;
        if parts.next().is_some() { Err(()) } else { Ok(Self { at, number, idx }) }
    }
}

/// Problems of one cause in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemGroup {
    /// Adapter, empty for a parcel.
    pub adapter: String,
    /// Class, as in [`super::ProblemItem`].
    pub class: String,
    /// Rule of the first violation.
    pub rule: String,
    /// State.
    pub state: String,
    /// How many.
    pub count: u64,
    /// The first of them.
    pub first: Millis,
    /// The last of them.
    pub last: Millis,
    /// The highest number among them.
    pub number: i64,
}

/// Which problems to count.
#[derive(Clone, Debug, Default)]
pub struct GroupFilter {
    /// Only this state.
    pub state: Option<String>,
    /// Only this adapter.
    pub adapter: Option<String>,
}

/// Which own records envelopes to list.
#[derive(Clone, Debug)]
pub struct EnvelopeFilter {
    /// Only in these states; none is any.
    pub states: Vec<OutState>,
    /// Only over this link.
    pub link: Option<String>,
    /// Only to this destination.
    pub destination: Option<NodeCode>,
    /// Only with this reason.
    pub reason: Option<String>,
    /// Numbered then or later.
    pub from: Millis,
    /// Before this mark.
    pub before: Mark,
    /// At most this many, and [`PAGE_ROWS_MAX`].
    pub limit: u32,
}

impl EnvelopeFilter {
    /// All of a time: from then, before then.
    pub const fn within(from: Millis, until: Millis) -> Self {
        Self {
            states: Vec::new(),
            link: None,
            destination: None,
            reason: None,
            from,
            before: Mark::before(until),
            limit: PAGE_ROWS_MAX,
        }
    }
}

/// An own envelope in a list.
#[derive(Clone, Debug)]
pub struct EnvelopeRow {
    /// Where the list stands.
    pub mark: Mark,
    /// When it came to its end, or was given up.
    pub ended_at: Option<Millis>,
    /// The envelope.
    pub envelope: OutEnvelope,
}

/// Which own records to list.
#[derive(Clone, Debug)]
pub struct RecordFilter {
    /// Only of this adapter.
    pub adapter: Option<String>,
    /// Only of this type.
    pub kind: Option<String>,
    /// Only to this destination.
    pub destination: Option<NodeCode>,
    /// Only those that are there; none is all that were valid when they were collected.
    pub place: Option<Place>,
    /// Collected then or later.
    pub from: Millis,
    /// Before this mark.
    pub before: Mark,
    /// At most this many, and [`PAGE_ROWS_MAX`].
    pub limit: u32,
}

impl RecordFilter {
    /// All of a time: from then, before then.
    pub const fn within(from: Millis, until: Millis) -> Self {
        Self {
            adapter: None,
            kind: None,
            destination: None,
            place: None,
            from,
            before: Mark::before(until),
            limit: PAGE_ROWS_MAX,
        }
    }
}

/// An own record in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRow {
    /// Type, key, version.
    pub id: RecordId,
    /// Where it goes.
    pub destination: NodeCode,
    /// Adapter it came through.
    pub adapter: Arc<str>,
    /// When it was collected, or listed as a problem.
    pub at: Millis,
    /// Where it is now.
    pub place: Place,
    /// The envelope it is in, with its position there.
    pub envelope: Option<(EnvelopeId, u32)>,
}

/// A page of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordPage {
    /// The records.
    pub rows: Vec<RecordRow>,
    /// Where it goes on; none where nothing more can come.
    pub next: Option<Mark>,
}

/// Which judged envelopes to list.
#[derive(Clone, Debug)]
pub struct ReceivedFilter {
    /// Only of this sender.
    pub sender: Option<NodeCode>,
    /// Judged then or later.
    pub from: Millis,
    /// Before this mark.
    pub before: Mark,
    /// At most this many, and [`PAGE_ROWS_MAX`].
    pub limit: u32,
}

/// An envelope that was judged here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedRow {
    /// Where the list stands.
    pub mark: Mark,
    /// Envelope id.
    pub id: EnvelopeId,
    /// Window day.
    pub day: Day,
    /// Records kept of it.
    pub kept: u32,
    /// Records of it that were not simply accepted.
    pub problems: u32,
}

/// A node whose parcels came here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderRow {
    /// Which.
    pub sender: NodeCode,
    /// When an envelope of it was judged last.
    pub judged_at: Option<Millis>,
    /// When a parcel of it was passed on last.
    pub relayed_at: Option<Millis>,
    /// Accepted of a window day.
    pub accepted: u64,
    /// Superseded of that day.
    pub superseded: u64,
    /// Rejected of that day.
    pub rejected: u64,
}

impl EnvelopeFilter {
    /// The states as they are looked for.
    pub(crate) fn states(&self) -> Vec<OutState> {
        if self.states.is_empty() { OutState::ALL.to_vec() } else { self.states.clone() }
    }
}
