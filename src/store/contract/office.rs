//! A node of the tests: what its workers would do with the store, in as few words as possible.

use std::cell::Cell;
use std::sync::Arc;

use canon::{
    Digest, DigestAlg, EnvelopeId, HashSum, Key, Lane, Millis, NodeCode, RecordId, Route, Severity,
    Violation, leaf_hash,
};

use super::provider::Bench;
use crate::*;

pub(super) const MINUTE: i64 = 60_000;
pub(super) const HOUR: i64 = 60 * MINUTE;

/// The first moment of every test.
pub(super) fn t0() -> Millis {
    Millis::parse("2026-11-21 08:00:00").unwrap()
}

pub(super) fn node(code: &str) -> NodeCode {
    NodeCode::new(code).unwrap()
}

pub(super) fn route(to: &str, lane: Lane) -> Route {
    let edition = if lane == Lane::Control { "control/1" } else { "supervision/1" };
    Route {
        destination: node(to),
        edition: edition.into(),
        suite: "ecdsa-p256-sha256".into(),
        lane,
    }
}

/// The route most tests use.
pub(super) fn live() -> Route {
    route("province", Lane::Live)
}

pub(super) fn digest(of: &str) -> Digest {
    DigestAlg::Sha256.of(&[of.as_bytes()])
}

pub(super) fn id(kind: &str, case: &str, version: u32) -> RecordId {
    RecordId { kind: kind.into(), key: Key::new("unit", &[case]), version }
}

/// The fragment of a record of the tests.
pub(super) fn fragment(id: &RecordId) -> Vec<u8> {
    format!("<{0}>{id}</{0}>", id.kind).into_bytes()
}

pub(super) fn record(kind: &str, case: &str, version: u32) -> NewRecord {
    let id = id(kind, case, version);
    let bytes = fragment(&id);
    NewRecord {
        voided: false,
        content: digest(&format!("content {id}")),
        digest: leaf_hash(DigestAlg::Sha256, &bytes),
        facts: "{}".into(),
        len: bytes.len() as u32,
        waits_for: None,
        source_row: None,
        id,
    }
}

/// A record that waits for the application of its case.
pub(super) fn child(kind: &str, case: &str, version: u32) -> NewRecord {
    NewRecord { waits_for: Some(parent_of(case, false)), ..record(kind, case, version) }
}

pub(super) fn parent_of(case: &str, accepted: bool) -> WaitFor {
    WaitFor { kind: "SB".into(), key: Key::new("unit", &[case]), accepted, elsewhere: None }
}

pub(super) fn from_row(record: NewRecord, row: &str) -> NewRecord {
    NewRecord { source_row: Some(row.into()), ..record }
}

pub(super) fn chunk(route: &Route, now: Millis, records: Vec<NewRecord>) -> NewChunk {
    NewChunk {
        route: route.clone(),
        day: now.day(),
        adapter: "county".into(),
        bytes: records.iter().flat_map(|r| fragment(&r.id)).collect(),
        records,
    }
}

pub(super) fn page(cursor: &str, now: Millis, chunks: Vec<NewChunk>) -> Collected {
    Collected {
        adapter: "county".into(),
        cursor: cursor.into(),
        now,
        chunks,
        quarantined: Vec::new(),
        known: Vec::new(),
        rows: Vec::new(),
        rows_read: 1,
        rows_unchanged: 0,
        stands: Vec::new(),
    }
}

pub(super) fn violation(rule: &str) -> Violation {
    Violation {
        rule: rule.into(),
        field: "SQRZJHM".into(),
        severity: Severity::Error,
        zh: "校验位错误".into(),
        en: "wrong check digit".into(),
    }
}

pub(super) fn bad_row(row: &str, id: Option<RecordId>, now: Millis) -> NewQuarantine {
    NewQuarantine {
        adapter: "county".into(),
        route: live(),
        day: now.day(),
        reference: format!("cases.csv line {row}"),
        source_row: Some(row.into()),
        row_digest: digest(&format!("bad row {row}")),
        id,
        content: Some(digest("bad content")),
        violations: vec![violation("field.check_digit")],
        raw: format!("raw {row}").into_bytes(),
    }
}

pub(super) fn control(kind: &str, to: &str, answers: Option<EnvelopeId>) -> NewControl {
    let body = format!("<{kind}/>").into_bytes();
    NewControl {
        kind: kind.into(),
        to: node(to),
        day: t0().day(),
        detail: format!("{kind} detail"),
        lengths: vec![body.len() as u32],
        body,
        answers,
    }
}

/// A node's store with a lease for everything it does.
pub(super) struct Office {
    pub(super) store: SharedStore,
    pub(super) code: NodeCode,
    pub(super) lease: Lease,
    parcels: Cell<u32>,
}

impl Office {
    pub(super) async fn open(bench: &Bench, code: &str) -> Self {
        let code = node(code);
        let store = bench.open(&code).await;
        Self::of(store, code).await
    }

    /// The same over any store.
    pub(super) async fn of(store: SharedStore, code: NodeCode) -> Self {
        let lease = store.lease("all", "worker", t0(), 1000 * HOUR).await.unwrap().unwrap();
        Self { store, code, lease, parcels: Cell::new(0) }
    }

    /// One chunk on the usual route.
    pub(super) async fn collect(&self, now: Millis, records: Vec<NewRecord>) {
        let page = page("cursor", now, vec![chunk(&live(), now, records)]);
        self.store.commit_collected(&self.lease, page).await.unwrap();
    }

    pub(super) async fn quarantine(&self, now: Millis, rows: Vec<NewQuarantine>) {
        let page = Collected { quarantined: rows, ..page("cursor", now, Vec::new()) };
        self.store.commit_collected(&self.lease, page).await.unwrap();
    }

    /// The next envelope of a route, ready to be numbered.
    pub(super) async fn next_envelope(&self, route: &Route, records_max: u32) -> NewEnvelope {
        let batch = self.store.staged_batch(route, records_max, 1 << 20).await.unwrap().unwrap();
        self.envelope("records", route, Consumes::Staged(batch)).await
    }

    pub(super) async fn envelope(
        &self,
        kind: &str,
        route: &Route,
        consumes: Consumes,
    ) -> NewEnvelope {
        let counters = self.store.counters(route).await.unwrap();
        let id = EnvelopeId {
            sender: self.code.clone(),
            epoch: counters.epoch,
            route: route.clone(),
            sequence: counters.next_sequence,
        };
        NewEnvelope {
            kind: kind.into(),
            link: "up".into(),
            head: format!("head of {id}").into_bytes(),
            head_digest: digest(&format!("head of {id}")),
            root: digest(&format!("root of {id}")),
            id,
            consumes,
        }
    }

    /// Numbers and seals one envelope of what is staged.
    pub(super) async fn seal_some(
        &self,
        route: &Route,
        records_max: u32,
        now: Millis,
    ) -> EnvelopeId {
        let envelope = self.next_envelope(route, records_max).await;
        self.seal_this(envelope, now).await
    }

    pub(super) async fn seal(&self, now: Millis) -> EnvelopeId {
        self.seal_some(&live(), 1000, now).await
    }

    pub(super) async fn seal_this(&self, envelope: NewEnvelope, now: Millis) -> EnvelopeId {
        let id = envelope.id.clone();
        self.store.number(&self.lease, vec![envelope], now).await.unwrap();
        self.store.sealed(&self.lease, vec![sealed(&id)], now).await.unwrap();
        id
    }

    /// Seals the first queued control content.
    pub(super) async fn seal_control(&self, now: Millis) -> EnvelopeId {
        let queued = self.store.queued_controls(Slots::ALL, 1).await.unwrap().remove(0);
        let route = route(queued.control.to.as_str(), Lane::Control);
        let kind = queued.control.kind.clone();
        let envelope = self.envelope(&kind, &route, Consumes::Control(queued)).await;
        self.seal_this(envelope, now).await
    }

    pub(super) async fn due(&self, lane: Lane, now: Millis) -> Vec<DueParcel> {
        self.store.due("up", lane, now, 100, 1 << 20).await.unwrap()
    }

    /// Ends an attempt; a receipt is due in an hour, a next attempt in a minute.
    pub(super) async fn attempt(&self, own: bool, id: &EnvelopeId, event: OutEvent, now: Millis) {
        let wait = if event == OutEvent::Confirmed { HOUR } else { MINUTE };
        let reason = (event != OutEvent::Confirmed).then(|| "bus.unconfirmed".to_owned());
        let due_at = now.plus(wait);
        let attempt = Attempted { own, id: id.clone(), event, reason, due_at };
        self.store.attempted(&self.lease, vec![attempt], now).await.unwrap();
    }

    pub(super) async fn event(&self, id: &EnvelopeId, event: OutEvent, now: Millis) -> bool {
        let on = EventOn {
            event,
            reason: Some("operator".into()),
            due_at: Some(now.plus(MINUTE)),
            controls: Vec::new(),
            inbox_id: None,
            now,
        };
        self.store.commit_event(&self.lease, id, on).await.unwrap()
    }

    pub(super) async fn state(&self, id: &EnvelopeId) -> OutState {
        self.store.outbound(id).await.unwrap().unwrap().state
    }

    /// A parcel that says it is this envelope; every call makes other bytes.
    pub(super) fn parcel(&self, kind: &str, id: &EnvelopeId) -> Arrived {
        self.parcels.set(self.parcels.get() + 1);
        let frame = format!("frame {} of {id}", self.parcels.get()).into_bytes();
        Arrived {
            link: "down".into(),
            from: id.sender.clone(),
            id: id.clone(),
            kind: kind.into(),
            to: id.route.destination.clone(),
            parcel: DigestAlg::Sha256.of(&[&frame]),
            frame: frame.into(),
        }
    }

    pub(super) async fn claim(&self, which: InboxFor, now: Millis) -> Vec<InboxParcel> {
        self.store.claim_inbox(&self.lease, which, 100, now).await.unwrap()
    }

    /// Lets a parcel arrive and claims it.
    pub(super) async fn arrive(&self, kind: &str, id: &EnvelopeId, now: Millis) -> i64 {
        let arrived = self.parcel(kind, id);
        let which = match (arrived.to == self.code, kind) {
            (false, _) => InboxFor::Relay,
            (true, "records") => InboxFor::Accept,
            (true, _) => InboxFor::Settle,
        };
        let parcel = arrived.parcel;
        self.store.admit(vec![arrived], now).await.unwrap();
        let claimed = self.claim(which, now).await;
        claimed.iter().find(|c| c.arrived.parcel == parcel).unwrap().inbox_id
    }

    /// A control parcel from the province arrives.
    pub(super) async fn control_arrives(&self, now: Millis) -> i64 {
        let id = EnvelopeId {
            sender: node("province"),
            epoch: 1,
            route: route(self.code.as_str(), Lane::Control),
            sequence: 1,
        };
        self.arrive("receipt", &id, now).await
    }

    /// What a receipt with these exceptions does.
    pub(super) async fn settlement(
        &self,
        envelope: &EnvelopeId,
        exceptions: &[(u32, FinalOutcome)],
        records: &[RecordId],
        now: Millis,
    ) -> Settlement {
        let inbox_id = self.control_arrives(now).await;
        let outcome_at = |p: u32| exceptions.iter().find(|(at, _)| *at == p).map(|(_, o)| *o);
        let outcomes: Vec<Option<FinalOutcome>> =
            (0..records.len() as u32).map(outcome_at).collect();
        let not_accepted = records
            .iter()
            .zip(&outcomes)
            .zip(0..)
            .filter_map(|((id, outcome), position)| {
                outcome.map(|outcome| not_accepted(position, id, outcome))
            })
            .collect();
        Settlement {
            inbox_id,
            id: envelope.clone(),
            event: OutEvent::Receipted,
            reason: None,
            not_accepted,
            counts: counts(records, &outcomes),
            rows: Vec::new(),
            receipt: Arc::from(&b"receipt"[..]),
            receiver_time: now,
            now,
        }
    }

    pub(super) async fn settle(
        &self,
        envelope: &EnvelopeId,
        exceptions: &[(u32, FinalOutcome)],
        records: &[RecordId],
        now: Millis,
    ) -> bool {
        let settlement = self.settlement(envelope, exceptions, records, now).await;
        self.store.commit_settled(&self.lease, settlement).await.unwrap()
    }

    pub(super) async fn place(&self, id: &RecordId) -> Option<Place> {
        self.store.place(id, &live().destination).await.unwrap()
    }

    pub(super) async fn problems(&self) -> Vec<ProblemItem> {
        let filter = ProblemFilter { limit: 1000, ..ProblemFilter::default() };
        self.store.problems(filter).await.unwrap()
    }

    pub(super) async fn act(&self, numbers: &[i64], action: ProblemAction, now: Millis) -> u64 {
        self.store.act_on_problems(numbers, action, audit_event(now)).await.unwrap()
    }

    /// S1: what is kept up to date is what is there.
    pub(super) async fn assert_conserved(&self) -> [u64; 10] {
        let census = self.store.census().await.unwrap();
        assert_eq!(self.store.status().await.unwrap().places, census);
        census
    }
}

pub(super) fn audit_event(at: Millis) -> AuditEvent {
    AuditEvent {
        at,
        who: "op-7".into(),
        action: "quarantine.act".into(),
        subject: "problems".into(),
        reason: "test".into(),
        ok: true,
    }
}

pub(super) fn sealed(id: &EnvelopeId) -> Sealed {
    let frame = format!("frame of {id}").into_bytes().into();
    Sealed { id: id.clone(), frame, head: None }
}

pub(super) fn not_accepted(position: u32, id: &RecordId, outcome: FinalOutcome) -> NotAccepted {
    let bytes = fragment(id);
    let again = (outcome == FinalOutcome::ParentMissing).then(|| Again {
        digest: leaf_hash(DigestAlg::Sha256, &bytes),
        fragment: bytes,
        waits_for: parent_of(&id.key.number(), true),
        source_row: None,
    });
    NotAccepted {
        position,
        id: id.clone(),
        outcome,
        code: "record.authority".into(),
        field: "SXBM".into(),
        text: "上报方无权报送该记录".into(),
        again,
    }
}

/// Counts by type, as both sides make them.
pub(super) fn counts(records: &[RecordId], outcomes: &[Option<FinalOutcome>]) -> Vec<TypeCount> {
    let mut by_kind: Vec<TypeCount> = Vec::new();
    for (id, outcome) in records.iter().zip(outcomes) {
        if by_kind.iter().all(|c| c.kind != id.kind) {
            by_kind.push(TypeCount { kind: id.kind.clone(), ..TypeCount::default() });
        }
        let count = by_kind.iter_mut().find(|c| c.kind == id.kind).unwrap();
        match outcome {
            None => count.accepted += 1,
            Some(FinalOutcome::Superseded) => count.superseded += 1,
            Some(FinalOutcome::Rejected) => count.rejected += 1,
            Some(FinalOutcome::ParentMissing) => count.parent_missing += 1,
        }
        if matches!(outcome, None | Some(FinalOutcome::Superseded)) {
            count.sum.add(&leaf_hash(DigestAlg::Sha256, &fragment(id)));
        }
    }
    by_kind.sort_by(|a, b| a.kind.cmp(&b.kind));
    by_kind
}

pub(super) fn sum_of<'a>(records: impl IntoIterator<Item = &'a RecordId>) -> HashSum {
    let mut sum = HashSum::default();
    for id in records {
        sum.add(&leaf_hash(DigestAlg::Sha256, &fragment(id)));
    }
    sum
}

/// What the province makes of an envelope: everything kept.
pub(super) fn judged(inbox_id: i64, id: &EnvelopeId, records: &[RecordId], now: Millis) -> Judged {
    let kept = (0..)
        .zip(records)
        .map(|(index, id)| NewKept {
            id: id.clone(),
            digest: leaf_hash(DigestAlg::Sha256, &fragment(id)),
            facts: "{}".into(),
            voided: false,
            index,
        })
        .collect();
    Judged {
        inbox_id,
        id: id.clone(),
        head_digest: digest(&format!("head of {id}")),
        day: t0().day(),
        count: records.len() as u32,
        kept,
        superseded: Vec::new(),
        counts: counts(records, &vec![None; records.len()]),
        units: Vec::new(),
        problems: Vec::new(),
        receipt: Some(control("receipt", id.sender.as_str(), Some(id.clone()))),
        relayed: None,
        frame: format!("frame of {id}").into_bytes().into(),
        saw: None,
        settled_below: 1,
        now,
    }
}

/// An envelope id of another node.
pub(super) fn sent_by(sender: &str, to: &str, sequence: u64) -> EnvelopeId {
    EnvelopeId { sender: node(sender), epoch: 1, route: route(to, Lane::Live), sequence }
}
