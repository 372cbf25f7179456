//! accept: verify, judge each record, keep, and write the receipt for `seal` to sign.

use std::borrow::Cow;
use std::sync::Arc;

use canon::format::Format;
use canon::{EnvelopeId, Millis};
use envelope::{By, Opened, Refuse, SenderCert, write_outcome};
use store::{InboxFor, InboxParcel, Judged, Lease, StoreError, slot_of_sender};

use crate::claims::{self, Claims};
use crate::control::{self, Answers};
use crate::error::WorkError;
use crate::gate::{self, Refusal, Refuser};
use crate::judge::{self, Judgement};
use crate::node::Node;
use crate::passages;
use crate::work::{Progress, WorkFuture, Worker};

/// How often an envelope is judged again because another instance was quicker.
const RETRIES: u32 = 5;

/// The worker.
pub struct Accept {
    node: Arc<Node>,
    refuser: Refuser,
    claims: Claims,
}

impl Accept {
    /// Accepts for this node.
    pub fn new(node: Arc<Node>) -> Self {
        let claims = Claims::new(node.limits.claim_max);
        Self { refuser: Refuser::new(Arc::clone(&node)), node, claims }
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        let Some(lease) = self.node.lease("accept", now).await? else {
            return Ok(Progress::IDLE);
        };
        let max = self.claims.begin(&lease);
        let claimed = self.node.store.claim_inbox(&lease, InboxFor::Accept, max, now).await?;
        let (found, mut records, more) = (claimed.len(), 0, claims::more(&claimed, max));
        for parcel in claimed {
            let lease = lease.only(slot_of_sender(&parcel.arrived.id.sender));
            records += self.parcel(&lease, &parcel, now).await?;
        }
        self.claims.ended(found);
        Ok(Progress::some(records.max(found as u64), more))
    }

    async fn parcel(
        &mut self,
        lease: &Lease,
        parcel: &InboxParcel,
        now: Millis,
    ) -> Result<u64, WorkError> {
        let node = Arc::clone(&self.node);
        let package = match gate::package(&node, parcel) {
            Ok(package) => package,
            Err(refusal) => return self.refuse(lease, parcel, refusal, now).await,
        };
        let (opened, cert) = match arrival(&node, parcel, &package).await? {
            Arrival::New(opened, cert) => (opened, cert),
            Arrival::Again(id) => {
                node.store.commit_duplicate(lease, parcel.inbox_id, &id, now).await?;
                node.inbox_moved(-1);
                return Ok(0);
            }
            Arrival::Refused(refusal) => return self.refuse(lease, parcel, refusal, now).await,
        };
        let clear = node.clear(&package);
        let opened = match in_clear(opened, &clear) {
            Ok(opened) => opened,
            Err(refusal) => return self.refuse(lease, parcel, refusal, now).await,
        };
        let id = opened.head.id();
        node.authority_owed(&id.sender, &opened.head.authority, now).await?;
        let mut tries = 0;
        loop {
            let judged = judged(&node, parcel, &opened, &cert, now).await?;
            let count = u64::from(judged.count);
            match node.store.commit_judged(lease, judged).await {
                // Another instance kept records of the same cases meanwhile.
                Err(StoreError::Conflict { .. }) if node.held.is_shared() && tries < RETRIES => {
                    tries += 1;
                }
                done => {
                    done?;
                    node.fair.charge(&id.sender, count, now);
                    node.inbox_moved(-1);
                    return Ok(count);
                }
            }
        }
    }

    async fn refuse(
        &mut self,
        lease: &Lease,
        parcel: &InboxParcel,
        refusal: Refusal,
        now: Millis,
    ) -> Result<u64, WorkError> {
        self.refuser.refuse(lease, parcel, refusal, now).await?;
        Ok(0)
    }
}

/// What a parcel of records is, once it is verified.
pub(crate) enum Arrival<'p> {
    /// Not seen before.
    New(Box<Opened<'p>>, Arc<SenderCert>),
    /// An envelope that was judged before.
    Again(EnvelopeId),
    /// It does not verify, or cannot be.
    Refused(Refusal),
}

/// Verifies a parcel and looks whether it came before.
pub(crate) async fn arrival<'p>(
    node: &Node,
    parcel: &InboxParcel,
    package: &'p [u8],
) -> Result<Arrival<'p>, WorkError> {
    let opened = match gate::read(node, parcel, package) {
        Ok(opened) => opened,
        Err(refusal) => return Ok(Arrival::Refused(refusal)),
    };
    let id = opened.head.id();
    let before = node.store.admission(&id).await?;
    let cert = match gate::verify_vouched(node, parcel, &opened).await? {
        Ok(cert) => cert,
        // Exactly this head was verified here while its certificate held.
        Err(refusal)
            if passages::is_about_time(&refusal.code)
                && before.as_ref().is_some_and(|b| b.head_digest == opened.head_digest()) =>
        {
            return Ok(Arrival::Again(id));
        }
        Err(refusal) => return Ok(Arrival::Refused(refusal)),
    };
    if let Some(before) = before {
        return Ok(if before.head_digest == opened.head_digest() {
            Arrival::Again(id)
        } else {
            Arrival::Refused(cloned(&id))
        });
    }
    let from = &opened.head.from;
    let past = node.errands().await?.past_of(from);
    if opened.head.epoch < past.max(node.store.highest_epoch(from).await?) {
        let refusal = Refusal::new("sender.epoch_old", format!("{id} is of an older epoch"));
        return Ok(Arrival::Refused(refusal));
    }
    Ok(Arrival::New(Box::new(opened), cert))
}

/// Another head under a number that was seen.
pub(crate) fn cloned(id: &EnvelopeId) -> Refusal {
    Refusal::new("sender.cloned", format!("{id} came before with another head"))
}

/// The envelope with its body in the clear where this node may read it, and as it came where not.
/// One that opens to other fragments than the head names is refused like any other.
pub(crate) fn in_clear<'p>(
    opened: Box<Opened<'p>>,
    clear: &'p Result<Cow<'p, [u8]>, Refuse>,
) -> Result<Box<Opened<'p>>, Refusal> {
    match clear {
        Ok(Cow::Owned(package)) => Ok(Box::new(envelope::open_clear(package)?)),
        Ok(Cow::Borrowed(_)) | Err(_) => Ok(opened),
    }
}

/// The format that an envelope can be judged by, or the code it is declined with.
pub(crate) fn readable<'n>(
    node: &'n Node,
    opened: &Opened<'_>,
) -> Result<&'n Arc<Format>, &'static str> {
    // Its sender named others as readers, or keys that are gone: nobody here can judge it.
    if opened.closed.is_some() {
        return Err("receiver.confidential");
    }
    node.formats.get(&opened.head.format).ok_or("receiver.edition_unknown")
}

/// The fact of an envelope judged here as its destination: kept rows, counts and the receipt.
async fn judged(
    node: &Node,
    parcel: &InboxParcel,
    opened: &Opened<'_>,
    cert: &SenderCert,
    now: Millis,
) -> Result<Judged, WorkError> {
    let (judgement, decline) = match readable(node, opened) {
        Ok(format) => (judge::judge(node, format, cert, opened, None, now).await?, None),
        Err(code) => (Judgement::default(), Some(code.to_owned())),
    };
    fact(parcel, opened, judgement, (By::Node, decline), now)
}

/// A judgement with the receipt that says it.
pub(crate) fn fact(
    parcel: &InboxParcel,
    opened: &Opened<'_>,
    judgement: Judgement,
    (by, decline): (By, Option<String>),
    now: Millis,
) -> Result<Judged, WorkError> {
    let head = &opened.head;
    let mut body = Vec::with_capacity(judgement.lines.len() * 96);
    let mut lengths = Vec::with_capacity(judgement.lines.len());
    for line in &judgement.lines {
        let fragment = write_outcome(line);
        lengths.push(fragment.len() as u32);
        body.extend_from_slice(&fragment);
    }
    let answers = Answers {
        envelope: head.id().to_string(),
        head: opened.head_digest().to_string(),
        root: head.root.to_string(),
        received_at: parcel.received_at,
        outlet: (by == By::Outlet).then_some(true),
        decline,
    };
    let receipt = control::receipt(&head.from, head.window, &head.id(), answers, body, lengths)?;
    Ok(Judged {
        inbox_id: parcel.inbox_id,
        id: head.id(),
        head_digest: opened.head_digest(),
        day: head.window,
        count: head.count() as u32,
        kept: judgement.kept,
        superseded: judgement.superseded,
        counts: judgement.counts,
        units: judgement.units,
        problems: judgement.problems,
        receipt: Some(receipt),
        relayed: None,
        saw: judgement.saw,
        frame: Arc::clone(&parcel.arrived.frame),
        settled_below: head.settled_below,
        now,
    })
}

/// The copy a relay keeps for its own use: judged, kept, and passed on by the same fact; no
/// receipt, since only the destination's settles.
pub(crate) async fn kept_copy(
    node: &Node,
    parcel: &InboxParcel,
    opened: &Opened<'_>,
    cert: &SenderCert,
    relayed: store::Relayed,
    now: Millis,
) -> Result<Judged, WorkError> {
    let mut copy = judged(node, parcel, opened, cert, now).await?;
    copy.receipt = None;
    copy.units.clear();
    copy.relayed = Some(relayed);
    Ok(copy)
}

impl Worker for Accept {
    fn name(&self) -> String {
        "accept".into()
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}
