//! The raw floors: reading the CSV, hashing, compressing, writing 500-record frames plus pointer
//! rows into the store, and carrying the frames, with the bytes of the same run in the same
//! grouping and nothing else.

use std::path::Path;

use canon::{DigestAlg, leaf_hash};
use store::postgres::Floor as PostgresFloor;
use store::sqlite::Floor as SqliteFloor;

use super::ground::Ground;
use super::meter::{Meter, Whose};
use super::report::Line;
use crate::assemble::store_failure;
use crate::files;
use crate::text::Failure;

/// Records of one frame.
const FRAME: usize = 500;
/// Largest input file read whole.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Measures the floors over an input file and the fragments it gave.
pub(crate) async fn measure(
    ground: &Ground,
    file: &Path,
    folder: &Path,
    fragments: &[&[u8]],
) -> Result<Vec<Line>, Failure> {
    let (records, bytes) =
        (fragments.len() as u64, fragments.iter().map(|f| f.len()).sum::<usize>());
    let mut lines = Vec::new();

    let meter = Meter::start();
    let input = files::bytes(file, FILE_BYTES_MAX)?;
    let (text, _, _) = encoding_rs::GB18030.decode(&input);
    let cells: usize = text.lines().map(|line| line.split(',').count()).sum();
    std::hint::black_box(cells);
    lines.push(Line::new("read the CSV", records, input.len() as u64, meter.taken()));

    let meter = Meter::start();
    let digests: Vec<_> = fragments.iter().map(|f| leaf_hash(DigestAlg::default(), f)).collect();
    lines.push(Line::new("hash once", records, bytes as u64, meter.taken()));

    let meter = Meter::start();
    let frames: Vec<Vec<u8>> =
        fragments.chunks(FRAME).map(|group| envelope::frame(&group.concat(), 1)).collect();
    lines.push(Line::new("compress once (zstd 1)", records, bytes as u64, meter.taken()));

    let departments = super::input::DEPARTMENTS as usize;
    let keys: Vec<(String, canon::Digest)> = digests
        .iter()
        .enumerate()
        .map(|(i, digest)| {
            let case = i / 3;
            let number =
                format!("{:04}20260105{:09}@bench", case % departments, case / departments);
            (format!("{number}/{}", i % 3), *digest)
        })
        .collect();
    match &ground.postgres {
        None => lines.push(sqlite(folder, &frames, &keys).await?),
        Some(url) => {
            // Both ends keep the bytes.
            lines.push(postgres(url, "COPY, sender", &frames, &keys).await?);
            lines.push(postgres(url, "COPY, receiver", &frames, &keys).await?);
        }
    }
    if let Some(url) = &ground.amqp {
        broker(url, &frames, records, &mut lines).await?;
    }
    Ok(lines)
}

fn packed(frames: &[Vec<u8>]) -> u64 {
    frames.iter().map(Vec::len).sum::<usize>() as u64
}

async fn sqlite(
    folder: &Path,
    frames: &[Vec<u8>],
    keys: &[(String, canon::Digest)],
) -> Result<Line, Failure> {
    let mut floor = SqliteFloor::create(&folder.join("floor.db")).await.map_err(store_failure)?;
    let meter = Meter::start();
    for (frame, keys) in frames.iter().zip(keys.chunks(FRAME)) {
        floor.put(frame.clone(), keys).await.map_err(store_failure)?;
    }
    let (name, bytes) = ("frames + pointer rows into SQLite", packed(frames));
    Ok(Line::new(name, keys.len() as u64, bytes, meter.taken()))
}

async fn postgres(
    url: &str,
    who: &str,
    frames: &[Vec<u8>],
    keys: &[(String, canon::Digest)],
) -> Result<Line, Failure> {
    let schema = format!("floor{}", std::process::id());
    let mut floor = PostgresFloor::create(url, &schema).await.map_err(store_failure)?;
    let meter = Meter::over(Whose::Machine);
    for (frame, keys) in frames.iter().zip(keys.chunks(FRAME)) {
        floor.put(frame, keys).await.map_err(store_failure)?;
    }
    let taken = meter.taken();
    floor.close().await.map_err(store_failure)?;
    let name = format!("frames + pointer rows by {who}");
    Ok(Line::new(&name, keys.len() as u64, packed(frames), taken))
}

async fn broker(
    url: &str,
    frames: &[Vec<u8>],
    records: u64,
    lines: &mut Vec<Line>,
) -> Result<(), Failure> {
    let failed =
        |e: bus::BusError| Failure::environment(e.to_string(), format!("消息代理不可用：{e}"));
    let queue = format!("floor{}", std::process::id());
    let floor = bus::amqp::Floor::open(url, &queue).await.map_err(failed)?;
    let meter = Meter::over(Whose::Machine);
    floor.publish(frames).await.map_err(failed)?;
    let name = "frames through lapin, confirmed";
    lines.push(Line::new(name, records, packed(frames), meter.taken()));
    let meter = Meter::over(Whose::Machine);
    floor.consume(frames.len()).await.map_err(failed)?;
    let name = "frames consumed, acknowledged";
    lines.push(Line::new(name, records, packed(frames), meter.taken()));
    floor.close().await.map_err(failed)
}
