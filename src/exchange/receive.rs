//! receive: parcels off the carrier into the inbox; then, and only then, the carrier's ack. A sender
//! over its quota, or over its share of the inbox, is asked to come again later.

use std::collections::BTreeMap;
use std::sync::Arc;

use canon::{DigestAlg, EnvelopeId, Lane, Millis, NodeCode};
use envelope::Kind;
use envelope::control::Answer;
use store::{Arrived, AuditEvent};

use crate::control;
use crate::error::WorkError;
use crate::node::{Node, whole_seconds};
use crate::reconcile::excused::{self, Span};
use crate::work::{Progress, WorkFuture, Worker};

/// How often the inbox is counted while it seems full, ms.
const COUNT_EVERY: i64 = 1_000;

/// The same where other instances take out of it, ms.
const COUNT_SHARED: i64 = 100;
/// Steps in which it is written down that senders were asked to wait, ms.
const DEFERRED_STEP: i64 = 600_000;

/// The worker.
pub struct Receive {
    node: Arc<Node>,
    counted: Option<Millis>,
    /// A turn failed: what it brought into the store all the same is in no reckoning.
    unsure: bool,
}

impl Receive {
    /// Receives for this node.
    pub fn new(node: Arc<Node>) -> Self {
        Self { node, counted: None, unsure: false }
    }

    /// Counts the inbox at the start, and while it seems too full for history: what another process left there, and
    /// doubled parcels that the store did not add, are not in this process's reckoning.
    async fn count(&mut self, now: Millis) -> Result<(), WorkError> {
        let due = match self.counted {
            None => true,
            Some(_) if self.unsure => true,
            // What other instances bring and take is in nobody's reckoning but the store's.
            Some(at) if self.node.held.is_shared() => {
                let full = !self.node.inbox_has_room();
                now < at || now.since(at) >= if full { COUNT_SHARED } else { COUNT_EVERY }
            }
            // A clock that went back is no reason to wait for it.
            Some(at) => {
                let long = now < at || now.since(at) >= COUNT_EVERY;
                long && !self.node.inbox_is_half_empty()
            }
        };
        if due {
            let inbox: u64 = self.node.store.inbox_depths().await?.iter().map(|(_, n)| n).sum();
            self.node.inbox_is(i64::try_from(inbox).unwrap_or(i64::MAX));
            self.counted = Some(now);
            self.unsure = false;
        }
        Ok(())
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        if self.node.errands().await?.halted.is_some() {
            // What comes is for the machine that goes on.
            return Ok(Progress::IDLE);
        }
        let node = Arc::clone(&self.node);
        if self.counted.is_none() {
            node.fair.load(&node.store, &node.limits, now).await?;
        }
        self.count(now).await?;
        let mut progress = Progress::IDLE;
        for trouble in self.node.bus.troubles(&self.node.code) {
            self.node.store.audit(found(trouble, now)).await?;
        }
        for lane in Lane::ALL {
            let room = match lane {
                // Control parcels shrink backlogs, so they have as much room again.
                Lane::Control => node.inbox_has_room_for_control(),
                Lane::Live => node.inbox_has_room(),
                // History never fills the inbox against today's cases.
                Lane::Bulk => node.inbox_is_half_empty(),
            };
            if room {
                self.unsure = true;
                progress = progress.and(self.lane(*lane, now).await?);
                self.unsure = false;
            }
        }
        node.fair.save(&node.store, &node.limits, now).await?;
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
        let admitted = async {
            let arrived = self.not_too_much(arrived, now).await?;
            let done = arrived.len();
            self.node.store.admit(arrived, now).await?;
            Ok::<usize, WorkError>(done)
        };
        let done = match admitted.await {
            Ok(done) => done,
            Err(failed) => {
                self.node.bus.give_back(&self.node.code, &tags).await?;
                return Err(failed);
            }
        };
        self.node.inbox_moved(done as i64);
        self.node.bus.ack(&self.node.code, &tags).await?;
        Ok(Progress::some(done as u64, tags.len() == max))
    }

    /// Leaves out what its sender is over its quota or share for; the sender is told until when to
    /// wait, and that is committed before the carrier may forget the parcel.
    async fn not_too_much(
        &self,
        arrived: Vec<Arrived>,
        now: Millis,
    ) -> Result<Vec<Arrived>, WorkError> {
        let node = &self.node;
        let waiting: Option<BTreeMap<NodeCode, u64>> = if node.inbox_is_worth_counting() {
            Some(node.store.inbox_depths().await?.into_iter().collect())
        } else {
            None
        };
        let (mut in_time, mut defers) = (Vec::new(), BTreeMap::<NodeCode, Vec<Vec<u8>>>::new());
        for parcel in arrived {
            let sender = &parcel.id.sender;
            // What a link may not carry is refused later, and charged to nobody.
            let carried = node.link(&parcel.link).is_some_and(|l| l.may_carry(sender, &node.links));
            let counts = &*parcel.kind == Kind::Records.as_str() && carried;
            let bytes = parcel.frame.len();
            let said = match counts {
                true => node.fair.admit(sender, bytes, waiting.as_ref(), &node.limits, now),
                false => Ok(()),
            };
            match said {
                Ok(()) => in_time.push(parcel),
                Err(not_now) => {
                    // The written form has whole seconds: never earlier than meant.
                    let until = whole_seconds(not_now.until.plus(999));
                    let answer = Answer::Defer { envelope: parcel.id.clone(), until };
                    defers.entry(sender.clone()).or_default().push(answer.write());
                }
            }
        }
        let answers = defers
            .iter()
            .map(|(sender, body)| control::content(Kind::Answer, sender, now.day(), body))
            .collect::<Vec<_>>();
        if !answers.is_empty() {
            node.store.queue_controls(answers, now).await?;
        }
        for sender in defers.keys() {
            // In steps, so that it is written seldom.
            let from = Millis(now.0 - now.0.rem_euclid(DEFERRED_STEP));
            let span = Span { from, until: from.plus(DEFERRED_STEP) };
            excused::note(&node.store, (sender, excused::cause::DEFER), span, now).await?;
        }
        Ok(in_time)
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
