//! Each worker alone with its store: the same records taken through one hop a phase at a time,
//! one worker turning and all others at rest.

use std::path::Path;

use exchange::Worker;

use super::ground::Ground;
use super::meter::{Meter, Taken};
use super::report::Line;
use super::{input, nodes};
use crate::text::Failure;
use crate::{files, os};

/// The phases: which node's worker turns, and its name in the table.
const PHASES: [(usize, &str, &str); 9] = [
    (0, "collect", "collect: rows to chunks in the store"),
    (0, "seal", "seal: numbered, signed, sealed"),
    (0, "dispatch", ""),
    (1, "receive", "dispatch + receive: into the inbox"),
    (1, "accept", "verify + accept: kept, outcomes, receipt"),
    (1, "seal", ""),
    (1, "dispatch", ""),
    (0, "receive", "receipts: sealed and carried back"),
    (0, "settle", "settle: every record has its outcome"),
];

/// Takes `records` through one hop, a phase at a time.
pub(crate) async fn run(
    ground: &Ground,
    folder: &Path,
    records: u64,
) -> Result<Vec<Line>, Failure> {
    let drop = folder.join("drop");
    std::fs::create_dir_all(&drop).map_err(|e| files::cannot(&drop, &e))?;
    let bytes = input::write(&drop, records).map_err(|e| files::cannot(&drop, &e))?;
    let records = records.div_ceil(input::RECORDS_PER_ROW) * input::RECORDS_PER_ROW;
    let mut chain = nodes::chain(ground, folder, 2, os::now(), &nodes::Settings::default()).await?;
    if let (Some(first), Some(collect)) = (chain.running.first_mut(), chain.collect.take()) {
        first.workers.insert(0, Box::new(collect));
    }
    let mut lines = Vec::new();
    let mut before = Taken::default();
    for (tier, name, title) in PHASES {
        let workers = &mut chain.running[tier].workers;
        let kind = |w: &&mut Box<dyn Worker>| w.name().split('/').next() == Some(name);
        let Some(worker) = workers.iter_mut().find(kind) else { continue };
        let meter = Meter::over(ground.whose());
        turn_to_rest(&mut **worker).await?;
        let taken = meter.taken();
        before = Taken { wall: before.wall + taken.wall, cpu: before.cpu + taken.cpu };
        if !title.is_empty() {
            lines.push(Line::new(title, records, bytes, before));
            before = Taken::default();
        }
    }
    std::mem::drop(chain.running);
    ground.drop_stores(folder, &chain.codes).await?;
    Ok(lines)
}

/// Turns one worker until it has had nothing to do twice.
async fn turn_to_rest(worker: &mut dyn Worker) -> Result<(), Failure> {
    let mut rest = 0;
    while rest < 2 {
        // A second ahead, so that a half-full batch need not wait for company.
        let progress = worker.run_once(os::now().plus(1_000)).await.map_err(|e| {
            Failure::environment(
                format!("{}: {e}", worker.name()),
                format!("{}：{e}", worker.name()),
            )
        })?;
        rest = if progress.done == 0 && !progress.more { rest + 1 } else { 0 };
    }
    Ok(())
}
