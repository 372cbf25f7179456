//! The trait, method by method: each is one function of the worker's module, run again when others'
//! facts make it fail.

use std::ops::Range;

use canon::{Day, Digest, EnvelopeId, Lane, Millis, NodeCode, RecordId, Route};

use super::handle::Handle;
use super::{
    accept, attempts, collect, dispatch, inbox, lease, number, people, problems, reconcile, relay,
    seal, settle, signing, source_rows, standing, status, sweep, tally, waiting, write_back,
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
        fact!(self, lease::take(self, name, holder, now, ttl_ms))
    }

    fn leases<'a>(
        &'a self,
        names: &'a [String],
        holder: &'a str,
        now: Millis,
        ttl_ms: i64,
    ) -> StoreFuture<'a, Vec<Option<Lease>>> {
        fact!(self, lease::take_all(self, names, holder, now, ttl_ms))
    }

    fn lease_rows(&self) -> StoreFuture<'_, Vec<LeaseRow>> {
        fact!(self, lease::rows(self))
    }

    fn adapter<'a>(&'a self, adapter: &'a str) -> StoreFuture<'a, AdapterProgress> {
        fact!(self, collect::progress(self, adapter))
    }

    fn pause_adapter<'a>(
        &'a self,
        adapter: &'a str,
        reason: Option<&'a str>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        fact!(self, reason => collect::pause(self, adapter, reason.as_deref(), now))
    }

    fn cases<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<CaseRow>> {
        fact!(self, collect::cases(self, roots))
    }

    fn source_rows<'a>(
        &'a self,
        adapter: &'a str,
        rows: &'a [&'a str],
    ) -> StoreFuture<'a, Vec<SourceRowMark>> {
        fact!(self, rows => async { source_rows::get(self, adapter, &refs(&rows)).await })
    }

    fn vanished<'a>(
        &'a self,
        adapter: &'a str,
        prefix: &'a str,
        passes: Range<u64>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<SourceRowMark>> {
        fact!(self, prefix => source_rows::vanished(self, adapter, &prefix, &passes, limit))
    }

    fn gave<'a>(&'a self, adapter: &'a str, of: GaveOf<'a>) -> StoreFuture<'a, Vec<Gave>> {
        fact!(self, source_rows::gave(self, adapter, of))
    }

    fn forget_rows<'a>(&'a self, adapter: &'a str, rows: &'a [&'a str]) -> StoreFuture<'a, ()> {
        fact!(self, rows => async { source_rows::forget(self, adapter, &refs(&rows)).await })
    }

    fn commit_collected<'a>(&'a self, lease: &'a Lease, page: Collected) -> StoreFuture<'a, ()> {
        fact!(self, page => collect::commit(self, lease, &page))
    }

    fn release_waiting<'a>(&'a self, now: Millis, limit: u32) -> StoreFuture<'a, u64> {
        fact!(self, waiting::release(self, now, limit))
    }

    fn withdraw_waiting<'a>(&'a self, to: &'a NodeCode, audit: AuditEvent) -> StoreFuture<'a, u64> {
        fact!(self, waiting::withdraw(self, to, &audit))
    }

    fn staged_routes(&self) -> StoreFuture<'_, Vec<(Route, u64, Millis)>> {
        fact!(self, seal::staged_routes(self))
    }

    fn staged_batch<'a>(
        &'a self,
        route: &'a Route,
        records_max: u32,
        bytes_max: u64,
    ) -> StoreFuture<'a, Option<StagedBatch>> {
        fact!(self, seal::staged_batch(self, route, records_max, bytes_max))
    }

    fn queued_controls(&self, slots: Slots, limit: u32) -> StoreFuture<'_, Vec<QueuedControl>> {
        fact!(self, seal::queued_controls(self, slots, limit))
    }

    fn queue_controls(&self, controls: Vec<NewControl>, now: Millis) -> StoreFuture<'_, ()> {
        fact!(self, controls => seal::queue_controls(self, &controls, now))
    }

    fn counters<'a>(&'a self, route: &'a Route) -> StoreFuture<'a, RouteCounters> {
        fact!(self, seal::counters(self, route))
    }

    fn number<'a>(
        &'a self,
        lease: &'a Lease,
        envelopes: Vec<NewEnvelope>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        fact!(self, number::number(self, lease, &envelopes, now))
    }

    fn numbered(&self, slots: Slots, limit: u32) -> StoreFuture<'_, Vec<Numbered>> {
        fact!(self, signing::numbered(self, slots, limit))
    }

    fn sealed<'a>(
        &'a self,
        lease: &'a Lease,
        sealed: Vec<Sealed>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        fact!(self, signing::sealed(self, lease, &sealed, now))
    }

    fn due<'a>(
        &'a self,
        link: &'a str,
        lane: Lane,
        now: Millis,
        parcels_max: u32,
        bytes_max: u64,
    ) -> StoreFuture<'a, Vec<DueParcel>> {
        fact!(self, dispatch::due(self, link, lane, now, parcels_max, bytes_max))
    }

    fn attempted<'a>(
        &'a self,
        lease: &'a Lease,
        attempts: Vec<Attempted>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        fact!(self, attempts => attempts::commit(self, lease, &attempts, now))
    }

    fn pause_link<'a>(
        &'a self,
        link: &'a str,
        reason: Option<&'a str>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        fact!(self, reason => dispatch::pause_link(self, link, reason.as_deref(), now))
    }

    fn admit(&self, parcels: Vec<Arrived>, now: Millis) -> StoreFuture<'_, ()> {
        fact!(self, parcels => inbox::admit(self, &parcels, now))
    }

    fn claim_inbox<'a>(
        &'a self,
        lease: &'a Lease,
        which: InboxFor,
        limit: u32,
        now: Millis,
    ) -> StoreFuture<'a, Vec<InboxParcel>> {
        fact!(self, inbox::claim(self, lease, which, limit, now))
    }

    fn inbox_depths(&self) -> StoreFuture<'_, Vec<(NodeCode, u64)>> {
        fact!(self, inbox::depths(self))
    }

    fn drop_inbox<'a>(&'a self, lease: &'a Lease, inbox_id: i64) -> StoreFuture<'a, ()> {
        fact!(self, inbox::discard(self, lease, inbox_id))
    }

    fn admission<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<Admission>> {
        fact!(self, accept::admission(self, id))
    }

    fn highest_epoch<'a>(&'a self, sender: &'a NodeCode) -> StoreFuture<'a, u32> {
        fact!(self, accept::highest_epoch(self, sender))
    }

    fn kept_cases<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<KeptRow>> {
        fact!(self, accept::kept_cases(self, roots))
    }

    fn commit_judged<'a>(&'a self, lease: &'a Lease, judged: Judged) -> StoreFuture<'a, ()> {
        fact!(self, judged => accept::commit_judged(self, lease, &judged))
    }

    fn commit_duplicate<'a>(
        &'a self,
        lease: &'a Lease,
        inbox_id: i64,
        id: &'a EnvelopeId,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        fact!(self, accept::commit_duplicate(self, lease, inbox_id, id, now))
    }

    fn receipt_again<'a>(
        &'a self,
        lease: &'a Lease,
        id: &'a EnvelopeId,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        fact!(self, accept::receipt_again(self, lease, id, now))
    }

    fn commit_refused<'a>(
        &'a self,
        lease: &'a Lease,
        refused: RefusedParcel,
    ) -> StoreFuture<'a, ()> {
        fact!(self, refused => accept::commit_refused(self, lease, &refused))
    }

    fn commit_relayed<'a>(&'a self, lease: &'a Lease, relayed: Relayed) -> StoreFuture<'a, ()> {
        fact!(self, relay::commit(self, lease, &relayed))
    }

    fn relay_row<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<RelayRow>> {
        fact!(self, relay::get(self, id))
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
        fact!(self, relay::commit_hop(self, lease, inbox_id, id, (hop.0, hop.1, &kept), now))
    }

    fn relay_done<'a>(&'a self, id: &'a EnvelopeId, now: Millis) -> StoreFuture<'a, ()> {
        fact!(self, relay::done(self, id, now))
    }

    fn outbound<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<OutEnvelope>> {
        fact!(self, dispatch::outbound(self, id))
    }

    fn members<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Vec<Member>> {
        fact!(self, settle::members(self, id))
    }

    fn frames<'a>(&'a self, id: &'a EnvelopeId) -> StoreFuture<'a, Option<StoredFrames>> {
        fact!(self, dispatch::frames(self, id))
    }

    fn commit_settled<'a>(
        &'a self,
        lease: &'a Lease,
        settlement: Settlement,
    ) -> StoreFuture<'a, bool> {
        fact!(self, settlement => settle::commit(self, lease, &settlement))
    }

    fn commit_event<'a>(
        &'a self,
        lease: &'a Lease,
        id: &'a EnvelopeId,
        event: EventOn,
    ) -> StoreFuture<'a, bool> {
        fact!(self, event => dispatch::commit_event(self, lease, id, &event))
    }

    fn overdue(&self, now: Millis, limit: u32) -> StoreFuture<'_, Vec<OutEnvelope>> {
        fact!(self, dispatch::overdue(self, now, limit))
    }

    fn outbound_range<'a>(
        &'a self,
        route: &'a Route,
        first: u64,
        last: u64,
        limit: u32,
    ) -> StoreFuture<'a, Vec<OutEnvelope>> {
        fact!(self, dispatch::outbound_range(self, route, first, last, limit))
    }

    fn write_backs<'a>(
        &'a self,
        adapter: &'a str,
        now: Millis,
        limit: u32,
    ) -> StoreFuture<'a, Vec<WriteBackDue>> {
        fact!(self, write_back::due(self, adapter, now, limit))
    }

    fn commit_write_backs<'a>(
        &'a self,
        adapter: &'a str,
        done: Vec<WriteBackDone>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        fact!(self, done => write_back::commit(self, adapter, &done, now))
    }

    fn watermark<'a>(&'a self, sink: &'a str) -> StoreFuture<'a, i64> {
        fact!(self, accept::watermark(self, sink))
    }

    fn judged_after(&self, ordinal: i64, limit: u32) -> StoreFuture<'_, Vec<JudgedEnvelope>> {
        fact!(self, accept::judged_after(self, ordinal, limit))
    }

    fn commit_delivered<'a>(
        &'a self,
        lease: &'a Lease,
        sink: &'a str,
        watermark: i64,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        fact!(self, accept::commit_delivered(self, lease, sink, watermark, now))
    }

    fn tallies(&self, day: Day) -> StoreFuture<'_, Vec<Tally>> {
        fact!(self, tally::read(self, tally::OWN, day, None))
    }

    fn tallies_received<'a>(
        &'a self,
        sender: &'a NodeCode,
        day: Day,
    ) -> StoreFuture<'a, Vec<Tally>> {
        fact!(self, tally::read(self, tally::RECEIVED, day, Some(sender)))
    }

    fn open_days(&self, until: Day) -> StoreFuture<'_, Vec<(Day, u32)>> {
        fact!(self, reconcile::open_days(self, until))
    }

    fn commit_manifest(
        &self,
        manifest: ManifestRow,
        discrepancies: Vec<Discrepancy>,
        control: Vec<NewControl>,
        inbox_id: Option<i64>,
    ) -> StoreFuture<'_, ()> {
        fact!(self, reconcile::commit_manifest(self, &manifest, &discrepancies, &control, inbox_id))
    }

    fn manifests(&self, day: Day) -> StoreFuture<'_, Vec<ManifestRow>> {
        fact!(self, reconcile::manifests(self, day))
    }

    fn discrepancies(&self, day: Day) -> StoreFuture<'_, Vec<Discrepancy>> {
        fact!(self, reconcile::discrepancies(self, day))
    }

    fn gaps(&self, before: Millis, limit: u32) -> StoreFuture<'_, Vec<Gap>> {
        fact!(self, accept::gaps(self, before, limit))
    }

    fn purge(&self, before: Millis, limit: u32) -> StoreFuture<'_, u64> {
        fact!(self, sweep::purge(self, before, limit))
    }

    fn status(&self) -> StoreFuture<'_, NodeStatus> {
        fact!(self, status::status(self))
    }

    fn census(&self) -> StoreFuture<'_, [u64; 10]> {
        fact!(self, people::census(self))
    }

    fn trace<'a>(&'a self, number: &'a str) -> StoreFuture<'a, Vec<TraceStep>> {
        fact!(self, number => people::trace(self, &number))
    }

    fn problems(&self, filter: ProblemFilter) -> StoreFuture<'_, Vec<ProblemItem>> {
        fact!(self, filter => problems::list(self, &filter))
    }

    fn problem_raw(&self, number: i64) -> StoreFuture<'_, Option<Vec<u8>>> {
        fact!(self, problems::raw(self, number))
    }

    fn act_on_problems<'a>(
        &'a self,
        numbers: &'a [i64],
        action: ProblemAction,
        audit: AuditEvent,
    ) -> StoreFuture<'a, u64> {
        fact!(self, problems::act(self, numbers, &action, &audit))
    }

    fn audit(&self, event: AuditEvent) -> StoreFuture<'_, ()> {
        fact!(self, people::audit(self, &event))
    }

    fn audit_after(
        &self,
        after: i64,
        limit: u32,
    ) -> StoreFuture<'_, Vec<(i64, AuditEvent, Digest)>> {
        fact!(self, people::audit_after(self, after, limit))
    }

    fn defer_route<'a>(
        &'a self,
        route: &'a Route,
        until: Millis,
        reason: &'a str,
        now: Millis,
    ) -> StoreFuture<'a, u64> {
        fact!(self, reason => dispatch::defer_route(self, route, until, &reason, now))
    }

    fn close_gap<'a>(
        &'a self,
        lease: &'a Lease,
        gap: &'a NeverComing,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        fact!(self, accept::close_gap(self, lease, gap, now))
    }

    fn standing<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, Vec<Standing>> {
        fact!(self, prefix => standing::standing(self, &prefix))
    }

    fn standing_names<'a>(
        &'a self,
        prefix: &'a str,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StandingName>> {
        fact!(self, prefix => standing::names(self, &prefix, limit))
    }

    fn stand<'a>(
        &'a self,
        name: &'a str,
        text: Option<&'a str>,
        now: Millis,
    ) -> StoreFuture<'a, ()> {
        fact!(self, text => standing::stand(self, name, text.as_deref(), now))
    }

    fn import_baseline(&self, rows: Vec<BaselineRow>, now: Millis) -> StoreFuture<'_, u64> {
        fact!(self, standing::import_baseline(self, &rows, now))
    }

    fn baseline<'a>(&'a self, roots: &'a [&'a str]) -> StoreFuture<'a, Vec<BaselineRow>> {
        fact!(self, standing::baseline(self, roots))
    }

    fn baseline_counts(&self) -> StoreFuture<'_, Vec<BaselineCount>> {
        fact!(self, standing::baseline_counts(self))
    }

    fn place<'a>(&'a self, id: &'a RecordId, to: &'a NodeCode) -> StoreFuture<'a, Option<Place>> {
        fact!(self, people::place_of(self, id, to))
    }
}
