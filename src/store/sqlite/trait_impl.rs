//! The trait, method by method: each is one function of the worker's module.

use std::ops::Range;

use canon::{Day, Digest, EnvelopeId, Lane, Millis, NodeCode, RecordId, Route};

use super::handle::Handle;
use super::{
    accept, collect, dispatch, inbox, people, problems, reconcile, relay, seal, settle, signing,
    source_rows, standing, status, sweep, tally, waiting, write_back,
};
use crate::api::{Store, StoreFuture};
use crate::plain::{Plain, refs};
use crate::types::*;

impl Store for Handle {
    fn lease<'a>(
        &'a self,
        name: &'a str,
        holder: &'a str,
        now: Millis,
        ttl_ms: i64,
    ) -> StoreFuture<'a, Option<Lease>> {
        Box::pin(sweep::lease(self, name, holder, now, ttl_ms))
    }

    fn lease_rows(&self) -> StoreFuture<'_, Vec<LeaseRow>> {
        Box::pin(sweep::lease_rows(self))
    }

    fn adapter<'a>(&'a self, adapter: &'a str) -> StoreFuture<'a, AdapterProgress> {
        Box::pin(async move {
            let mut conn = self.writer().await;
            collect::adapter(self, &mut conn, adapter).await
        })
    }

    fn pause_adapter<'a>(
        &'a self,
        adapter: &'a str,
        reason: Option<&'a str>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move { collect::pause(self, adapter, reason.plain().as_deref(), now).await })
    }

    fn cases<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<CaseRow>> {
        Box::pin(collect::cases(self, roots))
    }

    fn source_rows<'a>(
        &'a self,
        adapter: &'a str,
        rows: &'a [&'a str],
    ) -> StoreFuture<'a, Vec<SourceRowMark>> {
        Box::pin(async move { source_rows::get(self, adapter, &refs(&rows.plain())).await })
    }

    fn vanished<'a>(
        &'a self,
        adapter: &'a str,
        prefix: &'a str,
        passes: Range<u64>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<SourceRowMark>> {
        Box::pin(async move {
            source_rows::vanished(self, adapter, &prefix.plain(), passes, limit).await
        })
    }

    fn gave<'a>(&'a self, adapter: &'a str, of: GaveOf<'a>) -> StoreFuture<'a, Vec<Gave>> {
        Box::pin(source_rows::gave(self, adapter, of))
    }

    fn forget_rows<'a>(&'a self, adapter: &'a str, rows: &'a [&'a str]) -> StoreFuture<'a, ()> {
        Box::pin(async move { source_rows::forget(self, adapter, &refs(&rows.plain())).await })
    }

    fn commit_collected<'a>(&'a self, lease: &'a Lease, page: Collected) -> StoreFuture<'a, ()> {
        Box::pin(collect::commit(self, lease, page.plain()))
    }

    fn release_waiting<'a>(&'a self, now: Millis, limit: u32) -> StoreFuture<'a, u64> {
        Box::pin(waiting::release(self, now, limit))
    }

    fn withdraw_waiting<'a>(&'a self, to: &'a NodeCode, audit: AuditEvent) -> StoreFuture<'a, u64> {
        Box::pin(async move { waiting::withdraw(self, to, audit).await })
    }

    fn staged_routes(&self) -> StoreFuture<'_, Vec<(Route, u64, Millis)>> {
        Box::pin(seal::staged_routes(self))
    }

    fn staged_batch<'a>(
        &'a self,
        route: &'a Route,
        records_max: u32,
        bytes_max: u64,
    ) -> StoreFuture<'a, Option<StagedBatch>> {
        Box::pin(seal::staged_batch(self, route, records_max, bytes_max))
    }

    fn queued_controls(&self, slots: Slots, limit: u32) -> StoreFuture<'_, Vec<QueuedControl>> {
        Box::pin(seal::queued_controls(self, slots, limit))
    }

    fn queue_controls(&self, controls: Vec<NewControl>, now: Millis) -> StoreFuture<'_, ()> {
        Box::pin(async move { seal::queue_controls(self, &controls.plain(), now).await })
    }

    fn counters<'a>(&'a self, route: &'a Route) -> StoreFuture<'a, RouteCounters> {
        Box::pin(seal::counters(self, route))
    }

    fn number<'a>(
        &'a self,
        lease: &'a Lease,
        envelopes: Vec<NewEnvelope>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        Box::pin(seal::number(self, lease, envelopes, now))
    }

    fn numbered(&self, slots: Slots, limit: u32) -> StoreFuture<'_, Vec<Numbered>> {
        Box::pin(signing::numbered(self, slots, limit))
    }

    fn sealed<'a>(
        &'a self,
        lease: &'a Lease,
        sealed: Vec<Sealed>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        Box::pin(signing::sealed(self, lease, sealed, now))
    }

    fn due<'a>(
        &'a self,
        link: &'a str,
        lane: Lane,
        now: Millis,
        parcels_max: u32,
        bytes_max: u64,
    ) -> StoreFuture<'a, Vec<DueParcel>> {
        Box::pin(dispatch::due(self, link, lane, now, parcels_max, bytes_max))
    }

    fn attempted<'a>(
        &'a self,
        lease: &'a Lease,
        attempts: Vec<Attempted>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        Box::pin(dispatch::attempted(self, lease, attempts.plain(), now))
    }

    fn defer_route<'a>(
        &'a self,
        route: &'a Route,
        until: Millis,
        reason: &'a str,
        now: Millis,
    ) -> StoreFuture<'a, u64> {
        Box::pin(
            async move { dispatch::defer_route(self, route, until, &reason.plain(), now).await },
        )
    }

    fn pause_link<'a>(
        &'a self,
        link: &'a str,
        reason: Option<&'a str>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        Box::pin(
            async move { dispatch::pause_link(self, link, reason.plain().as_deref(), now).await },
        )
    }

    fn admit(&self, parcels: Vec<Arrived>, now: Millis) -> StoreFuture<'_, ()> {
        Box::pin(inbox::admit(self, parcels.plain(), now))
    }

    fn inbox_depths(&self) -> StoreFuture<'_, Vec<(NodeCode, u64)>> {
        Box::pin(inbox::depths(self))
    }

    fn claim_inbox<'a>(
        &'a self,
        lease: &'a Lease,
        which: InboxFor,
        limit: u32,
        now: Millis,
    ) -> StoreFuture<'a, Vec<InboxParcel>> {
        Box::pin(inbox::claim(self, lease, which, limit, now))
    }

    fn drop_inbox<'a>(&'a self, lease: &'a Lease, inbox_id: i64) -> StoreFuture<'a, ()> {
        Box::pin(inbox::discard(self, lease, inbox_id))
    }

    fn admission<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<Admission>> {
        Box::pin(accept::admission(self, id))
    }

    fn highest_epoch<'a>(&'a self, sender: &'a NodeCode) -> StoreFuture<'a, u32> {
        Box::pin(accept::highest_epoch(self, sender))
    }

    fn kept_cases<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<KeptRow>> {
        Box::pin(accept::kept_cases(self, roots))
    }

    fn commit_judged<'a>(&'a self, lease: &'a Lease, judged: Judged) -> StoreFuture<'a, ()> {
        Box::pin(accept::commit_judged(self, lease, judged.plain()))
    }

    fn commit_duplicate<'a>(
        &'a self,
        lease: &'a Lease,
        inbox_id: i64,
        id: &'a EnvelopeId,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        Box::pin(accept::commit_duplicate(self, lease, inbox_id, id, now))
    }

    fn receipt_again<'a>(
        &'a self,
        lease: &'a Lease,
        id: &'a EnvelopeId,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        Box::pin(accept::receipt_again(self, lease, id, now))
    }

    fn commit_refused<'a>(
        &'a self,
        lease: &'a Lease,
        refused: RefusedParcel,
    ) -> StoreFuture<'a, ()> {
        Box::pin(accept::commit_refused(self, lease, refused.plain()))
    }

    fn commit_relayed<'a>(&'a self, lease: &'a Lease, relayed: Relayed) -> StoreFuture<'a, ()> {
        Box::pin(relay::commit(self, lease, relayed))
    }

    fn relay_row<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<RelayRow>> {
        Box::pin(relay::get(self, id))
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
        Box::pin(relay::commit_hop(self, lease, inbox_id, id, (hop.0, hop.1, kept), now))
    }

    fn relay_done<'a>(&'a self, id: &'a EnvelopeId, now: Millis) -> StoreFuture<'a, ()> {
        Box::pin(relay::done(self, id, now))
    }

    fn outbound<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<OutEnvelope>> {
        Box::pin(dispatch::outbound(self, id))
    }

    fn members<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Vec<Member>> {
        Box::pin(settle::members(self, id))
    }

    fn frames<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<StoredFrames>> {
        Box::pin(dispatch::frames(self, id))
    }

    fn commit_settled<'a>(
        &'a self,
        lease: &'a Lease,
        settlement: Settlement,
    ) -> StoreFuture<'a, bool> {
        Box::pin(settle::commit(self, lease, settlement.plain()))
    }

    fn commit_event<'a>(
        &'a self,
        lease: &'a Lease,
        id: &'a EnvelopeId,
        event: EventOn,
    ) -> StoreFuture<'a, bool> {
        Box::pin(dispatch::commit_event(self, lease, id, event.plain()))
    }

    fn overdue(&self, now: Millis, limit: u32) -> StoreFuture<'_, Vec<OutEnvelope>> {
        Box::pin(dispatch::overdue(self, now, limit))
    }

    fn outbound_range<'a>(
        &'a self,
        route: &'a Route,
        first: u64,
        last: u64,
        limit: u32,
    ) -> StoreFuture<'a, Vec<OutEnvelope>> {
        Box::pin(dispatch::outbound_range(self, route, first, last, limit))
    }

    fn write_backs<'a>(
        &'a self,
        adapter: &'a str,
        now: Millis,
        limit: u32,
    ) -> StoreFuture<'a, Vec<WriteBackDue>> {
        Box::pin(write_back::due(self, adapter, now, limit))
    }

    fn commit_write_backs<'a>(
        &'a self,
        adapter: &'a str,
        done: Vec<WriteBackDone>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move { write_back::commit(self, adapter, &done.plain(), now).await })
    }

    fn watermark<'a>(&'a self, sink: &'a str) -> StoreFuture<'a, i64> {
        Box::pin(accept::watermark(self, sink))
    }

    fn judged_after(&self, ordinal: i64, limit: u32) -> StoreFuture<'_, Vec<JudgedEnvelope>> {
        Box::pin(accept::judged_after(self, ordinal, limit))
    }

    fn commit_delivered<'a>(
        &'a self,
        lease: &'a Lease,
        sink: &'a str,
        watermark: i64,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        Box::pin(accept::commit_delivered(self, lease, sink, watermark, now))
    }

    fn tallies(&self, day: Day) -> StoreFuture<'_, Vec<Tally>> {
        Box::pin(tally::read(self, tally::OWN, day, None))
    }

    fn tallies_received<'a>(
        &'a self,
        sender: &'a NodeCode,
        day: Day,
    ) -> StoreFuture<'a, Vec<Tally>> {
        Box::pin(tally::read(self, tally::RECEIVED, day, Some(sender)))
    }

    fn open_days(&self, until: Day) -> StoreFuture<'_, Vec<(Day, u32)>> {
        Box::pin(reconcile::open_days(self, until))
    }

    fn commit_manifest(
        &self,
        manifest: ManifestRow,
        discrepancies: Vec<Discrepancy>,
        control: Vec<NewControl>,
        inbox_id: Option<i64>,
    ) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            reconcile::commit_manifest(self, &manifest, &discrepancies, &control, inbox_id).await
        })
    }

    fn manifests(&self, day: Day) -> StoreFuture<'_, Vec<ManifestRow>> {
        Box::pin(reconcile::manifests(self, day))
    }

    fn discrepancies(&self, day: Day) -> StoreFuture<'_, Vec<Discrepancy>> {
        Box::pin(reconcile::discrepancies(self, day))
    }

    fn gaps(&self, before: Millis, limit: u32) -> StoreFuture<'_, Vec<Gap>> {
        Box::pin(accept::gaps(self, before, limit))
    }

    fn close_gap<'a>(
        &'a self,
        lease: &'a Lease,
        gap: &'a NeverComing,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        Box::pin(accept::close_gap(self, lease, gap, now))
    }

    fn standing<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, Vec<Standing>> {
        Box::pin(async move { standing::standing(self, &prefix.plain()).await })
    }

    fn standing_names<'a>(
        &'a self,
        prefix: &'a str,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StandingName>> {
        Box::pin(async move { standing::names(self, &prefix.plain(), limit).await })
    }

    fn stand<'a>(
        &'a self,
        name: &'a str,
        text: Option<&'a str>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move { standing::stand(self, name, text.plain().as_deref(), now).await })
    }

    fn import_baseline(&self, rows: Vec<BaselineRow>, now: Millis) -> StoreFuture<'_, u64> {
        Box::pin(standing::import_baseline(self, rows, now))
    }

    fn baseline<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<BaselineRow>> {
        Box::pin(standing::baseline(self, roots))
    }

    fn baseline_counts(&self) -> StoreFuture<'_, Vec<BaselineCount>> {
        Box::pin(standing::baseline_counts(self))
    }

    fn purge(&self, before: Millis, limit: u32) -> StoreFuture<'_, u64> {
        Box::pin(sweep::purge(self, before, limit))
    }

    fn status(&self) -> StoreFuture<'_, NodeStatus> {
        Box::pin(status::status(self))
    }

    fn census(&self) -> StoreFuture<'_, [u64; 10]> {
        Box::pin(people::census(self))
    }

    fn trace<'a>(&'a self, number: &'a str) -> StoreFuture<'a, Vec<TraceStep>> {
        Box::pin(async move { people::trace(self, &number.plain()).await })
    }

    fn problems(&self, filter: ProblemFilter) -> StoreFuture<'_, Vec<ProblemItem>> {
        Box::pin(async move { problems::list(self, &filter.plain()).await })
    }

    fn problem_raw(&self, number: i64) -> StoreFuture<'_, Option<Vec<u8>>> {
        Box::pin(problems::raw(self, number))
    }

    fn act_on_problems<'a>(
        &'a self,
        numbers: &'a [i64],
        action: ProblemAction,
        audit: AuditEvent,
    ) -> StoreFuture<'a, u64> {
        Box::pin(async move { problems::act(self, numbers, &action, audit).await })
    }

    fn audit(&self, event: AuditEvent) -> StoreFuture<'_, ()> {
        Box::pin(people::audit(self, event))
    }

    fn audit_after(
        &self,
        after: i64,
        limit: u32,
    ) -> StoreFuture<'_, Vec<(i64, AuditEvent, Digest)>> {
        Box::pin(people::audit_after(self, after, limit))
    }

    fn place<'a>(&'a self, id: &'a RecordId, to: &'a NodeCode) -> StoreFuture<'a, Option<Place>> {
        Box::pin(people::place_of(self, id, to))
    }
}
