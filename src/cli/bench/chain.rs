//! The whole chain with its real loops: CSV at the lowest tier, signed, carried, judged, receipted
//! and settled.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use canon::Millis;
use store::Place;
use tokio::sync::watch;

use super::ground::Ground;
use super::meter::Meter;
use super::report::Line;
use super::{input, nodes};
use crate::run::{self, Clock, Report};
use crate::text::{Failure, Out};
use crate::{files, os};

/// The chain stands still for so long: something is stuck.
const STUCK: Duration = Duration::from_secs(60);

/// Runs `records` through a chain of `tiers` and measures until the last is settled.
pub(crate) async fn run(
    ground: &Ground,
    folder: &Path,
    tiers: usize,
    records: u64,
    out: &Out,
) -> Result<Line, Failure> {
    Ok(settled(ground, folder, tiers, records, out).await?.0)
}

/// The same; the stores in files stay, with who signed in them.
pub(crate) async fn settled(
    ground: &Ground,
    folder: &Path,
    tiers: usize,
    records: u64,
    out: &Out,
) -> Result<(Line, nodes::Authority), Failure> {
    let drop = folder.join("drop");
    std::fs::create_dir_all(&drop).map_err(|e| files::cannot(&drop, &e))?;
    let bytes = input::write(&drop, records).map_err(|e| files::cannot(&drop, &e))?;
    let records = records.div_ceil(input::RECORDS_PER_ROW) * input::RECORDS_PER_ROW;
    let mut chain =
        nodes::chain(ground, folder, tiers, os::now(), &nodes::Settings::default()).await?;
    let lowest = Arc::clone(&chain.running[0].node.store);
    if let (Some(first), Some(collect)) = (chain.running.first_mut(), chain.collect.take()) {
        first.workers.insert(0, Box::new(collect));
    }
    let (stop, stopped) = watch::channel(false);
    let lang = *out;
    let report: Report = Arc::new(move |node, worker, what| {
        lang.warn(format_args!("{} {worker}: {what}", node.code));
    });
    let clock: Clock = Arc::new(os::now);
    let meter = Meter::over(ground.whose());
    let loops = run::start(chain.running, &clock, &report, &stopped);
    let accepted = Place::ALL.iter().position(|p| *p == Place::Accepted).unwrap_or_default();
    let (mut last, mut since) = (0, os::now());
    let taken = loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let status = lowest.status().await.map_err(crate::assemble::store_failure)?;
        let settled = status.places[accepted];
        if settled >= records {
            break meter.taken();
        }
        if settled > last {
            (last, since) = (settled, os::now());
        }
        if Millis(os::now().0).since(since) > STUCK.as_millis() as i64 {
            return Err(Failure::environment(
                format!("the chain stands still at {settled} of {records}: {status:?}"),
                format!("链路停在 {settled}/{records}"),
            ));
        }
    };
    stop.send_replace(true);
    run::finish(loops).await;
    std::mem::drop(lowest);
    chain.carrier.remove().await?;
    ground.drop_stores(folder, &chain.codes).await?;
    let name = match tiers {
        2 => "county → province, one hop",
        _ => "township → county → city → province",
    };
    Ok((Line::new(name, records, bytes, taken), chain.authority))
}
