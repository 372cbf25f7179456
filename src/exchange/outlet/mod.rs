//! The outlet of an identity: behind it stands a platform that does not run Tiergate.
//!
//! It takes accept's place. What it would accept is handed to the platform first; the envelope waits
//! in the store until every record has its last answer, and is then judged for good: kept rows,
//! outcomes with the platform's words and the receipt (`by=outlet`) are one fact, as with accept.

mod before;
mod given_up;
mod speak;

use std::sync::{Arc, Mutex};

use canon::Millis;
use edge::outlet::{Outlet as Port, Target};
use envelope::{By, Opened, SenderCert};
use store::{InboxFor, InboxParcel, Lease, NewSubmission, SubmissionStep, Submit};

pub(crate) use before::{Asker, Before, Relation};
pub use given_up::{GIVEN_UP, give_up};
pub use speak::{PLATFORM, PlatformSeen, SAID_CHARS_MAX};

use crate::accept::{Arrival, arrival, cloned, fact, in_clear, readable};
use crate::claims::{self, Claims};
use crate::error::WorkError;
use crate::gate::{self, Refuser};
use crate::judge::{self, Judgement};
use crate::node::Node;
use crate::work::{Progress, WorkFuture, Worker};

/// Envelopes gone on with in one turn.
const ROUNDS_PER_TURN: u32 = 32;

/// A record that only the platform can answer.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Position in the envelope.
    pub position: u32,
    /// Type, key, version.
    pub id: canon::RecordId,
    /// Record digest.
    pub digest: canon::Digest,
    /// Facts.
    pub facts: Arc<str>,
    /// How far it is.
    pub step: SubmissionStep,
    /// What it stands on.
    pub after: Option<(i64, u32)>,
}

/// The worker.
pub struct Outlet {
    node: Arc<Node>,
    target: Arc<Target>,
    /// Never locked: only this worker has it, and a port may not be shared.
    port: Mutex<Box<dyn Port>>,
    refuser: Refuser,
    claims: Claims,
    /// Token of the lease of the turn before.
    token: Option<u64>,
    /// Envelopes that wait, as far as this process knows.
    waiting: u64,
    /// Something has changed since the waiting envelopes were last looked through.
    changed: bool,
    rest: speak::Rest,
}

impl Outlet {
    /// The outlet of this node.
    pub fn new(node: Arc<Node>, target: Arc<Target>, port: Box<dyn Port>) -> Self {
        let claims = Claims::new(node.limits.claim_max);
        let refuser = Refuser::new(Arc::clone(&node));
        Self {
            node,
            target,
            port: Mutex::new(port),
            refuser,
            claims,
            token: None,
            waiting: 0,
            changed: true,
            rest: speak::Rest::default(),
        }
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        // One at a time speaks to a platform, however many processes share the store.
        let Some(lease) = self.node.lease("outlet", now).await? else {
            return Ok(Progress::IDLE);
        };
        if self.token != Some(lease.token) {
            self.waiting = self.node.store.outlet_status().await?.envelopes;
            self.changed = true;
            self.rest = speak::Rest::default();
            self.token = Some(lease.token);
        }
        self.give_up(&lease, now).await?;
        let taken = self.take(&lease, now).await?;
        let spoken = self.speak(&lease, now).await?;
        let gone_on = self.go_on(&lease, now).await?;
        Ok(taken.and(spoken).and(gone_on))
    }

    /// Envelopes out of the inbox, while there is room among those that wait.
    async fn take(&mut self, lease: &Lease, now: Millis) -> Result<Progress, WorkError> {
        let room = self.node.limits.outlet_envelopes_max.saturating_sub(self.waiting);
        let room = u32::try_from(room).unwrap_or(u32::MAX);
        if room == 0 {
            return Ok(Progress::IDLE);
        }
        let max = self.claims.begin(lease).min(room);
        let claimed = self.node.store.claim_inbox(lease, InboxFor::Accept, max, now).await?;
        let (found, more) = (claimed.len(), claims::more(&claimed, max));
        for parcel in claimed {
            self.parcel(lease, &parcel, now).await?;
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
        let (opened, cert) = match arrival(&node, parcel, &package).await? {
            Arrival::New(opened, cert) => (opened, cert),
            Arrival::Again(id) => {
                node.store.commit_duplicate(lease, parcel.inbox_id, &id, now).await?;
                node.inbox_moved(-1);
                return Ok(());
            }
            Arrival::Refused(refusal) => {
                return self.refuser.refuse(lease, parcel, refusal, now).await;
            }
        };
        let clear = node.clear(&package);
        let opened = match in_clear(opened, &clear) {
            Ok(opened) => opened,
            Err(refusal) => return self.refuser.refuse(lease, parcel, refusal, now).await,
        };
        if let Some(waiting) = node.store.awaiting(&opened.head.id()).await? {
            // It is answered once, when the platform has spoken.
            return if waiting.arrived.parcel == parcel.arrived.parcel
                || same_head(&node, &waiting, &opened)
            {
                node.store.drop_inbox(lease, parcel.inbox_id).await?;
                node.inbox_moved(-1);
                Ok(())
            } else {
                let refusal = cloned(&opened.head.id());
                self.refuser.refuse(lease, parcel, refusal, now).await
            };
        }
        let waits = self.round(lease, parcel, (&opened, &cert), now).await?;
        self.waiting += u64::from(waits);
        node.fair.charge(&opened.head.from, opened.fragments.len() as u64, now);
        node.inbox_moved(-1);
        Ok(())
    }

    /// Envelopes that wait go on where an answer has made it possible.
    async fn go_on(&mut self, lease: &Lease, now: Millis) -> Result<Progress, WorkError> {
        if !self.changed {
            return Ok(Progress::IDLE);
        }
        let ripe = self.node.store.ripe(ROUNDS_PER_TURN).await?;
        let (found, mut ended) = (ripe.len(), 0);
        for parcel in ripe {
            // It was verified when it came; it has lain in this store since then.
            let package = gate::package(&self.node, &untried(&parcel));
            let lost = || WorkError::Own(format!("waiting envelope {}", parcel.arrived.id));
            let package = package.map_err(|_| lost())?;
            let package = self.node.clear(&package).map_err(|_| lost())?;
            let opened = envelope::open_clear(&package).map_err(|_| lost())?;
            match gate::verify_vouched(&self.node, &parcel, &opened).await? {
                Ok(cert) => {
                    let waits = self.round(lease, &parcel, (&opened, &cert), now).await?;
                    ended += u64::from(!waits);
                }
                // Its anchor was taken away meanwhile.
                Err(refusal) => {
                    self.refuser.refuse(lease, &parcel, refusal, now).await?;
                    // The refuser counts the inbox down, where this one is no more.
                    self.node.inbox_moved(1);
                    ended += 1;
                }
            }
        }
        self.waiting = self.waiting.saturating_sub(ended);
        // What ended may free others; what could not go on waits for the next answer.
        self.changed = ended > 0 || found == ROUNDS_PER_TURN as usize;
        Ok(Progress::some(ended, ended > 0))
    }

    /// Judges an envelope by what the platform has said so far: for good if it has said all, else
    /// what can be handed over now is due. Whether it waits.
    async fn round(
        &mut self,
        lease: &Lease,
        parcel: &InboxParcel,
        (opened, cert): (&Opened<'_>, &SenderCert),
        now: Millis,
    ) -> Result<bool, WorkError> {
        let (judgement, decline) = match readable(&self.node, opened) {
            Ok(format) => {
                let asker = Asker { inbox_id: parcel.inbox_id, target: &self.target };
                let judged =
                    judge::judge(&self.node, format, cert, opened, Some(&asker), now).await?;
                (judged, None)
            }
            Err(code) => (Judgement::default(), Some(code.to_owned())),
        };
        if judgement.asked.is_empty() {
            let judged = fact(parcel, opened, judgement, (By::Outlet, decline), now)?;
            self.node.store.commit_judged(lease, judged).await?;
            self.changed = true;
            return Ok(false);
        }
        let open = |a: &Asked| matches!(a.step, SubmissionStep::Held | SubmissionStep::Due);
        let asked = judgement.asked.into_iter().filter(open);
        let submit = Submit {
            inbox_id: parcel.inbox_id,
            id: opened.head.id(),
            settled_below: opened.head.settled_below,
            records: asked.map(|asked| self.submission(asked, now)).collect(),
            now,
        };
        self.node.store.submit(lease, submit).await?;
        Ok(true)
    }

    fn submission(&self, asked: Asked, now: Millis) -> NewSubmission {
        let Asked { position, id, digest, facts, step, after } = asked;
        let message = self.target.message_id(&id);
        NewSubmission { position, id, digest, facts, message, step, after, due_at: now }
    }
}

/// A waiting parcel is opened again in every round; that is no claim.
fn untried(parcel: &InboxParcel) -> InboxParcel {
    InboxParcel { tries: 0, ..parcel.clone() }
}

/// Whether a waiting parcel is the same envelope in another frame.
fn same_head(node: &Node, waiting: &InboxParcel, opened: &Opened<'_>) -> bool {
    let package = envelope::open_frame(&waiting.arrived.frame, node.limits.package_bytes_max);
    let Ok(package) = package else { return false };
    envelope::open(&package).is_ok_and(|before| before.head_digest() == opened.head_digest())
}

impl Worker for Outlet {
    fn name(&self) -> String {
        "outlet".into()
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}
