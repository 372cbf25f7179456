//! The carrier: links, each with its files, behind the one trait.

use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use canon::{Lane, NodeCode};
use tokio::time::Instant;

use super::inbound::Inbound;
use super::outbound::Outbound;
use super::{Closing, Exchange, Outside, Settings};
use crate::{Bus, BusError, BusFuture, Condition, Confirmation, Delivery, Health, Parcel, Trouble};

/// One link over files.
pub struct SpoolLink {
    /// Whose side this is.
    pub node: NodeCode,
    /// The neighbour behind the gate.
    pub peer: NodeCode,
    /// How files are written and waited for.
    pub settings: Settings,
    /// For whom they are closed, and what opens those that come.
    pub closing: Closing,
    /// Where they lie.
    pub exchange: Arc<dyn Exchange>,
}

impl SpoolLink {
    /// A gate that took the outside away left only the signed head: the link says the hops.
    pub(super) fn named(&self, outside: Outside) -> Outside {
        if !outside.issue.is_empty() {
            return outside;
        }
        Outside { from: self.peer.clone(), hop: self.node.clone(), ..outside }
    }
}

struct Line {
    link: SpoolLink,
    outbound: Outbound,
    inbound: Inbound,
    well: Mutex<Well>,
}

/// How both sides of a link were when they were tried last.
struct Well {
    out: Condition,
    incoming: Condition,
    since: Instant,
    /// Tries that failed since both sides were well.
    failed: u32,
}

impl Well {
    fn count(&mut self, condition: &Condition) {
        if matches!(condition, Condition::Down { .. }) {
            self.failed = self.failed.saturating_add(1);
        } else if self.out == Condition::Up && self.incoming == Condition::Up {
            self.failed = 0;
        }
    }
}

impl Line {
    fn new(link: SpoolLink) -> Self {
        let (out, incoming) = (Condition::Up, Condition::Up);
        let well = Well { out, incoming, since: Instant::now(), failed: 0 };
        let (outbound, inbound, well) = (Outbound::new(), Inbound::new(), Mutex::new(well));
        Self { link, outbound, inbound, well }
    }

    fn well(&self) -> MutexGuard<'_, Well> {
        // Every change under the lock is complete before anything can panic.
        self.well.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_out(&self, said: &[Confirmation]) {
        let condition = said.iter().rev().find_map(|word| match word {
            Confirmation::Confirmed => Some(Condition::Up),
            Confirmation::Nacked("bus.full") => Some(Condition::Blocked {
                reason: "files wait to go out, and the gate takes none away".into(),
            }),
            Confirmation::Unreachable(code) => {
                let detail = "the outgoing side cannot be written".into();
                Some(Condition::Down { code, detail, next: self.link.settings.poll })
            }
            Confirmation::Nacked(_) | Confirmation::Returned => None,
        });
        let Some(condition) = condition else { return };
        let mut well = self.well();
        if condition != well.out {
            (well.out, well.since) = (condition.clone(), Instant::now());
        }
        well.count(&condition);
    }

    fn note_in(&self, failed: Option<&BusError>) {
        let condition = match failed {
            None => Condition::Up,
            Some(BusError::Unavailable(what)) => Condition::Down {
                code: "spool.unreachable",
                detail: what.clone(),
                next: self.link.settings.poll,
            },
        };
        let mut well = self.well();
        if condition != well.incoming {
            (well.incoming, well.since) = (condition.clone(), Instant::now());
        }
        well.count(&condition);
    }

    fn health(&self) -> Health {
        let well = self.well();
        let worse = if well.out == Condition::Up { &well.incoming } else { &well.out };
        Health {
            carrier: format!("spool {}", self.link.peer),
            condition: worse.clone(),
            since: well.since.elapsed(),
            failed: well.failed,
            unreadable: self.inbound.unreadable(),
        }
    }
}

/// The carrier of files.
pub struct SpoolBus {
    lines: Vec<Line>,
    tags: AtomicU64,
    /// Tells this process's issues from those of any other.
    nonce: u64,
    issues: AtomicU64,
}

impl SpoolBus {
    /// A carrier of exactly these links; parcels for any other hop are returned.
    pub fn new(links: Vec<SpoolLink>) -> Self {
        Self {
            lines: links.into_iter().map(Line::new).collect(),
            tags: AtomicU64::new(1),
            nonce: RandomState::new().build_hasher().finish(),
            issues: AtomicU64::new(0),
        }
    }

    fn issue(&self) -> String {
        format!("{:016x}-{}", self.nonce, self.issues.fetch_add(1, Ordering::Relaxed))
    }

    fn lines_of<'a>(&'a self, node: &'a NodeCode) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(move |l| l.link.node == *node)
    }

    async fn publish_all(&self, parcels: Vec<Parcel>) -> Result<Vec<Confirmation>, BusError> {
        let mut said = vec![Confirmation::Returned; parcels.len()];
        let issue = self.issue();
        let mut parts: Vec<(Vec<usize>, Vec<Parcel>)> =
            self.lines.iter().map(|_| Default::default()).collect();
        for (at, parcel) in parcels.into_iter().enumerate() {
            let leads = |l: &Line| l.link.node == parcel.from && l.link.peer == parcel.hop;
            if let Some((places, part)) =
                self.lines.iter().position(leads).and_then(|line| parts.get_mut(line))
            {
                places.push(at);
                part.push(parcel);
            }
        }
        for (line, (places, part)) in self.lines.iter().zip(parts) {
            if part.is_empty() {
                continue;
            }
            let words = line.outbound.publish(&line.link, &issue, part).await;
            line.note_out(&words);
            for (at, word) in places.into_iter().zip(words) {
                if let Some(place) = said.get_mut(at) {
                    *place = word;
                }
            }
        }
        Ok(said)
    }

    /// A gate whose folder is gone brings nothing, and holds up no other: it says so in its health.
    async fn take_some(&self, node: &NodeCode, lane: Lane, max: usize) -> Vec<Delivery> {
        let mut out = Vec::new();
        for line in self.lines_of(node) {
            if out.len() >= max {
                break;
            }
            match self.take_of(line, lane, max - out.len()).await {
                Ok(taken) => {
                    line.note_in(None);
                    out.extend(taken);
                }
                Err(error) => line.note_in(Some(&error)),
            }
        }
        out
    }

    async fn take_of(
        &self,
        line: &Line,
        lane: Lane,
        max: usize,
    ) -> Result<Vec<Delivery>, BusError> {
        line.inbound.look(&line.link).await?;
        let tag = || self.tags.fetch_add(1, Ordering::Relaxed);
        let taken = line.inbound.take(&line.link, lane, max, tag).await?;
        Ok(taken.into_iter().map(|(tag, parcel)| Delivery { tag, parcel, dead: false }).collect())
    }
}

impl Bus for SpoolBus {
    fn publish(&self, parcels: Vec<Parcel>) -> BusFuture<'_, Vec<Confirmation>> {
        Box::pin(self.publish_all(parcels))
    }

    fn take<'a>(
        &'a self,
        node: &'a NodeCode,
        lane: Lane,
        max: usize,
    ) -> BusFuture<'a, Vec<Delivery>> {
        Box::pin(async move { Ok(self.take_some(node, lane, max).await) })
    }

    fn ack<'a>(&'a self, node: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()> {
        Box::pin(async move {
            for line in self.lines_of(node) {
                line.inbound.ack(&*line.link.exchange, tags).await?;
            }
            Ok(())
        })
    }

    fn give_back<'a>(&'a self, node: &'a NodeCode, tags: &'a [u64]) -> BusFuture<'a, ()> {
        for line in self.lines_of(node) {
            line.inbound.give_back(tags);
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn arrival<'a>(&'a self, node: &'a NodeCode) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        // Nobody rings when a gate lays a file down.
        let poll = self.lines_of(node).map(|l| l.link.settings.poll).min();
        Box::pin(async move {
            match poll {
                Some(poll) => tokio::time::sleep(poll.max(Duration::from_millis(10))).await,
                None => std::future::pending().await,
            }
        })
    }

    fn health(&self) -> Vec<Health> {
        self.lines.iter().map(Line::health).collect()
    }

    fn troubles(&self, node: &NodeCode) -> Vec<Trouble> {
        self.lines_of(node).flat_map(|line| line.inbound.troubles()).collect()
    }
}

/// Work that takes its time, where it holds nobody up.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BusError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| BusError::Unavailable(format!("work on a file ended: {e}")))
}
