//! What a restore brings: a new epoch, records adopted from their destination, records given again
//! to a destination that lost them.

use std::sync::Arc;

use canon::{Day, Digest, EnvelopeId, Millis, NodeCode, RecordId, Route};

use super::{AuditEvent, FinalOutcome, NewControl, Problem};

/// A new epoch begins: only a restore does this.
#[derive(Clone, Debug)]
pub struct NewEpoch {
    /// The epoch, higher than the one in force.
    pub epoch: u32,
    /// Names and texts that stand from now on ([`crate::Store::stand`]); `None` takes one back.
    pub stand: Vec<(String, Option<String>)>,
    /// Judged envelopes get ordinals above this: sinks may know those given after the image was
    /// taken.
    pub ordinal: i64,
    /// Recorded in the audit.
    pub audit: AuditEvent,
}

/// A node that own records go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The node.
    pub peer: NodeCode,
    /// Own records envelopes of older epochs without a final answer; dead ones not counted.
    pub older_open: u64,
}

/// What the destination judged of one own envelope that this store does not know.
#[derive(Clone, Debug)]
pub struct AdoptedEnvelope {
    /// Envelope id, of an older epoch.
    pub id: EnvelopeId,
    /// Link that leads to the destination.
    pub link: Arc<str>,
    /// Digest of the head bytes.
    pub head_digest: Digest,
    /// Merkle root.
    pub root: Digest,
    /// Window day.
    pub day: Day,
    /// Adapter that collected it; `-` if that is not known.
    pub adapter: Arc<str>,
    /// Its records, in order.
    pub records: Vec<AdoptedRecord>,
}

/// One of its records.
#[derive(Clone, Debug)]
pub struct AdoptedRecord {
    /// Type, key, version.
    pub id: RecordId,
    /// Record digest.
    pub digest: Digest,
    /// Content digest.
    pub content: Digest,
    /// Facts.
    pub facts: Arc<str>,
    /// Whether this version voids the record.
    pub voided: bool,
    /// `None`: accepted. `ParentMissing` is adopted as voided: its bytes are lost, its version is not
    /// used again.
    pub outcome: Option<FinalOutcome>,
    /// Stable code, if it was not accepted.
    pub code: String,
}

/// A page of what the destination judged.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// Inbox row it came in.
    pub inbox_id: i64,
    /// Envelopes. Those that are known here are passed over, and so are records whose version is.
    pub envelopes: Vec<AdoptedEnvelope>,
    /// What stands from now on: how far it is.
    pub stand: (String, String),
    /// The next question.
    pub controls: Vec<NewControl>,
    /// Now.
    pub now: Millis,
}

/// An envelope judged here, for its restored sender.
#[derive(Clone, Debug)]
pub struct JudgedOf {
    /// Envelope id.
    pub id: EnvelopeId,
    /// The frame.
    pub frame: Arc<[u8]>,
    /// Positions kept by this envelope.
    pub kept: Vec<u32>,
    /// Positions that were not accepted, or accepted with warnings.
    pub problems: Vec<Problem>,
}

/// How far the sequences of a sender's route are here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRoute {
    /// Sender.
    pub sender: NodeCode,
    /// Its epoch.
    pub epoch: u32,
    /// Route.
    pub route: Route,
    /// Every sequence up to this one is here, or final at the sender.
    pub through: u64,
}

/// Accepted and superseded records of a settled envelope go up again, with the same ids and bytes, in
/// new envelopes: their destination lost what it had.
#[derive(Clone, Debug)]
pub struct GivenAgain {
    /// The settled envelope.
    pub id: EnvelopeId,
    /// Its fragments, in order; none if its bytes are not here (it was adopted itself).
    pub fragments: Vec<Vec<u8>>,
    /// Positions whose parent never was there.
    pub orphans: Vec<u32>,
    /// Only these positions; all of them if there is no list.
    pub only: Option<Vec<u32>>,
    /// What stands from now on: how far it is.
    pub stand: (String, String),
    /// Now.
    pub now: Millis,
}
