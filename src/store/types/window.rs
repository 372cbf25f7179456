//! What is known of a window below its sums: its leaves, how they are summed up by prefix, and what is
//! outstanding.

use canon::{Day, Digest, EnvelopeId, HashSum, Millis, NodeCode, RecordId, key_place};

use super::{AuditEvent, NewControl, Place, Stands};

/// Whose books a window stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BookSide {
    /// Own records, by destination: accepted and superseded by verified receipts.
    Own,
    /// Received ones, by sender: answered so.
    Received,
}

/// One day of one pair of nodes, in one of the books.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// Whose books.
    pub side: BookSide,
    /// The day.
    pub day: Day,
    /// The other node.
    pub peer: NodeCode,
}

/// A record version that counts in a window's sum.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leaf {
    /// Place of its key.
    pub place: u64,
    /// The part of the record digest that is summed up.
    pub digest: [u8; 16],
    /// Type, key, version.
    pub id: RecordId,
}

impl Leaf {
    /// Of a record.
    pub fn new(id: &RecordId, digest: &Digest) -> Self {
        let mut first = [0; 16];
        first.copy_from_slice(&digest.bytes[..16]);
        Self {
            place: key_place(&id.kind, id.key.root(), id.key.part()),
            digest: first,
            id: id.clone(),
        }
    }

    /// What it adds to a sum.
    pub fn sum(&self) -> HashSum {
        HashSum::from_slice(&self.digest).unwrap_or_default()
    }
}

/// How many leaves begin with a prefix, and their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum: HashSum,
}

impl Bucket {
    /// Adds another.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum.merge(&other.sum);
    }
}

/// One record of a day that is not accepted yet, or never will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outstanding {
    /// Record id as text; for a row that gave no record, where it is in the source.
    pub record: String,
    /// Where it goes.
    pub destination: NodeCode,
    /// Where it is.
    pub place: Place,
    /// Its envelope, if it is in one.
    pub envelope: Option<EnvelopeId>,
    /// Stable code of the reason, if there is one.
    pub reason: String,
}

/// Where a record version is on its way to a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The place.
    pub place: Place,
    /// The envelope it went up in last, and its position there.
    pub envelope: Option<(EnvelopeId, u32)>,
}

/// What a step of a correspondence changes: all of it or nothing.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Inbox row it consumes.
    pub inbox_id: Option<i64>,
    /// What stands from now on.
    pub stands: Vec<Stands>,
    /// Control contents to queue.
    pub controls: Vec<NewControl>,
    /// Recorded in the audit.
    pub audit: Option<AuditEvent>,
    /// Now.
    pub now: Millis,
}
