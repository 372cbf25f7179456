//! One record at a time over one idle hop: from the commit that stages it to its settled receipt.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use canon::Millis;
use exchange::Worker;
use exchange::work::WorkFuture;
use serde::Serialize;
use tokio::sync::{Notify, watch};

use super::ground::Ground;
use super::{input, nodes};
use crate::run::{self, Clock, Report};
use crate::text::{Failure, Out, Table};
use crate::{files, os};

/// Rest between two records: longer than a busy route's wait for company.
const REST: Duration = Duration::from_millis(260);
/// A record that takes longer is stuck.
const STUCK: Duration = Duration::from_secs(30);
/// How often the bench's source is looked at, ms.
const POLL: i64 = 20;

/// How long single records took, milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Latency {
    ground: String,
    samples: usize,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// What a polled source adds at most.
    poll_period_ms: i64,
}

impl Latency {
    /// As a table.
    pub(crate) fn table(&self) -> Vec<String> {
        let mut table =
            Table::new(["staged → settled, idle", "records", "p50 ms", "p99 ms", "longest ms"]);
        table.row([
            self.ground.clone(),
            self.samples.to_string(),
            format!("{:.1}", self.p50_ms),
            format!("{:.1}", self.p99_ms),
            format!("{:.1}", self.max_ms),
        ]);
        let mut lines = table.lines();
        lines.push(format!(
            "a polled source adds up to its period: {} ms here",
            self.poll_period_ms
        ));
        lines
    }
}

/// When a worker last did something.
#[derive(Clone, Default)]
struct Moment {
    at: Arc<Mutex<Option<Instant>>>,
    came: Arc<Notify>,
}

impl Moment {
    fn take(&self) -> Option<Instant> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn now(&self) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.came.notify_one();
    }

    async fn wait(&self) -> Instant {
        loop {
            if let Some(at) = self.take() {
                return at;
            }
            self.came.notified().await;
        }
    }
}

/// A worker that says when it did something.
struct Watched {
    inner: Box<dyn Worker>,
    moment: Moment,
}

impl Worker for Watched {
    fn name(&self) -> String {
        self.inner.name()
    }

    fn run_once(&mut self, now: Millis) -> WorkFuture<'_> {
        Box::pin(async move {
            let progress = self.inner.run_once(now).await?;
            if progress.done > 0 {
                self.moment.now();
            }
            Ok(progress)
        })
    }
}

/// Sends `samples` single records, each after the one before has settled.
pub(crate) async fn run(
    ground: &Ground,
    folder: &Path,
    samples: u32,
    out: &Out,
) -> Result<Latency, Failure> {
    let drop = folder.join("drop");
    std::fs::create_dir_all(&drop).map_err(|e| files::cannot(&drop, &e))?;
    let limits = nodes::Settings::usual();
    let settings = nodes::Settings { limits, poll: POLL, wire: None };
    let mut chain = nodes::chain(ground, folder, 2, os::now(), &settings).await?;
    let (staged, settled) = (Moment::default(), Moment::default());
    if let (Some(first), Some(collect)) = (chain.running.first_mut(), chain.collect.take()) {
        let collect = Box::new(collect);
        first.workers.insert(0, Box::new(Watched { inner: collect, moment: staged.clone() }));
        if let Some(at) = first.workers.iter().position(|w| w.name() == "settle") {
            let inner = first.workers.remove(at);
            first.workers.insert(at, Box::new(Watched { inner, moment: settled.clone() }));
        }
    }
    let (stop, stopped) = watch::channel(false);
    let lang = *out;
    let report: Report = Arc::new(move |node, worker, what| {
        lang.warn(format_args!("{} {worker}: {what}", node.code));
    });
    let loops = run::start(chain.running, &(Arc::new(os::now) as Clock), &report, &stopped);
    let mut taken = Vec::new();
    for n in 0..samples {
        tokio::time::sleep(REST).await;
        input::single(&drop, u64::from(n)).map_err(|e| files::cannot(&drop, &e))?;
        let one = async { (staged.wait().await, settled.wait().await) };
        let (from, until) = tokio::time::timeout(STUCK, one).await.map_err(|_| {
            let en = format!("record {n} was not settled within {STUCK:?}");
            Failure::environment(en, format!("第 {n} 条记录未在 {STUCK:?} 内办结"))
        })?;
        taken.push(until.saturating_duration_since(from).as_secs_f64() * 1e3);
    }
    stop.send_replace(true);
    run::finish(loops).await;
    chain.carrier.remove().await?;
    ground.drop_stores(folder, &chain.codes).await?;
    taken.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let i = (share * taken.len() as f64) as usize;
        taken.get(i.min(taken.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    Ok(Latency {
        ground: ground.name().into(),
        samples: taken.len(),
        p50_ms: at(0.50),
        p99_ms: at(0.99),
        max_ms: at(1.0),
        poll_period_ms: POLL,
    })
}
