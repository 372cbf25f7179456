//! Where a node stands after a restore: its epoch, what it still has to ask or to give again, and
//! whether it has stopped itself.

use std::sync::Arc;

use canon::{Day, Digest, EnvelopeId, Millis, NodeCode, RecordId, Route};
use serde::{Deserialize, Serialize};

use super::NewControl;

/// Something that has to be done once with a peer, over many turns, and that a restart does not
/// forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrandKind {
    /// Restored here: the peer, a destination, is asked how it judged our envelopes.
    Adopt,
    /// Restored here: the peer, a sender, is asked for what was lost.
    Recall,
    /// Restored there: the peer, a destination, gets again what it lost.
    Give,
}

impl ErrandKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Adopt, Self::Recall, Self::Give];

    /// The word in stores and in `--json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::Recall => "recall",
            Self::Give => "give",
        }
    }

    /// The kind of this word.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == name)
    }
}

/// One errand: a kind with a peer is one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Errand {
    /// What for.
    pub kind: ErrandKind,
    /// With whom.
    pub peer: NodeCode,
    /// The epoch it belongs to: ours, or (`give`) the peer's.
    pub epoch: u32,
    /// How far it is: the worker's own text.
    pub detail: String,
    /// When the peer was asked last.
    pub asked_at: Option<Millis>,
    /// When it was done.
    pub done_at: Option<Millis>,
    /// Records adopted or given again, since the store was made.
    pub records: u64,
}

impl Errand {
    /// A new one.
    pub fn new(kind: ErrandKind, peer: &NodeCode, epoch: u32) -> Self {
        let (peer, detail) = (peer.clone(), String::new());
        Self { kind, peer, epoch, detail, asked_at: None, done_at: None, records: 0 }
    }
}

/// Where a node stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Epoch in force.
    pub epoch: u32,
    /// Set once the node has stopped itself, with the stable code of the reason.
    pub halted: Option<String>,
    /// Errands, done ones too, by kind and peer.
    pub errands: Vec<Errand>,
    /// Own records envelopes of older epochs that are not answered, by destination.
    pub older_open: Vec<(NodeCode, u64)>,
}

impl Standing {
    /// An errand of this kind with this peer that is not done.
    pub fn open(&self, kind: ErrandKind, peer: &NodeCode) -> Option<&Errand> {
        self.errands.iter().find(|e| e.kind == kind && e.peer == *peer && e.done_at.is_none())
    }

    /// Whether any errand is not done.
    pub fn busy(&self) -> bool {
        self.errands.iter().any(|e| e.done_at.is_none())
    }

    /// Whether there is nothing to tell: never restored, not stopped.
    pub fn is_plain(&self) -> bool {
        self.halted.is_none() && self.errands.is_empty()
    }

    /// Records adopted from destinations since the store was made.
    pub fn adopted(&self) -> u64 {
        self.errands.iter().filter(|e| e.kind == ErrandKind::Adopt).map(|e| e.records).sum()
    }
}

/// A new epoch begins: only `node restore` does this.
#[derive(Clone, Debug)]
pub struct NewEpoch {
    /// The epoch: higher than the one in force.
    pub epoch: u32,
    /// What follows; for a kind and peer that had one before, its count of records stays.
    pub errands: Vec<Errand>,
    /// Recorded in the audit.
    pub audit: AuditOf,
    /// Judged envelopes are counted from here on, if they were not counted as far yet: sinks know the
    /// numbers given after the image was taken.
    pub ordinal: i64,
}

/// The audit event of a fact.
pub type AuditOf = super::AuditEvent;

/// A step of an errand.
#[derive(Clone, Debug)]
pub struct ErrandStep {
    /// The errand as it is now.
    pub errand: Errand,
    /// Control contents to queue.
    pub controls: Vec<NewControl>,
    /// Inbox row consumed.
    pub inbox_id: Option<i64>,
    /// Windows from this day on are reconciled with the peer again.
    pub reopen: Option<Day>,
    /// Recorded in the audit.
    pub audit: Option<AuditOf>,
    /// Now.
    pub now: Millis,
}

/// What the destination judged of one envelope of ours that this store does not know.
#[derive(Clone, Debug)]
pub struct AdoptedEnvelope {
    /// Envelope id.
    pub id: EnvelopeId,
    /// Link it would take.
    pub link: Arc<str>,
    /// Digest of the head bytes.
    pub head_digest: Digest,
    /// Merkle root.
    pub root: Digest,
    /// Window day.
    pub day: Day,
    /// Adapter; empty if not known.
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
    /// `None`: accepted.
    pub outcome: Option<super::FinalOutcome>,
    /// Stable code, if it was not accepted.
    pub code: String,
}

/// A page of what the destination judged.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// Envelopes; those that are known here are passed over, and so are records whose version is.
    pub envelopes: Vec<AdoptedEnvelope>,
    /// The errand after it; `records` is counted by the store.
    pub step: ErrandStep,
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
    pub problems: Vec<super::Problem>,
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

/// Accepted and superseded records of a settled envelope go up again, same ids and bytes, in new
/// envelopes: their destination lost what it had.
#[derive(Clone, Debug)]
pub struct GivenAgain {
    /// The settled envelope.
    pub id: EnvelopeId,
    /// Its fragments, in order; empty if its bytes are not here.
    pub fragments: Vec<Vec<u8>>,
    /// Positions whose parent never was there.
    pub orphans: Vec<u32>,
}
