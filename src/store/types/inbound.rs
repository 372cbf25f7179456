//! What came off a carrier, and how it was judged, relayed or refused.

use std::sync::Arc;

use canon::{Day, Digest, EnvelopeId, HashSum, Millis, NodeCode, RecordId};
use serde::{Deserialize, Serialize};

use super::{NewControl, UnitCount};

/// A parcel as it came off a carrier.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Link it came by (name in the configuration).
    pub link: Arc<str>,
    /// The previous hop.
    pub from: NodeCode,
    /// What the outside says it is; checked against the head before anything is believed.
    pub id: EnvelopeId,
    /// Kind word the outside says.
    pub kind: Arc<str>,
    /// Destination the outside says.
    pub to: NodeCode,
    /// Digest of the frame.
    pub parcel: Digest,
    /// The frame.
    pub frame: Arc<[u8]>,
}

/// A claimed inbox row.
#[derive(Clone, Debug)]
pub struct InboxParcel {
    /// The store's number.
    pub inbox_id: i64,
    /// How often it was claimed, this time included.
    pub tries: u32,
    /// When it came.
    pub received_at: Millis,
    /// The parcel.
    pub arrived: Arrived,
}

/// Which part of the inbox a worker takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboxFor {
    /// `records` for this node.
    Accept,
    /// Anything for another node.
    Relay,
    /// Control kinds for this node.
    Settle,
}

/// How many parcels of the bulk lane a claim of `limit` may hold: an eighth, at least one.
pub const fn bulk_share(limit: u32) -> u32 {
    limit.div_ceil(8)
}

/// What is known of an envelope received here.
#[derive(Clone, Debug, PartialEq)]
pub struct Admission {
    /// Envelope id.
    pub id: EnvelopeId,
    /// Digest of its head bytes.
    pub head_digest: Digest,
    /// State: judged, relayed, awaiting_review, returned, quarantined.
    pub state: InState,
    /// Whether its receipt is sealed already (a duplicate gets it again).
    pub receipt_sealed: bool,
}

/// State of an envelope received from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InState {
    /// In the inbox.
    Admitted,
    /// Every record has an outcome.
    Judged,
    /// Passed on.
    Relayed,
    /// Waits for a person.
    AwaitingReview,
    /// Sent back by a reviewing tier.
    Returned,
    /// Set aside.
    Quarantined,
}

/// One kept version of a record at a receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptRow {
    /// Type, key, version.
    pub id: RecordId,
    /// Record digest.
    pub digest: Digest,
    /// Facts.
    pub facts: Arc<str>,
    /// Whether this version voids the record.
    pub voided: bool,
    /// Envelope that brought it.
    pub envelope: EnvelopeId,
}

/// A record to keep.
#[derive(Clone, Debug)]
pub struct NewKept {
    /// Type, key, version.
    pub id: RecordId,
    /// Record digest.
    pub digest: Digest,
    /// Facts.
    pub facts: Arc<str>,
    /// Whether this version voids the record.
    pub voided: bool,
    /// Position in its envelope.
    pub index: u32,
}

/// What the receiver counted of one type in one envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeCount {
    /// Type.
    pub kind: Arc<str>,
    /// Accepted for the first time by this envelope (not: accepted again).
    pub accepted: u64,
    /// Superseded.
    pub superseded: u64,
    /// Rejected.
    pub rejected: u64,
    /// Parent missing.
    pub parent_missing: u64,
    /// Sum over accepted + superseded.
    pub sum: HashSum,
}

/// An envelope judged: kept rows, outcomes and the unsigned receipt in one fact.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Inbox row it consumes.
    pub inbox_id: i64,
    /// Envelope id.
    pub id: EnvelopeId,
    /// Digest of the head bytes.
    pub head_digest: Digest,
    /// Window day of the head.
    pub day: Day,
    /// Number of records.
    pub count: u32,
    /// Records to keep.
    pub kept: Vec<NewKept>,
    /// Records that were answered as superseded: not kept, but in the sums.
    pub superseded: Vec<(RecordId, Digest)>,
    /// Counts by type.
    pub counts: Vec<TypeCount>,
    /// Counts by unit and region; none of a copy kept in passing.
    pub units: Vec<UnitCount>,
    /// Positions (and what is wrong) that were not accepted, for the pages.
    pub problems: Vec<Problem>,
    /// The receipt's content; absent for a copy kept by a relay.
    pub receipt: Option<NewControl>,
    /// For `keep`: the relay row written by the same fact.
    pub relayed: Option<Relayed>,
    /// The parcel's frame is the only copy of the bytes.
    pub frame: Arc<[u8]>,
    /// What the judgement stood on, where another instance may judge at the same time.
    pub saw: Option<Saw>,
    /// Settled-below of the head: receipts for lower sequences may be purged.
    pub settled_below: u64,
    /// Now.
    pub now: Millis,
}

/// The kept rows a judgement stood on: were there more of them by now, it would be another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saw {
    /// Cases that were asked for.
    pub roots: Vec<String>,
    /// Kept rows of them.
    pub rows: u64,
}

/// One record that was not simply accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Position in the envelope.
    pub position: u32,
    /// Record id as text.
    pub id: String,
    /// Outcome word.
    pub outcome: String,
    /// Stable code.
    pub code: String,
    /// Wire name of the field.
    pub field: String,
    /// Text for people, Chinese.
    pub text: String,
}

/// A parcel to pass on.
#[derive(Clone, Debug)]
pub struct Relayed {
    /// Inbox row it consumes.
    pub inbox_id: i64,
    /// Envelope id.
    pub id: EnvelopeId,
    /// Kind word.
    pub kind: Arc<str>,
    /// Destination.
    pub to: NodeCode,
    /// Link it came by.
    pub from_link: Arc<str>,
    /// Link it leaves by.
    pub link: Arc<str>,
    /// Digest of the head bytes.
    pub head_digest: Digest,
    /// Number of records.
    pub count: u32,
    /// Bytes untouched.
    pub frame: Arc<[u8]>,
    /// Whether this node verified it, or passes it on "not verified here".
    pub verified: bool,
    /// Hop receipts to queue.
    pub controls: Vec<NewControl>,
    /// Now.
    pub now: Millis,
}

/// A relayed parcel as pages and inquiries see it.
#[derive(Clone, Debug, PartialEq)]
pub struct RelayRow {
    /// Envelope id.
    pub id: EnvelopeId,
    /// Destination.
    pub to: NodeCode,
    /// Link it leaves by.
    pub link: Arc<str>,
    /// State word: `due`, `sent`, `hop_receipted`, `done`.
    pub state: String,
    /// Digest of the head bytes.
    pub head_digest: Digest,
    /// When it was relayed here.
    pub at: Millis,
}

/// A parcel that did not verify, or was poison: set aside with an alarm.
#[derive(Clone, Debug)]
pub struct RefusedParcel {
    /// Inbox row it consumes.
    pub inbox_id: i64,
    /// Stable code.
    pub code: String,
    /// What was found, never body text.
    pub detail: String,
    /// The refusal to send, unless its rate limit says no.
    pub refusal: Option<NewControl>,
    /// Now.
    pub now: Millis,
}
