//! Single live records over one hop, first alone, then while history is filled up beside them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use canon::{Day, Lane, Route};
use edge::file_drop::{self, FileDrop};
use edge::{Source, SourceError};
use exchange::Node;
use exchange::backfill::Backfill;
use exchange::standing::{self, BACKFILL, Backfill as Job};
use serde::Serialize;
use tokio::sync::watch;

use super::ground::Ground;
use super::{input, nodes};
use crate::run::{self, Clock, Report};
use crate::text::{Failure, Out, Table};
use crate::{files, os};

/// Rest between two live records.
const REST: Duration = Duration::from_millis(260);
/// How often it is looked whether a record has settled.
const LOOK: Duration = Duration::from_millis(2);
/// A record that takes longer is stuck.
const STUCK: Duration = Duration::from_secs(60);
/// Records sent alone, for comparison.
const ALONE: usize = 100;
/// How often the bench's source is looked at, ms.
const POLL: i64 = 20;
/// Rows of live records begin here, so that none is one of history's.
const FIRST_LIVE: u64 = 10_000_000;

/// What history does to today's cases.
#[derive(Debug, Serialize)]
pub(crate) struct Beside {
    history: u64,
    history_records_per_second: f64,
    alone: Latencies,
    beside: Latencies,
}

/// How long single records took, from the file to the settled receipt, milliseconds.
#[derive(Debug, Serialize)]
struct Latencies {
    samples: usize,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

impl Latencies {
    fn of(mut taken: Vec<f64>) -> Self {
        taken.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let i = (share * taken.len() as f64) as usize;
            taken.get(i.min(taken.len().saturating_sub(1))).copied().unwrap_or_default()
        };
        Self { samples: taken.len(), p50_ms: at(0.50), p99_ms: at(0.99), max_ms: at(1.0) }
    }

    fn row(&self, name: &str) -> [String; 5] {
        let ms = |n: f64| format!("{n:.1}");
        let samples = self.samples.to_string();
        [name.to_owned(), samples, ms(self.p50_ms), ms(self.p99_ms), ms(self.max_ms)]
    }
}

impl Beside {
    /// As a table.
    pub(crate) fn table(&self) -> Vec<String> {
        let mut table = Table::new(["file → settled", "records", "p50 ms", "p99 ms", "longest ms"]);
        table.row(self.alone.row("alone"));
        table.row(self.beside.row("beside history"));
        let mut lines = table.lines();
        lines.push(format!(
            "{} records of history at {:.0} /s; p99 beside it is {:.2} × that alone",
            self.history,
            self.history_records_per_second,
            self.beside.p99_ms / self.alone.p99_ms.max(0.001)
        ));
        lines
    }
}

/// Runs `history` records of history beside single live ones; `rate` bounds the bulk lane.
pub(crate) async fn run(
    ground: &Ground,
    folder: &Path,
    history: u64,
    rate: u32,
    out: &Out,
) -> Result<Beside, Failure> {
    let (drop, old) = (folder.join("drop"), folder.join("history"));
    for dir in [&drop, &old] {
        std::fs::create_dir_all(dir).map_err(|e| files::cannot(dir, &e))?;
    }
    input::write(&old, history).map_err(|e| files::cannot(&old, &e))?;
    let mut limits = nodes::Settings::usual();
    limits.bulk_records_per_second = rate;
    let settings = nodes::Settings { limits, poll: POLL, wire: None };
    let mut chain = nodes::chain(ground, folder, 2, os::now(), &settings).await?;
    let node = Arc::clone(&chain.running[0].node);
    let top = Arc::clone(&chain.running[1].node);
    let live = Route {
        destination: top.code.clone(),
        edition: "supervision/1".into(),
        suite: node.signers.first().suite().name().into(),
        lane: Lane::Live,
    };
    let bulk = Route { lane: Lane::Bulk, ..live.clone() };
    let worker = backfill(folder, &node, &live)?;
    if let Some(collect) = chain.collect.take() {
        chain.running[0].workers.insert(0, Box::new(collect));
    }
    chain.running[0].workers.insert(0, Box::new(worker));
    let (stop, stopped) = watch::channel(false);
    let lang = *out;
    let report: Report = Arc::new(move |node, worker, what| {
        lang.warn(format_args!("{} {worker}: {what}", node.code));
    });
    let loops = run::start(chain.running, &(Arc::new(os::now) as Clock), &report, &stopped);
    let mut bench = Live { node: &node, live, drop: &drop, next: FIRST_LIVE };
    let mut alone = Vec::new();
    while alone.len() < ALONE {
        alone.push(bench.one().await?);
    }
    order(&node).await?;
    let began = Instant::now();
    let mut beside = Vec::new();
    while !over(&node, &bulk).await? {
        beside.push(bench.one().await?);
    }
    let took = began.elapsed().as_secs_f64();
    stop.send_replace(true);
    run::finish(loops).await;
    Ok(Beside {
        history,
        history_records_per_second: history as f64 / took,
        alone: Latencies::of(alone),
        beside: Latencies::of(beside),
    })
}

/// Single live records, one after the other.
struct Live<'a> {
    node: &'a Node,
    live: Route,
    drop: &'a Path,
    next: u64,
}

impl Live<'_> {
    /// Milliseconds of one record.
    async fn one(&mut self) -> Result<f64, Failure> {
        tokio::time::sleep(REST).await;
        let before = counters(self.node, &self.live).await?.next_sequence;
        let began = Instant::now();
        input::single(self.drop, self.next).map_err(|e| files::cannot(self.drop, &e))?;
        self.next += 1;
        while counters(self.node, &self.live).await?.settled_below <= before {
            if began.elapsed() > STUCK {
                return Err(Failure::environment(
                    format!("a live record was not settled within {STUCK:?}"),
                    format!("一条实时记录未在 {STUCK:?} 内办结"),
                ));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(began.elapsed().as_secs_f64() * 1e3)
    }
}

async fn counters(node: &Node, route: &Route) -> Result<store::RouteCounters, Failure> {
    node.store.counters(route).await.map_err(crate::assemble::store_failure)
}

async fn order(node: &Node) -> Result<(), Failure> {
    let now = os::now();
    let job = Job {
        adapter: "township_window".into(),
        from: Day(now.day().0 - 27),
        to: now.day(),
        by: "bench".into(),
        ordered: now,
        paused: false,
        total: None,
        ended: None,
    };
    let name = format!("{BACKFILL}{}", job.adapter);
    standing::put(&node.store, &name, &job, now).await.map_err(failed)
}

fn failed(e: exchange::WorkError) -> Failure {
    Failure::environment(e.to_string(), format!("测量失败：{e}"))
}

/// Whether all of history is settled.
async fn over(node: &Node, bulk: &Route) -> Result<bool, Failure> {
    let jobs = standing::read::<Job>(&node.store, BACKFILL).await.map_err(failed)?;
    let ended = jobs.iter().all(|(_, job)| job.ended.is_some());
    let counters = counters(node, bulk).await?;
    let staged = node.store.staged_routes().await.map_err(crate::assemble::store_failure)?;
    let sealed = staged.iter().all(|(route, ..)| route != bulk);
    Ok(ended && sealed && counters.settled_below == counters.next_sequence)
}

fn backfill(folder: &Path, node: &Arc<Node>, live: &Route) -> Result<Backfill, Failure> {
    let format = canon::format::supervision_1();
    let adapter = nodes::adapter(node, &format, live, Box::new(edge::Nothing), POLL)?;
    let (package, old) = (Arc::clone(&adapter.package), folder.join("history"));
    let open = move |_: Day, _: Day| -> Result<Box<dyn Source>, SourceError> {
        let adapt::Source::Files(source) = &package.source else {
            let (adapter, detail) = ("township_window".to_owned(), "reads no files".to_owned());
            return Err(SourceError::Setting { adapter, detail });
        };
        let mut settings = file_drop::Settings::of("township_window", old.clone(), source);
        settings.settle_for_ms = 0;
        Ok(Box::new(FileDrop::open(settings)?))
    };
    Ok(Backfill::new(Arc::clone(node), adapter, Box::new(open)))
}
