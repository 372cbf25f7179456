//! From staged records to a sealed envelope, and its attempts.

use std::sync::Arc;

use canon::{Day, Digest, EnvelopeId, Millis, NodeCode, Route};

use crate::lifecycle::{OutEvent, OutState};

/// What `seal` needs of one staged record.
#[derive(Clone, Debug, PartialEq)]
pub struct StagedRecord {
    /// Type.
    pub kind: Arc<str>,
    /// Record digest.
    pub digest: Digest,
    /// Fragment length.
    pub len: u32,
    /// Row key at the source, for adapters that write back.
    pub source_row: Option<Arc<str>>,
    /// An orphan past `parent_wait`: its position goes into the head's `keep_orphans`.
    pub orphan: bool,
}

/// Staged records of one route and one day, in order, ready to be numbered.
#[derive(Clone, Debug)]
pub struct StagedBatch {
    /// Route.
    pub route: Route,
    /// Window day of all of them.
    pub day: Day,
    /// Adapters they came through, in name order.
    pub adapters: Vec<Arc<str>>,
    /// The records.
    pub records: Vec<StagedRecord>,
    /// Their fragments back to back.
    pub bytes: Vec<u8>,
    /// Names exactly these staged records; given back to [`crate::Store::number`].
    pub ticket: Vec<StagedRange>,
    /// When the oldest of them was staged.
    pub oldest: Millis,
}

/// A contiguous range of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StagedRange {
    /// The store's number of this range.
    pub range: i64,
    /// How many records of it, from its start.
    pub count: u32,
}

/// Counters of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteCounters {
    /// Epoch in force.
    pub epoch: u32,
    /// The sequence the next envelope takes.
    pub next_sequence: u64,
    /// Every lower sequence is final here.
    pub settled_below: u64,
}

/// A control parcel's content before it is numbered: queued by the transaction that causes it.
#[derive(Clone, Debug, PartialEq)]
pub struct NewControl {
    /// Kind word as in the head (`receipt`, `hop`, `refusal`, `inquiry`, `answer`, `manifest`, `notice`).
    pub kind: Arc<str>,
    /// Who gets it.
    pub to: NodeCode,
    /// Window day for the head.
    pub day: Day,
    /// The head fields of its kind, as `seal` wrote them down (opaque to the store).
    pub detail: String,
    /// Body fragments, back to back.
    pub body: Vec<u8>,
    /// Length of each fragment.
    pub lengths: Vec<u32>,
    /// For a receipt: the envelope it answers, so that a duplicate gets this receipt again.
    pub answers: Option<EnvelopeId>,
}

/// A queued control content with its number.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuedControl {
    /// The store's number.
    pub queue_id: i64,
    /// The content.
    pub control: NewControl,
}

/// What an envelope consumes when it is numbered.
#[derive(Clone, Debug)]
pub enum Consumes {
    /// Staged records.
    Staged(StagedBatch),
    /// One queued control content.
    Control(QueuedControl),
}

/// An envelope taking its number: head fixed, content consumed.
#[derive(Clone, Debug)]
pub struct NewEnvelope {
    /// Id; the sequence must be the route's next.
    pub id: EnvelopeId,
    /// Kind word of the head.
    pub kind: Arc<str>,
    /// Link the parcel leaves by (name in the configuration).
    pub link: Arc<str>,
    /// Exact bytes of the head.
    pub head: Vec<u8>,
    /// Digest of the head bytes.
    pub head_digest: Digest,
    /// Merkle root in the head.
    pub root: Digest,
    /// What it consumes.
    pub consumes: Consumes,
}

/// An envelope that was numbered but not sealed yet, with all that signing needs.
#[derive(Clone, Debug)]
pub struct Numbered {
    /// Id.
    pub id: EnvelopeId,
    /// Exact bytes of the head.
    pub head: Vec<u8>,
    /// The body: fragments back to back.
    pub body: Vec<u8>,
}

/// The sealed frame of a numbered envelope.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// Id.
    pub id: EnvelopeId,
    /// The zstd frame of the whole package.
    pub frame: Arc<[u8]>,
    /// Digest of its head, where that names another certificate than it did when it was numbered.
    pub head: Option<Digest>,
}

/// Member of an own records envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Type.
    pub kind: Arc<str>,
    /// Record digest.
    pub digest: Digest,
    /// Row key at the source, if write-back wants it.
    pub source_row: Option<Arc<str>>,
}

/// An own envelope as `settle`, `sweep` and the pages see it.
#[derive(Clone, Debug)]
pub struct OutEnvelope {
    /// Id.
    pub id: EnvelopeId,
    /// Kind word.
    pub kind: Arc<str>,
    /// State.
    pub state: OutState,
    /// Window day.
    pub day: Day,
    /// Link.
    pub link: Arc<str>,
    /// Digest of the head bytes.
    pub head_digest: Digest,
    /// Merkle root.
    pub root: Digest,
    /// Number of records (or control fragments).
    pub count: u32,
    /// Attempts so far.
    pub attempts: u32,
    /// Refusals in a row.
    pub refusals: u32,
    /// When it was numbered.
    pub numbered_at: Millis,
    /// When the carrier confirmed it last.
    pub sent_at: Option<Millis>,
    /// Next attempt, or when the receipt becomes overdue.
    pub due_at: Option<Millis>,
    /// Why it is in this state (stable code), if there is a reason.
    pub reason: Option<String>,
    /// Last hop that confirmed holding it (`city: relayed`).
    pub hop: Option<String>,
}

/// A parcel due at a carrier.
#[derive(Clone, Debug)]
pub struct DueParcel {
    /// Own or relayed.
    pub own: bool,
    /// Envelope id.
    pub id: EnvelopeId,
    /// Kind word.
    pub kind: Arc<str>,
    /// Final destination.
    pub to: NodeCode,
    /// The frame.
    pub frame: Arc<[u8]>,
    /// Number of records in it (1 for control).
    pub count: u32,
    /// Attempts made so far.
    pub attempts: u32,
    /// When it became due.
    pub since: Millis,
}

/// Outcome of handing one parcel to the carrier.
#[derive(Clone, Debug)]
pub struct Attempted {
    /// Own or relayed.
    pub own: bool,
    /// Envelope id.
    pub id: EnvelopeId,
    /// What happened: `Confirmed`, `NotConfirmed`, `GivenUp`. A confirmed control parcel is settled.
    pub event: OutEvent,
    /// Stable code of a failure.
    pub reason: Option<String>,
    /// `Confirmed`: when the receipt becomes overdue. `NotConfirmed`: next attempt.
    pub due_at: Millis,
}

/// A state change of an own envelope with its circumstances.
#[derive(Clone, Debug)]
pub struct EventOn {
    /// The event.
    pub event: OutEvent,
    /// Stable code, if there is a reason.
    pub reason: Option<String>,
    /// Next attempt or next inquiry.
    pub due_at: Option<Millis>,
    /// Control contents to queue in the same fact.
    pub controls: Vec<NewControl>,
    /// Inbox row consumed.
    pub inbox_id: Option<i64>,
    /// Now.
    pub now: Millis,
}
