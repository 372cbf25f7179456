//! forward: the audit chain to a collector outside, in its order, each event at least once. The chain lies in the
//! store whatever the collector does; how far it has taken it stands there too.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use canon::{Digest, Millis};
use store::{AuditEvent, Lease, SharedStore};

use crate::error::WorkError;
use crate::node::Node;
use crate::sink_state::{self, SinkSeen};
use crate::standing;
use crate::work::{Progress, WorkFuture, Worker};

/// Name of the worker, of its lease and of its mark.
const NAME: &str = "audit/syslog";
/// Under this name stands why the collector does not take.
const STATE: &str = "audit/syslog/state";
/// Most events given at once.
pub const FORWARD_EVENTS_MAX: u32 = 500;
/// Events that wait are counted no further.
pub const FORWARD_COUNTED_MAX: u32 = 10_000;
/// How often it is looked for new events, ms.
const EVERY: i64 = 1_000;

/// An event of the chain: its number, itself, the digest over it and all before it.
pub type Link = (i64, AuditEvent, Digest);

/// Why the collector did not take a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTaken {
    /// Stable code.
    pub code: &'static str,
    /// What happened, nothing of an event.
    pub detail: String,
}

/// Whether a batch was taken.
pub type TakeFuture<'a> = Pin<Box<dyn Future<Output = Result<(), NotTaken>> + Send + 'a>>;

/// Where the chain is forwarded to.
pub trait Collector: Send + Sync {
    /// Gives it a batch, within a time of its own; fine only where it has read all of it. A batch that
    /// was not taken is given again, as a whole.
    fn take<'a>(&'a self, events: &'a [Link]) -> TakeFuture<'a>;
}

/// The worker.
pub struct Forward {
    node: Arc<Node>,
    collector: Box<dyn Collector>,
    /// Token of the lease of the turn before.
    token: Option<u64>,
    /// How far the collector has taken the chain; none until it was looked up.
    from: Option<i64>,
    /// Why it does not take, as it stands in the store.
    seen: Option<SinkSeen>,
    next: Millis,
}

impl Forward {
    /// Forwards a node's chain from where it was forwarded to, at first from its beginning.
    pub fn new(node: Arc<Node>, collector: Box<dyn Collector>) -> Self {
        Self { node, collector, token: None, from: None, seen: None, next: Millis(i64::MIN) }
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        if now < self.next {
            return Ok(Progress::IDLE);
        }
        let Node { store, holder, held, limits, .. } = &*self.node;
        // Not `Node::lease`: a node that has stopped itself tells so in its chain, and that must get out.
        let lease = held.lease(store, NAME, holder, now, limits.lease_ttl).await?;
        let Some(lease) = lease else { return Ok(Progress::IDLE) };
        let from = match self.from.filter(|_| self.token == Some(lease.token)) {
            Some(from) => from,
            None => {
                self.seen = standing::one(store, STATE).await?;
                store.watermark(NAME).await?
            }
        };
        (self.token, self.from) = (Some(lease.token), Some(from));
        let done = self.give(&lease, from, now).await?;
        if !done.more {
            self.next = now.plus(EVERY);
        }
        Ok(done)
    }

    async fn give(&mut self, lease: &Lease, from: i64, now: Millis) -> Result<Progress, WorkError> {
        let store = &self.node.store;
        let events = store.audit_after(from, FORWARD_EVENTS_MAX).await?;
        let Some((last, _, _)) = events.last() else { return Ok(Progress::IDLE) };
        if let Err(NotTaken { code, detail }) = self.collector.take(&events).await {
            let what = format!("{detail} [{code}]");
            let why = SinkSeen { since: now, code: code.into(), detail, halted: false };
            sink_state::takes_not(store, STATE, &mut self.seen, why, now).await?;
            return Err(WorkError::Forward { what });
        }
        store.commit_delivered(lease, NAME, *last, now).await?;
        self.from = Some(*last);
        sink_state::takes(store, STATE, &mut self.seen, now).await?;
        let more = events.len() == FORWARD_EVENTS_MAX as usize;
        Ok(Progress::some(events.len() as u64, more))
    }
}

impl Worker for Forward {
    fn name(&self) -> String {
        NAME.to_owned()
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}

/// How forwarding stands, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Events that the collector has not taken, counted no further than [`FORWARD_COUNTED_MAX`].
    pub events: usize,
    /// When the first of them was.
    pub since: Option<Millis>,
    /// Why it does not take; none while it does, or where nobody has tried.
    pub why: Option<SinkSeen>,
}

/// How forwarding stands.
///
/// # Errors
/// The store failed.
pub async fn waiting(store: &SharedStore) -> Result<Waiting, WorkError> {
    let from = store.watermark(NAME).await?;
    let events = store.audit_after(from, FORWARD_COUNTED_MAX).await?;
    let since = events.first().map(|(_, event, _)| event.at);
    Ok(Waiting { events: events.len(), since, why: standing::one(store, STATE).await? })
}
