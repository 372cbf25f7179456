//! Records that wait while the parent is down: the memory they take, the restart, and the pace at
//! which they go once it is back.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use store::{Place, SharedStore};
use tokio::sync::watch;

use super::ground::Ground;
use super::meter::Meter;
use super::report::Line;
use super::{input, nodes};
use crate::assemble::store_failure;
use crate::run::{self, Clock, Report};
use crate::text::{Failure, Out};
use crate::{files, os};

/// How long nothing may move.
const STUCK: Duration = Duration::from_secs(120);

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Backlog {
    ground: String,
    records: u64,
    /// Peak of the waiting node while the records came in, MB.
    peak_rss_mb: f64,
    /// Resident once all wait, MB.
    waiting_rss_mb: f64,
    /// From opening the store to the first record settled, s.
    restart_s: f64,
    /// Collected, sealed, waiting.
    filled: Line,
    /// From the restart to the last settled.
    drained: Line,
}

impl Backlog {
    /// For people.
    pub(crate) fn lines(&self) -> Vec<String> {
        vec![
            format!("{}: {} records wait while the parent is down", self.ground, self.records),
            format!("  filled at {:.0} records/s", self.filled.rate()),
            format!("  resident {:.0} MB, peak {:.0} MB", self.waiting_rss_mb, self.peak_rss_mb),
            format!("  restart to the first settled record: {:.2} s", self.restart_s),
            format!("  drained at {:.0} records/s", self.drained.rate()),
        ]
    }
}

/// Fills, restarts and drains.
pub(crate) async fn run(
    ground: &Ground,
    folder: &Path,
    records: u64,
    out: &Out,
) -> Result<Backlog, Failure> {
    let drop = folder.join("drop");
    std::fs::create_dir_all(&drop).map_err(|e| files::cannot(&drop, &e))?;
    let bytes = input::write(&drop, records).map_err(|e| files::cannot(&drop, &e))?;
    let records = records.div_ceil(input::RECORDS_PER_ROW) * input::RECORDS_PER_ROW;
    os::forget_peak_rss();
    let authority = nodes::Authority::new(ground.suite, os::now())?;
    let settings = nodes::Settings::default();

    let meter = Meter::over(ground.whose());
    let mut first = nodes::chain_of(ground, folder, 2, &settings, authority).await?;
    first.carrier.cut(&first.codes[1]);
    let store = Arc::clone(&first.running[0].node.store);
    first.running.truncate(1);
    if let (Some(node), Some(collect)) = (first.running.first_mut(), first.collect.take()) {
        node.workers.insert(0, Box::new(collect));
    }
    let (stop, stopped) = watch::channel(false);
    let loops = run::start(first.running, &(Arc::new(os::now) as Clock), &quiet(out), &stopped);
    reach(&store, Place::InFlight, records).await?;
    let filled = Line::new("collected, sealed, waiting", records, bytes, meter.taken());
    let (peak_rss_mb, waiting_rss_mb) = (os::peak_rss_mb(), os::rss_mb());
    stop.send_replace(true);
    run::finish(loops).await;
    drop_all(store, first.carrier);

    let begun = Instant::now();
    let meter = Meter::over(ground.whose());
    let again = nodes::chain_of(ground, folder, 2, &settings, first.authority).await?;
    let store = Arc::clone(&again.running[0].node.store);
    let (stop, stopped) = watch::channel(false);
    let loops = run::start(again.running, &(Arc::new(os::now) as Clock), &quiet(out), &stopped);
    reach(&store, Place::Accepted, 1).await?;
    let restart_s = begun.elapsed().as_secs_f64();
    reach(&store, Place::Accepted, records).await?;
    let drained = Line::new("restarted, carried, settled", records, bytes, meter.taken());
    stop.send_replace(true);
    run::finish(loops).await;
    std::mem::drop(store);
    again.carrier.remove().await?;
    ground.drop_stores(folder, &again.codes).await?;
    Ok(Backlog {
        ground: ground.name().into(),
        records,
        peak_rss_mb,
        waiting_rss_mb,
        restart_s,
        filled,
        drained,
    })
}

/// The first life ends: what it held goes.
fn drop_all(store: SharedStore, carrier: super::ground::Carrier) {
    drop(store);
    drop(carrier);
}

fn quiet(out: &Out) -> Report {
    let lang = *out;
    Arc::new(move |node, worker, what| lang.warn(format_args!("{} {worker}: {what}", node.code)))
}

async fn reach(store: &SharedStore, place: Place, records: u64) -> Result<(), Failure> {
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let status = store.status().await.map_err(store_failure)?;
        let now = status.places[place as usize];
        if now >= records {
            return Ok(());
        }
        if now > last {
            (last, since) = (now, Instant::now());
        }
        if since.elapsed() > STUCK {
            return Err(Failure::environment(
                format!("stands still at {now} of {records}: {status:?}"),
                format!("停在 {now}/{records}"),
            ));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
