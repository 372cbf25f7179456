//! receive: parcels off the carrier into the inbox; then, and only then, the carrier's ack.

use std::sync::Arc;

use canon::{DigestAlg, EnvelopeId, Lane, Millis, NodeCode};
use store::{Arrived, AuditEvent};

use crate::error::WorkError;
use crate::node::Node;
use crate::work::{Progress, WorkFuture, Worker};

/// How often the inbox is counted while it seems full, ms.
const COUNT_EVERY: i64 = 1_000;

/// The same where other instances take out of it, ms.
const COUNT_SHARED: i64 = 100;

/// The worker.
pub struct Receive {
    node: Arc<Node>,
    counted: Option<Millis>,
}

impl Receive {
    /// Receives for this node.
    pub fn new(node: Arc<Node>) -> Self {
        Self { node, counted: None }
    }

    /// Counts the inbox at the start, and while it seems full: what another process left there, and
    /// doubled parcels that the store did not add, are not in this process's reckoning.
    async fn count(&mut self, now: Millis) -> Result<(), WorkError> {
        let due = match self.counted {
            None => true,
            // What other instances bring and take is in nobody's reckoning but the store's.
            Some(at) if self.node.held.is_shared() => {
                let full = !self.node.inbox_has_room();
                now.since(at) >= if full { COUNT_SHARED } else { COUNT_EVERY }
            }
            Some(at) => !self.node.inbox_has_room() && now.since(at) >= COUNT_EVERY,
        };
        if due {
            let inbox: u64 = self.node.store.inbox_depths().await?.iter().map(|(_, n)| n).sum();
            self.node.inbox_is(i64::try_from(inbox).unwrap_or(i64::MAX));
            self.counted = Some(now);
        }
        Ok(())
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        self.count(now).await?;
        let mut progress = Progress::IDLE;
        for trouble in self.node.bus.troubles(&self.node.code) {
            self.node.store.audit(found(trouble, now)).await?;
        }
        for lane in Lane::ALL {
            // Control parcels shrink backlogs, so they are taken even when the inbox is full.
            if *lane != Lane::Control && !self.node.inbox_has_room() {
                continue;
            }
            progress = progress.and(self.lane(*lane, now).await?);
        }
        Ok(progress)
    }

    async fn lane(&self, lane: Lane, now: Millis) -> Result<Progress, WorkError> {
        let max = self.node.limits.claim_max as usize;
        let deliveries = self.node.bus.take(&self.node.code, lane, max).await?;
        if deliveries.is_empty() {
            return Ok(Progress::IDLE);
        }
        let tags: Vec<u64> = deliveries.iter().map(|d| d.tag).collect();
        let mut arrived: Vec<Arrived> = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let (from, id) = (delivery.parcel.from.clone(), delivery.parcel.id.clone());
            match self.arrived(delivery.parcel) {
                Some(parcel) => {
                    if delivery.dead {
                        self.node.dead.add(parcel.parcel, parcel.id.clone());
                    }
                    arrived.push(parcel);
                }
                None => self.node.store.audit(stranger(&from, &id, now)).await?,
            }
        }
        let done = arrived.len();
        if let Err(failed) = self.node.store.admit(arrived, now).await {
            self.node.bus.give_back(&self.node.code, &tags).await?;
            return Err(failed.into());
        }
        self.node.inbox_moved(done as i64);
        self.node.bus.ack(&self.node.code, &tags).await?;
        Ok(Progress::some(done as u64, tags.len() == max))
    }

    /// A parcel of a neighbour, with the link it came by; none from anybody else.
    fn arrived(&self, parcel: bus::Parcel) -> Option<Arrived> {
        let link = self.node.links.iter().find(|l| l.peer == parcel.from)?;
        Some(Arrived {
            link: link.name.clone(),
            from: parcel.from,
            parcel: DigestAlg::default().of(&[&parcel.frame]),
            id: parcel.id,
            kind: parcel.kind,
            to: parcel.to,
            frame: parcel.frame,
        })
    }
}

/// What a carrier brought and nothing could be made of: audited, so that it is named.
fn found(trouble: bus::Trouble, now: Millis) -> AuditEvent {
    AuditEvent {
        at: now,
        who: "receive".into(),
        action: trouble.code.into(),
        subject: trouble.subject,
        reason: trouble.detail,
        ok: false,
    }
}

/// A parcel of no neighbour: audited and dropped; the carrier's own permissions should make it
/// impossible, and there is no link to answer along.
fn stranger(from: &NodeCode, id: &EnvelopeId, now: Millis) -> AuditEvent {
    AuditEvent {
        at: now,
        who: "receive".into(),
        action: "parcel.of_no_neighbour".into(),
        subject: id.to_string(),
        reason: format!("came from `{from}`, which no link of this node names"),
        ok: false,
    }
}

impl Worker for Receive {
    fn name(&self) -> String {
        "receive".into()
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}
