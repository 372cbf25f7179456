//! The four nodes at work in this process, and what the story asks of them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use canon::{Millis, NodeCode};
use exchange::Node;
use exchange::config::NodeConfig;
use store::{NodeStatus, Place, SharedStore};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::prepare::Folder;
use super::tamper::Tamper;
use super::tiers::Tier;
use crate::assemble::{self, store_failure};
use crate::posts::Listening;
use crate::run::{self, Clock, Report};
use crate::text::Failure;
use crate::{open, os};

/// Failed turns that are remembered.
const FAILED_MAX: usize = 20;
/// How often the nodes are looked at while waiting for them.
pub(crate) const LOOK: Duration = Duration::from_millis(100);
/// Longest wait for the nodes without anything moving.
pub(crate) const STUCK_AFTER: Duration = Duration::from_secs(30);

/// Looks without any change after which the nodes are at rest.
pub(crate) const QUIET: u32 = 3;

/// The running demo.
pub(crate) struct World {
    nodes: Vec<Arc<Node>>,
    /// What stands before their carriers.
    pub(crate) tamper: Tamper,
    /// The data folder.
    pub(crate) folder: Folder,
    files: Vec<NodeConfig>,
    clock: Clock,
    offset: Arc<AtomicI64>,
    failed: Arc<Mutex<Vec<String>>>,
    listening: Option<Listening>,
    stop: watch::Sender<bool>,
    loops: JoinSet<()>,
}

/// What the county's tables and the township's files have given so far; a later look that finds more
/// full rounds has seen everything that was there at this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen(u64);

/// The four nodes' numbers at one moment, lowest tier first.
pub(crate) type Numbers = Vec<NodeStatus>;

impl World {
    /// Opens the four nodes of a data folder and lets their workers run.
    pub(crate) async fn start(folder: Folder, offset: i64) -> Result<Self, Failure> {
        let configs = folder.configs();
        Self::of(folder, &configs, offset).await
    }

    /// Opens the nodes of these configurations and lets their workers run.
    pub(crate) async fn of(
        folder: Folder,
        configs: &[PathBuf],
        offset: i64,
    ) -> Result<Self, Failure> {
        let configs = open::right_configs(configs)?;
        let offset = Arc::new(AtomicI64::new(offset));
        let clock: Clock = {
            let offset = Arc::clone(&offset);
            Arc::new(move || os::now().plus(offset.load(Ordering::Relaxed)))
        };
        let tamper = Tamper::default();
        let files = configs.clone();
        let process = assemble::process(configs, clock(), |carrier| tamper.before(carrier)).await?;
        let failed: Arc<Mutex<Vec<String>>> = Arc::default();
        let report: Report = {
            let failed = Arc::clone(&failed);
            Arc::new(move |node: &Node, worker: &str, what: &str| {
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                if failed.len() < FAILED_MAX {
                    failed.push(format!("{} {worker}: {what}", node.code));
                }
            })
        };
        let nodes = process.running.iter().map(|r| Arc::clone(&r.node)).collect();
        let listening = match process.inlet {
            Some(inlet) => Some(inlet.open().await?),
            None => None,
        };
        let (stop, stopped) = watch::channel(false);
        let loops = run::start(process.running, &clock, &report, &stopped);
        Ok(Self { nodes, tamper, folder, files, clock, offset, failed, listening, stop, loops })
    }

    /// Lets every worker finish its turn, and ends.
    pub(crate) async fn stop(self) {
        if let Some(listening) = self.listening {
            listening.close().await;
        }
        self.stop.send_replace(true);
        run::finish(self.loops).await;
    }

    /// The process dies: every worker stops wherever it waits, and what no store has is gone.
    pub(crate) async fn crash(mut self) {
        if let Some(listening) = self.listening {
            listening.close().await;
        }
        self.loops.shutdown().await;
    }

    /// Where departments post to, where they do.
    pub(crate) fn listener(&self) -> Option<SocketAddr> {
        self.listening.as_ref().map(|listening| listening.address)
    }

    /// The configurations of its nodes.
    pub(crate) fn files(&self) -> &[NodeConfig] {
        &self.files
    }

    /// The demo's clock, for whoever asks it later.
    pub(crate) fn clock(&self) -> Clock {
        Arc::clone(&self.clock)
    }

    /// The demo's clock.
    pub(crate) fn now(&self) -> Millis {
        os::now().plus(self.offset.load(Ordering::Relaxed))
    }

    /// Moves the demo's clock forward to a moment; gives what it now differs from the system's by.
    pub(crate) fn move_clock(&self, to: Millis) -> i64 {
        let offset = (to.0 - os::now().0).max(self.offset.load(Ordering::Relaxed));
        self.offset.store(offset, Ordering::Relaxed);
        offset
    }

    /// Every identity at work, in the order of the configurations.
    pub(crate) fn nodes(&self) -> &[Arc<Node>] {
        &self.nodes
    }

    /// A tier's node.
    pub(crate) fn node(&self, tier: Tier) -> &Arc<Node> {
        &self.nodes[tier as usize]
    }

    /// A tier's store.
    pub(crate) fn store(&self, tier: Tier) -> &SharedStore {
        &self.node(tier).store
    }

    /// Which tier a code is.
    pub(crate) fn tier_of(&self, code: &NodeCode) -> Option<Tier> {
        Tier::ALL.into_iter().find(|t| self.node(*t).code == *code)
    }

    /// What failed in the workers' turns, oldest first.
    pub(crate) fn failed(&self) -> Vec<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everyone's numbers now.
    pub(crate) async fn numbers(&self) -> Result<Numbers, Failure> {
        let mut all = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            all.push(node.store.status().await.map_err(store_failure)?);
        }
        Ok(all)
    }

    /// Records on their way anywhere.
    pub(crate) fn moving(&self, numbers: &Numbers) -> bool {
        let busy = numbers.iter().any(|n| {
            place(n, Place::Staged) + place(n, Place::InFlight) + n.inbox + n.control_queued > 0
                || n.links.iter().any(|l| l.due + l.in_flight + l.unknown > 0)
        });
        busy || self.nodes.iter().any(|n| n.bus.open(&n.code) > 0)
    }

    /// How far the sources have been read; see [`Seen`].
    pub(crate) async fn seen(&self) -> Result<Seen, Failure> {
        let store = self.store(Tier::County);
        let adapter = store.adapter("county_approval").await.map_err(store_failure)?;
        Ok(Seen(finished_rounds(adapter.cursor.as_deref())))
    }

    /// Whether everything that lay in the sources at an earlier look has been collected.
    pub(crate) async fn read_since(&self, earlier: Seen) -> Result<bool, Failure> {
        let waiting = std::fs::read_dir(self.folder.drops()).is_ok_and(|files| {
            files.flatten().any(|f| f.file_name().to_string_lossy().ends_with(".csv"))
        });
        // The round under way may have passed by already; the one after it has not.
        Ok(!waiting && self.seen().await?.0 >= earlier.0 + 2)
    }

    /// Waits until everything there was in the sources at `earlier` has been collected, brought up
    /// and answered; `look` is shown the numbers on the way. `false` if the nodes came to a stop
    /// before.
    pub(crate) async fn rest(
        &self,
        earlier: Seen,
        mut look: impl FnMut(&Numbers),
    ) -> Result<bool, Failure> {
        let (mut last, mut rows) = (Vec::new(), 0);
        let mut moved = Instant::now();
        let mut quiet = 0;
        loop {
            let numbers = self.numbers().await?;
            look(&numbers);
            let read = self.read_since(earlier).await?;
            let now = essence(&numbers);
            let same = now == last;
            quiet = if read && same && !self.moving(&numbers) { quiet + 1 } else { 0 };
            // Several times, so that nothing slips by between two nodes' numbers.
            if quiet >= QUIET {
                return Ok(true);
            }
            // A long look at the sources that finds nothing new is no standstill.
            let rows_now = rows_read(&numbers);
            if !same || (!read && rows_now != rows) {
                moved = Instant::now();
            } else if moved.elapsed() > STUCK_AFTER {
                return Ok(false);
            }
            (last, rows) = (now, rows_now);
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// What changes when something is done; reading the sources again and again is not among it.
pub(crate) fn essence(numbers: &Numbers) -> Vec<u64> {
    let mut all = Vec::new();
    for n in numbers {
        all.extend(n.places);
        all.extend([n.rows_without_key, n.kept, n.judged, n.inbox, n.control_queued, n.refused]);
        for l in &n.links {
            all.extend([l.due, l.in_flight, l.unknown, l.dead, l.accepted, l.rejected]);
        }
        for a in &n.adapters {
            all.extend([a.records, a.quarantined, a.write_backs]);
        }
    }
    all
}

/// Rows that all adapters have read.
fn rows_read(numbers: &Numbers) -> u64 {
    numbers.iter().flat_map(|n| &n.adapters).map(|a| a.rows_read).sum()
}

/// Records of a node in a place.
pub(crate) fn place(numbers: &NodeStatus, place: Place) -> u64 {
    Place::ALL.iter().zip(numbers.places).filter(|(p, _)| **p == place).map(|(_, n)| n).sum()
}

/// Full passes over the last compared table that have ended: with each, a whole round over the
/// county's tables is done. (The cursor is text to everyone but its source; the demo reads in it
/// only to know how long to wait.)
fn finished_rounds(cursor: Option<&str>) -> u64 {
    let Some(cursor) = cursor.and_then(|c| serde_json::from_str::<serde_json::Value>(c).ok())
    else {
        return 0;
    };
    let last = &cursor["queries"]["material"];
    let begun = last["passes"].as_u64().unwrap_or(0);
    if last["at"].is_null() { begun } else { begun.saturating_sub(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_counts_when_it_has_ended() {
        let cursor =
            |at: &str| format!(r#"{{"v":1,"next":0,"queries":{{"material":{{"passes":3{at}}}}}}}"#);
        assert_eq!(finished_rounds(Some(&cursor(""))), 3);
        assert_eq!(finished_rounds(Some(&cursor(r#","at":{"key":["7"]}"#))), 2);
        assert_eq!(finished_rounds(None), 0);
    }
}
