//! The trait, method by method: each is one function of an identity.

use std::ops::Range;

use canon::{Day, Digest, EnvelopeId, Lane, Millis, NodeCode, RecordId, Route};

use super::MemoryStore;
use super::state::own_key;
use crate::api::{Store, StoreFuture};
use crate::plain::{Plain, refs};
use crate::types::*;

impl Store for MemoryStore {
    fn lease<'a>(
        &'a self,
        name: &'a str,
        holder: &'a str,
        now: Millis,
        ttl_ms: i64,
    ) -> StoreFuture<'a, Option<Lease>> {
        self.tell(move |s| s.lease(name, holder, now, ttl_ms))
    }
    fn lease_rows(&self) -> StoreFuture<'_, Vec<LeaseRow>> {
        self.tell(|s| s.lease_rows())
    }
    fn adapter<'a>(&'a self, adapter: &'a str) -> StoreFuture<'a, AdapterProgress> {
        self.tell(move |s| s.adapter(adapter))
    }
    fn pause_adapter<'a>(
        &'a self,
        adapter: &'a str,
        reason: Option<&'a str>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.tell(move |s| s.pause_adapter(adapter, reason.plain().as_deref(), now))
    }
    fn cases<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<CaseRow>> {
        self.tell(move |s| s.cases(roots))
    }
    fn source_rows<'a>(
        &'a self,
        adapter: &'a str,
        rows: &'a [&'a str],
    ) -> StoreFuture<'a, Vec<SourceRowMark>> {
        self.tell(move |s| s.source_rows(adapter, &refs(&rows.plain())))
    }
    fn vanished<'a>(
        &'a self,
        adapter: &'a str,
        prefix: &'a str,
        passes: Range<u64>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<SourceRowMark>> {
        self.tell(move |s| s.vanished(adapter, &prefix.plain(), passes, limit))
    }
    fn gave<'a>(&'a self, adapter: &'a str, of: GaveOf<'a>) -> StoreFuture<'a, Vec<Gave>> {
        self.tell(move |s| s.gave(adapter, of))
    }
    fn forget_rows<'a>(&'a self, adapter: &'a str, rows: &'a [&'a str]) -> StoreFuture<'a, ()> {
        self.tell(move |s| s.forget_rows(adapter, &refs(&rows.plain())))
    }
    fn commit_collected<'a>(&'a self, lease: &'a Lease, page: Collected) -> StoreFuture<'a, ()> {
        self.with(move |s| s.commit_collected(lease, page.plain()))
    }
    fn release_waiting<'a>(&'a self, now: Millis, limit: u32) -> StoreFuture<'a, u64> {
        self.tell(move |s| s.release_waiting(now, limit))
    }
    fn withdraw_waiting<'a>(&'a self, to: &'a NodeCode, audit: AuditEvent) -> StoreFuture<'a, u64> {
        self.tell(move |s| s.withdraw_waiting(to, audit))
    }
    fn staged_routes(&self) -> StoreFuture<'_, Vec<(Route, u64, Millis)>> {
        self.tell(move |s| s.staged_routes())
    }
    fn staged_batch<'a>(
        &'a self,
        route: &'a Route,
        records_max: u32,
        bytes_max: u64,
    ) -> StoreFuture<'a, Option<StagedBatch>> {
        self.tell(move |s| s.staged_batch(route, records_max, bytes_max))
    }
    fn counters<'a>(&'a self, route: &'a Route) -> StoreFuture<'a, RouteCounters> {
        self.tell(move |s| s.counters(route))
    }
    fn number<'a>(
        &'a self,
        lease: &'a Lease,
        envelopes: Vec<NewEnvelope>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.with(move |s| s.number(lease, envelopes, now))
    }
    fn numbered(&self, slots: Slots, limit: u32) -> StoreFuture<'_, Vec<Numbered>> {
        self.tell(move |s| s.numbered(slots, limit))
    }
    fn sealed<'a>(
        &'a self,
        lease: &'a Lease,
        sealed: Vec<Sealed>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.with(move |s| s.sealed(lease, sealed, now))
    }
    fn due<'a>(
        &'a self,
        link: &'a str,
        lane: Lane,
        now: Millis,
        parcels_max: u32,
        bytes_max: u64,
    ) -> StoreFuture<'a, Vec<DueParcel>> {
        self.tell(move |s| s.due(link, lane, now, parcels_max, bytes_max))
    }
    fn attempted<'a>(
        &'a self,
        lease: &'a Lease,
        attempts: Vec<Attempted>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.with(move |s| s.attempted(lease, attempts.plain(), now))
    }
    fn defer_route<'a>(
        &'a self,
        route: &'a Route,
        until: Millis,
        reason: &'a str,
        now: Millis,
    ) -> StoreFuture<'a, u64> {
        self.tell(move |s| s.defer_route(route, until, &reason.plain(), now))
    }
    fn pause_link<'a>(
        &'a self,
        link: &'a str,
        reason: Option<&'a str>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.tell(move |s| s.pause_link(link, reason.plain().as_deref(), now))
    }
    fn admit(&self, parcels: Vec<Arrived>, now: Millis) -> StoreFuture<'_, ()> {
        self.tell(move |s| s.admit(parcels.plain(), now))
    }
    fn inbox_depths(&self) -> StoreFuture<'_, Vec<(NodeCode, u64)>> {
        self.tell(move |s| s.inbox_depths())
    }
    fn claim_inbox<'a>(
        &'a self,
        lease: &'a Lease,
        which: InboxFor,
        limit: u32,
        now: Millis,
    ) -> StoreFuture<'a, Vec<InboxParcel>> {
        self.with(move |s| s.claim_inbox(lease, which, limit, now))
    }
    fn drop_inbox<'a>(&'a self, lease: &'a Lease, inbox_id: i64) -> StoreFuture<'a, ()> {
        self.with(move |s| s.drop_inbox(lease, inbox_id))
    }
    fn admission<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<Admission>> {
        self.tell(move |s| s.admission(id))
    }
    fn highest_epoch<'a>(&'a self, sender: &'a NodeCode) -> StoreFuture<'a, u32> {
        self.tell(move |s| s.highest_epoch(sender))
    }
    fn kept_cases<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<KeptRow>> {
        self.tell(move |s| s.kept_cases(roots))
    }
    fn commit_judged<'a>(&'a self, lease: &'a Lease, judged: Judged) -> StoreFuture<'a, ()> {
        self.with(move |s| s.commit_judged(lease, judged.plain()))
    }
    fn commit_duplicate<'a>(
        &'a self,
        lease: &'a Lease,
        inbox_id: i64,
        id: &'a EnvelopeId,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.with(move |s| s.commit_duplicate(lease, inbox_id, id, now))
    }
    fn commit_refused<'a>(
        &'a self,
        lease: &'a Lease,
        refused: RefusedParcel,
    ) -> StoreFuture<'a, ()> {
        self.with(move |s| s.commit_refused(lease, refused.plain()))
    }
    fn commit_relayed<'a>(&'a self, lease: &'a Lease, relayed: Relayed) -> StoreFuture<'a, ()> {
        self.with(move |s| s.commit_relayed(lease, relayed))
    }
    fn commit_hop<'a>(
        &'a self,
        lease: &'a Lease,
        inbox_id: i64,
        id: &'a EnvelopeId,
        hop: (&'a NodeCode, &'a str),
        kept: Option<Stands>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.with(move |s| s.commit_hop(lease, inbox_id, id, (hop.0, hop.1, kept), now))
    }
    fn relay_done<'a>(&'a self, id: &'a EnvelopeId, now: Millis) -> StoreFuture<'a, ()> {
        self.tell(move |s| s.relay_done(id, now))
    }
    fn members<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Vec<Member>> {
        self.tell(move |s| s.members(id))
    }
    fn frames<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<StoredFrames>> {
        self.tell(move |s| s.frames(id))
    }
    fn commit_settled<'a>(
        &'a self,
        lease: &'a Lease,
        settlement: Settlement,
    ) -> StoreFuture<'a, bool> {
        self.with(move |s| s.commit_settled(lease, settlement.plain()))
    }
    fn commit_event<'a>(
        &'a self,
        lease: &'a Lease,
        id: &'a EnvelopeId,
        event: EventOn,
    ) -> StoreFuture<'a, bool> {
        self.with(move |s| s.commit_event(lease, id, event.plain()))
    }
    fn overdue(&self, now: Millis, limit: u32) -> StoreFuture<'_, Vec<OutEnvelope>> {
        self.tell(move |s| s.overdue(now, limit))
    }
    fn outbound_range<'a>(
        &'a self,
        route: &'a Route,
        first: u64,
        last: u64,
        limit: u32,
    ) -> StoreFuture<'a, Vec<OutEnvelope>> {
        self.tell(move |s| s.outbound_range(route, first, last, limit))
    }
    fn write_backs<'a>(
        &'a self,
        adapter: &'a str,
        now: Millis,
        limit: u32,
    ) -> StoreFuture<'a, Vec<WriteBackDue>> {
        self.tell(move |s| s.write_backs(adapter, now, limit))
    }
    fn commit_write_backs<'a>(
        &'a self,
        adapter: &'a str,
        done: Vec<WriteBackDone>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.tell(move |s| s.commit_write_backs(adapter, done.plain(), now))
    }
    fn judged_after(&self, ordinal: i64, limit: u32) -> StoreFuture<'_, Vec<JudgedEnvelope>> {
        self.tell(move |s| s.judged_after(ordinal, limit))
    }
    fn tallies(&self, day: Day) -> StoreFuture<'_, Vec<Tally>> {
        self.tell(move |s| s.tallies(day))
    }
    fn tallies_received<'a>(
        &'a self,
        sender: &'a NodeCode,
        day: Day,
    ) -> StoreFuture<'a, Vec<Tally>> {
        self.tell(move |s| s.tallies_received(sender, day))
    }
    fn open_days(&self, until: Day) -> StoreFuture<'_, Vec<(Day, u32)>> {
        self.tell(move |s| s.open_days(until))
    }
    fn commit_manifest(
        &self,
        manifest: ManifestRow,
        discrepancies: Vec<Discrepancy>,
        control: Vec<NewControl>,
        inbox_id: Option<i64>,
    ) -> StoreFuture<'_, ()> {
        self.with(move |s| s.commit_manifest(manifest, discrepancies, control, inbox_id))
    }
    fn manifests(&self, day: Day) -> StoreFuture<'_, Vec<ManifestRow>> {
        self.tell(move |s| s.manifests(day))
    }
    fn discrepancies(&self, day: Day) -> StoreFuture<'_, Vec<Discrepancy>> {
        self.tell(move |s| s.discrepancies(day))
    }
    fn gaps(&self, before: Millis, limit: u32) -> StoreFuture<'_, Vec<Gap>> {
        self.tell(move |s| s.gaps(before, limit))
    }
    fn close_gap<'a>(
        &'a self,
        lease: &'a Lease,
        gap: &'a NeverComing,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.with(move |s| s.close_gap(lease, gap, now))
    }
    fn standing<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, Vec<Standing>> {
        self.tell(move |s| s.standing(&prefix.plain()))
    }
    fn standing_names<'a>(
        &'a self,
        prefix: &'a str,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StandingName>> {
        self.tell(move |s| s.standing_names(&prefix.plain(), limit))
    }
    fn stand<'a>(
        &'a self,
        name: &'a str,
        text: Option<&'a str>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.tell(move |s| s.stand(name, text.plain().as_deref(), now))
    }
    fn import_baseline(&self, rows: Vec<BaselineRow>, now: Millis) -> StoreFuture<'_, u64> {
        self.tell(move |s| s.import_baseline(rows, now))
    }
    fn baseline<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<BaselineRow>> {
        self.tell(move |s| s.baseline(roots))
    }
    fn baseline_counts(&self) -> StoreFuture<'_, Vec<BaselineCount>> {
        self.tell(move |s| s.baseline_counts())
    }
    fn purge(&self, before: Millis, limit: u32) -> StoreFuture<'_, u64> {
        self.tell(move |s| s.purge(before, limit))
    }
    fn status(&self) -> StoreFuture<'_, NodeStatus> {
        self.tell(move |s| s.status())
    }
    fn census(&self) -> StoreFuture<'_, [u64; 10]> {
        self.tell(move |s| s.census())
    }
    fn trace<'a>(&'a self, number: &'a str) -> StoreFuture<'a, Vec<TraceStep>> {
        self.tell(move |s| s.trace(&number.plain()))
    }
    fn problems(&self, filter: ProblemFilter) -> StoreFuture<'_, Vec<ProblemItem>> {
        self.tell(move |s| s.problems(&filter.plain()))
    }
    fn problem_raw(&self, number: i64) -> StoreFuture<'_, Option<Vec<u8>>> {
        self.tell(move |s| s.problem_raw(number))
    }
    fn act_on_problems<'a>(
        &'a self,
        numbers: &'a [i64],
        action: ProblemAction,
        audit: AuditEvent,
    ) -> StoreFuture<'a, u64> {
        self.tell(move |s| s.act_on_problems(numbers, &action, audit))
    }
    fn audit(&self, event: AuditEvent) -> StoreFuture<'_, ()> {
        self.tell(move |s| s.append_audit(event))
    }
    fn audit_after(
        &self,
        after: i64,
        limit: u32,
    ) -> StoreFuture<'_, Vec<(i64, AuditEvent, Digest)>> {
        self.tell(move |s| s.audit_after(after, limit))
    }
    fn queued_controls(&self, slots: Slots, limit: u32) -> StoreFuture<'_, Vec<QueuedControl>> {
        self.tell(move |s| s.queued_controls(slots, limit))
    }
    fn queue_controls(&self, controls: Vec<NewControl>, now: Millis) -> StoreFuture<'_, ()> {
        self.tell(move |s| s.queue_controls(controls.plain(), now))
    }
    fn relay_row<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<RelayRow>> {
        self.tell(move |s| s.relays.get(id).map(|r| r.row.clone()))
    }
    fn outbound<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<OutEnvelope>> {
        self.tell(move |s| s.out.get(id).map(|o| o.env.clone()))
    }
    fn watermark<'a>(&'a self, sink: &'a str) -> StoreFuture<'a, i64> {
        self.tell(move |s| s.watermarks.get(sink).copied().unwrap_or(0))
    }
    fn commit_delivered<'a>(
        &'a self,
        lease: &'a Lease,
        sink: &'a str,
        watermark: i64,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.with(move |s| s.commit_delivered(lease, sink, watermark, now))
    }
    fn place<'a>(&'a self, id: &'a RecordId, to: &'a NodeCode) -> StoreFuture<'a, Option<Place>> {
        self.tell(move |s| s.records.get(&own_key(id, to)).map(|own| s.place_of(own)))
    }
    fn receipt_again<'a>(
        &'a self,
        lease: &'a Lease,
        id: &'a EnvelopeId,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.with(move |s| s.receipt_again(lease, id, now))
    }
}
