//! A receipt brought home: outcomes and write-backs.

use std::sync::Arc;

use canon::{Digest, EnvelopeId, Millis, RecordId};
use serde::Serialize;

use super::{TypeCount, WaitFor};
use crate::lifecycle::OutEvent;

/// One record of an own envelope whose outcome is not a plain `accepted`.
#[derive(Clone, Debug)]
pub struct NotAccepted {
    /// Position.
    pub position: u32,
    /// Type, key, version.
    pub id: RecordId,
    /// What the receipt says.
    pub outcome: FinalOutcome,
    /// Stable code.
    pub code: String,
    /// Wire name of the field.
    pub field: String,
    /// Text for people, Chinese.
    pub text: String,
    /// `parent-missing`: the fragment's exact bytes, copied from the stored envelope, and what to
    /// wait for.
    pub again: Option<Again>,
}

/// A record that goes up again with the same id and bytes, in a new envelope.
#[derive(Clone, Debug)]
pub struct Again {
    /// The fragment.
    pub fragment: Vec<u8>,
    /// Record digest.
    pub digest: Digest,
    /// What it waits for.
    pub waits_for: WaitFor,
    /// Row key at the source.
    pub source_row: Option<Arc<str>>,
}

/// Outcome of a record in a receipt, other than `accepted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FinalOutcome {
    /// A higher version was accepted before.
    Superseded,
    /// Rejected with a code.
    Rejected,
    /// Its parent is not there; not final.
    ParentMissing,
}

/// A verified receipt applied to its envelope.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Inbox row of the receipt.
    pub inbox_id: i64,
    /// Envelope id.
    pub id: EnvelopeId,
    /// `Receipted` or `Declining`.
    pub event: OutEvent,
    /// Decline code, if declined.
    pub reason: Option<String>,
    /// Exceptions; every other position is accepted.
    pub not_accepted: Vec<NotAccepted>,
    /// Counts by type as this receipt says (accepted, superseded, rejected, sums).
    pub counts: Vec<TypeCount>,
    /// Source rows touched, with their outcome: `(adapter, row, flag, text)` for the write-back
    /// queue. The worst outcome of a row wins; a row is due when all its records are final.
    pub rows: Vec<RowOutcome>,
    /// The receipt's frame, kept as evidence.
    pub receipt: Arc<[u8]>,
    /// The receiver's time in the receipt's head.
    pub receiver_time: Millis,
    /// Now.
    pub now: Millis,
}

/// Outcome of one record for its source row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowOutcome {
    /// Adapter.
    pub adapter: Arc<str>,
    /// Row key at the source.
    pub row: Arc<str>,
    /// Outcome; `None` is accepted.
    pub outcome: Option<FinalOutcome>,
    /// Error text for the row.
    pub text: String,
}

/// A write-back that is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WriteBackDue {
    /// Row key.
    pub row: String,
    /// `accepted`, `superseded`, `rejected`, `returned`.
    pub flag: String,
    /// Error text.
    pub text: String,
    /// Attempts so far.
    pub attempts: u32,
}

/// What became of a write-back.
#[derive(Clone, Debug)]
pub struct WriteBackDone {
    /// Row key.
    pub row: String,
    /// The flag that was written; a newer outcome queued meanwhile stays queued.
    pub flag: String,
    /// `None`: written. Otherwise the reason and the next attempt.
    pub failed: Option<(String, Millis)>,
}
