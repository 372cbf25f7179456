//! `tiergate bench`: each stage alone, the whole chain over one hop and over three, and the raw
//! floors of the same bytes in the same grouping, in one run.

mod backlog;
mod beside;
mod chain;
mod floors;
mod ground;
mod input;
mod instances;
mod latency;
mod meter;
mod narrowing;
mod nodes;
mod phases;
mod proof;
mod report;
mod sources;
mod stages;

use std::path::PathBuf;

use envelope::Suite;
use serde::Serialize;

use crate::text::{Done, Exit, Failure, Out};
use crate::{files, os};
use ground::Ground;
use report::Line;

/// Measures this machine.
#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    /// Records through the chain
    #[arg(long, default_value_t = 100_000)]
    records: u64,
    /// Where the files of the run lie; emptied before and after. Default: a folder beside the
    /// system's temporary files
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The suite that every node signs in
    #[arg(long, default_value_t = Suite::EcdsaP256Sha256, value_parser = crate::text::suite)]
    suite: Suite,
    /// Only county → province
    #[arg(long)]
    one_hop: bool,
    /// Over this broker, `amqp://user:password@host:port/vhost`, instead of a carrier in memory.
    /// CPU time is then the machine's, so nothing else should run on it
    #[arg(long, value_name = "URL")]
    amqp: Option<String>,
    /// Over this database, `postgres://user:password@host:port/database`, instead of SQLite files.
    /// Each run has schemas of its own and drops them
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Leave the stages and floors out
    #[arg(long)]
    chain_only: bool,
    /// Only this: so many single records over one idle hop, each from staged to settled
    #[arg(long, value_name = "SAMPLES", conflicts_with = "backlog")]
    latency: Option<u32>,
    /// Only this: so many records wait while the parent is down, then the node is started again
    #[arg(long, value_name = "RECORDS")]
    backlog: Option<u64>,
    /// Only this: single live records alone, then beside so many records of history
    #[arg(long, value_name = "RECORDS", conflicts_with_all = ["latency", "backlog"])]
    backfill: Option<u64>,
    /// Only this: one gateway process, then so many that share a node: how fast they verify, judge,
    /// keep and answer what sixteen senders sent. Needs --amqp and --postgres
    #[arg(long, value_name = "N", requires_all = ["amqp", "postgres"],
          conflicts_with_all = ["latency", "backlog", "backfill"],
          value_parser = clap::value_parser!(u32).range(2..=16))]
    instances: Option<u32>,
    /// Only this: so many rows of a table read alone, then as a source; SQLite, and what --mysql and
    /// --postgres name
    #[arg(long, value_name = "ROWS", conflicts_with_all = ["latency", "backlog", "backfill"])]
    sources: Option<u64>,
    /// A MariaDB for --sources, `mysql://user:password@host:port/database`
    #[arg(long, value_name = "URL", requires = "sources")]
    mysql: Option<String>,
    /// Only this: two nodes whose books of a day of so many records differ in --differences of them find out
    /// which
    #[arg(long, value_name = "RECORDS",
          conflicts_with_all = ["latency", "backlog", "backfill", "sources"])]
    reconcile: Option<u64>,
    /// With --reconcile: how many differ
    #[arg(long, default_value_t = 100, requires = "reconcile")]
    differences: u64,
    /// Only this: one hop with so many records, then evidence of one of them exported and verified, each a
    /// program of its own. Needs `tiergate-verify` beside this program
    #[arg(long, value_name = "RECORDS",
          conflicts_with_all = ["latency", "backlog", "backfill", "sources", "reconcile"])]
    evidence: Option<u64>,
    /// Records of history a second on the bulk lane; 0 is no limit
    #[arg(long, default_value_t = 5_000, requires = "backfill")]
    bulk_rate: u32,
}

/// Records taken through one hop a phase at a time.
const PHASE_RECORDS_MAX: u64 = 60_000;

#[derive(Serialize)]
struct Figures {
    stages: Vec<Line>,
    workers: Vec<Line>,
    floors: Vec<Line>,
    chains: Vec<Line>,
    latency: Option<latency::Latency>,
    backlog: Option<backlog::Backlog>,
    backfill: Option<beside::Beside>,
    instances: Option<instances::Instances>,
    sources: Vec<Line>,
    reconcile: Option<narrowing::Narrowing>,
    evidence: Option<proof::Proof>,
    peak_rss_mb: f64,
    cores: usize,
}

impl Figures {
    fn none() -> Self {
        Self {
            stages: Vec::new(),
            workers: Vec::new(),
            floors: Vec::new(),
            chains: Vec::new(),
            latency: None,
            backlog: None,
            backfill: None,
            instances: None,
            sources: Vec::new(),
            reconcile: None,
            evidence: None,
            peak_rss_mb: 0.0,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// The command.
pub(crate) fn run(args: &Bench, out: &Out) -> Done {
    let folder = args
        .data
        .clone()
        .unwrap_or_else(|| os::temporary().join(format!("tiergate-bench-{}", std::process::id())));
    let cannot = |e: std::io::Error| files::cannot(&folder, &e);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(cannot)?;
    }
    let figures = crate::run::runtime()?.block_on(measure(args, &folder, out));
    std::fs::remove_dir_all(&folder).map_err(cannot)?;
    let figures = figures?;
    if out.json {
        out.value(&figures)?;
        return Ok(Exit::Fine);
    }
    for (title, lines) in [
        ("Each stage alone, one core", &figures.stages),
        ("Each worker alone, with its store, one hop", &figures.workers),
        ("Floors: the same bytes, raw", &figures.floors),
        ("The whole chain: signed, receipted, settled", &figures.chains),
        ("A source of tables beside reading alone", &figures.sources),
    ] {
        if !lines.is_empty() {
            out.text(format_args!("\n{title}"))?;
            report::table(lines).iter().try_for_each(|l| out.text(l))?;
        }
    }
    for line in sources::ratios(&figures.sources) {
        out.text(line)?;
    }
    for line in figures.latency.iter().flat_map(latency::Latency::table) {
        out.text(line)?;
    }
    for line in figures.backlog.iter().flat_map(backlog::Backlog::lines) {
        out.text(line)?;
    }
    for line in figures.backfill.iter().flat_map(beside::Beside::table) {
        out.text(line)?;
    }
    for line in figures.instances.iter().flat_map(instances::Instances::lines) {
        out.text(line)?;
    }
    for line in figures.reconcile.iter().flat_map(narrowing::Narrowing::lines) {
        out.text(line)?;
    }
    for line in figures.evidence.iter().flat_map(proof::Proof::lines) {
        out.text(line)?;
    }
    let floor: f64 = figures.floors.iter().map(Line::cpu_us).sum();
    if let (Some(hop), true) = (figures.chains.first(), floor > 0.0) {
        let times = hop.cpu_us() / floor;
        out.text(format_args!(
            "\none hop costs {times:.2} × the sum of the floors in CPU ({:.1} µs against {floor:.1} µs a record)",
            hop.cpu_us()
        ))?;
    }
    out.text(format_args!("peak RSS {:.0} MB, {} cores", figures.peak_rss_mb, figures.cores))?;
    Ok(Exit::Fine)
}

async fn measure(args: &Bench, folder: &std::path::Path, out: &Out) -> Result<Figures, Failure> {
    let ground =
        Ground { suite: args.suite, amqp: args.amqp.clone(), postgres: args.postgres.clone() };
    let mut figures = Figures::none();
    if let Some(rows) = args.sources {
        let (mysql, postgres) = (args.mysql.as_deref(), args.postgres.as_deref());
        figures.sources = sources::measure(&folder.join("sources"), rows, mysql, postgres).await?;
        figures.peak_rss_mb = os::peak_rss_mb();
        return Ok(figures);
    }
    if let Some(samples) = args.latency {
        figures.latency = Some(latency::run(&ground, &folder.join("one"), samples, out).await?);
        figures.peak_rss_mb = os::peak_rss_mb();
        return Ok(figures);
    }
    if let Some(records) = args.backlog {
        figures.backlog = Some(backlog::run(&ground, &folder.join("wait"), records, out).await?);
        figures.peak_rss_mb = os::peak_rss_mb();
        return Ok(figures);
    }
    if let Some(records) = args.backfill {
        let taken =
            beside::run(&ground, &folder.join("beside"), records, args.bulk_rate, out).await?;
        figures.backfill = Some(taken);
        figures.peak_rss_mb = os::peak_rss_mb();
        return Ok(figures);
    }
    if let Some(records) = args.reconcile {
        let many = (records, args.differences);
        let taken = narrowing::run(&ground, &folder.join("reconcile"), many, out).await?;
        figures.reconcile = Some(taken);
        figures.peak_rss_mb = os::peak_rss_mb();
        return Ok(figures);
    }
    if let Some(records) = args.evidence {
        figures.evidence = Some(proof::run(&ground, &folder.join("proof"), records, out).await?);
        figures.peak_rss_mb = os::peak_rss_mb();
        return Ok(figures);
    }
    if let (Some(most), Some(amqp), Some(postgres)) = (args.instances, &args.amqp, &args.postgres) {
        let services = (amqp.as_str(), postgres.as_str());
        let folder = folder.join("instances");
        figures.instances =
            Some(instances::run(&ground, services, &folder, args.records, most).await?);
        figures.peak_rss_mb = os::peak_rss_mb();
        return Ok(figures);
    }
    figures.chains.push(chain::run(&ground, &folder.join("one-hop"), 2, args.records, out).await?);
    if !args.one_hop {
        figures
            .chains
            .push(chain::run(&ground, &folder.join("three-hops"), 4, args.records, out).await?);
    }
    // Peak memory is the chain's: the stages hold their whole input.
    figures.peak_rss_mb = os::peak_rss_mb();
    if !args.chain_only {
        alone(args, ground, folder, &mut figures).await?;
    }
    Ok(figures)
}

/// Each stage alone, the floors, and each worker alone.
async fn alone(
    args: &Bench,
    ground: Ground,
    folder: &std::path::Path,
    figures: &mut Figures,
) -> Result<(), Failure> {
    let drop = folder.join("stages");
    std::fs::create_dir_all(&drop).map_err(|e| files::cannot(&drop, &e))?;
    let records = args.records.min(100_000);
    input::write(&drop, records).map_err(|e| files::cannot(&drop, &e))?;
    let file = drop.join("window-000000.csv");
    let stages = stages::measure(&file, args.suite, os::now())?;
    figures.floors = floors::measure(&ground, &file, &drop, &stages.fragments()).await?;
    figures.stages = stages.lines;
    // The carrier and the inbox hold a whole phase, so it must fit them.
    let records = args.records.min(PHASE_RECORDS_MAX);
    // Without the broker: a worker at rest cannot tell a slow carrier from an empty one.
    let stores = Ground { amqp: None, ..ground };
    figures.workers = phases::run(&stores, &folder.join("phases"), records).await?;
    Ok(())
}
