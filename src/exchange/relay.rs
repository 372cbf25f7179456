//! relay: an envelope for another node: relayed or kept, its sealed bytes passed on untouched, a
//! hop receipt sent back.

use std::sync::Arc;

use canon::{Millis, NodeCode};
use envelope::control::{Answer, HeldState, Hop, Inquiry, Stage};
use envelope::{Kind, Opened, SenderCert};
use store::{InboxFor, InboxParcel, Lease, NewControl, Relayed};

use crate::accept;
use crate::claims::{self, Claims};
use crate::config::Treatment;
use crate::control;
use crate::error::WorkError;
use crate::gate::{self, Refusal, Refuser};
use crate::heed;
use crate::node::{Node, whole_seconds};
use crate::work::{Progress, WorkFuture, Worker};

/// The worker.
pub struct Relay {
    node: Arc<Node>,
    refuser: Refuser,
    claims: Claims,
}

impl Relay {
    /// Relays for this node.
    pub fn new(node: Arc<Node>) -> Self {
        let claims = Claims::new(node.limits.claim_max);
        Self { refuser: Refuser::new(Arc::clone(&node)), node, claims }
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        let Some(lease) = self.node.lease("relay", now).await? else { return Ok(Progress::IDLE) };
        let max = self.claims.begin(&lease);
        let claimed = self.node.store.claim_inbox(&lease, InboxFor::Relay, max, now).await?;
        let (found, more) = (claimed.len(), claims::more(&claimed, max));
        for parcel in claimed {
            let lease = lease.only(store::slot_of_sender(&parcel.arrived.id.sender));
            self.parcel(&lease, &parcel, now).await?;
        }
        self.claims.ended(found);
        Ok(Progress::some(found as u64, more))
    }

    async fn parcel(
        &mut self,
        lease: &Lease,
        parcel: &InboxParcel,
        now: Millis,
    ) -> Result<(), WorkError> {
        let node = Arc::clone(&self.node);
        let package = match gate::package(&node, parcel) {
            Ok(package) => package,
            Err(refusal) => return self.refuser.refuse(lease, parcel, refusal, now).await,
        };
        let checked = gate::read(&node, parcel, &package).and_then(|opened| {
            let link = onward(&node, parcel)?;
            Ok((opened, link))
        });
        let (opened, link) = match checked {
            Ok(checked) => checked,
            Err(refusal) => return self.refuser.refuse(lease, parcel, refusal, now).await,
        };
        let cert = match gate::verify_vouched(&node, parcel, &opened).await? {
            Ok(cert) => cert,
            Err(refusal) => return self.refuser.refuse(lease, parcel, refusal, now).await,
        };
        let before = node.store.admission(&opened.head.id()).await?;
        if before.is_some_and(|b| b.head_digest != opened.head_digest()) {
            let detail = format!("{} passed before with another head", opened.head.id());
            let refusal = Refusal::new("sender.cloned", detail);
            return self.refuser.refuse(lease, parcel, refusal, now).await;
        }
        let clear = node.clear(&package);
        let opened = match accept::in_clear(Box::new(opened), &clear) {
            Ok(opened) => opened,
            Err(refusal) => return self.refuser.refuse(lease, parcel, refusal, now).await,
        };
        node.authority_owed(&opened.head.from, &opened.head.authority, now).await?;
        let controls = self.on_the_way(parcel, &opened, now).await?;
        let relayed = Relayed {
            inbox_id: parcel.inbox_id,
            id: opened.head.id(),
            kind: parcel.arrived.kind.clone(),
            to: opened.head.to.clone(),
            from_link: parcel.arrived.link.clone(),
            link,
            head_digest: opened.head_digest(),
            count: opened.head.count() as u32,
            frame: Arc::clone(&parcel.arrived.frame),
            verified: true,
            controls,
            now,
        };
        self.commit(lease, parcel, &opened, &cert, relayed, now).await?;
        node.inbox_moved(-1);
        Ok(())
    }

    async fn commit(
        &self,
        lease: &Lease,
        parcel: &InboxParcel,
        opened: &Opened<'_>,
        cert: &SenderCert,
        relayed: Relayed,
        now: Millis,
    ) -> Result<(), WorkError> {
        let store = &self.node.store;
        let treatment = self.node.relay.treatment(&opened.head.from, &opened.head.route);
        let readable = opened.head.kind == Kind::Records && opened.closed.is_none();
        let keep = treatment == Treatment::Keep && readable;
        if keep && store.admission(&opened.head.id()).await?.is_none() {
            let copy = accept::kept_copy(&self.node, parcel, opened, cert, relayed, now).await?;
            return Ok(store.commit_judged(lease, copy).await?);
        }
        Ok(store.commit_relayed(lease, relayed).await?)
    }

    /// What this node says about a parcel that passes: a hop receipt for records, an answer to an
    /// inquiry about something it holds; and it learns from a receipt that passes.
    async fn on_the_way(
        &self,
        parcel: &InboxParcel,
        opened: &Opened<'_>,
        now: Millis,
    ) -> Result<Vec<NewControl>, WorkError> {
        match opened.head.kind {
            Kind::Records => Ok(self.hop_receipts(parcel, opened, now)),
            Kind::Receipt => {
                self.receipt_passes(opened, now).await?;
                Ok(Vec::new())
            }
            Kind::Inquiry => self.held(opened, now).await,
            Kind::Hop | Kind::Refusal | Kind::Answer | Kind::Manifest | Kind::Notice => {
                Ok(Vec::new())
            }
        }
    }

    /// The destination's receipt ends the keeping of its envelope; anybody else's ends nothing.
    async fn receipt_passes(&self, opened: &Opened<'_>, now: Millis) -> Result<(), WorkError> {
        let Some(answers) = &opened.head.answers else { return Ok(()) };
        let row = self.node.store.relay_row(&answers.envelope).await?;
        if row.is_some_and(|row| heed::ends_keeping(opened, &row)) {
            self.node.store.relay_done(&answers.envelope, now).await?;
        }
        Ok(())
    }

    fn hop_receipts(
        &self,
        parcel: &InboxParcel,
        opened: &Opened<'_>,
        now: Millis,
    ) -> Vec<NewControl> {
        let stage = match self.node.relay.treatment(&opened.head.from, &opened.head.route) {
            Treatment::Relay => Stage::Relayed,
            Treatment::Keep => Stage::Kept,
        };
        let next = self.node.link_to(&opened.head.to).map(|l| l.peer.clone());
        let hop = Hop {
            envelope: opened.head.id(),
            head: opened.head_digest(),
            stage,
            verified: true,
            at: whole_seconds(now),
            next,
            by: None,
        };
        let body = [hop.write()];
        let day = now.day();
        let (previous, origin) = (&parcel.arrived.from, &opened.head.from);
        let mut out = vec![control::content(Kind::Hop, origin, day, &body)];
        if previous != origin {
            out.push(control::content(Kind::Hop, previous, day, &body));
        }
        out
    }

    /// Every holder answers an inquiry; the destination answers it finally.
    async fn held(&self, opened: &Opened<'_>, now: Millis) -> Result<Vec<NewControl>, WorkError> {
        let mut answers = Vec::new();
        for fragment in &opened.fragments {
            let Ok(Inquiry::Status(id)) = Inquiry::read(fragment) else { continue };
            if self.node.store.relay_row(&id).await?.is_some() {
                answers.push(Answer::Held { envelope: id, state: HeldState::Relayed }.write());
            }
        }
        if answers.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![control::content(Kind::Answer, &opened.head.from, now.day(), &answers)])
    }
}

/// The link a parcel leaves by. Never the one it came by: that would be a loop.
fn onward(node: &Node, parcel: &InboxParcel) -> Result<Arc<str>, Refusal> {
    let to: &NodeCode = &parcel.arrived.to;
    match node.link_to(to) {
        Some(link) if link.name != parcel.arrived.link => Ok(link.name.clone()),
        Some(_) | None => {
            Err(Refusal::new("receiver.no_route", format!("no link of this node leads to `{to}`")))
        }
    }
}

impl Worker for Relay {
    fn name(&self) -> String {
        "relay".into()
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}
