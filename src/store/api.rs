//! The trait: what a node's workers ask of their store. One method, one atomic fact.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use canon::{Day, Digest, EnvelopeId, Lane, Millis, NodeCode, RecordId, Route};

use crate::error::StoreError;
use crate::types::*;
use crate::{
    AccountFacts, ArchiveFacts, FigureFacts, OutletFacts, PageFacts, RestoreFacts, WindowFacts,
};

/// What every method returns: boxed, `Send`, ready at first poll in memory.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Facts of one identity. A back end that holds several identities gives one handle for each; no handle
/// sees another's facts. Times are arguments. A store never takes a `now` below its last: it uses the higher one.
pub trait Store:
    RestoreFacts
    + OutletFacts
    + ArchiveFacts
    + WindowFacts
    + AccountFacts
    + FigureFacts
    + PageFacts
    + Send
    + Sync
{
    // ── leases ──────────────────────────────────────────────────────────────────────────────

    /// Takes or renews a lease: its holder keeps the token, another gets a higher one after its end.
    fn lease<'a>(
        &'a self,
        name: &'a str,
        holder: &'a str,
        now: Millis,
        ttl_ms: i64,
    ) -> StoreFuture<'a, Option<Lease>>;

    /// [`Store::lease`] for each of several names, in their order. With a life of 0 a lease is given
    /// back: it is good until somebody takes it, and anybody may.
    fn leases<'a>(
        &'a self,
        names: &'a [String],
        holder: &'a str,
        now: Millis,
        ttl_ms: i64,
    ) -> StoreFuture<'a, Vec<Option<Lease>>> {
        Box::pin(async move {
            let mut out = Vec::with_capacity(names.len());
            for name in names {
                out.push(self.lease(name, holder, now, ttl_ms).await?);
            }
            Ok(out)
        })
    }

    /// Every lease, those that ran out too, in name order.
    fn lease_rows(&self) -> StoreFuture<'_, Vec<LeaseRow>>;

    // ── collect ─────────────────────────────────────────────────────────────────────────────

    /// What this adapter has done so far (default values if it never ran).
    fn adapter<'a>(&'a self, adapter: &'a str) -> StoreFuture<'a, AdapterProgress>;
    /// Pauses (with a reason) or resumes an adapter.
    fn pause_adapter<'a>(
        &'a self,
        adapter: &'a str,
        reason: Option<&'a str>,
        now: Millis,
    ) -> StoreFuture<'a, ()>;

    /// Latest versions of every collected record of these cases ([`canon::Key::root`]).
    fn cases<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<CaseRow>>;

    /// Digests of source rows as last seen, for the given row keys (absent ones left out).
    fn source_rows<'a>(
        &'a self,
        adapter: &'a str,
        rows: &'a [&'a str],
    ) -> StoreFuture<'a, Vec<SourceRowMark>>;

    /// Source rows whose key begins with `prefix` (those of one table) and that were last seen in
    /// one of these full passes, at most `limit`.
    fn vanished<'a>(
        &'a self,
        adapter: &'a str,
        prefix: &'a str,
        passes: Range<u64>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<SourceRowMark>>;

    /// Records that source rows gave, of rows that are linked ([`NewRecord::source_row`], [`Link`]).
    fn gave<'a>(&'a self, adapter: &'a str, of: GaveOf<'a>) -> StoreFuture<'a, Vec<Gave>>;

    /// Forgets vanished rows once they were dealt with.
    fn forget_rows<'a>(&'a self, adapter: &'a str, rows: &'a [&'a str]) -> StoreFuture<'a, ()>;

    /// One page of a source: chunks, records, quarantine, cursor. Records that wait for a parent
    /// this page brings (or that is staged, sealed or accepted already) are released by the same
    /// fact. A quarantined row whose (adapter, row digest) is held already is not listed twice.
    /// An older quarantined or rejected version of a key is marked cured by a newer staged one.
    fn commit_collected<'a>(&'a self, lease: &'a Lease, page: Collected) -> StoreFuture<'a, ()>;

    /// Re-examines waiting records that are due for it: those whose parent is now staged, in
    /// flight (where that is enough) or accepted are staged; orphans past their time are staged as
    /// such; the others get a later time. Returns how many were staged.
    fn release_waiting<'a>(&'a self, now: Millis, limit: u32) -> StoreFuture<'a, u64>;

    /// Withdraws (停报), audited, at most [`WITHDRAW_MAX`] versions that wait for their parent there.
    fn withdraw_waiting<'a>(&'a self, to: &'a NodeCode, audit: AuditEvent) -> StoreFuture<'a, u64>;

    // ── seal ────────────────────────────────────────────────────────────────────────────────

    /// Routes with staged records: how many, and since when the oldest waits.
    fn staged_routes(&self) -> StoreFuture<'_, Vec<(Route, u64, Millis)>>;

    /// The first staged records of a route, of one day, in order, within both limits (at least
    /// one). Changes nothing.
    fn staged_batch<'a>(
        &'a self,
        route: &'a Route,
        records_max: u32,
        bytes_max: u64,
    ) -> StoreFuture<'a, Option<StagedBatch>>;

    /// Queued control contents of these slots ([`slot_of_lane`] of their destination, control
    /// lane), oldest first.
    fn queued_controls(&self, slots: Slots, limit: u32) -> StoreFuture<'_, Vec<QueuedControl>>;

    /// Queues control contents that no other fact causes (inquiries, manifests, notices).
    fn queue_controls(&self, controls: Vec<NewControl>, now: Millis) -> StoreFuture<'_, ()>;

    /// Counters of a route.
    fn counters<'a>(&'a self, route: &'a Route) -> StoreFuture<'a, RouteCounters>;

    /// Envelopes take their numbers: counter + 1 each, head fixed, content consumed, state
    /// `numbered`. All or none; `Conflict` if a sequence is not the next or a ticket is stale.
    fn number<'a>(
        &'a self,
        lease: &'a Lease,
        envelopes: Vec<NewEnvelope>,
        now: Millis,
    ) -> StoreFuture<'a, ()>;

    /// Envelopes of these slots ([`slot_of_route`]) numbered and not sealed: after a crash whoever
    /// holds the lease signs the same heads.
    fn numbered(&self, slots: Slots, limit: u32) -> StoreFuture<'_, Vec<Numbered>>;

    /// Stores frames; state `sealed`, due now. A chunk goes with its last record.
    fn sealed<'a>(
        &'a self,
        lease: &'a Lease,
        sealed: Vec<Sealed>,
        now: Millis,
    ) -> StoreFuture<'a, ()>;

    // ── dispatch ────────────────────────────────────────────────────────────────────────────

    /// Parcels due on a link and lane, within both limits (at least one): own and relayed ones in
    /// turn, each oldest first. Empty while the link is paused.
    fn due<'a>(
        &'a self,
        link: &'a str,
        lane: Lane,
        now: Millis,
        parcels_max: u32,
        bytes_max: u64,
    ) -> StoreFuture<'a, Vec<DueParcel>>;

    /// Attempt rows and state changes of parcels handed to a carrier. A confirmed own control
    /// parcel is settled; a confirmed relayed control parcel is done and its bytes go.
    fn attempted<'a>(
        &'a self,
        lease: &'a Lease,
        attempts: Vec<Attempted>,
        now: Millis,
    ) -> StoreFuture<'a, ()>;

    /// Own records envelopes of a route that are not final and due before `until` are due then, and
    /// no attempt is counted: the receiver asked to wait. Those not sent yet get the reason. Returns
    /// how many were put off.
    fn defer_route<'a>(
        &'a self,
        route: &'a Route,
        until: Millis,
        reason: &'a str,
        now: Millis,
    ) -> StoreFuture<'a, u64>;

    /// Pauses (with a reason) or resumes a link.
    fn pause_link<'a>(
        &'a self,
        link: &'a str,
        reason: Option<&'a str>,
        now: Millis,
    ) -> StoreFuture<'a, ()>;

    // ── receive ─────────────────────────────────────────────────────────────────────────────

    /// Parcels into the inbox. A parcel (same frame digest) still waiting there is not added twice.
    fn admit(&self, parcels: Vec<Arrived>, now: Millis) -> StoreFuture<'_, ()>;

    /// Parcels in the inbox by the sender their outside names, in sender order.
    fn inbox_depths(&self) -> StoreFuture<'_, Vec<(NodeCode, u64)>>;

    /// Claims inbox rows for a worker, oldest first, taking senders in turn; first commits
    /// `tries + 1`. Parcels of the bulk lane come only behind all others, and at most an eighth of
    /// `limit` (at least one), so that what comes next in the live lane never waits for more. Only of
    /// senders whose slot ([`slot_of_sender`]) the lease covers.
    fn claim_inbox<'a>(
        &'a self,
        lease: &'a Lease,
        which: InboxFor,
        limit: u32,
        now: Millis,
    ) -> StoreFuture<'a, Vec<InboxParcel>>;

    /// Consumes an inbox row without any other effect (a doubled control parcel).
    fn drop_inbox<'a>(&'a self, lease: &'a Lease, inbox_id: i64) -> StoreFuture<'a, ()>;

    // ── accept ──────────────────────────────────────────────────────────────────────────────

    /// What is known of an envelope.
    fn admission<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<Admission>>;

    /// Highest epoch seen of a sender; 0 if none.
    fn highest_epoch<'a>(&'a self, sender: &'a NodeCode) -> StoreFuture<'a, u32>;

    /// Every kept version of these cases' records.
    fn kept_cases<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<KeptRow>>;

    /// An envelope judged: kept rows, counts, receipt content, frame, inbox row consumed. A
    /// `Conflict` if it stands on kept rows ([`Saw`]) and there are others by now.
    fn commit_judged<'a>(&'a self, lease: &'a Lease, judged: Judged) -> StoreFuture<'a, ()>;

    /// A duplicate: the sealed receipt of that envelope is due again (same bytes); inbox row
    /// consumed. If the receipt is still queued, nothing more is needed.
    fn commit_duplicate<'a>(
        &'a self,
        lease: &'a Lease,
        inbox_id: i64,
        id: &'a EnvelopeId,
        now: Millis,
    ) -> StoreFuture<'a, ()>;

    /// The sealed receipt of a judged envelope is due again (an inquiry asked for it).
    fn receipt_again<'a>(
        &'a self,
        lease: &'a Lease,
        id: &'a EnvelopeId,
        now: Millis,
    ) -> StoreFuture<'a, ()>;

    /// A parcel that does not verify, or is poison: set aside, audited, refusal queued.
    fn commit_refused<'a>(
        &'a self,
        lease: &'a Lease,
        refused: RefusedParcel,
    ) -> StoreFuture<'a, ()>;

    // ── relay ───────────────────────────────────────────────────────────────────────────────

    /// A parcel for another node: relay row due on its link, hop receipts queued, inbox row
    /// consumed. The same envelope again (same head digest) becomes due again.
    fn commit_relayed<'a>(&'a self, lease: &'a Lease, relayed: Relayed) -> StoreFuture<'a, ()>;

    /// The relay row of an envelope.
    fn relay_row<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<RelayRow>>;

    /// A hop receipt: relay row `hop_receipted` (previous node), or progress on an own envelope
    /// (origin). Inbox row consumed.
    fn commit_hop<'a>(
        &'a self,
        lease: &'a Lease,
        inbox_id: i64,
        id: &'a EnvelopeId,
        hop: (&'a NodeCode, &'a str),
        kept: Option<Stands>,
        now: Millis,
    ) -> StoreFuture<'a, ()>;

    /// The destination's receipt for this envelope passed by: its relay row is done, its bytes may
    /// go.
    fn relay_done<'a>(&'a self, id: &'a EnvelopeId, now: Millis) -> StoreFuture<'a, ()>;

    // ── settle ──────────────────────────────────────────────────────────────────────────────

    /// An own envelope.
    fn outbound<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<OutEnvelope>>;

    /// Members of an own records envelope, in order.
    fn members<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Vec<Member>>;

    /// Frames kept here for an envelope, own or received.
    fn frames<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<StoredFrames>>;

    /// A verified receipt: envelope final, exceptions placed, sums, write-backs; inbox row
    /// consumed. `false` and no effect besides if the envelope was final already.
    fn commit_settled<'a>(
        &'a self,
        lease: &'a Lease,
        settlement: Settlement,
    ) -> StoreFuture<'a, bool>;

    /// A state change of an own envelope that no receipt causes (refusal, overdue, answer to an
    /// inquiry, operator), with its reason and next time; consumes `inbox_id` if given; queues
    /// `controls` (an inquiry). `false` if the lifecycle has no such step.
    fn commit_event<'a>(
        &'a self,
        lease: &'a Lease,
        id: &'a EnvelopeId,
        event: EventOn,
    ) -> StoreFuture<'a, bool>;

    /// Own records envelopes in `sent` whose receipt is overdue, or in `unknown` and due for the
    /// next inquiry.
    fn overdue(&self, now: Millis, limit: u32) -> StoreFuture<'_, Vec<OutEnvelope>>;

    /// Own envelopes of a route, for answers to gap inquiries.
    fn outbound_range<'a>(
        &'a self,
        route: &'a Route,
        first: u64,
        last: u64,
        limit: u32,
    ) -> StoreFuture<'a, Vec<OutEnvelope>>;

    // ── write-back ──────────────────────────────────────────────────────────────────────────

    /// Write-backs due for an adapter.
    fn write_backs<'a>(
        &'a self,
        adapter: &'a str,
        now: Millis,
        limit: u32,
    ) -> StoreFuture<'a, Vec<WriteBackDue>>;

    /// What became of them.
    fn commit_write_backs<'a>(
        &'a self,
        adapter: &'a str,
        done: Vec<WriteBackDone>,
        now: Millis,
    ) -> StoreFuture<'a, ()>;

    // ── deliver ─────────────────────────────────────────────────────────────────────────────

    /// A sink's watermark.
    fn watermark<'a>(&'a self, sink: &'a str) -> StoreFuture<'a, i64>;

    /// Judged envelopes after an ordinal, in order.
    fn judged_after(&self, ordinal: i64, limit: u32) -> StoreFuture<'_, Vec<JudgedEnvelope>>;

    /// Moves a sink's watermark forward; never back.
    fn commit_delivered<'a>(
        &'a self,
        lease: &'a Lease,
        sink: &'a str,
        watermark: i64,
        now: Millis,
    ) -> StoreFuture<'a, ()>;

    // ── reconcile ───────────────────────────────────────────────────────────────────────────

    /// Sums of own records collected on a day, by route and type (counted from the facts,
    /// kept up to date as they commit).
    fn tallies(&self, day: Day) -> StoreFuture<'_, Vec<Tally>>;

    /// Sums of what one sender's windows brought here, by route and type.
    fn tallies_received<'a>(
        &'a self,
        sender: &'a NodeCode,
        day: Day,
    ) -> StoreFuture<'a, Vec<Tally>>;

    /// Days with own records or an earlier manifest whose latest manifest is not final, up to and
    /// including `until`, with the latest revision issued (0: none).
    fn open_days(&self, until: Day) -> StoreFuture<'_, Vec<(Day, u32)>>;

    /// Stores a manifest issued here (queues `control`) or received (consumes `inbox_id`), and the
    /// discrepancies that follow, replacing those of an earlier revision.
    fn commit_manifest(
        &self,
        manifest: ManifestRow,
        discrepancies: Vec<Discrepancy>,
        control: Vec<NewControl>,
        inbox_id: Option<i64>,
    ) -> StoreFuture<'_, ()>;

    /// Latest manifests of a day: issued here and received.
    fn manifests(&self, day: Day) -> StoreFuture<'_, Vec<ManifestRow>>;

    /// Discrepancies of a day.
    fn discrepancies(&self, day: Day) -> StoreFuture<'_, Vec<Discrepancy>>;

    /// Sequence gaps of senders older than `before`.
    fn gaps(&self, before: Millis, limit: u32) -> StoreFuture<'_, Vec<Gap>>;

    /// Sequences that their sender says will never come: they are no gap any more.
    fn close_gap<'a>(
        &'a self,
        lease: &'a Lease,
        gap: &'a NeverComing,
        now: Millis,
    ) -> StoreFuture<'a, ()>;

    // ── what stands ─────────────────────────────────────────────────────────────────────────

    /// What stands under names that begin with `prefix`, in name order.
    fn standing<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, Vec<Standing>>;

    /// The names of at most `limit` of them, what stands longest first: texts may be large.
    fn standing_names<'a>(
        &'a self,
        prefix: &'a str,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StandingName>>;

    /// Makes a text stand under a name; none takes it back.
    fn stand<'a>(
        &'a self,
        name: &'a str,
        text: Option<&'a str>,
        now: Millis,
    ) -> StoreFuture<'a, ()>;

    // ── baseline ────────────────────────────────────────────────────────────────────────────

    /// Marks records as reported before. A key that was collected here is left out. A key marked
    /// before keeps its day; a content digest, a higher version and a report date are taken over.
    /// Returns how many keys were marked for the first time.
    fn import_baseline(&self, rows: Vec<BaselineRow>, now: Millis) -> StoreFuture<'_, u64>;

    /// The marks of these cases' records, in key order.
    fn baseline<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<BaselineRow>>;

    /// Marks by type and day.
    fn baseline_counts(&self) -> StoreFuture<'_, Vec<BaselineCount>>;

    // ── sweep ───────────────────────────────────────────────────────────────────────────────
    /// Deletes what may go, at most `limit` rows: bytes of relayed parcels done before `before`,
    /// settled control envelopes and their attempts. Never what is unsettled.
    fn purge(&self, before: Millis, limit: u32) -> StoreFuture<'_, u64>;

    // ── people ──────────────────────────────────────────────────────────────────────────────
    /// The node's numbers now.
    fn status(&self) -> StoreFuture<'_, NodeStatus>;

    /// Counts by place, counted record by record (S1; a full scan, for tests and drills).
    fn census(&self) -> StoreFuture<'_, [u64; 10]>;

    /// Everything known here of a case number, oldest first.
    fn trace<'a>(&'a self, number: &'a str) -> StoreFuture<'a, Vec<TraceStep>>;

    /// Problems (问题数据): quarantined here, rejected above, refused parcels.
    fn problems(&self, filter: ProblemFilter) -> StoreFuture<'_, Vec<ProblemItem>>;

    /// The raw row or fragment of a problem.
    fn problem_raw(&self, number: i64) -> StoreFuture<'_, Option<Vec<u8>>>;

    /// Acts on problems and audits it. Returns how many changed. `Return` queues the write-back of
    /// rows that have one; `Resubmit` forgets row digest and content digest so that the next read
    /// collects the row as a new version.
    fn act_on_problems<'a>(
        &'a self,
        numbers: &'a [i64],
        action: ProblemAction,
        audit: AuditEvent,
    ) -> StoreFuture<'a, u64>;

    /// Appends an audit event to the hash chain.
    fn audit(&self, event: AuditEvent) -> StoreFuture<'_, ()>;

    /// Audit events after a number, with the chain digest of each.
    fn audit_after(
        &self,
        after: i64,
        limit: u32,
    ) -> StoreFuture<'_, Vec<(i64, AuditEvent, Digest)>>;

    /// Where one own record version is now on its way to a destination.
    fn place<'a>(&'a self, id: &'a RecordId, to: &'a NodeCode) -> StoreFuture<'a, Option<Place>>;
}

/// A shared store.
pub type SharedStore = Arc<dyn Store>;
