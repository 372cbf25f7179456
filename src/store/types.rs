//! The facts a store takes and gives back.

use std::fmt;
use std::sync::Arc;

use canon::{
    Day, Digest, EnvelopeId, HashSum, Key, Lane, Millis, NodeCode, RecordId, Route, Violation,
};
use serde::{Deserialize, Serialize};

use crate::lifecycle::{OutEvent, OutState};

/// The right to act, with a token that rises with every takeover. Every commit made under a lease
/// names it, and the store refuses an old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What is held, such as `seal` or `collect/county_approval`.
    pub name: String,
    /// Rises with every takeover.
    pub token: u64,
}

/// The one place of a collected record on its route (invariant S1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Invalid here; returned to the owning unit.
    Quarantined,
    /// Waits for its parent.
    Waiting,
    /// In a chunk, not in an envelope yet.
    Staged,
    /// In an envelope without a final receipt.
    InFlight,
    /// Held by a reviewing tier.
    AwaitingReview,
    /// Accepted by a verified receipt.
    Accepted,
    /// Superseded by a verified receipt.
    Superseded,
    /// Rejected by a verified receipt.
    Rejected,
    /// Never accepted, withdrawn by a named person (停报).
    Voided,
    /// In an envelope that was given up.
    Dead,
}

impl Place {
    /// Every place, in the order reports show them.
    pub const ALL: [Self; 10] = [
        Self::Quarantined,
        Self::Waiting,
        Self::Staged,
        Self::InFlight,
        Self::AwaitingReview,
        Self::Accepted,
        Self::Superseded,
        Self::Rejected,
        Self::Voided,
        Self::Dead,
    ];
}

/// Latest version of one record of a case, at the sender.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseRow {
    /// Type, key, version.
    pub id: RecordId,
    /// Whether this version voids the record.
    pub voided: bool,
    /// Content digest: sees change.
    pub content: Digest,
    /// Facts for cross-stage rules.
    pub facts: Arc<str>,
    /// Where this version is now.
    pub place: Place,
}

/// One valid record on its way into a chunk.
#[derive(Clone, Debug)]
pub struct NewRecord {
    /// Type, key, version. The version is higher than any this store knows of the key.
    pub id: RecordId,
    /// Whether this version voids the record.
    pub voided: bool,
    /// Content digest.
    pub content: Digest,
    /// Record digest (leaf hash of the fragment).
    pub digest: Digest,
    /// Facts for cross-stage rules.
    pub facts: Arc<str>,
    /// Length of its fragment in the chunk.
    pub len: u32,
    /// Set when the record may not be sealed yet.
    pub waits_for: Option<WaitFor>,
    /// Row key at the source, for adapters that write back.
    pub source_row: Option<Arc<str>>,
}

/// What a waiting record waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitFor {
    /// Type of the parent.
    pub kind: Arc<str>,
    /// Key of the parent.
    pub key: Key,
    /// `false`: the parent sealed on the same route is enough (it goes first in the order).
    /// `true`: it must have been accepted (after `parent-missing`).
    pub accepted: bool,
    /// For a parent elsewhere: not looked up here; tried again at this time until `until`.
    pub elsewhere: Option<Elsewhere>,
}

/// Retry schedule of a record whose parent another node owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// Next try.
    pub next: Millis,
    /// After this an envelope names it in `keep_orphans`.
    pub until: Millis,
}

/// Fragments of one run on one route, concatenated in order.
#[derive(Clone, Debug)]
pub struct NewChunk {
    /// Route of every record in it.
    pub route: Route,
    /// Window day of every record in it (day of collection).
    pub day: Day,
    /// Adapter that collected it.
    pub adapter: Arc<str>,
    /// The fragments, back to back, `records[i].len` bytes each.
    pub bytes: Vec<u8>,
    /// One a fragment, in order.
    pub records: Vec<NewRecord>,
}

/// A row or record that may not go up, with every violation.
#[derive(Clone, Debug)]
pub struct NewQuarantine {
    /// Adapter it came through.
    pub adapter: Arc<str>,
    /// Destination and lane it would have taken; counts in this route's window.
    pub route: Route,
    /// Window day.
    pub day: Day,
    /// Where in the source, for people: file and line, or table and row key.
    pub reference: String,
    /// Row key at the source, if it has one (for write-back and for the owner's page).
    pub source_row: Option<Arc<str>>,
    /// Digest of the raw row: the same row is quarantined once.
    pub row_digest: Digest,
    /// Type, key and the version it consumed; absent where the row gives no key.
    pub id: Option<RecordId>,
    /// Content digest of the record, where one could be made: the same content again is no news.
    pub content: Option<Digest>,
    /// What is wrong.
    pub violations: Vec<Violation>,
    /// The rendered fragment where there is one, else the raw cells: what the owner is shown.
    pub raw: Vec<u8>,
}

/// One source row as last seen, for adapters that compare or write back.
#[derive(Clone, Debug)]
pub struct SourceRowMark {
    /// Row key, unique in the adapter.
    pub row: Arc<str>,
    /// Digest of the raw row.
    pub digest: Digest,
    /// Number of the full pass that saw it.
    pub pass: u64,
}

/// One page of a source, turned into records: one transaction of `collect`.
#[derive(Clone, Debug)]
pub struct Collected {
    /// Adapter.
    pub adapter: Arc<str>,
    /// Cursor after this page.
    pub cursor: String,
    /// Now.
    pub now: Millis,
    /// Valid records.
    pub chunks: Vec<NewChunk>,
    /// Invalid ones.
    pub quarantined: Vec<NewQuarantine>,
    /// Rows seen (only for adapters that compare).
    pub rows: Vec<SourceRowMark>,
    /// Rows read and rows that gave nothing new.
    pub rows_read: u64,
    /// Rows whose records were all known already.
    pub rows_unchanged: u64,
}

/// What an adapter has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AdapterProgress {
    /// Adapter.
    pub adapter: String,
    /// Cursor after the last committed page.
    pub cursor: Option<String>,
    /// Rows read since the store was made.
    pub rows_read: u64,
    /// Of these, unchanged.
    pub rows_unchanged: u64,
    /// Records staged.
    pub records: u64,
    /// Records and rows quarantined.
    pub quarantined: u64,
    /// Last commit.
    pub last_at: Option<Millis>,
    /// Set while a guard or an operator holds it, with the reason.
    pub paused: Option<String>,
    /// Write-backs not yet drained.
    pub write_backs: u64,
}

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
    /// Counts by type.
    pub counts: Vec<TypeCount>,
    /// Positions (and what is wrong) that were not accepted, for the pages.
    pub problems: Vec<Problem>,
    /// The receipt's content; absent for a copy kept by a relay.
    pub receipt: Option<NewControl>,
    /// For `keep`: the relay row written by the same fact.
    pub relayed: Option<Relayed>,
    /// The parcel's frame is the only copy of the bytes.
    pub frame: Arc<[u8]>,
    /// Settled-below of the head: receipts for lower sequences may be purged.
    pub settled_below: u64,
    /// Now.
    pub now: Millis,
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

/// A window's sums of one sender, destination and type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Other side: destination (own records) or sender (received ones).
    pub peer: String,
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
