//! What one identity holds, and the bookkeeping that every fact shares.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use canon::{Day, Digest, EnvelopeId, HashSum, Key, Lane, Millis, NodeCode, RecordId, Route};

use crate::error::StoreError;
use crate::lifecycle::OutState;
use crate::types::*;

/// A kept record version, its case first: what one case holds lies together.
pub(super) type RecordKey = (Key, Arc<str>, u32);

/// A type on its way to one destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Strand {
    pub(super) kind: Arc<str>,
    pub(super) to: NodeCode,
}

impl Default for Strand {
    fn default() -> Self {
        Self { kind: Arc::default(), to: NodeCode(Arc::default()) }
    }
}

/// An own record version: each destination has versions of its own.
pub(super) type OwnKey = (Key, Strand, u32);

/// A row of a source: adapter and row key.
pub(super) type RowKey = (Arc<str>, Arc<str>);

/// Where a due parcel stands in line: link, lane, due time, sequence, id, own.
pub(super) type DueKey = (Arc<str>, Lane, Millis, u64, EnvelopeId, bool);

/// A quarantined row is held once for each record it would have given.
pub(super) type HeldKey = (Arc<str>, Digest, Option<(Strand, Key)>);

/// What a record's place follows from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum At {
    Quarantined,
    Voided,
    Waiting,
    Staged,
    /// The envelope's state says it, unless the receipt made an exception.
    Envelope(EnvelopeId),
    Superseded,
    Rejected,
}

/// An own record version.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) route: Arc<Route>,
    pub(super) epoch: u32,
    pub(super) day: Day,
    pub(super) adapter: Arc<str>,
    pub(super) voided: bool,
    pub(super) content: Digest,
    pub(super) digest: Digest,
    pub(super) facts: Arc<str>,
    pub(super) source_row: Option<Arc<str>>,
    pub(super) at: At,
    pub(super) collected_at: Millis,
    /// Every envelope it went up in; more than one after `parent-missing`.
    pub(super) envelopes: Vec<EnvelopeId>,
    /// Of these, those whose destination took it and lost it.
    pub(super) given: Vec<EnvelopeId>,
}

/// A staged record: one range of the ticket.
#[derive(Clone, Debug)]
pub(super) struct Staged {
    pub(super) key: OwnKey,
    pub(super) fragment: Arc<[u8]>,
    pub(super) at: Millis,
    pub(super) orphan: bool,
}

/// A waiting record.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) arrival: i64,
    pub(super) fragment: Arc<[u8]>,
    pub(super) wait: WaitFor,
    pub(super) look_at: Millis,
}

/// An own envelope.
#[derive(Clone, Debug)]
pub(super) struct Out {
    pub(super) env: OutEnvelope,
    pub(super) lane: Lane,
    pub(super) numbering: i64,
    pub(super) head: Vec<u8>,
    /// Until it is sealed.
    pub(super) body: Vec<u8>,
    pub(super) frame: Option<Arc<[u8]>>,
    pub(super) receipt: Option<Arc<[u8]>>,
    pub(super) members: Arc<[OwnKey]>,
    pub(super) answers: Option<EnvelopeId>,
    pub(super) accepted: u64,
    pub(super) rejected: u64,
    pub(super) hop_at: Option<Millis>,
    pub(super) ended_at: Option<Millis>,
    pub(super) due: Option<DueKey>,
    pub(super) overdue: Option<(Millis, EnvelopeId)>,
}

/// A relayed parcel.
#[derive(Clone, Debug)]
pub(super) struct Relay {
    pub(super) row: RelayRow,
    pub(super) kind: Arc<str>,
    pub(super) count: u32,
    pub(super) verified: bool,
    pub(super) attempts: u32,
    pub(super) frame: Option<Arc<[u8]>>,
    pub(super) done_at: Option<Millis>,
    pub(super) due: Option<DueKey>,
}

/// A row of the inbox.
#[derive(Clone, Debug)]
pub(super) struct InboxRow {
    pub(super) arrived: Arrived,
    pub(super) received_at: Millis,
    pub(super) tries: u32,
}

/// Where the receipt of a received envelope is.
#[derive(Clone, Debug)]
pub(super) enum ReceiptAt {
    /// A copy kept by a relay answers nothing.
    None,
    Queued,
    Numbered(EnvelopeId),
}

/// An envelope judged here.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) head_digest: Digest,
    pub(super) day: Day,
    /// Empty once it was given back.
    pub(super) frame: Arc<[u8]>,
    pub(super) kept: Vec<(u32, RecordId)>,
    pub(super) problems: Vec<Problem>,
    pub(super) receipt: ReceiptAt,
    pub(super) at: Millis,
}

/// A kept version.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) digest: Digest,
    pub(super) facts: Arc<str>,
    pub(super) voided: bool,
    pub(super) envelope: EnvelopeId,
    pub(super) index: u32,
}

/// An entry of the problem list.
#[derive(Clone, Debug)]
pub(super) struct ProblemRow {
    pub(super) item: ProblemItem,
    pub(super) raw: Vec<u8>,
    pub(super) record: Option<OwnKey>,
    pub(super) row_digest: Option<Digest>,
    pub(super) source_row: Option<Arc<str>>,
}

/// Sums of a window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) places: [u64; 10],
    pub(super) sum: HashSum,
    pub(super) first: u64,
    pub(super) last: u64,
}

/// A lease as held.
#[derive(Clone, Debug)]
pub(super) struct HeldLease {
    pub(super) holder: String,
    pub(super) token: u64,
    pub(super) until: Millis,
}

/// Numbers of a route.
#[derive(Clone, Debug, Default)]
pub(super) struct RouteRow {
    pub(super) last: u64,
    pub(super) open: BTreeSet<u64>,
}

/// What a link last did.
#[derive(Clone, Debug, Default)]
pub(super) struct LinkRow {
    pub(super) paused: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) last_receipt: Option<Millis>,
}

/// Sequences received of a sender's route.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Every sequence up to this one is here, or final at the sender.
    pub(super) whole: u64,
    pub(super) above: BTreeMap<u64, Millis>,
    pub(super) settled_below: u64,
}

/// A queued write-back.
#[derive(Clone, Debug)]
pub(super) struct WriteBack {
    pub(super) flag: &'static str,
    pub(super) text: String,
    pub(super) attempts: u32,
    pub(super) due_at: Millis,
}

/// Everything one identity holds.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) node: NodeCode,
    pub(super) epoch: u32,
    pub(super) last_now: Millis,
    pub(super) counter: i64,
    pub(super) leases: BTreeMap<String, HeldLease>,
    pub(super) adapters: BTreeMap<Arc<str>, AdapterProgress>,
    pub(super) source_rows: BTreeMap<RowKey, (Digest, u64)>,
    pub(super) records: BTreeMap<OwnKey, Own>,
    pub(super) row_records: BTreeMap<RowKey, BTreeSet<OwnKey>>,
    pub(super) staged: BTreeMap<Arc<Route>, BTreeMap<i64, Staged>>,
    pub(super) waiting: BTreeMap<OwnKey, Waiting>,
    pub(super) waiting_on: BTreeMap<(Key, Strand), BTreeSet<OwnKey>>,
    pub(super) problems: BTreeMap<i64, ProblemRow>,
    pub(super) problems_of: BTreeMap<(Key, Strand), BTreeSet<i64>>,
    pub(super) held: BTreeSet<HeldKey>,
    pub(super) queue: BTreeMap<i64, NewControl>,
    pub(super) routes: BTreeMap<Route, RouteRow>,
    pub(super) out: BTreeMap<EnvelopeId, Out>,
    pub(super) unsigned: BTreeMap<i64, EnvelopeId>,
    pub(super) relays: BTreeMap<EnvelopeId, Relay>,
    pub(super) due: BTreeSet<DueKey>,
    pub(super) overdue: BTreeSet<(Millis, EnvelopeId)>,
    pub(super) links: BTreeMap<Arc<str>, LinkRow>,
    pub(super) inbox: BTreeMap<i64, InboxRow>,
    pub(super) awaiting: BTreeSet<i64>,
    pub(super) submissions: BTreeMap<(i64, u32), Submission>,
    pub(super) received: BTreeMap<EnvelopeId, Received>,
    pub(super) judged: BTreeMap<i64, EnvelopeId>,
    pub(super) kept: BTreeMap<RecordKey, Kept>,
    pub(super) seen: BTreeMap<(NodeCode, u32, Route), Seen>,
    pub(super) write_backs: BTreeMap<RowKey, WriteBack>,
    pub(super) watermarks: BTreeMap<String, i64>,
    pub(super) places: [u64; 10],
    pub(super) tallies: BTreeMap<(Day, Arc<Route>, u32, Arc<str>), Sums>,
    pub(super) tallies_received: BTreeMap<(NodeCode, Day, Route, u32, Arc<str>), Sums>,
    pub(super) leaves: BTreeMap<Window, BTreeMap<Leaf, i64>>,
    pub(super) units: BTreeMap<(Window, String, String), UnitCount>,
    pub(super) manifests: BTreeMap<(Day, NodeCode, NodeCode), (ManifestRow, Vec<Discrepancy>)>,
    pub(super) audit: BTreeMap<i64, (AuditEvent, Digest)>,
    pub(super) standing: BTreeMap<String, Standing>,
    pub(super) baseline: BTreeMap<(Key, Arc<str>, Option<NodeCode>), BaselineRow>,
}

/// A conflict with its particulars.
pub(super) fn conflict(what: &'static str, detail: impl Into<String>) -> StoreError {
    StoreError::Conflict { what, detail: detail.into() }
}

/// A record id in the order of the maps.
pub(super) fn record_key(id: &RecordId) -> RecordKey {
    (id.key.clone(), id.kind.clone(), id.version)
}

/// Back to a record id.
pub(super) fn record_id(key: &RecordKey) -> RecordId {
    RecordId { kind: key.1.clone(), key: key.0.clone(), version: key.2 }
}

/// An own record id to a destination, in the order of the maps.
pub(super) fn own_key(id: &RecordId, to: &NodeCode) -> OwnKey {
    (id.key.clone(), strand(&id.kind, to), id.version)
}

/// A type on its way to a destination.
pub(super) fn strand(kind: &Arc<str>, to: &NodeCode) -> Strand {
    Strand { kind: Arc::clone(kind), to: to.clone() }
}

/// Back to a record id.
pub(super) fn own_id(key: &OwnKey) -> RecordId {
    RecordId { kind: Arc::clone(&key.1.kind), key: key.0.clone(), version: key.2 }
}

/// Where the records of an envelope are, unless its receipt made an exception.
pub(super) const fn envelope_place(state: OutState) -> Place {
    match state {
        OutState::Numbered
        | OutState::Sealed
        | OutState::Sent
        | OutState::RetryWait
        | OutState::Unknown => Place::InFlight,
        OutState::Settled => Place::Accepted,
        OutState::Declined => Place::Rejected,
        OutState::Dead => Place::Dead,
    }
}

impl Identity {
    /// An empty one.
    pub(super) fn new(node: NodeCode, epoch: u32) -> Self {
        Self {
            node,
            epoch,
            last_now: Millis(i64::MIN),
            counter: 0,
            leases: BTreeMap::new(),
            adapters: BTreeMap::new(),
            source_rows: BTreeMap::new(),
            records: BTreeMap::new(),
            row_records: BTreeMap::new(),
            staged: BTreeMap::new(),
            waiting: BTreeMap::new(),
            waiting_on: BTreeMap::new(),
            problems: BTreeMap::new(),
            problems_of: BTreeMap::new(),
            held: BTreeSet::new(),
            queue: BTreeMap::new(),
            routes: BTreeMap::new(),
            out: BTreeMap::new(),
            unsigned: BTreeMap::new(),
            relays: BTreeMap::new(),
            due: BTreeSet::new(),
            overdue: BTreeSet::new(),
            links: BTreeMap::new(),
            inbox: BTreeMap::new(),
            awaiting: BTreeSet::new(),
            submissions: BTreeMap::new(),
            received: BTreeMap::new(),
            judged: BTreeMap::new(),
            kept: BTreeMap::new(),
            seen: BTreeMap::new(),
            write_backs: BTreeMap::new(),
            watermarks: BTreeMap::new(),
            places: [0; 10],
            tallies: BTreeMap::new(),
            tallies_received: BTreeMap::new(),
            leaves: BTreeMap::new(),
            units: BTreeMap::new(),
            manifests: BTreeMap::new(),
            audit: BTreeMap::new(),
            standing: BTreeMap::new(),
            baseline: BTreeMap::new(),
        }
    }

    /// The time of a fact: never below the last.
    pub(super) fn tick(&mut self, now: Millis) -> Millis {
        self.last_now = self.last_now.max(now);
        self.last_now
    }

    /// The next number of anything numbered here.
    pub(super) fn next_number(&mut self) -> i64 {
        self.counter += 1;
        self.counter
    }

    /// Takes, renews or refuses a lease.
    pub(super) fn lease(
        &mut self,
        name: &str,
        holder: &str,
        now: Millis,
        ttl_ms: i64,
    ) -> Option<Lease> {
        let now = self.tick(now);
        let row = self.leases.entry(name.to_owned()).or_insert(HeldLease {
            holder: holder.to_owned(),
            token: 1,
            until: now,
        });
        if row.holder != holder {
            if row.until > now {
                return None;
            }
            row.holder = holder.to_owned();
            row.token += 1;
        }
        row.until = now.plus(ttl_ms);
        Some(Lease::whole(name, row.token))
    }

    /// Every lease.
    pub(super) fn lease_rows(&self) -> Vec<LeaseRow> {
        let row = |(name, held): (&String, &HeldLease)| LeaseRow {
            name: name.clone(),
            holder: held.holder.clone(),
            token: held.token,
            until: held.until,
        };
        self.leases.iter().map(row).collect()
    }

    /// Refuses a commit whose lease was taken over.
    pub(super) fn check_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        for (name, token) in lease.rows() {
            if self.leases.get(&*name).is_none_or(|row| row.token != token) {
                return Err(StoreError::LeaseLost(name.into_owned()));
            }
        }
        Ok(())
    }

    /// Refuses a commit whose inbox row is gone.
    pub(super) fn check_inbox(&self, inbox_id: i64) -> Result<(), StoreError> {
        if self.inbox.contains_key(&inbox_id) {
            Ok(())
        } else {
            Err(conflict("inbox", format!("row {inbox_id} is gone")))
        }
    }

    /// Queues control contents that no other fact causes.
    pub(super) fn queue_controls(&mut self, controls: Vec<NewControl>, now: Millis) {
        self.tick(now);
        self.enqueue(controls);
    }

    /// Queued control contents, oldest first.
    pub(super) fn queued_controls(&self, slots: Slots, limit: u32) -> Vec<QueuedControl> {
        let wanted = |c: &NewControl| slots.has(slot_of_lane(&c.to, Lane::Control));
        let first = self.queue.iter().filter(|(_, c)| wanted(c)).take(limit as usize);
        first.map(|(id, c)| QueuedControl { queue_id: *id, control: c.clone() }).collect()
    }

    /// Moves a watermark, never back.
    pub(super) fn commit_delivered(
        &mut self,
        lease: &Lease,
        sink: &str,
        watermark: i64,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.check_lease(lease)?;
        self.tick(now);
        let mark = self.watermarks.entry(sink.to_owned()).or_default();
        *mark = watermark.max(*mark);
        Ok(())
    }

    /// Queues control contents.
    pub(super) fn enqueue(&mut self, controls: Vec<NewControl>) {
        for control in controls {
            let number = self.next_number();
            self.queue.insert(number, control);
        }
    }
}

/// Everything of a case in a map whose keys begin with the case.
pub(super) fn of_root<'a, S: Ord + Default, V>(
    map: &'a BTreeMap<(Key, S, u32), V>,
    root: &str,
) -> impl Iterator<Item = (&'a (Key, S, u32), &'a V)> {
    let root: Arc<str> = root.into();
    let from = (Key::from_columns(root.clone(), ""), S::default(), 0);
    map.range(from..).take_while(move |(k, _)| k.0.root() == &*root)
}
