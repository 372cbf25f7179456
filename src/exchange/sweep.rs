//! sweep: what the clock brings: overdue receipts, waiting records, sequence gaps, retention, the
//! end of holds and of maintenance.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use canon::{Day, EnvelopeId, Millis};
use envelope::Kind;
use envelope::control::Inquiry;
use store::{EventOn, Gap, Lease, OutEnvelope, OutEvent};

use crate::adopt;
use crate::control;
use crate::error::WorkError;
use crate::node::Node;
use crate::passages;
use crate::recall;
use crate::returned;
use crate::standing::Waits;
use crate::work::{Progress, WorkFuture, Worker};

/// How often the clock is looked at, ms.
const EVERY: i64 = 200;
/// How often old bytes are given back, ms.
const PURGE_EVERY: i64 = 60_000;
/// Longest time between two inquiries about one envelope, in `inquiry_interval`s.
const INQUIRY_INTERVALS_MAX: i64 = 20;
/// Things of one sort handled in one turn.
const PER_TURN: u32 = 500;

/// The worker.
pub struct Sweep {
    node: Arc<Node>,
    last: Option<Millis>,
    purged: Option<Millis>,
    /// The day on which answered marks were last looked through.
    marked: Option<Day>,
    asked: BTreeMap<(EnvelopeId, u64), Millis>,
}

impl Sweep {
    /// Sweeps for this node.
    pub fn new(node: Arc<Node>) -> Self {
        Self { node, last: None, purged: None, marked: None, asked: BTreeMap::new() }
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        if self.last.is_some_and(|l| now.since(l) < EVERY && now >= l) {
            return Ok(Progress::IDLE);
        }
        self.last = Some(now);
        let Some(lease) = self.node.lease("sweep", now).await? else { return Ok(Progress::IDLE) };
        let waits = Waits::read(&self.node.store).await?;
        let released = self.node.store.release_waiting(now, PER_TURN).await?;
        let overdue = self.overdue(&lease, &waits, now).await?;
        let gaps = self.gaps(now).await?;
        let errands = self.errands(&lease, now).await?;
        if self.purged.is_none_or(|p| now.since(p) >= PURGE_EVERY) {
            let before = Millis(now.0 - self.node.limits.control_keep);
            self.node.store.purge(before, PER_TURN).await?;
            self.node.authority_again(now).await?;
            waits.forget_past(&self.node.store, now).await?;
            passages::forget(&self.node.store, before, now).await?;
            if self.marked != Some(now.day()) {
                returned::forget_answered(&self.node.store, before, now).await?;
                self.marked = Some(now.day());
            }
            self.purged = Some(now);
        }
        Ok(Progress::some(released + overdue + gaps + errands, released == u64::from(PER_TURN)))
    }

    /// What a restore, here or of a peer, left to be done.
    async fn errands(&self, lease: &Lease, now: Millis) -> Result<u64, WorkError> {
        if !self.node.errands().await?.busy() {
            return Ok(0);
        }
        let adopted = adopt::step(&self.node, now).await?;
        let asked = recall::ask(&self.node, now).await?;
        let given = recall::give(&self.node, lease, now).await?;
        Ok(adopted + asked + given)
    }

    /// An overdue receipt asks the destination before anything is sent again.
    /// A node under maintenance is not asked before that is over.
    async fn overdue(&self, lease: &Lease, waits: &Waits, now: Millis) -> Result<u64, WorkError> {
        let overdue = self.node.store.overdue(now, PER_TURN).await?;
        let mut asked = 0;
        for envelope in overdue {
            let route = &envelope.id.route;
            if let Some(until) = waits.maintained(&route.destination, now) {
                let until = until.plus(self.node.limits.inquiry_interval);
                self.node.store.defer_route(route, until, "peer.maintenance", now).await?;
                continue;
            }
            let inquiry = Inquiry::Status(envelope.id.clone()).write();
            let to = &envelope.id.route.destination;
            let event = EventOn {
                event: OutEvent::Overdue,
                reason: Some("receipt.overdue".into()),
                due_at: Some(now.plus(self.next_inquiry(&envelope, now))),
                controls: vec![control::content(Kind::Inquiry, to, now.day(), &[inquiry])],
                inbox_id: None,
                now,
            };
            asked += u64::from(self.node.store.commit_event(lease, &envelope.id, event).await?);
        }
        Ok(asked)
    }

    /// How long until the next inquiry: as long as the receipt has been waited for, so that a long
    /// outage far away does not fill every outbox on the way with inquiries.
    fn next_inquiry(&self, envelope: &OutEnvelope, now: Millis) -> i64 {
        let interval = self.node.inquiry_interval(&envelope.id.route.destination);
        let waited = envelope.sent_at.map_or(0, |at| now.since(at));
        waited.clamp(interval, interval.saturating_mul(INQUIRY_INTERVALS_MAX))
    }

    /// Sequences that never came, once the grace is over: their sender is asked.
    async fn gaps(&mut self, now: Millis) -> Result<u64, WorkError> {
        let node = Arc::clone(&self.node);
        self.asked.retain(|(id, _), at| now.since(*at) < node.inquiry_interval(&id.sender));
        let mut asked = 0;
        // What lies behind a gate has a longer grace; each is asked for by its own, so that many
        // young gaps behind a gate hide no old one elsewhere.
        let graces = self.node.links.iter().filter_map(|l| l.way.grace);
        let graces: BTreeSet<i64> = graces.chain([self.node.limits.gap_grace]).collect();
        for grace in graces {
            let before = Millis(now.0 - grace);
            for gap in self.node.store.gaps(before, PER_TURN).await? {
                // What only passes here, and is kept in passing, is its destination's to ask for.
                let own = gap.route.destination == self.node.code;
                if own && self.node.gap_grace(&gap.sender) == grace {
                    asked += self.gap(gap, now).await?;
                }
            }
        }
        Ok(asked)
    }

    async fn gap(&mut self, gap: Gap, now: Millis) -> Result<u64, WorkError> {
        let Gap { sender, epoch, route, first, last, .. } = gap;
        let from = EnvelopeId { sender, epoch, route, sequence: first };
        if self.asked.contains_key(&(from.clone(), last)) {
            return Ok(0);
        }
        let (sender, route) = (from.sender.clone(), from.route.clone());
        let inquiry = Inquiry::Gap { sender, epoch, route, first, last }.write();
        let content = control::content(Kind::Inquiry, &from.sender, now.day(), &[inquiry]);
        self.node.store.queue_controls(vec![content], now).await?;
        self.asked.insert((from, last), now);
        Ok(1)
    }
}

impl Worker for Sweep {
    fn name(&self) -> String {
        "sweep".into()
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}
