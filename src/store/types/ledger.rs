//! What is counted, shown and accounted for.

use std::fmt;
use std::sync::Arc;

use canon::{Day, Digest, EnvelopeId, Lane, Millis, NodeCode, Route, Violation};
use serde::{Deserialize, Serialize};

use super::{AdapterProgress, Place};

/// A window's sums of one sender, route and type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Other side: destination (own records) or sender (received ones).
    pub peer: String,
    /// The route, as text: a line of its own in the manifest.
    pub route: String,
    /// Epoch of the sequences.
    pub epoch: u32,
    /// Type.
    pub kind: String,
    /// All collected (or, received: all answered).
    pub collected: u64,
    /// Count in each place, in the order of [`Place::ALL`].
    pub places: [u64; 10],
    /// Hash sum over accepted + superseded, 32 hex digits.
    pub sum: String,
    /// First and last sequence that carried any (0 if none).
    pub first_sequence: u64,
    /// Last sequence.
    pub last_sequence: u64,
}

/// A manifest to store: issued here, or received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestRow {
    /// Window day.
    pub day: Day,
    /// Who made it.
    pub by: NodeCode,
    /// The other side.
    pub peer: NodeCode,
    /// Revision, from 1.
    pub revision: u32,
    /// Nothing in it can change any more.
    pub is_final: bool,
    /// The manifest fragment (text).
    pub body: String,
    /// When.
    pub at: Millis,
}

/// One difference of a closed window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discrepancy {
    /// Window day.
    pub day: Day,
    /// Sender of the window.
    pub sender: String,
    /// Receiver of the window.
    pub receiver: String,
    /// Type.
    pub kind: String,
    /// Stable cause word (`quarantined`, `waiting`, `rejected`, `in_flight`, `sums_differ`, …).
    pub cause: String,
    /// How many records.
    pub count: u64,
}

/// An entry of the quarantine, or a rejected record listed with it (问题数据).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProblemItem {
    /// The store's number.
    pub number: i64,
    /// `quarantined` (here), `rejected` (by the receiver) or `refused` (a parcel).
    pub class: String,
    /// State: `held`, `returned`, `resubmitted`, `cured`, `voided`.
    pub state: String,
    /// Adapter, if it came through one.
    pub adapter: String,
    /// Where in the source.
    pub reference: String,
    /// Record id as text, where there is one.
    pub record: Option<String>,
    /// Where that record would go, or went.
    pub destination: Option<NodeCode>,
    /// What is wrong.
    pub violations: Vec<Violation>,
    /// When.
    pub at: Millis,
    /// Deadline for the owner, once returned.
    pub deadline: Option<Millis>,
    /// The version that cured it.
    pub cured_by: Option<u32>,
}

/// Which problems to list.
#[derive(Clone, Debug, Default)]
pub struct ProblemFilter {
    /// Only this state.
    pub state: Option<String>,
    /// Only this adapter.
    pub adapter: Option<String>,
    /// Only this rule code.
    pub rule: Option<String>,
    /// After this number.
    pub after: i64,
    /// At most this many.
    pub limit: u32,
}

/// What an operator does to a problem; each is audited, successful or not.
#[derive(Clone, Debug)]
pub enum ProblemAction {
    /// 退回来源单位: rows, rule and deadline go to the owning unit (and into the write-back).
    Return {
        /// Until when the owner should correct it.
        deadline: Millis,
    },
    /// The same row again after a rule or code table was mended: the next read collects it anew.
    Resubmit,
    /// 停报: withdrawn.
    Void,
}

/// Counts of one direction of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LinkStatus {
    /// Link name.
    pub link: String,
    /// Records due at the carrier (own and relayed).
    pub due: u64,
    /// Records confirmed by the carrier, no receipt yet.
    pub in_flight: u64,
    /// Records in envelopes whose receipt is overdue.
    pub unknown: u64,
    /// Records in dead envelopes.
    pub dead: u64,
    /// Records accepted through this link.
    pub accepted: u64,
    /// Records rejected through this link.
    pub rejected: u64,
    /// Since when the oldest of due, in flight and unknown waits.
    pub oldest: Option<Millis>,
    /// Last verified receipt.
    pub last_receipt: Option<Millis>,
    /// Last reason of a failed attempt, if the last attempt failed.
    pub reason: Option<String>,
    /// Paused with this reason.
    pub paused: Option<String>,
}

/// Within which times answers are counted, ms.
pub const ANSWERED_WITHIN: [i64; 12] = [
    1_000,
    2_000,
    5_000,
    10_000,
    30_000,
    60_000,
    300_000,
    900_000,
    3_600_000,
    21_600_000,
    86_400_000,
    259_200_000,
];

/// What was tried and answered over a link, in own envelopes of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkPace {
    /// Link name.
    pub link: String,
    /// Times that an envelope was handed to the carrier.
    pub attempts: u64,
    /// Envelopes answered by a verified receipt, by how long that took from their number on: one count
    /// for each of [`ANSWERED_WITHIN`], none of them in two, and those that took longer.
    pub answered: [u64; ANSWERED_WITHIN.len() + 1],
    /// How long they took together, ms.
    pub answered_ms: u64,
}

impl LinkPace {
    /// Where an answer after so long is counted.
    pub fn bucket(ms: i64) -> usize {
        ANSWERED_WITHIN.partition_point(|bound| *bound < ms)
    }
}

/// Own records on their way to one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DestinationStatus {
    /// Where they go.
    pub destination: NodeCode,
    /// Records in each place, in the order of [`Place::ALL`].
    pub places: [u64; 10],
}

/// One node's numbers now.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NodeStatus {
    /// Records in each place, in the order of [`Place::ALL`].
    pub places: [u64; 10],
    /// Quarantined rows that gave no record key (beside the places).
    pub rows_without_key: u64,
    /// Records received and kept here.
    pub kept: u64,
    /// Envelopes received and judged here.
    pub judged: u64,
    /// Parcels in the inbox.
    pub inbox: u64,
    /// Control contents not sealed yet.
    pub control_queued: u64,
    /// Parcels set aside.
    pub refused: u64,
    /// Own records by destination, in the order of their codes.
    pub destinations: Vec<DestinationStatus>,
    /// One a link.
    pub links: Vec<LinkStatus>,
    /// One an adapter.
    pub adapters: Vec<AdapterProgress>,
}

/// One step in the life of a record at this node, for `trace`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TraceStep {
    /// When.
    pub at: Millis,
    /// Record id as text.
    pub record: String,
    /// Where an own record goes.
    pub destination: Option<NodeCode>,
    /// Word: `collected`, `quarantined`, `numbered`, `sent`, `hop`, `relayed`, `kept`, `accepted`, …
    pub what: String,
    /// Envelope id as text, where one is concerned.
    pub envelope: Option<String>,
    /// More: digest, outcome code, reason.
    pub detail: String,
}

/// An audit event: operator actions and alarms, successful or not, hash-chained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// When.
    pub at: Millis,
    /// Operator code or worker name, never a person's name.
    pub who: String,
    /// Stable word, such as `quarantine.return`.
    pub action: String,
    /// On what.
    pub subject: String,
    /// Reason given.
    pub reason: String,
    /// Whether it succeeded.
    pub ok: bool,
}

/// A verified, judged envelope for `deliver`.
#[derive(Clone, Debug)]
pub struct JudgedEnvelope {
    /// Rises with every judged envelope; a sink's watermark is one of these.
    pub ordinal: i64,
    /// Envelope id.
    pub id: EnvelopeId,
    /// The frame.
    pub frame: Arc<[u8]>,
    /// Positions kept by this envelope.
    pub kept: Vec<u32>,
    /// When it was judged.
    pub at: Millis,
}

/// Sequences of a sender's route that should be here and are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Sender.
    pub sender: NodeCode,
    /// Its epoch.
    pub epoch: u32,
    /// Route.
    pub route: Route,
    /// First missing sequence.
    pub first: u64,
    /// Last missing sequence.
    pub last: u64,
    /// Since when the gap is known.
    pub since: Millis,
}

/// Frames of one envelope as kept here: what evidence and resends need.
#[derive(Clone, Debug)]
pub struct StoredFrames {
    /// The envelope.
    pub frame: Arc<[u8]>,
    /// Its receipt, if any.
    pub receipt: Option<Arc<[u8]>>,
}

/// Stands where a content digest is not known or was forgotten: no content has it, so that the next
/// read of the row is news.
pub const NO_CONTENT: Digest = Digest { alg: canon::DigestAlg::Sha256, bytes: [0; 32] };

/// A lane's word for filters.
pub fn lane_of(kind: &str, route: &Route) -> Lane {
    if kind == "records" { route.lane } else { Lane::Control }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quarantined => "quarantined",
            Self::Waiting => "waiting",
            Self::Staged => "staged",
            Self::InFlight => "in_flight",
            Self::AwaitingReview => "awaiting_review",
            Self::Accepted => "accepted",
            Self::Superseded => "superseded",
            Self::Rejected => "rejected",
            Self::Voided => "voided",
            Self::Dead => "dead",
        })
    }
}
