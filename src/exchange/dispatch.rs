//! dispatch: due parcels to the carrier, within each link's pace, hours and in-flight limit. What
//! its receiver asked to wait, and what would go to a node under maintenance, stays here.

use std::collections::BTreeMap;
use std::sync::Arc;

use bus::{Confirmation, Parcel};
use canon::{Lane, Millis};
use store::{Attempted, DueParcel, OutEvent, bulk_share};

use crate::error::WorkError;
use crate::node::{Link, Node};
use crate::pace::Pace;
use crate::retry;
use crate::standing::Waits;
use crate::work::{Progress, WorkFuture, Worker};

/// How often holds and maintenance are read again though nobody here wrote any, ms.
const WAITS_EVERY: i64 = 1_000;
/// When a receipt is overdue that nobody waits for: the end of the year 9998.
const NEVER: Millis = Millis(253_370_736_000_000);
/// Until a gate that has had its files of this minute is tried again, ms.
const PACE_WAIT: i64 = 5_000;
/// Until a gate that takes nothing away is tried again, ms.
const FULL_WAIT: i64 = 60_000;

/// The worker.
pub struct Dispatch {
    node: Arc<Node>,
    waits: Waits,
    /// When they were read, and how often they had been changed by then.
    read: Option<(Millis, u64)>,
    paces: BTreeMap<(Arc<str>, Lane), Pace>,
    down: BTreeMap<Arc<str>, Down>,
}

/// A peer that did not answer: until `next` nothing is tried, then one parcel asks.
#[derive(Clone, Copy, Debug)]
struct Down {
    failures: u32,
    next: Millis,
}

impl Dispatch {
    /// Dispatches for this node.
    pub fn new(node: Arc<Node>) -> Self {
        let (paces, down) = (BTreeMap::new(), BTreeMap::new());
        Self { node, waits: Waits::default(), read: None, paces, down }
    }

    async fn turn(&mut self, now: Millis) -> Result<Progress, WorkError> {
        self.read_waits(now).await?;
        let mut progress = Progress::IDLE;
        let node = Arc::clone(&self.node);
        for link in &node.links {
            if self.waits.maintained(&link.peer, now).is_some() {
                continue;
            }
            for lane in Lane::ALL {
                if self.down.get(&link.name).is_some_and(|d| now < d.next) {
                    break;
                }
                if node.fair.closed_until(&link.name, *lane, now).is_some() {
                    continue;
                }
                let part = || format!("{}/{lane}", link.name);
                let Some(lease) = node.lease_part("dispatch", part, now).await? else { continue };
                progress = progress.and(self.lane(&lease, link, *lane, now).await?);
            }
        }
        Ok(progress)
    }

    async fn read_waits(&mut self, now: Millis) -> Result<(), WorkError> {
        let changes = self.node.fair.changes();
        let fresh =
            |(at, seen): (Millis, u64)| seen == changes && now >= at && now.since(at) < WAITS_EVERY;
        if !self.read.is_some_and(fresh) {
            self.waits = Waits::read(&self.node.store).await?;
            self.read = Some((now, changes));
        }
        Ok(())
    }

    /// Of what is due, what may go: records on a route that waits are put off with all others there,
    /// and no attempt is counted.
    async fn may_go(&self, due: Vec<DueParcel>, now: Millis) -> Result<Vec<DueParcel>, WorkError> {
        let wait = |p: &DueParcel| self.waits.of(&p.id.route, now).filter(|_| p.own);
        let mut put_off = std::collections::BTreeSet::new();
        for parcel in &due {
            if let Some((until, reason)) = wait(parcel)
                && put_off.insert(&parcel.id.route)
            {
                self.node.store.defer_route(&parcel.id.route, until, reason, now).await?;
            }
        }
        Ok(due.iter().filter(|p| wait(p).is_none()).cloned().collect())
    }

    async fn lane(
        &mut self,
        lease: &store::Lease,
        link: &Link,
        lane: Lane,
        now: Millis,
    ) -> Result<Progress, WorkError> {
        let limits = &self.node.limits;
        // While the peer is known to be down a single parcel asks, so no attempts are burnt.
        let down = self.down.contains_key(&link.name);
        // Of the bulk lane a turn takes a share only, so that what is due in the live lane meanwhile
        // waits for little.
        let full = match lane {
            Lane::Bulk => bulk_share(limits.in_flight_max),
            Lane::Control | Lane::Live => limits.in_flight_max,
        };
        let parcels_max = if down { 1 } else { full };
        let bytes_max = limits.in_flight_bytes_max;
        let due = self.node.store.due(&link.name, lane, now, parcels_max, bytes_max).await?;
        let found = due.len();
        let due = self.may_go(due, now).await?;
        let pace = self
            .paces
            .entry((link.name.clone(), lane))
            .or_insert_with(|| self.node.fair.pace(&link.name, lane, limits));
        let due: Vec<DueParcel> =
            due.into_iter().take_while(|p| pace.allows(now, p.count, p.frame.len())).collect();
        if due.is_empty() {
            return Ok(Progress::IDLE);
        }
        let more = !down && due.len() == found && found == full as usize;
        let parcels = due.iter().map(|p| parcel(&self.node, link, lane, p)).collect();
        let said = self.node.bus.publish(parcels).await?;
        // A try while the peer is known to be down is none of the parcel's attempts.
        let attempts: Vec<Attempted> = due
            .iter()
            .zip(&said)
            .filter(|(_, c)| !down || !matches!(c, Confirmation::Unreachable(_)))
            .map(|(p, c)| self.attempt(link, p, c, now))
            .collect();
        let confirmed = said.iter().filter(|c| **c == Confirmation::Confirmed).count();
        self.note_reachability(link, &said, now);
        if !attempts.is_empty() {
            self.node.store.attempted(lease, attempts, now).await?;
        }
        Ok(Progress::some(confirmed as u64, more && confirmed > 0))
    }

    fn attempt(
        &self,
        link: &Link,
        parcel: &DueParcel,
        said: &Confirmation,
        now: Millis,
    ) -> Attempted {
        let limits = &self.node.limits;
        let retry = || retry::next(now, parcel.attempts, limits, self.node.seed);
        let (event, reason, due_at) = match said {
            Confirmation::Confirmed => {
                // Where nothing comes back by itself, no receipt is ever late.
                let overdue = link.overdue.unwrap_or(limits.receipt_overdue);
                let at = if link.way.back.is_no_way() { NEVER } else { now.plus(overdue) };
                (OutEvent::Confirmed, None, at)
            }
            Confirmation::Returned => (OutEvent::NotConfirmed, Some("bus.unroutable"), retry()),
            // A full queue empties soon; this is back-pressure, not a failing peer.
            Confirmation::Nacked(code) => {
                let wait = match *code {
                    "spool.pace" => PACE_WAIT,
                    // Over files nothing empties as fast as a queue does.
                    "bus.full" if link.way.grace.is_some() => FULL_WAIT,
                    _ => limits.retry_min,
                };
                (OutEvent::NotConfirmed, Some(*code), now.plus(wait))
            }
            Confirmation::Unreachable(code) => (OutEvent::NotConfirmed, Some(*code), now),
        };
        let reachable = matches!(said, Confirmation::Returned);
        let exhausted = reachable && parcel.own && parcel.attempts + 1 >= limits.attempts_max;
        Attempted {
            own: parcel.own,
            id: parcel.id.clone(),
            event: if exhausted { OutEvent::GivenUp } else { event },
            reason: reason.map(str::to_owned),
            due_at,
        }
    }

    fn note_reachability(&mut self, link: &Link, said: &[Confirmation], now: Millis) {
        let unreachable = said.iter().any(|c| matches!(c, Confirmation::Unreachable(_)));
        if !unreachable {
            self.down.remove(&link.name);
            return;
        }
        let failures = self.down.get(&link.name).map_or(0, |d| d.failures + 1);
        let next = retry::next(now, failures.min(6), &self.node.limits, self.node.seed);
        self.down.insert(link.name.clone(), Down { failures, next });
    }
}

fn parcel(node: &Node, link: &Link, lane: Lane, due: &DueParcel) -> Parcel {
    Parcel {
        from: node.code.clone(),
        hop: link.peer.clone(),
        lane,
        id: due.id.clone(),
        kind: due.kind.clone(),
        to: due.to.clone(),
        frame: Arc::clone(&due.frame),
    }
}

impl Worker for Dispatch {
    fn name(&self) -> String {
        "dispatch".into()
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(self.turn(now))
    }
}
