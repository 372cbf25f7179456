//! settle: control parcels for this node. A verified receipt gives every record its outcome and
//! queues the write-backs; hops, refusals, inquiries, answers, manifests and notices do their part.

use std::collections::BTreeMap;
use std::sync::Arc;

use canon::Millis;
use envelope::control::{Hop, ManifestLine, Refusal as Refused};
use envelope::{Kind, Opened, Outcome, OutcomeLine, SenderCert};
use store::{
    AuditEvent, EventOn, FinalOutcome, InboxFor, InboxParcel, Lease, Member, OutEnvelope, OutEvent,
    RowOutcome, Settlement, TypeCount,
};

use crate::claims::Claims;
use crate::clones::{self, Verdict};
use crate::error::WorkError;
use crate::exceptions;
use crate::gate::{self, Refusal, Refuser};
use crate::heed::{self, Voice};
use crate::node::Node;
use crate::passages;
use crate::recall;
use crate::reconcile;
use crate::retry;
use crate::work::{Progress, WorkFuture, Worker};

/// The worker.
pub struct Settle {
    pub(crate) node: Arc<Node>,
    refuser: Refuser,
    claims: Claims,
}

impl Settle {
    /// Settles for this node.
    pub fn new(node: Arc<Node>) -> Self {
        let claims = Claims::new(node.limits.claim_max);
        Self { refuser: Refuser::new(Arc::clone(&node)), node, claims }
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        let Some(lease) = self.node.lease("settle", now).await? else {
            return Ok(Progress::IDLE);
        };
        let max = self.claims.begin(&lease);
        let claimed = self.node.store.claim_inbox(&lease, InboxFor::Settle, max, now).await?;
        let found = claimed.len();
        for parcel in claimed {
            let lease = lease.only(store::slot_of_sender(&parcel.arrived.id.sender));
            self.parcel(&lease, &parcel, now).await?;
            self.node.inbox_moved(-1);
        }
        self.claims.ended(found);
        Ok(Progress::some(found as u64, found == max as usize))
    }

    async fn parcel(
        &mut self,
        lease: &Lease,
        parcel: &InboxParcel,
        now: Millis,
    ) -> Result<(), WorkError> {
        let node = Arc::clone(&self.node);
        let refusal = match gate::package(&node, parcel) {
            Ok(package) => {
                let checked = gate::read(&node, parcel, &package)
                    .and_then(|opened| Ok((gate::verify(&node, parcel, &opened)?, opened)));
                match checked {
                    Ok((cert, opened)) => {
                        self.verified(lease, parcel, (&opened, &cert), now).await?
                    }
                    Err(refusal) => Some(refusal),
                }
            }
            Err(refusal) => Some(refusal),
        };
        if let Some(refusal) = refusal {
            self.refuser.refuse(lease, parcel, refusal, now).await?;
            // The refuser counts the inbox down too; the caller does it for every parcel.
            node.inbox_moved(1);
        }
        Ok(())
    }

    async fn verified(
        &self,
        lease: &Lease,
        parcel: &InboxParcel,
        (opened, cert): (&Opened<'_>, &SenderCert),
        now: Millis,
    ) -> Result<Option<Refusal>, WorkError> {
        match opened.head.kind {
            Kind::Receipt => self.receipt(lease, parcel, opened, now).await,
            Kind::Hop => self.hop(lease, parcel, (opened, cert), now).await,
            Kind::Refusal => self.refused(lease, parcel, (opened, cert), now).await,
            Kind::Inquiry => self.inquiry(lease, parcel, opened, now).await,
            Kind::Answer => self.answer(lease, parcel, (opened, cert), now).await,
            Kind::Manifest => {
                let head = &opened.head;
                self.node.authority_owed(&head.from, &head.authority, now).await?;
                self.manifest(parcel, opened, now).await
            }
            Kind::Notice => self.notice(lease, parcel, opened, now).await,
            Kind::Records => {
                Ok(Some(Refusal::new("envelope.malformed", "records claimed as control")))
            }
        }
    }

    // ── receipts ────────────────────────────────────────────────────────────────────────────

    async fn receipt(
        &self,
        lease: &Lease,
        parcel: &InboxParcel,
        opened: &Opened<'_>,
        now: Millis,
    ) -> Result<Option<Refusal>, WorkError> {
        let Some(answers) = &opened.head.answers else {
            return Ok(Some(Refusal::new("receipt.names_nothing", "the head answers no envelope")));
        };
        let id = &answers.envelope;
        let own = self.node.store.outbound(id).await?;
        if own.is_none() && id.sender == self.node.code && id.epoch < self.node.epoch().await? {
            // Sent in the time that a restore took away; its destination tells of it, or has told.
            let action = "receipt.of_lost_time";
            return self.drop_with_audit(lease, parcel, action, &id.to_string(), now).await;
        }
        let Some(own) = own.filter(|_| id.sender == self.node.code) else {
            return Ok(Some(Refusal::new("receipt.not_asked", format!("{id} is none of ours"))));
        };
        if opened.head.from != id.route.destination {
            let detail = format!("{} is not the destination of {id}", opened.head.from);
            return Ok(Some(Refusal::new("receipt.wrong_node", detail)));
        }
        let other = answers.head != own.head_digest || answers.root != own.root;
        if other && !own.state.is_final() {
            // The destination judged another machine's bytes under this number.
            if id.epoch < self.node.epoch().await? {
                clones::overtaken(&self.node, lease, &own, "sender.cloned", now).await?;
            } else {
                self.node.halt("sender.cloned", &id.to_string(), now).await?;
            }
            self.node.store.drop_inbox(lease, parcel.inbox_id).await?;
            return Ok(None);
        }
        if other {
            let detail = format!("receipt for {id} with another head or root");
            return Ok(Some(Refusal::new("receipt.other_bytes", detail)));
        }
        if own.state.is_final() {
            self.node.store.drop_inbox(lease, parcel.inbox_id).await?;
            return Ok(None);
        }
        let lines = match outcomes(opened, own.count, answers.decline.as_deref()) {
            Ok(lines) => lines,
            Err(refusal) => return Ok(Some(refusal)),
        };
        let mut settlement = self.settlement(parcel, opened, &own, lines, now).await?;
        let again = settlement.not_accepted.iter_mut().filter_map(|e| e.again.as_mut());
        self.node.rest(&id.route, again.map(|a| &mut a.fragment));
        let epoch = opened.head.epoch;
        // Before and after: whoever gives meanwhile, and whatever dies between, it is looked at again.
        recall::perhaps_lost(&self.node, id, epoch, now).await?;
        self.node.store.commit_settled(lease, settlement).await?;
        recall::perhaps_lost(&self.node, id, epoch, now).await?;
        Ok(None)
    }

    async fn settlement(
        &self,
        parcel: &InboxParcel,
        opened: &Opened<'_>,
        own: &OutEnvelope,
        lines: Vec<OutcomeLine>,
        now: Millis,
    ) -> Result<Settlement, WorkError> {
        let decline = opened.head.answers.as_ref().and_then(|a| a.decline.clone());
        let members = self.node.store.members(&own.id).await?;
        if members.len() != lines.len() {
            return Err(WorkError::Own(format!("members of {} and its receipt differ", own.id)));
        }
        let (counts, rows) = counted(&members, &lines);
        let not_accepted = exceptions::of(&self.node, own, &members, &lines, now).await?;
        Ok(Settlement {
            inbox_id: parcel.inbox_id,
            id: own.id.clone(),
            event: if decline.is_some() { OutEvent::Declining } else { OutEvent::Receipted },
            reason: decline,
            not_accepted,
            counts,
            rows,
            receipt: Arc::clone(&parcel.arrived.frame),
            receiver_time: opened.head.sealed_at,
            now,
        })
    }

    // ── the other kinds ─────────────────────────────────────────────────────────────────────

    /// Progress, from whoever can know: of a relayed parcel its next node, of an own envelope a node
    /// that may lie on its way; and of exactly these bytes.
    async fn hop(
        &self,
        lease: &Lease,
        parcel: &InboxParcel,
        (opened, cert): (&Opened<'_>, &SenderCert),
        now: Millis,
    ) -> Result<Option<Refusal>, WorkError> {
        let Some(hop) = opened.fragments.first().and_then(|f| Hop::read(f).ok()) else {
            return Ok(Some(Refusal::new("envelope.malformed", "hop receipt")));
        };
        let (store, by, id) = (&self.node.store, &opened.head.from, &hop.envelope);
        let (row, sent) = (store.relay_row(id).await?, store.outbound(id).await?);
        // Of what is neither ours nor passes here nothing is kept.
        let ours = row.is_some() || sent.is_some();
        let relayed = row
            .is_none_or(|row| row.head_digest == hop.head && heed::is_next(&self.node, &row, by));
        let own = match sent {
            Some(own) => own.head_digest == hop.head && self.voice(cert, &own)? != Voice::Stranger,
            None => true,
        };
        if !(relayed && own) {
            let detail = format!("`{by}` speaks of {id}, which never was with it");
            return Ok(Some(Refusal::new("hop.not_on_the_way", detail)));
        }
        let kept = match ours {
            true => passages::stands(&self.node, opened, &hop).await?,
            false => None,
        };
        let said = (by, hop.stage.as_str());
        store.commit_hop(lease, parcel.inbox_id, id, said, kept, now).await?;
        Ok(None)
    }

    fn voice(&self, cert: &SenderCert, own: &OutEnvelope) -> Result<Voice, WorkError> {
        heed::voice(&self.node, cert, &own.id, self.node.link(&own.link))
    }

    async fn refused(
        &self,
        lease: &Lease,
        parcel: &InboxParcel,
        (opened, cert): (&Opened<'_>, &SenderCert),
        now: Millis,
    ) -> Result<Option<Refusal>, WorkError> {
        let Some(refused) = opened.fragments.first().and_then(|f| Refused::read(f).ok()) else {
            return Ok(Some(Refusal::new("envelope.malformed", "refusal")));
        };
        let claimed = refused.claimed.clone().filter(|id| id.sender == self.node.code);
        let own = match &claimed {
            Some(id) => self.node.store.outbound(id).await?,
            None => None,
        };
        let Some(own) = own else {
            return self
                .drop_with_audit(lease, parcel, "refusal.of_nothing_ours", &refused.code, now)
                .await;
        };
        let voice = self.voice(cert, &own)?;
        if voice == Voice::Stranger {
            let action = "refusal.not_on_the_way";
            return self.drop_with_audit(lease, parcel, action, &refused.code, now).await;
        }
        let verdict = clones::refused(&self.node, &opened.head.from, &refused, &own, now).await?;
        if verdict == Verdict::Older {
            clones::overtaken(&self.node, lease, &own, &refused.code, now).await?;
        }
        if verdict != Verdict::Ordinary {
            self.node.store.drop_inbox(lease, parcel.inbox_id).await?;
            return Ok(None);
        }
        self.wait_refused(lease, parcel, &own, (&refused, voice), now).await?;
        Ok(None)
    }

    /// The envelope waits with the reason; three in a row from those who certainly had it pause its
    /// link.
    async fn wait_refused(
        &self,
        lease: &Lease,
        parcel: &InboxParcel,
        own: &OutEnvelope,
        (refused, voice): (&Refused, Voice),
        now: Millis,
    ) -> Result<(), WorkError> {
        let by = (refused.code.as_str(), &parcel.arrived.id.sender);
        let laid = passages::laid_before(&self.node, own, by, now).await?;
        let refusals = own.refusals + 1;
        let mut due_at = retry::next(now, refusals, &self.node.limits, self.node.seed);
        if laid.is_some() {
            due_at = due_at.max(now.plus(passages::AHEAD_MS));
        }
        let event = EventOn {
            event: OutEvent::Refused,
            reason: Some(refused.code.clone()),
            due_at: Some(due_at),
            controls: laid.into_iter().collect(),
            inbox_id: Some(parcel.inbox_id),
            now,
        };
        self.node.store.commit_event(lease, &own.id, event).await?;
        if voice == Voice::Sure && refusals >= self.node.limits.refusals_to_pause {
            self.node.store.pause_link(&own.link, Some(&refused.code), now).await?;
        }
        Ok(())
    }

    async fn manifest(
        &self,
        parcel: &InboxParcel,
        opened: &Opened<'_>,
        now: Millis,
    ) -> Result<Option<Refusal>, WorkError> {
        let lines: Result<Vec<ManifestLine>, _> =
            opened.fragments.iter().map(|f| ManifestLine::read(f)).collect();
        match lines {
            Ok(lines) => {
                reconcile::manifest::received(
                    &self.node,
                    parcel.inbox_id,
                    &opened.head.from,
                    lines,
                    now,
                )
                .await
            }
            Err(refuse) => Ok(Some(refuse.into())),
        }
    }

    pub(crate) async fn drop_with_audit(
        &self,
        lease: &Lease,
        parcel: &InboxParcel,
        action: &str,
        reason: &str,
        now: Millis,
    ) -> Result<Option<Refusal>, WorkError> {
        let event = AuditEvent {
            at: now,
            who: "settle".into(),
            action: action.into(),
            subject: parcel.arrived.id.to_string(),
            reason: reason.to_owned(),
            ok: true,
        };
        self.node.store.audit(event).await?;
        self.node.store.drop_inbox(lease, parcel.inbox_id).await?;
        Ok(None)
    }
}

/// One outcome for every record, in order: anything else is not a receipt. A declining receipt
/// has none of its own: each record is rejected with the code of the decline.
fn outcomes(
    opened: &Opened<'_>,
    count: u32,
    decline: Option<&str>,
) -> Result<Vec<OutcomeLine>, Refusal> {
    if let Some(code) = decline {
        return Ok((0..count)
            .map(|i| OutcomeLine::with_code(i, Outcome::Rejected, code))
            .collect());
    }
    let wrong = || Refusal::new("receipt.incomplete", "not one outcome for every record, in order");
    if opened.fragments.len() != count as usize {
        return Err(wrong());
    }
    let mut lines = Vec::with_capacity(opened.fragments.len());
    for (position, fragment) in opened.fragments.iter().enumerate() {
        let line = envelope::read_outcome(fragment)?;
        if line.position as usize != position {
            return Err(wrong());
        }
        lines.push(line);
    }
    Ok(lines)
}

/// Counts by type, and the outcome of each source row that wants a write-back.
fn counted(members: &[Member], lines: &[OutcomeLine]) -> (Vec<TypeCount>, Vec<RowOutcome>) {
    let mut counts: BTreeMap<&str, TypeCount> = BTreeMap::new();
    let mut rows = Vec::new();
    for (member, line) in members.iter().zip(lines) {
        let count = match counts.get_mut(&*member.kind) {
            Some(count) => count,
            None => counts.entry(&member.kind).or_insert_with(|| TypeCount {
                kind: Arc::clone(&member.kind),
                ..TypeCount::default()
            }),
        };
        let outcome = match line.outcome {
            Outcome::Accepted => {
                count.accepted += 1;
                count.sum.add(&member.digest);
                None
            }
            Outcome::Superseded => {
                count.superseded += 1;
                count.sum.add(&member.digest);
                Some(FinalOutcome::Superseded)
            }
            Outcome::Rejected => {
                count.rejected += 1;
                Some(FinalOutcome::Rejected)
            }
            Outcome::ParentMissing => {
                count.parent_missing += 1;
                Some(FinalOutcome::ParentMissing)
            }
        };
        let Some(row) = &member.source_row else { continue };
        let (adapter, _) = row.split_once('|').unwrap_or((row, ""));
        rows.push(RowOutcome {
            adapter: adapter.into(),
            row: Arc::clone(row),
            outcome,
            text: owner_text(line),
        });
    }
    (counts.into_values().collect(), rows)
}

/// What the source row is told, the rule behind it: `… [record.authority]`.
fn owner_text(line: &OutcomeLine) -> String {
    let Some(code) = &line.code else { return line.text.clone().unwrap_or_default() };
    // Who rejected may have said the code only: what it means stands in our list.
    let known = canon::code(code).map(|known| known.zh);
    match line.text.as_deref().or(known) {
        Some(text) => format!("{text} [{code}]"),
        None => code.clone(),
    }
}

impl Worker for Settle {
    fn name(&self) -> String {
        "settle".into()
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}
