//! The store's own trait, call by call.

use std::ops::Range;

use crate::*;
use canon::{Day, Digest, EnvelopeId, Lane, Millis, NodeCode, RecordId, Route};

use super::{Fact, Guarded, Hook};

/// An audit event with its number and the chain's digest.
type AuditRow = (i64, AuditEvent, Digest);

impl<H: Hook> Store for Guarded<H> {
    fn lease<'a>(
        &'a self,
        name: &'a str,
        holder: &'a str,
        now: Millis,
        ttl_ms: i64,
    ) -> StoreFuture<'a, Option<Lease>> {
        self.guarded("lease", move || self.inner.lease(name, holder, now, ttl_ms))
    }
    fn leases<'a>(
        &'a self,
        names: &'a [String],
        holder: &'a str,
        now: Millis,
        ttl_ms: i64,
    ) -> StoreFuture<'a, Vec<Option<Lease>>> {
        self.guarded("leases", move || self.inner.leases(names, holder, now, ttl_ms))
    }
    fn lease_rows(&self) -> StoreFuture<'_, Vec<LeaseRow>> {
        self.guarded("lease_rows", move || self.inner.lease_rows())
    }
    fn adapter<'a>(&'a self, adapter: &'a str) -> StoreFuture<'a, AdapterProgress> {
        self.guarded("adapter", move || self.inner.adapter(adapter))
    }
    fn pause_adapter<'a>(
        &'a self,
        adapter: &'a str,
        reason: Option<&'a str>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.guarded("pause_adapter", move || self.inner.pause_adapter(adapter, reason, now))
    }
    fn cases<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<CaseRow>> {
        self.guarded("cases", move || self.inner.cases(roots))
    }
    fn source_rows<'a>(
        &'a self,
        adapter: &'a str,
        rows: &'a [&'a str],
    ) -> StoreFuture<'a, Vec<SourceRowMark>> {
        self.guarded("source_rows", move || self.inner.source_rows(adapter, rows))
    }
    fn vanished<'a>(
        &'a self,
        adapter: &'a str,
        prefix: &'a str,
        passes: Range<u64>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<SourceRowMark>> {
        self.guarded("vanished", move || self.inner.vanished(adapter, prefix, passes, limit))
    }
    fn gave<'a>(&'a self, adapter: &'a str, of: GaveOf<'a>) -> StoreFuture<'a, Vec<Gave>> {
        self.guarded("gave", move || self.inner.gave(adapter, of))
    }
    fn forget_rows<'a>(&'a self, adapter: &'a str, rows: &'a [&'a str]) -> StoreFuture<'a, ()> {
        self.guarded("forget_rows", move || self.inner.forget_rows(adapter, rows))
    }
    fn commit_collected<'a>(&'a self, lease: &'a Lease, page: Collected) -> StoreFuture<'a, ()> {
        let after = self.hook.about(Fact::Collected(&page));
        self.noted("commit_collected", after, move || self.inner.commit_collected(lease, page))
    }
    fn release_waiting<'a>(&'a self, now: Millis, limit: u32) -> StoreFuture<'a, u64> {
        self.guarded("release_waiting", move || self.inner.release_waiting(now, limit))
    }
    fn withdraw_waiting<'a>(&'a self, to: &'a NodeCode, audit: AuditEvent) -> StoreFuture<'a, u64> {
        self.guarded("withdraw_waiting", move || self.inner.withdraw_waiting(to, audit))
    }
    fn staged_routes(&self) -> StoreFuture<'_, Vec<(Route, u64, Millis)>> {
        self.guarded("staged_routes", move || self.inner.staged_routes())
    }
    fn staged_batch<'a>(
        &'a self,
        route: &'a Route,
        records_max: u32,
        bytes_max: u64,
    ) -> StoreFuture<'a, Option<StagedBatch>> {
        self.guarded("staged_batch", move || self.inner.staged_batch(route, records_max, bytes_max))
    }
    fn queued_controls(&self, slots: Slots, limit: u32) -> StoreFuture<'_, Vec<QueuedControl>> {
        self.guarded("queued_controls", move || self.inner.queued_controls(slots, limit))
    }
    fn queue_controls(&self, controls: Vec<NewControl>, now: Millis) -> StoreFuture<'_, ()> {
        self.guarded("queue_controls", move || self.inner.queue_controls(controls, now))
    }
    fn counters<'a>(&'a self, route: &'a Route) -> StoreFuture<'a, RouteCounters> {
        self.guarded("counters", move || self.inner.counters(route))
    }
    fn number<'a>(
        &'a self,
        lease: &'a Lease,
        envelopes: Vec<NewEnvelope>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        let after = self.hook.about(Fact::Numbered(&envelopes));
        self.noted("number", after, move || self.inner.number(lease, envelopes, now))
    }
    fn numbered(&self, slots: Slots, limit: u32) -> StoreFuture<'_, Vec<Numbered>> {
        self.guarded("numbered", move || self.inner.numbered(slots, limit))
    }
    fn sealed<'a>(
        &'a self,
        lease: &'a Lease,
        sealed: Vec<Sealed>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        let after = self.hook.about(Fact::Sealed(&sealed));
        self.noted("sealed", after, move || self.inner.sealed(lease, sealed, now))
    }
    fn due<'a>(
        &'a self,
        link: &'a str,
        lane: Lane,
        now: Millis,
        parcels_max: u32,
        bytes_max: u64,
    ) -> StoreFuture<'a, Vec<DueParcel>> {
        self.guarded("due", move || self.inner.due(link, lane, now, parcels_max, bytes_max))
    }
    fn attempted<'a>(
        &'a self,
        lease: &'a Lease,
        attempts: Vec<Attempted>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        let after = self.hook.about(Fact::Attempted(&attempts));
        self.noted("attempted", after, move || self.inner.attempted(lease, attempts, now))
    }
    fn defer_route<'a>(
        &'a self,
        route: &'a Route,
        until: Millis,
        reason: &'a str,
        now: Millis,
    ) -> StoreFuture<'a, u64> {
        self.guarded("defer_route", move || self.inner.defer_route(route, until, reason, now))
    }
    fn pause_link<'a>(
        &'a self,
        link: &'a str,
        reason: Option<&'a str>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.guarded("pause_link", move || self.inner.pause_link(link, reason, now))
    }
    fn admit(&self, parcels: Vec<Arrived>, now: Millis) -> StoreFuture<'_, ()> {
        let after = self.hook.about(Fact::Admitted(&parcels));
        self.noted("admit", after, move || self.inner.admit(parcels, now))
    }
    fn inbox_depths(&self) -> StoreFuture<'_, Vec<(NodeCode, u64)>> {
        self.guarded("inbox_depths", move || self.inner.inbox_depths())
    }
    fn claim_inbox<'a>(
        &'a self,
        lease: &'a Lease,
        which: InboxFor,
        limit: u32,
        now: Millis,
    ) -> StoreFuture<'a, Vec<InboxParcel>> {
        self.claimed(move || self.inner.claim_inbox(lease, which, limit, now))
    }
    fn drop_inbox<'a>(&'a self, lease: &'a Lease, inbox_id: i64) -> StoreFuture<'a, ()> {
        let after = self.hook.about(Fact::Consumed(inbox_id));
        self.noted("drop_inbox", after, move || self.inner.drop_inbox(lease, inbox_id))
    }
    fn admission<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<Admission>> {
        self.guarded("admission", move || self.inner.admission(id))
    }
    fn highest_epoch<'a>(&'a self, sender: &'a NodeCode) -> StoreFuture<'a, u32> {
        self.guarded("highest_epoch", move || self.inner.highest_epoch(sender))
    }
    fn kept_cases<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<KeptRow>> {
        self.guarded("kept_cases", move || self.inner.kept_cases(roots))
    }
    fn commit_judged<'a>(&'a self, lease: &'a Lease, judged: Judged) -> StoreFuture<'a, ()> {
        let judged = self.hook.harmed(judged);
        let after = self.hook.about(Fact::Judged(&judged));
        self.noted("commit_judged", after, move || self.inner.commit_judged(lease, judged))
    }
    fn commit_duplicate<'a>(
        &'a self,
        lease: &'a Lease,
        inbox_id: i64,
        id: &'a EnvelopeId,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        let after = self.hook.about(Fact::Duplicate(inbox_id, id));
        self.noted("commit_duplicate", after, move || {
            self.inner.commit_duplicate(lease, inbox_id, id, now)
        })
    }
    fn receipt_again<'a>(
        &'a self,
        lease: &'a Lease,
        id: &'a EnvelopeId,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.guarded("receipt_again", move || self.inner.receipt_again(lease, id, now))
    }
    fn commit_refused<'a>(
        &'a self,
        lease: &'a Lease,
        refused: RefusedParcel,
    ) -> StoreFuture<'a, ()> {
        let after = self.hook.about(Fact::Refused(&refused));
        self.noted("commit_refused", after, move || self.inner.commit_refused(lease, refused))
    }
    fn commit_relayed<'a>(&'a self, lease: &'a Lease, relayed: Relayed) -> StoreFuture<'a, ()> {
        let after = self.hook.about(Fact::Relayed(&relayed));
        self.noted("commit_relayed", after, move || self.inner.commit_relayed(lease, relayed))
    }
    fn relay_row<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<RelayRow>> {
        self.guarded("relay_row", move || self.inner.relay_row(id))
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
        let after = self.hook.about(Fact::Consumed(inbox_id));
        self.noted("commit_hop", after, move || {
            self.inner.commit_hop(lease, inbox_id, id, hop, kept.clone(), now)
        })
    }
    fn relay_done<'a>(&'a self, id: &'a EnvelopeId, now: Millis) -> StoreFuture<'a, ()> {
        self.guarded("relay_done", move || self.inner.relay_done(id, now))
    }
    fn outbound<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<OutEnvelope>> {
        self.guarded("outbound", move || self.inner.outbound(id))
    }
    fn members<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Vec<Member>> {
        self.guarded("members", move || self.inner.members(id))
    }
    fn frames<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<StoredFrames>> {
        self.guarded("frames", move || self.inner.frames(id))
    }
    fn commit_settled<'a>(
        &'a self,
        lease: &'a Lease,
        settlement: Settlement,
    ) -> StoreFuture<'a, bool> {
        let after = self.hook.about(Fact::Settled(&settlement));
        self.told(
            "commit_settled",
            after,
            |took| *took,
            move || self.inner.commit_settled(lease, settlement),
        )
    }
    fn commit_event<'a>(
        &'a self,
        lease: &'a Lease,
        id: &'a EnvelopeId,
        event: EventOn,
    ) -> StoreFuture<'a, bool> {
        let after = self.hook.about(Fact::Event(id, &event));
        self.told(
            "commit_event",
            after,
            |took| *took,
            move || self.inner.commit_event(lease, id, event),
        )
    }
    fn overdue(&self, now: Millis, limit: u32) -> StoreFuture<'_, Vec<OutEnvelope>> {
        self.guarded("overdue", move || self.inner.overdue(now, limit))
    }
    fn outbound_range<'a>(
        &'a self,
        route: &'a Route,
        first: u64,
        last: u64,
        limit: u32,
    ) -> StoreFuture<'a, Vec<OutEnvelope>> {
        self.guarded("outbound_range", move || self.inner.outbound_range(route, first, last, limit))
    }
    fn write_backs<'a>(
        &'a self,
        adapter: &'a str,
        now: Millis,
        limit: u32,
    ) -> StoreFuture<'a, Vec<WriteBackDue>> {
        self.guarded("write_backs", move || self.inner.write_backs(adapter, now, limit))
    }
    fn commit_write_backs<'a>(
        &'a self,
        adapter: &'a str,
        done: Vec<WriteBackDone>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.guarded("commit_write_backs", move || {
            self.inner.commit_write_backs(adapter, done, now)
        })
    }
    fn watermark<'a>(&'a self, sink: &'a str) -> StoreFuture<'a, i64> {
        self.guarded("watermark", move || self.inner.watermark(sink))
    }
    fn judged_after(&self, ordinal: i64, limit: u32) -> StoreFuture<'_, Vec<JudgedEnvelope>> {
        self.guarded("judged_after", move || self.inner.judged_after(ordinal, limit))
    }
    fn commit_delivered<'a>(
        &'a self,
        lease: &'a Lease,
        sink: &'a str,
        watermark: i64,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        let after = self.hook.about(Fact::Delivered(sink, watermark));
        self.noted("commit_delivered", after, move || {
            self.inner.commit_delivered(lease, sink, watermark, now)
        })
    }
    fn tallies(&self, day: Day) -> StoreFuture<'_, Vec<Tally>> {
        self.guarded("tallies", move || self.inner.tallies(day))
    }
    fn tallies_received<'a>(
        &'a self,
        sender: &'a NodeCode,
        day: Day,
    ) -> StoreFuture<'a, Vec<Tally>> {
        self.guarded("tallies_received", move || self.inner.tallies_received(sender, day))
    }
    fn open_days(&self, until: Day) -> StoreFuture<'_, Vec<(Day, u32)>> {
        self.guarded("open_days", move || self.inner.open_days(until))
    }
    fn commit_manifest(
        &self,
        manifest: ManifestRow,
        discrepancies: Vec<Discrepancy>,
        control: Vec<NewControl>,
        inbox_id: Option<i64>,
    ) -> StoreFuture<'_, ()> {
        let after = self.hook.about(Fact::Manifest(&manifest, inbox_id));
        self.noted("commit_manifest", after, move || {
            self.inner.commit_manifest(manifest, discrepancies, control, inbox_id)
        })
    }
    fn manifests(&self, day: Day) -> StoreFuture<'_, Vec<ManifestRow>> {
        self.guarded("manifests", move || self.inner.manifests(day))
    }
    fn discrepancies(&self, day: Day) -> StoreFuture<'_, Vec<Discrepancy>> {
        self.guarded("discrepancies", move || self.inner.discrepancies(day))
    }
    fn gaps(&self, before: Millis, limit: u32) -> StoreFuture<'_, Vec<Gap>> {
        self.guarded("gaps", move || self.inner.gaps(before, limit))
    }
    fn purge(&self, before: Millis, limit: u32) -> StoreFuture<'_, u64> {
        self.guarded("purge", move || self.inner.purge(before, limit))
    }
    fn close_gap<'a>(
        &'a self,
        lease: &'a Lease,
        gap: &'a NeverComing,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.guarded("close_gap", move || self.inner.close_gap(lease, gap, now))
    }
    fn standing<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, Vec<Standing>> {
        self.guarded("standing", move || self.inner.standing(prefix))
    }
    fn standing_names<'a>(
        &'a self,
        prefix: &'a str,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StandingName>> {
        self.guarded("standing_names", move || self.inner.standing_names(prefix, limit))
    }
    fn stand<'a>(
        &'a self,
        name: &'a str,
        text: Option<&'a str>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        self.guarded("stand", move || self.inner.stand(name, text, now))
    }
    fn import_baseline(&self, rows: Vec<BaselineRow>, now: Millis) -> StoreFuture<'_, u64> {
        self.guarded("import_baseline", move || self.inner.import_baseline(rows, now))
    }
    fn baseline<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<BaselineRow>> {
        self.guarded("baseline", move || self.inner.baseline(roots))
    }
    fn baseline_counts(&self) -> StoreFuture<'_, Vec<BaselineCount>> {
        self.guarded("baseline_counts", move || self.inner.baseline_counts())
    }
    fn status(&self) -> StoreFuture<'_, NodeStatus> {
        self.guarded("status", move || self.inner.status())
    }
    fn census(&self) -> StoreFuture<'_, [u64; 10]> {
        self.guarded("census", move || self.inner.census())
    }
    fn trace<'a>(&'a self, number: &'a str) -> StoreFuture<'a, Vec<TraceStep>> {
        self.guarded("trace", move || self.inner.trace(number))
    }
    fn problems(&self, filter: ProblemFilter) -> StoreFuture<'_, Vec<ProblemItem>> {
        self.guarded("problems", move || self.inner.problems(filter))
    }
    fn problem_raw(&self, number: i64) -> StoreFuture<'_, Option<Vec<u8>>> {
        self.guarded("problem_raw", move || self.inner.problem_raw(number))
    }
    fn act_on_problems<'a>(
        &'a self,
        numbers: &'a [i64],
        action: ProblemAction,
        audit: AuditEvent,
    ) -> StoreFuture<'a, u64> {
        let after = self.hook.about(Fact::Acted(&audit));
        self.noted("act_on_problems", after, move || {
            self.inner.act_on_problems(numbers, action, audit)
        })
    }
    fn audit(&self, event: AuditEvent) -> StoreFuture<'_, ()> {
        let after = self.hook.about(Fact::Acted(&event));
        self.noted("audit", after, move || self.inner.audit(event))
    }
    fn audit_after(&self, after: i64, limit: u32) -> StoreFuture<'_, Vec<AuditRow>> {
        self.guarded("audit_after", move || self.inner.audit_after(after, limit))
    }
    fn place<'a>(&'a self, id: &'a RecordId, to: &'a NodeCode) -> StoreFuture<'a, Option<Place>> {
        self.guarded("place", move || self.inner.place(id, to))
    }
}
