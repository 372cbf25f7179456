//! Where a record is, and what a turn of collect brings.

use std::sync::Arc;

use super::standing::Stands;
use canon::{
    Day, Digest, DigestAlg, Key, Millis, NodeCode, RecordId, Route, Violation, leaf_hashes,
};
use serde::{Deserialize, Serialize};

/// Most records that one fact withdraws.
pub const WITHDRAW_MAX: u32 = 10_000;

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

/// Latest version of one record of a case, at the sender, on its way to one destination.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseRow {
    /// Type, key, version.
    pub id: RecordId,
    /// Where it goes: versions are counted for each destination.
    pub destination: NodeCode,
    /// Whether this version voids the record.
    pub voided: bool,
    /// Content digest: sees change.
    pub content: Digest,
    /// Facts for cross-stage rules.
    pub facts: Arc<str>,
    /// Where this version is now.
    pub place: Place,
}

/// A record that a source row gave, on its way to one destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gave {
    /// The row.
    pub row: Arc<str>,
    /// Type of the record.
    pub kind: Arc<str>,
    /// Its key.
    pub key: Key,
    /// Where it goes.
    pub destination: NodeCode,
}

/// Which rows are meant by [`crate::Store::gave`].
#[derive(Clone, Copy, Debug)]
pub enum GaveOf<'a> {
    /// These rows.
    Rows(&'a [&'a str]),
    /// Rows that gave any record of these cases ([`canon::Key::root`]).
    Cases(&'a [&'a str]),
}

/// A row that gives a record which is known already: nothing goes up, but it leads to the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Adapter that read it.
    pub adapter: Arc<str>,
    /// The row.
    pub row: Arc<str>,
    /// The record in the version that is known.
    pub id: RecordId,
    /// Where it goes.
    pub destination: NodeCode,
}

/// One valid record on its way into a chunk.
#[derive(Clone, Debug)]
pub struct NewRecord {
    /// Type, key, version. The version is higher than any this store knows of the key for the chunk's
    /// destination.
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

impl NewChunk {
    /// Writes down each record's digest. Whoever renders a page leaves them open until here, because
    /// fragments are hashed faster side by side.
    pub fn digest_records(&mut self, alg: DigestAlg) {
        let mut rest = self.bytes.as_slice();
        let cut = self.records.iter().map(|record| {
            let (fragment, after) = rest.split_at(rest.len().min(record.len as usize));
            rest = after;
            fragment
        });
        let fragments: Vec<&[u8]> = cut.collect();
        let digests = leaf_hashes(alg, &fragments);
        self.records.iter_mut().zip(digests).for_each(|(record, digest)| record.digest = digest);
    }
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
    /// Rows that lead to records which are known already (only where rows are linked).
    pub known: Vec<Link>,
    /// Rows seen (only for adapters that compare).
    pub rows: Vec<SourceRowMark>,
    /// Rows read and rows that gave nothing new.
    pub rows_read: u64,
    /// Rows whose records were all known already.
    pub rows_unchanged: u64,
    /// Facts of the source itself that change with the page: what a department posted is taken off
    /// the waiting list, and its answer stands.
    pub stands: Vec<Stands>,
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
