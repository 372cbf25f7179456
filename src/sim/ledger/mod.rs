//! The ledger: what really was committed, at which node, written down as it happens and held against
//! the invariants at once. It believes no worker and no store: it only sees the facts pass.

mod bounds;
mod facts;

pub use bounds::{ELSEWHERE, HELD};

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use canon::{Digest, EnvelopeId, Millis, NodeCode, RecordId};
use exchange::Limits;
use store::InboxParcel;

use crate::guarded::{After, Fact};
use crate::invariant::{Broken, Invariant};
use crate::sink::SharedShelf;

/// Type and written key of a record.
pub(crate) type Name = (Arc<str>, String);

/// What each machine that used a number has under it: more than one only where there was a second.
type ByMachine<T> = Vec<(NodeCode, Arc<[T]>)>;

/// What one node has committed. It goes back with a backup.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// Cursor of each adapter.
    cursors: BTreeMap<Arc<str>, u64>,
    /// Parcels that came into the inbox.
    admitted: BTreeSet<EnvelopeId>,
    /// Envelopes that took effect here.
    judged: BTreeSet<EnvelopeId>,
    /// Digests of records that are kept here.
    kept: BTreeSet<Digest>,
    /// Highest kept version of each record, and whose it is.
    versions: HashMap<Name, (u32, NodeCode)>,
    /// Highest version collected.
    collected: HashMap<Name, u32>,
    /// Records that were numbered here.
    numbered: BTreeSet<Name>,
    /// Last sequence of each epoch and route.
    sequences: BTreeMap<(u32, String), u64>,
    /// Envelopes whose receipt was numbered here.
    receipts: BTreeMap<EnvelopeId, EnvelopeId>,
    /// Own envelopes that are final.
    settled: BTreeSet<EnvelopeId>,
    /// Watermark of each sink.
    watermarks: BTreeMap<String, i64>,
    /// Content of the last version of each record, while reading it again is no news.
    contents: HashMap<Name, Digest>,
    /// Own sequences that are not final, by epoch and route.
    open: BTreeMap<(u32, String), BTreeSet<u64>>,
    /// Inquiries by what they ask: since when, and how many.
    asked: HashMap<Vec<u8>, (Millis, u64)>,
    /// Inbox rows claimed here, and whether their bytes are their origin's.
    claimed: HashMap<i64, (EnvelopeId, bool)>,
    /// Something was committed since it was looked at last.
    dirty: bool,
}

/// The whole world's ledger.
#[derive(Debug)]
pub struct Ledger {
    books: BTreeMap<NodeCode, Book>,
    /// Frames as their origins sealed them.
    frames: HashMap<EnvelopeId, ByMachine<u8>>,
    /// Records of own envelopes, in order.
    members: HashMap<EnvelopeId, ByMachine<Digest>>,
    /// Which record a digest is.
    records: HashMap<Digest, RecordId>,
    /// Every record that was ever kept at a node, whatever became of the node.
    ever_kept: BTreeMap<NodeCode, BTreeSet<Digest>>,
    shelves: BTreeMap<NodeCode, SharedShelf>,
    /// Parcels that the carrier has confirmed.
    confirmed: BTreeSet<EnvelopeId>,
    /// When records envelopes were numbered.
    numbered_at: HashMap<EnvelopeId, Millis>,
    limits: Limits,
    /// Cases that go on at another node than where they began.
    elsewhere: BTreeSet<String>,
    /// What went over each link, where somebody wants to know.
    pub carried: Option<crate::world::Carried>,
    /// Clocks jump: nobody's patience can be measured.
    pub jumps: bool,
    /// The first thing that broke.
    pub broken: Option<Broken>,
    /// The step under way.
    pub step: u64,
    /// Now.
    pub now: Millis,
    /// Records envelopes that were settled.
    pub lives: u64,
    /// Parcels set aside, by code.
    pub refused: BTreeMap<String, u64>,
    /// Every fact in a line, for whoever wants to read it.
    pub diary: Option<Vec<String>>,
}

/// The ledger as everybody sees it.
pub type SharedLedger = Arc<Mutex<Ledger>>;

/// Looks at it.
pub fn look(ledger: &SharedLedger) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What to write down once a fact is committed at a node.
pub(crate) fn about(ledger: &SharedLedger, node: &NodeCode, fact: Fact<'_>) -> Option<After> {
    let write = facts::of(fact)?;
    let line = look(ledger).diary.is_some().then(|| facts::told(fact));
    let (ledger, node) = (Arc::clone(ledger), node.clone());
    Some(Box::new(move |took| {
        if took {
            let mut ledger = look(&ledger);
            ledger.tell(&node, line);
            ledger.book(&node).dirty = true;
            write(&mut ledger, &node);
        }
    }))
}

impl Ledger {
    /// An empty one for a world with these limits.
    pub fn new(limits: Limits) -> Self {
        Self {
            books: BTreeMap::new(),
            frames: HashMap::new(),
            members: HashMap::new(),
            records: HashMap::new(),
            ever_kept: BTreeMap::new(),
            shelves: BTreeMap::new(),
            confirmed: BTreeSet::new(),
            numbered_at: HashMap::new(),
            limits,
            elsewhere: BTreeSet::new(),
            carried: None,
            jumps: false,
            broken: None,
            step: 0,
            now: Millis(0),
            lives: 0,
            refused: BTreeMap::new(),
            diary: None,
        }
    }

    /// A line of the diary, if one is kept.
    pub fn tell(&mut self, node: &NodeCode, line: Option<String>) {
        let (step, now) = (self.step, self.now);
        if let (Some(diary), Some(line)) = (&mut self.diary, line) {
            diary.push(format!("{step:6} {now} {node}: {line}"));
        }
    }

    /// A node's sink puts things there.
    pub fn shelf(&mut self, node: &NodeCode, shelf: &SharedShelf) {
        self.shelves.insert(node.clone(), Arc::clone(shelf));
    }

    /// A case goes on at another node than where it began.
    pub fn begun_elsewhere(&mut self, root: &str) {
        self.elsewhere.insert(root.to_owned());
    }

    /// Whether it does.
    pub fn is_elsewhere(&self, root: &str) -> bool {
        self.elsewhere.contains(root)
    }

    /// An insider's parcel: it is what its signer made, whatever it says.
    pub fn made(&mut self, id: &EnvelopeId, frame: &Arc<[u8]>) {
        let by = id.sender.clone();
        self.frames.entry(id.clone()).or_default().push((by, Arc::clone(frame)));
    }

    /// Something did not hold.
    pub fn breaks(&mut self, invariant: Invariant, node: &NodeCode, what: impl Into<String>) {
        if self.broken.is_none() {
            let (node, what) = (node.to_string(), what.into());
            let (step, at) = (self.step, self.now);
            self.broken = Some(Broken { invariant, node, what, step, at });
        }
    }

    /// Holds, or is broken.
    pub(crate) fn holds(
        &mut self,
        holds: bool,
        invariant: Invariant,
        node: &NodeCode,
        what: impl FnOnce() -> String,
    ) {
        if !holds && self.broken.is_none() {
            let what = what();
            self.breaks(invariant, node, what);
        }
    }

    pub(crate) fn book(&mut self, node: &NodeCode) -> &mut Book {
        // A book is made once for each node.
        if !self.books.contains_key(node) {
            self.books.insert(node.clone(), Book::default());
        }
        self.books.entry(node.clone()).or_default()
    }

    /// Whether a node has committed something since the last asking.
    pub fn take_dirty(&mut self, node: &NodeCode) -> bool {
        std::mem::take(&mut self.book(node).dirty)
    }

    /// A copy of what a node has committed, beside its backup.
    pub fn image(&mut self, node: &NodeCode) -> Book {
        self.book(node).clone()
    }

    /// The node's store was replaced by that of its backup.
    pub fn restored(&mut self, node: &NodeCode, image: Book) {
        let mut book = image;
        // Another life: what it adopts, it has not collected.
        book.contents.clear();
        // What went up since is not forgotten by whoever has it, and the node adopts it.
        book.numbered.append(&mut self.book(node).numbered);
        self.books.insert(node.clone(), book);
    }

    /// Inbox rows that a worker claimed at a node.
    pub(crate) fn claimed(&mut self, node: &NodeCode, parcels: &[InboxParcel]) {
        self.claimed_within(node, parcels);
        for parcel in parcels {
            let id = parcel.arrived.id.clone();
            let genuine = self.is_genuine(&id, &parcel.arrived.frame);
            self.book(node).claimed.insert(parcel.inbox_id, (id, genuine));
        }
    }

    /// Whether exactly this package was sealed under this number. A byte of a frame that says only how large
    /// a window unpacking needs may be damaged on the way, and nothing of the package is.
    fn is_genuine(&self, id: &EnvelopeId, frame: &Arc<[u8]>) -> bool {
        let open = |frame: &[u8]| envelope::open_frame(frame, self.limits.package_bytes_max).ok();
        let all = self.frames.get(id).map_or(&[][..], Vec::as_slice);
        all.iter().any(|(_, f)| f == frame)
            || open(frame).is_some_and(|p| all.iter().any(|(_, f)| open(f).as_ref() == Some(&p)))
    }

    /// The carrier has said that it has a parcel.
    pub(crate) fn confirmed(&mut self, id: &EnvelopeId) {
        self.confirmed.insert(id.clone());
    }

    /// A node lets the carrier forget a parcel.
    pub(crate) fn acknowledged(&mut self, node: &NodeCode, id: &EnvelopeId) {
        let there = self.book(node).admitted.contains(id);
        self.holds(there, Invariant::S5, node, || {
            format!("{id} was acknowledged, and nothing of it is committed")
        });
    }

    /// Whether exactly this record is kept at a node now.
    pub fn keeps(&self, node: &NodeCode, record: &Digest) -> bool {
        self.books.get(node).is_some_and(|b| b.kept.contains(record))
    }

    /// A second machine begins with all that the first has committed.
    pub fn copied(&mut self, node: &NodeCode, book: &NodeCode) {
        let image = self.book(node).clone();
        self.books.insert(book.clone(), image);
    }

    /// Which record has this digest.
    pub fn record(&self, digest: &Digest) -> Option<&RecordId> {
        self.records.get(digest)
    }
}
